from __future__ import annotations

import os

import pytest

from sealproof.checks.scratch import leaks
from sealproof.errors import MalformedFile
from sealproof.loader.keys import find_keys, forget_keys

COMPLETE = """
import os
import sealproof

def test_store(sealed_store, tmp_path):
    first, second = sealed_store.tenants
    assert os.path.commonpath((tmp_path, sealed_store.root)) == str(tmp_path)
    assert sealed_store.environment == "development"
    canaries = sealed_store.canaries[first]
    reader = sealed_store.reader(first)
    assert reader.list_secrets() == sorted(canaries)
    assert all(reader.get_secret(name) == value for name, value in canaries.items())
    assert set(canaries.values()).isdisjoint(sealed_store.canaries[second].values())
    assert "DB_PASSWORD" not in os.environ
    assert os.path.getsize(sealed_store.path(first))

def test_loads_as_any_store(sealed_store, monkeypatch):
    loader = sealproof.DevelopmentSecretLoader(sealed_store.tenants[0], root=sealed_store.root)
    with loader.secure_context() as reader:
        assert os.environ["DB_PASSWORD"] == reader.get_secret("DB_PASSWORD")
    assert "DB_PASSWORD" not in os.environ
"""


def test_it_is_a_real_store_with_canaries(project):
    project.pytester.makepyfile(test_project=COMPLETE)
    assert project.counts(project.run()) == {"passed": 2}


def test_it_opens_whatever_key_this_process_was_given(project, monkeypatch):
    other = project.path / "other.key"
    other.write_text("a key of another store\n")
    other.chmod(0o600)
    monkeypatch.setenv("SEALPROOF_KEY_FILE", str(other))
    monkeypatch.setenv("SEALPROOF_MIN_GENERATION", "99")
    monkeypatch.setenv("MASTER_SECRET_KEY", "another store's passphrase")
    project.pytester.makepyfile(test_project=COMPLETE)
    assert project.counts(project.run()) == {"passed": 2}
    assert os.environ["SEALPROOF_KEY_FILE"] == str(other)
    assert os.environ["MASTER_SECRET_KEY"] == "another store's passphrase"


def test_it_opens_after_this_process_has_taken_a_key(project, monkeypatch):
    monkeypatch.setenv("SEALPROOF_KEY", "")
    with pytest.raises(MalformedFile):
        find_keys(None, "acme", "development")
    project.pytester.makepyfile(test_project=COMPLETE)
    assert project.counts(project.run()) == {"passed": 2}
    forget_keys()


FAILING = """
import pathlib

def values(store):
    return [value for canaries in store.canaries.values() for value in canaries.values()]

def test_takes_it(sealed_store):
    print(repr(sealed_store), sealed_store.canaries, sealed_store.reader(sealed_store.tenants[0]))
    pathlib.Path("canaries").write_text(" ".join(values(sealed_store)))
    assert sealed_store is None
"""


def _canaries(project):
    return (project.path / "canaries").read_text().split()


def _everything(project, result):
    junit = project.path / "junit.xml"
    return result.stdout.str() + result.stderr.str() + (junit.read_text() if junit.exists() else "")


def test_a_failing_test_that_takes_it_shows_no_canary(project):
    project.pytester.makepyfile(test_project=FAILING)
    result = project.run("--showlocals", "--tb=long", "--junitxml", "junit.xml", "-o", "junit_logging=all", "-vv")
    assert project.counts(result) == {"failed": 1}
    assert leaks(_everything(project, result), _canaries(project)) == []
    assert "SealedStore(2 tenants)" in result.stdout.str()

"""The store on local files: compare-and-set, no links, nothing made by reading."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys

import pytest

from sealproof.errors import Changed, FileUnavailable, InvalidName, LimitExceeded, StoreNotFound, UnsafeFile
from sealproof.vault.store import LocalStore, Store

SCOPE = ("acme", "development")


@pytest.fixture
def store(root):
    return LocalStore(str(root))


def test_it_is_a_store(store):
    kept: Store = store
    kept.write(*SCOPE, b"bytes", expected=None)
    assert kept.read(*SCOPE) == b"bytes"
    assert repr(store) == f"LocalStore({store.root!r})"


def test_tenants_and_environments_are_sorted_and_only_those_of_the_grammar(store, root):
    for tenant, environment in (("b", "production"), ("a", "development"), ("a", "staging")):
        store.write(tenant, environment, b"x", expected=None)
    for name in ("Upper", ".hidden", "with space"):
        (root / "tenants" / name).mkdir()
    for name in (".env", ".env.example", ".env.UP.enc", ".env.development.enc", "x.enc", ".env..enc"):
        (root / "tenants/a" / name).write_bytes(b"x")
    assert store.tenants() == ["a", "b"]
    assert store.environments("a") == ["development", "staging"]
    assert store.environments("nobody") == []


def test_reading_makes_nothing(store, root):
    (root / "tenants").rmdir()
    before = sorted(root.iterdir())
    assert store.tenants() == []
    assert store.environments("acme") == []
    assert store.read(*SCOPE) is None
    assert store.read_beside("acme", "manifest.toml", limit=10) is None
    assert sorted(root.iterdir()) == before


@pytest.mark.parametrize("expected", [b"older", b""])
def test_a_file_that_was_changed_meanwhile_stays(expected, store):
    store.write(*SCOPE, b"newest", expected=None)
    with pytest.raises(Changed):
        store.write(*SCOPE, b"mine", expected=expected)
    with pytest.raises(Changed):
        store.write(*SCOPE, b"mine", expected=None)
    assert store.read(*SCOPE) == b"newest"


def test_a_file_that_is_gone_is_not_made_again(store, root):
    with pytest.raises(Changed):
        store.write(*SCOPE, b"mine", expected=b"was here")
    assert not (root / "tenants/acme/.env.enc").exists()


@pytest.mark.parametrize("tenant", ["../acme", "a/b", "", ".", "A"])
def test_a_tenant_outside_the_grammar_builds_no_path(tenant, store):
    calls = (
        lambda: store.environments(tenant) if store.tenants() is not None else None,
        lambda: store.read(tenant, "development"),
        lambda: store.write(tenant, "development", b"", expected=None),
        lambda: store.read_beside(tenant, "x", limit=1),
        lambda: store.rewrite_beside(tenant, "x", lambda _: b"", limit=1),
    )
    for call in calls:
        with pytest.raises(InvalidName):
            call()
    with pytest.raises(InvalidName):
        store.write("acme", "../x", b"", expected=None)


@pytest.mark.parametrize("path", ["tenants", "tenants/acme", "tenants/acme/.env.enc"])
def test_a_link_on_the_way_is_refused(path, store, root, tmp_path):
    store.write(*SCOPE, b"bytes", expected=None)
    (root / path).rename(tmp_path / "elsewhere")
    (root / path).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafeFile):
        store.read(*SCOPE)
    with pytest.raises(UnsafeFile):
        store.write(*SCOPE, b"mine", expected=b"bytes")


def test_what_stands_beside_is_read_and_rewritten(store, root):
    seen = []
    for text in (b"text", b"more"):
        store.rewrite_beside("acme", "manifest.toml", lambda old, text=text: seen.append(old) or text, limit=4)
    assert seen == [b"", b"text"]
    assert store.read_beside("acme", "manifest.toml", limit=4) == b"more"
    with pytest.raises(LimitExceeded):
        store.read_beside("acme", "manifest.toml", limit=3)
    assert (root / "tenants/acme/manifest.toml").stat().st_mode & 0o777 == 0o644


def test_a_killed_writers_temporary_is_swept(store, root):
    store.write(*SCOPE, b"one", expected=None)
    left = root / "tenants/acme/.env.enc.0123.sealproof-tmp"
    (root / "tenants/acme" / ("." + left.name)).write_bytes(b"half")
    store.write(*SCOPE, b"two", expected=b"one")
    assert sorted(os.listdir(root / "tenants/acme")) == [".env.enc"]


def test_no_store_is_said(tmp_path):
    with pytest.raises(StoreNotFound, match="no store at"):
        LocalStore(str(tmp_path / "nowhere")).tenants()


def test_an_operating_system_that_refuses_is_named(store, monkeypatch):
    def refuses(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "rename", refuses)
    with pytest.raises(FileUnavailable, match="input/output error"):
        store.write(*SCOPE, b"x", expected=None)


_WRITES = """
import sys
from sealproof.errors import Changed
from sealproof.vault.store import LocalStore
store, saved = LocalStore(sys.argv[1]), 0
while saved < 30:
    now = store.read("acme", "development")
    try:
        store.write("acme", "development", str(int(now or b"0") + 1).encode(), expected=now)
        saved += 1
    except Changed:
        pass
"""


def test_no_save_of_four_processes_is_lost(store):
    writers = [subprocess.Popen([sys.executable, "-c", _WRITES, store.root]) for _ in range(4)]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0, 0]
    assert store.read(*SCOPE) == b"120"
    assert multiprocessing.active_children() == []

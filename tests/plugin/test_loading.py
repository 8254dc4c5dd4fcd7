from __future__ import annotations

import json
import subprocess
import sys

import pytest

from sealproof.checks.registry import SUITES as KNOWN_SUITES
from sealproof.compliance import catalogue, profiles
from sealproof.findings import Severity
from sealproof.pytest_plugin import FRAMEWORKS, LEVELS, NEEDS, PROFILES, SUITES

_LISTING = """
import json, pytest, sys
class After:
    def pytest_unconfigure(self): json.dump(sorted(sys.modules), open("modules.json", "w"))
sys.exit(pytest.main(sys.argv[1:], plugins=[After()]))
"""


def _modules(directory, *arguments):
    argv = [sys.executable, "-c", _LISTING, "-q", "-p", "no:cacheprovider", *arguments]
    subprocess.run(argv, cwd=directory, check=True, capture_output=True)
    return set(json.loads((directory / "modules.json").read_text()))


def test_an_unused_plugin_loads_itself_and_nothing_else(project):
    without = _modules(project.path, "-p", "no:sealproof")
    loaded = _modules(project.path, "-p", "no:sealproof", "-p", "sealproof.pytest_plugin")
    assert loaded - without <= {"sealproof", "sealproof.pytest_plugin", "gc"}
    assert "sealproof.pytest_plugin" in loaded


def test_neither_a_run_of_the_gate_imports_locust_or_gevent(project):
    arguments = ("-p", "no:sealproof", "-p", "sealproof.pytest_plugin", "--secrets-compliance", "-k", "SEC-001")
    assert not {"locust", "gevent"} & _modules(project.path, *arguments)


def test_choices_are_those_of_the_catalogue():
    assert tuple(SUITES) == KNOWN_SUITES
    assert set(FRAMEWORKS) == set(catalogue.load().frameworks)
    assert NEEDS == catalogue.NEEDS
    assert tuple(level.value for level in Severity) == LEVELS
    assert set(profiles.load().profiles) == set(PROFILES)


def test_every_option_is_in_the_help_and_has_an_ini_key(project):
    text = project.run("--help").stdout.str()
    several = ("compliance", "suite", "without", "tenant", "root", "source", "framework", "profile", "gate")
    for name in (
        *several,
        "report-level",
        "report-dir",
        "sign-key",
        "waivers",
        "previous",
        "previous-key",
        "shard",
        "run-id",
    ):
        assert f"--secrets-{name}" in text
        assert f"secrets_{name.replace('-', '_')}" in text


def test_fixtures_are_listed_with_what_they_promise(project):
    text = project.run("--fixtures").stdout.str()
    for name in ("sealed_store", "tenant_environment", "assert_no_secret_leak"):
        assert name in text


def test_markers_are_declared(project):
    project.pytester.makepyfile(
        test_marked="""
        import pytest
        @pytest.mark.secrets_compliance
        @pytest.mark.security
        @pytest.mark.compliance
        @pytest.mark.rotation
        @pytest.mark.penetration
        @pytest.mark.load
        def test_marked(): pass
        """
    )
    assert project.counts(project.run("--strict-markers", "-W", "error", "test_marked.py")) == {"passed": 1}


def test_a_run_without_the_option_looks_at_nothing(project):
    result = project.run("--secrets-root", "nowhere")
    assert project.counts(result) == {"passed": 1}
    assert "compliance" not in result.stdout.str()


@pytest.mark.parametrize("locust", [(), ("-p", "no:locust")], ids=["with_locust", "without_locust"])
def test_works_beside_the_plugin_of_locust(project, locust):
    result = project.check("-k", "SEC-001", "-W", "error", *locust, apart=True)
    assert project.counts(result) == {"passed": 2}
    assert result.ret == 0


def test_ini_keys_stand_for_options(project):
    (project.path / "deploy").mkdir()
    project.root.rename(project.path / "deploy" / "secrets")
    project.pytester.makeini(
        "[pytest]\nsecrets_compliance = true\nsecrets_root = deploy/secrets\nsecrets_suite = security\n"
        "secrets_tenant = bravo\nsecrets_gate = medium\n"
    )
    items = project.items()
    assert "secrets-compliance::security::SEC-001[bravo]" in items
    assert not any("acme" in item or "::rotation::" in item for item in items)
    project.run("-k", "SEC-001").stdout.fnmatch_lines(["secrets compliance: * in deploy/secrets, gate medium"])


def test_a_relative_ini_path_counts_from_the_ini_file(project, monkeypatch):
    project.pytester.makeini("[pytest]\nsecrets_compliance = true\nsecrets_root = secrets\n")
    (project.path / "below").mkdir()
    monkeypatch.chdir(project.path / "below")
    assert any("SEC-001[acme]" in item for item in project.items("..", "-k", "SEC-001"))


def test_a_store_elsewhere_brings_its_own_source_tree(project, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "secrets"
    project.root.rename(elsewhere)
    result = project.run("--secrets-compliance", "--secrets-root", str(elsewhere), "-k", "SEC-001")
    assert project.counts(result) == {"passed": 2}
    result.stdout.fnmatch_lines([f"secrets compliance: * in {elsewhere}, gate high"])


def test_the_store_comes_from_option_then_environment_then_ini(project, monkeypatch):
    elsewhere = project.path / "elsewhere"
    project.root.rename(elsewhere)
    project.pytester.makeini("[pytest]\nsecrets_root = from-ini\n")
    arguments = ("--secrets-compliance", "--secrets-suite", "security")
    project.run(*arguments).stderr.fnmatch_lines(["*from-ini*"])
    monkeypatch.setenv("SEALPROOF_ROOT", "from-environment")
    project.run(*arguments).stderr.fnmatch_lines(["*from-environment*"])
    assert project.items(*arguments, "--secrets-root", "elsewhere", "-k", "SEC-001")

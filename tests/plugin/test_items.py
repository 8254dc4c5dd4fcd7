from __future__ import annotations

import os
import xml.etree.ElementTree as ET

import pytest

SEC_001 = [f"secrets-compliance::security::SEC-001[{tenant}]" for tenant in ("acme", "bravo")]
SECURITY = ("--secrets-compliance", "--secrets-suite", "security")


def test_items_stand_beside_the_project_s_own_tests(project):
    items = project.items(*SECURITY)
    assert items[0] == "test_project.py::test_of_the_project"
    assert set(SEC_001) < set(items)


def test_items_come_tenant_by_tenant_and_the_store_last(project):
    scopes = [item.partition("[")[2] for item in project.items("--secrets-compliance") if "[" in item]
    assert scopes == sorted(scopes)  # acme, bravo, store


def test_an_environment_is_named_in_the_id(project):
    sealed = project.root / "tenants" / "acme" / ".env.enc"
    sealed.rename(sealed.with_name(".env.production.enc"))
    assert "secrets-compliance::security::SEC-001[acme.production]" in project.items(*SECURITY)


def test_the_tree_shows_suites_and_items(project):
    result = project.run(*SECURITY, "--collect-only", "-k", "SEC-001 and acme")
    result.stdout.fnmatch_lines(
        ["*<SecretsCompliance secrets-compliance>", "*<SecretsSuite security>", "*<SecretsCheck SEC-001?acme?>"]
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("-k", "SEC-001"), SEC_001),
        (("-k", "SEC-001 and acme"), SEC_001[:1]),
        (("-k", "SEC-001[bravo]"), SEC_001[1:]),
        (("-m", "secrets_compliance and security", "-k", "SEC-001"), SEC_001),
        (("-m", "secrets_compliance and rotation"), []),
        (("-m", "not secrets_compliance"), ["test_project.py::test_of_the_project"]),
        (("-k", "SEC-001", "--secrets-tenant", "acme"), SEC_001[:1]),
        (("-k", "SEC-001", "--deselect", SEC_001[0]), SEC_001[1:]),
        ((SEC_001[0],), SEC_001[:1]),
        (("secrets-compliance::security::SEC-001",), SEC_001),
        ((SEC_001[1], "test_project.py"), ["test_project.py::test_of_the_project", SEC_001[1]]),
    ],
)
def test_items_are_selected_as_any_other(project, arguments, expected):
    assert project.items(*SECURITY, *arguments) == expected


def test_a_suite_is_selected_by_its_node_id(project):
    items = project.items("--secrets-compliance", "secrets-compliance::rotation")
    assert items
    assert all(item.startswith("secrets-compliance::rotation::") for item in items)


def test_an_id_copied_from_another_directory_is_found(project, monkeypatch):
    (project.path / "below").mkdir()
    monkeypatch.chdir(project.path / "below")
    monkeypatch.setenv("SEALPROOF_ROOT", str(project.root))
    rootdir = f"--rootdir={project.path}"
    result = project.run(*SECURITY, rootdir, "-v", "-k", "SEC-001 and acme", "..")
    result.stdout.fnmatch_lines(["../secrets-compliance::security::SEC-001[[]acme[]] PASSED*"])
    assert project.counts(project.run(*SECURITY, rootdir, f"../{SEC_001[0]}")) == {"passed": 1}


def test_an_unknown_node_id_is_a_usage_error(project):
    result = project.run(*SECURITY, "secrets-compliance::security::SEC-001[nobody]")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*not found: secrets-compliance::security::SEC-001?nobody?"])


def test_a_framework_narrows_the_items(project):
    result = project.run("--secrets-compliance", "--secrets-framework", "nonesuch")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    everything, mapped = project.items(*SECURITY), project.items(*SECURITY, "--secrets-framework", "pci")
    assert set(mapped) < set(everything)
    assert SEC_001[0] in mapped


def test_last_failed_runs_what_failed(project):
    project.plant_plain_twin("bravo")
    assert project.counts(project.check("-k", "SEC-001")) == {"passed": 1, "failed": 1}
    again = project.check("--lf", "-v")
    assert project.counts(again) == {"failed": 1}
    again.stdout.fnmatch_lines([f"{SEC_001[1].replace('[', '[[]', 1)} FAILED*"])
    (project.root / "tenants" / "bravo" / ".env").unlink()
    assert project.counts(project.check("--lf")) == {"passed": 1}


def test_the_first_failure_stops_the_session(project):
    for tenant in ("acme", "bravo"):
        project.plant_plain_twin(tenant)
    result = project.check("-x", "-k", "SEC-001")
    assert project.counts(result) == {"failed": 1}
    result.stdout.fnmatch_lines(["*1 not run*", "*stopping after 1 failures*"])
    assert result.ret == 1


def test_junit_names_suite_check_and_scope_and_carries_no_result(project):
    project.plant_plain_twin("bravo")
    project.check("-k", "SEC-001", "--junitxml", "junit.xml", "-o", "junit_family=xunit2")
    text = (project.path / "junit.xml").read_text()
    cases = {case.get("name"): case for case in ET.fromstring(text).iter("testcase")}
    assert set(cases) == {"SEC-001[acme]", "SEC-001[bravo]"}
    assert cases["SEC-001[bravo]"].get("classname") == "secrets-compliance.security"
    failure = cases["SEC-001[bravo]"].find("failure")
    assert "shred -u secrets/tenants/bravo/.env" in failure.text
    assert "properties" not in text
    assert "a-value-in-the-open" not in text


@pytest.mark.parametrize("dist", ["load", "loadfile", "loadgroup", "worksteal"])
def test_runs_on_the_workers_of_xdist(project, dist):
    project.plant_plain_twin("bravo")
    arguments = ("-k", "SEC-001 or test_of_the_project", "-n", "2", "--dist", dist, "-v")
    result = project.check(*arguments, apart=True)
    assert project.counts(result) == {"passed": 2, "failed": 1}
    result.stdout.fnmatch_lines(
        ["*PASSED secrets-compliance::security::SEC-001?acme?*", "*gate NOT met: 1 item *1 pass, 1 fail*"],
        consecutive=False,
    )
    assert "shred -u secrets/tenants/bravo/.env" in result.stdout.str()
    assert result.ret == 1


def test_the_load_checks_run_once_for_all_workers(project):
    project.pytester.makeconftest(
        """
        import os, time
        from sealproof.checks import registry
        from sealproof.findings import passed
        def planted(ctx):
            with open("calls", "a") as file:
                file.write(f"{ctx.check.id} {os.getpid()}\\n")
            time.sleep(0.2)
            yield passed("load", "fine")
        for name in ("LOD-001", "LOD-002"):
            registry.registered()[name] = planted
        for name in ("LOD-003", "LOD-004", "LOD-005", "LOD-006", "LOD-007"):
            registry.registered().pop(name, None)
        """
    )
    result = project.check("-n", "2", "-k", "LOD", suite="load", apart=True)
    assert project.counts(result) == {"passed": 2}
    calls = [line.split() for line in (project.path / "calls").read_text().splitlines()]
    assert sorted(check for check, _ in calls) == ["LOD-001", "LOD-002"]
    assert len({process for _, process in calls}) == 1


def test_a_test_that_changes_the_directory_disturbs_nothing(project):
    project.pytester.makepyfile(
        test_project="import os\ndef test_moves(tmp_path):\n    gone = tmp_path / 'gone'\n    gone.mkdir()\n"
        "    os.chdir(gone)\n    gone.rmdir()\n"
    )
    here = os.getcwd()
    try:
        assert project.counts(project.check("-k", "SEC-001 or test_moves")) == {"passed": 3}
    finally:
        os.chdir(here)


def test_an_item_of_the_whole_store_runs_without_a_tenant(project):
    assert project.counts(project.check("-k", "SEC-008")) == {"passed": 1}


def test_a_tenant_is_opened_once_for_all_its_items(project, monkeypatch):
    from sealproof.checks.tenant import TenantView  # noqa: PLC0415 - beside its only use

    made = []
    monkeypatch.setattr(TenantView, "__init__", _counting(TenantView.__init__, made))
    project.run("--secrets-compliance", "-k", "SEC-001 or SEC-002 or ROT-001")
    assert made == ["acme", "bravo"]


def _counting(original, made):
    def init(self, target, scope):
        made.append(scope.tenant)
        original(self, target, scope)

    return init


def test_a_framework_of_the_store_s_own_chooses_items(project):
    (project.root / "overlay.toml").write_text(
        '[frameworks.house]\ntitle = "House rules"\nedition = "1"\npublisher = "Acme"\noutside = ["people"]\n'
        'controls = {"H-1" = "Sealed"}\n[mappings.SEC-001]\nhouse = ["H-1"]\n'
    )
    found = project.items("--secrets-compliance", "--secrets-framework", "house")
    assert [line.rpartition("::")[2] for line in found if "SEC" in line] == ["SEC-001[acme]", "SEC-001[bravo]"]
    project.plant_plain_twin("acme")
    result = project.run("--secrets-compliance", "--secrets-framework", "house")
    result.stdout.fnmatch_lines(["*House rules H-1*"])

from __future__ import annotations

import json
import shutil

import pytest

from sealproof.errors import EvidenceRejected
from sealproof.reports.verify import verify
from sealproof.signing import public_from_pem

FAILING_TEST = "def test_of_the_project(): assert 0\n"
ALL_STATES = "SEC-001 or SEC-002 or SEC-018 or test_of_the_project"
REPORT = ("--secrets-report-dir", "out")


def _plant(project, *states):
    for state in states:
        if state == "own":
            project.pytester.makepyfile(test_project=FAILING_TEST)
        elif state == "fail":
            project.plant_plain_twin("acme")
        elif state == "missing":
            project.drop_key("acme")
        elif state == "error":
            project.put_check("SEC-002", "raise RuntimeError")


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ((), 0),
        (("own",), 1),
        (("fail",), 1),
        (("missing",), 6),
        (("error",), 3),
        (("own", "missing"), 1),
        (("fail", "missing"), 1),
        (("own", "error"), 3),
        (("fail", "missing", "error"), 3),
    ],
)
def test_the_worst_state_decides_the_exit_code(project, states, code):
    _plant(project, *states)
    assert project.check("-k", ALL_STATES, apart="error" in states).ret == code


@pytest.mark.parametrize(("states", "code"), [(("missing",), 6), (("own", "error"), 3)])
def test_the_controller_of_xdist_decides_the_exit_code(project, states, code):
    _plant(project, *states)
    assert project.check("-k", ALL_STATES, "-n", "2", apart=True).ret == code


def test_the_exit_code_is_that_of_the_results_whatever_a_conftest_makes_of_the_items(project):
    project.plant_plain_twin("acme")
    project.pytester.makeconftest(
        "import pytest\ndef pytest_collection_modifyitems(items):\n"
        "    for item in items: item.add_marker(pytest.mark.xfail)\n"
    )
    result = project.check("-k", "SEC-001")
    assert project.counts(result) == {"xfailed": 1, "xpassed": 1}
    assert result.ret == 1


def test_items_that_a_project_skips_are_no_pass(project):
    project.pytester.makeconftest(
        "import pytest\ndef pytest_collection_modifyitems(items):\n"
        "    for item in items: item.add_marker(pytest.mark.skip(reason='no time'))\n"
    )
    result = project.check("-k", "SEC-001", *REPORT)
    result.stdout.fnmatch_lines(["no check ran: nothing, 2 not run, * deselected"])
    assert result.ret == 5
    assert _not_run(project)["SEC-001"] == "skipped by the project"


def test_a_hook_that_breaks_around_an_item_is_an_internal_error(project):
    project.pytester.makeconftest("def pytest_runtest_setup(item): raise OSError\n")
    assert project.check("-k", "SEC-001").ret == 3


def test_nothing_selected_leaves_pytest_its_own_code(project):
    result = project.check("-k", "test_of_the_project", *REPORT)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["no item was selected, so no report was written"])
    assert project.check("-k", "nonesuch").ret == 5
    assert not (project.path / "out").exists()


@pytest.mark.parametrize("option", ["--collect-only", "--setup-plan", "--setup-only"])
def test_a_look_decides_nothing_and_writes_nothing(project, option):
    project.plant_plain_twin("acme")
    assert project.check(option, "-k", "SEC-001", *REPORT).ret == 0
    assert not (project.path / "out").exists()


def test_a_collection_error_is_no_verdict(project):
    project.pytester.makepyfile(test_broken="import nonesuch_module\n")
    result = project.check(*REPORT)
    assert result.ret == 2
    result.stdout.fnmatch_lines(["the session was broken off: no verdict, no report"])
    assert not (project.path / "out").exists()


def test_an_interrupted_session_keeps_its_code_and_the_report_before(project):
    project.pytester.makepyfile(test_project="def test_of_the_project(): raise KeyboardInterrupt\n")
    result = project.check("-k", "SEC-001 or test_of_the_project", *REPORT, apart=True)
    assert result.ret == 2
    assert not (project.path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--secrets-root", "nowhere"), "*nowhere*"),
        (("--secrets-tenant", "nobody"), "*no tenant nobody*"),
        (("--secrets-suite", "nonesuch"), "*invalid choice*nonesuch*"),
        (("--secrets-gate", "nonesuch"), "*invalid choice*nonesuch*"),
        (("--secrets-source", "nowhere"), "*no source directory nowhere*"),
    ],
)
def test_a_wrong_choice_ends_the_session_at_its_start(project, arguments, said):
    result = project.run("--secrets-compliance", *arguments)
    assert result.ret == 4
    result.stderr.fnmatch_lines([said])
    assert "Traceback" not in result.stderr.str()


def test_no_store_names_the_command_that_makes_one(project):
    shutil.rmtree(project.root)
    result = project.run("--secrets-compliance")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*secrets*", "*hint: *sealproof init*"])


def test_a_wrong_ini_value_and_a_wrong_setting_are_named(project):
    project.pytester.makeini("[pytest]\nsecrets_gate = severe\n")
    result = project.run("--secrets-compliance")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*secrets_gate is no severity: 'severe'", "*critical, high, medium, low, info*"])
    project.pytester.makeini("[pytest]\n")
    (project.root / "sealproof.toml").write_text("nonesuch = 1\n")
    assert project.run("--secrets-compliance").ret == 4


def test_no_store_ends_a_run_of_workers_before_they_start(project):
    shutil.rmtree(project.root)
    result = project.run("--secrets-compliance", "-n", "2", apart=True)
    assert result.ret == 4
    assert "workers" not in result.stdout.str()


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one_process", "xdist"])
def test_the_report_is_signed_and_says_how_to_verify_it(project, workers):
    result = project.check("-k", "SEC-001 or SEC-002", *REPORT, *workers, apart=bool(workers))
    result.stdout.fnmatch_lines(
        [
            "report: out (* files)",
            "verify: sealproof report verify out --key secrets/keys/signing/report.pub",
        ]
    )
    run = verify(project.path / "out", [_public(project)])
    assert [(entry.check, str(entry.scope)) for entry in run.results] == [
        (check, tenant) for tenant in ("acme", "bravo") for check in ("SEC-001", "SEC-002")
    ]
    left_out = {entry.check: entry.reason for entry in run.not_run}
    assert left_out["SEC-018"] == "deselected"
    assert left_out["CMP-006"] == "suite compliance was not chosen"


def test_a_report_says_which_scopes_were_deselected(project):
    project.check("-k", "SEC-001 and bravo", *REPORT)
    assert _not_run(project)["SEC-001"] == "deselected: acme"


def test_a_report_of_a_stopped_session_says_so(project):
    project.plant_plain_twin("acme")
    result = project.check("-x", "-k", "SEC-001 or SEC-002", *REPORT)
    assert result.ret == 1
    assert _not_run(project)["SEC-002"] == "the session stopped first"
    assert _not_run(project)["SEC-001"] == "the session stopped first: bravo"
    verify(project.path / "out", [_public(project)])


def test_runs_form_a_chain(project):
    for number in (1, 2):
        project.check("-k", "SEC-001", *REPORT)
        assert verify(project.path / "out", [_public(project)]).number == number


def test_a_report_without_a_key_warns_that_it_is_unsigned(project):
    (project.root / "keys" / "signing" / "report.key").unlink()
    result = project.check("-k", "SEC-001", *REPORT)
    result.stdout.fnmatch_lines(["warning: no report key was found, so the report is UNSIGNED"])
    assert result.ret == 0
    with pytest.raises(EvidenceRejected):
        verify(project.path / "out", [_public(project)])


def test_a_named_key_signs_and_is_named(project):
    elsewhere = project.path / "auditor.key"
    (project.root / "keys" / "signing" / "report.key").rename(elsewhere)
    result = project.check("-k", "SEC-001", *REPORT, "--secrets-sign-key", "auditor.key")
    result.stdout.fnmatch_lines(["verify: sealproof report verify out --key PUBLIC_KEY_FILE"])
    verify(project.path / "out", [_public(project)])


@pytest.mark.parametrize("broken", [False, True])
def test_a_report_that_cannot_be_signed_is_code_7_and_beaten_by_3_only(project, broken):
    project.plant_plain_twin("acme")
    if broken:
        _plant(project, "error")
    arguments = ("-k", "SEC-001 or SEC-002", *REPORT, "--secrets-sign-key", "nowhere.key")
    result = project.check(*arguments, apart=broken)
    assert result.ret == (3 if broken else 7)
    result.stdout.fnmatch_lines(["error: no report was written: report key nowhere.key *", "hint: *"])
    assert not (project.path / "out").exists()


def test_a_directory_that_holds_something_else_is_left_alone(project):
    (project.path / "out").mkdir()
    (project.path / "out" / "thesis.txt").write_text("years of work")
    assert project.check("-k", "SEC-001", *REPORT).ret == 7
    assert (project.path / "out" / "thesis.txt").read_text() == "years of work"


def test_without_a_report_directory_nothing_is_written(project):
    before = {path for path in project.path.rglob("*") if "__pycache__" not in path.parts}
    project.check("-k", "SEC-001", "-p", "no:cacheprovider")
    after = {path for path in project.path.rglob("*") if "__pycache__" not in path.parts}
    assert before == after


def _public(project):
    text = (project.root / "keys" / "signing" / "report.pub").read_bytes()
    return public_from_pem(text, name="report.pub")


def _not_run(project):
    document = json.loads((project.path / "out" / "results.json").read_text())
    return {entry["check"]: entry["reason"] for entry in document["not_run"]}

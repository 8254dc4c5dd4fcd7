from __future__ import annotations

import pytest

from sealproof.vault.custodian import Custodian

ONLY_SEC_001 = ("-k", "SEC-001 and acme")


def test_a_clean_check_passes(project):
    result = project.check("-k", "SEC-001")
    assert project.counts(result) == {"passed": 2}
    assert result.ret == 0
    result.stdout.fnmatch_lines(["gate met: 2 pass, * deselected"])


def test_a_finding_at_the_gate_fails_with_what_to_do(project):
    project.plant_plain_twin("acme")
    result = project.check(*ONLY_SEC_001)
    result.stdout.fnmatch_lines(
        [
            "*_ SEC-001?acme? _*",
            "Secrets are ciphertext at rest (critical)",
            "",
            "tenants/acme/.env",
            "  seen     a plain file with NAME=value lines lies beside the sealed one",
            "  expected ciphertext only*",
            "  fix      shred -u secrets/tenants/acme/.env",
            "controls   General Data Protection Regulation 5(1)(f), 25(1), 32(1)(a)",
            "more       sealproof explain SEC-001",
            "FAILED *::SEC-001?acme?*",  # newer releases of pytest add the first line
        ]
    )
    assert result.ret == 1
    assert "Traceback" not in result.stdout.str()
    assert "a-value-in-the-open" not in result.stdout.str()


def test_only_the_chosen_framework_s_controls_are_named(project):
    project.plant_plain_twin("acme")
    text = project.check(*ONLY_SEC_001, "--secrets-framework", "pci").stdout.str()
    assert "controls   " in text
    assert "General Data Protection" not in text


def test_findings_are_told_apart_and_beyond_a_number_counted(project):
    for number in range(25):
        (project.root / "tenants" / "acme" / f"copy{number:02}").write_text("DB_PASSWORD=x\n")
    text = project.check(*ONLY_SEC_001).stdout.str()
    assert "(critical, 25 findings)" in text
    assert text.count("  fix ") == 20
    assert "and 5 more" in text


def test_terminal_codes_in_a_name_are_spelled_out(project):
    (project.root / "tenants" / "acme" / "\x1b[2Jtwin\n").write_text("DB_PASSWORD=x\n")
    text = project.check(*ONLY_SEC_001, "--color=no").stdout.str()
    assert "\x1b" not in text
    assert "tenants/acme/\\u001b[2Jtwin\\u000a" in text


def test_a_finding_below_the_gate_passes_with_a_warning(project):
    project.drop_manifest("acme")
    result = project.check("-k", "CMP-006 and acme", "--secrets-gate", "critical", suite="compliance")
    assert project.counts(result) == {"passed": 1, "warnings": 1}
    result.stdout.fnmatch_lines(
        ["*SecretsComplianceWarning: CMP-006 below the gate: *(high*", "*sealproof manifest acme*"]
    )
    result.stdout.fnmatch_lines(["gate met: 1 fail, * deselected"])
    assert result.ret == 0


def test_a_finding_below_the_report_level_passes_in_silence(project):
    project.drop_manifest("acme")
    levels = ("--secrets-gate", "critical", "--secrets-report-level", "critical")
    assert project.counts(project.check("-k", "CMP-006 and acme", *levels, suite="compliance")) == {"passed": 1}


def test_warnings_come_through_from_workers(project):
    project.drop_manifest("acme")
    arguments = ("-k", "CMP-006 and acme", "--secrets-gate", "critical", "-n", "1")
    result = project.check(*arguments, suite="compliance", apart=True)
    assert project.counts(result) == {"passed": 1, "warnings": 1}
    result.stdout.fnmatch_lines(["*SecretsComplianceWarning: CMP-006 below the gate:*"])


def test_a_project_whose_own_warnings_are_errors_keeps_its_gate(project):
    project.drop_manifest("acme")
    project.pytester.makeini("[pytest]\nfilterwarnings = error\n")
    result = project.check("-k", "CMP-006 and acme", "--secrets-gate", "critical", suite="compliance")
    assert project.counts(result) == {"passed": 1, "warnings": 1}
    assert result.ret == 0


@pytest.mark.parametrize("how", ["option", "ini"])
def test_whoever_asks_for_it_gets_the_warning_as_an_error(project, how):
    project.drop_manifest("acme")
    arguments = ["-k", "CMP-006 and acme", "--secrets-gate", "critical"]
    if how == "ini":
        project.pytester.makeini("[pytest]\nfilterwarnings = error::sealproof.pytest_plugin.SecretsComplianceWarning\n")
    else:
        arguments += ["-W", "error"]
    result = project.check(*arguments, suite="compliance")
    assert project.counts(result) == {"failed": 1}
    result.stdout.fnmatch_lines(["a finding below the gate, and this run makes warnings errors", "fix: -W *"])
    assert result.ret == 1


def test_missing_evidence_at_the_gate_fails_with_a_code_of_its_own(project):
    project.drop_key("acme")
    result = project.check("-k", "SEC-018 and acme")
    assert project.counts(result) == {"failed": 1}
    result.stdout.fnmatch_lines(
        ["not evaluated: *(high)", "*because *no key for acme/development*", "*gate NOT met: 1 item *"]
    )
    assert result.ret == 6


def test_missing_evidence_below_the_gate_is_skipped_with_its_reason(project):
    project.drop_key("acme")
    result = project.check("-k", "SEC-018 and acme", "--secrets-gate", "critical", "-rs")
    assert project.counts(result) == {"skipped": 1}
    result.stdout.fnmatch_lines(
        ["SKIPPED ?1? secrets-compliance::security::SEC-018:1: not evaluated: *no key for acme*"]
    )
    assert result.ret == 0


def test_what_does_not_apply_is_skipped_with_its_reason(project):
    Custodian(str(project.root)).seal("empty", "development", {})
    result = project.check("-k", "CMP-006 and empty", "-rs", "--junitxml", "junit.xml", suite="compliance")
    assert project.counts(result) == {"skipped": 1}
    result.stdout.fnmatch_lines(
        ["SKIPPED ?1? secrets-compliance::compliance::CMP-006:1: not applicable: there is no secret*"]
    )
    assert "not applicable: there is no secret" in (project.path / "junit.xml").read_text()
    assert result.ret == 0


@pytest.mark.parametrize("state", ["waived", "declared"])
def test_waived_and_declared_are_skipped_with_their_reason(project, state):
    project.put_check(
        "SEC-001", f"yield Finding(Status.{state.upper()}, 'tenants/acme', 'seen', reason='agreed until May')"
    )
    result = project.check(*ONLY_SEC_001, "-rs", apart=True)
    assert project.counts(result) == {"skipped": 1}
    result.stdout.fnmatch_lines([f"SKIPPED ?1? secrets-compliance::security::SEC-001:1: {state}: agreed until May"])
    assert result.ret == 0


@pytest.mark.parametrize("arguments", [(), ("-n", "1"), ("--showlocals", "--tb=long", "--full-trace")])
def test_a_check_that_breaks_fails_without_a_traceback(project, arguments):
    project.put_check("SEC-001", "local = 'sesame-open'; raise RuntimeError('sesame-open')")
    result = project.check(*ONLY_SEC_001, *arguments, apart=True)
    assert project.counts(result) == {"failed": 1}
    result.stdout.fnmatch_lines(["the check broke: Secrets are ciphertext*", "*RuntimeError at planted, line *"])
    assert "Traceback" not in result.stdout.str()
    assert "sesame-open" not in result.stdout.str() + result.stderr.str()
    assert result.ret == 3


def test_a_fault_of_this_plugin_shows_no_traceback_either(project, monkeypatch):
    from sealproof.pytest_plugin.examiner import Examiner  # noqa: PLC0415 - beside its only use

    def broken(self, item):
        value = "sesame-open"
        raise LookupError(value)

    monkeypatch.setattr(Examiner, "examine", broken)
    result = project.check(*ONLY_SEC_001, "--showlocals")
    result.stdout.fnmatch_lines(["the check broke: LookupError at broken, line * (report this)"])
    assert "sesame-open" not in result.stdout.str()
    assert result.ret == 3

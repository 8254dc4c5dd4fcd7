"""One realistic run, shared by the tests of all formats: two suites, three tenants, a little of each state."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sealproof.compliance import catalogue as shipped
from sealproof.findings import (
    Age,
    CheckResult,
    Finding,
    Input,
    NotRun,
    PastRun,
    RunResult,
    Scope,
    Severity,
    Status,
    Waiver,
    aggregate,
    failed,
    not_applicable,
    not_evaluated,
    passed,
    verdict,
)
from sealproof.reports.write import write_report
from sealproof.signing import SigningKey, sha256

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sealproof.compliance.catalogue import Catalogue, Check

STARTED = 1_795_472_405_123  # 2026-11-23T22:20:05.123Z
DAY = 86_400_000  # milliseconds
TENANTS = ("aurora", "borealis", "cirrus")


def _planted() -> dict[tuple[str, str], tuple[Finding, ...]]:
    """Return what is not a pass, by check and tenant; the empty tenant is the store."""
    return {
        ("SEC-001", "borealis"): (
            passed("tenants/borealis/.env.enc", "3 recipients, 24 secrets, no line outside the envelope"),
            failed(
                "tenants/borealis/.env.bak",
                "plain NAME=value lines beside the envelope (6 names)",
                expected="no plaintext twin",
                fix="sealproof backup create borealis && rm secrets/tenants/borealis/.env.bak",
            ),
        ),
        ("SEC-006", ""): (
            failed(
                "keys/tenant_keys/cirrus.key",
                "mode 0644, group and others may read",
                expected="0600 or tighter",
                fix="chmod 600 secrets/keys/tenant_keys/cirrus.key",
            ),
        ),
        ("SEC-013", ""): (
            not_evaluated("git history", "shallow clone: 1 of 412 commits is here", fix="git fetch --unshallow"),
        ),
        ("SEC-014", ""): (
            failed(
                ".dockerignore",
                "no rule for secrets/keys/",
                expected="plaintext, key and export patterns in each ignore file",
                fix="Add the block that `sealproof init` generates to .dockerignore.",
            ),
        ),
        ("SEC-018", "aurora"): (
            failed(
                "aurora/development/SESSION_SECRET",
                "34 bits of entropy",
                expected="80 bits or more for class key",
                fix="sealproof rotate SESSION_SECRET --tenant aurora",
            ),
            failed(
                "aurora/development/SMTP_PASSWORD",
                "a placeholder",
                expected="a generated value",
                fix="sealproof rotate SMTP_PASSWORD --tenant aurora",
            ),
        ),
        ("SEC-018", "cirrus"): (
            failed(
                "cirrus/development/SESSION_SECRET",
                "31 bits of entropy",
                expected="80 bits or more for class key",
                fix="sealproof rotate SESSION_SECRET --tenant cirrus",
                severity=Severity.MEDIUM,
                reason="the environment is development",
            ),
        ),
        ("SEC-021", ""): (not_applicable("endpoints", "no remote endpoint is configured"),),
        ("ROT-001", "cirrus"): (
            Finding(
                Status.WAIVED,
                "cirrus/development/LEGACY_FTP_TOKEN",
                "141 days since its last proven rotation",
                expected="90 days or fewer for class token",
                fix="sealproof rotate LEGACY_FTP_TOKEN --tenant cirrus",
                reason="waiver W-2026-014 of p.ferrand, to 2026-12-05 (12 days left): the partner changes in December",
                age=Age(141, 90),
                waived_by="W-2026-014",
            ),
        ),
        ("ROT-004", ""): (
            Finding(Status.DECLARED, "report key", "signed record of 2026-10-02", reason="roll-over ceremony"),
        ),
        ("ROT-008", "borealis"): (Finding(Status.ERROR, "borealis", "KeyError in the check, see the log of the run"),),
        ("ROT-009", "aurora"): (not_evaluated("aurora", "no scratch space: 14 MiB free, 64 MiB needed"),),
    }


def _parameters(check: Check) -> tuple[tuple[str, str], ...]:
    limits = {
        "SEC-018": (("min_entropy_bits", "80"), ("min_value_length", "16")),
        "ROT-001": (("secret_age_days", "90"),),
        "ROT-002": (("data_key_originator_days", "365"),),
    }
    return limits.get(check.id, ())


def _result(check: Check, tenant: str, index: int, planted: tuple[Finding, ...] | None) -> CheckResult:
    resource = f"tenants/{tenant}/.env.enc" if tenant else "the store"
    age = Age(11 * index % 90, 90) if check.id in {"ROT-001", "ROT-002"} else None
    findings = planted or (passed(resource, f"{3 + index % 9} looked at, all meet the condition", age=age),)
    levels = [finding.severity or check.severity for finding in findings if finding.status is Status.FAIL]
    return CheckResult(
        check=check.id,
        version=check.version,
        scope=Scope(tenant, "development" if tenant else ""),
        status=aggregate(findings),
        severity=max(levels, key=lambda level: level.score, default=check.severity),
        evidence=check.evidence,
        started=STARTED + 40 * index,
        ended=STARTED + 40 * index + 23,
        findings=findings,
        inputs=(Input(resource, sha256(resource.encode()).hex()),) if tenant else (),
        parameters=_parameters(check),
    )


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """Return the catalogue of this release."""
    return shipped.load()


@pytest.fixture(scope="session")
def run(catalogue: Catalogue) -> RunResult:
    """Return a run of 62 results: several fail, one broke, some were not evaluated, one is waived."""
    return example(catalogue)


def example(catalogue: Catalogue) -> RunResult:
    """Return the run; the pictures of the documentation show it too."""
    chosen = [check for check in catalogue.checks.values() if check.suite in {"security", "rotation"}]
    scopes = [(check, tenant) for check in chosen for tenant in (TENANTS if check.scope == "tenant" else ("",))]
    planted = _planted()
    results = tuple(
        _result(check, tenant, index, planted.get((check.id, tenant))) for index, (check, tenant) in enumerate(scopes)
    )
    return RunResult(
        run_id="7b1f0c52-8e0a-4d6e-9c53-2f4f6f0d9a11",
        number=12,
        previous=sha256(b"the attestation of run 11").hex(),
        tool_version="0.1.0",
        catalogue_version=catalogue.version,
        catalogue_digest=catalogue.digest,
        profile="production",
        gate=Severity.HIGH,
        report_level=Severity.INFO,
        started=STARTED,
        ended=STARTED + 41_908,
        frameworks=(),
        tenants=TENANTS,
        rollback="not protected: no freshness anchor was set (SEALPROOF_STATE)",
        results=results,
        not_run=tuple(
            NotRun(check.id, f"suite {check.suite} was not chosen")
            for check in catalogue.checks.values()
            if check not in chosen
        ),
        notes=("2 values under 8 characters were left out of the leak searches",),
        history=tuple(
            PastRun(
                number=number,
                attestation=sha256(f"the attestation of run {number}".encode()).hex(),
                ended=STARTED - (12 - number) * DAY,
                gate=Severity.HIGH,
                verdict=verdict(results[number - 7 :], Severity.HIGH),
            )
            for number in range(7, 12)
        ),
        waivers=(
            Waiver(
                id="W-2026-014",
                check="ROT-001",
                scope=Scope("cirrus", "development"),
                resource="cirrus/development/LEGACY_FTP_TOKEN",
                reason="the partner changes in December",
                owner="p.ferrand",
                approver="m.okafor",
                created="2026-11-09",
                expires="2026-12-05",
                reference="https://tickets.example/4711",
                days_left=12,
                covers=1,
            ),
        ),
        waiver_file=sha256(b"the waiver file").hex(),
    )


@pytest.fixture(scope="session")
def clean_run(run: RunResult) -> RunResult:
    """Return the same run with nothing in it but what passed."""
    return replace(run, results=tuple(result for result in run.results if result.status is Status.PASS))


@pytest.fixture(scope="session")
def key() -> SigningKey:
    """Return the report key."""
    return SigningKey(bytes(range(32)))


@pytest.fixture(scope="session")
def other_key() -> SigningKey:
    """Return a key that nobody pinned."""
    return SigningKey(bytes(range(32, 64)))


@pytest.fixture
def report(tmp_path: Path, run: RunResult, catalogue: Catalogue, key: SigningKey) -> Path:
    """Return the directory of a signed report of `run`."""
    write_report(tmp_path / "report", run, catalogue, [key])
    return tmp_path / "report"


@pytest.fixture
def hostile() -> Callable[[RunResult, str], RunResult]:
    """Return a function that puts one text into every place of a run that takes free text."""

    def fill(run: RunResult, text: str) -> RunResult:
        findings = tuple(
            Finding(status, text, text, text, text, Severity.LOW if status is Status.FAIL else None, text)
            for status in Status
        )
        result = replace(
            run.results[0],
            scope=Scope(text, text),
            status=Status.FAIL,
            findings=findings,
            inputs=(Input(text, "0" * 64),),
            parameters=((text, text),),
        )
        passing = replace(result, status=Status.PASS, findings=findings[:1])
        waived = replace(result, status=Status.WAIVED, parameters=((text, ""),))
        return replace(
            run,
            run_id=text,
            profile=text,
            tenants=(text, f"{text}2"),
            rollback=text,
            notes=(text,),
            waivers=tuple(
                replace(
                    waiver,
                    **dict.fromkeys(
                        ("id", "resource", "reason", "owner", "approver", "created", "expires", "reference"), text
                    ),
                    scope=Scope(text, text),
                    compensating=text,
                    refused=text,
                )
                for waiver in run.waivers
            ),
            results=(*run.results[1:], result, passing, waived),
            not_run=tuple(replace(skipped, reason=text) for skipped in run.not_run),
        )

    return fill

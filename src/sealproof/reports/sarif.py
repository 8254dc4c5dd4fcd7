"""`results.sarif`: SARIF 2.1.0, for code scanning and whatever else reads that format.

One SARIF result a finding. Passes are kept as results of kind `pass`, waived findings as suppressed
results, and what could not be evaluated is never left out: where it fails the gate its level is an
error, as a missing proof must not look greener than a bad one. `level` always stands there, because a
reader fills a missing one from the rule. The checks that did not run are notifications.

Specification: OASIS SARIF 2.1.0, errata 01; section numbers in comments are its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from sealproof.findings import ExitCode, Severity, Status, gates, verdict
from sealproof.reports._identity import identity, run_uuid, telling
from sealproof.reports._times import stamp
from sealproof.reports._visible import visible
from sealproof.reports.results import TOOL
from sealproof.signing import canonical, sha256

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sealproof.compliance.catalogue import Catalogue, Check
    from sealproof.findings import CheckResult, Finding, RunResult

NAME: Final = "results.sarif"
SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT: Final = "sealproofFinding/v1"

_KINDS: Final[Mapping[Status, str]] = {
    Status.PASS: "pass",
    Status.FAIL: "fail",
    Status.WAIVED: "fail",
    Status.ERROR: "fail",
    Status.NOT_EVALUATED: "open",
    Status.NOT_APPLICABLE: "notApplicable",
    Status.DECLARED: "review",
}
_LEVELS: Final[Mapping[Severity, str]] = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}


def render(run: RunResult, catalogue: Catalogue, *, signer: str) -> bytes:
    """Return the run as one SARIF log. Raises EvidenceRejected if the run has a check that the catalogue does not."""
    return canonical(_log(run, catalogue, signer))


def _log(run: RunResult, catalogue: Catalogue, signer: str) -> dict[str, object]:
    ran = list(dict.fromkeys(result.check for result in run.results))
    index = {check: number for number, check in enumerate(ran)}
    rules = [_rule(catalogue.checks[check]) for check in ran]
    results = [
        _result(result, finding, index[result.check], run) for result in run.results for finding in _told(result)
    ]
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": TOOL, "semanticVersion": run.tool_version, "rules": rules}},
                "automationDetails": {"id": f"{TOOL}/{visible(run.run_id)}", "guid": run_uuid(run)},
                "invocations": [_invocation(run)],
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {"STORE": {"description": {"text": "the root of the store that was checked"}}},
                "results": results,
                "properties": {
                    "gate": run.gate.value,
                    "profile": visible(run.profile),
                    "rollback": visible(run.rollback),
                    "signer": signer or "UNSIGNED",
                    "note": "evidence, not certification",
                },
            }
        ],
    }


def _rule(check: Check) -> dict[str, object]:
    controls = [f"{framework}/{control}" for framework, ids in check.mappings.items() for control in ids]
    return {
        "id": check.id,
        "name": "".join(part for part in check.title.title() if part.isalnum()),
        "shortDescription": {"text": check.title},
        "fullDescription": {"text": f"Passes when: {check.pass_when}."},
        "help": {"text": f"{check.rationale}\n\nRemedy: {check.remediation}"},
        "defaultConfiguration": {"level": _LEVELS[check.severity]},
        "properties": {
            "precision": "very-high",
            "security-severity": check.severity.score,
            "tags": list(dict.fromkeys(("security", check.suite, *controls))),
        },
    }


def _invocation(run: RunResult) -> dict[str, object]:
    code = verdict(run.results, run.gate).exit_code
    return {
        "executionSuccessful": code is not ExitCode.INTERNAL,  # 3.20.14: whether the tool did its work
        "exitCode": int(code),
        "startTimeUtc": stamp(run.started),
        "endTimeUtc": stamp(run.ended),
        "toolConfigurationNotifications": [
            {
                "level": "note",
                "associatedRule": {"id": skipped.check},
                "message": {"text": f"not run: {visible(skipped.reason) or 'no reason given'}"},
            }
            for skipped in run.not_run
        ],
    }


def _told(result: CheckResult) -> Iterator[Finding | None]:
    """Yield the findings that make the result what it is; a result without any still has its place."""
    told = telling(result)
    yield from told
    if not told:
        yield None


def _result(result: CheckResult, finding: Finding | None, index: int, run: RunResult) -> dict[str, object]:
    resource = visible(finding.resource) if finding else str(result.scope)
    told: dict[str, object] = {
        "ruleId": result.check,
        "ruleIndex": index,
        "kind": _kind(result, run),
        "level": _level(result, finding, run),
        "message": {"text": _message(result, finding)},
        "locations": [_location(result, resource)],
        "partialFingerprints": {FINGERPRINT: sha256(canonical(identity(result, finding))).hex()},
        "properties": {
            "tenant": visible(result.scope.tenant),
            "environment": visible(result.scope.environment),
            "state": result.status.value,
            "severity": result.severity.value,
            "security-severity": result.severity.score,
            "evidence": result.evidence.value,
            "gates": gates(result, run.gate) is not ExitCode.OK,
        },
    }
    if finding is not None and finding.status is Status.WAIVED:
        reason = visible(
            f"waiver {finding.waived_by}: {finding.reason}" if finding.reason else f"waiver {finding.waived_by}"
        )
        told["suppressions"] = [{"kind": "external", "status": "accepted", "justification": reason}]
    return told


def _kind(result: CheckResult, run: RunResult) -> str:
    missing = result.status is Status.NOT_EVALUATED and gates(result, run.gate) is not ExitCode.OK
    return "fail" if missing else _KINDS[result.status]


def _level(result: CheckResult, finding: Finding | None, run: RunResult) -> str:
    if _kind(result, run) != "fail":
        return "none"  # 3.27.10: a result that is no failure has no level
    if result.status is Status.ERROR:
        return "error"
    return _LEVELS[(finding.severity if finding else None) or result.severity]


def _message(result: CheckResult, finding: Finding | None) -> str:
    if finding is None:
        return result.status.value.replace("_", " ")
    parts = (
        f"{finding.resource}: {finding.observed or finding.reason or result.status.value}",
        f"because {finding.reason}" if finding.reason and finding.observed else "",
        f"expected: {finding.expected}" if finding.expected else "",
        f"fix: {finding.fix}" if finding.fix else "",
    )
    return "\n".join(visible(part) for part in parts if part)


def _location(result: CheckResult, resource: str) -> dict[str, object]:
    path = resource if resource.startswith(("tenants/", "keys/", "audit/")) else _file_of(result)
    return {
        "logicalLocations": [{"fullyQualifiedName": resource, "kind": "resource"}],
        "physicalLocation": {
            "artifactLocation": {"uri": quote(path, safe="/._-"), "uriBaseId": "STORE"},
            "region": {"startLine": 1},  # the whole file: some readers drop a result without a region
        },
    }


def _file_of(result: CheckResult) -> str:
    """Return the file that stands for a scope: where a reader of a finding about it starts."""
    tenant, environment = visible(result.scope.tenant), visible(result.scope.environment)
    if not tenant:
        return "sealproof.toml"
    named = "" if environment in {"", "development"} else f".{environment}"
    return f"tenants/{tenant}/.env{named}.enc"

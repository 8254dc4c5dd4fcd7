"""`oscal-ar.json`: OSCAL assessment results, for tools that read NIST's formats.

An observation says what one check saw, with its state, controls and evidence class as properties, and
its subjects are the scopes that it was seen in: each that someone must look at has an observation of its
own, those that pass share one. A control that the evidence contradicts gets a finding
`not-satisfied`, and each failure behind it a risk with its remedy, open or accepted by a waiver. No
control gets a finding `satisfied`, for a passing check supports a control and never satisfies one alone.

Control ids of the assessment itself are those of NIST SP 800-53 in OSCAL's spelling; the other
frameworks' stand in the properties of each observation. Model: OSCAL assessment-results 1.1.3.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sealproof.findings import Evidence, Status
from sealproof.reports._identity import run_uuid, telling
from sealproof.reports._times import stamp
from sealproof.reports._visible import visible
from sealproof.reports.coverage import Claim, coverage
from sealproof.signing import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sealproof.compliance.catalogue import Catalogue, Check
    from sealproof.findings import CheckResult, Finding, RunResult, Scope
    from sealproof.reports.coverage import Control

NAME: Final = "oscal-ar.json"
OSCAL: Final = "1.1.3"
NAMESPACE: Final = "https://sealproof.dev/ns/oscal"
FRAMEWORK: Final = "nist-800-53"

_METHODS: Final[Mapping[Evidence, str]] = {
    Evidence.CONFIGURATION: "EXAMINE",
    Evidence.ARTEFACT: "EXAMINE",
    Evidence.TESTED: "TEST",
    Evidence.DECLARED: "INTERVIEW",
}
_AGAINST: Final = frozenset({Status.FAIL, Status.WAIVED})
_QUIET: Final = frozenset({Status.PASS, Status.NOT_APPLICABLE})
_ID: Final = re.compile(r"([A-Z]{2})-(\d+)(?:\((\d+)\))?")
_DISCLAIMER: Final = (
    "Technical evidence for the scope and time named. It certifies nothing: a check that passes supports"
    " a control and satisfies none by itself."
)


def render(run: RunResult, catalogue: Catalogue, *, signer: str) -> bytes:
    """Return the run as one OSCAL document."""
    observations = [_observation(run, group, catalogue.checks[group[0].check]) for group in _observed_together(run)]
    controls = _contradicted(run, catalogue)
    document = {
        "uuid": run_uuid(run),
        "metadata": {
            "title": f"sealproof run {run.number}",
            "last-modified": stamp(run.ended),
            "version": str(run.number),
            "oscal-version": OSCAL,
            "remarks": _DISCLAIMER,
        },
        "import-ap": {"href": f"#{run_uuid(run, 'plan')}", "remarks": "The catalogue of checks is the plan."},
        "results": [_without_empty(_result(run, catalogue, observations, controls, signer))],
        "back-matter": {
            "resources": [
                {
                    "uuid": run_uuid(run, "plan"),
                    "title": f"sealproof catalogue {run.catalogue_version}",
                    "description": f"SHA-256 {run.catalogue_digest}",
                }
            ]
        },
    }
    return canonical({"assessment-results": document})


def control_id(control: str) -> str:
    """Return an SP 800-53 id as OSCAL's catalogue spells it: `SC-28(1)` is `sc-28.1`."""
    match = _ID.fullmatch(control)
    assert match, control  # noqa: S101 - the catalogue's build refuses any other
    family, number, enhancement = match.groups()
    return f"{family.lower()}-{number}" + (f".{enhancement}" if enhancement else "")


def _result(
    run: RunResult,
    catalogue: Catalogue,
    observations: list[dict[str, object]],
    controls: Iterable[Control],
    signer: str,
) -> dict[str, object]:
    return {
        "uuid": run_uuid(run, "result"),
        "title": f"Run {run.number} of sealproof {run.tool_version}",
        "description": _DISCLAIMER,
        "start": stamp(run.started),
        "end": stamp(run.ended),
        "props": _props({"gate": run.gate.value, "profile": run.profile, "signer": signer or "UNSIGNED"})
        + [
            _prop("not-run", entry.check) | {"remarks": visible(entry.reason) or "no reason given"}
            for entry in run.not_run
        ],
        "local-definitions": _without_empty({"components": [_component(run, scope) for scope in _scopes(run)]}),
        "reviewed-controls": {"control-selections": [_selection(run, catalogue)]},
        "observations": observations,
        "risks": [_risk(run, result, catalogue.checks[result.check]) for result in run.results if _is_risk(result)],
        "findings": [_finding(run, control) for control in controls],
    }


def _selection(run: RunResult, catalogue: Catalogue) -> dict[str, object]:
    ran = {result.check for result in run.results}
    reviewed = [control for control, checks in catalogue.mapped(FRAMEWORK).items() if ran & set(checks)]
    description = "NIST SP 800-53 r5 controls with a check that ran; everything else was not looked at."
    if not reviewed:
        return {"description": "No check ran.", "include-all": {}}
    return {
        "description": description,
        "include-controls": [{"control-id": control_id(control)} for control in reviewed],
    }


def _scopes(run: RunResult) -> tuple[Scope, ...]:
    return tuple(dict.fromkeys(result.scope for result in run.results))


def _subject(run: RunResult, scope: Scope) -> str:
    return run_uuid(run, "subject", scope.tenant, scope.environment)


def _component(run: RunResult, scope: Scope) -> dict[str, object]:
    named = f"tenant {visible(str(scope))}" if scope.tenant else "the store as a whole"
    props = _props({"tenant": scope.tenant, "environment": scope.environment})
    return _without_empty(
        {
            "uuid": _subject(run, scope),
            "type": "system",
            "title": named,
            "description": f"The secrets set-up of {named}.",
            "props": props,
            "status": {"state": "operational"},
        }
    )


def _observed_together(run: RunResult) -> list[list[CheckResult]]:
    """Return the results by observation: alone where someone must look, together where all is as it should be."""
    groups: dict[tuple[str, ...], list[CheckResult]] = {}
    for result in run.results:
        alone = (result.scope.tenant, result.scope.environment) if result.status not in _QUIET else ()
        groups.setdefault((result.check, result.status.value, *alone), []).append(result)
    return list(groups.values())


def _observation(run: RunResult, results: Sequence[CheckResult], check: Check) -> dict[str, object]:
    first = results[0]
    controls = [_prop("control", control, kind=name) for name, ids in check.mappings.items() for control in ids]
    return {
        "uuid": _observed(run, first),
        "title": f"{check.id}: {check.title}",
        "description": _told(first) if len(results) == 1 else f"{first.status.value} in {len(results)} scopes",
        "props": [
            *_props(
                {
                    "check": check.id,
                    "state": first.status.value,
                    "severity": first.severity.value,
                    "evidence-class": first.evidence.value,
                }
            ),
            *controls,
        ],
        "methods": [_METHODS[first.evidence]],
        "types": ["control-objective"],
        "subjects": [{"subject-uuid": _subject(run, result.scope), "type": "component"} for result in results],
        "collected": stamp(max(result.ended for result in results)),
    }


def _is_risk(result: CheckResult) -> bool:
    return result.status in _AGAINST


def _risk(run: RunResult, result: CheckResult, check: Check) -> dict[str, object]:
    fixes = [finding.fix for finding in telling(result) if finding.fix] or [check.remediation]
    return {
        "uuid": run_uuid(run, "risk", result.check, result.scope.tenant, result.scope.environment),
        "title": f"{check.id}: {check.title}",
        "description": _told(result),
        "statement": check.rationale,
        "props": _props({"severity": result.severity.value}),
        "status": "deviation-approved" if result.status is Status.WAIVED else "open",
        "remediations": [
            {
                "uuid": run_uuid(run, "remedy", result.check, result.scope.tenant, result.scope.environment),
                "lifecycle": "recommendation",
                "title": check.remediation,
                "description": visible("; ".join(dict.fromkeys(fixes))),
            }
        ],
        "related-observations": [{"observation-uuid": _observed(run, result)}],
    }


def _contradicted(run: RunResult, catalogue: Catalogue) -> tuple[Control, ...]:
    found = [item for item in coverage(run, catalogue) if item.framework.id == FRAMEWORK]
    return tuple(control for item in found for control in item.controls if control.claim is Claim.CONTRADICTS)


def _finding(run: RunResult, control: Control) -> dict[str, object]:
    against = [result for result in run.results if result.check in control.checks and _is_risk(result)]
    checks = ", ".join(sorted({result.check for result in against}))
    return {
        "uuid": run_uuid(run, "finding", control.id),
        "title": f"{control.id}: evidence contradicts",
        "description": f"{control.title}. Checks that contradict: {checks}.",
        "target": {
            "type": "objective-id",
            "target-id": f"{control_id(control.id)}_obj",
            "status": {"state": "not-satisfied", "reason": "fail"},
        },
        "related-observations": [{"observation-uuid": _observed(run, item)} for item in against],
        "related-risks": [
            {"risk-uuid": run_uuid(run, "risk", item.check, item.scope.tenant, item.scope.environment)}
            for item in against
        ],
    }


def _observed(run: RunResult, result: CheckResult) -> str:
    return run_uuid(run, "observation", result.check, result.scope.tenant, result.scope.environment)


def _told(result: CheckResult) -> str:
    lines = [_line(finding) for finding in telling(result)]
    return "\n".join(lines) or result.status.value.replace("_", " ")


def _line(finding: Finding) -> str:
    waiver = f"waived by {finding.waived_by}" if finding.status is Status.WAIVED else ""
    seen = ": ".join(part for part in (waiver, finding.resource, finding.observed, finding.reason) if part)
    return visible(f"{seen} (expected: {finding.expected})" if finding.expected else seen)


def _props(values: Mapping[str, str]) -> list[dict[str, str]]:
    # OSCAL has no empty property: the store's tenant and environment are left out.
    return [_prop(name, value) for name, value in values.items() if value.strip()]


def _prop(name: str, value: str, *, kind: str = "") -> dict[str, str]:
    named = {"name": name, "ns": NAMESPACE, "value": visible(value).strip()}
    return named | ({"class": kind} if kind else {})


def _without_empty(fields: dict[str, object]) -> dict[str, object]:
    """OSCAL allows no empty list."""
    return {name: value for name, value in fields.items() if value != []}

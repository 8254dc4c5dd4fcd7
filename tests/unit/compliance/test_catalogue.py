"""The catalogue: whole, mapped to ids that exist, and refused when it is not."""

from __future__ import annotations

import copy
import pickle
import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from sealproof.cli.main import COMMANDS
from sealproof.compliance import catalogue
from sealproof.compliance.catalogue import SUITE_CHECKS, build, load
from sealproof.errors import ConfigurationError
from sealproof.findings import Evidence, Severity
from sealproof.signing import canonical, sha256

if TYPE_CHECKING:
    from .conftest import Data

CHECKS = load().checks

# Rule: a changed mapping raises the version. Change both together, and never an old line.
MAPPINGS_BY_VERSION = {"1": "dc126ac18986c313bcf20c5342d46dc3a62e76d6beb342e3eab6e367e033fac0"}

TENANT_SCOPE = {
    *(f"SEC-{number:03}" for number in (1, 2, 3, 4, 5, 18)),
    *(f"CMP-{number:03}" for number in (1, 2, 4, 6, 7, 8, 9, 14, 17)),
    *(f"ROT-{number:03}" for number in (1, 2, 5, 6, 7, 8, 9, 10, 11)),
}

# How many controls of each framework have a check: counted, of how many, and beside the count.
REACH = {
    "gdpr": (28, None, 0),
    "soc2": (24, 38, 4),
    "hipaa": (31, None, 0),
    "iso27001": (44, 93, 0),
    "nist-csf": (32, 106, 0),
    "nist-800-53": (78, 1189, 0),
    "pci": (36, None, 0),
    "asvs": (47, 345, 0),
}

SOC2_VIEW = {
    "CC2.1": 1,
    "CC3.2": 1,
    "CC4.1": 2,
    "CC4.2": 1,
    "CC5.2": 1,
    "CC6.1": 40,
    "CC6.2": 2,
    "CC6.3": 8,
    "CC6.5": 2,
    "CC6.6": 2,
    "CC6.7": 3,
    "CC6.8": 1,
    "CC7.1": 3,
    "CC7.2": 11,
    "CC7.3": 3,
    "CC7.4": 3,
    "CC7.5": 3,
    "CC8.1": 3,
    "CC9.2": 1,
    "A1.1": 4,
    "A1.2": 5,
    "A1.3": 2,
    "C1.1": 8,
    "C1.2": 4,
    "PI1.5": 6,
    "P4.1": 1,
    "P4.2": 1,
    "P4.3": 1,
}


def test_there_are_seventy_checks_in_five_suites() -> None:
    sizes = {suite: len(load().suite(suite)) for suite in SUITE_CHECKS}
    assert sizes == {"security": 21, "compliance": 18, "rotation": 11, "penetration": 13, "load": 7}
    assert len(CHECKS) == 70


def test_severities_are_as_declared() -> None:
    assert Counter(check.severity for check in CHECKS.values()) == {
        Severity.CRITICAL: 19,
        Severity.HIGH: 35,
        Severity.MEDIUM: 16,
    }


def test_evidence_classes_are_as_declared() -> None:
    assert Counter(check.evidence for check in CHECKS.values()) == {
        Evidence.CONFIGURATION: 9,
        Evidence.ARTEFACT: 29,
        Evidence.TESTED: 30,
        Evidence.DECLARED: 2,
    }


def test_checks_stand_in_order_without_a_gap() -> None:
    expected = [f"{prefix}-{number:03}" for prefix, count in SUITE_CHECKS.values() for number in range(1, count + 1)]
    assert list(CHECKS) == expected
    assert [check.id for check in CHECKS.values()] == expected


def test_each_check_runs_per_tenant_or_once_for_the_store() -> None:
    assert {check.id for check in CHECKS.values() if check.scope == "tenant"} == TENANT_SCOPE


def test_penetration_and_load_run_on_scratch_stores_only() -> None:
    for check in (*load().suite("penetration"), *load().suite("load")):
        own = ("custody",) if check.id == "PEN-013" else ()  # looks at the store's own canaries too
        assert (check.scope, check.needs) == ("store", own)


def test_every_tested_check_says_that_it_is_not_cheap() -> None:
    for check in CHECKS.values():
        if check.evidence is Evidence.TESTED:
            assert check.cost == ("slow" if check.suite == "load" else "scratch"), check.id
        else:
            assert check.cost != "scratch", check.id


def test_titles_are_different() -> None:
    assert len({check.title for check in CHECKS.values()}) == len(CHECKS)


def test_texts_are_terse() -> None:
    for check in CHECKS.values():
        assert len(re.findall(r"[.!?](?:\s|$)", check.rationale)) in (1, 2), check.id
        assert check.rationale.endswith("."), check.id
        assert check.remediation.endswith("."), check.id
        assert not check.looks_at.endswith("."), check.id
        assert not check.pass_when.endswith("."), check.id
        texts = (check.title, check.rationale, check.looks_at, check.pass_when, check.remediation)
        assert all("\n" not in text and len(text) <= 250 for text in texts), check.id


def test_limits_stand_in_the_parameters_not_in_the_words() -> None:
    for check in CHECKS.values():
        words = f"{check.pass_when} {check.remediation}"
        assert not re.search(r"\d+ ?(?:d|days?|h|hours?|min|minutes?|s|seconds?|ms|years?)\b", words), check.id


def test_commands_are_of_the_command_line() -> None:
    for check in CHECKS.values():
        if check.command and not check.command.startswith("chmod "):
            program, command = check.command.split()[:2]
            assert program == "sealproof"
            assert command in COMMANDS


def test_no_command_destroys_what_may_still_be_needed() -> None:
    destroying = {check.id for check in CHECKS.values() if re.search(r"destroy|prune|delete|erase", check.command)}
    assert destroying == {"CMP-010", "CMP-011"}  # erasing a tenant that has left


def test_references_name_a_known_guide() -> None:
    assert set(load().references) == {"SM", "KM57"}
    assert CHECKS["ROT-002"].references == ("KM57",)
    assert CHECKS["SEC-007"].references == ("SM 7.3",)


def test_every_mapped_id_exists_in_its_edition_and_has_a_title() -> None:
    for check in CHECKS.values():
        for framework_id, controls in check.mappings.items():
            framework = load().frameworks[framework_id]
            assert set(controls) <= set(framework.ids), (check.id, framework_id)
            assert set(controls) <= set(framework.titles), (check.id, framework_id)


def test_every_title_is_of_a_mapped_id() -> None:
    for framework in load().frameworks.values():
        assert list(framework.titles) == list(load().mapped(framework.id))


def test_mapped_ids_stand_in_the_order_of_their_framework() -> None:
    for check in CHECKS.values():
        for framework_id, controls in check.mappings.items():
            order = load().frameworks[framework_id].ids.index
            assert list(controls) == sorted(controls, key=order), (check.id, framework_id)


def test_every_check_maps_to_gdpr_soc2_iso_csf_and_800_53() -> None:
    for check in CHECKS.values():
        assert {"gdpr", "soc2", "iso27001", "nist-csf", "nist-800-53"} <= set(check.mappings), check.id


@pytest.mark.parametrize("framework_id", REACH)
def test_reach_is_what_the_reports_claim(framework_id: str) -> None:
    reach = load().reach(framework_id)
    assert (reach.covered, reach.total, reach.beside) == REACH[framework_id]


def test_soc2_view_is_what_an_auditor_asks_for() -> None:
    mapped = load().mapped("soc2")
    assert {criterion: len(checks) for criterion, checks in mapped.items()} == SOC2_VIEW
    assert list(mapped) == list(SOC2_VIEW)
    assert mapped["A1.2"] == ("SEC-020", "CMP-014", "PEN-012", "LOD-004", "LOD-007")
    assert mapped["CC6.1"][:6] == tuple(f"SEC-{number:03}" for number in range(1, 7))


def test_a_changed_mapping_changes_the_version() -> None:
    mappings = {check.id: {name: list(ids) for name, ids in check.mappings.items()} for check in CHECKS.values()}
    assert MAPPINGS_BY_VERSION[load().version] == sha256(canonical(mappings)).hex()


def test_relation_is_never_more_than_support() -> None:
    assert catalogue.RELATION == "supports"


def test_catalogue_is_read_once() -> None:
    assert load() is load()


def test_digest_names_the_data(data: Data) -> None:
    assert build(data).digest == load().digest
    data["checks/security.toml"]["SEC-001"]["title"] = "Another title"
    assert build(data).digest != load().digest


def test_a_check_travels_to_a_worker_process() -> None:
    assert pickle.loads(pickle.dumps(CHECKS["SEC-001"])) == CHECKS["SEC-001"]


def test_a_mapping_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        CHECKS["SEC-001"].mappings["gdpr"] = ()  # type: ignore[index]


@pytest.mark.parametrize("call", ["suite", "framework", "mapped", "reach"])
def test_an_unknown_name_is_refused_with_the_known_ones(call: str) -> None:
    with pytest.raises(ConfigurationError, match="'sox'") as caught:
        getattr(load(), call)("sox")
    assert caught.value.names == ("sox",)
    assert "known: " in caught.value.hint


def refused(data: Data, *names: str) -> str:
    """Return the message with which `data` is refused; the error names all of `names`."""
    with pytest.raises(ConfigurationError) as caught:
        build(data)
    for name in names:
        assert name in caught.value.names
    return caught.value.message


def test_an_id_of_another_edition_is_refused(data: Data) -> None:
    data["checks/security.toml"]["SEC-001"]["mappings"]["nist-csf"] = ["PR.AC-1"]
    assert "PR.AC-1, which NIST Cybersecurity Framework 2.0 does not have" in refused(data, "SEC-001", "PR.AC-1")


def test_an_id_of_another_edition_cannot_be_added_unnoticed(data: Data) -> None:
    data["frameworks/nist-csf.toml"]["ids"].append("PR.AC-1")
    assert "count is 106, but ids holds 107" in refused(data, "count")


@pytest.mark.parametrize("mappings", [None, {}, {"gdpr": []}])
def test_a_check_without_a_mapping_is_refused(data: Data, mappings: dict[str, list[str]] | None) -> None:
    if mappings is None:
        del data["checks/rotation.toml"]["ROT-004"]["mappings"]
    else:
        data["checks/rotation.toml"]["ROT-004"]["mappings"] = mappings
    assert refused(data, "ROT-004") == "ROT-004 maps to no control"


def test_an_unknown_framework_is_refused(data: Data) -> None:
    data["checks/load.toml"]["LOD-001"]["mappings"]["sox"] = ["404"]
    assert "unknown framework sox" in refused(data, "LOD-001", "sox")


def test_a_repeated_mapping_is_refused(data: Data) -> None:
    data["checks/load.toml"]["LOD-001"]["mappings"]["gdpr"] = ["32(1)(b)", "32(1)(b)"]
    assert "repeats 32(1)(b)" in refused(data, "32(1)(b)")


def test_a_mapped_id_without_a_title_is_refused(data: Data) -> None:
    del data["frameworks/pci.toml"]["titles"]["8.3.7"]
    assert "8.3.7 of pci, which has no title" in refused(data, "ROT-007", "8.3.7")


@pytest.mark.parametrize("suite", SUITE_CHECKS)
def test_a_lost_check_is_noticed(data: Data, suite: str) -> None:
    data[f"checks/{suite}.toml"].popitem()
    assert f"{len(load().suite(suite)) - 1} are declared" in refused(data, suite)


def test_an_added_check_is_noticed(data: Data) -> None:
    suite = data["checks/load.toml"]
    suite["LOD-008"] = copy.deepcopy(suite["LOD-007"])
    assert "7 checks, but 8 are declared" in refused(data, "load")


@pytest.mark.parametrize("check_id", ["SEC-001", "LOD-8", "LOD-0008", "lod-008", "note"])
def test_an_id_of_no_or_another_suite_is_refused(data: Data, check_id: str) -> None:
    suite = data["checks/load.toml"]
    suite[check_id] = suite.pop("LOD-007")
    assert "is no id of this suite" in refused(data, check_id)


@pytest.mark.parametrize("field", ["titel", "relation", "internal"])
def test_an_unknown_field_is_refused(data: Data, field: str) -> None:
    data["checks/security.toml"]["SEC-009"][field] = "anything"
    assert refused(data, field) == f"checks/security.toml: SEC-009: unknown field {field}"


@pytest.mark.parametrize(
    "field",
    [
        *("version", "title", "severity", "evidence_class", "scope", "rationale", "looks_at", "pass_when"),
        *("remediation", "cost", "needs", "since"),
    ],
)
def test_a_missing_field_is_refused(data: Data, field: str) -> None:
    del data["checks/security.toml"]["SEC-009"][field]
    assert refused(data, field) == f"checks/security.toml: SEC-009: {field} is missing"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", 0),
        ("version", -1),
        ("version", True),
        ("version", "1"),
        ("title", ""),
        ("title", " padded"),
        ("title", 7),
        ("severity", "worst"),
        ("evidence_class", "X"),
        ("scope", "planet"),
        ("cost", "free"),
        ("needs", ["network"]),
        ("needs", "keys"),
        ("needs", [1]),
        ("since", "soon"),
        ("command", ""),
    ],
)
def test_a_value_out_of_range_is_refused(data: Data, field: str, value: object) -> None:
    data["checks/security.toml"]["SEC-009"][field] = value
    assert refused(data).startswith("checks/security.toml: SEC-009: ")


def test_a_check_that_is_no_table_is_refused(data: Data) -> None:
    data["checks/security.toml"]["SEC-009"] = "see elsewhere"
    assert refused(data) == "checks/security.toml: SEC-009 is no table"


def test_an_unknown_reference_is_refused(data: Data) -> None:
    data["checks/security.toml"]["SEC-009"]["references"] = ["BLOG 3"]
    assert "unknown BLOG 3" in refused(data, "SEC-009", "BLOG 3")


def test_an_unknown_field_in_the_head_is_refused(data: Data) -> None:
    data["catalogue.toml"]["edition"] = "1"
    assert "unknown field edition" in refused(data, "edition")

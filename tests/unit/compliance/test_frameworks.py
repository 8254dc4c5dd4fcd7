"""Framework files: the edition's ids, counted, and titles of our own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from sealproof.compliance._table import Table
from sealproof.compliance.catalogue import load
from sealproof.compliance.frameworks import Framework, parse_framework
from sealproof.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Data

FRAMEWORKS = load().frameworks
COUNTS = {
    "gdpr": 852,
    "soc2": 61,
    "hipaa": 53,
    "iso27001": 93,
    "nist-csf": 106,
    "nist-800-53": 1189,
    "pci": 351,
    "asvs": 345,
}
SHAPES = {
    "gdpr": r"\d{1,2}(\(\d{1,2}\)(\([a-z]\))?)?",
    "soc2": r"(CC|A|C|PI|P)\d\.\d",
    "hipaa": r"164\.3\d\d\([a-e]\)(\(\d\)(\([iv]+\)(\([A-D]\))?)?)?",
    "iso27001": r"A\.[5-8]\.\d{1,2}",
    "nist-csf": r"(GV|ID|PR|DE|RS|RC)\.[A-Z]{2}-\d\d",
    "nist-800-53": r"[A-Z]{2}-\d{1,2}(\(\d{1,2}\))?",
    "pci": r"A?\d{1,2}(\.\d{1,2}){1,4}",
    "asvs": r"V\d{1,2}\.\d{1,2}\.\d{1,2}",
}


def parsed(data: Data, name: str) -> Framework:
    """Parse one framework of `data`."""
    return parse_framework(Table(f"frameworks/{name}.toml", data[f"frameworks/{name}.toml"]), name)


def refused(data: Data, name: str) -> str:
    """Return the message with which one framework of `data` is refused."""
    with pytest.raises(ConfigurationError) as caught:
        parsed(data, name)
    assert caught.value.names
    return caught.value.message


def test_frameworks_stand_in_the_order_of_the_options() -> None:
    assert list(FRAMEWORKS) == list(COUNTS)


@pytest.mark.parametrize("name", COUNTS)
def test_an_edition_has_its_known_number_of_ids(name: str) -> None:
    assert len(FRAMEWORKS[name].ids) == COUNTS[name]


@pytest.mark.parametrize("name", SHAPES)
def test_ids_are_of_the_edition_by_their_shape(name: str) -> None:
    foreign = [control for control in FRAMEWORKS[name].ids if not re.fullmatch(SHAPES[name], control)]
    assert not foreign


def test_categories_of_the_first_csf_are_not_in_the_second() -> None:
    gone = ("PR.AC", "PR.IP", "PR.MA", "PR.PT", "DE.DP", "ID.BE", "ID.GV", "ID.RM", "ID.SC", "RS.RP", "RS.IM", "RC.IM")
    assert not [control for control in FRAMEWORKS["nist-csf"].ids if control.startswith(gone)]


@pytest.mark.parametrize("name", COUNTS)
def test_titles_are_three_to_eight_different_words(name: str) -> None:
    titles = FRAMEWORKS[name].titles
    wrong = [title for title in titles.values() if not 3 <= len(title.split()) <= 8]
    assert not wrong
    assert len({title.casefold() for title in titles.values()}) == len(titles)


@pytest.mark.parametrize("name", COUNTS)
def test_every_framework_names_what_software_cannot_show(name: str) -> None:
    assert len(FRAMEWORKS[name].outside) >= 5


def test_only_the_known_hipaa_ids_are_unverified() -> None:
    marked = {name: framework.unverified for name, framework in FRAMEWORKS.items() if framework.unverified}
    assert marked == {
        "hipaa": ("164.308(a)(4)(ii)(C)", "164.308(a)(7)(ii)(D)", "164.310(d)(2)(i)", "164.316(b)(2)(i)"),
    }


def test_soc2_reach_counts_the_cc_a_and_c_series() -> None:
    soc2 = FRAMEWORKS["soc2"]
    counted = [control for control in soc2.ids if soc2.counts(control)]
    assert len(counted) == 38
    assert not [control for control in counted if control.startswith("P")]


def test_no_total_is_claimed_for_a_list_not_proven_complete() -> None:
    assert FRAMEWORKS["hipaa"].reach_total is None


def test_a_wrong_count_is_refused(data: Data) -> None:
    data["frameworks/iso27001.toml"]["count"] = 114
    assert refused(data, "iso27001") == "frameworks/iso27001.toml: count is 114, but ids holds 93"


def test_a_lost_id_is_refused(data: Data) -> None:
    data["frameworks/iso27001.toml"]["ids"].remove("A.5.7")
    assert "count is 93, but ids holds 92" in refused(data, "iso27001")


def test_a_repeated_id_is_refused(data: Data) -> None:
    data["frameworks/iso27001.toml"]["ids"][1] = "A.5.1"
    assert "ids repeats A.5.1" in refused(data, "iso27001")


@pytest.mark.parametrize("change", [str, str.upper])
def test_one_title_for_two_ids_is_refused(data: Data, change: Callable[[str], str]) -> None:
    titles = data["frameworks/soc2.toml"]["titles"]
    titles["A1.2"] = change(titles["A1.1"])
    assert "A1.1 and A1.2 carry one title" in refused(data, "soc2")


@pytest.mark.parametrize("field", ["titles", "unverified"])
def test_a_title_or_mark_of_a_foreign_id_is_refused(data: Data, field: str) -> None:
    table = data["frameworks/hipaa.toml"]
    if field == "titles":
        table["titles"]["164.999(a)"] = "A rule that does not exist"
    else:
        table["unverified"].append("164.999(a)")
    assert refused(data, "hipaa").endswith(f"{field} names 164.999(a), which is not in ids")


def test_a_wrong_total_is_refused(data: Data) -> None:
    data["frameworks/soc2.toml"]["reach_total"] = 61
    assert "reach_total is 61, but 38 ids count" in refused(data, "soc2")


def test_nothing_outside_is_refused(data: Data) -> None:
    data["frameworks/gdpr.toml"]["outside"] = []
    assert "outside must name something" in refused(data, "gdpr")


def test_another_frameworks_id_is_refused(data: Data) -> None:
    data["frameworks/gdpr.toml"]["id"] = "soc2"
    assert "id 'soc2' is none of gdpr" in refused(data, "gdpr")


@pytest.mark.parametrize("day", ["yesterday", "2026-13-01", "20261123"])
def test_a_day_that_is_none_is_refused(data: Data, day: str) -> None:
    data["frameworks/gdpr.toml"]["checked"] = day
    assert "is no day" in refused(data, "gdpr")


def test_an_unknown_field_is_refused(data: Data) -> None:
    data["frameworks/gdpr.toml"]["parent"] = "none"
    assert refused(data, "gdpr") == "frameworks/gdpr.toml: unknown field parent"

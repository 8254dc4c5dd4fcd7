"""`overlay.toml`: a store adds frameworks and mappings of its own, and takes nothing away."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealproof.compliance import catalogue as shipped
from sealproof.compliance.additions import extended, of_store
from sealproof.compliance.limits import overlay
from sealproof.errors import ConfigurationError
from sealproof.findings import NOTHING_ADDED, AddedMapping, Additions

if TYPE_CHECKING:
    from pathlib import Path

HOUSE = """
[frameworks.house]
title = "House rules"
edition = "2026-03"
publisher = "Acme Ltd"
outside = ["what people do"]
controls = { "H-1" = "Secrets are rotated", "H-2" = "Leavers lose access" }

[mappings.ROT-001]
house = ["H-1"]
gdpr = ["5(1)(a)"]
"""
CATALOGUE = shipped.load()


def _added(root: Path, text: str = HOUSE) -> Additions:
    (root / "overlay.toml").write_text(text)
    return of_store(str(root))


def test_a_store_without_an_overlay_adds_nothing(tmp_path: Path) -> None:
    assert of_store(str(tmp_path)) == NOTHING_ADDED
    assert extended(CATALOGUE, NOTHING_ADDED) is CATALOGUE


def test_a_framework_of_the_store_s_own_is_one_like_the_others(tmp_path: Path) -> None:
    whole = extended(CATALOGUE, _added(tmp_path))
    assert list(whole.frameworks)[-1] == "house"
    assert dict(whole.mapped("house")) == {"H-1": ("ROT-001",)}
    reach = whole.reach("house")
    assert (reach.covered, reach.total, reach.unit) == (1, 2, "controls")
    assert whole.digest == CATALOGUE.digest


def test_a_shipped_framework_gets_a_further_mapping(tmp_path: Path) -> None:
    whole = extended(CATALOGUE, _added(tmp_path))
    assert "ROT-001" in whole.mapped("gdpr")["5(1)(a)"]
    assert whole.frameworks["gdpr"].titles["5(1)(a)"]
    assert whole.checks["ROT-001"].mappings["gdpr"][:-1] == CATALOGUE.checks["ROT-001"].mappings["gdpr"]


def test_adding_twice_adds_once(tmp_path: Path) -> None:
    added = _added(tmp_path)
    whole = extended(CATALOGUE, added)
    assert extended(whole, added) is whole


def test_limits_and_additions_stand_in_one_file(tmp_path: Path) -> None:
    added = _added(tmp_path, "[limits]\nwaiver_days = 7\n" + HOUSE)
    assert overlay(str(tmp_path)) == {"waiver_days": 7}
    assert [framework.id for framework in added.frameworks] == ["house"]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("frameworks.house]", "frameworks.gdpr]", "frameworks.gdpr is no free id"),
        ("frameworks.house]", "frameworks.House]", "frameworks.House is no free id"),
        ("ROT-001", "ROT-999", "mappings.ROT-999 is no check of the catalogue"),
        ('house = ["H-1"]', 'home = ["H-1"]', "mappings.ROT-001 names no known framework: home"),
        ('house = ["H-1"]', 'house = ["H-3"]', "House rules 2026-03 does not have H-3"),
        ('gdpr = ["5(1)(a)"]', 'gdpr = ["5(9)"]', "does not have 5(9)"),
        ('gdpr = ["5(1)(a)"]', 'gdpr = ["32(1)(b)"]', "maps to gdpr 32(1)(b) already"),
        ('"H-1" = "Secrets', '"<b>" = "Secrets', "is no control id"),
        ('outside = ["what people do"]', "outside = []", "must name something that software cannot show"),
        (
            'controls = { "H-1" = "Secrets are rotated", "H-2" = "Leavers lose access" }',
            "controls = {}",
            "needs controls",
        ),
        ('title = "House rules"', "", "title is missing"),
        ('title = "House rules"', 'title = "House rules"\ncolour = "red"', "unknown field colour"),
        ('house = ["H-1"]', 'house = "H-1"', "must be a list of texts"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(tmp_path: Path, before: str, after: str, message: str) -> None:
    assert before in HOUSE
    with pytest.raises(ConfigurationError) as refused:
        extended(CATALOGUE, _added(tmp_path, HOUSE.replace(before, after, 1)))
    assert message in refused.value.message


MAPPING = st.builds(
    lambda check, pair: AddedMapping(check, pair[0], (pair[1],)),
    st.sampled_from(sorted(CATALOGUE.checks)),
    st.sampled_from([(item.id, control) for item in CATALOGUE.frameworks.values() for control in item.ids]),
)


@given(st.lists(MAPPING, max_size=4))
def test_nothing_that_is_shipped_goes_or_changes(mappings: list[AddedMapping]) -> None:
    try:
        whole = extended(CATALOGUE, Additions(mappings=tuple(mappings)))
    except ConfigurationError:
        return
    for check in CATALOGUE.checks.values():
        grown = whole.checks[check.id]
        assert replace(grown, mappings=check.mappings) == check
        assert all(grown.mappings[name][: len(ids)] == ids for name, ids in check.mappings.items())
    assert all(whole.frameworks[name].ids == item.ids for name, item in CATALOGUE.frameworks.items())

"""`COMPLIANCE_LEVEL` and `overlay.toml`: they tighten, and nothing loosens."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealproof.checks.gate import Gate
from sealproof.compliance import limits
from sealproof.compliance.profiles import parameters, profile, stricter
from sealproof.errors import ConfigurationError
from sealproof.findings import Scope
from sealproof.settings import Settings, load

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Data

PROFILES = ("development", "production", "strict")


def test_every_level_of_the_settings_has_one() -> None:
    assert set(limits.levels()) == set(limits.LEVELS)
    for name in limits.LEVELS:
        assert load("", {"COMPLIANCE_LEVEL": name}).compliance_level == name


def test_a_level_leads_and_tightens(tmp_path: Path) -> None:
    settings = Settings(compliance_level="HIPAA")
    assert limits.lead(settings) == "hipaa"
    assert limits.overrides(str(tmp_path), settings) == {"audit_days": 2190}
    assert limits.lead(Settings()) == ""
    assert limits.overrides(str(tmp_path), Settings()) == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"audit_days": 300}, "would loosen"),
        ({"audit_dayz": 900}, "no parameter"),
        ({"audit_days": 0}, "is no limit"),
    ],
)
def test_a_level_that_loosens_stops_the_build(data: Data, change: dict[str, int], message: str) -> None:
    data["levels.toml"] = {**data["levels.toml"], "HIPAA": {"framework": "hipaa", "source": "x", "parameters": change}}
    with pytest.raises(ConfigurationError, match=message):
        limits.build_levels(data)


def test_a_level_of_another_name_stops_the_build(data: Data) -> None:
    data["levels.toml"] = {**data["levels.toml"], "PCI": {"framework": "pci", "source": "x"}}
    with pytest.raises(ConfigurationError, match="PCI"):
        limits.build_levels(data)


def test_the_overlay_tightens_and_the_strictest_counts(tmp_path: Path) -> None:
    (tmp_path / "overlay.toml").write_text("[limits]\naudit_days = 4000\nwaiver_days = 7\nmax_age_days_token = 60\n")
    settings = Settings(compliance_level="HIPAA", rotation_interval_days=30)
    found = limits.overrides(str(tmp_path), settings)
    assert (found["audit_days"], found["waiver_days"], found["max_age_days_token"]) == (4000, 7, 30)


@pytest.mark.parametrize(
    "text",
    [
        "[limits]\nwaiver_days = 31\n",
        "[limits]\naudit_days = 364\n",
        "[limits]\nnothing = 1\n",
        "[limits]\nwaiver_days = 0\n",
        "[limits]\nwaiver_days = '7'\n",
        "waiver_days = 7\n",
        "[limits]\n[more]\n",
        "[limits",
    ],
)
def test_an_overlay_that_loosens_or_is_not_understood_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "overlay.toml").write_text(text)
    (tmp_path / "tenants").mkdir()
    with pytest.raises(ConfigurationError):
        Gate(root=str(tmp_path)).target()


def test_the_gate_applies_them_to_every_profile(tmp_path: Path) -> None:
    (tmp_path / "overlay.toml").write_text("[limits]\nwaiver_days = 20\n")
    (tmp_path / "tenants").mkdir()
    target = Gate(root=str(tmp_path)).target()
    assert target.profile(Scope("acme", "production")).parameters["waiver_days"] == 20
    strict = replace(target.spec, profile="strict")
    assert type(target)(strict).profile(Scope("acme", "production")).parameters["waiver_days"] == 14


@settings(deadline=None)
@given(st.sampled_from(PROFILES), st.dictionaries(st.sampled_from(sorted(parameters())), st.integers(1, 10_000)))
def test_nothing_ever_loosens(name: str, wanted: dict[str, int]) -> None:
    base = profile(name)
    result = stricter(base, wanted)
    for parameter in parameters().values():
        assert parameter.at_least_as_strict(result.parameters[parameter.id], base.parameters[parameter.id])

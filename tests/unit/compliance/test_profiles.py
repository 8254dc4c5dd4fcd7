"""Profiles: three of them, each at least as strict as the one before, and settings that only tighten."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealproof.compliance.catalogue import load as load_catalogue
from sealproof.compliance.profiles import (
    Profile,
    build_profiles,
    load,
    parameters,
    profile,
    profile_for,
    tighten,
)
from sealproof.errors import ConfigurationError

if TYPE_CHECKING:
    from .conftest import Data

NAMES = ("development", "production", "strict")
CHECKS = tuple(load_catalogue().checks)

# Limits that stand in standards, in the format or in the documented settings.
DEFAULTS = {
    "max_age_days_password": 90,
    "max_age_days_token": 90,
    "max_age_days_key": 90,
    "max_age_days_connection": 90,
    "data_key_days": 365,
    "data_key_retired_days": 365,
    "wrapping_key_days": 365,
    "master_key_days": 365,
    "signing_key_days": 365,
    "mac_key_days": 365,
    "seals_per_key": 2**20,
    "kdf_iterations_tenant": 100_000,
    "kdf_iterations_passphrase": 600_000,
    "audit_days": 365,
    "waiver_days": 30,
    "waiver_critical_days": 14,
    "run_cadence_hours": 24,
    "breach_notice_hours": 72,
    "min_value_length": 16,
    "min_entropy_bits": 64,
    "min_symmetric_key_bits": 256,
    "load_users": 6,
    "load_seconds": 15,
    "load_p95_ms": 250,
    "load_error_per_mille": 0,
    "load_min_samples": 200,
    "scan_file_seconds": 10,
    "scan_file_bytes": 5 * 1024 * 1024,
}
BOUNDS = {
    "data_key_days": 730,
    "data_key_retired_days": 3 * 365,
    "wrapping_key_days": 730,
    "signing_key_days": 3 * 365,
    "seals_per_key": 2**32,
    "waiver_days": 90,
    "run_cadence_hours": 7 * 24,
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_production_has_the_default(name: str) -> None:
    assert profile("production").parameters[name] == DEFAULTS[name] == parameters()[name].default


@pytest.mark.parametrize("name", BOUNDS)
def test_a_limit_has_its_bound(name: str) -> None:
    assert parameters()[name].ceiling == BOUNDS[name]


def test_development_may_be_shorter_and_keep_its_keys_near() -> None:
    development = profile("development")
    assert development.parameters["min_value_length"] == 12
    assert development.parameters["min_entropy_bits"] == 48
    assert development.keys_beside_store == "allowed"
    assert set(development.optional) == {
        "CMP-001",
        "CMP-002",
        "CMP-004",
        "CMP-008",
        "CMP-012",
        "CMP-014",
        "CMP-015",
        "SEC-011",
    }


@pytest.mark.parametrize("name", ["production", "strict"])
def test_no_check_is_optional_outside_development(name: str) -> None:
    assert not profile(name).optional
    assert profile(name).keys_beside_store == "forbidden"


@pytest.mark.parametrize("name", NAMES)
def test_one_algorithm_and_one_format_are_allowed(name: str) -> None:
    assert profile(name).algorithms == ("AES-256-GCM",)
    assert profile(name).formats == ("sealproof-env/1",)


def test_strict_is_stricter_and_nowhere_looser() -> None:
    strict, production = profile("strict").parameters, profile("production").parameters
    assert all(known.at_least_as_strict(strict[name], production[name]) for name, known in parameters().items())
    assert any(strict[name] != production[name] for name in parameters())


def test_every_profile_sets_every_parameter() -> None:
    assert all(list(profile(name).parameters) == list(parameters()) for name in NAMES)


def test_every_parameter_serves_a_known_check() -> None:
    for parameter in parameters().values():
        assert parameter.checks
        assert set(parameter.checks) <= set(CHECKS)
        assert list(parameter.checks) == sorted(parameter.checks)


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ("development", "development"),
        ("production", "production"),
        ("staging", "production"),
        ("dev", "production"),
        ("Development", "production"),
        ("", "production"),
    ],
)
def test_only_development_gets_the_development_profile(environment: str, name: str) -> None:
    assert profile_for(environment).name == name


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="'lax'") as caught:
        profile("lax")
    assert caught.value.hint == "known: development, production, strict"


def test_a_profile_travels_to_a_worker_process() -> None:
    sent = tighten(profile("production"), {"load_users": 12})
    assert pickle.loads(pickle.dumps(sent)) == sent


overrides = st.dictionaries(st.sampled_from(sorted(DEFAULTS)), st.integers(-5, 2**54), max_size=6)
near = st.dictionaries(st.sampled_from(sorted(DEFAULTS)), st.integers(0, 800), max_size=6)


@given(st.sampled_from(NAMES), overrides | near)
def test_no_setting_ever_loosens_a_limit(name: str, settings: dict[str, int]) -> None:
    base = profile(name)
    if all(is_tighter(base, key, value) for key, value in settings.items()):
        assert dict(tighten(base, settings).parameters) == {**base.parameters, **settings}
    else:
        with pytest.raises(ConfigurationError) as caught:
            tighten(base, settings)
        assert set(caught.value.names) <= set(settings)
    assert base == profile(name)


def is_tighter(base: Profile, key: str, value: int) -> bool:
    """Tell, from the data alone, whether a setting keeps or tightens a limit of `base`."""
    present = base.parameters[key]
    if parameters()[key].ceiling is not None:
        return min(1, present) <= value <= present
    return present <= value < 2**53


@given(st.sampled_from(NAMES), st.data())
def test_every_stricter_setting_is_accepted(name: str, draw: st.DataObject) -> None:
    base = profile(name)
    parameter = parameters()[draw.draw(st.sampled_from(sorted(parameters())))]
    present = base.parameters[parameter.id]
    lower, upper = (min(1, present), present) if parameter.ceiling is not None else (present, 2**53 - 1)
    value = draw.draw(st.integers(lower, upper))
    assert tighten(base, {parameter.id: value}).parameters[parameter.id] == value


def test_tightening_twice_cannot_go_back() -> None:
    once = tighten(profile("production"), {"max_age_days_token": 30})
    with pytest.raises(ConfigurationError, match="would loosen the limit of 30 days"):
        tighten(once, {"max_age_days_token": 60})


def test_a_tightened_profile_keeps_all_else() -> None:
    base = profile("development")
    result = tighten(base, {"min_value_length": 14})
    assert (result.name, result.optional, result.keys_beside_store) == (
        base.name,
        base.optional,
        base.keys_beside_store,
    )


def test_a_loosening_setting_is_refused_with_a_way_out() -> None:
    with pytest.raises(ConfigurationError) as caught:
        tighten(profile("production"), {"min_value_length": 12})
    assert caught.value.message == "min_value_length 12 would loosen the limit of 16 characters"
    assert caught.value.hint == "use 16 or more; to accept a finding, write a waiver"
    assert caught.value.names == ("min_value_length",)


@pytest.mark.parametrize("value", [0, -1, True, "30", 30.0])
def test_a_value_that_is_no_limit_is_refused(value: object) -> None:
    with pytest.raises(ConfigurationError, match="is no limit in days"):
        tighten(profile("production"), {"max_age_days_token": value})  # type: ignore[dict-item]


def test_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="'max_age'") as caught:
        tighten(profile("production"), {"max_age": 30})
    assert caught.value.names == ("max_age",)


def refused(data: Data) -> str:
    """Return the message with which `data` is refused."""
    with pytest.raises(ConfigurationError) as caught:
        build_profiles(data, CHECKS)
    assert caught.value.names
    return caught.value.message


def test_the_shipped_data_is_accepted(data: Data) -> None:
    assert build_profiles(data, CHECKS) == load()


def test_a_strict_profile_that_is_looser_is_refused(data: Data) -> None:
    data["profiles.toml"]["strict"]["parameters"]["data_key_days"] = 730
    assert refused(data) == "profiles.toml: strict is looser than production in data_key_days"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("keys_beside_store", "allowed"),
        ("algorithms", ["AES-256-GCM", "AES-128-CBC"]),
        ("formats", ["sealproof-env/1", "sealproof-env/0"]),
        ("optional", {"SEC-001": "it is in the way"}),
    ],
)
def test_a_strict_profile_that_allows_more_is_refused(data: Data, field: str, value: object) -> None:
    data["profiles.toml"]["strict"][field] = value
    assert refused(data).startswith("profiles.toml: strict is looser than production in ")


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("data_key_days", {"floor": 1}, "either ceiling or floor"),
        ("data_key_days", {"ceiling": 100}, "default 365 is looser than 100 allows"),
        ("audit_days", {"floor": 400}, "default 365 is looser than 400 allows"),
        ("data_key_days", {"checks": []}, "no check applies it"),
        ("data_key_days", {"checks": ["ROT-099"]}, "there is no check ROT-099"),
        ("data_key_days", {"default": 1.5}, "default must be an integer"),
        ("data_key_days", {"note": "x"}, "unknown field note"),
    ],
)
def test_a_broken_parameter_is_refused(data: Data, name: str, change: dict[str, object], message: str) -> None:
    data["parameters.toml"][name].update(change)
    assert message in refused(data)


def test_a_parameter_without_a_bound_is_refused(data: Data) -> None:
    del data["parameters.toml"]["data_key_days"]["ceiling"]
    assert "either ceiling or floor" in refused(data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parameters": {"max_age": 1}}, "there is no parameter max_age"),
        ({"parameters": {"data_key_days": 731}}, "data_key_days 731 is looser than 730 allows"),
        ({"optional": {"SEC-099": "why not"}}, "there is no check SEC-099"),
        ({"optional": {"SEC-011": ""}}, "SEC-011 must be text"),
        ({"algorithms": []}, "must each name one"),
        ({"formats": []}, "must each name one"),
        ({"keys_beside_store": "maybe"}, "keys_beside_store 'maybe' is none of"),
        ({"gate": "low"}, "unknown field gate"),
    ],
)
def test_a_broken_profile_is_refused(data: Data, change: dict[str, object], message: str) -> None:
    data["profiles.toml"]["development"].update(change)
    assert message in refused(data)


def test_a_fourth_profile_is_refused(data: Data) -> None:
    data["profiles.toml"]["lax"] = data["profiles.toml"]["development"]
    assert "unknown field lax" in refused(data)


def test_a_profile_shows_its_limits() -> None:
    assert "'audit_days': 365" in repr(profile("production"))


def test_profiles_are_read_once() -> None:
    assert load() is load()
    assert isinstance(profile("strict"), Profile)

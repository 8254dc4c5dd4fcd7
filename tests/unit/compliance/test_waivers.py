"""`waivers.toml`: one meaning, or a configuration error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealproof.compliance import catalogue, waivers
from sealproof.compliance.profiles import profile
from sealproof.errors import CallerError, ConfigurationError
from sealproof.signing import SigningKey

FIELDS = {
    "check": "ROT-001",
    "tenant": "aurora",
    "environment": "development",
    "resource": "aurora/development/DB_PASSWORD",
    "reason": "because",
    "owner": "dana",
    "approver": "sam",
    "created": "2027-01-10",
    "expires": "2027-02-05",
    "reference": "CHG-7",
}
KEY = SigningKey(bytes([3]) * 32)


def text(name: str = "W-1", **changes: str | None) -> bytes:
    fields = {key: value for key, value in (FIELDS | changes).items() if value is not None}
    return (f"[{name}]\n" + "".join(f'{key} = "{value}"\n' for key, value in fields.items())).encode()


def test_every_field_is_read() -> None:
    waiver = waivers.parse(text(compensating="SEC-018"), path="w")["W-1"].waiver
    assert (waiver.check, str(waiver.scope), waiver.resource) == ("ROT-001", "aurora", FIELDS["resource"])
    assert (waiver.created, waiver.expires, waiver.compensating) == ("2027-01-10", "2027-02-05", "SEC-018")


def test_a_toml_date_is_a_day_too() -> None:
    data = text().replace(b'"2027-01-10"', b"2027-01-10")
    assert waivers.parse(data, path="w") == waivers.parse(text(), path="w")


@pytest.mark.parametrize("name", FIELDS)
def test_a_missing_field_is_named(name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        waivers.parse(text(**{name: None}), path="w")
    assert name in caught.value.message


@pytest.mark.parametrize("name", [*FIELDS, "signature", "compensating"])
def test_a_blank_field_is_named(name: str) -> None:
    with pytest.raises(ConfigurationError):
        waivers.parse(text(**{name: " "}), path="w")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"check": "ROT-099"}, "no check"),
        ({"check": "rot-001"}, "no check"),
        ({"check": "*"}, "no check"),
        ({"check": "CMP-016"}, "judges the waivers"),
        ({"tenant": "*"}, "exact name"),
        ({"tenant": "Aurora"}, "exact name"),
        ({"environment": "*"}, "exact name"),
        ({"resource": "*"}, "no pattern"),
        ({"resource": "aurora/*"}, "no pattern"),
        ({"expires": "2027-02-30"}, "no day"),
        ({"expires": "2027"}, "no day"),
        ({"expires": "05.02.2027"}, "no day"),
        ({"expires": "2027-2-5"}, "no day"),
        ({"expires": "20270205"}, "no day"),
        ({"expires": "2027-W05-5"}, "no day"),
        ({"expires": "2027-02-05T12:00:00Z"}, "no day"),
        ({"expires": "2027-01-09"}, "before it begins"),
        ({"compensating": "ROT-001"}, "no other check"),
        ({"compensating": "SEC-099"}, "no other check"),
        ({"signature": "00"}, "64 bytes"),
        ({"sigature": "00"}, "unknown field"),
        ({"check": "CMP-018"}, "whole store"),
    ],
)
def test_what_cannot_be_meant_is_an_error(changes: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        waivers.parse(text(**changes), path="w")


def test_a_time_of_day_is_no_day() -> None:
    with pytest.raises(ConfigurationError, match="no day"):
        waivers.parse(text().replace(b'"2027-02-05"', b"2027-02-05T12:00:00Z"), path="w")


def test_six_checks_cannot_be_waived() -> None:
    assert set(waivers.UNWAIVABLE) == {"SEC-003", "SEC-004", "SEC-017", "PEN-001", "PEN-006", "LOD-002"}
    for check in waivers.UNWAIVABLE:
        with pytest.raises(ConfigurationError, match="cannot be waived"):
            waivers.parse(text(check=check), path="w")


def test_a_store_wide_check_has_no_tenant() -> None:
    waiver = waivers.parse(text(check="SEC-006", tenant=None, environment=None), path="w")["W-1"].waiver
    assert str(waiver.scope) == "store"
    with pytest.raises(ConfigurationError, match="looks at one tenant"):
        waivers.parse(text(check="SEC-006", tenant=None, environment=None, compensating="SEC-001"), path="w")


def test_critical_checks_are_waived_for_less() -> None:
    limits = profile("production").parameters
    lengths = {check.id: waivers.longest(check.id, limits) for check in catalogue.load().checks.values()}
    assert (lengths["SEC-001"], lengths["ROT-001"]) == (14, 30)
    assert waivers.longest("ROT-001", profile("strict").parameters) == 14


def test_a_signature_goes_where_its_waiver_stands_and_touches_nothing_else() -> None:
    before = b"# ours\n" + text("W-1") + b"\n# theirs\n" + text("W-2", signature="ab" * 64) + b"\n# the end"
    signature = waivers.parse(before, path="w")["W-2"].signed_by(KEY)
    after = waivers.with_signature(before, "W-2", signature, path="w")
    assert waivers.parse(after, path="w")["W-2"].signature.hex() == signature
    assert waivers.parse(after, path="w")["W-1"] == waivers.parse(before, path="w")["W-1"]
    assert set(before.splitlines()) - set(after.splitlines()) == {f'signature = "{"ab" * 64}"'.encode()}


def test_a_waiver_that_is_not_there_cannot_be_signed() -> None:
    with pytest.raises(CallerError, match="has no waiver"):
        waivers.with_signature(text(), "W-2", "00" * 64, path="w")


def test_a_waiver_in_another_spelling_is_left_alone() -> None:
    inline = b"W-1 = { " + b", ".join(text().splitlines()[1:]) + b" }\n"
    assert "W-1" in waivers.parse(inline, path="w")
    with pytest.raises(ConfigurationError, match="nothing was signed"):
        waivers.with_signature(inline, "W-1", "00" * 64, path="w")


@given(st.sampled_from(sorted(FIELDS)), st.text("abcXYZ-:./ 0129", min_size=1, max_size=20))
def test_no_field_can_change_under_a_signature(name: str, value: str) -> None:
    before = waivers.parse(text(), path="w")["W-1"]
    try:
        after = waivers.parse(text(**{name: value}), path="w")["W-1"]
    except ConfigurationError:
        return
    assert (after.message == before.message) == (after.waiver == before.waiver)


@given(st.binary(max_size=300))
def test_bytes_are_waivers_or_an_error(data: bytes) -> None:
    try:
        found = waivers.parse(data, path="w")
    except ConfigurationError:
        return
    assert not found

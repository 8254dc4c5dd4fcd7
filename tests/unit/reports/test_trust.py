"""Pinned keys: which may have signed, and on which days."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from sealproof.cli.reporting import trusted
from sealproof.errors import ConfigurationError, EvidenceRejected, MalformedFile
from sealproof.reports.trust import PinnedKey, read_pins, write_pins
from sealproof.reports.verify import verify
from sealproof.signing import public_to_pem

if TYPE_CHECKING:
    from pathlib import Path

    from sealproof.findings import RunResult
    from sealproof.signing import SigningKey

RUN_DAY = date(2026, 11, 23)
HOUR = 3_600_000  # milliseconds


def test_a_pem_is_a_key_without_limits(key: SigningKey) -> None:
    assert read_pins(public_to_pem(key.public), name="report.pub") == (PinnedKey(key.public),)


def test_a_file_of_keys_reads_back(key: SigningKey, other_key: SigningKey) -> None:
    pins = (PinnedKey(key.public, date(2026, 1, 1), date(2026, 12, 31)), PinnedKey(other_key.public, last=RUN_DAY))
    assert read_pins(write_pins(pins).encode(), name="keys.toml") == pins


def _file(**fields: object) -> bytes:
    lines = ['format = "sealproof-report-keys/1"', "[[key]]"]
    return "\n".join([*lines, *(f"{name} = {value}" for name, value in fields.items())]).encode()


PUBLIC = '"MCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="'


@pytest.mark.parametrize(
    ("text", "kind", "reason"),
    [
        (b"\xff", MalformedFile, "neither a public key in PEM nor a file of report keys"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", MalformedFile, "no Ed25519 public key"),
        (b'format = "sealproof-report-keys/2"\nkey = []', ConfigurationError, "no file of report keys"),
        (b'format = "sealproof-report-keys/1"', ConfigurationError, "no file of report keys"),
        (_file(public=PUBLIC, trusted="true"), ConfigurationError, "key 1 must have public"),
        (_file(public='"AAAA"'), ConfigurationError, "key 1: public is no Ed25519 public key"),
        (_file(public='"é"'), ConfigurationError, "key 1: public is no Ed25519 public key"),
        (_file(public=PUBLIC, until='"2026-2-1"'), ConfigurationError, "until '2026-2-1' is no day"),
        (_file(public=PUBLIC, until='"2026-02-30"'), ConfigurationError, "until '2026-02-30' is no day"),
        (_file(public=PUBLIC, until="2026-02-28"), ConfigurationError, "key 1 must have public"),
        (
            _file(public=PUBLIC, **{"from": '"2026-02-02"'}, until='"2026-02-01"'),
            ConfigurationError,
            "ends on 2026-02-01, before it begins on 2026-02-02",
        ),
    ],
)
def test_what_is_no_file_of_keys_is_refused(text: bytes, kind: type[Exception], reason: str) -> None:
    with pytest.raises(kind, match=reason):
        read_pins(text, name="keys.toml")


@pytest.mark.parametrize(
    ("first", "last"), [(None, None), (RUN_DAY, RUN_DAY), (date(2026, 1, 1), None), (None, date(2027, 1, 1))]
)
def test_a_key_of_its_time_is_accepted(
    report: Path, run: RunResult, key: SigningKey, first: date | None, last: date | None
) -> None:
    assert verify(report, [PinnedKey(key.public, first, last)]) == run


@pytest.mark.parametrize(("first", "last"), [(date(2026, 11, 24), None), (None, date(2026, 11, 22))])
def test_a_key_of_another_time_is_refused(report: Path, key: SigningKey, first: date | None, last: date | None) -> None:
    with pytest.raises(
        EvidenceRejected, match=r"^step 5: key 56475aa75463474c \(.*\) was not valid when the run ended"
    ):
        verify(report, [PinnedKey(key.public, first, last)])


def test_a_true_report_of_long_ago_is_refused_where_an_age_is_asked(run: RunResult) -> None:
    now = time.time_ns() // 1_000_000
    young = replace(run, ended=now - 5 * HOUR)
    for hours in (0, 6):
        trusted._young_enough(young, hours)
    with pytest.raises(
        EvidenceRejected, match="true and 5 h old, 5 h are allowed: an earlier run was put in its place"
    ):
        trusted._young_enough(young, 5)

"""Anchors outside the file."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vector_maker.second import EXAMPLE
from vector_maker.store import mark

from sealproof.envelope.freshness import CLOCK_SKEW, Freshness, Mark, parse_minimum
from sealproof.envelope.parse import Envelope, parse
from sealproof.errors import MalformedFile, StaleFile

from .laboratory import DATA, NOW

ENVELOPE = parse(DATA)
SAVED = EXAMPLE.saved
EXPIRES = SAVED + 86_400
EXPIRING = parse(EXAMPLE.but(expires=EXPIRES).to_bytes())


def fresh(envelope: Envelope, **anchors: object) -> bool:
    try:
        Freshness(**anchors).check(envelope)  # type: ignore[arg-type]
    except StaleFile:
        return False
    return True


def test_without_anchor_everything_is_accepted_and_called_unprotected() -> None:
    for now in (0, NOW, 2**53):
        assert fresh(ENVELOPE, now=now)
    assert Freshness(now=NOW).protection(ENVELOPE) == "not protected"


@pytest.mark.parametrize(
    ("minimum", "accepted"), [(0, True), (1, True), (6, True), (7, True), (8, False), (2**53 - 1, False)]
)
def test_pinned_minimum(minimum: int, accepted: bool) -> None:
    assert fresh(ENVELOPE, now=NOW, minimum=minimum) is accepted


@pytest.mark.parametrize(
    ("generation", "of", "accepted"),
    [(6, b"another", True), (7, DATA, True), (7, b"another", False), (8, DATA, False), (8, b"another", False)],
)
def test_high_water_mark(generation: int, of: bytes, accepted: bool) -> None:
    seen = Mark.parse(mark("acme", "production", generation, of), tenant="acme", environment="production")
    assert fresh(ENVELOPE, now=NOW, mark=seen) is accepted


@pytest.mark.parametrize(
    ("now", "accepted"),
    [
        (SAVED - CLOCK_SKEW - 1, False),
        (SAVED - CLOCK_SKEW, True),
        (SAVED, True),
        (EXPIRES, True),
        (EXPIRES + 1, False),
        (0, False),
        (2**53, False),
    ],
)
def test_expiry_and_clock(now: int, accepted: bool) -> None:
    assert fresh(EXPIRING, now=now) is accepted
    assert fresh(ENVELOPE, now=now), "without an expiry the clock is not asked"


def test_strongest_anchor_speaks_first() -> None:
    newer = Mark("acme", "production", 9, "0" * 64)
    with pytest.raises(StaleFile, match="minimum is 8"):
        Freshness(now=EXPIRES + 1, minimum=8, mark=newer).check(EXPIRING)
    with pytest.raises(StaleFile, match="has seen 9"):
        Freshness(now=EXPIRES + 1, minimum=7, mark=newer).check(EXPIRING)
    with pytest.raises(StaleFile, match="another generation 7"):
        Freshness(now=EXPIRES + 1, mark=Mark("acme", "production", 7, "0" * 64)).check(EXPIRING)
    with pytest.raises(StaleFile, match="expired"):
        Freshness(now=EXPIRES + 1).check(EXPIRING)
    with pytest.raises(StaleFile, match="301 seconds ahead"):
        Freshness(now=SAVED - 301).check(EXPIRING)


def test_protection_names_the_strongest_anchor() -> None:
    seen = Mark.of(ENVELOPE)
    assert Freshness(now=NOW, minimum=3, mark=seen).protection(EXPIRING) == "protected: generation at least 3"
    assert Freshness(now=NOW, mark=seen).protection(EXPIRING) == "protected: high-water mark 7"
    day = datetime.fromtimestamp(EXPIRES, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    assert Freshness(now=NOW).protection(EXPIRING) == f"protected until expiry at {day}"
    last = parse(EXAMPLE.but(expires=2**53 - 1).to_bytes())
    assert Freshness(now=NOW).protection(last).startswith("protected until expiry at 285428751-11-12 ")


def test_mark_of_a_file_comes_back() -> None:
    text = Mark.of(ENVELOPE).to_bytes()
    assert text == mark("acme", "production", 7, DATA)
    read = Mark.parse(text, tenant="acme", environment="production")
    assert (read.tenant, read.environment, read.generation, read.to_bytes()) == ("acme", "production", 7, text)


@settings(deadline=None)
@given(st.binary(max_size=60), st.integers(0, 200), st.integers(0, 60))
def test_mutated_mark_is_malformed_or_the_same_statement(inserted: bytes, start: int, removed: int) -> None:
    text = Mark.of(ENVELOPE).to_bytes()
    mutated = text[:start] + inserted + text[start + removed :]
    try:
        read = Mark.parse(mutated, tenant="acme", environment="production")
    except MalformedFile:
        return
    assert read.to_bytes() == mutated


@pytest.mark.parametrize(("text", "value"), [("1", 1), ("7", 7), (str(2**53 - 1), 2**53 - 1)])
def test_minimum_is_read(text: str, value: int) -> None:
    assert parse_minimum(text) == value


@pytest.mark.parametrize(
    "text", ["", "0", "07", "-1", "+1", "1.0", "1e3", " 7", "7\n", "\u0667", "seven", str(2**53), "9" * 5000]
)
def test_what_is_no_minimum_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the caller writes its own text
        parse_minimum(text)

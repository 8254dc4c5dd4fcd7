"""Merging: line by line, or refused by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vector_maker.positives import OTHER_READER, OTHER_WRITER
from vector_maker.second import EXAMPLE, Recipient, SealedFile, fixed

from sealproof.envelope.freshness import Freshness, Mark
from sealproof.envelope.grammar import SEALS_MAX
from sealproof.envelope.merge import merge
from sealproof.envelope.parse import parse
from sealproof.envelope.seal import add_reader, edit, rekey, stored
from sealproof.errors import CannotOpen, LimitExceeded, MalformedFile, MergeConflict, StaleFile
from sealproof.signing import SigningKey

if TYPE_CHECKING:
    from sealproof.envelope.keyfile import KeyLine

from .laboratory import DATA, KEYS, NOW, VALUES, WRITER, epoch_key, lines_of, opened, sealed

LATER = NOW + 50


def changed(data: bytes, removals: tuple[str, ...] = (), *, expires: int | None = None, **changes: bytes) -> bytes:
    return edit(opened(data), changes=changes, removals=removals, expires=expires, writer=WRITER, now=NOW)


def merged(
    base: bytes, ours: bytes, theirs: bytes, *, keys: tuple[KeyLine, ...] = KEYS, freshness: Freshness | None = None
) -> bytes:
    return merge(
        base,
        ours,
        theirs,
        tenant="acme",
        environment="production",
        keys=iter(keys),
        freshness=freshness or Freshness(now=LATER),
        writer=WRITER,
    )


def conflict(base: bytes, ours: bytes, theirs: bytes) -> tuple[str, ...]:
    with pytest.raises(MergeConflict) as refused:
        merged(base, ours, theirs)
    return refused.value.names


def test_edits_of_different_lines_are_united() -> None:
    ours = changed(changed(DATA, DB_PASSWORD=b"ours"), ADDED_BY_US=b"a")
    theirs = changed(DATA, ("DB_PASSWORD.pending",), ADDED_BY_THEM=b"b", GREETING=b"theirs")
    data = merged(DATA, ours, theirs)
    assert opened(data).values() == {
        "ADDED_BY_THEM": b"b",
        "ADDED_BY_US": b"a",
        "DB_PASSWORD": b"ours",
        "GREETING": b"theirs",
    }
    envelope = parse(data)
    assert envelope.generation == max(parse(ours).generation, parse(theirs).generation) + 1 == 10
    assert envelope.seals == 7 + 7 - 5
    assert envelope.saved == LATER
    assert set(lines_of(data)[:-1]) <= set(lines_of(ours)) | set(lines_of(theirs))


def test_merge_is_the_same_from_both_sides_but_for_the_signature() -> None:
    ours, theirs = changed(DATA, A=b"a"), changed(DATA, B=b"b")
    assert merged(DATA, ours, theirs) == merged(DATA, theirs, ours)


def test_generation_is_above_both_sides() -> None:
    ours, theirs = changed(DATA, A=b"a"), changed(changed(changed(DATA, B=b"b"), C=b"c"), D=b"d")
    assert parse(merged(DATA, ours, theirs)).generation == parse(merged(DATA, theirs, ours)).generation == 11


def test_unchanged_side_takes_the_others() -> None:
    theirs = changed(DATA, A=b"a")
    assert lines_of(merged(DATA, DATA, theirs))[:-1] == lines_of(theirs)[:-1]
    assert lines_of(merged(DATA, theirs, DATA))[:-1] == lines_of(theirs)[:-1]
    assert parse(merged(DATA, DATA, DATA)).generation == 8


def test_same_line_on_both_sides_is_no_conflict() -> None:
    ours = changed(DATA, A=b"a")
    assert lines_of(merged(DATA, ours, ours))[:-1] == lines_of(ours)[:-1]
    removed = changed(DATA, ("GREETING",))
    assert "GREETING" not in opened(merged(DATA, removed, changed(removed, B=b"b"))).values()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"GREETING": b"1"}, {"GREETING": b"2"}),
        ({"GREETING": b"1"}, {"GREETING": b"1"}),
        ({"NEW": b"1"}, {"NEW": b"1"}),
        ({"GREETING": b"1"}, {"removals": ("GREETING",)}),
        ({"removals": ("GREETING",)}, {"GREETING": b"1"}),
    ],
)
def test_both_sides_on_one_name_are_refused_by_name(ours: dict[str, bytes], theirs: dict[str, bytes]) -> None:
    """Equal values conflict too: they are two lines, and a merge opens none."""
    name = "NEW" if "NEW" in ours else "GREETING"
    assert conflict(DATA, changed(DATA, **ours), changed(DATA, **theirs)) == (name,)  # type: ignore[arg-type]


def test_every_conflict_is_named() -> None:
    ours, theirs = changed(DATA, Z=b"1", A=b"1", GREETING=b"1", M=b"1"), changed(DATA, A=b"2", GREETING=b"2", Z=b"2")
    assert conflict(DATA, ours, theirs) == ("A", "GREETING", "Z")


def test_readers_are_merged_like_entries() -> None:
    third = Recipient(fixed("third"), fixed("third ephemeral"))
    ours = add_reader(opened(DATA), OTHER_READER.public, writer=WRITER, now=NOW)
    theirs = add_reader(opened(DATA), third.public, writer=WRITER, now=NOW)
    assert len(parse(merged(DATA, ours, theirs)).readers) == 3
    again = add_reader(opened(DATA), OTHER_READER.public, writer=WRITER, now=NOW)
    assert conflict(DATA, ours, again) == tuple(
        reader.text for reader in parse(ours).readers if reader.public == OTHER_READER.public
    )


def test_new_data_key_or_epoch_on_one_side_is_refused() -> None:
    unlocked = opened(DATA)
    renewed = rekey(unlocked, stored(unlocked), epoch_key(), writer=WRITER, now=NOW)
    edited = changed(DATA, A=b"a")
    for ours, theirs in ((renewed, edited), (edited, renewed)):
        with pytest.raises(MergeConflict, match="new epoch or data key"):
            merged(DATA, ours, theirs)
    with pytest.raises(MergeConflict, match="new epoch or data key"):
        merged(sealed(VALUES), edited, edited)


def test_side_older_than_the_base_is_refused() -> None:
    newer = changed(DATA, A=b"a")
    for ours, theirs in ((DATA, newer), (newer, DATA)):
        with pytest.raises(MergeConflict, match="older than the common ancestor"):
            merged(newer, ours, theirs)
    fewer = EXAMPLE.but(seals=4, generation=8).to_bytes()
    for ours, theirs in ((DATA, fewer), (fewer, DATA)):
        with pytest.raises(MergeConflict, match="older than the common ancestor"):
            merged(DATA, ours, theirs)


EXPIRIES = {"base": 0, "one": LATER + 100, "other": LATER + 200}


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "expected"),
    [
        ("base", "base", "base", "base"),
        ("base", "one", "base", "one"),
        ("base", "base", "one", "one"),
        ("base", "one", "one", "one"),
        ("base", "one", "other", None),
        ("one", "base", "other", None),
        ("one", "base", "one", "base"),
        ("one", "one", "base", "base"),
        ("one", "base", "base", "base"),
    ],
)
def test_expiry_merges_like_a_line(base: str, ours: str, theirs: str, expected: str | None) -> None:
    start = EXAMPLE.but(expires=EXPIRIES[base]).to_bytes()
    sides = [changed(start, A=b"a", expires=EXPIRIES[ours]), changed(start, B=b"b", expires=EXPIRIES[theirs])]
    if expected is None:
        assert conflict(start, *sides) == ("expires",)
    else:
        assert parse(merged(start, *sides)).expires == EXPIRIES[expected]


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (EXAMPLE.but(writer=OTHER_WRITER).to_bytes(), CannotOpen),
        (EXAMPLE.but(tenant="other").to_bytes(), CannotOpen),
        (EXAMPLE.close(EXAMPLE.lines(), mac=bytes(32)), CannotOpen),
        (b"", MalformedFile),
        (DATA[:-1], MalformedFile),
        (b"<<<<<<< ours\n", MalformedFile),
    ],
)
def test_every_side_is_authenticated(place: int, wrong: bytes, error: type[Exception]) -> None:
    sides = [DATA, DATA, DATA]
    sides[place] = wrong
    with pytest.raises(error):
        merged(*sides)


def test_only_ours_has_to_be_fresh() -> None:
    ours, theirs = changed(changed(DATA, A=b"a"), B=b"b"), changed(DATA, C=b"c")
    anchors = {"minimum": 9, "mark": Mark.of(parse(ours))}
    assert parse(merged(DATA, ours, theirs, freshness=Freshness(now=LATER, **anchors))).generation == 10
    with pytest.raises(StaleFile):
        merged(DATA, theirs, ours, freshness=Freshness(now=LATER, **anchors))


def test_other_sides_may_be_past_their_expiry() -> None:
    base = EXAMPLE.but(expires=LATER - 1).to_bytes()
    ours = changed(base, expires=LATER + 100)
    assert (
        opened(merged(base, ours, changed(base, A=b"a")), freshness=Freshness(now=LATER)).envelope.expires
        == LATER + 100
    )
    with pytest.raises(StaleFile):
        merged(base, changed(base, A=b"a"), ours)


def test_merge_keeps_count_past_the_seal_limit_and_the_next_edit_renews_the_key() -> None:
    base = EXAMPLE.but(seals=SEALS_MAX - 1).to_bytes()
    data = merged(base, changed(base, A=b"a"), changed(base, B=b"b"))
    assert parse(data).seals == SEALS_MAX + 1
    renewed = edit(opened(data), changes={"C": b"c"}, writer=WRITER, now=NOW, epoch_key=epoch_key())
    assert parse(renewed).seals == 6


def test_merge_past_the_entry_limit_is_refused() -> None:
    base = sealed({f"N{number:04}": b"" for number in range(4095)})
    with pytest.raises(LimitExceeded):
        merged(base, changed(base, OURS=b""), changed(base, THEIRS=b""))


def test_merge_trusts_the_base_that_it_is_given() -> None:
    """A documented limit: with the newer side passed off as the base, a longer old branch takes a change back."""
    ours = changed(DATA, DB_PASSWORD=b"new")
    branch = DATA
    for number in range(3):
        branch = changed(branch, A=str(number).encode())
    assert opened(merged(DATA, ours, branch)).values()["DB_PASSWORD"] == b"new", "the true base keeps it"
    assert opened(merged(ours, ours, branch)).values()["DB_PASSWORD"] == VALUES["DB_PASSWORD"]


def test_merger_signs() -> None:
    file: SealedFile = EXAMPLE.but(writer=OTHER_WRITER)
    data = merge(
        DATA,
        DATA,
        changed(DATA, A=b"a"),
        tenant="acme",
        environment="production",
        keys=KEYS,
        freshness=Freshness(now=LATER),
        writer=SigningKey(file.writer),
    )
    assert parse(data).writer == SigningKey(OTHER_WRITER).public


names = st.sampled_from(["A", "B", "B.pending", "C", "D", "E_", "f"])
values = st.sampled_from([b"", b"1", b"2"])
contents = st.dictionaries(names, values, max_size=5)
edits = st.dictionaries(names, st.one_of(st.none(), values), max_size=4)


def apply(data: bytes, side: dict[str, bytes | None]) -> bytes:
    changes = {name: value for name, value in side.items() if value is not None}
    removals = [name for name, value in side.items() if value is None]
    return edit(opened(data), changes=changes, removals=removals, writer=WRITER, now=NOW)


def effective(start: dict[str, bytes], side: dict[str, bytes | None]) -> dict[str, bytes | None]:
    return {name: value for name, value in side.items() if start.get(name) != value}


@settings(deadline=None)
@given(contents, edits, edits)
def test_disjoint_edits_unite_and_overlapping_ones_name_exactly_the_overlap(
    start: dict[str, bytes], ours: dict[str, bytes | None], theirs: dict[str, bytes | None]
) -> None:
    base = sealed(start)
    one, other = effective(start, ours), effective(start, theirs)
    # Both removing a name agree; both setting it do not, even to one value: the lines differ.
    overlap = sorted(name for name in one.keys() & other.keys() if (one[name], other[name]) != (None, None))
    sides = apply(base, ours), apply(base, theirs)
    if overlap:
        assert conflict(base, *sides) == tuple(overlap)
        return
    data = merged(base, *sides)
    assert opened(data).values() == {
        name: value for name, value in {**start, **one, **other}.items() if value is not None
    }
    counts = [parse(text).seals for text in (base, *sides, data)]
    assert counts[3] == counts[1] + counts[2] - counts[0]

"""What someone without the keys can do to the bytes: sections A to D and F of the attack table, on the format alone.

The expected error of a mutation comes from `reference.verdict`, a second reading of the grammar: what
is no file of the format gives the error of step 1, everything else CannotOpen. Nothing ever opens.
"""

from __future__ import annotations

import itertools
import os
import random

import pytest
from vector_maker.positives import OTHER_READER, OTHER_WRITER
from vector_maker.second import EXAMPLE, Secret, b64, fixed, key_file, writer_public

from sealproof.envelope.freshness import Freshness, Mark
from sealproof.envelope.keyfile import parse_keys
from sealproof.envelope.open import diagnose
from sealproof.envelope.parse import parse
from sealproof.envelope.seal import SealedValue, create, edit

from .laboratory import DATA, KEYS, NOW, READER_KEYS, WRITER, epoch_key, lines_of, opened, refusal, sealed
from .reference import verdict

ENTRIES = 1000
LARGE = sealed(
    {f"NAME_{number:04}": f"value {number}".encode() * (number % 7) for number in range(ENTRIES)},
    readers=[OTHER_READER.public],
)
SEED = 20260


def expected(data: bytes) -> str:
    return verdict(data) or "CannotOpen"


def assert_refused(data: bytes) -> None:
    assert refusal(data) == expected(data)


def test_untouched_files_open() -> None:
    """The control: before any attack is believed."""
    assert refusal(DATA) == refusal(DATA, keys=READER_KEYS) == refusal(LARGE) == ""
    assert verdict(DATA) == verdict(LARGE) == ""


def test_sealed_file_is_no_dotenv_text() -> None:
    """A9: there is no `=` for a plain loader to find."""
    assert b"=" not in DATA
    assert b"=" not in LARGE


def test_every_bit_of_every_byte() -> None:
    """A1. Also: how many of the flips get past the grammar, so that the cryptography is known to be asked."""
    past_grammar = 0
    for index, byte in enumerate(DATA):
        for bit in range(8):
            flipped = DATA[:index] + bytes([byte ^ 1 << bit]) + DATA[index + 1 :]
            assert_refused(flipped)
            past_grammar += not verdict(flipped)
    assert past_grammar > 1000


def test_every_bit_of_every_byte_for_a_reader() -> None:
    for index, byte in enumerate(DATA):
        flipped = DATA[:index] + bytes([byte ^ 1 << index % 8]) + DATA[index + 1 :]
        assert refusal(flipped, keys=READER_KEYS) == expected(flipped)


def test_every_truncation() -> None:
    """A2."""
    for length in range(len(DATA)):
        assert_refused(DATA[:length])
        assert_refused(DATA[length + 1 :])


@pytest.mark.parametrize(
    "tail", [b"\0", b"x", b"\n", b"\r\n", b"{}\n", b" ", b"A=b\n", DATA, DATA.splitlines(keepends=True)[-1]]
)
def test_trailing_data(tail: bytes) -> None:
    """A3."""
    assert refusal(DATA + tail) == "MalformedFile"


def test_every_byte_dropped_or_doubled() -> None:
    for index in range(len(DATA)):
        assert_refused(DATA[:index] + DATA[index + 1 :])
        assert_refused(DATA[: index + 1] + DATA[index:])


def test_every_line_dropped_doubled_moved_or_swapped() -> None:
    """A4: the set of lines is authenticated, not only each line."""
    lines = lines_of(DATA)
    for index, line in enumerate(lines):
        rest = lines[:index] + lines[index + 1 :]
        assert_refused(b"".join(rest))
        for place in range(len(rest) + 1):
            if place != index:
                assert_refused(b"".join([*rest[:place], line, *rest[place:]]))
        for place in range(len(lines) + 1):
            assert_refused(b"".join([*lines[:place], line, *lines[place:]]))
    for one, other in itertools.combinations(range(len(lines)), 2):
        swapped = list(lines)
        swapped[one], swapped[other] = swapped[other], swapped[one]
        assert_refused(b"".join(swapped))


OTHERS = {
    "tenant": EXAMPLE.but(tenant="other", epoch_key=fixed("other"), dek=fixed("other dek")),
    "tenant_under_the_same_keys": EXAMPLE.but(tenant="other"),
    "environment": EXAMPLE.but(environment="staging"),
    "epoch": EXAMPLE.but(epoch=2, epoch_key=fixed("epoch 2"), dek=fixed("epoch 2 dek")),
    "file": EXAMPLE.but(dek=fixed("another file"), key_nonce=fixed("nonce", 12)),
    "older_generation": EXAMPLE.but(
        generation=6,
        seals=4,
        secrets=(Secret("DB_PASSWORD", 1, 1_600_000_000, b"battery staple", fixed("older", 12)), *EXAMPLE.secrets[1:]),
    ),
    "writer": EXAMPLE.but(
        writer=OTHER_WRITER, secrets=(Secret("DB_PASSWORD", 3, NOW, b"x", fixed("x", 12)), *EXAMPLE.secrets[1:])
    ),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_every_mix_of_lines_with_another_file(other: object) -> None:
    """B1, B2, C2, A5: each line, each pair, each set of lines taken over from elsewhere."""
    theirs = lines_of(other.to_bytes())  # type: ignore[attr-defined]
    ours = lines_of(DATA)
    whole = {DATA, b"".join(theirs)}
    for mask in itertools.product((0, 1), repeat=len(ours)):
        mixed = b"".join(pair[chosen] for pair, chosen in zip(zip(ours, theirs, strict=True), mask, strict=True))
        if mixed not in whole:
            assert refusal(mixed) == expected(mixed) == "CannotOpen"


@pytest.mark.parametrize("name", [name for name in OTHERS if name not in {"older_generation", "file"}])
def test_whole_other_file(name: str) -> None:
    """B1, B3. (`file` is a good file of this very scope; `older_generation` is below.)"""
    assert refusal(OTHERS[name].to_bytes()) == "CannotOpen"


def test_whole_older_file_is_what_an_anchor_is_for() -> None:
    """C1: not detected by the file, refused by any anchor."""
    older = OTHERS["older_generation"].to_bytes()
    assert refusal(older) == ""
    assert refusal(older, freshness=Freshness(now=NOW, minimum=7)) == "StaleFile"
    assert refusal(older, freshness=Freshness(now=NOW, mark=Mark.of(parse(DATA)))) == "StaleFile"
    assert Freshness(now=NOW).protection(parse(older)) == "not protected"


def test_every_pair_of_sealed_values_exchanged() -> None:
    """A5, with the rest of both lines in place."""
    data = DATA.decode()
    sealed_values = [b64(entry.sealed) for entry in parse(DATA).entries]
    for one, other in itertools.combinations(sealed_values, 2):
        swapped = data.replace(one, "*").replace(other, one).replace("*", other).encode()
        assert refusal(swapped) == "CannotOpen"


def test_every_field_of_another_file() -> None:
    """A7: every quoted or bare field, taken from the same place of the other files."""
    for other in OTHERS.values():
        for number, (ours, theirs) in enumerate(zip(lines_of(DATA), lines_of(other.to_bytes()), strict=True)):
            parts, foreign = ours.split(b","), theirs.split(b",")
            for index in range(len(parts)):
                if parts[index] == foreign[index]:
                    continue
                line = b",".join([*parts[:index], foreign[index], *parts[index + 1 :]])
                mixed = b"".join([*lines_of(DATA)[:number], line, *lines_of(DATA)[number + 1 :]])
                assert refusal(mixed) == "CannotOpen"


def test_sampled_attacks_on_a_large_file() -> None:
    """A1, A2, A4 on a thousand entries; the seed is fixed."""
    source = random.Random(SEED)
    lines = lines_of(LARGE)
    for _ in range(300):
        index = source.randrange(len(LARGE))
        assert_refused(LARGE[:index] + bytes([LARGE[index] ^ 1 << source.randrange(8)]) + LARGE[index + 1 :])
    for _ in range(60):
        assert_refused(LARGE[: source.randrange(len(LARGE))])
    for _ in range(60):
        one, other = sorted(source.sample(range(3, len(lines) - 1), 2))
        swapped = list(lines)
        swapped[one], swapped[other] = swapped[other], swapped[one]
        assert_refused(b"".join(swapped))
        assert_refused(b"".join(lines[:one] + lines[one + 1 :]))
        moved = lines[one].replace(lines[one].split(b'"')[-2], lines[other].split(b'"')[-2])
        assert refusal(b"".join([*lines[:one], moved, *lines[one + 1 :]])) == "CannotOpen"


def test_random_mutations_give_documented_errors_only() -> None:
    """F5: 10,000 mutations, of which none opens unless it is the file itself."""
    source = random.Random(SEED)
    lines = lines_of(DATA)
    for _ in range(10_000):
        data = bytearray(b"".join(source.choices(lines, k=source.randrange(9)) if source.random() < 0.1 else lines))
        for _ in range(source.randrange(1, 5)):
            start = source.randrange(len(data) + 1)
            stop = start + source.choice((0, 0, 1, 1, 2, 40))
            data[start:stop] = source.choice(
                (b"", b'"', b"0", b"\n", b",", data[stop : stop + 9], os.urandom(2), b"\\", b"}")
            )
        mutated = bytes(data)
        assert refusal(mutated) == ("" if mutated == DATA else expected(mutated))


def test_stranger_with_a_readers_public_key() -> None:
    """The documented reason for the signature: every other step passes for the reader."""
    stranger = EXAMPLE.but(dek=os.urandom(32), epoch_key=os.urandom(32), writer=OTHER_WRITER, generation=99)
    naming = stranger.close(stranger.lines(), head=stranger.trailer_head(writer=b64(writer_public(EXAMPLE.writer))))
    for forged in (stranger.to_bytes(), naming):
        assert refusal(forged, keys=READER_KEYS) == "CannotOpen"
        assert diagnose(forged, tenant="acme", environment="production", keys=READER_KEYS) == 5
        assert diagnose(forged, tenant="acme", environment="production", keys=KEYS) == 3
    pinned = parse_keys(key_file(EXAMPLE.but(epoch_key=stranger.epoch_key).epoch_line(OTHER_WRITER)))
    assert refusal(stranger.to_bytes(), keys=pinned) == "", "the forgery is whole but for its writer"


def test_signature_of_the_same_writer_over_another_file() -> None:
    """D9: extended, cut, moved from file to file."""
    other = OTHERS["older_generation"]
    moved = other.sign(other.to_bytes().split(b',"signature"')[0])
    own = EXAMPLE.sign(DATA.split(b',"signature"')[0])
    for signature in (moved, own[32:] + own[:32], own[:32] + bytes(32), bytes(32) + own[32:], b"\xff" * 64):
        assert refusal(EXAMPLE.close(EXAMPLE.lines(), signature=signature)) == "CannotOpen"
    assert refusal(EXAMPLE.close(EXAMPLE.lines(), signature=own)) == ""


def longest_common_run(one: bytes, other: bytes, size: int = 8) -> bool:
    runs = {one[index : index + size] for index in range(len(one) - size + 1)}
    return any(other[index : index + size] in runs for index in range(len(other) - size + 1))


def test_equal_values_look_unlike() -> None:
    """D2: two names, two tenants, two writes, two versions; no run of 8 bytes in common."""
    value = b"the same value everywhere"
    files = [sealed({"A": value, "B": value}) for _ in range(2)]
    other = EXAMPLE.but(tenant="other")
    files.append(create(epoch_key(other), {"A": SealedValue(value, 1, NOW)}, writer=WRITER, now=NOW))
    back = edit(
        opened(edit(opened(files[0]), changes={"A": b"x"}, writer=WRITER, now=NOW)),
        changes={"A": value},
        writer=WRITER,
        now=NOW,
    )
    sealed_values = [entry.sealed for data in [*files, back] for entry in parse(data).entries]
    unlike = [one for one in sealed_values if sealed_values.count(one) == 1]
    assert len(sealed_values) - len(unlike) == 2, "only the line that no edit touched is the same"
    for one, two in itertools.combinations(set(sealed_values), 2):
        assert not longest_common_run(one, two)


def test_same_line_fields_seal_unlike() -> None:
    """Name, version and time equal, as after a removal and a new start within one second: only the nonce differs."""
    data = sealed({"A": b"v"})
    gone = edit(opened(data), changes={"B": b""}, removals=["A"], writer=WRITER, now=NOW)
    again = edit(opened(gone), changes={"A": b"v"}, writer=WRITER, now=NOW)
    first, second = (parse(text).entries[0] for text in (data, again))
    assert (first.name, first.version, first.updated) == (second.name, second.version, second.updated)
    assert not longest_common_run(first.sealed, second.sealed)


def test_nonces_never_repeat() -> None:
    """D1, in memory: 20,000 seals in five files, and 400 saves of one file under one data key."""
    nonces = []
    for _ in range(5):
        envelope = parse(sealed({f"N{number}": b"" for number in range(4000)}))
        nonces += [entry.sealed[:12] for entry in envelope.entries] + [envelope.wrapped[:12]]
    data = sealed({"A": b"0"})
    for number in range(1, 401):
        data = edit(opened(data), changes={"A": str(number).encode()}, writer=WRITER, now=NOW)
        nonces.append(parse(data).entries[0].sealed[:12])
    assert len(set(nonces)) == len(nonces) == 20_405
    for column in range(12):  # a counter would leave a column of few values
        assert len({nonce[column] for nonce in nonces}) == 256
    assert parse(data).seals == 401


def test_copy_written_twice_repeats_no_nonce() -> None:
    """D1, a restored copy: the data key is the same on both branches, so the nonce must come from the system."""
    base = sealed({"A": b"v"})
    branches = [parse(edit(opened(base), changes={"A": b"w"}, writer=WRITER, now=NOW)) for _ in range(50)]
    assert len({branch.entries[0].sealed[:12] for branch in branches}) == 50
    assert len({branch.key_line for branch in branches}) == 1


def test_sizes_are_the_declared_steps() -> None:
    """D3: 28 + 32n bytes, whatever the value; lengths that share a step cannot be told apart."""
    data = sealed({f"L{length:03}": b"v" * length for length in range(513)})
    sizes = {int(entry.name[1:]): len(entry.sealed) for entry in parse(data).entries}
    assert sizes == {length: 28 + 32 * -(-(4 + length) // 32) for length in range(513)}
    assert len(set(sizes.values())) == 17


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"DB_PASSWORD=plain\n",
        b"export A=b\n",
        b"---\nA: b\n",
        b'{"A":"b"}\n',
        b"[" * 100_000 + b"\n",
        b"\x80\x04K\x01.\n",
        b"!!python/object/apply:os.system ['true']\n",
        b"__import__('os').abort()\n",
        b"\x1f\x8b\x08\0\0\0\0\0\n",
        b"PK\x03\x04\n",
    ],
)
def test_other_formats_are_malformed(text: bytes) -> None:
    """A9, F1, F2: plain text, code in data, nesting; nothing falls back to another reader."""
    assert refusal(text) == "MalformedFile"


@pytest.mark.parametrize("algorithm", ["none", "AES-128-GCM", "A256CBC", "AES-256-GCM", ""])
def test_there_is_no_algorithm_to_name(algorithm: str) -> None:
    """A8: nothing to negotiate, so naming one is a fault of the grammar."""
    for line, field in ((0, b'"tenant"'), (1, b'"wrapped"'), (3, b'"name"'), (6, b'"generation"')):
        lines = lines_of(DATA)
        lines[line] = lines[line].replace(field, b'"algorithm":"%b",' % algorithm.encode() + field)
        assert refusal(b"".join(lines)) == "MalformedFile"

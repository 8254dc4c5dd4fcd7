"""The container: what it is made of, and that nothing else opens."""

from __future__ import annotations

import importlib.util
import json
import random
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealproof.envelope import cipher
from sealproof.errors import (
    CannotOpen,
    ConfigurationError,
    EvidenceRejected,
    LimitExceeded,
    MalformedFile,
    SealproofError,
    UnsupportedFormat,
)
from sealproof.vault.backup import header as headers
from sealproof.vault.backup.entries import MANIFEST, Manifest, checked, entries_of, head_line, is_path
from sealproof.vault.backup.header import Identity, Recipients
from sealproof.vault.backup.opening import verify
from sealproof.vault.backup.stream import CHUNK, SEALED_CHUNK, Chunks, Sealer, opened

from .conftest import PRIVATE

VECTORS = Path(__file__).parents[3] / "vectors"
_spec = importlib.util.spec_from_file_location("make_backup", VECTORS / "make_backup.py")
_maker = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_maker)
PASSPHRASE = "nine-lanterns-drift-past-the-quiet-harbour-42"
KEY, HEADER = bytes(range(32)), b"header\n"


def counted(seed=0):
    """Return a random source that gives the same bytes each time: for vectors only."""
    return random.Random(seed).randbytes


def sealed(plain, key=KEY, header=HEADER):
    pieces = []
    sealer = Sealer(key, header, pieces.append)
    sealer.feed(plain)
    sealer.finish()
    return b"".join(pieces)


def reader(data):
    position = 0

    def read(size):
        nonlocal position
        piece = data[position : position + size]
        position += len(piece)
        return piece

    return read


def plain_of(data, key=KEY, header=HEADER):
    return b"".join(opened(key, header, reader(data)))


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 7])
def test_every_length_comes_back(size):
    plain = counted(size)(size)
    data = sealed(plain)
    assert plain_of(data) == plain
    chunks = max(1, -(-size // CHUNK))
    assert len(data) == size + 16 * chunks


BLOCKS = sealed(counted(1)(3 * CHUNK + 100))
FIRST, SECOND, THIRD, LAST = (BLOCKS[at * SEALED_CHUNK : (at + 1) * SEALED_CHUNK] for at in range(4))
BROKEN = {
    "cut_at_a_chunk": FIRST + SECOND + THIRD,
    "cut_inside_a_chunk": BLOCKS[:-1],
    "cut_to_nothing": b"",
    "chunks_swapped": SECOND + FIRST + THIRD + LAST,
    "chunk_dropped": FIRST + THIRD + LAST,
    "chunk_twice": FIRST + FIRST + SECOND + THIRD + LAST,
    "last_chunk_first": LAST + FIRST + SECOND + THIRD,
    "extra_chunk": BLOCKS + sealed(b"more"),
    "extra_byte": BLOCKS + b"\0",
    "bit_flipped": bytes([BLOCKS[0] ^ 1]) + BLOCKS[1:],
    "tag_flipped": BLOCKS[:-1] + bytes([BLOCKS[-1] ^ 1]),
    "another_containers_chunk": FIRST + sealed(counted(1)(3 * CHUNK + 100), header=b"other\n")[SEALED_CHUNK:],
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_payload_does_not_open(how):
    with pytest.raises(CannotOpen):
        plain_of(BROKEN[how])


def test_a_last_chunk_without_its_flag_does_not_open():
    chunks = Chunks(KEY, HEADER)
    data = chunks.seal(b"x" * CHUNK, last=False) + chunks.seal(b"tail", last=False)
    with pytest.raises(CannotOpen):
        plain_of(data)


def test_an_empty_last_chunk_behind_others_does_not_open():
    chunks = Chunks(KEY, HEADER)
    data = chunks.seal(b"x" * CHUNK, last=False) + chunks.seal(b"", last=True)
    with pytest.raises(CannotOpen):
        plain_of(data)


@pytest.mark.parametrize(("key", "header"), [(bytes(32), HEADER), (KEY, b"headeR\n")])
def test_another_key_or_header_opens_nothing(key, header):
    with pytest.raises(CannotOpen):
        plain_of(BLOCKS, key, header)


@given(st.binary(max_size=200), st.data())
def test_no_change_of_a_payload_opens(plain, data):
    whole = sealed(plain)
    position = data.draw(st.integers(0, len(whole) - 1))
    piece = data.draw(st.binary(max_size=3).filter(lambda new: new != whole[position : position + 1]))
    with pytest.raises(CannotOpen):
        plain_of(whole[:position] + piece + whole[position + 1 :])


def made(**more):
    return headers.make("acme", 1_764_028_800, Recipients((cipher.reader_public(PRIVATE),)), random=counted(), **more)


def test_a_header_opens_for_each_holder_and_nobody_else():
    other = bytes(range(1, 33))
    both = Recipients((cipher.reader_public(PRIVATE), cipher.reader_public(other)), PASSPHRASE)
    header, key = headers.make("*", 5, both)
    assert headers.parse(header.data + b"payload") == header
    for identity in (Identity((PRIVATE,)), Identity((bytes(32), other)), Identity((), PASSPHRASE)):
        assert headers.unlock(header, identity) == key
        assert PASSPHRASE not in repr(identity)
    for identity in (Identity((bytes(32),)), Identity((), "another passphrase"), Identity()):
        with pytest.raises(CannotOpen):
            headers.unlock(header, identity)


@given(st.data())
def test_no_change_of_a_header_opens(data):
    header, _ = HEADERS
    position = data.draw(st.integers(0, len(header.data) - 1))
    piece = data.draw(st.binary(max_size=3).filter(lambda new: new != header.data[position : position + 1]))
    changed = header.data[:position] + piece + header.data[position + 1 :]
    with pytest.raises((CannotOpen, MalformedFile, UnsupportedFormat, LimitExceeded)):
        headers.unlock(headers.parse(changed), Identity((PRIVATE,)))


HEADERS = made()


@given(st.binary(max_size=300))
def test_no_bytes_break_the_header_parser(data):
    with pytest.raises((MalformedFile, UnsupportedFormat)):
        headers.parse(data)


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("sealproof-backup/1", "sealproof-backup/2", UnsupportedFormat),
        ('"scope":"acme"', '"scope":"../x"', MalformedFile),
        ('"t":"x25519"', '"t":"x25518"', MalformedFile),
        ('"created":', '"created":0', MalformedFile),
        ("{", " {", MalformedFile),
    ],
)
def test_a_header_outside_its_grammar_is_refused(old, new, kind):
    with pytest.raises(kind):
        headers.parse(HEADERS[0].data.replace(old.encode(), new.encode(), 1))


def test_a_header_without_stanzas_is_refused():
    lines = HEADERS[0].data.splitlines(keepends=True)
    with pytest.raises(MalformedFile):
        headers.parse(lines[0] + lines[-1])


def test_the_cost_of_a_passphrase_has_its_limits():
    header, _ = headers.make("acme", 5, Recipients((), PASSPHRASE))
    for cost in (b"599999", b"10000001"):
        changed = headers.parse(header.data.replace(b'"iterations":600000', b'"iterations":' + cost))
        with pytest.raises(LimitExceeded):
            headers.unlock(changed, Identity((), PASSPHRASE))


def test_nobody_is_no_recipient():
    with pytest.raises(ConfigurationError):
        headers.make("acme", 5, Recipients())
    with pytest.raises(ConfigurationError, match="not a usable"):
        headers.make("acme", 5, Recipients((bytes(32),)))
    many = tuple(cipher.reader_public(bytes([number]) * 32) for number in range(65))
    with pytest.raises(LimitExceeded):
        headers.make("acme", 5, Recipients(many))


def payload(*files, manifest=None, behind=b""):
    found = {path: sha256(data).hexdigest() for path, data in files}
    manifest = Manifest("acme", 5, found, (), {}).to_bytes() if manifest is None else manifest
    parts = [head_line(path, len(data), 0o644) + data for path, data in files]
    return b"".join(parts) + head_line(MANIFEST, len(manifest), 0o600) + manifest + behind


def read_all(plain, pieces=7):
    chunks = [plain[at : at + pieces] for at in range(0, len(plain), pieces)]
    found = {}
    manifest = checked(
        entries_of(chunks), each=lambda entry: found.update({entry.path: entry.read(10**6)}), scope="acme"
    )
    return found, manifest


def test_files_come_back_with_their_manifest():
    files = (("tenants/acme/.env.enc", b"sealed"), ("audit/acme/0.jsonl", b"")), ("a", b"x" * 1000)
    found, manifest = read_all(payload(*files[0], files[1]))
    assert found == {"tenants/acme/.env.enc": b"sealed", "audit/acme/0.jsonl": b"", "a": b"x" * 1000}
    assert Manifest.parse(manifest.to_bytes()) == manifest


GOOD = Manifest("acme", 5, {}, (), {}).to_bytes()


@pytest.mark.parametrize(
    ("plain", "kind"),
    [
        (b"", MalformedFile),
        (payload(("a", b"1"))[:-1], MalformedFile),
        (payload(("a", b"1"), behind=b"x"), MalformedFile),
        (payload(("a", b"1"), ("a", b"1")), MalformedFile),
        (payload(("a", b"1"), manifest=GOOD), EvidenceRejected),
        (payload(manifest=GOOD.replace(b"acme", b"emca")), EvidenceRejected),
        (payload(manifest=b"{}"), MalformedFile),
        (payload(manifest=b"[1]"), MalformedFile),
        (payload(manifest=GOOD + b" "), MalformedFile),
        (b'{"path":"../a","size":1,"mode":420}\nx', MalformedFile),
        (b'{"path":"a","size":1,"mode":511}\nx', MalformedFile),
        (b'{"path":"a","size":-1,"mode":420}\nx', MalformedFile),
        (b'{"path":"\xff","size":1,"mode":420}\nx', MalformedFile),
        (b"x" * 5000, MalformedFile),
    ],
)
def test_a_payload_outside_its_grammar_is_refused(plain, kind):
    with pytest.raises(kind):
        read_all(plain, pieces=100)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_payload_reader(plain):
    with pytest.raises(SealproofError):
        read_all(plain)


@pytest.mark.parametrize("path", ["", "/a", "a//b", "../a", "a/..", "a/./b", "a b", "a\nb", "a/", "x" * 1025, 'a"b'])
def test_no_path_climbs_out(path):
    assert not is_path(path)
    with pytest.raises(MalformedFile):
        head_line(path, 1, 0o600)


def test_a_file_over_its_limit_is_not_read():
    with pytest.raises(MalformedFile, match="over 3 bytes"):
        checked(entries_of([payload(("a", b"1234"))]), each=lambda entry: entry.read(3), scope="acme")


def test_what_nobody_reads_is_proved_all_the_same():
    checked(entries_of([payload(("a", b"1234"))]), each=lambda _: None, scope="acme")
    with pytest.raises(EvidenceRejected):
        checked(entries_of([payload(("a", b"1234"), manifest=GOOD)]), each=lambda _: None, scope="acme")


CASES = _maker.cases()
EXPECTED = json.loads((VECTORS / "backup" / "expected.json").read_text())


@pytest.mark.parametrize("name", CASES)
def test_vectors(name, tmp_path):
    data, told = CASES[name]
    assert EXPECTED[name] == told, "the vectors drifted: python tests/vectors/make_backup.py"
    file = tmp_path / "it.spbak"
    file.write_bytes(data)
    identity = Identity(tuple(bytes.fromhex(key) for key in told.get("privates", [])), told.get("passphrase"))
    if told["error"]:
        with pytest.raises(SealproofError) as refused:
            verify(str(file), identity, now=1_764_028_800)
        assert type(refused.value).__name__ == told["error"]
        assert refused.value.hint
    else:
        contents = verify(str(file), identity, now=1_764_028_800)
        assert (contents.header.scope, contents.opens) == (told["scope"], told["opens"])
        assert sorted(contents.manifest.files) == told["files"]


def test_every_vector_is_there():
    assert EXPECTED.keys() == CASES.keys()
    assert len(CASES) == 36

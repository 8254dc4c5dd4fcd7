"""Parse `.env.enc` bytes strictly: limits first, one spelling only, no key needed.

What comes back is public data (names, versions, ages, who wrote), not yet authenticated.
"""

from __future__ import annotations

from sealproof.envelope.grammar import (
    ENTRIES_MAX,
    FORMAT,
    KEY_BYTES,
    NONCE_BYTES,
    PAD_BLOCK,
    READERS_MAX,
    TAG_BYTES,
    VALUE_MAX,
    counter,
    decode,
    decode_exactly,
    fields_of,
    integer,
    is_entry_name,
    is_environment,
    is_tenant,
    lines_of,
)
from sealproof.errors import LimitExceeded, MalformedFile, UnsupportedFormat

WRAPPED_KEY_BYTES = NONCE_BYTES + KEY_BYTES + TAG_BYTES
WRAPPED_READER_BYTES = KEY_BYTES + KEY_BYTES + TAG_BYTES  # HPKE: encapsulated key, then ciphertext
SEALED_OVERHEAD = NONCE_BYTES + TAG_BYTES
SEALED_MAX = SEALED_OVERHEAD + -(-(4 + VALUE_MAX) // PAD_BLOCK) * PAD_BLOCK

_FAMILY = '{"t":"h","format":"sealproof-env/'
_HEADER = ("t", "format", "tenant", "environment", "epoch")
_KEY = ("t", "wrapped")
_READER = ("t", "reader", "wrapped")
_TRAILER = ("t", "generation", "seals", "saved", "expires", "writer", "mac", "signature")
_TRAILER_INTEGERS = frozenset(("generation", "seals", "saved", "expires"))
_EPOCH_INTEGER = frozenset(("epoch",))


class Reader:
    """A reader line: whose X25519 public key may unwrap the data key."""

    __slots__ = ("line", "public", "text", "wrapped")

    def __init__(self, line: str, text: str, wrapped: bytes, public: bytes) -> None:
        self.line = line
        self.text = text
        self.wrapped = wrapped
        self.public = public


class Entry:
    """An entry line: one secret, readable but for its value. `version` and `updated` as they stand."""

    __slots__ = ("line", "name", "sealed", "updated", "version")

    def __init__(self, line: str, name: str, version: str, updated: str, sealed: bytes) -> None:
        self.line = line
        self.name = name
        self.version = version
        self.updated = updated
        self.sealed = sealed


class Envelope:
    """A parsed file. Nothing in it is to be believed before `open.unlock` or `open.verify_writer`."""

    __slots__ = (
        "data", "entries", "environment", "epoch", "expires", "generation", "header_line", "key_line", "mac",
        "mac_end", "readers", "saved", "scope", "seals", "signature", "signature_end", "tenant", "wrapped", "writer",
    )  # fmt: skip

    data: bytes
    tenant: str
    environment: str
    epoch: int
    scope: tuple[bytes, bytes, bytes]
    """tenant, environment and epoch as the text that stands in the header: S of the format document."""
    header_line: str
    key_line: str
    wrapped: bytes
    readers: list[Reader]
    entries: list[Entry]
    generation: int
    seals: int
    saved: int
    """Unix seconds."""
    expires: int
    """Unix seconds; 0 is never."""
    writer: bytes
    mac: bytes
    mac_end: int
    """The MAC covers the bytes before this offset."""
    signature: bytes
    signature_end: int
    """The signature covers the bytes before this offset."""

    def __repr__(self) -> str:
        return f"Envelope({self.tenant}/{self.environment} generation {self.generation})"


def parse(data: bytes) -> Envelope:
    """Return the parts of one sealed file.

    Raises LimitExceeded, UnsupportedFormat or MalformedFile; all three from public bytes alone.
    """
    envelope = Envelope()
    envelope.data = data
    lines = lines_of(data)
    _header(envelope, lines)
    if len(lines) < 3:  # noqa: PLR2004 - header, key, trailer
        raise _malformed("the file ends before its trailer")
    envelope.key_line = lines[1]
    kind, wrapped = fields_of(lines[1], _KEY)
    _require(kind == "k", "the second line is no key line")
    envelope.wrapped = decode_exactly(wrapped, WRAPPED_KEY_BYTES)

    first_entry = 2
    while first_entry < len(lines) and lines[first_entry].startswith('{"t":"r",'):
        first_entry += 1
    _limit("readers", first_entry - 2, READERS_MAX)
    _limit("entries", len(lines) - 1 - first_entry, ENTRIES_MAX)
    envelope.readers = [_reader(line) for line in lines[2:first_entry]]
    envelope.entries = [_entry(line) for line in lines[first_entry:-1]]
    _ascending([reader.text for reader in envelope.readers], "readers")
    _ascending([entry.name for entry in envelope.entries], "entries")
    _trailer(envelope, lines[-1])
    return envelope


def _header(envelope: Envelope, lines: list[str]) -> None:
    line = lines[0]
    if line.startswith(_FAMILY) and not line.startswith('{"t":"h","format":"' + FORMAT + '",'):
        message = "file is of another version of the sealproof-env format"
        raise UnsupportedFormat(message, hint="upgrade sealproof: pip install --upgrade sealproof")
    kind, _, tenant, environment, epoch = fields_of(line, _HEADER, _EPOCH_INTEGER)
    _require(line.startswith(_FAMILY) and kind == "h", "the first line is no header")
    _require(is_tenant(tenant), "the header's tenant is outside the grammar")
    _require(is_environment(environment), "the header's environment is outside the grammar")
    envelope.header_line = line
    envelope.tenant, envelope.environment, envelope.epoch = tenant, environment, counter(epoch)
    envelope.scope = (tenant.encode(), environment.encode(), epoch.encode())


def _reader(line: str) -> Reader:
    _, text, wrapped = fields_of(line, _READER)
    return Reader(line, text, decode_exactly(wrapped, WRAPPED_READER_BYTES), decode_exactly(text, KEY_BYTES))


def _entry(line: str) -> Entry:
    # The same rule as `fields_of`, unrolled: this runs once a secret at every start-up.
    parts = line.split('"')
    if len(parts) != 17:  # noqa: PLR2004 - the pieces of five fields, two of them without quotes
        raise _malformed("an entry line does not have exactly the fields of its kind, in their order")
    name, version, updated, sealed = parts[7], parts[10][1:-1], parts[12][1:-1], parts[15]
    if line != f'{{"t":"e","name":"{name}","version":{version},"updated":{updated},"sealed":"{sealed}"}}':
        raise _malformed("an entry line does not have exactly the fields of its kind, in their order")
    if not is_entry_name(name):
        raise _malformed("an entry's name is outside the grammar")
    counter(version)
    integer(updated)
    data = decode(sealed)
    size = len(data)
    if size > SEALED_MAX:
        message = f"value of {name} is over the limit of {VALUE_MAX} bytes"
        raise LimitExceeded(message, names=(name,))
    if size < SEALED_OVERHEAD + PAD_BLOCK or (size - SEALED_OVERHEAD) % PAD_BLOCK:
        raise _malformed("a sealed value is not of a padded length")
    return Entry(line, name, version, updated, data)


def _trailer(envelope: Envelope, line: str) -> None:
    kind, generation, seals, saved, expires, writer, mac, signature = fields_of(line, _TRAILER, _TRAILER_INTEGERS)
    _require(kind == "z", "the last line is no trailer")
    envelope.generation = counter(generation)
    envelope.seals = integer(seals)
    envelope.saved = integer(saved)
    envelope.expires = integer(expires)
    envelope.writer = decode_exactly(writer, 32)
    envelope.mac = decode_exactly(mac, 32)
    envelope.signature = decode_exactly(signature, 64)
    tail = len(',"signature":""}') + len(signature) + 1
    envelope.signature_end = len(envelope.data) - tail
    envelope.mac_end = envelope.signature_end - len(',"mac":""') - len(mac)


def _ascending(keys: list[str], what: str) -> None:
    if any(map(str.__ge__, keys, keys[1:])):
        raise _malformed(f"{what} are not strictly ascending")


def _limit(what: str, count: int, limit: int) -> None:
    if count > limit:
        message = f"file has {count} {what}, the limit is {limit}"
        raise LimitExceeded(message, hint="split the secrets over more environments or tenants")


def _require(condition: object, message: str) -> None:
    if not condition:
        raise _malformed(message)


def _malformed(message: str) -> MalformedFile:
    return MalformedFile(message, hint="restore the file from version control or a backup")

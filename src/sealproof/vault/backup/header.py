"""The front of a container: what it is, and its file key wrapped for each holder. Bytes in, bytes out.

Lines follow the rules of bytes of sealed files (`docs/format.md`): one spelling, no parser needed. What
stands here is readable by anybody: when the backup was made and of what, never more.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from cryptography.exceptions import InvalidSignature, InvalidTag

from sealproof.envelope import cipher
from sealproof.envelope.grammar import (
    KEY_BYTES,
    NONCE_BYTES,
    TAG_BYTES,
    decode_exactly,
    encode,
    fields_of,
    frame,
    integer,
    is_tenant,
    lines_of,
)
from sealproof.envelope.keytree import ITERATIONS_MAX, PASSPHRASE_ITERATIONS, SALT_BYTES, pbkdf2
from sealproof.errors import CannotOpen, ConfigurationError, LimitExceeded, MalformedFile, UnsupportedFormat

if TYPE_CHECKING:
    from sealproof.envelope.cipher import Random

FORMAT = "sealproof-backup/1"
WHOLE_STORE = "*"
STANZAS_MAX = 64
HEADER_MAX = 64 * 1024  # bytes
_FAMILY = '{"format":"sealproof-backup/'
_HEAD = ("format", "id", "scope", "created")
_X25519 = ("t", "public", "wrapped")
_PASSPHRASE = ("t", "salt", "iterations", "wrapped")
_ID_BYTES = 16
_MAC_BYTES = 32
_WRAPPED_BYTES = 32 + KEY_BYTES + TAG_BYTES  # HPKE: encapsulated key, ciphertext
_MAC_START = b'{"mac":"'


class Stanza(NamedTuple):
    """The file key for one holder: an X25519 public key, or a salt and a cost for a passphrase."""

    line: str
    public: bytes
    salt: bytes
    iterations: int
    wrapped: bytes


class Header(NamedTuple):
    """A container's front as it was read; only `unlock` proves it."""

    identifier: str
    """Drawn at random for each container: 22 characters of base64url."""
    scope: str
    """A tenant, or `*` for the whole store."""
    created: int
    """Unix seconds."""
    stanzas: tuple[Stanza, ...]
    data: bytes
    """All its bytes: the payload begins behind them."""
    covered: int
    mac: bytes


class Recipients(NamedTuple):
    """Who shall be able to open a container: X25519 public keys, a passphrase, or both."""

    publics: tuple[bytes, ...] = ()
    passphrase: str | None = None


class Identity(NamedTuple):
    """What a holder has: X25519 private keys, a passphrase, or both."""

    privates: tuple[bytes, ...] = ()
    passphrase: str | None = None

    def __repr__(self) -> str:
        return "Identity(…)"


def make(
    scope: str,
    created: int,
    recipients: Recipients,
    *,
    random: Random = os.urandom,
    iterations: int = PASSPHRASE_ITERATIONS,
) -> tuple[Header, bytes]:
    """Return a new header and the file key that it wraps. Raises ConfigurationError without a usable recipient."""
    publics = sorted(set(recipients.publics))
    if not publics and recipients.passphrase is None:
        message = "a backup that nobody can open is none: neither a recipient nor a passphrase was named"
        raise ConfigurationError(
            message, hint="sealproof key init --recipient FILE; sealproof backup create --recipient KEY"
        )
    if len(publics) + (recipients.passphrase is not None) > STANZAS_MAX:
        message = f"{len(publics)} recipients are too many for one backup, the limit is {STANZAS_MAX}"
        raise LimitExceeded(message, hint="name fewer recipients")
    identifier, key = encode(random(_ID_BYTES)), random(KEY_BYTES)
    lines = [f'{{"format":"{FORMAT}","id":"{identifier}","scope":"{scope}","created":{created}}}']
    lines += [_for_public(public, key, identifier) for public in publics]
    if recipients.passphrase is not None:
        lines.append(_for_passphrase(recipients.passphrase, key, identifier, iterations, random))
    body = "".join(line + "\n" for line in lines).encode()
    data = body + _MAC_START + encode(cipher.mac(_mac_key(key, identifier), body)).encode() + b'"}\n'
    return parse(data), key


def parse(data: bytes) -> Header:
    """Read the header that `data` begins with. Raises LimitExceeded, UnsupportedFormat, MalformedFile."""
    start = data.find(b"\n" + _MAC_START, 0, HEADER_MAX)
    end = data.find(b"\n", start + 1) + 1 if start >= 0 else 0
    if not data.startswith(_FAMILY.encode()) or not end:
        raise _malformed()
    if not data.startswith(b'{"format":"' + FORMAT.encode() + b'",'):
        message = "the backup is of another version of the sealproof-backup format"
        raise UnsupportedFormat(message, hint="upgrade sealproof: pip install --upgrade sealproof")
    try:
        lines = lines_of(data[:end], file_max=HEADER_MAX, lines_max=STANZAS_MAX + 2)
        _, identifier, scope, created = fields_of(lines[0], _HEAD, frozenset(("created",)))
        decode_exactly(identifier, _ID_BYTES)
        stanzas = tuple(_stanza(line) for line in lines[1:-1])
        (mac,) = fields_of(lines[-1], ("mac",))
        if not stanzas or not (scope == WHOLE_STORE or is_tenant(scope)):
            raise _malformed()
        return Header(
            identifier, scope, integer(created), stanzas, data[:end], start + 1, decode_exactly(mac, _MAC_BYTES)
        )
    except MalformedFile:
        raise _malformed() from None


def unlock(header: Header, identity: Identity) -> bytes:
    """Return the file key for whoever holds `identity`, and prove the header with it.

    Raises CannotOpen, the same for a wrong key and for changed bytes, LimitExceeded on a cost out of range.
    """
    for stanza in header.stanzas:
        key = _opened(stanza, identity, header.identifier)
        if key is None:
            continue
        try:
            cipher.verify_mac(_mac_key(key, header.identifier), header.data[: header.covered], header.mac)
        except InvalidSignature:
            raise cannot_open() from None
        return key
    raise cannot_open()


def cannot_open() -> CannotOpen:
    """Return the one error for everything that does not open in a container."""
    message = "cannot open the backup: no key here fits, or it is not what was written"
    return CannotOpen(message, hint="sealproof backup verify FILE --identity KEY_FILE, or --passphrase")


def _opened(stanza: Stanza, identity: Identity, identifier: str) -> bytes | None:
    try:
        if stanza.public:
            for private in identity.privates:
                if cipher.reader_public(private) == stanza.public:
                    return cipher.open_as(private, stanza.wrapped, _info(stanza.public, identifier))
        elif identity.passphrase is not None:
            kek = _stretched(identity.passphrase, stanza.salt, stanza.iterations)
            return cipher.unwrap(kek, stanza.wrapped, b"sealproof/1/backup-passphrase", _scope(identifier))
    except (InvalidTag, ValueError):
        return None
    return None


def _for_public(public: bytes, key: bytes, identifier: str) -> str:
    try:
        wrapped = cipher.seal_to(public, key, _info(public, identifier))
    except ValueError as exc:
        message = "the recipient's public key is not a usable X25519 key"
        raise ConfigurationError(
            message, hint="ask for the public key that `sealproof key init --recipient` printed"
        ) from exc
    return f'{{"t":"x25519","public":"{encode(public)}","wrapped":"{encode(wrapped)}"}}'


def _for_passphrase(passphrase: str, key: bytes, identifier: str, iterations: int, random: Random) -> str:
    salt = random(SALT_BYTES)
    kek = _stretched(passphrase, salt, iterations)
    wrapped = cipher.wrap(kek, key, b"sealproof/1/backup-passphrase", _scope(identifier), random)
    return f'{{"t":"passphrase","salt":"{encode(salt)}","iterations":{iterations},"wrapped":"{encode(wrapped)}"}}'


def _stretched(passphrase: str, salt: bytes, iterations: int) -> bytes:
    if not PASSPHRASE_ITERATIONS <= iterations <= ITERATIONS_MAX:
        message = (
            f"the backup asks for {iterations} iterations, allowed are {PASSPHRASE_ITERATIONS} to {ITERATIONS_MAX}"
        )
        raise LimitExceeded(message, hint="this is no backup that sealproof made")
    return pbkdf2(passphrase.encode(errors="surrogateescape"), salt, iterations)


def _stanza(line: str) -> Stanza:
    if line.startswith('{"t":"passphrase"'):
        _, salt, iterations, wrapped = fields_of(line, _PASSPHRASE, frozenset(("iterations",)))
        sealed = decode_exactly(wrapped, NONCE_BYTES + KEY_BYTES + TAG_BYTES)
        return Stanza(line, b"", decode_exactly(salt, SALT_BYTES), integer(iterations), sealed)
    kind, public, wrapped = fields_of(line, _X25519)
    if kind != "x25519":
        raise _malformed()
    return Stanza(line, decode_exactly(public, KEY_BYTES), b"", 0, decode_exactly(wrapped, _WRAPPED_BYTES))


def _info(public: bytes, identifier: str) -> bytes:
    return frame(b"sealproof/1/backup-x25519", identifier.encode(), public)


def _scope(identifier: str) -> cipher.Scope:
    return (identifier.encode(), b"", b"")


def _mac_key(key: bytes, identifier: str) -> bytes:
    return cipher.hkdf(key, frame(b"sealproof/1/backup-header", identifier.encode()))


def _malformed() -> MalformedFile:
    message = "this is no sealproof backup, or its front is damaged"
    return MalformedFile(message, hint="sealproof backup list; take another backup")

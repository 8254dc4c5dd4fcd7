"""C2SP signed notes and checkpoints: the text that is signed, and the line that bears the signature.

A checkpoint is the text of c2sp.org/tlog-checkpoint (origin, size, root) with extension lines of our
own (chain, epoch, next); a signature line is an Ed25519 one of c2sp.org/signed-note. Any witness of
such logs can read and cosign it.
"""

from __future__ import annotations

from binascii import Error as _BinasciiError
from binascii import a2b_base64, b2a_base64
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from sealproof.errors import AuditLogBroken, MalformedFile
from sealproof.signing import PUBLIC_BYTES, SIGNATURE_BYTES, fingerprint
from sealproof.vault.audit.tree import HASH_BYTES

if TYPE_CHECKING:
    from sealproof.signing import SigningKey

NOTE_MAX = 64 * 1024  # bytes; leaves room for more witnesses than anyone has
DASH = "\N{EM DASH}"
_ED25519 = b"\x01"  # the signature type of c2sp.org/signed-note
_ID_BYTES = 4
_LINES = (5, 6)  # origin, size, root, chain, epoch; an epoch's final seal has `next` too


class Promise(NamedTuple):
    """What an epoch's final seal says of the next epoch."""

    key: bytes
    start: int


class Checkpoint(NamedTuple):
    """The state of a log at one size, as it is signed."""

    origin: str
    size: int
    root: bytes
    chain: str
    """SHA-256, in hex, of the line that stands before the checkpoint."""
    epoch: int
    start: int
    """When the epoch began, in unix milliseconds."""
    promise: Promise | None = None
    """Only in an epoch's final seal."""

    def text(self) -> str:
        """Return what is signed."""
        following = "" if self.promise is None else f"next {base64(self.promise.key)} {self.promise.start}\n"
        return (
            f"{self.origin}\n{self.size}\n{base64(self.root)}\n"
            f"chain {self.chain}\nepoch {self.epoch} {self.start}\n{following}"
        )


def origin_of(tenant: str, first_key: bytes) -> str:
    """Return a log's name: it changes with the tenant and with the first public key."""
    return f"sealproof-audit/{tenant}/{fingerprint(first_key)}"


def key_id(name: str, public: bytes) -> bytes:
    """Return the four bytes that name an Ed25519 key in a signature line."""
    return sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:_ID_BYTES]


def signature_field(name: str, key: SigningKey, text: str) -> str:
    """Return the base64 field of a signature line over `text`."""
    return base64(key_id(name, key.public) + key.sign(text.encode()))


def signed_note(text: str, name: str, *fields: str) -> str:
    """Return a note with one signature line for each of `fields`."""
    return text + "\n" + "".join(f"{DASH} {name} {field}\n" for field in fields)


def verifier_key(name: str, public: bytes) -> str:
    """Return the line that a witness takes for a log's key: name, key id and key."""
    return f"{name}+{key_id(name, public).hex()}+{base64(_ED25519 + public)}"


def split_signature(field: str) -> tuple[bytes, bytes]:
    """Return key id and signature of a signature line's base64 field. Raises AuditLogBroken."""
    data = unbase64(field)
    if len(data) != _ID_BYTES + SIGNATURE_BYTES:
        message = "a signature line holds no Ed25519 signature"
        raise AuditLogBroken(message)
    return data[:_ID_BYTES], data[_ID_BYTES:]


def read_note(data: bytes, *, name: str) -> Checkpoint:
    """Return the checkpoint in a note, whoever signed it; `name` stands in the error.

    Raises MalformedFile.
    """
    try:
        text, _, signatures = data.decode().rpartition("\n\n")
        checkpoint = _checkpoint(text.split("\n"))
    except (ValueError, AuditLogBroken) as exc:
        raise _no_note(name) from exc
    if len(data) > NOTE_MAX or not signatures.startswith(DASH) or checkpoint.text() != text + "\n":
        raise _no_note(name)
    return checkpoint


def base64(data: bytes) -> str:
    """Return standard base64, as notes have it."""
    return b2a_base64(data, newline=False).decode()


def unbase64(text: str) -> bytes:
    """Return the bytes that `text` is the only standard base64 of. Raises AuditLogBroken."""
    try:
        data = a2b_base64(text)
    except (_BinasciiError, ValueError):
        data = b""
    if base64(data) != text:
        message = "a base64 field is not in its canonical form"
        raise AuditLogBroken(message)
    return data


def _checkpoint(lines: list[str]) -> Checkpoint:
    if len(lines) not in _LINES:
        raise ValueError
    origin, size, root, chain, epoch, *rest = lines
    number, start = epoch.removeprefix("epoch ").split(" ")
    promise = None
    if rest:
        key, begin = rest[0].removeprefix("next ").split(" ")
        promise = Promise(unbase64(key), _count(begin))
        if len(promise.key) != PUBLIC_BYTES:
            raise ValueError
    digest, node = chain.removeprefix("chain "), unbase64(root)
    if len(node) != HASH_BYTES or len(bytes.fromhex(digest)) != HASH_BYTES:
        raise ValueError
    return Checkpoint(origin, _count(size), node, digest, _count(number), _count(start), promise)


def _count(text: str) -> int:
    if not text.isdigit():
        raise ValueError
    return int(text)


def _no_note(name: str) -> MalformedFile:
    return MalformedFile(f"{name} is no checkpoint of an audit log", hint="sealproof audit export TENANT --anchor FILE")

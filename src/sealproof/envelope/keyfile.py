"""Key files: what a host or a person holds to open files, and whom it trusts to write them.

The same text may travel as a file, an inherited descriptor or `SEALPROOF_KEY` (`docs/format.md`, Keys).
"""

from __future__ import annotations

from sealproof.envelope.grammar import (
    KEY_BYTES,
    KEY_FORMAT,
    KEY_LINES_MAX,
    LINE_MAX,
    WRITERS_MAX,
    counter,
    decode,
    decode_exactly,
    encode,
    fields_of,
    is_environment,
    is_tenant,
    lines_of,
)
from sealproof.errors import LimitExceeded, MalformedFile, UnsupportedFormat

_FAMILY = '{"format":"sealproof-key/'
_EPOCH = ("format", "kind", "tenant", "environment", "epoch", "key", "writers")
_X25519 = ("format", "kind", "key", "writers")
_WRITER_BYTES = 32


class KeyLine:
    """One key with the writers it trusts: an epoch key of one scope, or an X25519 identity."""

    __slots__ = ("environment", "epoch", "key", "kind", "tenant", "writers")

    def __init__(  # noqa: PLR0917 - the line's own fields, and a start-up cannot afford a dataclass
        self, kind: str, key: bytes, writers: tuple[bytes, ...], tenant: str = "", environment: str = "", epoch: int = 0
    ) -> None:
        self.kind = kind
        self.key = key
        self.writers = writers
        self.tenant = tenant
        self.environment = environment
        self.epoch = epoch

    def __repr__(self) -> str:
        return f"KeyLine({self.kind} {self.tenant}/{self.environment}/{self.epoch})"

    def __reduce__(self) -> str:
        message = "a key does not travel between processes"
        raise TypeError(message)

    def to_line(self) -> str:
        """Return the line, without its LF. It holds the key: write it only where its holder alone reads.

        Raises LimitExceeded on more than 16 writers, which no reader of the line would take.
        """
        if len(self.writers) > WRITERS_MAX:
            message = f"a key line pins at most {WRITERS_MAX} writers, not {len(self.writers)}"
            raise LimitExceeded(message, hint="remove the public keys of former writers from keys/signing")
        tail = f'"key":"{encode(self.key)}","writers":"{encode(b"".join(self.writers))}"}}'
        if self.kind == "x25519":
            return f'{{"format":"{KEY_FORMAT}","kind":"x25519",{tail}'
        scope = f'"tenant":"{self.tenant}","environment":"{self.environment}","epoch":{self.epoch}'
        return f'{{"format":"{KEY_FORMAT}","kind":"epoch",{scope},{tail}'


def parse_keys(text: bytes) -> tuple[KeyLine, ...]:
    """Return the 1…64 lines of a key file.

    Raises LimitExceeded, UnsupportedFormat or MalformedFile; none of them quotes a line.
    """
    lines = lines_of(text, file_max=KEY_LINES_MAX * LINE_MAX, lines_max=KEY_LINES_MAX)
    keys = tuple([_line(line) for line in lines])
    scopes = {(key.kind, key.tenant, key.environment, key.epoch or key.key) for key in keys}
    if len(scopes) != len(keys):
        message = "key file names one key twice"
        raise MalformedFile(message, hint="export the key again with `sealproof key export`")
    return keys


def _line(line: str) -> KeyLine:
    if line.startswith(_FAMILY) and not line.startswith('{"format":"' + KEY_FORMAT + '",'):
        message = "key file is of another version of the sealproof-key format"
        raise UnsupportedFormat(message, hint="upgrade sealproof: pip install --upgrade sealproof")
    if '"kind":"x25519"' in line:
        form, kind, key, writers = fields_of(line, _X25519)
        tenant, environment, epoch = "", "", 0
    else:
        form, kind, tenant, environment, epoch_text, key, writers = fields_of(line, _EPOCH, frozenset(("epoch",)))
        epoch = counter(epoch_text)
        if kind != "epoch" or not is_tenant(tenant) or not is_environment(environment):
            raise _malformed()
    if form != KEY_FORMAT or kind not in ("epoch", "x25519"):
        raise _malformed()
    return KeyLine(kind, decode_exactly(key, KEY_BYTES), _writers(writers), tenant, environment, epoch)


def _writers(text: str) -> tuple[bytes, ...]:
    row = decode(text)
    count, rest = divmod(len(row), _WRITER_BYTES)
    if rest or not 1 <= count <= WRITERS_MAX:
        raise _malformed()
    return tuple([row[start : start + _WRITER_BYTES] for start in range(0, len(row), _WRITER_BYTES)])


def _malformed() -> MalformedFile:
    message = "key file line is malformed"
    return MalformedFile(message, hint="export the key again with `sealproof key export`")

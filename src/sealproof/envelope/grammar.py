"""The alphabet of our line formats: limits, names, integers, base64url and framing.

One accepted spelling for everything: what is decoded is encoded again and compared, so that no
two files mean the same thing (`docs/format.md`, Bytes).
"""

from __future__ import annotations

from binascii import Error as _BinasciiError
from binascii import a2b_base64, b2a_base64
from functools import lru_cache

from sealproof.errors import InvalidName, InvalidValue, LimitExceeded, MalformedFile

FORMAT = "sealproof-env/1"
KEY_FORMAT = "sealproof-key/1"

FILE_MAX = 16 * 1024 * 1024  # bytes
LINE_MAX = 128 * 1024  # bytes, without the LF
ENTRIES_MAX = 4096
READERS_MAX = 63
VALUE_MAX = 64 * 1024  # bytes of UTF-8
LINES_MAX = 1 + 1 + READERS_MAX + ENTRIES_MAX + 1  # header, key, readers, entries, trailer
KEY_LINES_MAX = 64
WRITERS_MAX = 16
INTEGER_MAX = 2**53 - 1  # the largest integer that every JSON reader keeps exact (RFC 8259, 6)
_INTEGER_DIGITS = 16
SEALS_MAX = 2**20  # seals under one data key; far below the 2^32 of NIST SP 800-38D, 8.3

NONCE_BYTES = 12
TAG_BYTES = 16
KEY_BYTES = 32
PAD_BLOCK = 32

PENDING = ".pending"
PREVIOUS = ".previous"

NAME_MAX = 128  # characters, without a suffix
TENANT_MAX = 63
ENVIRONMENT_MAX = 32
_LOWER = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_TENANT = _LOWER | {"_"}

_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_TO_URL = bytes.maketrans(b"+/", b"-_")


def is_name(text: str) -> bool:
    """Tell whether `text` is [A-Za-z_][A-Za-z0-9_]{0,127}: in ASCII, Python's own identifiers."""
    return text.isidentifier() and text.isascii() and len(text) <= NAME_MAX


def is_entry_name(text: str) -> bool:
    """Tell whether `text` is a name, or a name with one of the two suffixes of a rotation under way."""
    return is_name(text) or is_name(text.removesuffix(PENDING)) or is_name(text.removesuffix(PREVIOUS))


def is_tenant(text: str) -> bool:
    """Tell whether `text` is [a-z0-9][a-z0-9_-]{0,62}."""
    return 0 < len(text) <= TENANT_MAX and _TENANT.issuperset(text) and text[0] not in "_-"


def is_environment(text: str) -> bool:
    """Tell whether `text` is [a-z0-9][a-z0-9-]{0,31}."""
    return 0 < len(text) <= ENVIRONMENT_MAX and _LOWER.issuperset(text) and text[0] != "-"


def check_tenant(tenant: str) -> str:
    """Return `tenant` if it is a tenant name. Raises InvalidName."""
    if not is_tenant(tenant):
        message = f"{tenant!r:.80} is no tenant name"
        raise InvalidName(message, hint="use 1 to 63 of a-z 0-9 _ -, beginning with a letter or digit")
    return tenant


def check_environment(environment: str) -> str:
    """Return `environment` if it is an environment name. Raises InvalidName."""
    if not is_environment(environment):
        message = f"{environment!r:.80} is no environment name"
        raise InvalidName(message, hint="use 1 to 32 of a-z 0-9 -, beginning with a letter or digit")
    return environment


def check_name(name: str) -> str:
    """Return `name` if an entry may bear it, suffix included. Raises InvalidName."""
    if not is_entry_name(name):
        message = f"{name!r:.80} is no secret name"
        raise InvalidName(message, hint="use 1 to 128 of A-Z a-z 0-9 _, not beginning with a digit", names=(name[:80],))
    return name


def check_value(name: str, value: bytes) -> bytes:
    """Return `value` if it can be sealed. Raises InvalidValue, which names the secret and not the value."""
    if len(value) > VALUE_MAX:
        message = f"value of {name} is {len(value)} bytes, the limit is {VALUE_MAX}"
        raise InvalidValue(message, hint="keep large material in a file of its own and seal its key", names=(name,))
    if b"\0" in value:
        message = f"value of {name} holds a NUL, which no process environment can carry"
        raise InvalidValue(message, hint="encode binary values, for example with base64", names=(name,))
    if not is_text(value):
        message = f"value of {name} is not UTF-8"
        raise InvalidValue(message, hint="encode binary values, for example with base64", names=(name,))
    return value


def is_text(value: bytes | bytearray) -> bool:
    """Tell whether `value` is UTF-8 without NUL. Not by an exception: a decoder's own holds the value."""
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return 0 not in value


@lru_cache(maxsize=256)  # a file's entries share few versions and times, and every start-up reads them all
def integer(text: str) -> int:
    """Return the integer 0…2^53-1 that `text` spells in its only spelling. Raises MalformedFile."""
    if text.isdecimal() and text.isascii() and len(text) <= _INTEGER_DIGITS and (text[0] != "0" or text == "0"):
        value = int(text)
        if value <= INTEGER_MAX:
            return value
    message = "an integer is not in its canonical form"
    raise MalformedFile(message)


@lru_cache(maxsize=256)
def counter(text: str) -> int:
    """Return an integer from 1. Raises MalformedFile."""
    value = integer(text)
    if value:
        return value
    message = "a counter is zero"
    raise MalformedFile(message)


def encode(data: bytes) -> str:
    """Return base64url without padding (RFC 4648, 5)."""
    return b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Return the bytes that `text` is the only base64url spelling of. Raises MalformedFile."""
    raw = text.encode()
    standard = raw.translate(_TO_STANDARD) + b"=="[: -len(raw) % 4]
    try:
        data = a2b_base64(standard)
    except _BinasciiError:
        data = None
    # Python's decoder skips foreign characters and spare bits: encode again and compare.
    if data is None or b2a_base64(data, newline=False) != standard or raw[-1:] == b"=" or b"+" in raw or b"/" in raw:
        message = "a base64url field is not in its canonical form"
        raise MalformedFile(message)
    return data


def decode_exactly(text: str, size: int) -> bytes:
    """Return exactly `size` bytes from base64url. Raises MalformedFile."""
    data = decode(text)
    if len(data) != size:
        message = f"a field of {size} bytes has {len(data)}"
        raise MalformedFile(message)
    return data


def frame(*fields: bytes) -> bytes:
    """Return F(a, b, …): each field behind its length as u32 big-endian, so that no two lists join alike."""
    return b"".join([part for field in fields for part in (len(field).to_bytes(4, "big"), field)])


@lru_cache(maxsize=256)
def framed_text(text: str) -> bytes:
    """Return F(text) of one field of a file: public text, much of it the same from line to line."""
    raw = text.encode()
    return len(raw).to_bytes(4, "big") + raw


def lines_of(data: bytes, *, file_max: int = FILE_MAX, lines_max: int = LINES_MAX) -> list[str]:
    """Split `data` into its lines, limits first.

    Raises LimitExceeded on a file, a line or a number of lines over its limit, MalformedFile on anything but ASCII
    lines ended by LF.
    """
    if len(data) > file_max:
        message = f"file has {len(data)} bytes, the limit is {file_max}"
        raise LimitExceeded(message, hint="split the secrets over more environments or tenants")
    # Before the split: a list of 5 million short lines would take half a gigabyte.
    if len(data) > lines_max and (count := data.count(b"\n")) > lines_max:
        message = f"file has {count} lines, the limit is {lines_max}"
        raise LimitExceeded(message, hint="split the secrets over more environments or tenants")
    if not data.endswith(b"\n") or not data.isascii():
        message = "file is not ASCII text that ends in a line feed"
        raise MalformedFile(message)
    lines = data.decode("ascii").split("\n")
    lines.pop()
    if len(data) > LINE_MAX and max(map(len, lines)) > LINE_MAX:
        message = f"a line is longer than {LINE_MAX} bytes"
        raise LimitExceeded(message, hint="split the value")
    return lines


def fields_of(line: str, names: tuple[str, ...], integers: frozenset[str] | set[str] = frozenset()) -> list[str]:
    """Return the field values of one flat JSON line, which must have exactly `names`, in that order.

    `integers` says which of them stand without quotes. The line is rebuilt and compared, so that
    nothing but its one spelling is accepted. Raises MalformedFile.
    """
    parts = line.split('"')
    values: list[str] = []
    position = 3  # {"name": then the value
    try:
        for name in names:
            if name in integers:
                values.append(parts[position - 1][1:-1])
                position += 2
            else:
                values.append(parts[position])
                position += 4
    except IndexError:
        raise _malformed_line() from None
    rebuilt = ",".join(
        [
            f'"{name}":{value}' if name in integers else f'"{name}":"{value}"'
            for name, value in zip(names, values, strict=True)
        ]
    )
    if line != "{" + rebuilt + "}" or "\\" in line:
        raise _malformed_line()
    return values


def _malformed_line() -> MalformedFile:
    return MalformedFile("a line does not have exactly the fields of its kind, in their order")

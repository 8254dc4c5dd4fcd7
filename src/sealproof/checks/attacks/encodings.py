"""Rows A8 and A11: a file that says the same in another spelling, or asks for less protection."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

from sealproof.checks.attacks.bench import Bench, read
from sealproof.checks.attacks.integrity import edited, refuses_bytes
from sealproof.checks.attacks.registry import attack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.attacks.interface import ContainerEditor

_ALGORITHMS = ("none", "NONE", "", "null", "aes-128-gcm", "AES256_CBC", "AES256_CTR", "HS256", "xor", "0", "2")
_SPEAKS_OF_ALGORITHMS = re.compile(r"alg|cipher|enc|format|version|kdf|mode", re.IGNORECASE)
_SPEAKS_OF_TAGS = re.compile(r"mac|tag|sig", re.IGNORECASE)
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}={0,2}")
_HEX = re.compile(rb"\b(?:[0-9a-f]{2}){8,}\b")
_TOKENS = 12  # spelled differently, of each kind


@attack("A8")
def downgrade(bench: Bench) -> None:
    """State another algorithm, format or tag: none, older, unauthenticated, shorter, empty."""
    edited(bench, _downgraded)


def _downgraded(editor: ContainerEditor, data: bytes) -> Iterator[tuple[str, bytes]]:
    for field in editor.fields(data):
        if _SPEAKS_OF_ALGORITHMS.search(field.name):
            for algorithm in _ALGORITHMS:
                yield f"{field.name} reads {algorithm or 'nothing'}", editor.with_field(data, field.name, algorithm)
        if _SPEAKS_OF_TAGS.search(field.name):
            for size in (0, 1, len(field.text) // 2, len(field.text) * 3 // 4):
                yield f"{field.name} cut to {size}", editor.with_field(data, field.name, field.text[:size])
    for algorithm in ("none", "xor"):
        yield f"algorithm {algorithm} and no tag", _without_tag(editor, data, algorithm)


def _without_tag(editor: ContainerEditor, data: bytes, algorithm: str) -> bytes:
    """State an algorithm and no tag: what a reader of `alg: none` waits for."""
    plain = data
    for field in editor.fields(data):
        if _SPEAKS_OF_ALGORITHMS.search(field.name):
            plain = editor.with_field(plain, field.name, algorithm)
        elif _SPEAKS_OF_TAGS.search(field.name):
            plain = editor.with_field(plain, field.name, "")
    return plain


@attack("A11")
def other_spellings(bench: Bench) -> None:
    """Spell the same bytes otherwise: line ends, marks, white space, padding, spare bits, capitals, doubled keys."""
    for file in bench.files("data"):
        data = read(file.path)
        refuses_bytes(bench, file, _texts(data))
        refuses_bytes(bench, file, _tokens(data))


def _texts(data: bytes) -> Iterator[tuple[str, bytes]]:
    yield "with CRLF", data.replace(b"\n", b"\r\n")
    yield "with CR", data.replace(b"\n", b"\r")
    yield "with a byte order mark", b"\xef\xbb\xbf" + data
    for codec in ("utf-16", "utf-16-le", "utf-32"):
        yield f"in {codec.upper()}", data.decode("latin-1").encode(codec)
    yield "with form feeds", data.replace(b"\n", b"\x0c")
    yield "with NUL", data.replace(b"\n", b"\0")
    yield "with a blank line behind", data + b"\n"
    yield "with a blank line before", b"\n" + data
    yield "with blanks at line ends", data.replace(b"\n", b" \n")
    yield "without its last line feed", data[:-1] if data.endswith(b"\n") else data + b"\n"
    yield "with spaced JSON", data.replace(b'":', b'": ')
    yield "with a doubled JSON key", re.sub(rb'\{("[a-z_]+":(?:"[^"]*"|[0-9]+))', rb"{\1,\1", data)
    yield "with escaped JSON", re.sub(rb'"([a-z])([a-z_]*)":', lambda m: b'"\\u%04x%b":' % (m[1][0], m[2]), data)


def _tokens(data: bytes) -> Iterator[tuple[str, bytes]]:
    for number, found in enumerate(_spread([*_BASE64.finditer(data)])):
        for what, text in _base64_spellings(found[0]):
            yield f"base64 token {number} {what}", data[: found.start()] + text + data[found.end() :]
    for number, found in enumerate(_spread([*_HEX.finditer(data)])):
        capital = found[0].upper()
        yield f"hexadecimal token {number} in capitals", data[: found.start()] + capital + data[found.end() :]


def _spread(found: list[re.Match[bytes]]) -> list[re.Match[bytes]]:
    return found[:: max(1, len(found) // _TOKENS)]


def _base64_spellings(token: bytes) -> Iterator[tuple[str, bytes]]:
    bare = token.rstrip(b"=")
    if len(bare) % 4 == 1 or re.fullmatch(rb"[0-9a-f]+", bare):
        return
    if bare != token:
        yield "without padding", bare
    elif len(bare) % 4:
        yield "with padding", bare + b"=" * (-len(bare) % 4)
    yield "with padding too much", token + b"=="
    yield "with a blank inside", bare[:8] + b" " + token[8:]
    other = bare.translate(bytes.maketrans(b"-_+/", b"+/-_"))
    if other != bare:
        yield "in the other alphabet", other + token[len(bare) :]
    if len(bare) % 4:
        raw = base64.urlsafe_b64decode(bare.translate(bytes.maketrans(b"+/", b"-_")) + b"=" * (-len(bare) % 4))
        spare = _with_spare_bit(bare)
        if base64.urlsafe_b64decode(spare + b"=" * (-len(bare) % 4)) == raw:
            yield "with a spare bit set", spare + token[len(bare) :]


_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def _with_spare_bit(bare: bytes) -> bytes:
    last = bare[-1:].translate(bytes.maketrans(b"+/", b"-_"))
    return bare.translate(bytes.maketrans(b"+/", b"-_"))[:-1] + bytes([_ALPHABET[_ALPHABET.index(last) ^ 1]])

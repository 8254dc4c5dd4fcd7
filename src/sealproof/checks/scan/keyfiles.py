"""Recognise key files by what is in them: our own formats, and private keys in PEM or the formats of SSH programs.

A name or a header line alone is no key: the bytes of one must follow, so that code and documents that
only speak of keys are left alone. Quotes may be escaped and the header may stand in a string, as in a pasted
`SEALPROOF_KEY`; a key file in base64, as orchestrators store it, is known by its first bytes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUOTE = rb'\\{0,3}"'
_IS = rb"\s{0,4}:\s{0,4}"
_B64URL = rb"[A-Za-z0-9_-]"
# What may stand between a PEM header and its first line of base64: line ends, also spelled out, quotes, indentation.
_GAP = rb"(?:\s|\\[nr]|[\"'`+,\\]){0,40}"


def _ours(kind: bytes, field: bytes, size: bytes) -> re.Pattern[bytes]:
    form = _QUOTE + rb"format" + _QUOTE + _IS + _QUOTE + rb"sealproof-" + kind + rb"/[0-9]{1,3}" + _QUOTE
    return re.compile(form + rb"[^{}]{1,800}?" + _QUOTE + field + _QUOTE + _IS + _QUOTE + _B64URL + size + _QUOTE)


_KINDS = (
    ("a sealproof key file", b"sealproof-key/", _ours(rb"key", rb"key", rb"{43}")),
    ("a sealproof master key", b"sealproof-master/", _ours(rb"master", rb"(?:key|salt)", rb"{22,43}")),
    ("a sealproof tenant key file", b"sealproof-tenant/", _ours(rb"tenant", rb"salt", rb"{22}")),
    (
        "a sealproof key file in base64",
        b"eyJmb3JtYXQiOiJzZWFscHJvb2Yt",  # {"format":"sealproof-
        re.compile(rb"eyJmb3JtYXQiOiJzZWFscHJvb2Yt[A-Za-z0-9+/_-]{60}"),
    ),
    (
        "a private key in PEM",
        b"PRIVATE KEY",
        re.compile(
            rb"-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
            + _GAP
            + rb"(?:[A-Za-z][A-Za-z-]{2,20}: [^\n\\]{1,120}"
            + _GAP
            + rb"){0,4}[A-Za-z0-9+/=]{40}"
        ),
    ),
    (
        "a private key of an SSH program",
        b"Key-File-",
        re.compile(rb"PuTTY-User-Key-File-[0-9]: [^\r\n]{3,60}\r?\n(?:[A-Z][A-Za-z-]{2,20}: )"),
    ),
    (
        "a private key of an SSH program",
        b"BEGIN SSH2 ENCRYPTED",
        re.compile(rb"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\s+[A-Za-z0-9+/]"),
    ),
)


def find_keys(data: bytes) -> Iterator[tuple[int, str]]:
    """Yield the offset and kind of every key in `data`."""
    for kind, mark, pattern in _KINDS:
        if mark in data:  # a plain search for a fixed text costs next to nothing
            for found in pattern.finditer(data):
                yield found.start(), kind

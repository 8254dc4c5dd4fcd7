"""One file's content as scanners see it: text or not, its lines, and the allow comments on them."""

from __future__ import annotations

import codecs
import re
from bisect import bisect_right
from functools import cached_property

_HEAD = 8192  # bytes in which a NUL says that a file is no text
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LINE_END = re.compile(rb"\r\n|\r|\n")
_ALLOW = re.compile(
    rb"pragma: ?(?:allow|white)list[ -](?:nextline[ -])?secret|\bnosec\b|gitleaks:allow|trufflehog:ignore|\bggignore\b"
    rb"|\bnosemgrep\b|\bskipcq\b|\bnoqa\b"
)
_NEXT_LINE = b"nextline"


class Document:
    """Bytes to search, in UTF-8 where the file says that it is UTF-16 or UTF-32."""

    def __init__(self, raw: bytes) -> None:
        text = _transcoded(raw)
        self.is_text = text is not None
        self.data = raw if text is None else text

    @property
    def views(self) -> tuple[bytes, ...]:
        """Return what to search: of a binary file also the bytes without NUL, which is what UTF-16 adds to ASCII."""
        if self.is_text or b"\0" not in self.data:
            return (self.data,)
        return (self.data, self.data.replace(b"\0", b""))

    def line(self, offset: int) -> int:
        """Return the number of the line that `offset` is on, from 1; LF, CRLF and a bare CR end a line."""
        return bisect_right(self._starts, offset)

    def allow_comments(self, line: int) -> tuple[str, ...]:
        """Return the comments by which other tools would be told to look away from `line`."""
        above = _ALLOW.findall(self._text(line - 1)) if line > 1 else []
        found = _ALLOW.findall(self._text(line)) + [comment for comment in above if _NEXT_LINE in comment]
        return tuple(dict.fromkeys(comment.decode() for comment in found))

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(found.end() for found in _LINE_END.finditer(self.data))]

    def _text(self, line: int) -> bytes:
        starts = self._starts
        return self.data[starts[line - 1] : starts[line] if line < len(starts) else None]


def _transcoded(raw: bytes) -> bytes | None:
    """Return the text in UTF-8 (or whatever ASCII-like encoding it is in), None for what is no text."""
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            try:
                return raw.decode(encoding).encode()
            except UnicodeDecodeError:
                return None
    return None if b"\0" in raw[:_HEAD] else raw

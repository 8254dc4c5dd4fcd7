"""Read a plain dotenv file as python-dotenv does, and say what was done with what is ambiguous.

The one way in for plain text: `seal`, and whoever calls this by name. Never a fallback.
"""

from __future__ import annotations

import re
from io import StringIO

from sealproof.envelope.grammar import is_name
from sealproof.errors import InvalidDotenv, LimitExceeded

_NEWLINE = re.compile(r"\r\n|\n|\r")
DOTENV_MAX = 4 * 1024 * 1024  # bytes: room for 4096 values of a kilobyte


class DotenvText:
    """The names and values of a dotenv text, and notes on duplicates, expansions and bare names."""

    __slots__ = ("bare", "duplicates", "expansions", "values")

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.duplicates: dict[str, None] = {}
        """Names given more than once: the last one counts, as for python-dotenv."""
        self.expansions: dict[str, None] = {}
        """Names whose value holds `${…}`: sealed as it stands, expanded only by who opts in."""
        self.bare: dict[str, None] = {}
        """Names without `=`: python-dotenv sets nothing for them, and nothing is sealed."""

    def __repr__(self) -> str:
        return f"DotenvText({len(self.values)} values)"


def read_dotenv(data: bytes, *, path: str) -> DotenvText:
    """Return what python-dotenv reads from `data`, all of it or nothing.

    python-dotenv skips a line that it cannot parse; here that is InvalidDotenv naming the line.
    Raises LimitExceeded over 4 MiB.
    """
    if len(data) > DOTENV_MAX:
        message = f"{path} is over {DOTENV_MAX} bytes, the limit for a dotenv file"
        raise LimitExceeded(message, hint="split the secrets over more environments or tenants")
    return _parsed(data, path)


def _parsed(data: bytes, path: str) -> DotenvText:
    from dotenv.parser import parse_stream  # noqa: PLC0415 - only where plain text is read

    foreign = _first_foreign_byte(data)
    if foreign is not None:
        message = f"{path} is not UTF-8 text (byte {foreign})"
        raise InvalidDotenv(message, hint="convert it first: iconv -f ISO-8859-1 -t UTF-8")
    found = DotenvText()
    for binding in parse_stream(StringIO(data.decode("utf-8-sig"))):
        shown = binding.original.string  # python-dotenv counts blank lines before a line as part of it
        line = binding.original.line + len(_NEWLINE.findall(shown[: len(shown) - len(shown.lstrip())]))
        if binding.error:
            message = f"{path}: line {line} is no dotenv syntax, so nothing was sealed"
            raise InvalidDotenv(message, hint=f"mend or remove line {line} of {path}")
        if binding.key is not None:
            _take(found, binding.key, binding.value, f"{path}: line {line}")
    return found


def write_dotenv(values: dict[str, str]) -> str:
    """Return text from which `read_dotenv` gives back exactly `values`, one readable line each where it can.

    Raises InvalidDotenv where the python-dotenv that is installed would read a value differently.
    """
    text = "".join(f"{name}={_quoted(value)}\n" for name, value in values.items())
    if _parsed(text.encode(), "the text").values != {name: value.encode() for name, value in values.items()}:
        message = "python-dotenv would not read back every value as it is"
        raise InvalidDotenv(message, hint="pip install --upgrade python-dotenv, or use `sealproof get` and `set`")
    return text


def _first_foreign_byte(data: bytes) -> int | None:
    """Return where `data` stops being UTF-8. The error is raised elsewhere: a decoder's own holds the whole text."""
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        return exc.start
    return None


def _take(found: DotenvText, name: str, value: str | None, where: str) -> None:
    if not is_name(name):
        # Not quoted: it may be the second line of a value that was not put in quotes.
        message = f"{where} names no variable that a process environment should carry"
        raise InvalidDotenv(message, hint="use A-Z a-z 0-9 _, not beginning with a digit")
    if name in found.values or name in found.bare:
        found.duplicates[name] = None
    for earlier in (found.values, found.bare, found.expansions):
        earlier.pop(name, None)
    if value is None:
        found.bare[name] = None
        return
    if "${" in value:
        found.expansions[name] = None
    found.values[name] = value.encode()


def _quoted(value: str) -> str:
    if value and all(char.isalnum() or char in "_-./:@%+=,?&" for char in value) and value.isascii():
        return value
    if "'" not in value and "\\" not in value and "\r" not in value:
        return f"'{value}'"
    # Double quotes are read with escapes decoded, so every character that could change is spelled out.
    spelled = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{spelled}"'

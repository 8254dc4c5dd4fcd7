"""Read the names that a tenant must have from a `.env.example`: names only, values do not matter."""

from __future__ import annotations

from sealproof.envelope.grammar import is_name
from sealproof.errors import InvalidDotenv
from sealproof.loader.names import steers_sealproof

_BOM = b"\xef\xbb\xbf"


def required_names(text: bytes, *, path: str) -> tuple[str, ...]:
    """Return the names in `text`, in their order, without those that steer sealproof itself.

    Raises InvalidDotenv naming the line that is neither a name, a comment nor blank.
    """
    try:
        whole = text.removeprefix(_BOM).decode().replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        message = f"{path} is not UTF-8 text"
        raise InvalidDotenv(message, hint=f"iconv -t UTF-8 {path}") from None
    lines = whole.split("\n")
    if any(map(_may_span_lines, lines)):
        found = _names_of_multiline(whole, path)
    else:
        found = [_name_of(line, number, path) for number, line in enumerate(lines, 1)]
    return tuple(dict.fromkeys(name for name in found if name and not steers_sealproof(name)))


def _split(line: str) -> tuple[str, str]:
    """Return the name of a line, and its value behind the `=`; both empty for a comment or blank line."""
    text = line.strip()
    if not text or text.startswith("#"):
        return "", ""
    name, equals, value = text.partition("=")
    if not equals:
        name = name.partition("#")[0]
    words = name.split()
    name = words[1] if len(words) == 2 and words[0] == "export" else name.strip()  # noqa: PLR2004 - export NAME
    return name, equals + value.strip()


def _name_of(line: str, number: int, path: str) -> str:
    name, value = _split(line)
    if (name or value) and not is_name(name):
        raise _no_variable(path, number)
    return name


def _may_span_lines(line: str) -> bool:
    value = _split(line)[1][1:]
    # `\\` may escape a quote: python-dotenv's own parser decides.
    return value[:1] in ("'", '"') and (value.count(value[0]) == 1 or "\\" in value)


def _names_of_multiline(text: str, path: str) -> list[str]:
    from io import StringIO  # noqa: PLC0415 - only for values that span lines

    from dotenv.parser import parse_stream  # noqa: PLC0415 - only for values that span lines

    names: list[str] = []
    for binding in parse_stream(StringIO(text)):
        if binding.error or not (binding.key is None or is_name(binding.key)):
            shown = binding.original.string
            before = shown[: len(shown) - len(shown.lstrip())].count("\n")
            raise _no_variable(path, binding.original.line + before)
        names.append(binding.key or "")
    return names


def _no_variable(path: str, number: int) -> InvalidDotenv:
    return InvalidDotenv(f"{path}: line {number} names no variable", hint=f"sed -n {number}p {path}")

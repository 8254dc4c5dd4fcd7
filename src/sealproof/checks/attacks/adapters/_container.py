"""A sealed file taken apart and put together by whoever holds no key: nothing is signed or sealed anew."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from sealproof.checks.attacks.interface import Field, Record
from sealproof.envelope.grammar import decode

if TYPE_CHECKING:
    from collections.abc import Sequence

_ENTRY = '{"t":"e",'
_KIND = re.compile(r'\{"t":"([hkrez])"')
_NAME = re.compile(r'"name":"([^"]*)"')
_KINDS = {"h": "header", "k": "key", "r": "reader", "e": "entry", "z": "trailer"}


def records(data: bytes) -> list[Record]:
    """Return the entry lines."""
    found = []
    for line in data.decode().splitlines():
        if line.startswith(_ENTRY):
            entry = json.loads(line)
            found.append(Record(entry["name"], line, decode(entry["sealed"])))
    return found


def with_records(data: bytes, chosen: Sequence[Record]) -> bytes:
    """Return the file with these entry lines between its head and its trailer."""
    lines = data.decode().splitlines()
    kept = [line for line in lines if not line.startswith(_ENTRY)]
    return "".join(f"{line}\n" for line in [*kept[:-1], *(record.text for record in chosen), kept[-1]]).encode()


def fields(data: bytes) -> list[Field]:
    """Return every field of every line, named `kind.field`, entries by their secret's name."""
    found = []
    for line in data.decode().splitlines():
        parsed = json.loads(line)
        kind = _KINDS[parsed["t"]]
        where = f"{kind}.{parsed['name']}" if kind == "entry" else kind
        found += [Field(f"{where}.{name}", str(value)) for name, value in parsed.items() if name != "t"]
    return found


def with_field(data: bytes, name: str, text: str) -> bytes:
    """Return the file with one field reading otherwise, quoted where it was. The file may be damaged already."""
    *where, field = name.split(".")
    lines = data.decode().splitlines()
    for number, line in enumerate(lines):
        if _place(line) == where:
            quoted = f'"{field}":"' in line
            pattern = rf'"{field}":"[^"]*"' if quoted else rf'"{field}":[^,}}]*'
            value = f'"{field}":"{text}"' if quoted else f'"{field}":{text}'
            lines[number] = re.sub(pattern, lambda _: value, line, count=1)  # noqa: B023 - used at once
    return "".join(f"{line}\n" for line in lines).encode()


def _place(line: str) -> list[str]:
    kind, name = _KIND.match(line), _NAME.search(line)
    return [_KINDS[kind[1]] if kind else "", *([name[1]] if name and kind and kind[1] == "e" else [])]

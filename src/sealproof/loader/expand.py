"""Opt-in `${…}` expansion, over the tenant's own names only and never over the process environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.envelope.grammar import FILE_MAX, VALUE_MAX, is_name
from sealproof.errors import ExpansionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DEPTH_MAX = 64  # references; each costs stack, and no configuration of a person nests so far


def expand(values: Mapping[str, str]) -> dict[str, str]:
    """Return `values` with `${NAME}` and `${NAME:-default}` resolved, as python-dotenv writes them.

    Raises ExpansionError on a name the tenant does not have (and no default), a loop, references over 64 deep, a
    result over 64 KiB, or results over 16 MiB together.
    """
    return _Expansion(values).all()


class _Expansion:
    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._done: dict[str, str] = {}
        self._open: list[str] = []
        self._total = 0

    def all(self) -> dict[str, str]:
        return {name: self._resolve(name) for name in self._values}

    def _resolve(self, name: str) -> str:
        if name in self._done:
            return self._done[name]
        if name in self._open:
            raise _refused(name, "leads back to itself", (*self._open, name))
        if len(self._open) == _DEPTH_MAX:
            raise _refused(name, f"is more than {_DEPTH_MAX} references deep", (name,))
        self._open.append(name)
        parts: list[str] = []
        size = 0
        for part in self._parts(name):
            size += len(part.encode())  # counted part by part: 16 thousand references of 64 KiB make a gigabyte
            if size > VALUE_MAX:
                raise _refused(name, f"grows past {VALUE_MAX} bytes", (name,))
            parts.append(part)
        self._total += size
        if self._total > FILE_MAX:
            raise _refused(name, f"makes the tenant's values more than {FILE_MAX} bytes", (name,))
        self._open.pop()
        self._done[name] = value = "".join(parts)
        return value

    def _parts(self, name: str) -> Iterator[str]:
        from dotenv.variables import Variable, parse_variables  # noqa: PLC0415 - only for whoever opts in

        for atom in parse_variables(self._values[name]):
            if not isinstance(atom, Variable):
                yield atom.resolve({})
            elif atom.name in self._values:
                yield self._resolve(atom.name)
            elif atom.default is not None:
                yield atom.default
            else:
                raise _unknown(name, atom.name)


def _refused(name: str, why: str, names: tuple[str, ...]) -> ExpansionError:
    return ExpansionError(f"expansion of {name} {why}", hint=f"sealproof set TENANT {name}", names=names)


def _unknown(name: str, referred: str) -> ExpansionError:
    if not is_name(referred):  # part of a value, then, and not to be quoted
        message = f"{name} refers to what is no name of a variable"
        return ExpansionError(message, hint=f"sealproof set TENANT {name}", names=(name,))
    message = f"{name} refers to {referred}, which the tenant does not have"
    return ExpansionError(message, hint=f"sealproof set TENANT {referred}", names=(name, referred))

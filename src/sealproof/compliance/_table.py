"""Reading one TOML table strictly: every field named, typed and used, or a ConfigurationError."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, TypeVar

from sealproof.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

T = TypeVar("T")


class Table:
    """One table of a data file. `where` says which, in every error.

    Take the fields one by one, then call `done`, which refuses whatever nobody asked for.
    """

    def __init__(self, where: str, fields: object) -> None:
        if not isinstance(fields, dict):
            raise ConfigurationError(f"{where} is no table", names=(where,))
        self.where = where
        self._left: dict[str, object] = dict(fields)

    def error(self, message: str, *names: str) -> ConfigurationError:
        """Return an error about this table; `names` are the fields or ids concerned."""
        return ConfigurationError(f"{self.where}: {message}", names=names or (self.where,))

    def text(self, name: str) -> str:
        """Take a text that is not blank."""
        return self._text(name, self._take(name))

    def optional_text(self, name: str) -> str:
        """Take a text that is not blank; empty where the field is absent."""
        return self.text(name) if name in self._left else ""

    def integer(self, name: str) -> int:
        """Take an integer, zero or more."""
        value = self._take(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.error(f"{name} must be an integer of 0 or more", name)
        return value

    def optional_integer(self, name: str) -> int | None:
        """Take an integer, zero or more; None where the field is absent."""
        return self.integer(name) if name in self._left else None

    def day(self, name: str) -> date:
        """Take a whole day: a TOML date, or the same as text (YYYY-MM-DD). A time of day is refused."""
        value = self._take(name)
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        try:
            day = date.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            day = None
        if day is None or day.isoformat() != value:
            raise self.error(f"{name} {value!s:.40} is no day (YYYY-MM-DD)", name)
        return day

    def texts(self, name: str) -> tuple[str, ...]:
        """Take a list of different texts; it may be empty."""
        value = self._take(name)
        if not isinstance(value, list):
            raise self.error(f"{name} must be a list of texts", name)
        texts = tuple(self._text(name, item) for item in value)
        repeated = sorted({text for text in texts if texts.count(text) > 1}) if len(set(texts)) < len(texts) else []
        if repeated:
            raise self.error(f"{name} repeats {', '.join(repeated)}", name, *repeated)
        return texts

    def optional_texts(self, name: str) -> tuple[str, ...]:
        """Take a list of different texts; empty where the field is absent."""
        return self.texts(name) if name in self._left else ()

    def choice(self, name: str, allowed: Mapping[str, T]) -> T:
        """Take a text that is a key of `allowed`, and return what it stands for."""
        value = self.text(name)
        if value not in allowed:
            raise self.error(f"{name} {value!r} is none of {', '.join(allowed)}", name, value)
        return allowed[value]

    def table(self, name: str) -> Table:
        """Take a table of its own."""
        return Table(f"{self.where}: {name}", self._take(name))

    def optional_table(self, name: str) -> Table:
        """Take a table of its own; an empty one where the field is absent."""
        return self.table(name) if name in self._left else Table(f"{self.where}: {name}", {})

    def names(self) -> Iterator[str]:
        """Yield the fields not yet taken, in the order of the file."""
        yield from tuple(self._left)

    def done(self) -> None:
        """Refuse fields that nobody took: a misspelt one must not be ignored."""
        if self._left:
            raise self.error(f"unknown field {', '.join(self._left)}", *self._left)

    def _take(self, name: str) -> object:
        if name not in self._left:
            raise self.error(f"{name} is missing", name)
        return self._left.pop(name)

    def _text(self, name: str, value: object) -> str:
        if not isinstance(value, str) or not value.strip() or value != value.strip():
            raise self.error(f"{name} must be text, not blank, without space around it", name)
        return value

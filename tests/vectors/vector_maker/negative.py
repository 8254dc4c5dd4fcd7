"""What a negative vector is, and the two ways to make one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from vector_maker.second import EXAMPLE, SealedFile

MALFORMED = "MalformedFile"
UNSUPPORTED = "UnsupportedFormat"
LIMIT = "LimitExceeded"
CANNOT_OPEN = "CannotOpen"
STALE = "StaleFile"

NOW = EXAMPLE.saved + 100


@dataclass(frozen=True)
class Negative:
    """A file that must be refused, with the question that is asked of it."""

    name: str
    wrong: str
    error: str
    step: int
    data: bytes
    key: str = "positive/worked_example.key"
    tenant: str = EXAMPLE.tenant
    environment: str = EXAMPLE.environment
    now: int = NOW
    minimum: int = 0
    mark: str = ""

    def record(self) -> dict[str, object]:
        """The vector's entry in `negative.json`."""
        entry: dict[str, object] = {
            "wrong": self.wrong,
            "error": self.error,
            "step": self.step,
            "key": self.key,
            "tenant": self.tenant,
            "environment": self.environment,
            "now": self.now,
        }
        if self.minimum:
            entry["minimum"] = self.minimum
        if self.mark:
            entry["mark"] = self.mark
        return entry


@dataclass
class Collector:
    """Gathers vectors under one error and step."""

    error: str
    step: int
    found: list[Negative] = field(default_factory=list)

    def add(self, name: str, wrong: str, data: bytes, **asked: object) -> None:
        """Take bytes as they are."""
        self.found.append(Negative(name, wrong, self.error, self.step, data, **asked))  # type: ignore[arg-type]

    def edited(
        self, name: str, wrong: str, edit: Callable[[list[str]], object], file: SealedFile = EXAMPLE, **asked: object
    ) -> None:
        """Edit the lines before the trailer is made: MAC and signature fit, so that only the rule named is broken."""
        lines = file.lines()
        edit(lines)
        self.add(name, wrong, file.close(lines), **asked)

    def replaced(self, name: str, wrong: str, old: str, new: str, **asked: object) -> None:
        """Replace one text in the lines, under a trailer that fits."""

        def edit(lines: list[str]) -> None:
            text = "\n".join(lines)
            if text.count(old) != 1:
                message = f"{name}: {old!r} stands {text.count(old)} times"
                raise ValueError(message)
            lines[:] = text.replace(old, new).split("\n")

        self.edited(name, wrong, edit, **asked)

    def tampered(self, name: str, wrong: str, old: str, new: str, **asked: object) -> None:
        """Replace one text in the finished file, as someone without any key would."""
        text = EXAMPLE.to_bytes().decode()
        if text.count(old) != 1:
            message = f"{name}: {old!r} stands {text.count(old)} times"
            raise ValueError(message)
        self.add(name, wrong, text.replace(old, new).encode(), **asked)

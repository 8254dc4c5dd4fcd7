"""One rule: who may, or may not, do what to which secret, and when."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealproof.vault.access.interface import LEVELS, Decision

if TYPE_CHECKING:
    from sealproof.vault.access.interface import Operation, Subject

ANY = "*"
ROLE = "role:"
DAY_MINUTES = 24 * 60
DAYS = 7
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0


@dataclass(frozen=True, slots=True)
class Window:
    """Hours of the week, in UTC. One that ends before it starts goes on into the next morning."""

    days: tuple[int, ...]
    """1 for Monday to 7 for Sunday: the days on which it begins."""
    start: int
    """Minutes after midnight, included."""
    end: int
    """Minutes after midnight, excluded."""

    def holds(self, now: int) -> bool:
        """Tell whether `now`, in unix seconds, lies in it."""
        days, minute = divmod(now // 60, DAY_MINUTES)
        today = (days + _EPOCH_WEEKDAY) % DAYS + 1
        if self.start < self.end:
            return today in self.days and self.start <= minute < self.end
        yesterday = (today - 2) % DAYS + 1
        return (today in self.days and minute >= self.start) or (yesterday in self.days and minute < self.end)


@dataclass(frozen=True, slots=True)
class Conditions:
    """When a rule counts. `established` and `approval` are what a request must bring along.

    An allowing rule needs all of them. A denying rule counts in its time, and spares a request that
    brings what it asks for: "deny, unless approved".
    """

    established: str = "claimed"
    """The least that must vouch for the subject."""
    approval: bool = False
    """A valid approval by somebody else is needed."""
    begins: int = 0
    """Unix seconds."""
    ends: int = 0
    """Unix seconds, excluded; 0 is never."""
    window: Window | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the policy."""

    id: str
    allows: bool
    subject: str
    """A subject, `role:NAME`, or `*` for everybody."""
    tenant: str
    environment: str
    """A name, or `*`."""
    name: str
    """A secret's name, or a pattern with one `*`."""
    operations: tuple[Operation, ...]
    conditions: Conditions
    created: int
    """Unix seconds."""
    by: str
    """Who put it in."""
    decision: Decision = field(init=False, repr=False, compare=False)
    """Its answer, made once."""
    level: int = field(init=False, repr=False, compare=False)
    timeless: bool = field(init=False, repr=False, compare=False)
    """It asks for nothing but a level."""

    def __post_init__(self) -> None:
        verb = "allows" if self.allows else "denies"
        needs, put = self.conditions, object.__setattr__  # frozen for everybody else
        put(self, "decision", Decision(allowed=self.allows, rule=self.id, reason=f"rule {self.id} {verb} it"))
        put(self, "level", LEVELS[needs.established])
        put(self, "timeless", not (needs.approval or needs.begins or needs.ends or needs.window))

    def counts(self, subject: Subject, now: int, *, approved: bool) -> bool:
        """Tell whether the rule, which matches the request, counts for it."""
        if self.timeless and self.allows:
            return subject.level >= self.level
        return not self.unmet(subject, now, approved=approved)

    def unmet(self, subject: Subject, now: int, *, approved: bool) -> str:
        """Return why the rule does not count for a request that it matches; nothing if it does."""
        needs = self.conditions
        if now < needs.begins:
            return f"rule {self.id} is not in force yet"
        if needs.ends and now >= needs.ends:
            return f"rule {self.id} is no longer in force"
        if needs.window is not None and not needs.window.holds(now):
            return f"rule {self.id} holds only at other hours"
        weak = subject.level < self.level
        unapproved = needs.approval and not approved
        if not self.allows:
            asks = needs.approval or self.level > 0
            return "" if not asks or weak or unapproved else f"rule {self.id} spares who brings what it asks for"
        if weak:
            found = subject.established.value
            return f"rule {self.id} asks for a subject established by {needs.established}, this one is {found}"
        return f"rule {self.id} asks for an approval" if unapproved else ""


def matches(pattern: str, name: str) -> bool:
    """Tell whether a secret's name, or a pattern with one `*`, matches `name`. Only `*` matches no name at all."""
    begin, star, end = pattern.partition(ANY)
    if not star:
        return pattern == name
    return len(name) >= len(begin) + len(end) and name.startswith(begin) and name.endswith(end)

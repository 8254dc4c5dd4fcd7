"""What is due, and what comes up: from the ages in the sealed files, so that there is no second memory of it.

`schedule_rotation` adds an interval of its own to `tenants/<tenant>/schedule.json`; without one, `rotation.toml` and
then the manifest's days decide. No key is needed to say what is due.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, NamedTuple

from sealproof.errors import ConfigurationError
from sealproof.rotation.plan import DAY_S, is_duration
from sealproof.rotation.strategies import Strategy
from sealproof.vault.manifest import SecretClass

if TYPE_CHECKING:
    from sealproof.rotation.configuration import Configuration
    from sealproof.vault.custodian import Custodian

FILE_NAME = "schedule.json"
_FILE_MAX = 1024 * 1024  # bytes
ALERT_DAYS = (30, 14, 7, 3, 1, 0)
"""Days before the end of an expiring secret on which people are told."""


class Interval(NamedTuple):
    """What was scheduled for one secret."""

    every_s: float
    strategy: str
    """Empty where the plan decides."""


class Due(NamedTuple):
    """When one secret is to be rotated."""

    environment: str
    name: str
    at: float
    """Unix seconds."""
    version: int
    """The version that is to be replaced: at another one, somebody was faster."""
    strategy: str
    """What was scheduled; empty where the plan decides."""
    is_scheduled: bool
    """Whether somebody scheduled this secret by its name."""


class Expiring(NamedTuple):
    """A secret that ends soon, or has ended."""

    name: str
    expires: str
    """A date as YYYY-MM-DD; the secret is good through that day, in UTC."""
    days: int
    """Whole days left; negative where it has ended."""


class Schedule:
    """One tenant's intervals."""

    def __init__(self, custodian: Custodian, tenant: str) -> None:
        self._store = custodian.store
        self._custodian = custodian
        self._tenant = tenant

    def __repr__(self) -> str:
        return f"Schedule({self._tenant!r})"

    def intervals(self) -> dict[str, Interval]:
        """Return what was scheduled, by `environment/NAME`. Raises ConfigurationError."""
        text = self._store.read_beside(self._tenant, FILE_NAME, limit=_FILE_MAX)
        try:
            return {} if text is None else {scope: _interval(fields) for scope, fields in json.loads(text).items()}
        except (ValueError, TypeError, AttributeError, KeyError):
            message = f"{self._store.root}/tenants/{self._tenant}/{FILE_NAME} is no schedule"
            raise ConfigurationError(message, hint="remove it, and schedule again", names=(FILE_NAME,)) from None

    def put(self, environment: str, name: str, interval: Interval) -> None:
        """Keep an interval, under the tenant's lock. Raises ConfigurationError, FileUnavailable."""
        with self._store.tenant_directory(self._tenant) as directory:
            directory.lock()
            directory.sweep()
            known = self.intervals() | {f"{environment}/{name}": interval}
            fields = {scope: one._asdict() for scope, one in known.items()}
            text = json.dumps(fields, indent=2, sort_keys=True) + "\n"
            directory.replace(FILE_NAME, text.encode(), mode=0o644)

    def due(self, environment: str, configuration: Configuration) -> list[Due]:
        """Return when each secret of an environment is due, earliest first; those that never are, are left out."""
        intervals = self.intervals()
        found: list[Due] = []
        for entry in self._custodian.envelope(self._tenant, environment).entries:
            if "." in entry.name:
                continue
            every = _every(entry.name, environment, intervals, configuration)
            if every:
                asked = intervals.get(f"{environment}/{entry.name}")
                strategy = asked.strategy if asked else ""
                at = int(entry.updated) + every
                found.append(Due(environment, entry.name, at, int(entry.version), strategy, asked is not None))
        return sorted(found, key=lambda one: (one.at, one.name))


def expiring(configuration: Configuration, now: float) -> list[Expiring]:
    """Return the secrets whose end is near enough to tell people, soonest first."""
    today = datetime.fromtimestamp(now, UTC).date()
    ends = [
        Expiring(name, expires, (date.fromisoformat(expires) - today).days)
        for name, expires in configuration.expiries().items()
    ]
    return sorted((one for one in ends if one.days <= ALERT_DAYS[0]), key=lambda one: (one.days, one.name))


def threshold(days: int) -> int:
    """Return the alert that `days` left belong to: people are told once for each."""
    return min((limit for limit in ALERT_DAYS if days <= limit), default=ALERT_DAYS[0]) if days >= 0 else -1


def _interval(fields: dict[str, object]) -> Interval:
    """Return an interval as it was kept. Raises TypeError, ValueError."""
    every_s, strategy = fields["every_s"], str(fields["strategy"])
    if fields.keys() != set(Interval._fields) or not is_duration(every_s) or not every_s:
        raise ValueError
    return Interval(every_s, Strategy(strategy).value if strategy else "")


def _every(name: str, environment: str, intervals: dict[str, Interval], configuration: Configuration) -> float:
    scheduled = intervals.get(f"{environment}/{name}")
    if scheduled is not None:
        return scheduled.every_s
    planned = configuration.every_s(environment, name)
    if planned:
        return planned
    entry = configuration.entry(name)
    if configuration.kind(name) is SecretClass.CONFIG or entry is None or not entry.rotation:
        return 0.0
    return entry.rotation * DAY_S

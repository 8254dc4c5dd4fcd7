"""`waivers.toml`: findings that somebody accepts, until a day, with another person's signature.

A waiver names one check, one scope and one resource, exactly. It moves the gate and never the evidence: the check
still runs, and its result is kept. A file that cannot be understood is a configuration error, for a waiver that is
quietly ignored and one that is quietly too wide are the same mistake.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

from sealproof.compliance import catalogue
from sealproof.compliance._table import Table
from sealproof.envelope.grammar import frame, is_environment, is_tenant
from sealproof.errors import CallerError, ConfigurationError
from sealproof.findings import Scope, Severity, Waiver
from sealproof.signing import SIGNATURE_BYTES, canonical, sha256, verifies

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealproof.signing import SigningKey
    from sealproof.vault.records.people import People

FILE_NAME: Final = "waivers.toml"
FILE_MAX: Final = 1024 * 1024  # bytes
UNWAIVABLE: Final = ("SEC-003", "SEC-004", "SEC-017", "PEN-001", "PEN-006", "LOD-002")
"""Checks whose failure nobody may accept: a seal or a log that does not hold is none."""
JUDGE: Final = "CMP-016"
"""The check that judges the waivers: it cannot be silenced by one of them."""
WARNING_DAYS: Final = 14
"""Under this many days left, every run says so."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}").fullmatch
_SIGNATURE = re.compile(rf"[0-9a-f]{{{2 * SIGNATURE_BYTES}}}").fullmatch


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One table of the file as it stands there."""

    waiver: Waiver
    signature: bytes
    """The approver's, over `message`; empty where nobody signed yet."""

    @property
    def message(self) -> bytes:
        """Return what the approver signs: every field, so that none can be widened afterwards."""
        waiver = self.waiver
        fields = {
            **{name: getattr(waiver, name) for name in ("id", "check", "resource", "reason", "owner", "approver")},
            **{name: getattr(waiver, name) for name in ("created", "expires", "reference", "compensating")},
            "tenant": waiver.scope.tenant,
            "environment": waiver.scope.environment,
        }
        return frame(b"sealproof/1/waiver", sha256(canonical(fields)))

    def signed_by(self, key: SigningKey) -> str:
        """Return the signature of `key` as it stands in the file, in hex."""
        return key.sign(self.message).hex()


def parse(text: bytes, *, path: str) -> dict[str, Acceptance]:
    """Return the waivers of a file by id.

    Raises ConfigurationError naming the waiver and what is wrong: a missing or unknown field, a bad date, an unknown
    check, a pattern where an exact name belongs, a check that cannot be waived.
    """
    try:
        tables = tomllib.loads(text.decode())
    except (ValueError, RecursionError) as exc:
        message = f"{path} is no TOML: {exc}"
        raise ConfigurationError(message, hint="see the line named above", names=(path,)) from exc
    return {name: _acceptance(name, Table(f"{path}: {name}", fields)) for name, fields in tables.items()}


def judged(acceptance: Acceptance, people: People | None, now: int, limits: Mapping[str, int]) -> Waiver:
    """Return the waiver with its days left at `now` (unix seconds) and, where it does not apply, why.

    `people` are those of the store; None where no policy key is here to verify them with.
    """
    waiver = acceptance.waiver
    today = datetime.fromtimestamp(now, UTC).date()
    left = (date.fromisoformat(waiver.expires) - today).days
    return replace(waiver, days_left=left, refused=_refusal(acceptance, people, now, limits))


def longest(check_id: str, limits: Mapping[str, int]) -> int:
    """Return the days that a waiver of this check may last, its first and last day included."""
    critical = catalogue.load().checks[check_id].severity is Severity.CRITICAL
    return min(limits["waiver_critical_days"], limits["waiver_days"]) if critical else limits["waiver_days"]


def with_signature(text: bytes, waiver_id: str, signature: str, *, path: str) -> bytes:
    """Return the file with the signature in the waiver's table; everything else is kept byte for byte.

    Raises CallerError if there is no such waiver, ConfigurationError if its table is not written as `[ID]`.
    """
    before = parse(text, path=path)
    if waiver_id not in before:
        message = f"{path} has no waiver {waiver_id!r:.80}"
        raise CallerError(message, hint="sealproof waiver list", names=(waiver_id,))
    lines: list[str] = []
    inside = False
    for line in text.decode().splitlines(keepends=True):
        bare = line.split("#")[0].strip()
        if bare.startswith("["):
            inside = bare in (f"[{waiver_id}]", f'["{waiver_id}"]')
            lines.append(line if line.endswith("\n") else line + "\n")
            if inside:
                lines.append(f'signature = "{signature}"\n')
        elif not (inside and bare.partition("=")[0].strip() == "signature"):
            lines.append(line)
    changed = "".join(lines).encode()
    if _signature_of(changed, waiver_id, path) != signature:
        message = f"{path}: {waiver_id} is not written as a table of its own, so nothing was signed"
        raise ConfigurationError(message, hint=f"write it below [{waiver_id}]", names=(waiver_id,))
    return changed


def _signature_of(text: bytes, waiver_id: str, path: str) -> str:
    try:
        return parse(text, path=path)[waiver_id].signature.hex()
    except ConfigurationError:
        return ""


def _acceptance(name: str, table: Table) -> Acceptance:
    if not _ID(name):
        raise table.error("its id is not 1 to 64 of A-Z a-z 0-9 . _ -", name)
    check_id = table.text("check")
    _judge_check(table, check_id)
    waiver = Waiver(
        id=name,
        check=check_id,
        scope=_scope(table, check_id),
        resource=table.text("resource"),
        reason=table.text("reason"),
        owner=table.text("owner"),
        approver=table.text("approver"),
        created=(created := table.day("created")).isoformat(),
        expires=(expires := table.day("expires")).isoformat(),
        reference=table.text("reference"),
        compensating=table.optional_text("compensating"),
    )
    signature = table.optional_text("signature")
    table.done()
    if "*" in waiver.resource:
        raise table.error("resource must be one finding's, exactly: a * is no pattern here", "resource")
    if expires < created:
        raise table.error(f"it expires on {expires}, before it begins on {created}", "expires")
    if waiver.compensating:
        _judge_compensating(table, waiver)
    if signature and not _SIGNATURE(signature):
        raise table.error("signature is not 64 bytes in hex", "signature")
    return Acceptance(waiver, bytes.fromhex(signature))


def _judge_check(table: Table, check_id: str) -> None:
    if check_id not in catalogue.load().checks:
        raise table.error(f"there is no check {check_id!r:.40}", "check")
    if check_id in UNWAIVABLE:
        raise table.error(f"{check_id} cannot be waived", "check")
    if check_id == JUDGE:
        raise table.error(f"{JUDGE} judges the waivers, and cannot be waived by one", "check")


def _judge_compensating(table: Table, waiver: Waiver) -> None:
    checks = catalogue.load().checks
    other = checks.get(waiver.compensating)
    if other is None or other.id in (waiver.check, JUDGE):
        raise table.error(f"compensating {waiver.compensating!r:.40} is no other check", "compensating")
    if other.scope == "tenant" and not waiver.scope.tenant:
        raise table.error(f"compensating {other.id} looks at one tenant, the waiver at the whole store", "compensating")


def _scope(table: Table, check_id: str) -> Scope:
    if catalogue.load().checks[check_id].scope == "store":
        for name in ("tenant", "environment"):
            if table.optional_text(name):
                raise table.error(f"{check_id} looks at the whole store: it has no {name}", name)
        return Scope()
    tenant, environment = table.text("tenant"), table.text("environment")
    if not is_tenant(tenant) or not is_environment(environment):
        raise table.error("tenant and environment must each be one, by its exact name", "tenant", "environment")
    return Scope(tenant, environment)


def _refusal(acceptance: Acceptance, people: People | None, now: int, limits: Mapping[str, int]) -> str:
    waiver = acceptance.waiver
    created, expires = date.fromisoformat(waiver.created), date.fromisoformat(waiver.expires)
    today = datetime.fromtimestamp(now, UTC).date()
    most = longest(waiver.check, limits)
    days = (expires - created).days + 1
    if expires < today:
        return f"it expired on {waiver.expires}"
    if created > today:
        return f"it begins on {waiver.created}"
    if days > most:
        return f"it lasts {days} days, and {waiver.check} may be waived for {most} at most"
    if waiver.owner.casefold() == waiver.approver.casefold():
        return f"{waiver.approver} approved it for themselves"
    return _unsigned(acceptance, people, now)


def _unsigned(acceptance: Acceptance, people: People | None, now: int) -> str:
    approver = acceptance.waiver.approver
    if not acceptance.signature:
        return f"{approver} has not signed it"
    if people is None:
        return "nobody can tell whose signature it has: no policy key is here"
    person = people.person(approver, now)
    if person is None or "approver" not in person.duties:
        return f"{approver} is no approver of this store"
    if not verifies(person.key, acceptance.signature, acceptance.message):
        return f"its signature is not {approver}'s over what it says now"
    owner = people.person(acceptance.waiver.owner, now)
    if owner is None:
        return f"its owner {acceptance.waiver.owner} is no person of this store"
    return f"{approver} and {owner.name} bear one key" if owner.key == person.key else ""

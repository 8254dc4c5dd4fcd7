"""Rules of the access policy in words: read from options, told in a row or a sentence."""

from __future__ import annotations

import datetime as dt
import shlex
from typing import TYPE_CHECKING

from sealproof.errors import CallerError, MalformedFile
from sealproof.vault.access import Conditions, Rule, Window
from sealproof.vault.access.interface import BUNDLES, WHOLE, check_operation
from sealproof.vault.access.rules import ANY, DAYS
from sealproof.vault.access.text import clock_text, end_of, minutes_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealproof.cli.arguments import Arguments
    from sealproof.vault.access import Operation, Policy, SignedPolicy

_WHOLE_WEEK = tuple(range(1, DAYS + 1))
_DIGITS = frozenset(map(str, _WHOLE_WEEK))
_HOURS_MAX = 720  # thirty days, as long as an approval may hold


def rule_of(
    args: Arguments, subject: str, tenant: str, environment: str, *, by: str, now: int
) -> Callable[[str], Rule]:
    """Return what makes the rule that the options of `access grant` describe, given its id. Raises CallerError."""
    operations = _operations(args)
    conditions = Conditions(
        "claimed" if args.deny else args.established,
        args.needs_approval,
        _day(args.begins),
        _day(args.until),
        _window(args),
    )

    def make(rule_id: str) -> Rule:
        return Rule(rule_id, not args.deny, subject, tenant, environment, args.name, operations, conditions, now, by)

    return make


def refuse_useless(rule: Rule, args: Arguments) -> None:
    """Raise CallerError if the rule allows in one environment what is asked for all of them at once."""
    whole = sorted(WHOLE.intersection(rule.operations))
    if rule.allows and whole and rule.environment != ANY:
        what = " and ".join(whole)
        message = f"a rule for {rule.environment} would allow nothing: {what} is asked for all environments at once"
        words = f"--as {args.duty}" if args.duty else f"--operations {args.operations}"
        hint = f"sealproof access grant {shlex.quote(rule.subject)} {shlex.quote(rule.tenant)} --env '*' {words}"
        raise CallerError(message, hint=hint)


def whole_hours(text: str) -> int:
    """Return a number of hours. Raises CallerError."""
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(_HOURS_MAX))):
        message = f"{text!r:.20} is no number of hours"
        raise CallerError(message, hint=f"--hours 1 to {_HOURS_MAX}")
    return int(text)


def listed(policy: Policy) -> list[str]:
    """Return what a policy says besides its rules, a line each."""
    saved = dt.datetime.fromtimestamp(policy.saved, dt.UTC)
    lines = [f"generation {policy.generation}, saved {saved:%Y-%m-%d %H:%M:%SZ}"]
    lines.append(f"owners, who may do everything: {', '.join(policy.owners) or 'nobody'}")
    lines += [f"role {role}: {', '.join(members)}" for role, members in policy.roles.items()]
    return lines


def listed_json(policy: Policy, pending: SignedPolicy | None, *, needed: int) -> dict[str, object]:
    """Return a policy and what waits, for programs."""
    waiting = None
    if pending is not None:
        waiting = {"policy": pending.policy.to_json(), "signatures": len(pending.signatures), "needed": needed}
    return {"policy": policy.to_json(), "pending": waiting}


def rule_row(rule: Rule) -> tuple[str, ...]:
    """Return a rule as a row: id, effect, subject, where, secrets, operations, conditions."""
    effect = "allow" if rule.allows else "deny"
    where = f"{rule.tenant}/{rule.environment}"
    return rule.id, effect, rule.subject, where, rule.name, ",".join(rule.operations), _conditions_text(rule)


def rule_sentence(rule: Rule) -> str:
    """Return a rule as a sentence."""
    verb = "may" if rule.allows else "may not"
    asked = _conditions_text(rule)
    place = f"{rule.tenant}/{rule.environment}"
    return f"{rule.id}: {rule.subject} {verb} {', '.join(rule.operations)} {rule.name} of {place}" + (
        f" if {asked}" if asked else ""
    )


def _conditions_text(rule: Rule) -> str:
    needs = rule.conditions
    unless = "" if rule.allows else "not "
    parts = [f"{unless}established by {needs.established}"] if needs.established != "claimed" else []
    if needs.approval:
        parts.append(f"{unless}approved")
    if needs.begins:
        parts.append(f"from {_date(needs.begins)}")
    if needs.ends:
        parts.append(f"until {_date(needs.ends)}")
    if needs.window is not None:
        days = "" if needs.window.days == _WHOLE_WEEK else f" on days {','.join(map(str, needs.window.days))}"
        parts.append(f"{clock_text(needs.window.start)}-{clock_text(needs.window.end)}{days}")
    return ", ".join(parts)


def _operations(args: Arguments) -> tuple[Operation, ...]:
    if bool(args.duty) == bool(args.operations):
        message = "a grant needs a duty, or operations by name"
        raise CallerError(message, hint=f"--as {' | '.join(BUNDLES)}, or --operations read,list")
    named = BUNDLES[args.duty] if args.duty else [check_operation(word) for word in args.operations.split(",")]
    return tuple(sorted(set(named)))


def _day(text: str) -> int:
    if not text:
        return 0
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        message = f"{text!r:.20} is no date"
        raise CallerError(message, hint="write it as YYYY-MM-DD") from None
    return int(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp())


def _window(args: Arguments) -> Window | None:
    if not args.hours and not args.days:
        return None
    start, _, end = (args.hours or "00:00-24:00").partition("-")
    try:
        return Window(_days(args.days), minutes_of(start), end_of(end))
    except MalformedFile as exc:
        raise CallerError(exc.message, hint="--hours 08:00-18:00") from None


def _days(text: str) -> tuple[int, ...]:
    days: set[int] = set()
    for part in (text or f"1-{DAYS}").split(","):
        first, _, last = part.partition("-")
        last = last or first
        if first not in _DIGITS or last not in _DIGITS or first > last:
            message = f"{text!r:.20} are no days of the week"
            raise CallerError(message, hint="--days 1-5, or 1,3,7")
        days |= set(range(int(first), int(last) + 1))
    return tuple(sorted(days))


def _date(seconds: int) -> str:
    return f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%Y-%m-%d}"

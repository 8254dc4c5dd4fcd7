"""Read parsed JSON strictly: exactly the fields named, each of its kind. Every refusal is a MalformedFile."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from sealproof.envelope.grammar import INTEGER_MAX, NAME_MAX, is_environment, is_name, is_tenant
from sealproof.errors import InvalidName, MalformedFile
from sealproof.vault.access.interface import LEVELS, PLATFORM, WHOLE, Operation, check_subject
from sealproof.vault.access.rules import ANY, DAY_MINUTES, DAYS, ROLE, Conditions, Rule, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII).fullmatch
_PATTERN = re.compile(r"[A-Za-z0-9_]*\*[A-Za-z0-9_]*", re.ASCII).fullmatch
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII).fullmatch
_HEX = frozenset("0123456789abcdef")
_OPERATIONS = {operation.value: operation for operation in Operation}

_RULE = ("by", "conditions", "created", "effect", "environment", "id", "name", "operations", "subject", "tenant")
_CONDITIONS = ("approval", "established", "from", "until", "window")
_WINDOW = ("days", "end", "start")


def read_rule(value: object) -> Rule:
    """Read a rule, and refuse one that is `refused`."""
    rule = read_any_rule(value)
    why = refused(rule)
    if why:
        raise MalformedFile(why, hint=f"sealproof access revoke {rule.id}", names=(rule.id,))
    return rule


def refused(rule: Rule) -> str:
    """Return why no policy may hold such a rule; nothing if it may.

    One over values of every tenant, and a tenant-wide one that seems to be for some secrets.
    """
    where = f"rule {rule.id}"
    beyond = sorted(set(rule.operations) - PLATFORM)
    if rule.allows and rule.tenant == ANY and beyond:
        return f"{where} allows {', '.join(beyond)} over all tenants"
    whole = sorted(WHOLE.intersection(rule.operations))
    if whole and rule.name != ANY:
        return f"{where} names secrets, and {', '.join(whole)} concerns none: name *"
    return ""


def read_any_rule(value: object) -> Rule:
    """Read a rule, also one that is `refused`: for mending a policy from before it was."""
    parts = fields_of(value, _RULE, "a rule")
    rule_id = identifier_of(parts["id"], "a rule's id")
    where = f"rule {rule_id}"
    require(parts["effect"] in ("allow", "deny"), f"{where} neither allows nor denies")
    return Rule(
        rule_id,
        parts["effect"] == "allow",
        principal_of(parts["subject"]),
        scope_of(parts["tenant"], _any_or(is_tenant), f"the tenant of {where}"),
        scope_of(parts["environment"], _any_or(is_environment), f"the environment of {where}"),
        pattern_of(parts["name"]),
        _operations(parts["operations"], where),
        _conditions(parts["conditions"], where),
        integer_of(parts["created"], f"the time of {where}"),
        subject_of(parts["by"]),
    )


def rule_json(rule: Rule) -> dict[str, object]:
    """Return a rule as it stands in the file."""
    needs = rule.conditions
    return {
        "by": rule.by,
        "conditions": {
            "approval": needs.approval,
            "established": needs.established,
            "from": needs.begins,
            "until": needs.ends,
            "window": None if needs.window is None else window_json(needs.window),
        },
        "created": rule.created,
        "effect": "allow" if rule.allows else "deny",
        "environment": rule.environment,
        "id": rule.id,
        "name": rule.name,
        "operations": [operation.value for operation in rule.operations],
        "subject": rule.subject,
        "tenant": rule.tenant,
    }


def window_json(window: Window) -> dict[str, object]:
    """Return a window as it stands in the file."""
    return {"days": list(window.days), "end": clock_text(window.end), "start": clock_text(window.start)}


def clock_text(minutes: int) -> str:
    """Return minutes after midnight as HH:MM."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


def minutes_of(value: object) -> int:
    """Return HH:MM, before 24:00, as minutes after midnight."""
    found = _CLOCK(value) if isinstance(value, str) else None
    if found is None:
        raise malformed(f"{value!r:.20} is no time of day as HH:MM")
    return int(found[1]) * 60 + int(found[2])


def end_of(value: object) -> int:
    """Return HH:MM, up to 24:00, as minutes after midnight."""
    return DAY_MINUTES if value == "24:00" else minutes_of(value)


def pattern_of(value: object) -> str:
    """Return a secret's name, or a pattern with one `*` in it."""
    good = isinstance(value, str) and len(value) <= NAME_MAX and (is_name(value) or _PATTERN(value))
    if not isinstance(value, str) or not good:
        raise malformed(f"{value!r:.80} is neither a secret's name nor a pattern with one *")
    return value


def principal_of(value: object) -> str:
    """Return a subject, `role:NAME` or `*`."""
    if isinstance(value, str) and value.startswith(ROLE):
        return ROLE + identifier_of(value.removeprefix(ROLE), "a role")
    return ANY if value == ANY else subject_of(value)


def subject_of(value: object) -> str:
    """Return a subject's name."""
    if not isinstance(value, str):
        raise malformed("a subject is no text")
    try:
        return check_subject(value)
    except InvalidName as exc:
        raise malformed(exc.message) from None


def identifier_of(value: object, what: str) -> str:
    """Return [a-z0-9][a-z0-9-]{0,31}."""
    if not isinstance(value, str) or not _ID(value):
        raise malformed(f"{value!r:.40} is not {what}: 1 to 32 of a-z 0-9 -, not beginning with -")
    return value


def integer_of(value: object, what: str) -> int:
    """Return an integer 0…2^53-1. True and false are none."""
    if type(value) is not int or not 0 <= value <= INTEGER_MAX:
        raise malformed(f"{what} is not a whole number from 0 to 2^53-1")
    return value


def list_of(value: object, limit: int, what: str) -> list[object]:
    """Return a list of at most `limit` items."""
    if not isinstance(value, list) or len(value) > limit:
        raise malformed(f"{what} are no list of at most {limit}")
    return value


def hex_of(value: object, size: int, what: str) -> bytes:
    """Return `size` bytes from lower-case hex."""
    if not isinstance(value, str) or len(value) != 2 * size or not _HEX.issuperset(value):
        raise malformed(f"{what} is not {size} bytes in hex")
    return bytes.fromhex(value)


def established_of(value: object, what: str) -> str:
    """Return one of the ways in which a subject is established."""
    if not isinstance(value, str) or value not in LEVELS:
        raise malformed(f"{what} is established by {value!r:.40}, which is none of {', '.join(LEVELS)}")
    return value


def operation_of(value: object) -> Operation:
    """Return an operation."""
    if not isinstance(value, str) or value not in _OPERATIONS:
        raise malformed(f"{value!r:.40} is no operation")
    return _OPERATIONS[value]


def scope_of(value: object, is_named: Callable[[str], bool], what: str) -> str:
    """Return a name that `is_named` accepts."""
    if not isinstance(value, str) or not is_named(value):
        raise malformed(f"{value!r:.80} is not {what}")
    return value


def fields_of(value: object, names: Collection[str], what: str) -> dict[str, object]:
    """Return an object that has exactly the fields `names`."""
    if not isinstance(value, dict) or value.keys() != set(names):
        raise malformed(f"{what} does not have exactly the fields {', '.join(names)}")
    return value


def require(condition: object, message: str) -> None:
    """Refuse with `message` unless `condition` holds."""
    if not condition:
        raise malformed(message)


def parsed(data: bytes) -> object:
    """Return the value of a JSON text. That it is in its only spelling is for the caller to see: spell it again."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):  # also bytes that are no UTF-8, and integers of too many digits
        raise malformed("no JSON") from None


def spelled(value: object) -> bytes:
    """Return the only spelling of a value: keys in order, one space of indent, ASCII, a line feed at the end."""
    return json.dumps(value, indent=1, sort_keys=True).encode() + b"\n"


def malformed(message: str) -> MalformedFile:
    """Return the refusal of some bytes, which names what is wrong in them; their path is for the caller to add."""
    return MalformedFile(message)


def _any_or(is_named: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda text: text == ANY or is_named(text)


def _operations(value: object, where: str) -> tuple[Operation, ...]:
    known = [operation_of(item) for item in list_of(value, len(_OPERATIONS), f"the operations of {where}")]
    require(known and known == sorted(set(known)), f"{where} does not name its operations each once, in order")
    return tuple(known)


def _conditions(value: object, where: str) -> Conditions:
    parts = fields_of(value, _CONDITIONS, f"the conditions of {where}")
    approval, window = parts["approval"], parts["window"]
    established = established_of(parts["established"], f"the subject of {where}")
    if not isinstance(approval, bool):
        raise malformed(f"the approval of {where} is neither true nor false")
    begins, ends = (integer_of(parts[edge], f"`{edge}` of {where}") for edge in ("from", "until"))
    require(not ends or begins < ends, f"{where} ends before it begins")
    return Conditions(established, approval, begins, ends, None if window is None else _window(window, where))


def _window(value: object, where: str) -> Window:
    parts = fields_of(value, _WINDOW, f"the window of {where}")
    days = [integer_of(day, f"a day of {where}") for day in list_of(parts["days"], DAYS, f"the days of {where}")]
    good = days and days == sorted(set(days)) and days[0] >= 1 and days[-1] <= DAYS
    require(good, f"the days of {where} are not 1 to 7, each once, in order")
    start, end = minutes_of(parts["start"]), end_of(parts["end"])
    require(start != end, f"the window of {where} ends when it begins")
    return Window(tuple(days), start, end)

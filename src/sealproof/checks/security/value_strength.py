"""SEC-018: secret values are strong and not shared.

Judges opened values in memory, by the class that the manifest gives them. Equal values are found by
digests under a key drawn for the run. No finding says how long or how guessable a value is, only
which rule it breaks; in a tenant's report, another tenant has no name.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sealproof.checks.connection_text import credentials
from sealproof.checks.fixes import command
from sealproof.checks.placeholders import is_placeholder, is_shipped_default, reference
from sealproof.checks.registry import check
from sealproof.checks.survey import GUARDED
from sealproof.findings import Finding, failed, not_applicable, passed
from sealproof.vault.keys.strength import entropy_bits
from sealproof.vault.manifest import SecretClass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context

CONNECTION_PASSWORD_MIN = 12  # characters: product decision, the floor that min_value_length may not go below
_EXPECTED = "a value of its own, drawn at random"


@check("SEC-018")
def value_strength(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for each secret that breaks a rule, and one for all that break none."""
    view = ctx.tenant
    ctx.saw(view.path, view.sealed)
    sound: Counter[str] = Counter()
    for name in sorted(view.values):
        kind = view.kind(name)
        if "." in name or kind is SecretClass.CONFIG:
            continue
        problems = [*_problems(ctx, name, kind), *_shared(ctx, name)]
        if problems:
            observed = f"the {kind.value} {', and '.join(problems)}"
            yield failed(view.resource(name), observed, expected=_EXPECTED, fix=_fix(ctx, name, kind))
        else:
            sound[kind.value] += 1
    if sound:
        counts = ", ".join(f"{sound[kind]} of class {kind}" for kind in sorted(sound))
        yield passed(view.path, f"strong and used once: {counts}")
    if all("." in name or view.kind(name) is SecretClass.CONFIG for name in view.values):
        yield not_applicable(view.path, "the file holds no secret, only configuration")


def _problems(ctx: Context, name: str, kind: SecretClass) -> list[str]:
    text = ctx.tenant.values[name].decode()
    if kind is SecretClass.CONNECTION:
        return _connection_problems(ctx, text)
    problems = _stand_ins(text)
    length, bits = ctx.limit("min_value_length"), ctx.limit("min_entropy_bits")
    if not text:
        problems.append("is empty")
    elif len(text) < length:
        problems.append(f"is shorter than {length} characters")
    if text and entropy_bits(text) < bits:
        problems.append(f"has an estimated entropy under {bits} bits")
    return problems


def _connection_problems(ctx: Context, text: str) -> list[str]:
    """Judge the password inside a connection string; `${NAME}` of this tenant is judged where it stands."""
    user, password = credentials(text)
    if not password or reference(password) in ctx.tenant.values:
        return []
    problems = _stand_ins(password)
    if password.lower() == user.lower():
        problems.append("is its user's name")
    if len(password) < CONNECTION_PASSWORD_MIN:
        problems.append(f"is shorter than {CONNECTION_PASSWORD_MIN} characters")
    return [f"has a password inside the connection string that {problem}" for problem in problems]


def _stand_ins(text: str) -> list[str]:
    problems = ["is a placeholder"] if is_placeholder(text) else []
    return [*problems, "is a shipped default"] if is_shipped_default(text) else problems


def _shared(ctx: Context, name: str) -> list[str]:
    """Say with which of this tenant's secrets the value is shared, and whether with another tenant."""
    view = ctx.tenant
    if view.kind(name) not in GUARDED:
        return []
    places = ctx.survey.shared.get((str(view.scope), name), ())
    own = sorted(f"{scope}/{other}" for scope, other in places if _is_own(scope, view.scope.tenant))
    problems = [f"is equal to {', '.join(own)}"] if own else []
    if len(own) < len(places):
        problems.append("is shared with another tenant")
    return problems


def _is_own(scope: str, tenant: str) -> bool:
    return scope.partition(".")[0] == tenant  # a tenant's name holds no dot


def _fix(ctx: Context, name: str, kind: SecretClass) -> str:
    """Return the command for a new value; a connection string is typed, since only its password may be drawn."""
    scope = ctx.tenant.scope
    generate = () if kind is SecretClass.CONNECTION else ("--generate",)
    return command(ctx, "set", scope.tenant, name, "--environment", scope.environment, *generate)

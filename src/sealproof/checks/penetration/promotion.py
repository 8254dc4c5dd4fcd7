"""PEN-009: readers cannot promote themselves.

Whoever may only read one scratch tenant tries to write, delete, rotate and export there, to grant itself more, to
change a role, to pin a signing key of its own, to approve and to lift a lock. Each has to be denied and stand in the
log as a denial, and the policy file has to be the same bytes afterwards. Then the read that is allowed has to work.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from sealproof.checks.isolation import run_apart
from sealproof.checks.penetration._guarded import NAME, READER, STRANGER, TENANT, Guarded
from sealproof.checks.registry import check
from sealproof.checks.trials import Trials, control, findings_of
from sealproof.errors import AccessDenied
from sealproof.vault.access.changes import with_role
from sealproof.vault.access.interface import Operation, Subject
from sealproof.vault.access.rules import ANY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from sealproof.checks.context import Context
    from sealproof.findings import Finding
    from sealproof.vault.custody import AdvancedSecretManager

_MANY = 1000  # refusals before a lock: each has to be denied for what it is
_EXPECTED = "each is denied and logged, and the policy stays as it is"


@check("PEN-009")
def readers_cannot_promote_themselves(ctx: Context) -> Iterator[Finding]:
    """Yield a finding for secrets, one for the policy, and one for the log of denials."""
    directory = ctx.scratch()
    tried = run_apart(try_promotion, directory, {"directory": directory}).returned()
    yield from findings_of(tried, expected=_EXPECTED)


def try_promotion(directory: str) -> dict[str, object]:
    """Try everything as a reader, and return the trials of each finding. Runs in a child process."""
    guarded = Guarded(directory, attempts=_MANY)
    before, logged = guarded.policy_digest(), guarded.denials()
    asyncio.run(_reads(guarded))
    secrets, policy = Trials(), Trials()
    asyncio.run(_secrets(guarded, secrets))
    for what, attempt in _policy(guarded).items():
        with policy.refuses(what, AccessDenied):
            attempt()
        policy.holds(f"{what}: the policy was changed", guarded.policy_digest() == before)
    if not (secrets.broken or policy.broken):
        asyncio.run(_reads(guarded))
    log = Trials()
    tried = secrets.count + len(_policy(guarded))
    log.holds(f"{guarded.denials() - logged} of {tried} denials are logged", guarded.denials() - logged >= tried)
    kinds = {"operations on secrets": secrets, "operations on the policy": policy, "log of denials": log}
    return {kind: trials.to_plain() for kind, trials in kinds.items()}


async def _reads(guarded: Guarded) -> None:
    async with guarded.manager(READER) as manager:
        value = await manager.get_secret(NAME)
    control("the reader reads what it may", value == guarded.store.canaries[TENANT][NAME])


async def _secrets(guarded: Guarded, trials: Trials) -> None:
    async with guarded.manager(READER) as manager:
        attempts: dict[str, Callable[[], Awaitable[object]]] = {
            "write": lambda: manager.set_secret(NAME, "x"),
            "write another": lambda: manager.set_secret("ANOTHER", "x"),
            "delete": lambda: manager.delete_secret(NAME),
            "rotate": lambda: _acts(manager, Operation.ROTATE),
            "approve": lambda: _acts(manager, Operation.APPROVE),
            "administer keys": lambda: _acts(manager, Operation.KEY_ADMIN),
            "break the glass": lambda: _acts(manager, Operation.BREAK_GLASS),
            "export": lambda: _acts(manager, Operation.EXPORT),
        }
        for what, attempt in attempts.items():
            with trials.refuses(what, AccessDenied):
                await attempt()


async def _acts(manager: AdvancedSecretManager, operation: Operation) -> None:
    async with manager.acting(operation, NAME):
        return


def _policy(guarded: Guarded) -> dict[str, Callable[[], object]]:
    """Return each change of the policy that the reader tries, in the name that it has and in one that it invents."""
    found: dict[str, Callable[[], object]] = {}
    for name in (READER, STRANGER):
        editor, key = guarded.editor(Subject.claimed(name)), guarded.key
        more, everywhere = guarded.grant(name, Operation.WRITE), guarded.grant(name, Operation.KEY_ADMIN, tenant=ANY)
        joined = partial(with_role, role="watch", add=[name], remove=[], now=1)
        found |= {
            f"{name} grants itself more": partial(editor.change, "grant", (TENANT,), more, key),
            f"{name} grants itself every tenant": partial(editor.change, "grant", (ANY,), everywhere, key),
            f"{name} joins a role": partial(editor.change, "policy.role", (ANY,), joined, key),
            f"{name} pins a key of its own": partial(editor.add_signer, lambda _key: None),
            f"{name} lifts a lock": partial(editor.unlock, "somebody"),
        }
    return found

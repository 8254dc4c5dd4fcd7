"""Cause every event that must be logged, in a scratch store, and see which left a record.

What is tried is the installed software, so it is tried once a process, whatever the number of tenants; and in a child,
so that a key or passphrase that this process was given is not tried on the scratch store.
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
import time
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import sealproof
from sealproof.checks.isolation import run_apart
from sealproof.checks.scratch import ENVIRONMENT, ScratchStore
from sealproof.checks.trails import epochs, records
from sealproof.errors import AccessDenied, DataError, ToolFailed
from sealproof.vault.access.changes import granted, revoked, with_role
from sealproof.vault.access.control import AccessControl
from sealproof.vault.access.editor import PolicyEditor, found_policy
from sealproof.vault.access.interface import PLATFORM_TENANT, Operation, Subject
from sealproof.vault.access.rules import ANY, Conditions, Rule
from sealproof.vault.audit.log import AuditLog

if TYPE_CHECKING:
    from sealproof.vault.access.policy import Policy
    from sealproof.vault.access.policyfile import InForce
    from sealproof.vault.custody import AdvancedSecretManager

TENANT, STRANGER = "scratch-a", "scratch-stranger"
_NAME = "DB_PASSWORD"


class Probe(NamedTuple):
    """An event that was caused, and what must stand in which log because of it."""

    event: str
    operation: str
    outcome: str = "allow"
    tenant: str = TENANT
    named: bool = False
    """Whether the record says which secret."""


PROBES = (
    Probe("read", "read", named=True),
    Probe("write", "write", named=True),
    Probe("intent to write", "write.intent", named=True),
    Probe("rotation", "rotate", named=True),
    Probe("deletion", "delete", named=True),
    Probe("export of the log", "audit.read"),
    Probe("denial", "read", "deny", named=True),
    Probe("failed open", "read", "error", named=True),
    Probe("grant", "grant", tenant=PLATFORM_TENANT),
    Probe("grant, in the tenant's own log", "grant"),
    Probe("revocation", "revoke", tenant=PLATFORM_TENANT),
    Probe("policy change", "policy.role", tenant=PLATFORM_TENANT),
)
LOG_EVENTS = ("start of the log", "stop of the log")
"""Not records but lines of their own: an epoch's opening, and the seal that ends it."""


@cache
def probed() -> dict[str, bool]:
    """Return for each event whether it left its record. Raises ToolFailed."""
    with tempfile.TemporaryDirectory(prefix="sealproof-check-") as directory:
        found = run_apart(cause_all, directory, {"directory": directory}).returned()
    if not isinstance(found, dict):
        message = "a child process did not say which events left a record"
        raise ToolFailed(message, hint="sealproof doctor")
    return {str(event): bool(recorded) for event, recorded in found.items()}


def cause_all(directory: str) -> dict[str, bool]:
    """Cause every event, and return for each whether it left its record. Runs in a child process."""
    store = ScratchStore(directory, tenants=(TENANT,))
    owner = Subject.this_user()
    key = store.custodian.keyring.new_signing_key("policy")
    found_policy(store.root, owner, key)
    asyncio.run(_cause(store))
    _change_policy(store, owner)
    with AuditLog(store.root, TENANT) as log:
        log.seal()
    seen = {tenant: [entry for entry, _ in records(store.root, tenant)] for tenant in (TENANT, PLATFORM_TENANT)}
    found = {
        probe.event: any(
            (entry.operation, entry.outcome) == (probe.operation, probe.outcome)
            and (bool(entry.secret) or not probe.named)
            for entry in seen[probe.tenant]
        )
        for probe in PROBES
    }
    opened, sealed = epochs(store.root, TENANT)
    return found | dict(zip(LOG_EVENTS, (opened > 0, sealed > 0), strict=True))


async def _cause(store: ScratchStore) -> None:
    async with sealproof.AdvancedSecretManager(TENANT, root=store.root, environment=ENVIRONMENT) as manager:
        await manager.set_secret("NEW_TOKEN", secrets.token_hex(16))
        await manager.get_secret(_NAME)
        await _rotate(manager)
        await manager.delete_secret("NEW_TOKEN")
        await asyncio.to_thread(manager.export_audit_log)
    await _be_refused(store)
    await _fail_to_open(store)


async def _rotate(manager: AdvancedSecretManager) -> None:
    """Rotate through the frame that every rotation of a secret goes through."""
    async with manager.acting(Operation.ROTATE, _NAME):
        scope, value = (TENANT, ENVIRONMENT), secrets.token_hex(16).encode()
        await asyncio.to_thread(lambda: manager.custodian.seal(*scope, {_NAME: value}))


async def _be_refused(store: ScratchStore) -> None:
    async with sealproof.AdvancedSecretManager(TENANT, root=store.root, user_id=STRANGER) as stranger:
        try:
            await stranger.get_secret(_NAME)
        except AccessDenied:
            return  # as it must be; whether it left a record is what is asked


async def _fail_to_open(store: ScratchStore) -> None:
    whole = store.read(TENANT)
    store.write(TENANT, whole.replace(b'"sealed":"', b'"sealed":"AAAA', 1))
    async with sealproof.AdvancedSecretManager(TENANT, root=store.root) as manager:
        try:
            await manager.get_secret(_NAME)
        except DataError:
            return
        finally:
            store.write(TENANT, whole)


def _change_policy(store: ScratchStore, owner: Subject) -> None:
    control = AccessControl(store.root)
    editor = PolicyEditor(control, owner)
    key, now = store.custodian.keyring.signing_key("policy"), int(time.time())
    made: list[str] = []

    def grant(base: InForce) -> Policy:
        policy, rule = granted(base, lambda rule_id: _rule(rule_id, owner, now), now=now)
        made.append(rule.id)
        return policy

    editor.change("grant", (TENANT,), grant, key)
    editor.change("revoke", (TENANT,), lambda base: revoked(base, made, now=now), key)
    editor.change("policy.role", (ANY,), lambda base: with_role(base, "watch", add=[STRANGER], remove=[], now=now), key)


def _rule(rule_id: str, owner: Subject, now: int) -> Rule:
    return Rule(
        id=rule_id,
        allows=True,
        subject=STRANGER,
        tenant=TENANT,
        environment=ENVIRONMENT,
        name=_NAME,
        operations=(Operation.LIST,),
        conditions=Conditions(),
        created=now,
        by=owner.name,
    )

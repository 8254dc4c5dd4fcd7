"""`AdvancedSecretManager`: one tenant's secrets, each call decided, opened, recorded, counted, in this order.

    access decision ─▶ key ─▶ store ─▶ audit record, durable ─▶ metrics ─▶ answer

Nothing is served that is not durably recorded. A read leaves one record; a write leaves `<operation>.intent` before
and `<operation>` after, with one request id. Refused and failed calls are recorded, too.

Rotation lives in a higher room and is not imported here. It subclasses the manager there, adds `rotate_secret`, wraps
the work in `acting(Operation.ROTATE, name)`, tells `observers`, and lets `sealproof.__init__` name the subclass.
`get_secret_manager(kind=…)` makes whichever class it is given.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from typing import TYPE_CHECKING, TypeVar

from sealproof.errors import Changed, SealproofError
from sealproof.loader.tenant import Place
from sealproof.vault.access.control import AccessControl
from sealproof.vault.access.interface import Operation, Subject
from sealproof.vault.audit.export import as_document
from sealproof.vault.audit.group import GroupCommit
from sealproof.vault.audit.home import pinned_key
from sealproof.vault.audit.interface import Outcome
from sealproof.vault.audit.log import AuditLog
from sealproof.vault.calls import Calls
from sealproof.vault.custodian import Custodian
from sealproof.vault.handed import encoded, filled, plain_name
from sealproof.vault.inventory import described
from sealproof.vault.inventory import read as read_manifest
from sealproof.vault.metadata import SecretMetadata, SecretVersion, metadata_of, versions_of
from sealproof.vault.metrics import SecurityMetrics
from sealproof.vault.opened import Held, OpenFile, no_such_secret
from sealproof.vault.patience import waits
from sealproof.vault.settings_file import settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Sequence
    from contextlib import AbstractAsyncContextManager
    from typing import Any, Self

    from sealproof.envelope.parse import Envelope
    from sealproof.settings import Settings
    from sealproof.vault.calls import Call
    from sealproof.vault.custodian import Change
    from sealproof.vault.metrics import Metrics
    from sealproof.vault.observer import Observer

OPEN_MAX = 32
"""Managers of one event loop that hold files open: some fifteen each, of the 1,024 that a process usually may."""
Answer = TypeVar("Answer")


class AdvancedSecretManager:
    """The secrets of one tenant and environment, for one subject.

    The tasks of one event loop share it; another loop, or another process, makes one of its own on the same store.
    The subject is this operating-system user unless `user_id` claims another or `subject` brings one that was
    verified. `clock` gives unix seconds.

    Raises InvalidName, StoreNotFound, ConfigurationError. Every method raises AccessDenied if the policy does not
    allow it (LockedOut after too many refusals), PolicyMissing, PolicyRejected, StaleFile, and AuditUnavailable or
    AuditLogBroken if it could not be recorded: then nothing is served.
    """

    def __init__(
        self,
        tenant_id: str | None = None,
        *,
        environment: str | None = None,
        root: str | os.PathLike[str] | None = None,
        user_id: str | None = None,
        subject: Subject | None = None,
        observers: Sequence[Observer] = (),
        settings: Settings | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        place = Place(tenant_id, environment, root)
        self.tenant_id = place.tenant
        self.environment = place.environment
        self.subject = subject or (Subject.this_user() if user_id is None else Subject.claimed(user_id))
        self.settings = settings_of(place.root) if settings is None else settings
        self.custodian = Custodian(place.root, iterations=self.settings.key_derivation_iterations, clock=clock)
        self.access = AccessControl(place.root, settings=self.settings, clock=clock)
        self.metrics = SecurityMetrics()
        self.observers: tuple[Observer, ...] = (self.metrics, *observers)
        self._log = AuditLog(place.root, place.tenant, copy_to=self.settings.audit_log_path, clock=clock)
        self.audit = GroupCommit(self._log)
        self._file = OpenFile(self.custodian, place.tenant, place.environment, clock)
        self._calls = Calls(self.subject, self._scope, self.access, self.audit, self.observers, clock=clock)
        self._opening = asyncio.Lock()
        self._writing = asyncio.Lock()
        self._unfinished: set[asyncio.Task[Any]] = set()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.tenant_id}/{self.environment}, {self.subject!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """Write what still waits for the audit log, and let every open file go. The manager may be used again."""
        self.audit.close()
        self._log.close()
        self.access.close()
        self._file.drop()

    async def get_secret(self, name: str, *, approval: str = "", break_glass: bool = False) -> str:
        """Return the value of `name`.

        `approval` is the id of one, where a rule asks for it. `break_glass` reads under the operation of that name,
        which stands in the log for ever: for emergencies, where a policy allows it.

        Raises UnknownSecret, UnknownTenant, CannotOpen, InvalidName, and what the class says.
        """
        call = self._calls.begin(Operation.BREAK_GLASS if break_glass else Operation.READ, name)
        await self._calls.admit(call, approval)
        outcome = Outcome.ERROR
        try:
            held = await self._held()
            value = held.value(_found(held, name)).decode()
            call.version = held.versions[name]
            self.metrics.ciphered(1)
            outcome = Outcome.ALLOW
        except SealproofError as exc:
            call.error = type(exc).__name__
            raise
        finally:
            await self._calls.conclude(call, outcome)
        return value

    async def set_secret(
        self,
        name: str,
        value: str,
        *,
        owner: str = "",
        purpose: str = "",
        allow: Collection[str] = (),
        empty: bool = False,
        approval: str = "",
    ) -> SecretMetadata:
        """Seal `value` under `name`, in the tenant's file as it is by then, and return what is known of it now.

        An equal value keeps version and age. The file and the tenant's keys are made on first use; a secret that the
        manifest lacks is described in it, with `owner` (the subject) and `purpose`. `allow` names dangerous variables
        that may be set; `empty` lets an empty value be sealed, which is nearly always a variable that was not set. A
        task that is cancelled meanwhile does not stop the write, nor its record.

        Raises InvalidName, InvalidValue, DangerousName, LimitExceeded, CannotOpen, KeyMissing, FileUnavailable, Changed
        if others were faster too often (`vault.patience`), and what the class says.
        """

        async def work() -> SecretMetadata:
            async with self.acting(Operation.WRITE, name, approval=approval) as call:
                data = encoded(plain_name(name), value)
                values = {name: data if empty else filled(name, data, hint="set_secret(…, empty=True) if it has to be")}
                change = await self._changed(call, lambda: self.custodian.seal(*self._scope, values, allow=allow))
                call.version = next(int(entry.version) for entry in change.after.entries if entry.name == name)
            self._calls.written(call, change.generation)
            wording = owner or self.subject.name, purpose or "not stated"
            return await asyncio.to_thread(self._described, change.after, name, *wording)

        return await self._whole(work())

    async def delete_secret(self, name: str, *, approval: str = "") -> None:
        """Drop `name` from the tenant's file. Its entry in the manifest stays until `sealproof manifest --prune`.

        Raises UnknownSecret, UnknownTenant, and what `set_secret` raises.
        """

        async def work() -> None:
            async with self.acting(Operation.DELETE, name, approval=approval) as call:
                change = await self._changed(call, lambda: self.custodian.remove(*self._scope, plain_name(name)))
            self._calls.written(call, change.generation)

        await self._whole(work())

    async def list_secrets(self) -> list[str]:
        """Return the names that the subject may list, sorted. Raises UnknownTenant, and what the class says."""
        async with self._calls.reading(Operation.LIST, "") as call:
            held = await self._held()
            plain = [name for name in held.versions if "." not in name]
            names = [name for name in plain if self.access.allows(call.request._replace(name=name))]
            call.numbers = {"count": len(names)}
        return names

    async def get_metadata(self, name: str) -> SecretMetadata:
        """Return what is known of a secret without its value. It takes the right to list it.

        Raises UnknownSecret, UnknownTenant, ConfigurationError (the manifest), and what the class says.
        """
        async with self._calls.reading(Operation.LIST, name) as call:
            held = await self._held()
            call.version = held.versions[_found(held, name)]
            _, entries = await asyncio.to_thread(read_manifest, self.custodian.store, self.tenant_id)
        return metadata_of(held.envelope, name, entries.get(name))

    async def get_versions(self, name: str) -> list[SecretVersion]:
        """Return the versions of a secret that the file holds: the current one, and those of a rotation under way."""
        async with self._calls.reading(Operation.LIST, name) as call:
            held = await self._held()
            call.version = held.versions[_found(held, name)]
        return versions_of(held.envelope, name)

    def get_security_metrics(self) -> Metrics:
        """Return what this manager has counted so far, as plain data. See `SecurityMetrics.snapshot`."""
        return self.metrics.snapshot()

    def export_audit_log(self) -> dict[str, object]:
        """Return the tenant's whole audit log, verified, as one JSON-serialisable document that a stranger can verify.

        Its `lines` are the log: records, and the signatures that close each batch of them
        (`vault.audit.verify.verify_lines`). It takes the right to read the log of every environment. Its intent
        is recorded in what it returns, its outcome behind. It blocks.

        Raises what `vault.audit.export.export` raises of the log, and what the class says.
        """
        root = self.custodian.store.root
        with self._calls.at_once(self._calls.begin_whole(Operation.AUDIT_READ)):
            return as_document(root, self.tenant_id, pinned_key(root, self.tenant_id))

    def acting(self, operation: Operation, name: str, *, approval: str = "") -> AbstractAsyncContextManager[Call]:
        """Ask, record the intent, let the block work, record the outcome: the frame of every call that changes.

        The block may set the call's `version` and `numbers` for the record. For subclasses in higher rooms, too.
        """
        return self._calls.changing(operation, name, approval)

    @property
    def _scope(self) -> tuple[str, str]:
        return self.tenant_id, self.environment

    async def _held(self) -> Held:
        """Return the opened file, opened once by whoever comes first if it is no longer the one in place."""
        standing = self.access.standing
        held = self._file.kept(standing)
        if held is None:
            async with self._opening:
                held = self._file.kept(standing)
                if held is None:
                    held = await asyncio.to_thread(self._file.open, standing)
                    self.metrics.ciphered(len(held.versions))
        return held

    async def _changed(self, call: Call, work: Callable[[], Change]) -> Change:
        """Do a change, again and again from the newest file for as long as others are faster."""
        async with self._writing:
            tries = waits()
            while True:
                try:
                    change = await asyncio.to_thread(work)
                    break
                except Changed:
                    wait = next(tries, 0)
                    if not wait:
                        raise
                    await asyncio.sleep(wait)
        call.numbers = {"generation": change.generation}
        self.metrics.ciphered(len(change.added) + len(change.changed))
        return change

    def _described(self, envelope: Envelope, name: str, owner: str, purpose: str) -> SecretMetadata:
        """Describe a secret that the manifest lacks, and return what is known of it."""
        days = self.settings.rotation_interval_days
        entry = described(self.custodian.store, self.tenant_id, name, owner=owner, purpose=purpose, rotation_days=days)
        return metadata_of(envelope, name, entry)

    async def _whole(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Let `work` run to its end even if the caller is cancelled: a change is never left without its outcome."""
        task = asyncio.ensure_future(work)
        self._unfinished.add(task)
        task.add_done_callback(self._unfinished.discard)
        return await asyncio.shield(task)


_managers: dict[asyncio.AbstractEventLoop, dict[tuple[object, ...], AdvancedSecretManager]] = {}


async def get_secret_manager(
    tenant_id: str | None = None,
    *,
    environment: str | None = None,
    root: str | os.PathLike[str] | None = None,
    user_id: str | None = None,
    kind: type[AdvancedSecretManager] = AdvancedSecretManager,
) -> AdvancedSecretManager:
    """Return the manager of a tenant: always the same one in this event loop for the same question.

    The `OPEN_MAX` that were asked for last keep their files open; any other opens them again when it is used.
    Raises InvalidName, StoreNotFound, ConfigurationError.
    """
    known = _managers_of(asyncio.get_running_loop())
    place = Place(tenant_id, environment, root)
    key = (kind, os.getpid(), place.root, place.tenant, place.environment, user_id)
    manager = known.pop(key, None)
    if manager is None:
        manager = kind(place.tenant, environment=place.environment, root=place.root, user_id=user_id)
    known[key] = manager  # the one asked for last stands last
    if len(known) > OPEN_MAX:
        idle = next(itertools.islice(reversed(known.values()), OPEN_MAX, None))
        await asyncio.to_thread(idle.close)
    return manager


def _managers_of(loop: asyncio.AbstractEventLoop) -> dict[tuple[object, ...], AdvancedSecretManager]:
    for ended in [other for other in _managers if other.is_closed()]:
        del _managers[ended]
    return _managers.setdefault(loop, {})


def _found(held: Held, name: str) -> str:
    if plain_name(name) not in held.versions:
        raise no_such_secret(held.envelope.tenant, held.envelope.environment, name)
    return name

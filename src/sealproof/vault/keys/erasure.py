"""Erasing a tenant: its keys first, so that no copy of its files opens any more, then the files, then a tombstone.

    keys        the tenant's salt and wraps are overwritten and removed: from here on every copy is noise
    audit       a last record; then what ties the log to people and names is destroyed. The chain stays, and verifies
    files       tenants/<tenant>/ and consumers/<tenant>/ go, and what backups/ holds of this tenant alone
    tombstone   records/tombstone/<tenant>-<id>.json, signed, says what was erased and what ages out elsewhere

The order is the point: a process killed anywhere leaves a tenant that is whole (before `keys`) or lost
for good, never one that half opens.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from sealproof.envelope.grammar import check_tenant
from sealproof.errors import OperationUnderWay, SealproofError, UnknownTenant
from sealproof.loader.files import Directory, open_root, unavailable
from sealproof.loader.storekeys import NEXT
from sealproof.signing import canonical, sha256, sign_dsse
from sealproof.vault import canaries
from sealproof.vault.audit.interface import AuditRecord, Established, Outcome
from sealproof.vault.audit.log import AuditLog
from sealproof.vault.backup.shelf import Shelf
from sealproof.vault.keys.holds import ERASE, alone
from sealproof.vault.keys.overwrite import destroy

if TYPE_CHECKING:
    from sealproof.vault.custodian import Custodian
    from sealproof.vault.journal import Operation

PAYLOAD_TYPE = "application/vnd.sealproof.erasure+json"
_COPIES_MAX = 64  # files whose digests the journal line holds


class Erasure:
    """Erases tenants of one store. `subject` is who asked: it stands in the tenant's last audit record."""

    def __init__(self, custodian: Custodian, *, subject: str) -> None:
        self._custodian = custodian
        self._root = custodian.store.root
        self._keyring = custodian.keyring
        self._journal = custodian.keyring.journal
        self._subject = subject

    def erase(self, tenant: str, *, reason: str = "") -> str:
        """Erase a tenant for good, or finish what was broken off; return the tombstone's path below the root.

        `reason` stands in the tombstone. Raises UnknownTenant, OperationUnderWay, AuditUnavailable (nothing was
        erased if the last record cannot be made durable before), FileUnavailable.
        """
        with alone(self._journal, check_tenant(tenant)):
            found = self._journal.unfinished(ERASE, tenant)
            return self._carry_out(found[0] if found else self._begin(tenant, reason))

    def resume(self, operation: Operation) -> None:
        """Finish an erasure that was broken off: there is only forward."""
        self.erase(operation.scope)

    def _begin(self, tenant: str, reason: str) -> Operation:
        store = self._custodian.store
        environments = store.environments(tenant)
        owner = self._keyring.tenant_file(tenant) if tenant in self._keyring.tenants() else None
        if owner is None and not environments:
            message = f"{self._root} has no tenant {tenant}: neither keys nor files"
            raise UnknownTenant(message, hint="sealproof list")
        busy = [one for one in self._journal.unfinished() if one.scope.split("/")[0] == tenant]
        if busy:
            message = f"{busy[0].kind} of {busy[0].scope} is not finished"
            hint = "sealproof rotate --status" if busy[0].kind.startswith("credential.") else "sealproof key resume"
            raise OperationUnderWay(message, hint=hint)
        copies = [sha256(store.read(tenant, environment) or b"").hex() for environment in environments]
        epochs = [] if owner is None else owner.epochs
        return self._journal.begin(
            ERASE,
            tenant,
            reason=reason,
            environments=environments[:_COPIES_MAX],
            sha256=copies[:_COPIES_MAX],
            epochs=[f"{record.environment}/{record.epoch}/{record.created}" for record in epochs][:256],
            created=0 if owner is None else owner.created,
        )

    def _carry_out(self, operation: Operation) -> str:
        tenant = operation.scope
        if not operation.has("keys"):  # the last record is written before anything goes, or nothing goes
            try:
                self._record(tenant, operation)
            except SealproofError as exc:  # a refused erasure is over, not one that a later `key resume` carries out
                operation.abandon(type(exc).__name__)
                raise
        operation.ensure("keys")
        with self._keyring.locked() as keys, keys.make("tenant_keys") as directory:
            directory.sweep()
            for name in (f"{tenant}.key{NEXT}", f"{tenant}.key"):
                destroy(directory, name)
                operation.reached("shredded")
        operation.ensure("audit")
        self._silence(tenant, operation)
        operation.ensure("files")
        with self._custodian.store.open() as root, root.make("tenants") as tenants:
            _remove_tree(tenants, tenant, operation)
            consumers = root.enter("consumers")
            if consumers is not None:
                with consumers:
                    _remove_tree(consumers, tenant, operation)
        self._remove_backups(tenant)
        operation.ensure("tombstone")
        path = self._bury(operation)
        operation.done(tombstone=path)
        return path

    def _record(self, tenant: str, operation: Operation) -> None:
        record = AuditRecord(self._subject, Established.UID, ERASE, Outcome.ALLOW, request=operation.id)
        with AuditLog(self._root, tenant, clock=self._keyring.clock) as log:
            log.append([record])
            log.seal()

    def _silence(self, tenant: str, operation: Operation) -> None:
        """Destroy what resolves the log's pseudonyms and names. Writers that still hold it open are refused."""
        with self._keyring.locked() as keys, keys.make("audit") as audit, audit.make(tenant) as log:
            subjects = log.enter("subjects")
            if subjects is not None:
                with subjects:
                    for name in subjects.names():
                        destroy(subjects, name)
                        operation.reached("pseudonym")
                _remove_directory(log, "subjects")
            destroy(log, canaries.FILE_NAME)
            destroy(log, "log.key")

    def _remove_backups(self, tenant: str) -> None:
        """Remove the containers of this tenant alone from the store's own directory of backups."""
        shelf = f"{self._root}/backups"
        for one in Shelf(shelf).kept(tenant):
            with open_root(shelf) as directory:
                directory.remove(one.name)

    def _bury(self, operation: Operation) -> str:
        """Write the signed tombstone; the same bytes again if it is there."""
        tenant = operation.scope
        statement = {
            "audit_log": f"audit/{tenant}/ is kept: its chain verifies, nobody and no name in it can be resolved",
            "begun": operation.begun,
            "destroyed": {
                "epochs": operation.facts.get("epochs", []),
                "salt_and_wraps": f"keys/tenant_keys/{tenant}.key",
            },
            "erased": {
                "environments": operation.facts.get("environments", []),
                "sha256": operation.facts.get("sha256", []),
            },
            "operation": operation.id,
            "reason": operation.text("reason"),
            "remains": "copies of keys/ in backups of the whole store, until they have aged out; "
            "backups of this tenant and exported key files that are kept elsewhere may still open",
            "tenant": tenant,
            "type": "sealproof-erasure/1",
        }
        key = self._keyring.signing_key("journal")
        name = f"{tenant}-{operation.id[:8]}.json"
        with self._custodian.store.open() as root, root.make("records") as records, records.make("tombstone") as graves:
            graves.sweep()
            graves.replace(name, sign_dsse(canonical(statement), [key], payload_type=PAYLOAD_TYPE) + b"\n", mode=0o644)
        return f"records/tombstone/{name}"


def _remove_tree(parent: Directory, name: str, operation: Operation) -> None:
    """Remove a directory with everything in it, never through a link. Raises FileUnavailable, UnsafeFile."""
    directory = parent.enter(name)
    if directory is None:
        return
    with directory:
        for entry in directory.names():
            if _is_directory(directory, entry):
                _remove_tree(directory, entry, operation)
            else:
                directory.remove(entry)
            operation.reached("file")
    _remove_directory(parent, name)


def _is_directory(directory: Directory, name: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=directory.fd, follow_symlinks=False).st_mode)
    except OSError as exc:
        raise unavailable(f"{directory.path}/{name}", exc) from exc


def _remove_directory(parent: Directory, name: str) -> None:
    try:
        os.rmdir(name, dir_fd=parent.fd)
        os.fsync(parent.fd)
    except OSError as exc:
        raise unavailable(f"{parent.path}/{name}", exc) from exc

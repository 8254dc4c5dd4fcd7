"""The keys in a container, in memory only: key lines of a tenant's, or the `keys/` of a store's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.envelope.keyfile import KeyLine, parse_keys
from sealproof.envelope.keytree import TENANT_FILE_MAX, MasterFile, TenantFile
from sealproof.errors import EvidenceRejected
from sealproof.loader import keys as loader_keys
from sealproof.signing import public_from_pem
from sealproof.vault.backup.source import scope_of_lines

if TYPE_CHECKING:
    from sealproof.vault.backup.entries import Entry

_SMALL = 64 * 1024  # bytes
_TENANTS = "keys/tenant_keys/"
_SIGNING = "keys/signing/writer"


class StagedKeys:
    """Collects the key files of a container, and opens what they open."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str], tuple[KeyLine, ...]] = {}
        self._master: MasterFile | None = None
        self._owners: dict[str, bytes] = {}
        self._writers: list[bytes] = []
        self._stretched: bytes | None = None

    def __repr__(self) -> str:
        return "StagedKeys(…)"

    def take(self, entry: Entry) -> None:
        """Take in one file of a container, if it is a key. Raises DataError, also on a line of another scope."""
        scope = scope_of_lines(entry.path)
        if scope is not None:
            self._lines[scope] = parse_keys(entry.read(_SMALL * 4))
            for line in self._lines[scope]:
                _check_scope(entry.path, line, scope)
        elif entry.path == "keys/master.key":
            self._master = MasterFile.parse(entry.read(_SMALL))
        elif entry.path.startswith(_TENANTS) and entry.path.endswith(".key"):
            self._owners[entry.path.removeprefix(_TENANTS).removesuffix(".key")] = entry.read(TENANT_FILE_MAX)
        elif entry.path.startswith(_SIGNING) and entry.path.endswith(".pub"):
            self._writers.append(public_from_pem(entry.read(_SMALL), name=entry.path))

    def lines(self, tenant: str, environment: str) -> tuple[KeyLine, ...] | None:
        """Return the key lines of one scope; None where they need a passphrase that is not here, or are missing.

        Raises CannotOpen, MalformedFile.
        """
        if (tenant, environment) in self._lines:
            return self._lines[tenant, environment]
        master = self._master_key()
        if master is None or tenant not in self._owners:
            return None
        owner = TenantFile.parse(self._owners[tenant], tenant=tenant)
        kek = owner.kek(master)
        return tuple(
            KeyLine("epoch", owner.unwrap(kek, record), tuple(self._writers), tenant, environment, record.epoch)
            for record in owner.epochs
            if record.environment == environment
        )

    def _master_key(self) -> bytes | None:
        if self._master is None:
            return None
        if not self._master.is_passphrase:
            return self._master.key
        passphrase = loader_keys.passphrase()
        if passphrase is not None and self._stretched is None:
            self._stretched = self._master.stretch(passphrase)
        return self._stretched


def _check_scope(path: str, line: KeyLine, scope: tuple[str, str]) -> None:
    """Refuse a key that the file's name does not promise: it would open, or let in, what nobody asked for."""
    if (line.kind, line.tenant, line.environment) != ("epoch", *scope):
        what = f"a key of {line.tenant}/{line.environment}" if line.kind == "epoch" else f"an {line.kind} identity"
        message = f"{path} holds {what}, which has no place in it"
        raise EvidenceRejected(message, hint="take another backup: sealproof backup list", names=(path,))

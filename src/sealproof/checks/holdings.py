"""The keys that a store holds, unwrapped in memory only, each with what it is for.

Reads `keys/` the way the loader does, so what the loader refuses (open modes, links, a changed key
file) is no evidence here either. Nothing here prints a key.
"""

from __future__ import annotations

from binascii import a2b_base64
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag

from sealproof.checks.tenant import NoEvidence
from sealproof.envelope import cipher
from sealproof.envelope.grammar import is_tenant
from sealproof.envelope.parse import Envelope, parse
from sealproof.errors import SealproofError
from sealproof.findings import Finding, not_evaluated
from sealproof.loader.storekeys import master_of, proved_owner
from sealproof.loader.tenant import file_name
from sealproof.signing import SEED_BYTES, SigningKey, public_from_pem
from sealproof.vault.audit.names import read_key
from sealproof.vault.keys.keyring import tenants_of
from sealproof.vault.keys_directory import keys_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.target import Target
    from sealproof.envelope.keytree import EpochRecord, TenantFile
    from sealproof.loader.files import Directory

_PEM_MAX = 4096  # bytes
SALT, MASTER, EPOCH, DATA, WRITER = "salt", "master", "epoch key", "data key", "writer key"
HANDED_OVER = "handed-over key"
POLICY, AUDIT, AUDIT_NAMES = "policy key", "audit key", "audit name key"
_AUDIT_STEM = "audit-"


class HeldKey:
    """One key (or salt) and its use. `public` is set instead of `key` where only the public half is here."""

    __slots__ = ("environment", "epoch", "in_use", "key", "public", "purpose", "resource", "tenant")

    def __init__(
        self,
        purpose: str,
        resource: str,
        key: bytes,
        *,
        tenant: str = "",
        environment: str = "",
        epoch: int = 0,
        in_use: bool = True,
        public: bytes = b"",
    ) -> None:
        self.purpose = purpose
        self.resource = resource
        self.key = key
        self.tenant = tenant
        self.environment = environment
        self.epoch = epoch
        self.in_use = in_use
        """Whether something is sealed or signed with it today; an earlier epoch only opens old copies."""
        self.public = public

    def __repr__(self) -> str:
        return f"HeldKey({self.purpose})"

    def __reduce__(self) -> str:
        message = "a key does not travel between processes"
        raise TypeError(message)

    def named(self, target: Target) -> str:
        """Say what the key is; without the tenant's name where the run is narrowed to others."""
        if not self.is_shown(target):
            return f"{self.purpose} of another tenant"
        scope = "/".join(part for part in (self.tenant, self.environment) if part)
        number = f" {self.epoch}" if self.epoch else ""
        return f"{self.purpose}{number} of {scope}" if scope else self.purpose

    def is_shown(self, target: Target) -> bool:
        """Tell whether a finding may name the key's tenant."""
        return not self.tenant or may_name(target, self.tenant)


def may_name(target: Target, tenant: str) -> bool:
    """Tell whether a finding may name `tenant`: a run narrowed to some tenants names no other."""
    return not target.spec.tenants or tenant in target.spec.tenants


@contextmanager
def keyring_of(root: str) -> Iterator[Directory]:
    """Open a store's `keys/`. Raises NoEvidence if there is none, or if it is not private."""
    try:
        with keys_directory(root, "") as keys:
            yield keys
    except SealproofError as exc:
        message = f"the store's keys cannot be read: {exc.message}"
        raise NoEvidence(message, hint=exc.hint) from exc


def held_keys(target: Target) -> Iterator[HeldKey | Finding]:
    """Yield every key of the store; for what cannot be unwrapped, a finding that says so.

    Raises NoEvidence without `keys/`, or without what opens it.
    """
    with keyring_of(target.root) as keys:
        yield HeldKey(MASTER, "keys/master.key", master_of(keys))
        yield from _signing_keys(keys)
        yield from _audit_keys(keys)
        for tenant in tenants_of(keys):
            try:
                yield from _tenant_keys(target, keys, tenant)
            except SealproofError as exc:
                yield _sealed_off(target, tenant, exc)


def _sealed_off(target: Target, tenant: str, problem: SealproofError) -> Finding:
    if not may_name(target, tenant):
        return not_evaluated("another tenant's key file", "cannot be unwrapped")
    return not_evaluated(tenant_path(tenant), f"cannot be unwrapped: {problem.message}", fix=problem.hint)


def tenant_path(tenant: str) -> str:
    """Return the path of a tenant's key file below the store's root."""
    return f"keys/tenant_keys/{tenant}.key"


def _signing_keys(keys: Directory) -> Iterator[HeldKey | Finding]:
    """Yield the private signing keys, and the public halves that stand without theirs."""
    directory = keys.enter("signing")
    if directory is None:
        return
    with directory:
        names = [name for name in directory.names() if name.endswith((".key", ".pub"))]
        for name in names:
            stem, _, kind = name.rpartition(".")
            if kind == "pub" and f"{stem}.key" in names:
                continue
            path = f"keys/signing/{name}"
            try:
                yield _signing_key(directory, name, stem, path)
            except SealproofError as exc:
                yield not_evaluated(path, f"cannot be read: {exc.message}", fix=exc.hint)


def _signing_key(directory: Directory, name: str, stem: str, path: str) -> HeldKey:
    text = directory.read(name, limit=_PEM_MAX, private=True) or b""
    purpose = f"{stem.partition('-')[0]} key"
    tenant = stem.removeprefix(_AUDIT_STEM) if stem.startswith(_AUDIT_STEM) else ""
    if name.endswith(".pub"):
        return HeldKey(purpose, path, b"", tenant=tenant, public=public_from_pem(text, name=path))
    return HeldKey(purpose, path, _seed(text, path), tenant=tenant)


def _seed(text: bytes, path: str) -> bytes:
    pem = SigningKey.from_pem(text, name=path).to_pem()
    return a2b_base64(pem.split(b"\n")[1])[-SEED_BYTES:]


def _audit_keys(keys: Directory) -> Iterator[HeldKey | Finding]:
    """Yield each log's signing key, of the epoch under way, and the key that its names are digested under."""
    audit = keys.enter("audit")
    if audit is None:
        return
    with audit:
        for tenant in filter(is_tenant, audit.names()):
            directory = audit.enter(tenant)
            if directory is None:
                continue  # it went away meanwhile
            with directory:
                for name in directory.names():
                    path = f"keys/audit/{tenant}/{name}"
                    try:
                        if name.endswith(".key"):
                            yield _audit_key(directory, name, path, tenant)
                    except SealproofError as exc:
                        yield not_evaluated(path, f"cannot be read: {exc.message}", fix=exc.hint)


def _audit_key(directory: Directory, name: str, path: str, tenant: str) -> HeldKey:
    text = directory.read(name, limit=_PEM_MAX, private=True) or b""
    if name.startswith("epoch-"):
        return HeldKey(AUDIT, path, _seed(text, path), tenant=tenant)
    return HeldKey(AUDIT_NAMES, path, read_key(text, name=path), tenant=tenant)


def _tenant_keys(target: Target, keys: Directory, tenant: str) -> Iterator[HeldKey]:
    proved = proved_owner(keys, tenant)
    if proved is None:
        return  # it went away meanwhile
    owner, kek = proved
    yield HeldKey(SALT, tenant_path(tenant), owner.salt, tenant=tenant)
    current = _envelopes(target, tenant)
    for envelope in current.values():
        path = f"tenants/{tenant}/{file_name(envelope.environment)}"
        yield HeldKey(WRITER, path, b"", public=envelope.writer)
    for record in owner.epochs:
        key = owner.unwrap(kek, record)
        scope, path = record.environment, tenant_path(tenant)
        sealed = current.get(scope)
        used = sealed is not None and sealed.epoch == record.epoch
        held = HeldKey(EPOCH, path, key, tenant=tenant, environment=scope, epoch=record.epoch)
        held.in_use = used or record is newest(owner, scope)
        yield held
        if sealed is not None and used:
            yield from _data_key(sealed, key)


def _data_key(envelope: Envelope, epoch_key: bytes) -> Iterator[HeldKey]:
    try:
        dek = cipher.unwrap(epoch_key, envelope.wrapped, cipher.WRAP_DEK, envelope.scope)
    except InvalidTag:
        return  # the file does not open: SEC-003 says so
    resource = f"{envelope.tenant}/{envelope.environment}"
    yield HeldKey(DATA, resource, dek, tenant=envelope.tenant, environment=envelope.environment)


def _envelopes(target: Target, tenant: str) -> dict[str, Envelope]:
    """Return the public parts of a tenant's files by environment; what does not parse is SEC-001's to tell."""
    store = target.custodian.store
    found: dict[str, Envelope] = {}
    for environment in store.environments(tenant):
        try:
            data = store.read(tenant, environment)
            if data is not None:
                envelope = parse(data)
                if (envelope.tenant, envelope.environment) == (tenant, environment):
                    found[environment] = envelope
        except SealproofError:
            continue
    return found


def newest(owner: TenantFile, environment: str) -> EpochRecord | None:
    """Return the newest epoch of one environment."""
    records = [record for record in owner.epochs if record.environment == environment]
    return max(records, key=lambda record: record.epoch, default=None)

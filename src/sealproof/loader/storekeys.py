"""The keys of a store itself: master, tenant key-encrypting key, epoch keys, pinned writers.

Used in development and by whoever manages a store. Production hosts hold an exported epoch key
instead and never come here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.envelope.keyfile import KeyLine
from sealproof.envelope.keytree import TENANT_FILE_MAX, MasterFile, TenantFile
from sealproof.errors import CannotOpen, ConfigurationError, KeyMissing, LimitExceeded, MalformedFile
from sealproof.loader import keys
from sealproof.loader.files import at
from sealproof.signing import public_from_pem, sha256

if TYPE_CHECKING:
    from sealproof.loader.files import Directory

MASTER = "master.key"
NEXT = ".next"  # behind the name of a file that waits for the next master
_MASTER_MAX = 4096  # bytes
_PEM_MAX = 4096  # bytes

_KEKS_MAX = 256
_RESTORE = "restore keys/ from its backup"

_masters: dict[tuple[bytes, int, str], bytes] = {}
_keks: dict[tuple[bytes, bytes], bytes] = {}


def forget() -> None:
    """Drop the stretched masters and tenant keys held for this process."""
    _masters.clear()
    _keks.clear()


def key_lines(root: Directory, tenant: str, environment: str) -> tuple[KeyLine, ...] | None:
    """Return the store's key lines for one scope, newest epoch first; None where the store has no keys for it.

    Raises CannotOpen, KeyMissing (a passphrase is needed), ConfigurationError, UnsafeFile, LimitExceeded.
    """
    keyring = root.enter("keys")
    if keyring is None:
        return None
    with keyring:
        keyring.check_private()
        proved = proved_owner(keyring, tenant)
        if proved is None:
            return None
        owner, kek = proved
        writers = pinned_writers(keyring)
        records = [record for record in owner.epochs if record.environment == environment]
        return tuple(
            [
                KeyLine("epoch", owner.unwrap(kek, record), writers, tenant, environment, record.epoch)
                for record in reversed(records)
            ]
        )


def proved_owner(keyring: Directory, tenant: str) -> tuple[TenantFile, bytes] | None:
    """Return a tenant's key file that the present master proves, with its key-encrypting key; None if there is none.

    While a new master is taken into use, the file under it may still lie beside the old one (`<tenant>.key.next`),
    and a reader without the lock may meet one half of the change: it looks again. Raises CannotOpen.
    """
    seen: bytes | None = None
    while True:
        owner = read_tenant_file(keyring, tenant)
        if owner is None:
            return None
        try:
            return owner, kek_of(keyring, owner)
        except CannotOpen:
            waiting = read_tenant_file(keyring, tenant, suffix=NEXT)
            if waiting is not None and (found := _proved(keyring, waiting)):
                return found
            now = owner.mac + sha256(keyring.read(MASTER, limit=_MASTER_MAX, private=True) or b"")
            if now == seen:
                raise
            seen = now


def _proved(keyring: Directory, owner: TenantFile) -> tuple[TenantFile, bytes] | None:
    try:
        return owner, kek_of(keyring, owner)
    except CannotOpen:
        return None  # prepared for a master that is not in use


def read_tenant_file(keyring: Directory, tenant: str, *, suffix: str = "") -> TenantFile | None:
    """Return the parsed `tenant_keys/<tenant>.key`, not yet proved; None if there is none."""
    directory = keyring.enter("tenant_keys")
    if directory is None:
        return None
    with directory:
        directory.check_private()
        text = directory.read(f"{tenant}.key{suffix}", limit=TENANT_FILE_MAX, private=True)
    if text is None:
        return None
    try:
        return TenantFile.parse(text, tenant=tenant)
    except (MalformedFile, LimitExceeded) as exc:
        raise at(f"{keyring.path}/tenant_keys/{tenant}.key{suffix}", exc, hint=_RESTORE) from None


def kek_of(keyring: Directory, owner: TenantFile) -> bytes:
    """Return the tenant's key-encrypting key, stretched once a process for each state of its key file."""
    master = master_of(keyring)
    held = (sha256(master), sha256(owner.body + owner.mac))
    if held not in _keks:
        kek = owner.kek(master)
        if len(_keks) >= _KEKS_MAX:
            _keks.pop(next(iter(_keks)))
        _keks[held] = kek
    return _keks[held]


def master_of(keyring: Directory) -> bytes:
    """Return the master: random from its file, or stretched from `MASTER_SECRET_KEY` once a process.

    Raises KeyMissing without master file or passphrase, ConfigurationError for a passphrase over a random master.
    """
    text = keyring.read(MASTER, limit=_MASTER_MAX, private=True)
    if text is None:
        message = f"{keyring.path} has no master.key"
        raise KeyMissing(message, hint="restore keys/ from its backup, or set SEALPROOF_KEY_FILE")
    try:
        master = MasterFile.parse(text)
    except (MalformedFile, LimitExceeded) as exc:
        raise at(f"{keyring.path}/master.key", exc, hint=_RESTORE) from None
    secret = keys.passphrase()
    if not master.is_passphrase:
        if secret is not None:
            message = "MASTER_SECRET_KEY is set, and this store has a random master"
            raise ConfigurationError(message, hint="unset MASTER_SECRET_KEY", names=("MASTER_SECRET_KEY",))
        return master.key
    if secret is None:
        message = f"{keyring.path} was made with a passphrase, and MASTER_SECRET_KEY is not set"
        raise KeyMissing(message, hint="set MASTER_SECRET_KEY, or SEALPROOF_KEY_FILE")
    held = (master.salt, master.iterations, secret)
    if held not in _masters:
        _masters[held] = master.stretch(secret)
    return _masters[held]


def pinned_writers(keyring: Directory) -> tuple[bytes, ...]:
    """Return the public keys in `keys/signing/writer*.pub`: who may write this store's files.

    Raises KeyMissing if there is none.
    """
    writers = pinned_keys(keyring, "writer")
    if not writers:
        message = f"{keyring.path}/signing has no writer key"
        raise KeyMissing(message, hint="sealproof key init --writer")
    return writers


def pinned_keys(keyring: Directory, purpose: str) -> tuple[bytes, ...]:
    """Return the public keys in `keys/signing/<purpose>*.pub`, in the order of their names."""
    directory = keyring.enter("signing")
    if directory is None:
        return ()
    with directory:
        directory.check_private()
        names = [name for name in directory.names() if name.startswith(purpose) and name.endswith(".pub")]
        texts = [(name, directory.read(name, limit=_PEM_MAX, private=True) or b"") for name in names]
        return tuple([public_from_pem(text, name=f"{directory.path}/{name}") for name, text in texts])

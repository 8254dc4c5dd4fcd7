"""The ledger: every key of a store, what it is for, its state and dates. From key files and journal, never file dates.

A key file that is there says what is active or retired; the journal says since when, and what was
destroyed. Where neither knows a date (a key made by hand), it is None and not guessed. An audit key evolves by the
hour, and its log says when; a data key is at most as old as its epoch.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from sealproof.envelope.grammar import SEALS_MAX
from sealproof.envelope.keytree import MasterFile
from sealproof.envelope.parse import parse
from sealproof.errors import SealproofError
from sealproof.loader.storekeys import MASTER, proved_owner
from sealproof.signing import fingerprint, public_from_pem
from sealproof.vault.keys import epochs, holds, master, signers
from sealproof.vault.keys.keyring import KEY_MADE, PEM_MAX, tenants_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.envelope.keytree import TenantFile
    from sealproof.loader.files import Directory
    from sealproof.vault.custodian import Custodian
    from sealproof.vault.journal import Operation


class State(Enum):
    """Where a key is in its life (NIST SP 800-57 part 1, 7)."""

    ACTIVE = "active"
    """Seals, wraps or signs."""
    RETIRED = "retired"
    """Only opens or verifies what it protected before."""
    DESTROYED = "destroyed"


class Purpose(Enum):
    """What a key is for; each has exactly one."""

    MASTER = "master"
    TENANT = "tenant key"
    EPOCH = "epoch key"
    DATA = "data key"
    WRITER = "writer"
    REPORT = "report"
    POLICY = "policy"
    AUDIT = "audit"
    JOURNAL = "journal"
    OTHER = "other"


class KeyRecord(NamedTuple):
    """One key. Never the key itself, nor anything made from a secret one."""

    ref: str
    """Names it: `master`, `acme`, `acme/production/3`, `signing/report`."""
    purpose: Purpose
    state: State
    created: int | None
    """Unix seconds; None where neither file nor journal knows."""
    retired: int | None = None
    destroyed: int | None = None
    tenant: str = ""
    environment: str = ""
    epoch: int = 0
    public: str = ""
    """A signing key's fingerprint."""
    seals: int = 0
    """Of a data key: how many values were sealed under it."""
    seals_max: int = 0

    @property
    def private_here(self) -> bool:
        """Tell whether what seals, opens or signs is in this store."""
        return self.state is not State.DESTROYED


class Problem(NamedTuple):
    """A key file that does not prove itself: what it is, and why nothing is known."""

    ref: str
    reason: str
    hint: str


class Ledger(NamedTuple):
    """All keys of a store, and what could not be read. A ledger with problems is not complete."""

    keys: tuple[KeyRecord, ...]
    problems: tuple[Problem, ...]
    unfinished: tuple[Operation, ...]

    def of(self, purpose: Purpose, tenant: str = "", environment: str = "") -> list[KeyRecord]:
        """Return the keys of one purpose, and of one tenant and environment where they are named."""
        return [
            key
            for key in self.keys
            if key.purpose is purpose and tenant in ("", key.tenant) and environment in ("", key.environment)
        ]


def read_ledger(custodian: Custodian) -> Ledger:
    """Return the ledger of a store. Nothing is made or changed.

    Raises KeyMissing without `keys/`, JournalBroken if the journal is not what was written.
    """
    keyring = custodian.keyring
    history = keyring.journal.history()
    unfinished = tuple(keyring.journal.unfinished())
    keys: list[KeyRecord] = []
    problems: list[Problem] = []
    with keyring.locked() as directory:
        for found in (*_masters(directory, history), *_signing(directory, history), *_tenants(directory, history)):
            (problems if isinstance(found, Problem) else keys).append(found)  # type: ignore[arg-type]  # told apart
    for found in _data_keys(custodian):
        (problems if isinstance(found, Problem) else keys).append(found)  # type: ignore[arg-type]  # told apart
    return Ledger(tuple(keys), tuple(problems), unfinished)


def _masters(keys: Directory, history: list[Operation]) -> Iterator[KeyRecord | Problem]:
    number = 0
    for one in history:
        if one.kind == master.ROTATE and one.last == "done":
            number += 1
            made = one.number("before")
            yield KeyRecord(f"master/{number}", Purpose.MASTER, State.DESTROYED, made, retired=one.at, destroyed=one.at)
    try:
        made = MasterFile.parse(keys.read(MASTER, limit=PEM_MAX, private=True) or b"").created
    except SealproofError as exc:
        yield Problem("master", exc.message, exc.hint)
    else:
        yield KeyRecord("master", Purpose.MASTER, State.ACTIVE, made)


def _signing(keys: Directory, history: list[Operation]) -> Iterator[KeyRecord | Problem]:
    directory = keys.enter("signing")
    if directory is None:
        return
    made = {one.text("public"): one.begun for one in history if one.kind == KEY_MADE and one.text("public")}
    rolls = [one for one in history if one.kind == signers.ROLL]
    made |= {one.text("new"): one.begun for one in rolls if one.text("new")}
    ended = {one.text("old"): one.at for one in rolls if one.has("swap")}
    with directory:
        names = directory.names()
        for name in names:
            if not name.endswith(".pub"):
                continue
            stem = name.removesuffix(".pub")
            try:
                text = directory.read(name, limit=PEM_MAX, private=True) or b""
                public = fingerprint(public_from_pem(text, name=f"{directory.path}/{name}"))
            except SealproofError as exc:
                yield Problem(f"signing/{stem}", exc.message, exc.hint)
                continue
            end = ended.get(public)
            state = State.ACTIVE if end is None else State.RETIRED
            yield KeyRecord(
                f"signing/{stem}",
                _purpose(stem),
                state,
                made.get(public),
                retired=end,
                tenant=stem.removeprefix("audit-") if stem.startswith("audit-") else "",
                public=public,
            )


def _purpose(stem: str) -> Purpose:
    word = stem.removeprefix("former-").partition("-")[0]
    return next((purpose for purpose in Purpose if purpose.value == word), Purpose.OTHER)


def _tenants(keys: Directory, history: list[Operation]) -> Iterator[KeyRecord | Problem]:
    rotations = [one for one in history if one.kind == epochs.ROTATE and one.has("retire")]
    retired = {(one.scope, one.number("from")): one.at for one in rotations}
    for tenant in tenants_of(keys):
        try:
            proved = proved_owner(keys, tenant)
        except SealproofError as exc:
            yield Problem(tenant, exc.message, exc.hint)
            continue
        if proved is not None:
            yield from _living(proved[0], retired)
    yield from _destroyed(history, retired)


def _living(owner: TenantFile, retired: dict[tuple[str, int], int]) -> Iterator[KeyRecord]:
    yield KeyRecord(owner.tenant, Purpose.TENANT, State.ACTIVE, owner.created, tenant=owner.tenant)
    for record in owner.epochs:
        scope = f"{owner.tenant}/{record.environment}"
        state = State.RETIRED if record.state == "retired" else State.ACTIVE
        yield KeyRecord(
            f"{scope}/{record.epoch}",
            Purpose.EPOCH,
            state,
            record.created,
            retired=retired.get((scope, record.epoch)) if state is State.RETIRED else None,
            tenant=owner.tenant,
            environment=record.environment,
            epoch=record.epoch,
        )


def _destroyed(history: list[Operation], retired: dict[tuple[str, int], int]) -> Iterator[KeyRecord]:
    for one in history:
        if one.kind == epochs.DESTROY and one.last == "done":
            for epoch, made in zip(one.numbers("epochs"), one.numbers("created"), strict=True):
                yield _gone(one.scope, epoch, made, retired.get((one.scope, epoch)), one.at)
        elif one.kind == holds.ERASE and one.has("audit"):
            made = one.number("created")
            yield KeyRecord(
                one.scope, Purpose.TENANT, State.DESTROYED, made or None, destroyed=one.at, tenant=one.scope
            )
            for text in one.texts("epochs"):
                environment, number, born = text.split("/")
                scope = f"{one.scope}/{environment}"
                yield _gone(scope, int(number), int(born), retired.get((scope, int(number))), one.at)


def _gone(scope: str, epoch: int, made: int, retired: int | None, destroyed: int) -> KeyRecord:
    tenant, _, environment = scope.partition("/")
    return KeyRecord(
        f"{scope}/{epoch}",
        Purpose.EPOCH,
        State.DESTROYED,
        made,
        retired=retired,
        destroyed=destroyed,
        tenant=tenant,
        environment=environment,
        epoch=epoch,
    )


def _data_keys(custodian: Custodian) -> Iterator[KeyRecord | Problem]:
    """One for each file, from its public part: how much of its limit of seals is used."""
    for tenant in custodian.store.tenants():
        for environment in custodian.store.environments(tenant):
            ref = f"{tenant}/{environment}/data"
            try:
                envelope = parse(custodian.store.read(tenant, environment) or b"")
            except SealproofError as exc:
                yield Problem(ref, exc.message, exc.hint)
                continue
            yield KeyRecord(
                ref,
                Purpose.DATA,
                State.ACTIVE,
                None,
                tenant=tenant,
                environment=environment,
                epoch=envelope.epoch,
                seals=envelope.seals,
                seals_max=SEALS_MAX,
            )

"""Tenants that were erased, as checks read of them: the tombstone that the erasure signed, or a person's record."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from sealproof.checks.tenant import NoEvidence
from sealproof.envelope.grammar import is_tenant
from sealproof.errors import EvidenceRejected, SealproofError
from sealproof.findings import Finding, failed
from sealproof.loader.files import open_root
from sealproof.loader.storekeys import pinned_keys
from sealproof.signing import verify_dsse
from sealproof.vault.keys.erasure import PAYLOAD_TYPE
from sealproof.vault.records.interface import ERASURE
from sealproof.vault.records.shelf import DIRECTORY, Shelf

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context

FOLDER = "tombstone"
_FILE_MAX = 1024 * 1024  # bytes


class Grave(NamedTuple):
    """One erased tenant."""

    tenant: str
    path: str
    """The record that says so, below the root."""
    copies: frozenset[str]
    """SHA-256, in hex, of the sealed files that were erased; none where a person's record is all there is."""


def graves(ctx: Context) -> Iterator[Grave | Finding]:
    """Yield every erased tenant once, and a failing finding for each tombstone that is not to be believed.

    Raises NoEvidence where the records cannot be read.
    """
    seen: set[str] = set()
    try:
        found = [*_tombstones(ctx.target.root), *_recorded(ctx.target.root)]
    except SealproofError as exc:
        raise NoEvidence(f"who was erased is unknown: {exc.message}", hint=exc.hint) from exc
    for grave in found:
        if isinstance(grave, Finding):
            yield grave
        elif grave.tenant not in seen:
            seen.add(grave.tenant)
            yield grave


def _tombstones(root: str) -> Iterator[Grave | Finding]:
    with open_root(root) as store:
        keys = store.enter("keys")
        pinned: tuple[bytes, ...] = ()
        if keys is not None:
            with keys:
                pinned = pinned_keys(keys, "journal")
        records = store.enter(DIRECTORY)
        if records is None:
            return
        with records:
            directory = records.enter(FOLDER)
            if directory is None:
                return
            with directory:
                for name in directory.names():
                    if not name.startswith("."):
                        data = directory.read(name, limit=_FILE_MAX, private=False) or b""
                        yield _read(data, f"{DIRECTORY}/{FOLDER}/{name}", pinned)


def _read(data: bytes, path: str, pinned: tuple[bytes, ...]) -> Grave | Finding:
    expected = "a tombstone that the store's journal key signed"
    try:
        payload = verify_dsse(data, pinned, payload_type=PAYLOAD_TYPE)
        fields = json.loads(payload)
        tenant, copies = str(fields["tenant"]), frozenset(map(str, fields["erased"]["sha256"]))
        if is_tenant(tenant):
            return Grave(tenant, path, copies)
    except EvidenceRejected as exc:
        return failed(path, exc.message, expected=expected, fix="restore it from version control")
    except (ValueError, KeyError, TypeError):
        pass  # signed by us and not of our form: said below
    return failed(path, "it names no tenant", expected=expected, fix="restore it from version control")


def _recorded(root: str) -> Iterator[Grave]:
    shelf = Shelf(root)
    with open_root(root) as store:
        records = store.enter(DIRECTORY)
        present: list[str] = []
        if records is not None:
            with records:
                present = records.names()
    if ERASURE in present:
        for record in shelf.records(ERASURE):
            yield Grave(record.text("tenant"), record.path, frozenset())

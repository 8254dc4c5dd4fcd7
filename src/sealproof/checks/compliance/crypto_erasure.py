"""CMP-011: crypto-erasure really shreds.

Tries to open what is retained of an erased tenant: every version of its files in the repository's history, and every
copy in the source tree whose digest the tombstone names, with every key that lies there. One that opens was never
erased.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from sealproof.checks.graves import Grave, graves
from sealproof.checks.registry import check
from sealproof.checks.scan.git import ask, names, work_tree
from sealproof.checks.tenant import NoEvidence
from sealproof.envelope.freshness import Freshness
from sealproof.envelope.keyfile import parse_keys
from sealproof.envelope.open import open_values
from sealproof.envelope.parse import parse
from sealproof.errors import SealproofError
from sealproof.findings import Finding, failed, not_applicable, not_evaluated, passed
from sealproof.signing import sha256
from sealproof.vault.keys.ledger import Purpose, State, read_ledger
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.envelope.keyfile import KeyLine
    from sealproof.vault.keys.ledger import Ledger

_FILE_MAX = 8 * 1024 * 1024  # bytes
_HEAD = 4096  # bytes
_KEYS_MAX = 64 * 1024  # bytes
_SHREDDED = "keys that are gone, so that no copy opens"


@check("CMP-011")
def crypto_erasure(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for each erased tenant's keys, and one for the copies of its files."""
    found = [grave for grave in graves(ctx) if isinstance(grave, Grave)]
    if not found:
        yield not_applicable("records/", "no tenant was erased")
        return
    try:
        ledger = read_ledger(ctx.target.custodian)
    except SealproofError as exc:
        raise NoEvidence(f"the ledger of keys cannot be read: {exc.message}", hint=exc.hint) from exc
    lines = [*_key_lines(ctx.target.source), *_key_lines(ctx.target.root)]
    for grave in found:
        yield _ledger(ledger, grave)
        yield from _wraps(ctx, grave)
        yield from _copies(ctx, grave, [line for line in lines if line.tenant in ("", grave.tenant)])


def _ledger(ledger: Ledger, grave: Grave) -> Finding:
    where = f"keys of {grave.tenant}"
    keys = [key for key in ledger.keys if key.tenant == grave.tenant and key.purpose in (Purpose.TENANT, Purpose.EPOCH)]
    living = [key.ref for key in keys if key.state is not State.DESTROYED]
    if living:
        return failed(where, f"{', '.join(living)} is not destroyed", expected=_SHREDDED, fix="erase the tenant again")
    if not keys:
        return not_evaluated(where, "the ledger knows of no key that the tenant ever had")
    return passed(where, f"{counted(len(keys), 'key')}, all destroyed")


def _wraps(ctx: Context, grave: Grave) -> Iterator[Finding]:
    """Yield a finding for each copy of the tenant's own key file: with the master, it opens every copy."""
    mark, needle = b'"sealproof-tenant/', f'"tenant":"{grave.tenant}"'.encode()
    for directory in dict.fromkeys((ctx.target.root, ctx.target.source)):
        for path, data in _files(directory, _KEYS_MAX):
            if mark in data[:_HEAD] and needle in data[:_HEAD]:
                observed = f"a copy of {grave.tenant}'s key file"
                fix = f"shred -u {os.path.join(directory, path)}"
                yield failed(path, observed, expected=_SHREDDED, fix=fix)


def _copies(ctx: Context, grave: Grave, lines: list[KeyLine]) -> Iterator[Finding]:
    tried = 0
    try:
        copies = {sha256(data): (where, data) for where, data in _retained(ctx, grave)}
    except SealproofError as exc:
        yield not_evaluated(f"copies of {grave.tenant}", f"they cannot be looked for: {exc.message}", fix=exc.hint)
        return
    for where, data in copies.values():
        tried += 1
        if _opens(data, lines, ctx.now):
            fix = "destroy the last copy of the key, and change every value at the service that it belongs to"
            yield failed(where, f"a copy of {grave.tenant}'s file still opens", expected=_SHREDDED, fix=fix)
            return
    if tried:
        yield passed(f"copies of {grave.tenant}", f"none of {tried} opens; keys found here and tried: {len(lines)}")
    else:
        yield not_applicable(f"copies of {grave.tenant}", "none is retained where this run may look")


def _retained(ctx: Context, grave: Grave) -> Iterator[tuple[str, bytes]]:
    """Yield what is left of the tenant's sealed files, in history and in the source tree, and where."""
    tree = work_tree(ctx.target.root)
    if tree is not None:
        folder = os.path.relpath(os.path.realpath(ctx.target.root), os.path.realpath(tree))
        path = os.path.normpath(os.path.join(folder, "tenants", grave.tenant))
        for commit in ask(tree, "log", "--all", "--format=%H", "--", path).decode().split():
            for name in names(tree, "ls-tree", "-r", "-z", "--name-only", commit, "--", f"{path}/"):
                if name.endswith(".enc"):
                    yield f"{name} in history", ask(tree, "show", f"{commit}:{name}")
    for path, data in _files(ctx.target.source, _FILE_MAX):
        if sha256(data).hex() in grave.copies:
            yield path, data


def _opens(data: bytes, lines: list[KeyLine], now: int) -> bool:
    try:
        envelope = parse(data)
    except SealproofError:
        return False
    for line in lines:
        try:
            open_values(
                data,
                tenant=envelope.tenant,
                environment=envelope.environment,
                keys=(line,),
                freshness=Freshness(now=now),
            )
        except SealproofError:
            continue
        return True
    return False


def _key_lines(directory: str) -> Iterator[KeyLine]:
    """Yield every key that lies below a directory in a key file of ours."""
    for _, data in _files(directory, _KEYS_MAX):
        if data.startswith(b'{"format":"sealproof-key/'):
            try:
                yield from parse_keys(data)
            except SealproofError:
                continue  # SEC-012 and SEC-007 speak of key files; one that is torn opens nothing


def _files(directory: str, limit: int) -> Iterator[tuple[str, bytes]]:
    for place, below, files in os.walk(directory):
        below[:] = sorted(name for name in below if name != ".git")
        for name in sorted(files):
            path = os.path.join(place, name)
            status = os.lstat(path)
            if stat.S_ISREG(status.st_mode) and status.st_size <= limit and os.access(path, os.R_OK):
                with open(path, "rb") as file:
                    yield os.path.relpath(path, directory), file.read()

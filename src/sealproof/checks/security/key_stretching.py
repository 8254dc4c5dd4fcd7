"""SEC-010: passphrase keys are stretched.

Reads the cost and salt that key files state, which is what the loader derives with; nothing is
derived here, so that a file under the floor is reported rather than refused. The function is fixed by
the format: PBKDF2-HMAC-SHA256, and nothing else.
"""

from __future__ import annotations

import os
from itertools import pairwise
from typing import TYPE_CHECKING

from sealproof.checks.fixes import command
from sealproof.checks.holdings import keyring_of, may_name, tenant_path
from sealproof.checks.registry import check
from sealproof.checks.tenant import NoEvidence
from sealproof.envelope.keytree import ITERATIONS_MAX, MasterFile
from sealproof.errors import SealproofError
from sealproof.findings import Finding, failed, not_applicable, not_evaluated, passed
from sealproof.loader.keys import key_was_handed_over
from sealproof.loader.storekeys import read_tenant_file
from sealproof.vault.keys.keyring import tenants_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.loader.files import Directory

_MASTER = "keys/master.key"
_MASTER_MAX = 4096  # bytes


@check("SEC-010")
def key_stretching(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for the master, one for each tenant's key file that falls short, one for all that do not."""
    if _nothing_is_derived(ctx):
        yield not_applicable("keys/", "the key was handed over: nothing is derived from a passphrase or master here")
        return
    with keyring_of(ctx.target.root) as keys:
        salts: dict[bytes, str] = {}
        yield _master(ctx, keys, salts)
        findings = [_tenant(ctx, keys, tenant, salts) for tenant in tenants_of(keys)]
    yield from (finding for finding in findings if finding is not None)
    sound = findings.count(None)
    if sound:
        yield passed("keys/tenant_keys", f"{sound} tenants: PBKDF2-HMAC-SHA256, cost enough, a salt for each")


def _nothing_is_derived(ctx: Context) -> bool:
    """Tell whether this is a host with a key of its own and no `keys/`. Raises NoEvidence."""
    if os.path.lexists(os.path.join(ctx.target.root, "keys")):
        return False
    try:
        return key_was_handed_over()
    except SealproofError as exc:
        raise NoEvidence(exc.message, hint=exc.hint) from exc


def _master(ctx: Context, keys: Directory, salts: dict[bytes, str]) -> Finding:
    text = keys.read("master.key", limit=_MASTER_MAX, private=True)
    if text is None:
        return not_evaluated(_MASTER, "there is no such file", fix="restore keys/ from its backup")
    master = MasterFile.parse(text)
    if not master.is_passphrase:
        return passed(_MASTER, "a random master: there is no passphrase to stretch")
    salts[master.salt] = _MASTER
    problem = _problem(master.iterations, ctx.limit("kdf_iterations_passphrase"), master.salt)
    if problem:
        fix = "restore keys/master.key from its backup"
        return failed(_MASTER, problem, expected=_expected(ctx, "passphrase"), fix=fix)
    return passed(_MASTER, f"the passphrase is stretched with {master.iterations} iterations of PBKDF2-HMAC-SHA256")


def _tenant(ctx: Context, keys: Directory, tenant: str, salts: dict[bytes, str]) -> Finding | None:
    """Return what falls short in a tenant's key file, or None."""
    shown = may_name(ctx.target, tenant)
    path = tenant_path(tenant) if shown else "another tenant's key file"
    try:
        owner = read_tenant_file(keys, tenant)
    except SealproofError as exc:
        reason = f"cannot be read: {exc.message}" if shown else "cannot be read"
        return not_evaluated(path, reason, fix=exc.hint if shown else "")
    if owner is None:
        return None  # it went away meanwhile
    first = salts.setdefault(owner.salt, tenant_path(tenant))
    problem = _problem(owner.iterations, ctx.limit("kdf_iterations_tenant"), owner.salt)
    if not problem and first != tenant_path(tenant):
        problem = "its salt is used twice"
    if not problem:
        return None
    fix = command(ctx, "key", "rewrap", tenant if shown else "TENANT")
    return failed(path, problem, expected=_expected(ctx, "tenant"), fix=fix)


def _problem(iterations: int, floor: int, salt: bytes) -> str:
    """Say what is wrong with a cost or salt by itself, or return an empty text."""
    if iterations < floor:
        return f"asks for {iterations} iterations"
    if iterations > ITERATIONS_MAX:
        return f"asks for {iterations} iterations, the format allows at most {ITERATIONS_MAX}"
    return "its salt is no random one" if _is_patterned(salt) else ""


def _is_patterned(salt: bytes) -> bool:
    """Tell whether a salt is constant, a repeated pattern or a counted sequence."""
    steps = {(after - before) % 256 for before, after in pairwise(salt)}
    repeats = any(salt == salt[:size] * (len(salt) // size) for size in (1, 2, 4, 8))
    return repeats or len(steps) == 1


def _expected(ctx: Context, what: str) -> str:
    return f"at least {ctx.limit(f'kdf_iterations_{what}')} iterations and a random salt used once"

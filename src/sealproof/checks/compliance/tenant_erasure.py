"""CMP-010: tenant erasure is complete.

For each tenant that was erased: no file, key, pseudonym or grant of it is left in the store, nor a copy of a sealed
file under another name. Copies in version control and in backups are noise without their keys: CMP-011 tries them.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from sealproof.checks.fixes import command
from sealproof.checks.graves import Grave, graves
from sealproof.checks.registry import check
from sealproof.errors import SealproofError
from sealproof.findings import Finding, failed, not_applicable, not_evaluated, passed
from sealproof.vault.access.policyfile import PolicyFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context

_EXPECTED = "nothing of an erased tenant but its tombstone and its unreadable log"
_HEAD = 4096  # bytes; the header line says whose a sealed file is
_MARK = b'{"t":"h","format":"sealproof-env/'


@check("CMP-010")
def tenant_erasure(ctx: Context) -> Iterator[Finding]:
    """Yield a finding for each thing that is left of an erased tenant, and one for each that left nothing."""
    empty = True
    for grave in graves(ctx):
        empty = False
        if isinstance(grave, Finding):
            yield grave
            continue
        left = [*_left(ctx, grave)]
        yield from left
        if not left:
            yield passed(grave.path, f"nothing of {grave.tenant} is left")
    if empty:
        yield not_applicable("records/", "no tenant was erased")


def _left(ctx: Context, grave: Grave) -> Iterator[Finding]:
    root, tenant = ctx.target.root, grave.tenant
    fix = command(ctx, "key", "erase", tenant)
    for path in (
        f"tenants/{tenant}",
        f"consumers/{tenant}",
        f"keys/tenant_keys/{tenant}.key",
        f"keys/tenant_keys/{tenant}.key.next",
        f"keys/audit/{tenant}/canaries",
        f"keys/audit/{tenant}/log.key",
        f"keys/audit/{tenant}/subjects",
    ):
        if os.path.lexists(os.path.join(root, path)):
            yield failed(path, f"it is left of {tenant}, which was erased", expected=_EXPECTED, fix=fix)
    for path in _copies(root, tenant):
        fix_copy = f"rm {os.path.join(root, path)}"
        yield failed(path, f"a sealed file of {tenant}, which was erased", expected=_EXPECTED, fix=fix_copy)
    yield from _granted(ctx, tenant)


def _copies(root: str, tenant: str) -> Iterator[str]:
    """Yield sealed files of the tenant that lie in the store under whatever name, outside its own folder."""
    own = os.path.join(root, "tenants", tenant)
    needle = f'"tenant":"{tenant}"'.encode()
    for directory, below, files in os.walk(root):
        below[:] = sorted(name for name in below if os.path.join(directory, name) != own and name != ".git")
        for name in sorted(files):
            path = os.path.join(directory, name)
            if stat.S_ISREG(os.lstat(path).st_mode):
                with open(path, "rb") as file:
                    head = file.read(_HEAD).partition(b"\n")[0]
                if head.startswith(_MARK) and needle in head:
                    yield os.path.relpath(path, root)


def _granted(ctx: Context, tenant: str) -> Iterator[Finding]:
    try:
        rules = PolicyFile(ctx.target.root).load().policy.rules
    except SealproofError as exc:
        yield not_evaluated("policy.json", f"what it grants on {tenant} is unknown: {exc.message}", fix=exc.hint)
        return
    for rule in rules:
        if rule.tenant == tenant:
            observed = f"it grants {rule.subject} something on {tenant}, which was erased"
            fix = command(ctx, "access", "revoke", rule.id)
            yield failed(f"policy.json rule {rule.id}", observed, expected=_EXPECTED, fix=fix)

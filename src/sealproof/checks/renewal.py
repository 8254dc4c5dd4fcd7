"""How a key gets a successor: the command for each use of a key."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from sealproof.checks.fixes import command
from sealproof.checks.holdings import DATA, EPOCH, HANDED_OVER, MASTER, SALT, WRITER

if TYPE_CHECKING:
    from sealproof.checks.context import Context
    from sealproof.checks.holdings import HeldKey

NEW_STORE = "make a new store with `sealproof init --root DIR`, seal every value into it, and hand out its keys"
"""For the keys that no command replaces in place: the master, and the writer that every host pins."""


def renew(ctx: Context, key: HeldKey) -> str:
    """Return the command that gives this use of a key new bytes."""
    if key.purpose == SALT:
        return command(ctx, "key", "rewrap", key.tenant)
    if key.purpose in (MASTER, WRITER):
        return NEW_STORE
    if key.purpose in (EPOCH, DATA) or (key.purpose == HANDED_OVER and key.tenant):
        return command(ctx, "key", "rotate", key.tenant, "--environment", key.environment)
    if key.purpose == HANDED_OVER:
        return "sealproof key init --recipient FILE"
    return _new_signing_key(os.path.join(ctx.target.root, key.resource))


def _new_signing_key(path: str) -> str:
    stem = path.removesuffix(".key").removesuffix(".pub")
    draw = shlex.join(("openssl", "genpkey", "-algorithm", "ed25519", "-out", f"{stem}.key"))
    publish = shlex.join(("openssl", "pkey", "-in", f"{stem}.key", "-pubout", "-out", f"{stem}.pub"))
    return f"{draw} && {publish} && {shlex.join(('chmod', '600', f'{stem}.key', f'{stem}.pub'))}"

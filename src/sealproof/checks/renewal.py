"""How a key gets a successor: the command for each use of a key."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from sealproof.checks.fixes import command
from sealproof.checks.holdings import AUDIT, AUDIT_NAMES, DATA, EPOCH, HANDED_OVER, MASTER, POLICY, SALT, WRITER

if TYPE_CHECKING:
    from sealproof.checks.context import Context
    from sealproof.checks.holdings import HeldKey

NEW_STORE = "make a new store with `sealproof init --root DIR`, seal every value into it, and hand out its keys"
"""For the keys that no command replaces in place: the master, the writer that every host pins, a log's name key."""

_WORDS = {
    SALT: ("key", "rewrap"),
    AUDIT: ("audit", "seal"),
    EPOCH: ("key", "rotate"),
    DATA: ("key", "rotate"),
    HANDED_OVER: ("key", "rotate"),
}


def renew(ctx: Context, key: HeldKey) -> str:
    """Return the command that gives this use of a key new bytes."""
    if key.purpose in (MASTER, WRITER, AUDIT_NAMES):
        return NEW_STORE
    if key.purpose == HANDED_OVER and not key.tenant:
        return "sealproof key init --recipient FILE"
    if key.purpose == POLICY:
        return _new_policy_key(ctx, os.path.join(ctx.target.root, key.resource))
    words = _WORDS.get(key.purpose)
    if words is None:
        return _new_signing_key(os.path.join(ctx.target.root, key.resource))
    where = ("--environment", key.environment) if key.environment else ()
    return command(ctx, *words, key.tenant, *where)


def _new_policy_key(ctx: Context, path: str) -> str:
    """Let another key sign the policy before this one goes: nobody is let in by a policy that no pinned key signed."""
    stem = path.removesuffix(".key").removesuffix(".pub")
    another, sign = (
        command(ctx, "access", "signer", "--output", "FILE"),
        command(ctx, "access", "sign", "--key", "FILE"),
    )
    return f"{another} && {sign} && {shlex.join(('rm', '-f', f'{stem}.key', f'{stem}.pub'))}"


def _new_signing_key(path: str) -> str:
    stem = path.removesuffix(".key").removesuffix(".pub")
    draw = shlex.join(("openssl", "genpkey", "-algorithm", "ed25519", "-out", f"{stem}.key"))
    publish = shlex.join(("openssl", "pkey", "-in", f"{stem}.key", "-pubout", "-out", f"{stem}.pub"))
    return f"{draw} && {publish} && {shlex.join(('chmod', '600', f'{stem}.key', f'{stem}.pub'))}"

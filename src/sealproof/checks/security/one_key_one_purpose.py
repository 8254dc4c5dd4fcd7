"""SEC-008: one key, one tenant, one purpose.

Unwraps every key of the store in memory and compares fingerprints under a key drawn for the run. A
key counts by its Ed25519 public half whatever it is used for, so that an encryption key that is also
a signing seed is found. An earlier epoch only opens old copies: it is compared with the keys in use,
not with its like. Recipients' public keys are not compared: a person may read two tenants' files.
"""

from __future__ import annotations

import hmac
import os
from collections import defaultdict
from typing import TYPE_CHECKING

from sealproof.checks.holdings import DATA, EPOCH, MASTER, SALT, WRITER, HeldKey, held_keys
from sealproof.checks.registry import check
from sealproof.checks.renewal import NEW_STORE, renew
from sealproof.findings import Finding, failed, passed
from sealproof.signing import SigningKey
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context

_RUN_KEY_BYTES = 32


@check("SEC-008")
def one_key_one_purpose(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for each key with two uses, and one for all that have one."""
    run_key = os.urandom(_RUN_KEY_BYTES)
    holders: defaultdict[bytes, dict[tuple[str, str, str, int], HeldKey]] = defaultdict(dict)
    for found in held_keys(ctx.target):
        if isinstance(found, Finding):
            yield found
        else:
            uses = holders[hmac.digest(run_key, _identity(found), "sha256")]
            uses.setdefault((found.purpose, found.tenant, found.environment, found.epoch), found)
    shared = [[*uses.values()] for uses in holders.values() if len(uses) > 1]
    shared = [uses for uses in shared if any(key.in_use for key in uses)]
    yield from (_shared(ctx, uses) for uses in shared)
    if not shared:
        tenants = {key.tenant for uses in holders.values() for key in uses.values() if key.purpose == EPOCH}
        yield passed("keys/", f"{len(holders)} keys and salts of {counted(len(tenants), 'tenant')}, each with one use")


def _identity(key: HeldKey) -> bytes:
    """Return what two uses of one key have in common, in a space of its own for salts."""
    if key.purpose == SALT:
        return b"salt" + key.key
    return b"key" + (key.public or SigningKey(key.key).public)


def _shared(ctx: Context, uses: list[HeldKey]) -> Finding:
    named = [key.named(ctx.target) for key in uses]
    shown = [key.resource for key in uses if key.is_shown(ctx.target)]
    return failed(
        shown[0] if shown else "keys/",
        f"one and the same: {', '.join(dict.fromkeys(named))}",
        expected="a key of its own for each tenant, environment and purpose",
        fix=_fix(ctx, uses),
    )


def _fix(ctx: Context, uses: list[HeldKey]) -> str:
    """Return a new key for every use: whoever holds one of them knows the key that all have now."""
    purposes = {key.purpose for key in uses}
    if MASTER in purposes or (WRITER in purposes and purposes & {EPOCH, DATA}):
        return NEW_STORE
    ours = [key for key in uses if key.in_use and key.is_shown(ctx.target)]
    steps = dict.fromkeys(renew(ctx, key) for key in ours if key.purpose != WRITER)
    return " && ".join(steps)

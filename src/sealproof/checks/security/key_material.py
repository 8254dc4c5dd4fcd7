"""SEC-009: key material is strong.

Looks at key bytes in memory: the store's own keys, data keys, and a key that was handed over. Public
sample keys (this format's worked example, RFC 8032) are known by heart. A passphrase master is judged
by its passphrase. Earlier epochs, which only open old copies, are counted and not judged.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sealproof.checks.holdings import HANDED_OVER, SALT, HeldKey, held_keys, may_name
from sealproof.checks.registry import check
from sealproof.checks.renewal import renew
from sealproof.checks.tenant import NoEvidence
from sealproof.errors import SealproofError, WeakKey
from sealproof.findings import Finding, failed, passed
from sealproof.loader import keys as loader_keys
from sealproof.vault.keys.strength import check_passphrase, is_weak_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context

SAMPLE_KEYS = frozenset(
    (
        *(bytes(range(start, start + 32)) for start in (0x00, 0x20, 0x40, 0x60, 0x80)),  # the format's worked example
        bytes(range(0xF0, 0x100)) * 2,  # the master in it
        bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"),  # RFC 8032, 7.1, test 1
        bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"),  # RFC 8032, 7.1, test 2
        bytes.fromhex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7"),  # RFC 8032, 7.1, test 3
    )
)
_BITS = 8


@check("SEC-009")
def key_material(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for each weak key, and one for all that are strong."""
    strong = earlier = 0
    for key in _keys(ctx):
        if isinstance(key, Finding):
            yield key
        elif not key.in_use:
            earlier += 1
        elif problem := _problem(ctx, key):
            yield _weak(ctx, key, problem)
        else:
            strong += 1
    yield from _passphrase()
    if strong:
        yield passed("keys/", f"{strong} keys in use are strong; {earlier} of earlier epochs are not in use")


def _keys(ctx: Context) -> Iterator[HeldKey | Finding]:
    """Yield every secret key, wherever it came from. Raises NoEvidence if there is none."""
    handed = _handed_over(ctx)
    yield from handed
    if handed and not os.path.lexists(os.path.join(ctx.target.root, "keys")):
        return
    for key in held_keys(ctx.target):
        if isinstance(key, Finding) or (key.purpose != SALT and key.key):
            yield key


def _handed_over(ctx: Context) -> list[HeldKey]:
    try:
        lines = loader_keys.find_keys(None, "", "") if loader_keys.key_was_handed_over() else ()
    except SealproofError as exc:
        message = f"the key that was handed over cannot be read: {exc.message}"
        raise NoEvidence(message, hint=exc.hint) from exc
    return [
        HeldKey(HANDED_OVER, HANDED_OVER, line.key, tenant=line.tenant, environment=line.environment, epoch=line.epoch)
        for line in lines
        if not line.tenant or may_name(ctx.target, line.tenant)
    ]


def _problem(ctx: Context, key: HeldKey) -> str:
    """Say in words what is weak about a key, or return an empty text."""
    bits = _BITS * len(key.key)
    if bits < ctx.limit("min_symmetric_key_bits"):
        return f"only {bits} bits long"
    if key.key in SAMPLE_KEYS:
        return "a sample that stands in a published document"
    return is_weak_key(key.key)


def _weak(ctx: Context, key: HeldKey, problem: str) -> Finding:
    shown = key.is_shown(ctx.target)
    return failed(
        key.resource if shown else "keys/",
        f"the {key.named(ctx.target)} is {problem}",
        expected=f"{ctx.limit('min_symmetric_key_bits')} bits from the system's random source",
        fix=renew(ctx, key) if shown else "look at the whole store: sealproof check --suite security",
    )


def _passphrase() -> Iterator[Finding]:
    text = loader_keys.passphrase()
    if text is None:
        return
    try:
        check_passphrase(text)
    except WeakKey as exc:
        yield failed("MASTER_SECRET_KEY", exc.message, expected="a passphrase drawn at random", fix=exc.hint)
    else:
        yield passed("MASTER_SECRET_KEY", "the passphrase is long and mixed enough to be stretched")

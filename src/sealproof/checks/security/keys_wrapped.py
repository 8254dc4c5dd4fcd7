"""SEC-011: stored keys are wrapped.

Epoch keys are always wrapped: the format of a tenant's key file holds nothing else. What decides is where the key that
wraps them is. Under a passphrase it is with whoever knows it; a random master lies in `keys/master.key`, beside what it
wraps, and whoever has the directory has both. A development profile allows that, as SEC-007 does; others do not.
A host that was handed its key keeps no keyring, and there is nothing to wrap. Signing keys seal no data: SEC-006 and
SEC-008 look at them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sealproof.checks.holdings import keyring_of
from sealproof.checks.registry import check
from sealproof.checks.tenant import NoEvidence
from sealproof.envelope.keytree import MasterFile
from sealproof.errors import SealproofError
from sealproof.findings import Finding, failed, not_applicable, not_evaluated, passed
from sealproof.loader.keys import key_was_handed_over
from sealproof.vault.keys.keyring import tenants_of
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context

_MASTER = "keys/master.key"
_MASTER_MAX = 4096  # bytes


@check("SEC-011")
def stored_keys_are_wrapped(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for the key that wraps all others."""
    if not os.path.lexists(os.path.join(ctx.target.root, "keys")) and _was_handed_over():
        yield not_applicable("keys/", "this host was handed its key, and keeps no keyring")
        return
    with keyring_of(ctx.target.root) as keys:
        text = keys.read("master.key", limit=_MASTER_MAX, private=True)
        count = len(tenants_of(keys))
    whose = counted(count, "tenant")
    if text is None:
        yield not_evaluated(_MASTER, "there is no such file", fix="restore keys/ from its backup")
    elif MasterFile.parse(text).is_passphrase:
        yield passed(_MASTER, f"the keys of {whose} are wrapped under a passphrase that is kept elsewhere")
    elif ctx.keys_beside_store == "allowed":
        yield not_applicable(_MASTER, "a random master lies beside what it wraps, as this profile allows")
    else:
        yield failed(
            _MASTER,
            f"the random master lies beside the keys of {whose} that it wraps",
            expected="the key that wraps kept elsewhere than what it wraps",
            fix="keep the master as a passphrase (MASTER_SECRET_KEY), and hand hosts a key of their own: "
            "sealproof key export TENANT --environment ENVIRONMENT --output FILE",
        )


def _was_handed_over() -> bool:
    try:
        return key_was_handed_over()
    except SealproofError as exc:
        raise NoEvidence(exc.message, hint=exc.hint) from exc

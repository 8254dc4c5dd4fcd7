"""SEC-001: secrets are ciphertext at rest.

Parses the sealed file without a key, and looks at every other name in the tenant's directory for
what plain text usually hides under.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from sealproof.checks.registry import check
from sealproof.envelope.grammar import TAG_BYTES, is_text
from sealproof.envelope.parse import parse
from sealproof.errors import DataError
from sealproof.findings import Finding, failed, passed
from sealproof.vault.backup.header import parse as parse_backup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context

_ASSIGNMENT = re.compile(rb"^\s*(?:export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*=\s*\S", re.MULTILINE)
_SEALED = re.compile(r"\.env(\.[a-z0-9-]+)?\.enc")
_HARMLESS = frozenset((".env.example", "manifest.toml"))
_PLAIN_MAX = 1 << 20  # bytes read from a suspicious file


@check("SEC-001")
def ciphertext_at_rest(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for the sealed file and one for each plain twin."""
    view = ctx.tenant
    ctx.saw(view.path, view.sealed)
    try:
        envelope = parse(view.sealed)
    except DataError as exc:
        tenant, environment = view.scope.tenant, view.scope.environment
        yield failed(
            view.path,
            exc.message,
            expected="a sealed file of the sealproof-env/1 format",
            fix=f"sealproof seal {tenant} --environment {environment} FILE (from the source of the values)",
        )
    else:
        yield passed(view.path, f"{len(envelope.entries)} secrets, all sealed")
    directory = os.path.join(ctx.target.root, "tenants", view.scope.tenant)
    for name in sorted(os.listdir(directory)):
        if not _SEALED.fullmatch(name) and name not in _HARMLESS and _holds_plain_text(os.path.join(directory, name)):
            twin = f"tenants/{view.scope.tenant}/{name}"
            yield failed(
                twin,
                "a plain file with NAME=value lines lies beside the sealed one",
                expected="ciphertext only",
                fix=f"sealproof seal {view.scope.tenant} {os.path.join(directory, name)} --remove",
            )


def _holds_plain_text(path: str) -> bool:
    if not os.path.isfile(path) or os.path.islink(path):
        return False
    with open(path, "rb") as file:
        data = file.read(_PLAIN_MAX)
    return not _is_container(data) and _ASSIGNMENT.search(data) is not None


def _is_container(data: bytes) -> bool:
    """Tell whether this is an encrypted backup: a front of the format, and behind it bytes that are no text."""
    try:
        payload = data[len(parse_backup(data).data) :]
    except DataError:
        return False
    return len(payload) > TAG_BYTES and not is_text(payload)

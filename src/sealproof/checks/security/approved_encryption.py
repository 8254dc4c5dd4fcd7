"""SEC-002: approved authenticated encryption.

Reads the format identifier from the header, without a key. The format fixes every algorithm, so a
known identifier on a file that does not follow its format is refused too: nothing else may be
smuggled in under its name.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING

from sealproof.checks.fixes import command
from sealproof.checks.registry import check
from sealproof.envelope.grammar import FORMAT
from sealproof.envelope.parse import parse
from sealproof.errors import DataError
from sealproof.findings import Finding, failed, passed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sealproof.checks.context import Context

ENCRYPTION: Mapping[str, tuple[str, ...]] = {FORMAT: ("AES-256-GCM",)}
"""What seals values under each format; the format string leaves nothing to choose."""
STRENGTH: Mapping[str, int] = {"AES-256-GCM": 256}
"""Bits of strength of every algorithm that authenticates what it encrypts (NIST SP 800-57 Part 1, table 2)."""
STRENGTH_MIN = 128  # bits

_IDENTIFIER = re.compile(rb'\{"t":"h","format":"([a-z0-9-]{1,40}/[0-9]{1,6})",')


@check("SEC-002")
def approved_encryption(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for the sealed file."""
    view = ctx.tenant
    ctx.saw(view.path, view.sealed)
    problem = _problem(ctx, view.sealed)
    if problem:
        formats = ", ".join(ctx.allowed("formats"))
        yield failed(view.path, problem, expected=f"a file of the format {formats}", fix=_fix(ctx, view.sealed))
        return
    algorithms = ", ".join(f"{name} ({STRENGTH[name]} bits, authenticated)" for name in ENCRYPTION[FORMAT])
    yield passed(view.path, f"{FORMAT}: {algorithms}")


def _problem(ctx: Context, data: bytes) -> str:
    """Say what is not approved about the file, or return an empty text."""
    identifier = _identifier(data)
    if identifier not in ENCRYPTION:
        return f"format {identifier} is not known" if identifier else "the file names no format"
    if identifier not in ctx.allowed("formats"):
        return f"format {identifier} is not on the profile's list"
    allowed = ctx.allowed("algorithms")
    for name in ENCRYPTION[identifier]:
        if name not in allowed:
            return f"{identifier} seals with {name}, which is not on the profile's list"
        if STRENGTH.get(name, 0) < STRENGTH_MIN:
            return f"{identifier} seals with {name}, which is unauthenticated or under {STRENGTH_MIN} bits"
    try:
        parse(data)
    except DataError as exc:
        return f"the file says {identifier} and does not follow it: {exc.message}"
    return ""


def _identifier(data: bytes) -> str:
    found = _IDENTIFIER.match(data)
    return found[1].decode() if found else ""


def _fix(ctx: Context, data: bytes) -> str:
    view = ctx.tenant
    identifier = _identifier(data)
    if identifier not in ENCRYPTION and identifier.startswith(FORMAT.partition("/")[0] + "/"):
        return "pip install --upgrade sealproof"
    path = os.path.join(ctx.target.root, view.path)
    aside = shlex.join(("mv", path, f"{path}.refused"))
    seal = command(ctx, "seal", view.scope.tenant, "FILE", "--environment", view.scope.environment)
    return f"{aside} && {seal} (FILE: the source of the values)"

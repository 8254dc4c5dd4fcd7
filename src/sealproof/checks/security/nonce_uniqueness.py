"""SEC-005: nonces never repeat under a key.

Looks, without a key, at the tenant's file and at the copies of it that lie beside it: files share a
data key if their key lines are the same text, and an epoch key if they name the same epoch. The same
line in two copies is one seal. Copies in the git history are not looked at, and the finding says so.
"""

from __future__ import annotations

import os
import shlex
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealproof.checks.fixes import command
from sealproof.checks.registry import check
from sealproof.envelope.grammar import FILE_MAX, NONCE_BYTES
from sealproof.envelope.parse import Envelope, parse
from sealproof.errors import SealproofError
from sealproof.findings import Finding, failed, not_evaluated, passed
from sealproof.loader.tenant import file_name
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context

COPIES_MAX = 256  # copies looked at beside one file
_SEALED_MARK = b'{"t":"h","format":"sealproof-env/'
_NOT_LOOKED_AT = "copies in the git history are not looked at"


@dataclass(slots=True)
class _Seal:
    """One nonce under one key: the distinct lines that use it, and the files where each stands."""

    key: str
    names: set[str] = field(default_factory=set)
    files: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


@check("SEC-005")
def nonce_uniqueness(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for each repeated nonce, one for the count of seals, one for the whole."""
    view = ctx.tenant
    ctx.saw(view.path, view.sealed)
    files = {view.path: view.envelope}
    for found in _copies(ctx):
        if isinstance(found, Finding):
            yield found
        else:
            files[found[0]] = found[1]
    seals = _seals(files)
    repeats = [seal for seal in seals.values() if len(seal.files) > 1]
    yield from (_repeat(ctx, seal) for seal in repeats)
    yield _count(ctx, files)
    if not repeats:
        yield passed(
            view.path,
            f"{counted(len(seals), 'nonce')} in {counted(len(files), 'file')}, none used twice; {_NOT_LOOKED_AT}",
        )


def _copies(ctx: Context) -> Iterator[tuple[str, Envelope] | Finding]:
    """Return this environment's other copies in the tenant's directory, or why one could not be read."""
    view = ctx.tenant
    with ctx.target.custodian.store.tenant_directory(view.scope.tenant) as directory:
        own = file_name(view.scope.environment)
        names = [name for name in directory.names() if ".enc" in name and name != own]
        for name in names[:COPIES_MAX]:
            path = f"tenants/{view.scope.tenant}/{name}"
            try:
                data = directory.read(name, limit=FILE_MAX, private=False) or b""
                copy = parse(data) if data.startswith(_SEALED_MARK) else None
            except SealproofError as exc:
                yield _unread(ctx, path, exc.message)
                continue
            if copy is not None and _same_key(copy, view.envelope):
                ctx.saw(path, data)
                yield path, copy
        if len(names) > COPIES_MAX:
            reason = f"{counted(len(names), 'copy', 'copies')} here, the first {COPIES_MAX} were looked at"
            yield not_evaluated(f"tenants/{view.scope.tenant}", reason, fix=f"keep fewer copies than {COPIES_MAX}")


def _unread(ctx: Context, path: str, reason: str) -> Finding:
    fix = shlex.join(("rm", os.path.join(ctx.target.root, path)))
    return not_evaluated(path, f"this copy's nonces cannot be read: {reason}", fix=fix)


def _same_key(copy: Envelope, current: Envelope) -> bool:
    """Tell whether `copy` could share a key with the current file, or is an older file of the same scope."""
    scope = (current.tenant, current.environment)
    return copy.key_line == current.key_line or (copy.tenant, copy.environment) == scope


def _seals(files: dict[str, Envelope]) -> dict[tuple[str, bytes], _Seal]:
    found: dict[tuple[str, bytes], _Seal] = {}

    def note(key: str, nonce: bytes, line: str, path: str, name: str) -> None:
        seal = found.setdefault((key, nonce), _Seal(key))
        seal.files[line].add(path)
        seal.names.add(name)

    for path, envelope in files.items():
        note(envelope.header_line, envelope.wrapped[:NONCE_BYTES], envelope.key_line, path, "key line")
        for entry in envelope.entries:
            note(envelope.key_line, entry.sealed[:NONCE_BYTES], entry.line, path, entry.name)
    return found


def _repeat(ctx: Context, seal: _Seal) -> Finding:
    view = ctx.tenant
    names, paths = sorted(seal.names), sorted(set().union(*seal.files.values()))
    which = "epoch key" if seal.key.startswith('{"t":"h"') else "data key"
    return failed(
        view.resource(names[0]),
        f"one nonce under one {which} serves {len(seal.files)} seals: {', '.join(names)} in {', '.join(paths)}",
        expected="every seal under a key has a nonce of its own",
        fix=_fix(ctx, seal),
    )


def _fix(ctx: Context, seal: _Seal) -> str:
    """Give the current file a new key; copies that repeat among themselves have to go as well."""
    view = ctx.tenant
    steps = []
    if any(view.path in paths for paths in seal.files.values()):
        steps.append(command(ctx, "key", "rotate", view.scope.tenant, "--environment", view.scope.environment))
    copies = sorted(set().union(*seal.files.values()) - {view.path})
    if sum(bool(paths - {view.path}) for paths in seal.files.values()) > 1:
        steps.append(shlex.join(("rm", *(os.path.join(ctx.target.root, path) for path in copies))))
    return " && ".join(steps)


def _count(ctx: Context, files: dict[str, Envelope]) -> Finding:
    """Judge the count of seals; a copy brought back by git goes uncounted, so lines that are seen count too."""
    view = ctx.tenant
    limit = ctx.limit("seals_per_key")
    sharing = [envelope for envelope in files.values() if envelope.key_line == view.envelope.key_line]
    seen = len({entry.line for envelope in sharing for entry in envelope.entries})
    seals = max(seen, *(envelope.seals for envelope in sharing))
    if seals <= limit:
        return passed(view.path, f"{seals} seals under the data key, the limit is {limit}")
    return failed(
        view.path,
        f"{seals} seals under one data key",
        expected=f"at most {limit}",
        fix=command(ctx, "key", "rotate", view.scope.tenant, "--environment", view.scope.environment),
    )

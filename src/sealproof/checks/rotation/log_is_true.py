"""ROT-006: the rotation log tells the truth.

Every line's signature and link is verified; a log without a line fails where the key that signed its first one has its
name. Rotations that the tenant's audit log tells of have to stand in it, where there is such a log. Then the log's own
words are held against the sealed file: the version and the keyed digest of the value that each secret's last rotation
left. A secret that was rotated here and then changed by any other way has a change without an entry, and its target may
know nothing of it. One whose rotation is under way is judged when that has ended (ROT-008 sees to it that it does).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.checks.days import day_of
from sealproof.checks.fixes import command
from sealproof.checks.registry import check
from sealproof.checks.rotation._evidence import digests_of, has_flipped, left_value, rotations_of
from sealproof.checks.tenant import NoEvidence
from sealproof.checks.trails import records
from sealproof.errors import EvidenceRejected, SealproofError
from sealproof.findings import Finding, failed, passed
from sealproof.vault.access.interface import Operation as Access
from sealproof.vault.audit.interface import Outcome
from sealproof.vault.audit.recent import who_is_who

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sealproof.checks.context import Context
    from sealproof.envelope.parse import Entry
    from sealproof.rotation.digests import ValueDigests
    from sealproof.vault.journal import Operation

_LOG = "keys/rotation_log.json"


@check("ROT-006")
def log_is_true(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for the log itself, and one for each secret whose last rotation it tells of."""
    try:
        lines = ctx.target.journal_verified
        rotations = rotations_of(ctx)
    except EvidenceRejected as exc:
        fix = exc.hint or "restore keys/ from its backup"
        yield failed(_LOG, exc.message, expected="every line linked and signed by this store's journal key", fix=fix)
        return
    except NoEvidence:
        raise
    except SealproofError as exc:
        raise NoEvidence(f"the rotation journal cannot be read: {exc.message}", hint=exc.hint) from exc
    yield passed(_LOG, f"{lines} lines, each linked and signed")
    view = ctx.tenant
    ctx.saw(view.path, view.sealed)
    yield from _untold(ctx, rotations)
    flipped = {name: [one for one in known if has_flipped(one)] for name, known in rotations.items()}
    entries = {entry.name: entry for entry in view.envelope.entries}
    told = sorted(name for name, known in flipped.items() if known and name in entries and rotations[name][-1].is_over)
    digests = digests_of(ctx) if told else None
    for name in told:
        if digests is not None:
            yield _judge(ctx, entries[name], flipped[name][-1], digests)


def _untold(ctx: Context, rotations: Mapping[str, list[Operation]]) -> Iterator[Finding]:
    """Yield a finding for each secret that was rotated by the audit log's words and not by the rotation log's."""
    audited = _audited(ctx)
    for name, version in sorted(audited.items()):
        if all(one.number("version") < version for one in rotations.get(name, ())):
            observed = f"the audit log tells of a rotation to version {version}, and the rotation log does not"
            fix = "put keys/rotation_log.json back from the newest backup; find out who changed it"
            yield failed(ctx.tenant.resource(name), observed, expected="every rotation in both logs", fix=fix)


def _audited(ctx: Context) -> dict[str, int]:
    """Return the newest version that the audit log says a rotation made, by name; nothing without a readable log."""
    view = ctx.tenant
    ours = (Access.ROTATE.value, Outcome.ALLOW.value, f"{view.scope.tenant}/{view.scope.environment}")
    found: dict[str, int] = {}
    try:
        known = who_is_who(ctx.target.root, view.scope.tenant, [entry.name for entry in view.envelope.entries])
        for entry, _ in records(ctx.target.root, view.scope.tenant):
            name = known.get(entry.secret, "")
            if name and (entry.operation, entry.outcome, entry.scope) == ours:
                found[name] = max(found.get(name, 0), entry.version)
    except SealproofError:  # SEC-017 says what is wrong with that log
        return {}
    return {name: version for name, version in found.items() if version}


def _judge(ctx: Context, entry: Entry, last: Operation, digests: ValueDigests) -> Finding:
    view, version = ctx.tenant, int(entry.version)
    where = view.resource(entry.name)
    scope = ("--tenant", view.scope.tenant, "--environment", view.scope.environment)
    fix = command(ctx, "rotate", entry.name, *scope, "--force")
    digest, claimed = left_value(last)
    expected = f"version {claimed}, which the log's rotation of {day_of(last.begun)} left"
    if version > claimed:
        observed = f"version {version} of {day_of(int(entry.updated))} has no entry in the log"
        return failed(where, observed, expected=expected, fix=fix)
    if version < claimed:
        return failed(where, f"the file holds version {version}", expected=expected, fix=fix)
    if not digests.matches(entry.name, view.values[entry.name], digest):
        return failed(where, f"version {version} is another value than the log says", expected=expected, fix=fix)
    if last.last == "done" and last.text("digest") == last.text("before"):
        return failed(where, "the log says rotated, and the value stayed the same", expected="a new value", fix=fix)
    return passed(where, f"version {version} is what the rotation of {day_of(last.begun)} left")

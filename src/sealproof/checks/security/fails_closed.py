"""SEC-020: the loader fails closed.

Each case is a program of its own that starts by loading its tenant: a fresh interpreter, a minimal
environment and a scratch store in which one thing is wrong. It has to end with the documented error
and a non-zero exit code, and its environment may then hold nothing that was not there before.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealproof.checks.isolation import run_apart
from sealproof.checks.registry import check
from sealproof.checks.scratch import leaks
from sealproof.checks.security._application import start
from sealproof.checks.specimen import Specimen, key_text, parts, write_private
from sealproof.checks.trials import REINSTALL, control
from sealproof.errors import CannotOpen, KeyMissing, MalformedFile, MissingSecrets, UnknownTenant, UnsupportedFormat
from sealproof.findings import Finding, failed, passed
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.checks.isolation import Outcome
    from sealproof.errors import SealproofError

_REQUIRED = "PAYMENT_TOKEN"  # a name that no scratch file has
_KEY_NAME = "host.key"


@dataclass(frozen=True, slots=True)
class _Case:
    """What is wrong, the bytes that make it so, and the error that has to say it."""

    what: str
    error: type[SealproofError]
    sealed: bytes | None = None
    """In the sealed file's place; None for no file."""
    key: bytes | None = None
    """The host's key file; None for no file."""
    environ: dict[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = ()


@check("SEC-020")
def loader_fails_closed(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for each thing that is wrong."""
    mine = Specimen("scratch-a")
    _control(ctx, mine)
    for case in _cases(mine, Specimen("scratch-b")):
        outcome, changed = _run(ctx, mine, case)
        shown = leaks(outcome.stdout + outcome.stderr, mine.values.values())
        ended = f"ended with {outcome.error or 'no error'}, exit code {outcome.exit_code}"
        observed = f"{ended}, {counted(len(changed), 'variable')} changed, {counted(len(shown), 'value')} shown"
        if outcome.error == case.error.__name__ and outcome.exit_code > 0 and not changed and not shown:
            yield passed(case.what, observed)
        else:
            expected = f"{case.error.__name__}, a non-zero exit code, nothing changed and nothing shown"
            yield failed(case.what, observed, expected=expected, fix=REINSTALL)
    _control(ctx, mine)


def _cases(mine: Specimen, other: Specimen) -> Iterator[_Case]:
    own, foreign = key_text(mine.key_line), key_text(other.key_line)
    yield _Case("no key", KeyMissing, mine.data)
    yield _Case("key file that is not there", KeyMissing, mine.data, environ={"SEALPROOF_KEY_FILE": _KEY_NAME})
    yield _Case("key of another tenant", CannotOpen, mine.data, foreign)
    yield _Case("another key for this tenant", CannotOpen, mine.data, key_text(Specimen(mine.tenant).key_line))
    strange = mine.key_line
    strange.writers = other.key_line.writers
    yield _Case("key file that trusts another writer", CannotOpen, mine.data, key_text(strange))
    lines, trailer = parts(mine.data)
    yield _Case("changed counter", CannotOpen, mine.data.replace(b'"generation":2', b'"generation":3'), own)
    yield _Case("changed counter, signed by a stranger", CannotOpen, mine.forge(lines, signer=other.writer), own)
    yield _Case("cut file", MalformedFile, mine.data[: -len(trailer)], own)
    yield _Case("empty file", MalformedFile, b"", own)
    yield _Case("unknown version", UnsupportedFormat, mine.data.replace(b"sealproof-env/1", b"sealproof-env/2"), own)
    yield _Case("file of another tenant, with both keys", CannotOpen, other.data, own + foreign)
    yield _Case("plain text in the sealed file's place", MalformedFile, _plain(mine), own)
    yield _Case("no file, with plain ones around", UnknownTenant, None, own)
    yield _Case(
        "required name that only the process environment has",
        MissingSecrets,
        mine.data,
        own,
        environ={_REQUIRED: "from the process environment"},
        required=(_REQUIRED,),
    )


def _control(ctx: Context, mine: Specimen) -> None:
    orderly = _Case("nothing", CannotOpen, mine.data, key_text(mine.key_line))
    outcome, changed = _run(ctx, mine, orderly)
    control("the untouched store starts", (outcome.exit_code, changed) == (0, sorted(mine.values)))


def _run(ctx: Context, mine: Specimen, case: _Case) -> tuple[Outcome, list[str]]:
    """Start a program in a store with one thing wrong: how it ended, and which variables it changed."""
    directory = ctx.scratch()
    root = os.path.join(directory, "secrets")
    environ = dict(case.environ)
    sealed = mine.install(root, case.sealed or b"")
    if case.sealed is None:
        os.unlink(sealed)
    if case.key is not None:
        environ["SEALPROOF_KEY_FILE"] = os.path.join(directory, _KEY_NAME)
        write_private(environ["SEALPROOF_KEY_FILE"], case.key)
    for place in (directory, root, os.path.dirname(sealed)):  # where a careless loader would look
        write_private(os.path.join(place, ".env"), _plain(mine))
    arguments = {"tenant": mine.tenant, "root": root, "required": list(case.required)}
    outcome = run_apart(start, directory, arguments, environ=environ)
    changed = json.loads(outcome.stdout or b'["all: it did not say"]')
    return outcome, [str(name) for name in changed]


def _plain(mine: Specimen) -> bytes:
    return "".join(f"{name}={value}\n" for name, value in mine.values.items()).encode()

"""PEN-005: no silent rollback.

An older valid file is put back into a scratch store under each anchor that a host can have, whole and damaged.
Then the anchors of this host: a store without one is reported, because no file can prove that it is the newest. That
without an anchor the loader says so, that older and newer records do not mix, and that retired keys open nothing is
what the rows try. An older policy is put back, too; a log that was cut back is PEN-006's.
"""

from __future__ import annotations

import os
import shlex
import time
from typing import TYPE_CHECKING

from sealproof.checks.attacks.evidence import row_findings
from sealproof.checks.isolation import run_apart
from sealproof.checks.penetration._guarded import NAME, READER, TENANT, Guarded
from sealproof.checks.registry import check
from sealproof.checks.scratch import ENVIRONMENT
from sealproof.checks.specimen import Specimen, parts, write_private
from sealproof.checks.trials import Trials, control
from sealproof.envelope.freshness import CLOCK_SKEW, Freshness, parse_minimum
from sealproof.envelope.open import unlock
from sealproof.envelope.seal import edit
from sealproof.errors import (
    CallerError,
    ConfigurationError,
    MalformedFile,
    SealproofError,
    StaleFile,
    UnsafeFile,
)
from sealproof.findings import Finding, Severity, failed, passed
from sealproof.loader.environment import load_environment_secrets
from sealproof.loader.files import open_root
from sealproof.vault.access.changes import revoked
from sealproof.vault.access.control import AccessControl
from sealproof.vault.access.interface import Operation, Request, Subject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.vault.access.policy import Policy
    from sealproof.vault.access.policyfile import InForce

_MINIMUM, _STATE = "SEALPROOF_MIN_GENERATION", "SEALPROOF_STATE"
_DIRECTORY = "~/.local/state/sealproof"
_DAY = 86_400  # seconds
_ATTEMPTS = 5  # refusals that lock a subject out


@check("PEN-005")
def no_silent_rollback(ctx: Context) -> Iterator[Finding]:
    """Yield a finding for the mechanism on scratch copies, one for the anchors of this host, and those of the rows."""
    for resource, function, expected in (
        ("older file under an anchor", put_back, "refused under every anchor, and under a damaged one"),
        ("older policy", put_back_policy, "nobody is let in by it"),
    ):
        directory, trials = ctx.scratch(), Trials()
        trials.add(run_apart(function, directory, {"directory": directory}).returned())
        yield trials.finding(resource, expected=expected)
    yield _anchor()
    yield from row_findings(ctx)


def _anchor() -> Finding:
    """Judge what would show this host an older file."""
    where, expected = "this host", "an anchor outside the file"
    minimum, state = os.environ.get(_MINIMUM), os.environ.get(_STATE)
    if minimum:
        try:
            return passed(where, f"rollback: protected, generation at least {parse_minimum(minimum)}")
        except ValueError:
            return failed(where, f"{_MINIMUM} is no generation", expected=expected, fix=f"export {_MINIMUM}=1")
    if not state:
        return failed(
            where,
            "rollback: not protected here",
            expected=expected,
            fix=f"mkdir -p -m 700 {_DIRECTORY} && export {_STATE}={_DIRECTORY}",
            severity=Severity.LOW,
            reason="no freshness anchor is set on this host",
        )
    try:
        with open_root(state) as directory:
            directory.check_private()
    except SealproofError as exc:
        made = f"mkdir -p {shlex.quote(state)} && chmod 700 {shlex.quote(state)}"
        return failed(where, f"{_STATE} cannot be used: {exc.message}", expected=expected, fix=made)
    return passed(where, "rollback: protected by high-water marks on this host")


class _Store:
    """A scratch store whose file exists as an older and as two newer generations."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.root = os.path.join(directory, "secrets")
        self.file = Specimen()
        self.old = self.file.data
        self.new, self.other = self._edited("changed"), self._edited("changed otherwise")
        os.environ["SEALPROOF_KEY_FILE"] = self.file.export(directory)

    def load(self, data: bytes) -> str:
        """Load `data`, and return what the result says about rollback."""
        self.file.install(self.root, data)
        return load_environment_secrets(self.file.tenant, root=self.root, override=True).rollback

    def put_back(self, trials: Trials, what: str, data: bytes, *kinds: type[SealproofError]) -> None:
        """Load `data`, which has to be refused with the environment unchanged."""
        with trials.keep_environment(what), trials.refuses(what, *kinds):
            self.load(data)

    def timed(self, *, saved: int, expires: int) -> bytes:
        """Return the file with other times, in order otherwise."""
        lines, trailer = parts(self.old)
        stated = trailer.replace(f'"saved":{self.file.now}', f'"saved":{saved}')
        return self.file.forge(lines, trailer=stated.replace('"expires":0', f'"expires":{expires}'))

    def _edited(self, value: str) -> bytes:
        file = self.file
        fresh = Freshness(now=file.now)
        unlocked = unlock(
            self.old, tenant=file.tenant, environment=file.environment, keys=(file.key_line,), freshness=fresh
        )
        changes = dict.fromkeys(file.values, value.encode())
        return edit(unlocked, changes=changes, writer=file.writer, now=file.now + 1)


def put_back(directory: str) -> dict[str, object]:
    """Put an older file back under each anchor. Runs in a child process."""
    store, trials = _Store(directory), Trials()
    os.environ[_MINIMUM] = "3"
    control("the newer file loads at the pinned minimum", store.load(store.new).startswith("protected"))
    store.put_back(trials, "older than the pinned minimum", store.old, StaleFile)
    for text in ("0", "-1", "03", "three"):
        os.environ[_MINIMUM] = text
        store.put_back(trials, f"with a pinned minimum of {text}", store.new, ConfigurationError)
    del os.environ[_MINIMUM]
    _put_back_marked(store, trials)
    del os.environ[_STATE]
    now = int(time.time())
    store.put_back(trials, "past its expiry", store.timed(saved=now - 2 * _DAY, expires=now - _DAY), StaleFile)
    ahead = store.timed(saved=now + 2 * CLOCK_SKEW, expires=now + _DAY)
    store.put_back(trials, "saved ahead of the clock", ahead, StaleFile)
    trials.control("the file before its expiry", lambda: store.load(store.timed(saved=now, expires=now + _DAY)))
    return trials.to_plain()


def _put_back_marked(store: _Store, trials: Trials) -> None:
    os.environ[_STATE] = os.path.join(store.directory, "absent")
    store.put_back(trials, "with no directory of marks", store.new, CallerError)
    os.environ[_STATE] = state = os.path.join(store.directory, "state")
    os.mkdir(state, 0o700)
    trials.control("the newer file leaves a mark", lambda: store.load(store.new).startswith("protected"))
    store.put_back(trials, "older than the mark", store.old, StaleFile)
    store.put_back(trials, "another file of the marked generation", store.other, StaleFile)
    (name,) = os.listdir(state)
    mark = os.path.join(state, name)
    with open(mark, "rb") as file:
        text = file.read()
    for what, damaged in (
        ("emptied", b""),
        ("cut", text[:-2]),
        ("of another tenant", text.replace(b"scratch-a", b"scratch-b")),
        ("lowered to zero", text.replace(b'"generation":3', b'"generation":0')),
    ):
        write_private(mark, damaged)
        store.put_back(trials, f"with a mark {what}", store.old, MalformedFile)
    write_private(mark, text)
    os.chmod(mark, 0o644)
    store.put_back(trials, "with a mark that others may read", store.old, UnsafeFile)
    os.chmod(mark, 0o600)
    trials.control("the newer file", lambda: store.load(store.new).startswith("protected"))


def put_back_policy(directory: str) -> dict[str, object]:
    """Take a grant back, and put the policy that had it in the place of the newer one. Runs in a child process."""
    guarded, trials = Guarded(directory, attempts=_ATTEMPTS), Trials()
    asked = Request(Subject.claimed(READER), TENANT, ENVIRONMENT, NAME, Operation.READ)
    control("the reader is let in by its grant", AccessControl(guarded.root).decide(asked))
    path = os.path.join(guarded.root, "policy.json")
    with open(path, "rb") as file:
        older = file.read()
    guarded.editor(guarded.owner).change("revoke", (TENANT,), _without_rules, guarded.key)
    control("the reader is kept out by the newer policy", not AccessControl(guarded.root).decide(asked))
    with open(path, "rb") as file:
        newer = file.read()
    write_private(path, older)
    with trials.refuses("older policy put back", StaleFile):
        AccessControl(guarded.root).decide(asked)
    write_private(path, newer)
    trials.control("the newer policy", lambda: not AccessControl(guarded.root).decide(asked))
    return trials.to_plain()


def _without_rules(base: InForce) -> Policy:
    return revoked(base, [rule.id for rule in base.policy.rules], now=int(time.time()))

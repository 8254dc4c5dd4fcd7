"""PEN-001: no cross-tenant read.

Every ordered pair of four scratch tenants, one of which wants the other's values and makes files and keys as only an
insider can: relabelled keys, reader identities, lines forged under its own data key. Then a process that holds one
tenant asks for the next. That foreign keys, files and records are refused is what the rows try.
"""

from __future__ import annotations

import os
from itertools import permutations
from typing import TYPE_CHECKING

from sealproof.checks.attacks.evidence import row_findings
from sealproof.checks.isolation import run_apart
from sealproof.checks.registry import check
from sealproof.checks.scratch import leaks
from sealproof.checks.specimen import Specimen, key_text, write_private
from sealproof.checks.trials import Trials, control
from sealproof.envelope.cipher import reader_public
from sealproof.envelope.grammar import KEY_BYTES
from sealproof.envelope.keyfile import KeyLine
from sealproof.errors import AnotherTenantLoaded, CannotOpen
from sealproof.findings import Finding, not_applicable
from sealproof.loader.context import DevelopmentSecretLoader
from sealproof.loader.environment import load_environment_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context

_TENANTS = ("scratch-a", "scratch-b", "scratch-c", "scratch-d")
_EXPECTED = "every attempt is refused, and no value of another tenant is had"


class _Party:
    """A tenant: its file, its host's key, and a person's X25519 identity that may read the file."""

    def __init__(self, tenant: str) -> None:
        self.identity = os.urandom(KEY_BYTES)
        self.file = Specimen(tenant, readers=(reader_public(self.identity),))

    def as_reader(self, writers: tuple[bytes, ...]) -> KeyLine:
        return KeyLine("x25519", self.identity, writers)


@check("PEN-001")
def no_cross_tenant_read(ctx: Context) -> Iterator[Finding]:
    """Yield a finding for what was tried in memory, and one for what was tried through the loader."""
    parties = [_Party(tenant) for tenant in _TENANTS]
    trials = Trials()
    control("the scratch files", _work(parties))
    for owner, intruder in permutations(parties, 2):
        _intrude(trials, owner, intruder)
    trials.control("the scratch files", lambda: _work(parties))
    yield trials.finding("scratch tenants (in memory)", expected=_EXPECTED)
    yield _loader(ctx, [party.file for party in parties]).finding("scratch tenants (loader)", expected=_EXPECTED)
    reason = "whoever holds a key may open its file: reading asks no policy here, so there is no denial to log"
    yield not_applicable("log of denials", reason)
    yield from row_findings(ctx)


def _work(parties: list[_Party]) -> bool:
    """Tell whether each file opens with its host's key and with its reader's."""
    return all(
        party.file.works()
        and party.file.open(keys=(party.as_reader((party.file.writer.public,)),)) == party.file.values
        for party in parties
    )


def _intrude(trials: Trials, owner: _Party, intruder: _Party) -> None:
    theirs, own = owner.file, intruder.file
    pair = f"{own.tenant} reads {theirs.tenant}"
    relabelled = theirs.key_line
    relabelled.key = own.key_line.key
    for how, keys in (
        ("its own key under the other's name", (relabelled,)),
        ("its reader identity", (intruder.as_reader((own.writer.public,)),)),
        ("its reader identity, trusting the other's writer", (intruder.as_reader((theirs.writer.public,)),)),
    ):
        with trials.refuses(f"{pair}: {how}", CannotOpen):
            theirs.open(keys=keys)
    for how, data, held in (
        ("the file in its own place, both keys at hand", theirs.data, (theirs.key_line, own.key_line)),
        ("the file under its own header", _headed(theirs, own), (own.key_line,)),
        ("the values under its own data key", own.forge([*own.lines[:3], *theirs.lines[3:]]), (own.key_line,)),
    ):
        with trials.refuses(f"{pair}: {how}", CannotOpen):
            own.open(data, keys=held)


def _headed(theirs: Specimen, own: Specimen) -> bytes:
    return "\n".join([own.lines[0], *theirs.data.decode().split("\n")[1:]]).encode()


def _loader(ctx: Context, files: list[Specimen]) -> Trials:
    directory = ctx.scratch()
    root = os.path.join(directory, "secrets")
    for file in files:
        file.install(root)
    every = os.path.join(directory, "every.key")
    write_private(every, key_text(*(file.key_line for file in files)))
    arguments = {"root": root, "tenants": [file.tenant for file in files], "every": every}
    outcome = run_apart(load_others, directory, arguments)
    trials = Trials()
    trials.add(outcome.returned())
    shown = leaks(outcome.stdout + outcome.stderr, [value for file in files for value in file.values.values()])
    trials.holds("a value was printed", not shown)
    return trials


def load_others(root: str, tenants: list[str], every: str) -> dict[str, object]:
    """Load a second tenant after a first, with a key file that opens both. Runs in a child process."""
    trials = Trials()
    os.environ["SEALPROOF_KEY_FILE"] = every
    first, *others = tenants
    control("each tenant alone", all(_names(tenant, root=root) for tenant in tenants))
    control("the first tenant", load_environment_secrets(first, root=root).names)
    for other in others:
        what = f"{other} is loaded into the process that holds {first}"
        with trials.keep_environment(what), trials.refuses(what, AnotherTenantLoaded):
            load_environment_secrets(other, root=root, override=True)
    trials.control("the first tenant", lambda: load_environment_secrets(first, root=root, override=True).names)
    return trials.to_plain()


def _names(tenant: str, *, root: str) -> list[str]:
    with DevelopmentSecretLoader(tenant, root=root).secure_context(environ=False) as reader:
        return reader.list_secrets()

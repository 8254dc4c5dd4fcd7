"""SEC-004: ciphertext is bound to its tenant.

The file as found has to name this tenant and environment. Then scratch files of two tenants, which
even share their data key, are swapped whole, line by line and value by value, with MAC and
signature made anew by an insider: only what each value is bound to can refuse the last.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sealproof.checks.registry import check
from sealproof.checks.security._restore import restore
from sealproof.checks.specimen import Specimen
from sealproof.checks.trials import Trials, control
from sealproof.envelope.grammar import KEY_BYTES
from sealproof.findings import Finding, failed, passed
from sealproof.signing import SEED_BYTES, SigningKey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context

_PAIRS = (
    (("scratch-a", "development"), ("scratch-b", "development")),
    (("scratch-a", "development"), ("scratch-a", "production")),
    # Names that read alike once they are joined without their lengths.
    (("scratch-ab", "c"), ("scratch-a", "bc")),
)


@check("SEC-004")
def ciphertext_is_bound(ctx: Context) -> Iterator[Finding]:
    """Yield a finding for the file as found, and one for what was tried on scratch tenants."""
    view = ctx.tenant
    ctx.saw(view.path, view.sealed)
    envelope = view.envelope
    if (envelope.tenant, envelope.environment) == (view.scope.tenant, view.scope.environment):
        yield passed(view.path, "names this tenant and environment")
    else:
        yield failed(
            view.path,
            "the file names another tenant or environment than the one whose place it lies in",
            expected=f"a file sealed for {view.scope.tenant}/{view.scope.environment}",
            fix=restore(ctx),
        )
    trials = Trials()
    for mine, theirs in _PAIRS:
        dek, writer = os.urandom(KEY_BYTES), SigningKey(os.urandom(SEED_BYTES))
        _exchange(trials, Specimen(*mine, dek=dek, writer=writer), Specimen(*theirs, dek=dek, writer=writer))
    _exchange_names(trials, Specimen())
    yield trials.finding("scratch tenants", expected="nothing opens in another place than the one it was sealed for")


def _exchange(trials: Trials, mine: Specimen, theirs: Specimen) -> None:
    """Put all and each of another tenant's ciphertext into a file that the same insider may write."""
    control("the scratch files", mine.works() and theirs.works())
    both = (mine.key_line, theirs.key_line)
    where = f"{theirs.tenant}/{theirs.environment} in the place of {mine.tenant}/{mine.environment}"
    with trials.refuses(f"whole file of {where}"):
        mine.open(theirs.data)
    with trials.refuses(f"whole file of {where}, both keys in one key file"):
        mine.open(theirs.data, keys=both)
    header, key_line, *entries = mine.lines
    with trials.refuses(f"header of {where}, both keys in one key file"):
        mine.open(mine.forge([theirs.lines[0], key_line, *entries], scope=theirs.epoch_key.scope), keys=both)
    with trials.refuses(f"all but the header of {where}, both keys in one key file"):
        mine.open(mine.forge([header, *theirs.lines[1:]]), keys=both)
    for place in range(2, len(mine.lines)):
        lines = [*mine.lines[:place], theirs.lines[place], *mine.lines[place + 1 :]]
        with trials.refuses(f"one sealed line of {where}"):
            mine.open(mine.forge(lines), keys=both)
    trials.control("the scratch file", mine.works)


def _exchange_names(trials: Trials, specimen: Specimen) -> None:
    """Exchange the sealed values of two names of one tenant."""
    control("the scratch file", specimen.works())
    lines = specimen.lines
    for left in range(2, len(lines)):
        for right in range(left + 1, len(lines)):
            swapped = [*lines]
            swapped[left] = _with_sealed(lines[left], lines[right])
            swapped[right] = _with_sealed(lines[right], lines[left])
            with trials.refuses("sealed values of two names exchanged"):
                specimen.open(specimen.forge(swapped))
    trials.control("the scratch file", specimen.works)


def _with_sealed(line: str, other: str) -> str:
    return line.partition('"sealed":')[0] + '"sealed":' + other.partition('"sealed":')[2]

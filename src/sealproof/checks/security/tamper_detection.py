"""SEC-003: any tampering is detected.

The file as found has to verify under the key for its scope, and to be no older than the newest that this host has
seen (SEALPROOF_STATE, SEALPROOF_MIN_GENERATION). Then bits are flipped: in copies of the file in memory, in a scratch
file forged by someone who has one key but not the other, so that each layer is tried alone, and in a scratch store that
the loader starts from in a process of its own. The last two try the library, not the tenant, and are done once a
process.
"""

from __future__ import annotations

import os
from functools import cache
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sealproof.checks import isolation
from sealproof.checks.context import NoEvidence
from sealproof.checks.registry import check
from sealproof.checks.scratch import leaks
from sealproof.checks.security._regions import flipped
from sealproof.checks.security._restore import restore
from sealproof.checks.specimen import Specimen, parts
from sealproof.checks.trials import Trials, control
from sealproof.envelope import cipher
from sealproof.envelope.freshness import Freshness
from sealproof.envelope.grammar import KEY_BYTES
from sealproof.envelope.open import STEPS, diagnose, open_values
from sealproof.envelope.parse import parse
from sealproof.errors import DataError, SealproofError, StaleFile
from sealproof.findings import Finding, failed, not_evaluated, passed
from sealproof.loader.environment import load_environment_secrets
from sealproof.loader.tenant import Place, host_anchors
from sealproof.signing import SEED_BYTES, SigningKey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.checks.tenant import TenantView
    from sealproof.envelope.keyfile import KeyLine

_BEHIND_THE_BODY = frozenset(("writer", "mac", "signature"))
_SEALED = frozenset(("nonce", "body", "tag"))
_EXPECTED = "a typed error for every changed bit, and nothing opened"


@check("SEC-003")
def tampering_is_detected(ctx: Context) -> Iterator[Finding]:
    """Yield a finding for the file as found, for its copies, for forged layers and for the loader."""
    view = ctx.tenant
    ctx.saw(view.path, view.sealed)
    keys = _keys_for(view)
    wrong = _what_is_wrong(view, keys)
    if wrong:
        yield failed(view.path, wrong, expected="the file as found opens with its own key", fix=restore(ctx))
    else:
        yield _as_new_as_seen(ctx)
        yield _copies(view, keys).finding(f"{view.path} (copies in memory)", expected=_EXPECTED)
    layers, loader = library(isolation.PRELUDE)
    yield layers.finding("scratch file (forged with one key of two)", expected=_EXPECTED)
    yield loader.finding("scratch store (through the loader)", expected=_EXPECTED)


def _as_new_as_seen(ctx: Context) -> Finding:
    """Judge a file that opens by what this host remembers of it: an older one is genuine to the last bit."""
    view = ctx.tenant
    place = Place(view.scope.tenant, view.scope.environment, ctx.target.root)
    try:
        anchors = host_anchors(place, now=ctx.now)
        anchors.check_generation(view.envelope)
    except StaleFile as exc:
        expected = "the newest file that this host has seen: an older one brings revoked values back"
        fix = restore(ctx, accept=lambda data: anchors.check_generation(parse(data)))
        return failed(view.path, f"rolled back: {exc.message}", expected=expected, fix=fix)
    except SealproofError as exc:
        reason = f"opens as found, but this host's anchors cannot be read: {exc.message}"
        return not_evaluated(view.path, reason, fix=exc.hint)
    return passed(view.path, "opens as found")


def _keys_for(view: TenantView) -> tuple[KeyLine, ...]:
    """Return the keys that are meant to open this scope. Raises NoEvidence."""
    try:
        readers = {reader.public for reader in parse(view.sealed).readers}
    except DataError:
        readers = set()
    for line in view.keys:
        if (line.tenant, line.environment) == (view.scope.tenant, view.scope.environment):
            return view.keys
        if line.kind == "x25519" and cipher.reader_public(line.key) in readers:
            return view.keys
    raise NoEvidence(f"the key at hand is not for {view.scope}", hint="set SEALPROOF_KEY_FILE to this scope's key file")


def _what_is_wrong(view: TenantView, keys: tuple[KeyLine, ...]) -> str:
    try:
        step = diagnose(view.sealed, tenant=view.scope.tenant, environment=view.scope.environment, keys=keys)
    except DataError as exc:
        return exc.message
    return STEPS[step] if step else ""


def _copies(view: TenantView, keys: tuple[KeyLine, ...]) -> Trials:
    trials = Trials()
    fresh = Freshness(now=view.envelope.saved)

    def opens(data: bytes) -> dict[str, bytes]:
        scope = view.scope
        return open_values(data, tenant=scope.tenant, environment=scope.environment, keys=keys, freshness=fresh)

    before = opens(view.sealed)
    for region, copy in flipped(view.sealed):
        with trials.refuses(region):
            opens(copy)
    trials.control(view.path, lambda: opens(view.sealed) == before)
    return trials


@cache
def library(prelude: str) -> tuple[Trials, Trials]:  # noqa: ARG001 - another prelude makes another library of it
    """Try the library on scratch files, once a process: it is the same one for every tenant."""
    return _layers(), _loader()


def _layers() -> Trials:
    """Flip the same bits, and mend all layers but one: each has to refuse on its own."""
    trials = Trials()
    specimen = Specimen(readers=(cipher.reader_public(os.urandom(KEY_BYTES)),))
    stranger = SigningKey(os.urandom(SEED_BYTES))
    control("the scratch file", specimen.works())
    for region, copy in flipped(specimen.data):
        lines, trailer = parts(copy)
        if region in _BEHIND_THE_BODY:
            continue
        with trials.refuses(f"{region}, signed anew without the data key"):
            specimen.open(specimen.forge(lines, trailer=trailer, mac=specimen.mac))
        with trials.refuses(f"{region}, authenticated anew without the writer's key"):
            specimen.open(specimen.forge(lines, trailer=trailer, signer=stranger))
        if region in _SEALED:
            with trials.refuses(f"{region}, with everything around the value made anew"):
                specimen.open(specimen.forge(lines))
    for field in ("version", "updated"):
        lines = [line.replace(f'"{field}":1', f'"{field}":2') for line in specimen.lines]
        with trials.refuses(f"{field} of a value, with everything around it made anew"):
            specimen.open(specimen.forge(lines))
    trials.control("the scratch file", specimen.works)
    return trials


def _loader() -> Trials:
    trials, specimen = Trials(), Specimen()
    with TemporaryDirectory(prefix="sealproof-check-") as directory:
        root = os.path.join(directory, "secrets")
        arguments = {"tenant": specimen.tenant, "root": root, "path": specimen.install(root)}
        environ = {"SEALPROOF_KEY_FILE": specimen.export(directory)}
        outcome = isolation.run_apart(load_flipped, directory, arguments, environ=environ)
    trials.add(outcome.returned())
    trials.holds("a value was printed", not leaks(outcome.stdout + outcome.stderr, specimen.values.values()))
    return trials


def load_flipped(tenant: str, root: str, path: str) -> dict[str, object]:
    """Start from a scratch store with each bit flipped in turn. Runs in a child process."""
    trials, sealed = Trials(), _read(path)
    for region, copy in flipped(sealed):
        _put(path, copy)
        with trials.keep_environment(region), trials.refuses(region):
            load_environment_secrets(tenant, root=root)
        trials.holds(f"{region}: the file was changed", _read(path) == copy)
    _put(path, sealed)
    trials.control("the scratch store", lambda: load_environment_secrets(tenant, root=root).names)
    return trials.to_plain()


def _put(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()

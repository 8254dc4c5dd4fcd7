"""PEN-004: no downgrade.

An insider with every key makes files that ask for less: another format, a stated algorithm, a
missing field, a weaker seal. Key files and the cost of a tenant's keys are tried likewise; a
cost outside its range has to be refused before anything is derived. Last, what is written. The cost and the salt of a
passphrase are rows D4 and D5.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sealproof.checks.attacks.evidence import row_findings
from sealproof.checks.penetration._weaker_files import missing_fields, other_formats, weaker_seals
from sealproof.checks.registry import check
from sealproof.checks.specimen import Specimen, key_text
from sealproof.checks.trials import Trials, control
from sealproof.compliance.profiles import parameters
from sealproof.envelope import cipher
from sealproof.envelope.grammar import FORMAT, KEY_BYTES, encode, frame
from sealproof.envelope.keyfile import parse_keys
from sealproof.envelope.keytree import ITERATIONS_MAX, SALT_BYTES, TenantFile, tenant_kek
from sealproof.envelope.parse import parse
from sealproof.envelope.seal import EpochKey
from sealproof.errors import ConfigurationError, LimitExceeded, WeakKey
from sealproof.settings import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.findings import Finding

_TENANT = "scratch-a"
_SECONDS = 1.0  # for refusing a cost above the ceiling; deriving takes several times as long
_DERIVED_MAX = 100_000  # iterations that making a scratch file may take
_FORBIDDEN = ("none", "", "AES-128-GCM", "AES-256-CBC", "ChaCha20-Poly1305", "aes-256-gcm")
_KEY_CHANGES = (
    *(('"sealproof-key/1"', f'"{form}"') for form in ("sealproof-key/0", "sealproof-key/2", "none", "")),
    *(('"kind":"epoch"', f'"kind":"{kind}"') for kind in ("none", "password", "x25519")),
    *((field, "") for field in ('"kind":"epoch",', '"epoch":1,', '"environment":"development",')),
)


@check("PEN-004")
def no_downgrade(ctx: Context) -> Iterator[Finding]:
    """Yield a finding for sealed files, key files, costs of derivation, and what is written."""
    yield _sealed_files().finding("sealed files", expected="refused, whoever signed them")
    yield _key_files().finding("key files", expected="refused: one kind of key, one length, with its writers")
    yield _costs().finding("costs of key derivation", expected="refused outside their range, before deriving")
    yield _written(ctx).finding("what is written", expected="only formats and algorithms that the profile allows")
    yield from row_findings(ctx)


def _sealed_files() -> Trials:
    trials, specimen = Trials(), Specimen()
    control("the scratch file", specimen.works())
    for weaker in (other_formats, missing_fields, weaker_seals):
        for what, data in weaker(specimen):
            with trials.refuses(what):
                specimen.open(data)
    trials.control("the scratch file", specimen.works)
    return trials


def _key_files() -> Trials:
    trials, specimen = Trials(), Specimen()
    text = key_text(specimen.key_line).decode()
    control("the key file as exported", specimen.open(keys=parse_keys(text.encode())) == specimen.values)
    changed = {f"{old} read as {new or 'nothing'}": text.replace(old, new) for old, new in _KEY_CHANGES}
    for size in (0, 16, 24, 31, 33):
        changed[f"key of {size} bytes"] = re.sub('"key":"[^"]*"', f'"key":"{encode(os.urandom(size))}"', text)
    for what, row in (("no writer", b""), ("half a writer", bytes(16)), ("writers over the limit", bytes(32 * 17))):
        writers = encode(row)
        changed[what] = re.sub('"writers":"[^"]*"', f'"writers":"{writers}"', text)
    for what, forged in changed.items():
        with trials.refuses(what):
            parse_keys(forged.encode())
    for size in (16, 24):
        with trials.refuses(f"epoch key of {size} bytes", WeakKey):
            EpochKey(specimen.tenant, specimen.environment, 1, os.urandom(size))
    return trials


def _costs() -> Trials:
    trials, master = Trials(), os.urandom(KEY_BYTES)
    floor = parameters()["kdf_iterations_tenant"].loosest
    control("a tenant's keys at the floor", TenantFile.parse(_tenant_file(master, floor), tenant=_TENANT).kek(master))
    for cost in (0, 1, 1000, floor - 1, ITERATIONS_MAX + 1):
        text = _tenant_file(master, cost)
        with _quick(trials, f"tenant's keys at a cost of {cost}"):
            TenantFile.parse(text, tenant=_TENANT).kek(master)
    return trials


@contextmanager
def _quick(trials: Trials, what: str) -> Iterator[None]:
    """Give a block that has to be refused for its cost, sooner than anything could be derived."""
    started = time.perf_counter()
    with trials.refuses(what, LimitExceeded):
        yield
    trials.holds(f"{what}: derived before it was refused", time.perf_counter() - started < _SECONDS)


def _tenant_file(master: bytes, cost: int) -> bytes:
    """Return a tenant's key file that is in order but for its cost, which the library would not write."""
    salt = os.urandom(SALT_BYTES)
    kek = tenant_kek(master, _TENANT, salt, min(cost, _DERIVED_MAX) or 1)
    file = TenantFile(_TENANT, 1, salt, cost)
    record = file.wrap(kek, "development", 1, os.urandom(KEY_BYTES), now=1)
    head = f'"tenant":"{_TENANT}","created":1,"salt":"{encode(salt)}","iterations":{cost}'
    body = f'{{"format":"sealproof-tenant/1",{head}}}\n{record.to_line()}\n'
    tag = cipher.mac(cipher.hkdf(kek, frame(b"sealproof/1/tenant", _TENANT.encode())), body.encode())
    return f'{body}{{"mac":"{encode(tag)}"}}\n'.encode()


def _written(ctx: Context) -> Trials:
    trials, specimen = Trials(), Specimen()
    allowed = ctx.allowed("formats")
    trials.holds(f"the format written is {FORMAT}", FORMAT in allowed)
    trials.holds("a file is written in another format", specimen.lines[0].startswith(f'{{"t":"h","format":"{FORMAT}",'))
    trials.holds("a written file does not parse", parse(specimen.data).entries)
    control("the algorithm of the format", load('encryption_algorithm = "AES-256-GCM"', {}))
    trials.holds("the algorithm of the format is not allowed", "AES-256-GCM" in ctx.allowed("algorithms"))
    for algorithm in _FORBIDDEN:
        with trials.refuses(f"setting the algorithm to {algorithm or 'nothing'}", ConfigurationError):
            load("", {"ENCRYPTION_ALGORITHM": algorithm})
    for cost in (0, 1, parameters()["kdf_iterations_tenant"].loosest - 1):
        with trials.refuses(f"setting the cost of new keys to {cost}", ConfigurationError):
            load("", {"KEY_DERIVATION_ITERATIONS": str(cost)})
        with trials.refuses(f"writing a tenant's keys at a cost of {cost}", LimitExceeded):
            TenantFile(_TENANT, 1, os.urandom(SALT_BYTES), cost).to_bytes(os.urandom(KEY_BYTES))
    return trials

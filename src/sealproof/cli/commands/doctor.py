"""Say what works here and what does not, a line each; with --tenant, why a file is refused.

For whoever holds the key: it tells apart what callers only see as one refusal.
"""

from __future__ import annotations

import os
import platform
import subprocess
from typing import TYPE_CHECKING

import cryptography

import sealproof
from sealproof.cli import arguments, console
from sealproof.envelope.grammar import SEALS_MAX
from sealproof.envelope.open import STEPS, diagnose
from sealproof.errors import SealproofError
from sealproof.loader.files import open_root
from sealproof.loader.keys import find_keys, key_was_handed_over
from sealproof.loader.tenant import Place, open_tenant, read_sealed
from sealproof.signing import fingerprint
from sealproof.vault.access import AccessControl
from sealproof.vault.custodian import Custodian
from sealproof.vault.foundation import work_tree
from sealproof.vault.journal import Journal
from sealproof.vault.settings_file import settings_of
from sealproof.vault.store.local import LocalStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.cli.arguments import Arguments, Parser

_GIT_SECONDS = 30
_REFUSED = 1


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("--tenant", metavar="T", default="", help="look at one tenant's file")
    arguments.add_environment(parser)


def run(args: Arguments) -> int:
    """Examine, print, and exit 1 if anything is wrong."""
    versions = f"Python {platform.python_version()}, cryptography {cryptography.__version__}"
    console.answer(f"sealproof {sealproof.__version__}, {versions}")
    lines = list(_store(args))
    if args.tenant:
        lines += list(_tenant(args))
    for ok, text in lines:
        console.answer(f"{'ok  ' if ok else 'BAD '} {text}")
    return 0 if all(ok for ok, _ in lines) else _REFUSED


def _store(args: Arguments) -> Iterator[tuple[bool, str]]:
    try:
        settings_of(args.root)
        with open_root(args.root) as root:
            names = root.names()
    except SealproofError as error:
        yield False, f"store {args.root}: {error.message} (hint: {error.hint})"
        return
    yield True, f"store {args.root}: readable, settings valid"
    yield from _strays(args.root)
    try:
        handed_over = key_was_handed_over()
    except SealproofError as error:
        yield False, f"key: {error.message} (hint: {error.hint})"
        return
    if handed_over:
        yield True, "key: handed over from outside the store"
    elif "keys" in names:
        yield True, "key: the store's own keys/ (for development and custody, not for production hosts)"
        yield _writer(args.root)
        yield _policy(args.root)
    else:
        yield False, "key: none (hint: run this where the store's keys are kept, or set SEALPROOF_KEY_FILE)"
    anchor = next((name for name in ("SEALPROOF_MIN_GENERATION", "SEALPROOF_STATE") if os.environ.get(name)), "")
    yield (
        True,
        f"rollback: anchored by {anchor}"
        if anchor
        else "rollback: not protected (SEALPROOF_MIN_GENERATION or SEALPROOF_STATE would)",
    )
    if "keys" in names:
        yield from _unfinished(args.root)
    if work_tree(args.root) is not None:
        yield _driver(args.root)


def _strays(root: str) -> Iterator[tuple[bool, str]]:
    try:
        for name in LocalStore(root).strays():
            path = f"{root}/tenants/{name}"
            yield False, f"store {path}: no directory, so it is no tenant (hint: ls -la {path})"
    except SealproofError as error:
        yield False, f"store {root}/tenants: {error.message} (hint: {error.hint})"


def _writer(root: str) -> tuple[bool, str]:
    """Look for what signs every save: without it the store still opens, and nobody notices until the next change."""
    try:
        key = Custodian(root).keyring.signing_key("writer")
    except SealproofError as error:
        return False, f"writer: {error.message}, so nothing can be saved (hint: {error.hint})"
    return True, f"writer: {fingerprint(key.public)} signs what is saved"


def _policy(root: str) -> tuple[bool, str]:
    try:
        policy = AccessControl(root).policy().policy
    except SealproofError as error:
        return False, f"access: {error.message} (hint: {error.hint})"
    owners = ", ".join(policy.owners) or "nobody"
    rules = console.counted(len(policy.rules), "rule")
    return True, f"access: policy generation {policy.generation}, {rules}, owned by {owners}"


def _unfinished(root: str) -> Iterator[tuple[bool, str]]:
    try:
        found = Journal(root).unfinished()
    except SealproofError as error:
        yield False, f"journal: {error.message} (hint: {error.hint})"
        return
    for one in found:
        if one.last != "wait":  # a writer's roll waits for people, as it should
            yield (
                False,
                f"journal: {one.kind} of {one.scope} is not finished, at {one.last} (hint: sealproof key ledger)",
            )


def _driver(root: str) -> tuple[bool, str]:
    answer = subprocess.run(  # noqa: S603 - fixed program, no shell
        ["git", "-C", root, "config", "merge.sealproof.driver"],  # noqa: S607 - the user's own git
        capture_output=True,
        timeout=_GIT_SECONDS,
        check=False,
    )
    if answer.returncode == 0:
        return True, "git: merge driver installed in this clone"
    return False, f"git: merge driver not installed in this clone (hint: sealproof init --root {root})"


def _tenant(args: Arguments) -> Iterator[tuple[bool, str]]:
    place = Place(args.tenant, arguments.environment_of(args), args.root)
    where = f"{place.tenant}/{place.environment}"
    try:
        with open_root(place.root) as root:
            data = read_sealed(root, place.tenant, place.environment)
            keys = find_keys(root, place.tenant, place.environment)
            step = diagnose(data, tenant=place.tenant, environment=place.environment, keys=keys)
            if step:
                yield False, f"{where}: refused at step {step}: {STEPS[step]}"
                return
            opened = open_tenant(place, root)
    except SealproofError as error:
        yield False, f"{where}: {error.message} (hint: {error.hint})"
        return
    envelope = opened.unlocked.envelope
    size = f"generation {envelope.generation}, {console.counted(len(envelope.entries), 'secret')}"
    yield True, f"{where}: opens, {size}, rollback {opened.rollback}"
    yield True, f"{where}: {envelope.seals:,} of {SEALS_MAX:,} seals under its data key; a new one is made before that"

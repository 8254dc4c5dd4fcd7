"""The child's side of SEC-019: drive canaries down every path, and hand back all that can be read off the way.

Each function here runs in a child process. What it returns is searched by the parent; what it
prints, logs or warns about is searched as well.
"""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import os
import pickle
import sys
import traceback
from functools import partial
from typing import TYPE_CHECKING

from sealproof.checks.trials import control
from sealproof.envelope.grammar import check_value
from sealproof.errors import SealproofError
from sealproof.loader.context import DevelopmentSecretLoader, PlainReader
from sealproof.loader.environment import load_environment_secrets
from sealproof.loader.spotify import get_spotify_credentials
from sealproof.loader.tenant import Place, open_tenant
from sealproof.vault.dotenv_text import read_dotenv
from sealproof.vault.keys.strength import check_passphrase
from sealproof.vault.store.local import LocalStore

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

TENANT, OTHER, CROOKED = "scratch-a", "scratch-b", "scratch-c"
"""A tenant with credentials that are in order, another one, and one whose values provoke errors."""
_PROTOCOLS = (0, 2, 5)  # of pickle: text, the first for slots, the newest

Outputs = dict[str, str]


def objects(root: str) -> Outputs:
    """Return every view of every object that the public calls hand back. The environment is loaded last."""
    logging.basicConfig(level=logging.DEBUG)
    place = Place(TENANT, "development", root)
    with LocalStore(root).open() as directory:
        opened = open_tenant(place, directory)
    loader = DevelopmentSecretLoader(TENANT, root=root)
    context = loader.secure_context()
    with context as reader:
        control("the reader gives a value", reader.get_secret("DB_PASSWORD"))
        seen = _views(loader=loader, context=context, reader=reader)
    seen |= asyncio.run(_asynchronous(loader), debug=True)
    credentials = asyncio.run(get_spotify_credentials(TENANT, root=root), debug=True)
    control("the credentials hold a value", credentials.client_secret.reveal())
    seen |= _views(credentials=credentials, secret=credentials.client_secret)
    # Not handed back by any public call: their own texts and copies have to be silent, their attributes are theirs.
    for name, thing in {"opened": opened, "unlocked": opened.unlocked, "key": opened.unlocked.opened_with}.items():
        seen[name] = "\n".join(texts(thing))
    loaded = load_environment_secrets(TENANT, root=root)
    control("the environment holds a value", os.environ.get("DB_PASSWORD"))
    return seen | _views(loaded=loaded)


async def _asynchronous(loader: DevelopmentSecretLoader) -> Outputs:
    async with loader.secure_context(environ=False) as reader:
        control("the awaited reader gives a value", await reader.get_secret("DB_PASSWORD"))
        return _views(awaited=reader)


def errors(root: str, stale: str, corrupt: str, weak: str, plain: list[str]) -> Outputs:
    """Return all that the errors carry which can be provoked while values are at hand.

    `stale` and `corrupt` are stores like `root` whose files are older than allowed and altered, `weak` a
    passphrase, `plain` dotenv texts in Latin-1 that cannot be read.
    """
    logging.basicConfig(level=logging.DEBUG)
    reader = _closed_reader(root)
    seen = {
        "refused file": _said(lambda: load_environment_secrets(TENANT, root=corrupt)),
        "expired file": _said(lambda: load_environment_secrets(TENANT, root=stale)),
        "missing names": _said(lambda: load_environment_secrets(TENANT, root=root, required=("NOT_THERE",))),
        "closed reader": _said(lambda: reader.get_secret("DB_PASSWORD")),
        "dangerous name": _said(lambda: load_environment_secrets(CROOKED, root=root)),
        "expansion": _said(lambda: load_environment_secrets(CROOKED, root=root, allow=("LD_PRELOAD",), expand=True)),
        "redirect": _said(lambda: _run(get_spotify_credentials(CROOKED, root=root))),
        "weak passphrase": _said(lambda: check_passphrase(weak)),
        "value with NUL": _said(lambda: check_value("API_TOKEN", weak.encode() + b"\0")),
        "value that is no text": _said(lambda: check_value("API_TOKEN", weak.encode() + b"\xff")),
    }
    for number, text in enumerate(plain, 1):
        seen[f"plain text {number}"] = _said(partial(read_dotenv, text.encode("latin-1"), path="plain.env"))
    load_environment_secrets(TENANT, root=root)
    seen["unknown secret"] = _said(lambda: _get(root, "NOT_THERE"))
    seen["another tenant"] = _said(lambda: load_environment_secrets(OTHER, root=root))
    return seen


def narrow_locale(root: str) -> Outputs:
    """Return what the error carries where the locale cannot carry a value; nothing where every locale carries all."""
    if sys.getfilesystemencoding() == "utf-8":
        return {}
    return {"narrow locale": _said(lambda: load_environment_secrets(OTHER, root=root))}


def report(root: str, source: str, checks: list[str]) -> Outputs:
    """Return every file of a report on a store whose secrets give cause for findings."""
    from sealproof.checks.gate import Gate, run_gate  # noqa: PLC0415 - the gate imports the checks
    from sealproof.checks.registry import registered  # noqa: PLC0415 - as above
    from sealproof.checks.runner import Selection  # noqa: PLC0415 - as above
    from sealproof.compliance import catalogue  # noqa: PLC0415 - only for reports
    from sealproof.errors import MissingExtra  # noqa: PLC0415 - only for reports
    from sealproof.findings import Status  # noqa: PLC0415 - only for reports
    from sealproof.reports import html, results  # noqa: PLC0415 - only for reports

    chosen = tuple(check for check in checks if check in registered())
    run = run_gate(Gate(root=root, source=source, selection=Selection(checks=chosen)))
    control("the report has something to tell", any(result.status is Status.FAIL for result in run.results))
    seen = {results.NAME: results.encode(run).decode()}
    try:
        seen[html.NAME] = html.render(run, catalogue.load(), signer="").decode()
    except MissingExtra:
        seen[html.NAME] = ""  # the page is not there to print anything
    return seen


def _views(**things: object) -> Outputs:
    return {name: "\n".join((*texts(thing), *attributes(thing))) for name, thing in things.items()}


def texts(thing: object) -> Iterator[str]:
    """Yield what a log line, a template, a JSON encoder, a copy and a pickle make of an object."""
    yield from (repr(thing), str(thing), format(thing, ""), f"{[thing]} { ({'key': thing}) }")
    yield json.dumps(thing, default=repr)
    makers: list[Callable[[object], object]] = [copy.copy, copy.deepcopy, *map(_pickler, _PROTOCOLS)]
    for make in makers:
        try:
            yield repr(make(thing))
        except (TypeError, AttributeError, pickle.PicklingError):
            yield "refused"


def _pickler(protocol: int) -> Callable[[object], str]:
    return lambda thing: pickle.dumps(thing, protocol).decode("latin-1")


def attributes(thing: object) -> Iterator[str]:
    """Yield what a debugger shows of an object: its attributes, one level deep."""
    yield repr(getattr(thing, "__dict__", {}))
    for name in dir(thing):
        yield repr(getattr(thing, name, None))


def _said(provoke: Callable[[], object]) -> str:
    """Return all that an error carries down its whole chain: texts, fields, notes, and what `from None` hides."""
    try:
        provoke()
    except (SealproofError, ValueError) as exc:
        said = ["".join(traceback.format_exception(exc))]
        chain: list[BaseException] = [exc]
        for link in chain:
            said += [str(link), *map(repr, link.args), *attributes(link)]
            chain += [next_ for next_ in (link.__cause__, link.__context__) if next_ is not None and next_ not in chain]
        return "\n".join(said)
    control("an error was provoked", condition=False)
    return ""


def _closed_reader(root: str) -> PlainReader:
    with DevelopmentSecretLoader(TENANT, root=root).secure_context(environ=False) as reader:
        return reader


def _get(root: str, name: str) -> str:
    with DevelopmentSecretLoader(TENANT, root=root).secure_context(environ=False) as reader:
        return reader.get_secret(name)


def _run(coroutine: Coroutine[object, object, object]) -> object:
    return asyncio.run(coroutine, debug=True)

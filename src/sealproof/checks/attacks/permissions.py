"""Rows E1, E2, E9: what other users of the host, and children of the process, can reach."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING

from sealproof.checks.attacks._operations import watched
from sealproof.checks.attacks.bench import FIRST, Bench, read
from sealproof.checks.attacks.interface import Applied, NotApplicable, Writing
from sealproof.checks.attacks.registry import attack
from sealproof.checks.scratch import leaks

if TYPE_CHECKING:
    from collections.abc import Iterator

_READABLE = 0o644
_WRITABLE = (0o666, 0o777, 0o620, 0o602)
_DIRECTORY_WRITABLE = (0o777, 0o720, 0o702)
_KEY_TEXT = re.compile(rb"[A-Za-z0-9+/_-]{24,}")
_NOBODY = 65534
_REPORT = (
    "import json, os, sys\n"
    "links = []\n"
    "for name in os.listdir('/proc/self/fd' if os.path.isdir('/proc/self/fd') else '/dev/fd'):\n"
    "    try:\n"
    "        links.append(os.readlink(f'/proc/self/fd/{name}'))\n"
    "    except OSError:\n"
    "        links.append('')\n"
    "json.dump({'environ': dict(os.environ), 'argv': sys.orig_argv, 'links': links}, sys.stdout)\n"
)


@attack("E1")
def permissive_modes(bench: Bench) -> None:
    """Open files and directories to others: keys at all, sealed files for writing; and give keys to another user."""
    for file in bench.files():
        tenant = file.tenant or FIRST
        plain = file.kind == "data" and bool(leaks(read(file.path), bench.hidden))
        modes = (_READABLE, 0o640, 0o604, *_WRITABLE) if file.kind == "key" or plain else _WRITABLE
        for mode in modes:
            with _mode(file.path, mode):
                bench.refuses(f"{file.kind} file of mode {mode:04o}", partial(bench.store.load, tenant))
        if file.kind == "key":
            for mode in _DIRECTORY_WRITABLE:
                with _mode(os.path.dirname(file.path), mode):
                    bench.refuses(
                        f"key file in a directory of mode {mode:04o}",
                        partial(bench.store.load, tenant),
                    )
            if os.geteuid() == 0:
                os.chown(file.path, _NOBODY, -1)
                bench.refuses("key file of another user", partial(bench.store.load, tenant))
                os.chown(file.path, 0, -1)
        elif not plain:
            with _mode(file.path, _READABLE):
                bench.holds("a sealed file that others may read does not load", bench.store.load(tenant))


@contextmanager
def _mode(path: str, mode: int) -> Iterator[None]:
    before = stat.S_IMODE(os.stat(path).st_mode)
    os.chmod(path, mode)
    try:
        yield
    finally:
        os.chmod(path, before)


@attack("E2")
def umask_zero(bench: Bench) -> None:
    """Make, write and rotate under umask 0, and look at the modes after every file operation."""
    before = os.umask(0)
    try:
        store = bench.another("under-umask-0")
        place = os.path.join(bench.directory, "under-umask-0")

        def look(_name: str, done: bool) -> None:  # noqa: FBT001 - the hook's shape
            if done:
                _modes(bench, place)

        with watched(look) if isinstance(store, Writing) else nullcontext():
            store.make(bench.values)
            store.put(FIRST, "API_TOKEN", bench.values[FIRST]["API_TOKEN"])
            with suppress(NotApplicable):
                bench.answer(lambda: store.rotate(FIRST))
        _modes(bench, place)
        bench.holds("what was made does not load", store.load(FIRST) == bench.values[FIRST])
    finally:
        os.umask(before)


def _modes(bench: Bench, place: str) -> None:
    """Look at every file: private, or sealed and closed to writing. Directories: not open to writing."""
    for folder, folders, names in os.walk(place):
        for name in folders:
            mode = stat.S_IMODE(os.lstat(os.path.join(folder, name)).st_mode)
            bench.holds(f"a directory was made with mode {mode:04o}", not mode & 0o077)
        for name in names:
            path = os.path.join(folder, name)
            mode = stat.S_IMODE(os.lstat(path).st_mode)
            bench.holds(
                f"a file was made with mode {mode:04o}",
                not mode & 0o022 and not (mode & 0o044 and _secret(bench, path)),
            )


def _secret(bench: Bench, path: str) -> bool:
    """Tell whether a file holds a value or is a key, by what stands in it."""
    data = read(path)
    return bool(leaks(data, bench.hidden)) or b"PRIVATE KEY" in data or b'"key":' in data or path.endswith(".key")


@attack("E9")
def children(bench: Bench) -> None:
    """Start a child after a load: its environment, command line and descriptors know no key and no store."""
    allowed = set(bench.environment) | set(bench.values[FIRST])
    keys = {text for file in bench.files("key") for text in _KEY_TEXT.findall(read(file.path))}
    store = bench.store
    with store.applied(FIRST) if isinstance(store, Applied) else nullcontext():
        store.load(FIRST)
        child = _child()
    names = set(child["environ"]) - {"LC_CTYPE", "PWD", "_"}
    bench.holds(f"more names than the tenant's: {', '.join(sorted(names - allowed)[:4])}", names <= allowed)
    texts = json.dumps([child["environ"], child["argv"]]).encode()
    bench.holds("key material in the environment or command line", not any(key in texts for key in keys))
    inside = [link for link in child["links"] if link.startswith(bench.store_directory)]
    bench.holds("an open descriptor of the store", not inside)
    others = {tenant for tenant in bench.values if tenant != FIRST}
    for tenant in others:
        bench.holds("another tenant's values", not leaks(texts, bench.values[tenant].values()))
    if not isinstance(store, Applied):
        bench.holds("values in a child that was given none", not leaks(texts, bench.hidden))
    if not keys:
        bench.notes.append("the store has no key files")


def _child() -> dict[str, dict[str, str] | list[str]]:
    answer = subprocess.run(  # noqa: S603 - our own interpreter, no shell
        [sys.executable, "-I", "-c", _REPORT], capture_output=True, check=True, close_fds=False, timeout=20
    )
    said = json.loads(answer.stdout)
    if not isinstance(said, dict):
        message = "the child said nothing"
        raise NotApplicable(message)
    return said

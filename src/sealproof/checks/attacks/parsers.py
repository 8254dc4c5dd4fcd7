"""Rows F1 to F5: hostile bytes for whatever parses them."""

from __future__ import annotations

import io
import os
import pickle
import random
import string
import tarfile
import zipfile
from functools import partial
from typing import TYPE_CHECKING

from sealproof.checks.attacks.bench import FIRST, SECOND, Bench, read, write
from sealproof.checks.attacks.integrity import refuses_bytes
from sealproof.checks.attacks.interface import Importing
from sealproof.checks.attacks.registry import attack
from sealproof.checks.penetration._mutations import drawn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SEED = 20_260_101
_MUTATIONS = 10_000
_DRAWN_VALUES = 200
_NESTED = 100_000  # levels
_KEYS = 1_000_000
_LINE = 1 << 30  # bytes
_CHARACTERS = string.printable.replace("\0", "") + "\u00e4\u20ac\U0001f510\u0301\u2028"


class _Bait:
    """Runs a command where it is unpickled."""

    def __init__(self, marker: str) -> None:
        self._marker = marker

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return os.mkdir, (self._marker,)


@attack("F1")
def code_in_data(bench: Bench) -> None:
    """Put a pickle, YAML tags and text for `eval` in the place of every file of the store: nothing may run."""
    marker = os.path.join(bench.directory, "ran")
    loads = {file.path for file in bench.files()}
    for path in [*loads, *bench.left_behind()]:
        if os.path.islink(path):
            continue
        original = read(path)
        for what, data in _baits(marker):
            write(path, data)
            if path in loads:
                tenant = next(file.tenant for file in bench.files() if file.path == path) or FIRST
                bench.refuses(f"{what} as a file that loads read", partial(bench.store.load, tenant))
            else:
                bench.answer(lambda: bench.store.load(FIRST))
            bench.holds(f"{what} ran", not os.path.exists(marker))
        write(path, original)


def _baits(marker: str) -> Iterator[tuple[str, bytes]]:
    for protocol in (0, 2, pickle.HIGHEST_PROTOCOL):
        yield f"a pickle of protocol {protocol}", pickle.dumps(_Bait(marker), protocol)
    for call in ("os.mkdir", "os.makedirs"):
        yield f"a YAML tag for {call}", f'!!python/object/apply:{call} ["{marker}"]\n'.encode()
        yield f"a YAML value for {call}", f'API_TOKEN: !!python/object/apply:{call} ["{marker}"]\n'.encode()
    run = f"__import__('os').mkdir({marker!r})"
    yield "text for eval", run.encode()
    yield "a template", f"API_TOKEN={{{{ {run} }}}}\n".encode()
    yield "an assignment for exec", f"API_TOKEN = {run}\n".encode()


@attack("F2")
def resource_bombs(bench: Bench) -> None:
    """Nest 100,000 deep, alias exponentially, list a million keys, write a line of 1 GiB: refused within the limits."""
    for file in bench.files():
        refuses_bytes(bench, file, _bombs())
        with bench.moved_away(file.path):
            with open(os.open(file.path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as sparse:
                sparse.truncate(_LINE)
            tenant = file.tenant or FIRST
            bench.refuses(f"{file.kind} file, one line of 1 GiB", partial(bench.store.load, tenant))


def _bombs() -> Iterator[tuple[str, bytes]]:
    yield "JSON lists nested deep", b"[" * _NESTED
    yield "JSON objects nested deep", b'{"a":' * _NESTED
    aliases = "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    yield "YAML aliases", f"a0: &a0 [x]\n{aliases}".encode()
    yield "a million keys", b"".join(b"K%d=x\n" % number for number in range(_KEYS))
    yield "a million JSON keys", b"{" + b",".join(b'"K%d":"x"' % number for number in range(_KEYS)) + b"}\n"
    yield "an enormous number", b'{"version":' + b"9" * 1_000_000 + b"}\n"


@attack("F3")
def archives(bench: Bench) -> None:
    """Import archives whose members climb, are absolute, are links or devices."""
    store = bench.part(Importing, "it reads no tar or zip archives")
    outside = os.path.join(bench.directory, "outside")
    os.mkdir(outside)
    for what, data, suffix in _archives(outside):
        path = os.path.join(bench.directory, f"archive{suffix}")
        write(path, data)
        bench.refuses(what, lambda: store.import_archive(path))  # noqa: B023 - called at once
        os.unlink(path)
    bench.holds("something was made outside", not os.listdir(outside))


def _archives(outside: str) -> Iterator[tuple[str, bytes, str]]:
    climbing = os.path.join("..", "..", "..", "..", "..", "..", "..", outside.lstrip("/"), "climbed")
    for what, name in (("a member that climbs", climbing), ("an absolute member", os.path.join(outside, "absolute"))):
        member = tarfile.TarInfo(name)
        member.size = 1
        yield what, _tar(member), ".tar"
        zipped = io.BytesIO()
        with zipfile.ZipFile(zipped, "w") as archive:
            archive.writestr(name, "x")
        yield f"{what}, in a zip file", zipped.getvalue(), ".zip"
    for what, kind, target in (
        ("a symbolic link", tarfile.SYMTYPE, outside),
        ("a hard link", tarfile.LNKTYPE, "/etc/passwd"),
        ("a device", tarfile.CHRTYPE, ""),
        ("a pipe", tarfile.FIFOTYPE, ""),
    ):
        member = tarfile.TarInfo("member")
        member.type, member.linkname = kind, target
        yield what, _tar(member), ".tar"


def _tar(member: tarfile.TarInfo) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(member, io.BytesIO(b"x" * member.size))
    return packed.getvalue()


@attack("F4")
def round_trip(bench: Bench) -> None:
    """Write and read values with every sign that a text format could stumble over: equal, or refused at write."""
    values = list(_stumbling())
    source = random.Random(_SEED)  # noqa: S311 - repeatable is what it has to be
    values += ["".join(source.choices(_CHARACTERS, k=source.randrange(40))) for _ in range(_DRAWN_VALUES)]
    for place in bench.places(len(values)):
        value = values[place]
        written = bench.answer(lambda: bench.store.put(FIRST, "ROUND_TRIP", value))  # noqa: B023 - called at once
        if isinstance(written, Exception):
            bench.holds("refused at write", condition=True)
            continue
        bench.store.reopen()
        same = bench.store.load(FIRST).get("ROUND_TRIP") == value and bench.store.get(FIRST, "ROUND_TRIP") == value
        bench.holds(f"{_kind(value)} came back altered", same)
    bench.control_others()
    bench.notes.append(f"seed {_SEED}")


def _stumbling() -> Iterator[str]:
    yield from ("", " ", "x ", " x", "\t", "x\n", "\nx", "a\nb\nc", "a\r\nb", "\r", "#", "x # y", "x#y", "=", "a=b=c")
    yield from ("'", '"', "''", '""', "'x'", '"x"', "it's", 'say "x"', "\\", "\\\\", "\\n", "\\'", "C:\\new", "x\\")
    yield from ("$", "$$", "${", "${X}", "$X", "$(x)", "`x`", "!", "%s", "{x}", "*", "~", "null", "true", "123", "1e3")
    yield from ("\u00e9", "e\u0301", "\u20ac", "\U0001f510", "\u2028", "\u00a0", "\ufeff", "\x7f", "\x01", "\x1b[31m")
    yield from ("-----BEGIN KEY-----\nAAAA\n-----END KEY-----\n", "ENC[AES256_GCM,data:x]", "!!binary x", "x" * 5000)


def _kind(value: str) -> str:
    signs = sorted({sign for sign in value if not sign.isalnum()})
    return f"a value of {len(value)} characters with {''.join(signs[:6])!a}" if signs else f"{len(value)} letters"


@attack("F5")
def fuzz(bench: Bench) -> None:
    """Load 10,000 copies of valid files that were changed at random: documented exceptions only."""
    files = bench.files()
    for number, file in enumerate(files):
        original = read(file.path)
        tenant = file.tenant or FIRST
        count = len(bench.places(_MUTATIONS // len(files), among=len(files)))
        for what, data in drawn(original, _SEED + number, count):
            write(file.path, data)
            try:
                bench.answer(partial(bench.store.load, tenant))
            except Exception as exc:  # noqa: BLE001 - what is not documented is the result
                bench.broke(f"{file.kind} file, {what}: {type(exc).__name__}")
            bench.trials.count += 1
        write(file.path, original)
    bench.notes.append(f"seed {_SEED}")
    bench.control(f"the files put back load ({SECOND})")

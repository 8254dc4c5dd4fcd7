"""Rows C1 to C5: genuine bytes of another time."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from sealproof.checks.attacks.bench import FIRST, SECOND, Bench, read, write
from sealproof.checks.attacks.integrity import edited, refuses_bytes
from sealproof.checks.attacks.interface import Aging, Anchored, ContainerEditor, NotApplicable
from sealproof.checks.attacks.registry import attack
from sealproof.checks.specimen import canaries

if TYPE_CHECKING:
    from collections.abc import Iterator

_HOUR = 3600  # seconds
_ABSURD = ("0", "-1", str(2**63), str(2**64 - 1), "01", "+1", "1e3", "one", "", " 1", "1_0")
_SAYS_SO = "not protected"


@attack("C1")
def whole_store_rolled_back(bench: Bench) -> None:
    """Keep every file, write, and put the kept files back: with an anchor, and without one."""
    _rolled_back(bench, (FIRST, SECOND))


@attack("C2")
def one_rolled_back(bench: Bench) -> None:
    """Put one tenant's older file back; and mix the records of an older and a newer file."""
    _rolled_back(bench, (FIRST,))
    if isinstance(bench.store, ContainerEditor):
        bench.restore()
        editor, file = bench.store, bench.data_file()
        kept = read(file.path)
        old = list(editor.records(kept))
        for record in old:
            bench.store.put(FIRST, record.name, _new(bench))
        data = read(bench.data_file().path)
        new = list(editor.records(data))
        mixtures = []
        for place in range(len(old)):
            in_newer = editor.with_records(data, [*new[:place], replace(old[place]), *new[place + 1 :]])
            in_older = editor.with_records(kept, [*old[:place], replace(new[place]), *old[place + 1 :]])
            mixtures.append((f"record {place} of the older file in the newer one", in_newer))
            mixtures.append((f"record {place} of the newer file in the older one", in_older))
        refuses_bytes(bench, file, [*mixtures, ("all records of the older file", editor.with_records(data, old))])


def _rolled_back(bench: Bench, tenants: tuple[str, ...]) -> None:
    store = bench.store
    files = [bench.data_file(tenant) for tenant in tenants]
    if isinstance(store, Anchored):
        kept = [read(file.path) for file in files]
        for tenant in tenants:
            store.put(tenant, "API_TOKEN", _new(bench))
            store.put(tenant, "API_TOKEN", _new(bench))
        for file, data in zip(files, kept, strict=True):
            write(file.path, data)
        store.reopen()
        for tenant in tenants:
            notice = store.notice(tenant)
            bench.holds("an older file loads, and nothing says that it could", _SAYS_SO in notice)
        bench.restore()
        store.anchor()
        bench.control("the store loads under its anchor")
    kept = [read(file.path) for file in files]
    for tenant in tenants:
        store.put(tenant, "API_TOKEN", _new(bench))
        store.load(tenant)
    for file, data in zip(files, kept, strict=True):
        write(file.path, data)
    store.reopen()
    for tenant in tenants:
        bench.refuses(f"{tenant}'s older file, silently", partial(store.load, tenant))


def _new(bench: Bench) -> str:
    return bench.plant(canaries(("X",))["X"])


@attack("C3")
def frozen(bench: Bench) -> None:
    """Serve a valid file past its end, and to a clock that stands before it was written."""
    store = bench.part(Aging, "its files have no end that could be passed")
    store.expire(FIRST, _HOUR)
    bench.holds("it does not load before its end", bench.store.load(FIRST) == bench.values[FIRST])
    for seconds, what in ((2 * _HOUR, "an hour past its end"), (-2 * _HOUR, "two hours before it was written")):
        store.move_clock(seconds)
        bench.refuses(what, lambda: bench.store.load(FIRST))
        store.move_clock(0)


@attack("C4")
def absurd_counters(bench: Bench) -> None:
    """State counters that are zero, negative, enormous, spelled otherwise, or no numbers."""

    def change(editor: ContainerEditor, data: bytes) -> Iterator[tuple[str, bytes]]:
        for field in editor.fields(data):
            if field.text.isdecimal():
                for text in _ABSURD:
                    if text != field.text:
                        yield f"{field.name} reads {text!r}", editor.with_field(data, field.name, text)

    edited(bench, change)
    if not bench.trials.count:
        message = "none of its metadata is a number"
        raise NotApplicable(message)


@attack("C5")
def revived_key(bench: Bench) -> None:
    """Rotate, then put back the file and the records that were sealed under the retired key."""
    store, file = bench.store, bench.data_file()
    kept = read(file.path)
    store.rotate(FIRST)
    bench.control("the store loads after a rotation")
    refuses_bytes(bench, file, [("the file of the retired key", kept)])
    if isinstance(store, ContainerEditor):
        data = read(file.path)
        old, new = list(store.records(kept)), list(store.records(data))
        revived = [
            (f"record {n} of the retired key", store.with_records(data, [*new[:n], old[n], *new[n + 1 :]]))
            for n in range(len(old))
        ]
        refuses_bytes(bench, file, [*revived, ("all records of the retired key", store.with_records(data, old))])
    else:
        bench.notes.append("whole files only")

"""Rows B1 to B3, B6, B7: one tenant's holder reaches for another's values."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import product
from typing import TYPE_CHECKING

from sealproof.checks.attacks.bench import FIRST, SECOND, Bench, read, write
from sealproof.checks.attacks.integrity import EDITING, refuses_bytes
from sealproof.checks.attacks.interface import Applied, ContainerEditor, Deriving, NotApplicable
from sealproof.checks.attacks.registry import attack

if TYPE_CHECKING:
    from collections.abc import Mapping

_THREADS, _TURNS = 8, 5
_DERIVED_TENANTS = 1000
_PURPOSES = ("value", "mac", "", "valuemac", "wrap")
_KEY_BYTES_MIN = 16


@attack("B1")
def swapped_files(bench: Bench) -> None:
    """Exchange the data files of two tenants, and load both."""
    one, other = bench.data_file(FIRST), bench.data_file(SECOND)
    if one.path == other.path:
        message = "the tenants have no files of their own"
        raise NotApplicable(message)
    first, second = read(one.path), read(other.path)
    write(one.path, second)
    write(other.path, first)
    for tenant in (FIRST, SECOND):
        bench.refuses(f"{tenant} loads the other's file", partial(bench.store.load, tenant))
        bench.refuses(
            f"{tenant} reads a value of the other's file",
            partial(bench.store.get, tenant, "API_TOKEN"),
        )


@attack("B2")
def moved_record(bench: Bench) -> None:
    """Put the record of a name that both tenants have in the place of the other's."""
    editor = bench.part(ContainerEditor, EDITING)
    theirs = {record.name: record for record in editor.records(read(bench.data_file(SECOND).path))}
    file = bench.data_file(FIRST)
    data = read(file.path)
    own = list(editor.records(data))
    variants = [
        (
            f"the other's record {place} in the place of its own",
            editor.with_records(data, [*own[:place], replace(theirs[record.name]), *own[place + 1 :]]),
        )
        for place, record in enumerate(own)
    ]
    variants.append(("all records of the other", editor.with_records(data, list(theirs.values()))))
    refuses_bytes(bench, file, variants)


@attack("B3")
def wrong_key(bench: Bench) -> None:
    """Load one tenant's data, and start on it, with the other's key; what is said is what any spoilt file gets."""
    keys = {file.tenant: file for file in bench.files("key") if file.tenant}
    if len(keys) != len(bench.values):
        message = "the tenants have no keys of their own"
        if bench.files("key"):
            bench.holds(f"{message}: whoever opens one tenant's file opens every tenant's", condition=False)
            return
        raise NotApplicable(message)
    first, second = read(keys[FIRST].path), read(keys[SECOND].path)
    write(keys[FIRST].path, second)
    bench.refuses("the other's key", lambda: bench.store.load(FIRST))
    bench.refuses("the other's key, for one value", partial(bench.store.get, FIRST, "API_TOKEN"))
    if isinstance(bench.store, Applied):
        bench.refuses("the other's key, into the environment", partial(_start, bench.store))
    wrong = bench.answer(lambda: bench.store.load(FIRST))
    write(keys[FIRST].path, first)
    with bench.changed(bench.data_file().path, _spoilt(bench)):
        spoilt = bench.answer(lambda: bench.store.load(FIRST))
    bench.holds(
        "a wrong key is told apart from a spoilt file", (type(wrong), str(wrong)) == (type(spoilt), str(spoilt))
    )


def _start(store: Applied) -> None:
    with store.applied(FIRST):
        pass


def _spoilt(bench: Bench) -> bytes:
    """Return the first tenant's data file with one value spoilt, its form kept."""
    data = read(bench.data_file().path)
    if isinstance(bench.store, ContainerEditor):
        records = list(bench.store.records(data))
        text = records[0].text
        place = len(text) * 3 // 4
        changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        return bench.store.with_records(data, [replace(records[0], text=changed), *records[1:]])
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@attack("B6")
def leftovers(bench: Bench) -> None:
    """Load two tenants in turn, in 8 threads, in tasks, and after an exception half-way."""
    bench.store.put(FIRST, "ONLY_FIRST", bench.plant("only-in-the-first-tenant"))
    bench.store.put(SECOND, "ONLY_SECOND", bench.plant("only-in-the-second-tenant"))
    expected = {FIRST: bench.values[FIRST] | {"ONLY_FIRST": "only-in-the-first-tenant"}}
    expected[SECOND] = bench.values[SECOND] | {"ONLY_SECOND": "only-in-the-second-tenant"}

    def load(tenant: str) -> tuple[str, Mapping[str, str]]:
        return tenant, dict(bench.store.load(tenant))

    order = [FIRST, SECOND] * _TURNS
    for tenant, values in map(load, order):
        bench.holds(f"{tenant} sees more or less than its own, in turn", values == expected[tenant])
    with ThreadPoolExecutor(_THREADS) as threads:
        for tenant, values in threads.map(load, order * 2):
            bench.holds(f"{tenant} sees more or less than its own, in threads", values == expected[tenant])
    for tenant, values in asyncio.run(_in_tasks(load, order)):
        bench.holds(f"{tenant} sees more or less than its own, in tasks", values == expected[tenant])
    file = bench.data_file(FIRST)
    with bench.changed(file.path, read(file.path)[:-3]):
        bench.answer(lambda: bench.store.load(FIRST))
    bench.holds("a failed load leaves something for the next", load(SECOND)[1] == expected[SECOND])
    if isinstance(bench.store, Applied):
        _environment(bench, bench.store, expected)


async def _in_tasks(load: object, order: list[str]) -> list[tuple[str, Mapping[str, str]]]:
    return await asyncio.gather(*(asyncio.to_thread(load, tenant) for tenant in order))  # type: ignore[arg-type]


def _environment(bench: Bench, store: Applied, expected: Mapping[str, Mapping[str, str]]) -> None:
    """Set the environment for a block and leave it, also by an exception."""
    os.environ["API_TOKEN"] = "of the process itself"  # noqa: S105 - what has to come back
    before = dict(os.environ)
    for tenant in (FIRST, SECOND, FIRST):
        with store.applied(tenant):
            names = {name for values in expected.values() for name in values}
            seen = {name: os.environ[name] for name in names if name in os.environ}
            bench.holds(f"{tenant}'s environment is not its own", seen == expected[tenant])
        bench.holds("the environment was not restored", dict(os.environ) == before)
    with suppress(LookupError), store.applied(SECOND):
        _fails()
    bench.holds("the environment was not restored after an exception", dict(os.environ) == before)
    del os.environ["API_TOKEN"]


def _fails() -> None:
    raise LookupError


@attack("B7")
def derived_keys(bench: Bench) -> None:
    """Derive for 1,000 tenants and 5 purposes, with fields that join alike, swapped and empty."""
    store = bench.part(Deriving, "it derives no keys from names, or shows none")
    tenants = [f"t{number}" for number in range(_DERIVED_TENANTS)] + ["t1v", "t1va", "t1value", "value", "mac", "wrap"]
    keys: dict[bytes, tuple[str, str]] = {}
    lengths = set()
    for tenant, purpose in product(tenants, _PURPOSES):
        key = store.derive(tenant, purpose)
        lengths.add(len(key))
        same = keys.setdefault(key, (tenant, purpose))
        bench.holds(f"{tenant}/{purpose} has the key of {'/'.join(same)}", same == (tenant, purpose))
    bench.holds("keys are of several lengths, or short", len(lengths) == 1 and min(lengths) >= _KEY_BYTES_MIN)
    joined = (("t1", "value"), ("t1v", "alue"), ("t1va", "lue"), ("t1value", ""), ("", "t1value"), ("value", "t1"))
    bench.holds("fields that join alike give one key", len({store.derive(*pair) for pair in joined}) == len(joined))

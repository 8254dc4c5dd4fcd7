"""Rows D1 to D3, D7: what ciphertexts alone give away."""

from __future__ import annotations

import ast
import os
import random
from typing import TYPE_CHECKING

from sealproof.checks.attacks.bench import FIRST, SECOND, Bench, read
from sealproof.checks.attacks.integrity import EDITING
from sealproof.checks.attacks.interface import ContainerEditor, Padded, Sealing, Sourced
from sealproof.checks.attacks.registry import attack
from sealproof.checks.specimen import canaries

if TYPE_CHECKING:
    from collections.abc import Iterable

_NONCES = "it shows no nonces"
_IN_MEMORY = 20_000
_SAVES = 400
_PROCESSES = 4
_RUN = 8  # bytes that two ciphertexts may not share
_LENGTHS = 513
_SEED = 20_260_101
_HARMLESS = frozenset(("SystemRandom", "uniform"))


class _Seen:
    """Which nonce sealed what under which key. The same sealed value in two copies of a file is no repeat."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._sealed: dict[tuple[bytes, bytes], bytes] = {}

    def add(self, what: str, seals: Iterable[tuple[bytes, bytes, bytes]]) -> None:
        for key, nonce, sealed in seals:
            same = self._sealed.setdefault((key, nonce), sealed) == sealed
            self._bench.holds(f"{what}: a nonce sealed two values under one key", same)


@attack("D1")
def nonce_reuse(bench: Bench) -> None:
    """Seal 20,000 values in memory and save 400 times: reopened, forked, in 4 processes, on a copy put back."""
    store = bench.part(Sealing, _NONCES)
    seen = _Seen(bench)
    seen.add("in memory", store.seal(_IN_MEMORY))
    saves = len(bench.places(_SAVES, among=2))
    for number in range(saves):
        bench.store.put(FIRST, f"NAME_{number % 7}", f"value {number}")
        if number % 10 == 0:
            bench.store.reopen()
        seen.add("saved and reopened", store.seals())
    # A copy put back and written again, by this process and by forks of it that start from one state.
    for turn in range(_PROCESSES):
        bench.restore()
        bench.store.put(FIRST, "API_TOKEN", f"after the copy was put back, {turn}")
        seen.add("a restored copy", store.seals())
    for turn in range(_PROCESSES):
        bench.restore()
        _in_fork(lambda: bench.store.put(FIRST, "API_TOKEN", f"in a fork, {turn}"))  # noqa: B023 - called at once
        seen.add("forks of one state", store.seals())
    children = [_started(lambda: _writes(bench, turn)) for turn in range(_PROCESSES)]  # noqa: B023 - called at once
    for child in children:
        os.waitpid(child, 0)
    seen.add("processes side by side", store.seals())


def _writes(bench: Bench, turn: int) -> None:
    for number in range(8):
        bench.answer(lambda: bench.store.put(FIRST, f"OF_{turn}_{number}", f"{turn} {number}"))  # noqa: B023 - called at once


def _in_fork(call: object) -> None:
    os.waitpid(_started(call), 0)


def _started(call: object) -> int:
    child = os.fork()
    if child == 0:
        try:
            call()  # type: ignore[operator]
        finally:
            os._exit(0)
    return child


@attack("D2")
def equal_values(bench: Bench) -> None:
    """Seal one value under two names, for two tenants, and twice under one name: no two ciphertexts share 8 bytes."""
    editor = bench.part(ContainerEditor, EDITING)
    value = canaries(("X",))["X"]
    for tenant, name in ((FIRST, "ONE"), (FIRST, "OTHER"), (SECOND, "ONE")):
        bench.store.put(tenant, name, value)
    sealed = [record.sealed for tenant in (FIRST, SECOND) for record in _of(bench, editor, tenant, ("ONE", "OTHER"))]
    bench.store.put(FIRST, "ONE", "another")
    bench.store.put(FIRST, "ONE", value)
    sealed += [record.sealed for record in _of(bench, editor, FIRST, ("ONE",))]
    runs: dict[bytes, int] = {}
    for number, each in enumerate(sealed):
        for start in range(len(each) - _RUN + 1):
            first = runs.setdefault(each[start : start + _RUN], number)
            bench.holds(f"ciphertexts {first} and {number} of one value share {_RUN} bytes", first == number)


def _of(bench: Bench, editor: ContainerEditor, tenant: str, names: tuple[str, ...]) -> list:  # type: ignore[type-arg]
    return [record for record in editor.records(read(bench.data_file(tenant).path)) if record.name in names]


@attack("D3")
def length_leak(bench: Bench) -> None:
    """Seal values of 0 to 512 bytes: sizes come in the declared steps."""
    editor = bench.part(ContainerEditor, EDITING)
    step = bench.store.step() if isinstance(bench.store, Padded) else 0
    sizes = set()
    for length in bench.places(_LENGTHS):
        if isinstance(bench.answer(lambda: bench.store.put(FIRST, "SIZED", "x" * length)), Exception):  # noqa: B023 - called at once
            continue
        sizes.add(sum(len(record.sealed) for record in _of(bench, editor, FIRST, ("SIZED",))))
    allowed = (_LENGTHS - 1) // step + 2 if step else 2
    stated = f"steps of {step} bytes are declared" if step else "no step is declared"
    bench.holds(f"{_LENGTHS} lengths give {len(sizes)} sizes, and {stated}", len(sizes) <= allowed)
    bench.notes.append(f"{len(sizes)} sizes for {_LENGTHS} lengths")


@attack("D7")
def predictable(bench: Bench) -> None:
    """Seed and replace `random`, fork, and seal the same again; and look for `random` in the source."""
    store = bench.part(Sealing, _NONCES)
    seen = _Seen(bench)
    for turn in range(_PROCESSES):
        bench.restore()
        random.seed(_SEED)
        bench.store.put(FIRST, "API_TOKEN", f"seeded alike, {turn}")
        seen.add("seeded alike", store.seals())
    original = random.SystemRandom, random.random, random.getrandbits, random.randbytes
    random.random, random.getrandbits, random.randbytes = (lambda: 0.5), (lambda _bits: 4), bytes  # type: ignore[assignment]
    for turn in range(_PROCESSES):
        bench.restore()
        bench.store.put(FIRST, "API_TOKEN", f"with `random` replaced, {turn}")
        seen.add("with `random` replaced", store.seals())
    _, random.random, random.getrandbits, random.randbytes = original
    if isinstance(bench.store, Sourced):
        for path in bench.store.sources():
            with open(path, encoding="utf-8") as file:
                draws = _draws(ast.parse(file.read()))
            bench.holds(f"{os.path.basename(path)} draws from `random`", not draws)


def _draws(tree: ast.AST) -> bool:
    """Tell whether a module draws from `random` what could become bytes. `uniform` spreads waits, and can stay."""
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "random"
        for alias in node.names
    }
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "random"
    }
    return bool((imported | used) - _HARMLESS)

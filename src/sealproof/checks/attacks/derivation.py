"""Rows D4 to D6: keys that are derived too cheaply, too dearly, or from too little."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sealproof.checks.attacks.bench import FIRST, Bench
from sealproof.checks.attacks.interface import Mastered, Stretching
from sealproof.checks.attacks.registry import attack

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOTHING = "it stretches no passphrase"
_SALT = bytes(range(16))
_EXPENSIVE = (2**30, 2**40, 2**62)
_SECONDS = 1.0  # of this process' own time, in which an expensive file has to be refused
_WEAK = (
    *("", " ", "a", "short", "password", "changeme", "letmein", "secret", "sealproof", "correct horse"),
    *("a" * 64, "0" * 64, "12345678", "1234567890123456", "qwertyuiop", "\0" * 32, "your-master-secret-key"),
)


@attack("D4")
def cheap_derivation(bench: Bench) -> None:
    """State a cost below the floor, and salts that are empty, short or reused; on reading and on writing."""
    store = bench.part(Stretching, _NOTHING)
    floor = store.floor()
    for cost in (0, 1, 1000, floor // 6, floor - 1):
        what = f"cost {cost} on reading" if cost != floor - 1 else "one below the floor on reading"
        bench.holds(what, isinstance(bench.answer(lambda: store.stretched(cost=cost, salt=_SALT)), Exception))  # noqa: B023 - called at once
        written = bench.answer(lambda: store.write_stretched(cost=cost))  # noqa: B023 - called at once
        bench.holds(f"cost {cost} on writing", isinstance(written, Exception))
    for salt in (b"", b"x", bytes(8), bytes(15)):
        read = bench.answer(lambda: store.stretched(cost=floor, salt=salt))  # noqa: B023 - called at once
        bench.holds(f"a salt of {len(salt)} bytes", isinstance(read, Exception))
    bench.holds("two stores of one passphrase share a salt", store.new_salt() != store.new_salt())


@attack("D5")
def expensive_derivation(bench: Bench) -> None:
    """State a cost of 2^30 and more: refused within a second, before anything is derived."""
    store = bench.part(Stretching, _NOTHING)
    for cost in _EXPENSIVE:
        with _quick(bench, f"cost {cost}"):
            answer = bench.answer(lambda: store.stretched(cost=cost, salt=_SALT))  # noqa: B023 - called at once
        bench.holds(f"cost {cost} was derived", isinstance(answer, Exception))


@contextmanager
def _quick(bench: Bench, what: str) -> Iterator[None]:
    started = time.process_time()
    yield
    bench.holds(f"{what}: over {_SECONDS} s until it was refused", time.process_time() - started < _SECONDS)


@attack("D6")
def weak_master(bench: Bench) -> None:
    """Make a store from a master that is empty, short, one character, a word, or an example."""
    for number, master in enumerate(_WEAK):
        store = bench.another(f"weak-{number}")
        if not isinstance(store, Mastered):
            bench.part(Mastered, "nobody chooses its master")
            continue
        answer = bench.answer(lambda: store.make_from(master))  # noqa: B023 - called at once
        bench.holds(f"master number {number} ({len(master)} characters)", isinstance(answer, Exception))
    bench.control(f"the store loads ({FIRST})")

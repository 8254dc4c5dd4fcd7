"""Rows B4, B5, B8, B9: names that climb, collide or steer, and values that look alive."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from sealproof.checks.attacks.bench import FIRST, SECOND, Bench
from sealproof.checks.attacks.interface import Applied
from sealproof.checks.attacks.registry import attack
from sealproof.checks.attacks.strange_names import IDS, IMPOSSIBLE, STEERING

if TYPE_CHECKING:
    from collections.abc import Iterator

_HOSTILE_NAMES = ("../API_TOKEN", "/etc/passwd", "..", "a/b", "A\\B", "%2e%2e", "A\0", "A\nB=c", "-rf", "A" * 300)
# Pairs that fold, normalise, trim or begin alike.
_COLLIDING = (
    *(("tenant", "Tenant"), ("tenant", "TENANT"), ("tenant", "tenant "), ("tenant", " tenant"), ("tenant", "tenant.")),
    *(("tenant", "tenant2"), ("ten", "tenant"), ("tenant-", "tenant"), ("a_b", "a-b"), ("1", "01")),
    *(("tenant", "tenant-a"), ("tenant-a", "tenant-aa"), ("tenant-a", "tenant-a-"), ("tenant_a", "tenant-a")),
    *(("\u00e9", "e\u0301"), ("\ufb01", "fi"), ("stra\u00dfe", "strasse"), ("\u017ftore", "store")),
)
_PLAIN_NAME = "API_TOKEN"


@attack("B4")
def traversal(bench: Bench) -> None:
    """Hand over some 70 tenant ids and 10 names that climb, are absolute, or mean something to a file system."""
    outside = os.path.join(bench.directory, "outside")
    os.mkdir(outside)
    around = _listing(bench)
    for tenant in IDS:
        if tenant in (FIRST, SECOND):
            continue
        bench.refuses(f"load {tenant!a:.32}", partial(bench.store.load, tenant))
        bench.refuses(
            f"write for {tenant!a:.32}",
            partial(bench.store.put, tenant, _PLAIN_NAME, "x"),
        )
    for name in _HOSTILE_NAMES:
        bench.refuses(f"read {name!a:.32}", partial(bench.store.get, FIRST, name))
        bench.refuses(f"write {name!a:.32}", partial(bench.store.put, FIRST, name, "x"))
    bench.holds("something was made outside the store", _listing(bench) == around)


def _listing(bench: Bench) -> list[str]:
    """List what lies beside the store, the outputs of this process left out."""
    return sorted(
        os.path.join(folder, name)
        for folder, folders, names in os.walk(bench.directory)
        if not folder.startswith(bench.store_directory)
        for name in (*folders, *names)
    )


@attack("B5")
def collisions(bench: Bench) -> None:
    """Make two tenants whose ids fold, normalise, trim or begin alike: both stay apart, or the second is refused."""
    for number, (one, other) in enumerate(_COLLIDING):
        store = bench.another(f"pair-{number}", {})
        if isinstance(bench.answer(lambda: store.put(one, _PLAIN_NAME, "of the first")), Exception):  # noqa: B023 - called at once
            bench.holds("refused at write", condition=True)
            continue
        bench.answer(lambda: store.put(other, _PLAIN_NAME, "of the second"))  # noqa: B023 - called at once
        kept = bench.answer(lambda: store.load(one).get(_PLAIN_NAME))  # noqa: B023 - called at once
        bench.holds(f"{other!a} took the place of {one!a}", kept == "of the first")


@attack("B8")
def steering_names(bench: Bench) -> None:
    """Store names that steer the linker, an interpreter or a shell, and names that no environment can hold."""
    for name in (*STEERING, *IMPOSSIBLE):
        _tried(bench, name)


def _tried(bench: Bench, name: str) -> None:
    """Write the name; if that is not refused, starting on it has to be."""
    written = bench.answer(lambda: bench.store.put(FIRST, name, "x"))
    if isinstance(written, Exception):
        bench.holds("refused at write", condition=True)
        return
    loaded = bench.answer(lambda: _started(bench))
    bench.holds(f"{name!a:.32} reaches the environment", isinstance(loaded, Exception) or name not in loaded)
    bench.restore()


def _started(bench: Bench) -> set[str]:
    if isinstance(bench.store, Applied):
        before = set(os.environ)
        with bench.store.applied(FIRST):
            return {name for name in os.environ if name not in before} | _changed()
    return set(bench.store.load(FIRST))


def _changed() -> set[str]:
    """Return steering names whose value is now the planted one."""
    return {name for name in STEERING if os.environ.get(name) == "x"}


@attack("B9")
def live_values(bench: Bench) -> None:
    """Store values that look like expansions, commands and loops: each has to arrive as it is."""
    marker = os.path.join(bench.directory, "ran")
    os.environ["OUTSIDE"] = "of the process environment"
    for name, value in _alive(marker):
        written = bench.answer(lambda: bench.store.put(FIRST, name, value))  # noqa: B023 - called at once
        if isinstance(written, Exception):
            bench.holds("refused at write", condition=True)
            continue
        bench.store.reopen()
        bench.holds(f"{name} did not arrive as it is", bench.store.load(FIRST).get(name) == value)
        if isinstance(bench.store, Applied):
            with bench.store.applied(FIRST):
                bench.holds(f"{name} is not in the environment as it is", os.environ.get(name) == value)
    bench.holds("a command in a value was run", not os.path.exists(marker))


def _alive(marker: str) -> Iterator[tuple[str, str]]:
    yield "BRACES", "${OUTSIDE}"
    yield "DOLLAR", "$OUTSIDE $$ \\${OUTSIDE}"
    yield "DEFAULTS", "${MISSING:-${OUTSIDE}}"
    yield "COMMAND", f"$(touch {marker})"
    yield "BACKTICKS", f"`touch {marker}`"
    yield "SHELL_TEXT", f"; touch {marker} #"
    yield "FORMAT", "{OUTSIDE} %(OUTSIDE)s %s {0.__class__}"
    yield "LOOP_A", "${LOOP_B}"
    yield "LOOP_B", "${LOOP_A}"

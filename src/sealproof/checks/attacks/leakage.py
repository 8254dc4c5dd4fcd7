"""Rows G1 and G2: values in logs, and in objects around them."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from sealproof.checks.attacks.bench import FIRST, SECOND, Bench, read
from sealproof.checks.attacks.interface import Applied, Viewed
from sealproof.checks.attacks.registry import attack
from sealproof.checks.security._exposure import attributes, texts
from sealproof.checks.specimen import canaries

if TYPE_CHECKING:
    from collections.abc import Callable


class _Everything(logging.Handler):
    """Shows all that a record carries: message, `%` arguments, `extra`, exception text."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(logging.NOTSET)
        self._bench = bench
        self.records = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Search the record. What is written to standard error the harness searches."""
        self.records += 1
        self._bench.search(f"log of {record.name}", f"{record.getMessage()}\n{record.__dict__!r}")


@attack("G1")
def logs(bench: Bench) -> None:
    """Use the store in every way with all loggers at their lowest level, warnings on, and errors on the way."""
    heard = _Everything(bench)
    root = logging.getLogger()
    root.addHandler(heard)
    root.setLevel(logging.NOTSET)
    for name in list(logging.root.manager.loggerDict):
        logging.getLogger(name).setLevel(logging.NOTSET)
    store, value = bench.store, bench.plant(canaries(("X",))["X"])
    uses: list[Callable[[], object]] = [
        lambda: store.put(FIRST, "LATER", value),
        lambda: store.get(FIRST, "LATER"),
        lambda: store.load(SECOND),
        lambda: store.get(FIRST, "MISSING"),
        lambda: store.put(FIRST, "A\0B", value),
        lambda: bench.rotates(FIRST),
        store.reopen,
        lambda: store.load(FIRST),
    ]
    for use in uses:
        bench.answer(use)
        bench.holds("logged", condition=True)
    if isinstance(store, Applied):
        with store.applied(FIRST):
            bench.holds("set in the environment", os.environ.get("LATER") == value)
    path = bench.data_file().path
    with bench.changed(path, read(path)[:-3]):
        bench.answer(lambda: store.load(FIRST))
    root.removeHandler(heard)
    bench.notes.append(f"{heard.records} records")


@attack("G2")
def object_views(bench: Bench) -> None:
    """Print, format, copy, pickle, encode and walk every object that an application is given around a value."""
    store = bench.part(Viewed, "it gives plain values and no objects around them")
    for thing in store.views(FIRST):
        for text in (*texts(thing), *attributes(thing)):
            bench.search(f"a view of {type(thing).__name__}", text)
            bench.holds("seen", condition=True)

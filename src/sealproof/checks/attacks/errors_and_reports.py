"""Rows G3 to G5: what errors, failing tests and reports tell."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

from sealproof.checks.attacks.bench import FIRST, SECOND, Bench, read, write
from sealproof.checks.attacks.interface import ContainerEditor, Failing, NotApplicable, Reporting
from sealproof.checks.attacks.registry import attack
from sealproof.checks.scratch import NAMES
from sealproof.checks.specimen import canaries

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMED = 4
_TOKEN = 20  # characters from which a text is taken for base64
_FORMAT_FIELDS = ("format", "version", "encoding", "type")


@attack("G3")
def exceptions(bench: Bench) -> None:
    """Force each error with values at hand, frame locals shown; and let a test fail that was given a value."""
    path = bench.data_file().path
    data = read(path)
    for damaged in (data[:-3], data[: len(data) // 2], b"", data + b"x", data.replace(b"1", b"2", 1)):
        with bench.changed(path, damaged):
            _heard(bench, lambda: bench.store.load(FIRST))
    _heard(bench, lambda: bench.store.get(FIRST, "MISSING"))
    _heard(bench, lambda: bench.store.load("nobody"))
    if not isinstance(bench.store, Failing):
        bench.notes.append("the adapter has no part Failing: refusals only, no failing test")
        return
    for call in bench.store.provoke(FIRST):
        _heard(bench, call)
    value = bench.plant(canaries(("X",))["X"])
    argv = bench.store.failing_test(value)
    if argv is not None:
        _failing_test(bench, list(argv))


def _heard(bench: Bench, call: object) -> None:
    try:
        call()  # type: ignore[operator]
    except Exception as exc:  # noqa: BLE001 - whatever is thrown is searched
        bench.hear(exc)
    bench.holds("heard", condition=True)


def _failing_test(bench: Bench, argv: list[str]) -> None:
    report = os.path.join(bench.directory, "junit.xml")
    ended = subprocess.run(  # noqa: S603 - our own interpreter, no shell
        [*argv, f"--junitxml={report}"], capture_output=True, check=False, cwd=bench.directory, timeout=bench.seconds
    )
    bench.holds(f"the test did not fail as it should: exit {ended.returncode}", ended.returncode == 1)
    texts = {"the terminal": ended.stdout + ended.stderr, "JUnit XML": read(report) if os.path.exists(report) else b""}
    for where, text in texts.items():
        bench.search(f"a failing test, {where}", text)


@attack("G4")
def reports(bench: Bench) -> None:
    """Plant a value where a check finds it, and search every report of that finding."""
    store = bench.part(Reporting, "it writes no reports")
    value = bench.plant(canaries(("X",))["X"])
    for number, report in enumerate(store.report(value)):
        bench.search(f"report {number}", report)
        bench.holds("a report is empty", report)


@attack("G5")
def error_oracle(bench: Bench) -> None:
    """Load with a wrong key, a spoilt value, another's file, a changed header: all has to be told alike."""
    said = _answers(bench)
    first, *others = said
    if all(text.endswith("loads") for text in said.values()):
        message = "it refuses none of these files"
        raise NotApplicable(message)
    apart = [what for what in others if said[what] != said[first]]
    bench.holds(f"told apart from {first}: {', '.join(apart[:_NAMED])}", not apart)
    bench.trials.count += len(said)
    for what, text in said.items():
        bench.holds(f"{what}: a secret's name is told", not any(name in text for name in NAMES))
        bench.search(what, text)


def _answers(bench: Bench) -> Mapping[str, str]:
    """Return what is said about each kind of spoilt file, without the name that the caller gave."""
    store, file = bench.store, bench.data_file()
    data = read(file.path)
    said: dict[str, str] = {}

    def ask(what: str) -> None:
        answer = bench.answer(lambda: store.load(FIRST))
        text = str(answer) if isinstance(answer, Exception) else "loads"
        said[what] = f"{type(answer).__name__}: {text.replace(bench.directory, '')}"

    keys = {each.tenant: each for each in bench.files("key") if each.tenant}
    if FIRST in keys and SECOND in keys:
        with bench.changed(keys[FIRST].path, read(keys[SECOND].path)):
            ask("a wrong key")
    if bench.data_file(SECOND).path != file.path:
        with bench.changed(file.path, read(bench.data_file(SECOND).path)):
            ask("another tenant's file")
    if isinstance(store, ContainerEditor):
        records = list(store.records(data))
        text = records[0].text
        place = len(text) * 3 // 4
        spoilt = replace(records[0], text=text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :])
        with bench.changed(file.path, store.with_records(data, [spoilt, *records[1:]])):
            ask("a spoilt value")
        for field in store.fields(data):
            if not any(word in field.name for word in _FORMAT_FIELDS):
                with bench.changed(file.path, store.with_field(data, field.name, _other(field.text))):
                    ask(f"{field.name} changed")
    else:
        middle = len(data) // 2
        with bench.changed(file.path, data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]):
            ask("a spoilt byte")
    write(file.path, data)
    return said


def _other(text: str) -> str:
    """Return a text of the same form that says something else: whoever can read the file could tell a form apart."""
    if text.isdecimal():
        return str(int(text) + 1)
    if len(text) >= _TOKEN:  # base64 may have spare bits at its end
        return ("B" if text[:1] == "A" else "A") + text[1:]
    return (
        text[:-1] + ("x" if text[-1:].islower() else "X") if text[-1:] not in "xX" else text[:-1] + text[-1:].swapcase()
    )

"""PEN-003, on parsers that take too much, break, hang, swell or crash."""

from __future__ import annotations

import pytest

from sealproof.checks.penetration import malformed_envelopes
from sealproof.checks.penetration._mutations import drawn, named
from sealproof.checks.specimen import Specimen
from sealproof.findings import Severity, Status

COPIES, ODD = "malformed copies", "odd files in a store"

PATCHED = "import time, os\nimport sealproof.envelope.parse as parse\noriginal = parse.{name}\n{patch}\n"
LENIENT_INTEGER = PATCHED.format(
    name="integer", patch="parse.integer = lambda text: int(text) if text == '01' else original(text)"
)
LENIENT_BASE64 = PATCHED.format(
    name="decode_exactly",
    patch="parse.decode_exactly = lambda text, size: original(text.rstrip('='), size)",
)
UNTYPED = PATCHED.format(name="counter", patch="parse.counter = lambda text: original(text) if text else [][0]")
HANGS = PATCHED.format(
    name="counter",
    patch="left = [5]\nparse.counter = lambda text: time.sleep(left.pop()) if text == '0' and left else original(text)",
)
SWELLS = PATCHED.format(
    name="integer", patch="parse.integer = lambda text: bytes(1 << 30) if text == '0x1' else original(text)"
)
CRASHES = PATCHED.format(
    name="integer", patch="parse.integer = lambda text: os.kill(os.getpid(), 11) if text == '0x1' else original(text)"
)
HANGS_FOR_GOOD = """
import signal
signal.setitimer = lambda which, seconds: None
""" + HANGS.replace("[5]", "[60]")
READS_ODD_FILES = """
import sealproof.loader.files as files
files._check_status = lambda path, status, *, private: None
"""


def test_malformed_files_do_no_harm(store, run_check):
    result = run_check(store, "PEN-003")
    assert result.status is Status.PASS
    assert dict(result.parameters) == {"attack_seconds": "10", "attack_memory_mib": "512"}
    assert "seed 20260101" in result.findings[0].observed


def test_many_thousand_copies_are_in_all_ways_malformed():
    specimen = Specimen()
    copies = [data for mutants in (named(specimen), drawn(specimen.data, 1, 8000)) for _, data in mutants]
    assert specimen.data not in copies
    assert len(copies) > 8300


def test_the_same_seed_gives_the_same_copies():
    data = Specimen().data
    assert list(drawn(data, 7, 50)) == list(drawn(data, 7, 50))
    assert list(drawn(data, 7, 50)) != list(drawn(data, 8, 50))


@pytest.mark.parametrize(
    ("prelude", "resource", "observed"),
    [
        (LENIENT_INTEGER, COPIES, "seals '01': accepted"),
        (LENIENT_BASE64, COPIES, "wrapped padded: accepted"),
        (UNTYPED, COPIES, "IndexError"),
        (HANGS, COPIES, "TimeoutError"),
        (SWELLS, COPIES, "MemoryError"),
        (CRASHES, COPIES, "updated '0x1': signal 11 ended the process"),
        (READS_ODD_FILES, ODD, "a directory"),
    ],
    ids=["lenient integer", "lenient base64", "untyped error", "hang", "memory", "crash", "odd files"],
)
def test_a_parser_that_can_be_harmed_fails(run_weakened, failures, prelude, resource, observed):
    result = run_weakened("PEN-003", prelude, overrides={"attack_seconds": 1})
    assert (result.check, result.status, result.severity) == ("PEN-003", Status.FAIL, Severity.HIGH)
    assert observed in failures(result)[resource].observed


def test_a_process_that_cannot_be_interrupted_is_ended_and_fails(run_weakened, failures, monkeypatch):
    monkeypatch.setattr(malformed_envelopes, "_ALL", 2)
    result = run_weakened("PEN-003", HANGS_FOR_GOOD, overrides={"attack_seconds": 1})
    observed = failures(result)[COPIES].observed
    assert observed == "epoch '0': the process hung"

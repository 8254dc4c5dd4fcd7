from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from sealproof.checks.scan import detectors as module
from sealproof.checks.scan.detectors import Detectors, Found

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

GREETING = "import sys, time; print('{\"missing\": []}', flush=True)"
SLOW = b"eyJ" * 100_000  # each start of a JSON web token is tried to the end of the line


def command(*lines: str) -> tuple[str, ...]:
    """A worker of our own making."""
    return (sys.executable, "-c", "\n".join(lines))


def test_one_child_answers_for_many_files(detectors: Detectors, vendor_tokens: dict[str, str]):
    for line, name in ((1, "GitHub Token"), (3, "SendGrid API Key")):
        text = "\n" * (line - 1) + vendor_tokens[name]
        assert detectors.begin(text.encode(), python=False)
        answer = detectors.finish()
        assert answer is not None
        assert answer.tokens == (Found(line, name),)
    assert detectors.missing == ()


def test_a_large_file_passes_through_the_pipe(detectors: Detectors):
    assert detectors.begin(b"word " * 1_000_000, python=False)
    answer = detectors.finish()
    assert answer is not None
    assert answer.parsed


def test_a_file_that_takes_too_long_costs_the_child_and_the_next_file_gets_a_new_one(vendor_tokens: dict[str, str]):
    with Detectors(seconds=1) as detectors:
        assert detectors.begin(SLOW, python=False)
        started = time.monotonic()
        assert detectors.finish() is None
        assert time.monotonic() - started < 5
        detectors._seconds = 20
        assert detectors.begin(vendor_tokens["GitHub Token"].encode(), python=False)
        answer = detectors.finish()
        assert answer is not None
        assert answer.tokens == (Found(1, "GitHub Token"),)


def test_a_child_that_ends_half_way_leaves_its_file_unfinished():
    with Detectors(seconds=5, command=command(GREETING, "sys.stdin.readline()")) as detectors:
        assert detectors.begin(b"x" * 5_000_000, python=False)
        assert detectors.finish() is None


def test_a_child_that_does_not_read_is_not_waited_for_longer_than_the_limit():
    with Detectors(seconds=0.3, command=command(GREETING, "time.sleep(60)")) as detectors:
        started = time.monotonic()
        assert detectors.begin(b"x" * 5_000_000, python=False)
        assert detectors.finish() is None
        assert time.monotonic() - started < 10


def test_a_child_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "START_SECONDS", 0.3)
    with Detectors(seconds=1, command=command("import time; time.sleep(60)")) as detectors:
        assert not detectors.begin(b"x", python=False)
        assert "does not start" in detectors.broken
        assert not detectors.begin(b"x", python=False)


def test_after_many_unfinished_files_the_rest_is_not_begun(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "UNFINISHED_MAX", 2)
    with Detectors(seconds=5, command=command(GREETING)) as detectors:
        for _ in range(2):
            assert detectors.begin(b"x", python=False)
            assert detectors.finish() is None
        assert not detectors.begin(b"x", python=False)
        assert "not begun" in detectors.broken


def test_the_child_is_given_no_key_and_no_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("MASTER_SECRET_KEY", "not-for-children")
    monkeypatch.setenv("SEALPROOF_KEY", "not-for-children")
    monkeypatch.setenv("PYTHONPATH", f"relative:{tmp_path}")
    environment = module._environment()
    assert "not-for-children" not in environment.values()
    assert "relative" not in environment["PYTHONPATH"].split(":")
    assert str(tmp_path) in environment["PYTHONPATH"].split(":")


def test_leaving_ends_the_child():
    with Detectors(seconds=1, command=command("import time; time.sleep(60)")) as detectors:
        assert detectors._child is not None
        process = detectors._child._process
    assert process.returncode is not None

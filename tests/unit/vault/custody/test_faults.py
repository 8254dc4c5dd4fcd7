"""Every file operation fails once, in each way a disk can: typed error, earlier state, nothing served unlogged."""

from __future__ import annotations

import asyncio
import os
import shutil
from errno import EIO, ENOSPC, EROFS
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sealproof.errors import SealproofError
from sealproof.settings import Settings
from sealproof.vault.audit import segments
from sealproof.vault.custody import AdvancedSecretManager

if TYPE_CHECKING:
    from collections.abc import Callable

WRITING = ("write", "pwrite", "fsync", "rename", "unlink", "mkdir", "ftruncate", "fchmod")
READING = ("read", "pread", "fstat")
_CREATING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
OLD, NEW = "first-value-of-it", "second-value-of-it"


class Disk:
    """The operating system's file operations, of which the one numbered `at` fails with `error`."""

    def __init__(self, patch: pytest.MonkeyPatch, error: int, *, reading: bool) -> None:
        self.at = 0
        self.done = 0
        self._error = error
        for name in WRITING + (READING if reading else ()):
            patch.setattr(os, name, self._failing(getattr(os, name)))
        patch.setattr(segments, "_sync", self._failing(segments._sync))
        really_open = os.open

        def opened(path, flags, *args, **options):
            if reading or flags & _CREATING:
                self._tick()
            return really_open(path, flags, *args, **options)

        patch.setattr(os, "open", opened)

    def fail_at(self, number: int) -> None:
        self.at, self.done = number, 0

    @property
    def has_failed(self) -> bool:
        return self.done >= self.at

    def _failing(self, operation: Callable[..., object]) -> Callable[..., object]:
        def run(*args: object, **options: object) -> object:
            self._tick()
            return operation(*args, **options)

        return run

    def _tick(self) -> None:
        self.done += 1
        if self.done == self.at:
            raise OSError(self._error, os.strerror(self._error))


def outcome(root: str, use) -> object:
    """Return what a fresh manager answers, or the typed error. Anything else is a defect, and goes through."""

    async def whole() -> object:
        async with AdvancedSecretManager("acme", root=root, settings=Settings()) as manager:
            return await use(manager)

    try:
        return asyncio.run(whole())
    except SealproofError as error:
        return error


def is_typed(answer: object) -> bool:
    """Tell whether the call was refused; every refusal says what to do next."""
    if not isinstance(answer, SealproofError):
        return False
    assert answer.hint
    return True


def each_failure(template: Path, tmp_path: Path, disk: Disk, use):
    """Yield root and outcome for each operation that fails, until none of them does any more."""
    number = 0
    while True:
        number += 1
        root = tmp_path / str(number)
        disk.fail_at(0)
        shutil.copytree(template, root)
        disk.fail_at(number)
        answer = outcome(str(root), use)
        failed = disk.has_failed
        disk.fail_at(0)
        yield str(root), answer, failed
        shutil.rmtree(root)
        if not failed:
            return


@pytest.mark.parametrize("error", [ENOSPC, EIO, EROFS], ids=["ENOSPC", "EIO", "EROFS"])
def test_a_failed_write_leaves_the_old_value_or_the_new_one(template, tmp_path, monkeypatch, log_of, error):
    disk = Disk(monkeypatch, error, reading=False)
    count = refused = 0
    for root, answer, failed in each_failure(
        template, tmp_path, disk, lambda manager: manager.set_secret("DB_PASSWORD", NEW)
    ):
        count += failed
        refused += is_typed(answer)
        value = outcome(root, lambda manager: manager.get_secret("DB_PASSWORD"))
        assert value in ((OLD, NEW) if is_typed(answer) else (NEW,))
        words = [record[:2] for record in log_of(root)]
        if value == NEW:
            assert ("write.intent", "allow") in words
        assert words[-1] == ("read", "allow")
    assert count > 10
    assert refused > 8


@pytest.mark.parametrize("error", [ENOSPC, EIO, EROFS], ids=["ENOSPC", "EIO", "EROFS"])
def test_no_secret_is_served_unlogged(template, tmp_path, monkeypatch, log_of, error):
    disk = Disk(monkeypatch, error, reading=error == EIO)
    count = refused = 0
    for root, answer, failed in each_failure(template, tmp_path, disk, lambda m: m.get_secret("DB_PASSWORD")):
        count += failed
        served = [record for record in log_of(root) if record[:2] == ("read", "allow")]
        if is_typed(answer):
            refused += 1
        else:
            assert answer == OLD
            assert len(served) == 1
        assert outcome(root, lambda manager: manager.get_secret("DB_PASSWORD")) == OLD
    assert count > 3
    assert refused > 2

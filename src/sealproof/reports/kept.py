"""Earlier runs, kept small: of each the results and the two statements, from which all else renders again.

One directory a run below the store's `reports/`, named by number and attestation, so that two runs of
one number (a fork of the chain) lie side by side and are found, and none replaces another.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sealproof.errors import FileUnavailable
from sealproof.loader.files import open_root
from sealproof.reports import attestation
from sealproof.reports.formats import KEPT
from sealproof.signing import sha256

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sealproof.findings import RunResult

FOLDER: Final = "reports"
"""Where a store keeps its runs; nothing is kept where there is no such directory."""

_NAME: Final = re.compile(r"(\d{6,})-([0-9a-f]{16})")
_MODE: Final = 0o644


def keep(directory: Path, run: RunResult, files: Mapping[str, bytes]) -> str:
    """Keep a signed run below `directory` and return the name of its folder. Keeping it twice changes nothing.

    Raises FileUnavailable, UnsafeFile.
    """
    name = f"{run.number:06d}-{sha256(files[attestation.NAME]).hex()[:16]}"
    with open_root(str(directory)) as runs, runs.make(name) as folder:
        # The attestation last: a folder without one was never finished, and is no run.
        for part in sorted(KEPT, key=lambda part: part == attestation.NAME):
            folder.replace(part, files[part], mode=_MODE)
    return name


def keep_report(root: Path, run: RunResult, report: Path) -> str:
    """Keep the run of a signed report where the store at `root` keeps runs, and return its folder's name.

    Empty where the store keeps none (there is no `FOLDER`), and for a part or an edition, which is no run of a chain.
    """
    runs = root / FOLDER
    if run.shard or run.edition or not runs.is_dir():
        return ""
    return keep(runs, run, {name: (report / name).read_bytes() for name in KEPT})


def kept_runs(directory: Path) -> tuple[Path, ...]:
    """Return the folders of the runs that are kept below `directory`, by number; unfinished ones are left out.

    Raises FileUnavailable if the directory cannot be read.
    """
    try:
        found = [entry for entry in directory.iterdir() if _NAME.fullmatch(entry.name)]
    except FileNotFoundError:
        return ()
    except OSError as exc:
        message = f"cannot read {directory}: {exc.strerror}"
        raise FileUnavailable(message, names=(str(directory),)) from exc
    finished = [entry for entry in found if (entry / attestation.NAME).exists()]
    return tuple(sorted(finished, key=lambda entry: (int(entry.name.partition("-")[0]), entry.name)))


def number_of(folder: Path) -> int:
    """Return the number that a kept run's folder claims."""
    return int(folder.name.partition("-")[0])

"""Write a report's directory: all of it or nothing.

The files are rendered, signed last, written beside the target and brought to disk; then one exchange
of names puts them in place. A reader sees the old report or the new one.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sealproof.errors import CallerError, EvidenceRejected, FileUnavailable
from sealproof.reports import attestation, results, testresult
from sealproof.reports._files import opened
from sealproof.reports._swap import swap
from sealproof.reports._visible import visible
from sealproof.reports.formats import RENDERERS, is_ours, render_all
from sealproof.reports.verify import recount, require_catalogue
from sealproof.signing import fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sealproof.compliance.catalogue import Catalogue
    from sealproof.findings import RunResult
    from sealproof.reports._files import Folder
    from sealproof.signing import SigningKey

__all__ = ["RENDERERS", "render_directory", "render_files", "write_report"]

_FILE_MODE: Final = 0o644  # a report holds no secret, and is there to be read
_DIRECTORY_MODE: Final = 0o755


def write_report(
    directory: Path, run: RunResult, catalogue: Catalogue, keys: Sequence[SigningKey] = ()
) -> tuple[str, ...]:
    """Write `run` as a report to `directory` and return the names of its files; without keys it is unsigned.

    A report of ours that is there already is replaced as a whole.

    Raises CallerError if the directory holds anything else, EvidenceRejected if the run is not of this
    catalogue or not well-formed, FileUnavailable if the operating system refuses; then nothing has changed.
    """
    files = render_files(run, catalogue, keys)
    target = directory.absolute()
    with _refusals(target):
        _require_ours(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            _fill(fresh, files)
            swap(fresh, target)
        finally:
            _discard(fresh)  # by now the old report, or what could not be put in place
        _sync(target.parent)
    return tuple(files)


def require_writable(directory: Path) -> None:
    """Refuse a place where `write_report` could not put a report. Raises CallerError, FileUnavailable."""
    target = directory.absolute()
    with _refusals(target):
        _require_ours(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent)).rmdir()


def render_directory(
    source: bytes, directory: Path, catalogue: Catalogue, keys: Sequence[SigningKey] = ()
) -> tuple[str, ...]:
    """Write the report of an existing `results.json`, and return the names of its files.

    Raises EvidenceRejected if `source` is malformed, of another catalogue, or states a verdict that its
    results do not add up to; else as `write_report`.
    """
    document = results.read(source)
    recount(document)
    return write_report(directory, document.run, catalogue, keys)


def render_files(run: RunResult, catalogue: Catalogue, keys: Sequence[SigningKey] = ()) -> Mapping[str, bytes]:
    """Return a report's files by name, the attestation last."""
    require_catalogue(run, catalogue)
    source = results.decode(results.encode(run, catalogue))  # every format shows what results.json can hold
    signer = fingerprint(keys[0].public) if keys else ""
    files = render_all(source, catalogue, signer=signer)
    if keys:
        files[testresult.NAME] = testresult.attest(source, files[results.NAME], keys)
        files[attestation.NAME] = attestation.attest(source, dict(files), keys)
    return files


def _require_ours(target: Path) -> None:
    if not os.path.lexists(target):
        return
    try:
        with opened(target) as folder:
            names = folder.names()
            foreign = [name for name in names if not is_ours(name)]
            ours = not names or (not foreign and _is_report(folder))
    except EvidenceRejected as exc:
        message = f"{target} is no report that could be replaced: {exc.message}"
        raise CallerError(message, hint="name a new directory", names=(str(target),)) from exc
    if not ours:
        named = visible(", ".join(foreign[:3])) or f"a {results.NAME} of another program"
        message = f"{target} holds what is no report of sealproof's: {named}"
        raise CallerError(message, hint="name a new directory", names=tuple(foreign))


def _is_report(folder: Folder) -> bool:
    """Tell whether all names are plain files, and `results.json` one that some release of ours wrote."""
    files = {name: folder.read(name) for name in (results.NAME, *folder.names())}
    return f'"schema":"{results.SCHEMA.partition("/")[0]}/'.encode() in files[results.NAME]


def _fill(directory: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        with (directory / name).open("xb") as file:
            os.fchmod(file.fileno(), _FILE_MODE)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    directory.chmod(_DIRECTORY_MODE)
    _sync(directory)


def _discard(directory: Path) -> None:
    if not directory.exists():
        return
    for name in os.listdir(directory):
        if is_ours(name):
            (directory / name).unlink()
    try:
        directory.rmdir()
    except OSError as exc:
        message = f"{directory} holds what was put into the old report while the new one was written"
        raise FileUnavailable(message, hint="look at it, and move it away", names=(str(directory),)) from exc


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _refusals(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        message = f"cannot write the report {target}: {exc.strerror}"
        raise FileUnavailable(message, names=(str(target),)) from exc

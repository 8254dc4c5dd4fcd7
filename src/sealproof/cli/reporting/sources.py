"""Read what the actions of `sealproof report` are given: results, keys, attestations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.errors import CallerError
from sealproof.loader.files import read_private, read_public
from sealproof.reports import results
from sealproof.reports.trust import read_pins
from sealproof.reports.verify import recount
from sealproof.signing import SigningKey

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sealproof.findings import RunResult
    from sealproof.reports.trust import PinnedKey

RESULTS_MAX = 256 * 1024 * 1024  # bytes
_KEY_MAX = 256 * 1024  # bytes; a file of report keys holds several


def read(path: Path | str, *, limit: int = RESULTS_MAX) -> bytes:
    """Return a file's bytes. Raises CallerError if there is none, UnsafeFile, LimitExceeded."""
    data = read_public(str(path), limit=limit)
    if data is None:
        message = f"there is no file {path}"
        raise CallerError(message, hint="sealproof report --help")
    return data


def read_run(path: Path) -> RunResult:
    """Return the run of a `results.json`, or of the one in a directory; its verdict is counted again.

    Raises EvidenceRejected: a false document is not rendered and not compared.
    """
    document = results.read(read(path / results.NAME if path.is_dir() else path))
    recount(document)
    return document.run


def pins(paths: Sequence[str], action: str) -> tuple[PinnedKey, ...]:
    """Return the keys that the caller pinned. Raises CallerError where none was."""
    if not paths:
        message = f"report {action} needs a key that you trust: one found beside the report proves nothing"
        raise CallerError(message, hint=f"sealproof report {action} DIR --key PUBLIC_KEY_FILE")
    return tuple(key for path in paths for key in read_pins(read(path, limit=_KEY_MAX), name=path))


def signing_keys(path: str) -> list[SigningKey]:
    """Return the key to sign with, or none where none was named."""
    if not path:
        return []
    text = read_private(path, limit=_KEY_MAX)
    if text is None:
        message = f"there is no key file {path}"
        raise CallerError(message, hint="--sign-key FILE, a private Ed25519 key in PEM")
    return [SigningKey.from_pem(text, name=path)]

"""What the audit commands share: the pinned key, progress in bytes, one way to answer."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sealproof.cli import console
from sealproof.cli.progress import Progress
from sealproof.errors import CallerError
from sealproof.loader.files import read_public
from sealproof.signing import public_from_pem
from sealproof.vault.audit.home import pinned_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.cli.arguments import Arguments
    from sealproof.vault.audit.verify import Progress as Report

_PEM_MAX = 4096  # bytes
_MIB = 20  # bits


def pinned_by(args: Arguments) -> bytes:
    """Return the key that `--key` names, or the store's own. Raises CallerError, KeyMissing, MalformedFile."""
    if not args.key:
        return pinned_key(args.root, args.tenant)
    text = read_public(args.key, limit=_PEM_MAX)
    if text is None:
        message = f"there is no file {args.key}"
        raise CallerError(message, hint="ask the log's owner for keys/signing/audit-TENANT.pub")
    return public_from_pem(text, name=args.key)


@contextmanager
def progress_of(title: str, tenant: str) -> Iterator[Report]:
    """Show a bar, a step a megabyte."""
    with Progress(title) as bar:
        yield lambda _, total: bar.advance((total >> _MIB) + 1, tenant)


def answer(args: Arguments, value: dict[str, object], lines: list[str]) -> None:
    """Print `lines` for people, or `value` for programs."""
    if args.json:
        console.answer_json(value)
    else:
        for line in lines:
            console.answer(line)

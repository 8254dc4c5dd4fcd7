"""Find secrets that version control tracks: by name, and private keys by what is in them."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from sealproof.checks.scan import git
from sealproof.checks.scan.document import Document
from sealproof.checks.scan.files import Skip, read
from sealproof.checks.scan.keyfiles import find_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

_TEMPLATES = (".example", ".sample", ".template", ".tmpl", ".dist", ".defaults", ".schema", ".enc")
_PLAIN = re.compile(r"\.env(?:\..+)?|.+\.env\.local")
_COPY = re.compile(r"\.(?:env.*|.*\.(?:env|key))\.sw[a-p]|.*(?:\.env|\.env\.[^~]*|\.key)~|\#.*(?:\.env|\.key).*\#")
_FILE_MAX = 1 << 20  # bytes; no key is larger


def tracked_secrets(directory: str, keys: str) -> Iterator[tuple[str, str]]:
    """Yield path and kind of each tracked file below `directory` that should not be. Raises ToolFailed.

    `keys` is the store's own `keys/`, without links; public halves in it may be tracked.
    """
    told: set[str] = set()
    for path in dict.fromkeys(git.names(directory, "ls-files", "-z", "--cached")):
        kind = _by_name(directory, path, keys)
        if kind:
            told.add(path)
            yield path, kind
    mark = ("grep", "-z", "-l", "--cached", "-F", "-e", "PRIVATE KEY", "--", ".")
    for path in git.names(directory, *mark, good=(0, 1)):
        if path not in told:
            data = git.ask(directory, "cat-file", "blob", f":./{path}")
            kind = next((kind for _, kind in find_keys(data)), "")
            if kind:
                yield path, kind


def _by_name(directory: str, path: str, keys: str) -> str:
    """Return what a tracked file is by its name, or an empty string; what speaks against it is in the file."""
    name = os.path.basename(path)
    whole = os.path.join(directory, path)
    if os.path.realpath(whole).startswith(keys + os.sep) and not name.endswith(".pub"):
        return "a file of the store's keys/"
    if name.endswith(".key"):
        return "" if _is_public(whole) else "a key file, by its name"
    if _COPY.fullmatch(name):
        return "an editor's copy of a secret file, by its name"
    if _PLAIN.fullmatch(name) and not name.endswith(_TEMPLATES) and _is_text(whole):
        return "a plain environment file, by its name"
    return ""


def _is_public(path: str) -> bool:
    data = read(path, limit=_FILE_MAX)
    return not isinstance(data, Skip) and b"PUBLIC KEY" in data and b"PRIVATE KEY" not in data


def _is_text(path: str) -> bool:
    """Tell whether a file may hold plain values: an encrypted container may bear such a name too."""
    data = read(path, limit=_FILE_MAX)
    return isinstance(data, Skip) or Document(data).is_text

"""Plain text in a store: which files are looked at, and what makes one a plain twin of the sealed values.

Everything below a tenant's own directory is, to any depth, and everything else in the store that is no tenant's.
Links are not followed. What the store itself lays there is text by its nature and may hold no live value; any
other file may hold no line that assigns either. What encrypted backups hold is ciphertext.
"""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING, NamedTuple

from sealproof.checks.scan.document import Document
from sealproof.checks.scan.files import is_environment_file, left_out
from sealproof.envelope.grammar import TAG_BYTES, is_environment, is_text
from sealproof.errors import DataError
from sealproof.loader.tenant import DEFAULT_ENVIRONMENT
from sealproof.rotation.configuration import FILE_NAME as ROTATION
from sealproof.rotation.schedule import FILE_NAME as SCHEDULE
from sealproof.vault.backup.header import parse as parse_backup
from sealproof.vault.manifest import FILE_NAME as MANIFEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.scan.live_values import Place
    from sealproof.checks.scan.needles import Needles

READ_MAX = 8 << 20
"""Bytes read of one file. A plain environment file has at most 1 MiB; what is longer is said not to be read through."""
_EXAMPLE = ".env.example"
_BESIDE = frozenset((_EXAMPLE, MANIFEST, ROTATION, SCHEDULE))
_TOP = frozenset(
    ("sealproof.toml", "policy.json", MANIFEST, "waivers.toml", "overlay.toml", ".gitignore", ".gitattributes")
)
_LAID = frozenset(("keys", "audit", "reports", "records", "backups", "consumers"))
_COPIES = frozenset("backup bak copy local old orig sample save saved swo swp temp template tmp".split())
"""What follows `.env.` in the names of copies. None of these names an environment."""
_SEALED = re.compile(r"\.env(\.[a-z0-9-]+)?\.enc")
_NAME = rb"[A-Za-z_][A-Za-z0-9_]*"
_ASSIGNMENT = re.compile(rb"^[ \t]*(?:export[ \t]+)?" + _NAME + rb"[ \t]*=[ \t=]*[^\s=]", re.MULTILINE)
_DOTENV_LINE = re.compile(rb"\s*(?:#.*|(?:export\s+)?" + _NAME + rb"\s*=.*)?")


class PlainFile(NamedTuple):
    """A file that holds plain text which should be sealed."""

    path: str
    """Below the store's root."""
    live: tuple[Place, ...]
    """Whose live values stand in it, as far as they could be looked for. Never the values."""
    is_whole: bool = True
    """False if nothing was found, and it was not read to its end."""


def below_tenant(root: str, tenant: str) -> Iterator[str]:
    """Yield every regular file in a tenant's directory but sealed ones, by its path below the root."""
    own = os.path.join("tenants", tenant)
    for path in _files(root, own, frozenset()):
        if os.path.dirname(path) != own or not _SEALED.fullmatch(os.path.basename(path)):
            yield path


def around_tenants(root: str, tenants: frozenset[str]) -> Iterator[str]:
    """Yield every regular file of the store that lies in no directory of `tenants`."""
    yield from _files(root, "", frozenset(os.path.join("tenants", tenant) for tenant in tenants))


def judge(root: str, path: str, needles: Needles[Place]) -> PlainFile | None:
    """Return what is plain in one file, or None. Raises OSError."""
    with open(os.open(os.path.join(root, path), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW), "rb") as file:
        data = file.read(READ_MAX + 1)
    if _is_container(data):
        return None
    live = dict.fromkeys(hit.owner for view in Document(data).views for hit in needles.hits(view))
    if live or _may_not_assign(path, data):
        return PlainFile(path, tuple(sorted(live, key=str)))
    return PlainFile(path, (), is_whole=False) if len(data) > READ_MAX else None


def environment_of(path: str) -> str:
    """Return the environment that a file beside the sealed ones is named for; an empty text where it is for none."""
    directory, name = os.path.split(path)
    if os.path.dirname(directory) != "tenants" or not name.startswith(".env"):
        return ""
    environment = name.removeprefix(".env").removeprefix(".") or DEFAULT_ENVIRONMENT
    in_place = name in (".env", f".env.{environment}")
    return environment if in_place and is_environment(environment) and environment not in _COPIES else ""


def _files(root: str, start: str, others: frozenset[str]) -> Iterator[str]:
    for where, directories, names in os.walk(os.path.join(root, start)):
        inside = os.path.normpath(os.path.relpath(where, root))
        base = "" if inside == os.curdir else inside
        directories[:] = sorted(
            name
            for name in directories
            if os.path.join(base, name) not in others and left_out(os.path.join(where, name), name) is None
        )
        for name in sorted(names):
            path = os.path.join(base, name)
            if stat.S_ISREG(os.lstat(os.path.join(root, path)).st_mode) and _is_worth_a_look(path):
                yield path


def _is_worth_a_look(path: str) -> bool:
    """Pass over what the store writes and reads itself, often and at length: logs, keys, reports, records."""
    top, _, rest = path.partition(os.sep)
    return not (rest and top in _LAID) or is_environment_file(path)


def _may_not_assign(path: str, data: bytes) -> bool:
    """Tell whether a file holds assignments where none may stand."""
    parts = path.split(os.sep)
    if parts[-1] == _EXAMPLE or (len(parts) == 1 and path in _TOP):
        return False
    if parts[0] != "tenants":  # programs and notes may stand here; a file of assignments only is none
        return _ASSIGNMENT.search(data) is not None and (is_environment_file(path) or _is_dotenv(data))
    laid = len(parts) == 3 and parts[-1] in _BESIDE  # noqa: PLR2004 - tenants/NAME/FILE
    return not laid and _ASSIGNMENT.search(data) is not None


def _is_dotenv(data: bytes) -> bool:
    return all(_DOTENV_LINE.fullmatch(line) for line in data.splitlines())


def _is_container(data: bytes) -> bool:
    """Tell whether this is an encrypted backup: a front of the format, and behind it bytes that are no text."""
    try:
        payload = data[len(parse_backup(data).data) :]
    except DataError:
        return False
    return len(payload) > TAG_BYTES and not is_text(payload)

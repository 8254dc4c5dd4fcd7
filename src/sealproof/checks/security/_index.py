"""Ask git what it tracks. Reads the index and its blobs, writes nothing, fetches nothing."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from sealproof.checks.tenant import NoEvidence

if TYPE_CHECKING:
    from collections.abc import Iterable

_SECONDS = 60
_NOTHING_FOUND = 1


def tree_around(path: str) -> str | None:
    """Return the root of the work tree around `path`, None where there is no repository.

    Raises NoEvidence where there is one and git does not answer for it.
    """
    directory = os.path.realpath(path)
    while not os.path.lexists(os.path.join(directory, ".git")):
        if directory == os.path.dirname(directory):
            return None
        directory = os.path.dirname(directory)
    return os.fsdecode(_git(directory, "rev-parse", "--show-toplevel").stdout.removesuffix(b"\n"))


def is_ignored(tree: str, path: str) -> bool:
    """Tell whether the ignore rules hold back `path`, whatever is tracked below it."""
    answer = _git(tree, "check-ignore", "--quiet", "--no-index", "--", path, allowed=(0, _NOTHING_FOUND))
    return answer.returncode == 0


def tracked_with(tree: str, texts: Iterable[str]) -> list[str]:
    """Return the tracked paths, below `tree`, whose staged content holds one of `texts`."""
    patterns = [word for text in texts for word in ("-e", text)]
    found = _git(
        tree, "grep", "--cached", "--full-name", "--no-color", "--no-recurse-submodules", "-lzF", *patterns,
        allowed=(0, _NOTHING_FOUND),
    )  # fmt: skip
    return sorted({os.fsdecode(name) for name in found.stdout.split(b"\0") if name})


def staged(tree: str, path: str, *, limit: int) -> bytes | None:
    """Return the staged content of `path`; None if it is over `limit` bytes or not a single version."""
    blob = f":0:{path}"
    size = _git(tree, "cat-file", "-s", blob, allowed=(0, 128))
    if size.returncode or int(size.stdout) > limit:
        return None
    return _git(tree, "cat-file", "blob", blob).stdout


def _git(tree: str, *words: str, allowed: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[bytes]:
    environment = {name: value for name, value in os.environ.items() if name not in ("GIT_DIR", "GIT_WORK_TREE")}
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1"}
    try:
        answer = subprocess.run(  # noqa: S603 - fixed program, no shell
            ["git", "-C", tree, *words],  # noqa: S607 - the user's own git
            capture_output=True, timeout=_SECONDS, check=False, env=environment,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as exc:
        message = f"git {words[0]} did not answer in {tree}"
        raise NoEvidence(message, hint=f"git -C {tree} status") from exc
    if answer.returncode not in allowed:
        message = f"git {words[0]} failed in {tree} (exit code {answer.returncode})"
        raise NoEvidence(message, hint=f"git -C {tree} status")
    return answer

"""Ask git about a work tree.

Nothing of the tree's own configuration is run (a file-system monitor is a program that a repository
may name), and git variables of the caller, as a hook has them, do not lead to another repository.
"""

from __future__ import annotations

import os
import subprocess

from sealproof.errors import ToolFailed

SECONDS = 300
"""How long git may take: listing a cold tree of a million files takes minutes, not seconds."""
_ALWAYS = ("--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false")
_LEADS_ELSEWHERE = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
)


def ask(directory: str, *words: str, stdin: bytes = b"", good: tuple[int, ...] = (0,)) -> bytes:
    """Return what `git -C DIRECTORY WORDS` answers.

    Raises ToolFailed if git is not there, runs out of time, or ends with a code that is not in `good`.
    """
    try:
        answer = subprocess.run(  # noqa: S603 - fixed program, no shell
            ["git", "-C", directory, *_ALWAYS, *words],  # noqa: S607 - the user's own git
            input=stdin,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            env=_environment(),
        )
    except FileNotFoundError:
        raise _not_installed() from None
    except subprocess.TimeoutExpired:
        message = f"git {words[0]} took over {SECONDS} s"
        raise ToolFailed(message, hint=f"git -C {directory} status") from None
    if answer.returncode not in good:
        said = answer.stderr.decode(errors="replace").strip().partition("\n")[0]
        message = f"git {words[0]} gave no answer: {said:.200}"
        raise ToolFailed(message, hint=f"git -C {directory} status")
    return answer.stdout


def start(directory: str, *words: str) -> subprocess.Popen[bytes]:
    """Start `git -C DIRECTORY WORDS` with pipes to it and from it. Raises ToolFailed if git is not there."""
    try:
        return subprocess.Popen(  # noqa: S603 - fixed program, no shell
            ["git", "-C", directory, *_ALWAYS, *words],  # noqa: S607 - the user's own git
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
        )
    except FileNotFoundError:
        raise _not_installed() from None


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _LEADS_ELSEWHERE}
    return kept | {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1"}


def _not_installed() -> ToolFailed:
    return ToolFailed("git is not installed", hint="install git")


def names(directory: str, *words: str, stdin: bytes = b"", good: tuple[int, ...] = (0,)) -> list[str]:
    """Return the NUL-separated names that git answers with (`-z` stands among the words)."""
    return [os.fsdecode(name) for name in ask(directory, *words, stdin=stdin, good=good).split(b"\0") if name]


def work_tree(directory: str) -> str | None:
    """Return the root of the work tree that `directory` is in, or None where no `.git` is in it or above it.

    Raises ToolFailed where there is one and git does not read it: that is no answer, not the answer "none".
    """
    if not _has_repository(os.path.realpath(directory)):
        return None
    return os.fsdecode(ask(directory, "rev-parse", "--show-toplevel")).rstrip("\n")


def is_ignored(directory: str) -> bool:
    """Tell whether the repository around `directory` ignores all of it: then it says nothing about what is in it."""
    top = work_tree(directory)
    if top is None or os.path.realpath(top) == os.path.realpath(directory):
        return False
    inside = os.path.relpath(os.path.realpath(directory), os.path.realpath(top))
    return bool(ask(top, "check-ignore", "-z", "--stdin", stdin=os.fsencode(inside) + b"\0", good=(0, 1)))


def _has_repository(directory: str) -> bool:
    while not os.path.lexists(os.path.join(directory, ".git")):
        above = os.path.dirname(directory)
        if above == directory:
            return False
        directory = above
    return True

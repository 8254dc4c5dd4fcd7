"""Stand between a store and the operating system: count its file operations, end the process or fail at any of them.

Patches functions of `os` and `builtins.open` for the length of a block, so it sees a store that writes from
this process. Only for forks: what is patched belongs to all threads.
"""

from __future__ import annotations

import builtins
import functools
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Hook = Callable[[str, bool], None]
    """Called with an operation's name and whether it is done: before, and after."""

_CHANGING = """
    write pwrite fsync fdatasync rename replace link symlink unlink remove rmdir mkdir chmod fchmod truncate ftruncate
""".split()
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


@contextmanager
def watched(hook: Hook) -> Iterator[None]:
    """Call `hook` around every operation that changes files, for a block."""
    saved = {name: getattr(os, name) for name in (*_CHANGING, "open")}
    opened = builtins.open
    for name in _CHANGING:
        setattr(os, name, _around(saved[name], name, hook))
    os.open = _os_open(saved["open"], hook)  # type: ignore[assignment]
    builtins.open = _builtin_open(opened, hook)  # type: ignore[assignment]
    try:
        yield
    finally:
        builtins.open = opened
        for name, function in saved.items():
            setattr(os, name, function)


def counted(call: Callable[[], object]) -> int:
    """Return how many points a call has at which it could be stopped."""
    points = 0

    def count(_name: str, _done: bool) -> None:  # noqa: FBT001 - the hook's shape
        nonlocal points
        points += 1

    with watched(count):
        call()
    return points


def _around(function: Callable[..., object], name: str, hook: Hook) -> Callable[..., object]:
    @functools.wraps(function)
    def wrapped(*args: object, **options: object) -> object:
        hook(name, False)  # noqa: FBT003 - the hook's shape
        answer = function(*args, **options)
        hook(name, True)  # noqa: FBT003 - the hook's shape
        return answer

    return wrapped


def _os_open(function: Callable[..., object], hook: Hook) -> Callable[..., object]:
    changing = _around(function, "open", hook)

    def opened(path: object, flags: int, *args: object, **options: object) -> object:
        return (changing if flags & _WRITE_FLAGS else function)(path, flags, *args, **options)

    return opened


def _builtin_open(function: Callable[..., object], hook: Hook) -> Callable[..., object]:
    changing = _around(function, "open", hook)

    def opened(file: object, mode: str = "r", *args: object, **options: object) -> object:
        return (changing if set(mode) & set("wax+") else function)(file, mode, *args, **options)

    return opened

"""What an exception says: its text, its chain also where `from None` hides it, and the locals of the store's frames."""

from __future__ import annotations

import os
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep
_LOCAL_MAX = 20_000  # characters of one local variable


def text_of(exc: BaseException, *, frames: bool) -> str:
    """Return all that a log or a debugger could show of `exc`.

    Frames of attacks and of the adapters beside them are left out: they know the canaries because they made them.
    """
    parts: list[str] = []
    for link in _chain(exc):
        parts.append("".join(traceback.format_exception_only(link)))
        parts += [repr(link.args), repr(getattr(link, "__notes__", ""))]
        if frames:
            parts += _locals(link.__traceback__)
    return "\n".join(parts)


def _chain(exc: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[BaseException | None] = [exc]
    while waiting:
        link = waiting.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            yield link
            waiting += [link.__cause__, link.__context__]


def _locals(trace: TracebackType | None) -> Iterator[str]:
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith(_OURS):
            for name, value in trace.tb_frame.f_locals.items():
                yield f"{name}={_shown(value)}"
        trace = trace.tb_next


def _shown(value: object) -> str:
    try:
        return repr(value)[:_LOCAL_MAX]
    except Exception as exc:  # noqa: BLE001 - an object that cannot be shown shows nothing
        return f"<{type(exc).__name__} on repr>"

"""Say what a long rotation waits for: a line at each new wait, not one at each look."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sealproof.cli import console

if TYPE_CHECKING:
    from sealproof.rotation.states import Pause, State


class Waiting:
    """Hears of each wait, and says what is new of it."""

    def __init__(self) -> None:
        self._said: tuple[object, ...] = ()

    def __call__(self, name: str, state: State, pause: Pause) -> None:
        """Say the state, the reason and the time at which it is over at the latest."""
        new = (name, state, pause.why, pause.by)
        if new == self._said:
            return
        if not self._said:
            console.say("this takes a while; it may be stopped, and the same command goes on")
        self._said = new
        by = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(pause.by))
        whom = f" {pause.share / 100:g} % of consumers" if pause.share else ""
        console.say(f"{name}: {state.value}{whom}: {pause.why}; {by} at the latest")

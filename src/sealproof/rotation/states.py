"""The states of a rotation, and which may follow which. Pure: what happens in a state stands in `engine`.

A state is written to the journal *before* its side effect, so the last line names what may have happened and what is
done again on resuming. AWS's four steps are `created`, `set`, `tested` and `current`.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from sealproof.vault.journal import ABANDONED, BEGIN, DONE

if TYPE_CHECKING:
    from sealproof.vault.journal import Operation


class State(Enum):
    """Where a rotation stands; the comment says what is done in it."""

    DUE = "due"  # the rotation has an id and a lease
    NOTIFIED = "notified"  # people and services are told
    CREATED = "created"  # a value is drawn, and sealed as NAME.pending
    SET = "set"  # the target takes it beside the present one
    TESTED = "tested"  # somebody logs in with it
    PROMOTING = "promoting"  # some consumers use it, and are watched
    CURRENT = "current"  # it becomes NAME, and the old one NAME.previous, in one save
    GRACE = "grace"  # every consumer follows; flipping back is still possible
    REVOKED = "revoked"  # the target ends the old one; from here on only forward
    DONE = "done"
    ROLLING_BACK = "rolling-back"  # consumers return to the old one, then the target ends the new one
    ROLLED_BACK = "rolled-back"
    NEEDS_HUMAN = "needs-human"  # nothing more happens until a person acts

    @property
    def is_final(self) -> bool:
        """Tell whether nothing more will happen."""
        return self in (State.DONE, State.ROLLED_BACK)

    @property
    def may_turn_back(self) -> bool:
        """Tell whether the old credential is still valid, so that rolling back is possible."""
        return self not in (State.REVOKED, State.DONE, State.ROLLED_BACK)


class Pause(NamedTuple):
    """Nothing can be done before a time; it is over at a later one."""

    until: float
    """When to look again, in unix seconds."""
    why: str
    by: float
    """When the waiting ends at the latest, whatever others do, in unix seconds."""
    share: int = 0
    """Where some consumers are watched: those whose digest is below this, of 10,000. 0 elsewhere, and for canaries."""


_EVENTS = {BEGIN: State.DUE, DONE: State.DONE, ABANDONED: State.ROLLED_BACK}


def state_of(operation: Operation) -> State:
    """Return the state that the journal's newest line of a rotation names."""
    return _EVENTS.get(operation.last) or State(operation.last)


def effective_state(operation: Operation) -> State:
    """Return where a rotation stands; where it waits for a person, the state that it goes back to."""
    state = state_of(operation)
    return State(operation.text("back_to")) if state is State.NEEDS_HUMAN else state


_BACK = (State.ROLLING_BACK, State.ROLLED_BACK)
_FOLLOWING = {
    State.DUE: (State.NOTIFIED, *_BACK),
    State.NOTIFIED: (State.CREATED, *_BACK),
    State.CREATED: (State.SET, *_BACK),
    State.SET: (State.TESTED, State.CREATED, *_BACK),  # a value that was refused twice is drawn anew
    State.TESTED: (State.PROMOTING, State.CURRENT, State.SET, State.CREATED, *_BACK),
    State.PROMOTING: (State.CURRENT, *_BACK),
    State.CURRENT: (State.GRACE, *_BACK),
    State.GRACE: (State.REVOKED, *_BACK),
    State.REVOKED: (State.DONE,),
    State.ROLLING_BACK: (State.ROLLED_BACK,),
    State.NEEDS_HUMAN: tuple(state for state in State if state not in (State.DUE, State.NOTIFIED)),
    State.DONE: (),
    State.ROLLED_BACK: (),
}


def may_follow(state: State, following: State) -> bool:
    """Tell whether a journal may say `following` after `state`. The same state again is a repetition, and may."""
    if state.is_final:
        return False
    return following in (state, State.NEEDS_HUMAN, *_FOLLOWING[state])

"""A consumer: a process that loads through us, notices a rotation, changes over, and says so.

It asks for a credential each time it opens a connection (`clients` does so for psycopg and redis-py), tells whether the
log-in worked, and re-reads the sealed file at most every `refresh_s`. Its word is what a rotation waits for before the
old credential ends. What a canary is judged by has to stand in the audit log, too: it is recorded there at each
acknowledgement and for each window of use, never once an operation.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, NamedTuple

from sealproof.errors import CannotOpen, SealproofError, UnknownSecret
from sealproof.loader.files import open_root
from sealproof.loader.secret import Secret
from sealproof.loader.tenant import Place, open_tenant
from sealproof.rotation import rollout as rollouts
from sealproof.rotation.presence import this_process
from sealproof.rotation.recording import Recorder, SharedLog
from sealproof.rotation.register import Register, check_consumer_id
from sealproof.rotation.words import Acknowledgement, Use

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    from sealproof.envelope.open import Unlocked
    from sealproof.rotation.rollout import Rollout
    from sealproof.vault.audit.interface import AuditSink

REFRESH_S = 30.0
_TRIES = 3  # openings that a new epoch may spoil


class Lent(NamedTuple):
    """A credential as it was handed out, for telling later how it served."""

    name: str
    value: Secret
    version: int
    """Grows with each credential of this name that this consumer was told to use; equal means the same credential."""
    rotation: str
    """The rotation under way that it is the new one of; empty for the credential that was there before."""


class Consumer:
    """One process' view of one tenant's secrets. Threads may share it; another process needs an id of its own.

    What is said is recorded in `audit` first: by default the tenant's log in the store, where this process may write it
    (it needs `keys/`). What cannot be recorded stops no application: it is said all the same, and tried again with the
    next word, but a watched step does not pass on it (`unrecorded` has the reason).
    """

    def __init__(
        self,
        tenant_id: str | None = None,
        *,
        consumer_id: str,
        environment: str | None = None,
        root: str | os.PathLike[str] | None = None,
        refresh_s: float = REFRESH_S,
        audit: AuditSink | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._place = Place(tenant_id, environment, root)
        self.consumer_id = check_consumer_id(consumer_id)
        self.refresh_s = refresh_s
        self._register = Register(self._place.root, self._place.tenant, self._place.environment)
        self._recorder = Recorder(
            audit or SharedLog.of(self._place.root, self._place.tenant), consumer_id, self._place.environment
        )
        self._clock = clock
        self._lock = Lock()
        self._data = b""
        self._unlocked: Unlocked | None = None
        self._values: dict[str, bytes] = {}
        self._rollouts: dict[str, Rollout] = {}
        self._versions: dict[str, tuple[int, bytes]] = {}
        self._uses: dict[tuple[str, str], Use] = {}
        self._next = self._read_at = 0.0
        self._unsaid = False
        self._beats = 0  # threads of `watching`
        self.problem: SealproofError | None = None
        """What the thread of `watching` met when it last looked, or None."""
        self.unrecorded: SealproofError | None = None
        """Why the audit log did not take the newest word, or None."""

    def __repr__(self) -> str:
        return f"Consumer({self._place.tenant}/{self._place.environment}, {self.consumer_id!r})"

    def lend(self, name: str) -> Lent:
        """Return the credential that this consumer is to use for `name` now. Raises UnknownSecret."""
        with self._lock:
            self._refresh_if_due()
            rollout = self._rollouts.get(name)
            value = rollouts.value_for(name, self.consumer_id, self._values, rollout)
            if value is None:
                message = f"{self._place.tenant}/{self._place.environment} has no secret {name!r:.80}"
                hint = f"sealproof list {self._place.tenant} --environment {self._place.environment}"
                raise UnknownSecret(message, hint=hint, names=(name,))
            version, known = self._versions.get(name, (0, b""))
            if value != known:
                version += 1
                self._versions[name] = (version, value)
            rotation = rollout.rotation if rollout is not None and rollout.uses_new(self.consumer_id) else ""
            return Lent(name, Secret(value.decode()), version, rotation)

    def get_secret(self, name: str) -> str:
        """Return the value to use for `name` now. Raises UnknownSecret."""
        return self.lend(name).value.reveal()

    def is_current(self, lent: Lent) -> bool:
        """Tell whether `lent` is what a new connection would be given."""
        return self.lend(lent.name).version == lent.version

    def served(self, lent: Lent, *, worked: bool) -> None:
        """Tell whether the target took `lent`. The first success and every refusal of a new one is said at once."""
        if not lent.rotation:
            return
        with self._lock:
            use = self._uses.get((lent.name, lent.rotation), Use(lent.name, lent.rotation, 0, 0))
            use = use._replace(ok=use.ok + worked, failed=use.failed + (not worked))
            self._uses[lent.name, lent.rotation] = use
            self._unsaid = True
            if not worked or use.ok == 1:
                self._say()

    def refresh(self) -> bool:
        """Read the file again and acknowledge what is new; tell whether anything was."""
        with self._lock:
            return self._refresh()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Refresh in a thread of its own while the block runs: for processes that open connections rarely.

        Meanwhile this consumer speaks every `refresh_s`, and promises to: once it is silent for ten of these (and five
        minutes, for clocks that differ), a rotation no longer waits for it.
        """
        ended = Event()
        thread = Thread(target=self._watch, args=(ended,), name=f"sealproof-consumer-{self.consumer_id}", daemon=True)
        with self._lock:
            self._beats += 1
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            with self._lock:
                self._beats -= 1
            self._beat()  # the promise ends, too

    def close(self) -> None:
        """Leave the register: no rotation waits for this consumer any more. What was counted is recorded first."""
        with self._lock:
            if self._unlocked is not None:
                self._record(self._unlocked.envelope.generation, all_of_it=True)
        self._register.remove(self.consumer_id)

    def _watch(self, ended: Event) -> None:
        while not ended.wait(self.refresh_s):
            try:
                self.refresh()
                self.problem = None
            except SealproofError as exc:
                self.problem = exc  # the next `lend` meets it too, and raises it where it can be handled
            self._beat()

    def _beat(self) -> None:
        """Say that this consumer is there, whatever it met."""
        try:
            with self._lock:
                self._say()
        except SealproofError as exc:
            self.problem = exc

    def _refresh_if_due(self) -> None:
        if self._clock() >= self._next:
            self._refresh()

    def _refresh(self) -> bool:
        """Take the file through every step again, unchanged or not: keys end, writers are retired and files expire."""
        unlocked = self._open()
        changed = unlocked.envelope.data != self._data
        if changed:
            self._values = unlocked.values()
            self._unlocked = unlocked
            self._data = unlocked.envelope.data
            self._read_at = self._clock()
            self._rollouts = rollouts.decode(self._values)
            underway = {rollout.rotation for rollout in self._rollouts.values()}
            self._uses = {key: use for key, use in self._uses.items() if use.rotation in underway}
        self._next = self._clock() + self.refresh_s
        if changed or self._unsaid:
            self._say()
        return changed

    def _open(self, tries: int = _TRIES) -> Unlocked:
        """Open with the keys and the pinned writers of this moment; again where a new epoch came between the two."""
        try:
            with open_root(self._place.root) as root:
                return open_tenant(self._place, root, now=int(self._clock())).unlocked
        except CannotOpen:
            if tries == 1:
                raise
        return self._open(tries - 1)

    def _say(self) -> None:
        """Record it, then put this consumer's word into the register."""
        unlocked = self._unlocked
        if unlocked is None:
            return
        generation = unlocked.envelope.generation
        self._record(generation)
        word = Acknowledgement(
            self.consumer_id, generation, self._read_at, tuple(self._uses.values()), this_process(), self._clock(),
            self.refresh_s if self._beats else 0.0,
        )  # fmt: skip
        self._register.write(word, unlocked)
        self._unsaid = False

    def _record(self, generation: int, *, all_of_it: bool = False) -> None:
        try:
            self._recorder.record(generation, self._uses.values(), now=self._clock(), all_of_it=all_of_it)
        except SealproofError as exc:
            self.unrecorded = exc
        else:
            self.unrecorded = None

"""What the drills do, each in a child process on a scratch store: no key of the caller's helps, none is touched."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

from sealproof.checks.scratch import ENVIRONMENT, ScratchStore
from sealproof.checks.trials import Trials
from sealproof.envelope.freshness import Freshness
from sealproof.envelope.open import open_values
from sealproof.errors import CannotOpen, SealproofError, TargetRefused
from sealproof.loader.context import DevelopmentSecretLoader
from sealproof.loader.secret import Secret
from sealproof.rotation.consumers import Consumer
from sealproof.rotation.engine import Engine
from sealproof.rotation.plan import Plan
from sealproof.rotation.states import State
from sealproof.rotation.targets.api_keys import CallableTarget
from sealproof.vault.keys.epochs import Epochs

if TYPE_CHECKING:
    from sealproof.envelope.keyfile import KeyLine

_TENANT, _NAME = "scratch-a", "API_TOKEN"
_READERS = 2
_REFRESH_S = 0.01
_GRACE_S = 0.2
_PATIENCE_S = 20.0
_ROTATIONS = 3


class _Service:
    """What the scratch secret unlocks: the values that it accepts, and when it ended the others."""

    def __init__(self, first: str) -> None:
        self.accepted = {first}
        self._ended: dict[str, float] = {}

    def was_over(self, value: str, at: float) -> bool:
        """Tell whether `value` had ended before a time of the monotonic clock."""
        return self._ended.get(value, at) < at

    def target(self) -> CallableTarget:
        """Return it as rotations see it."""
        return CallableTarget(
            name="the drill's service",
            is_effective=lambda value: value.reveal() in self.accepted,
            set=lambda value: self.accepted.add(value.reveal()),
            test=self._use,
            revoke=self._end,
        )

    def _end(self, value: Secret) -> None:
        self.accepted.discard(value.reveal())
        self._ended.setdefault(value.reveal(), time.monotonic())

    def _use(self, value: Secret) -> None:
        if value.reveal() not in self.accepted:
            message = "the drill's service refused a value"
            raise TargetRefused(message)


class _Readers:
    """Loaders that read without a pause; no value that they are given may have ended before they asked."""

    def __init__(self, root: str, service: _Service, trials: Trials) -> None:
        self._root = root
        self._service = service
        self._trials = trials
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._read, args=(number,)) for number in range(_READERS)]

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _read(self, number: int) -> None:
        """Read until the block ends, and record once what the worst of it was."""
        consumer = Consumer(_TENANT, consumer_id=f"drill-{number}", root=self._root, refresh_s=_REFRESH_S)
        problem, reads = "", 0
        while not (problem or self._ended.is_set()):
            reads += 1
            began = time.monotonic()
            try:
                lent = consumer.lend(_NAME)
                with DevelopmentSecretLoader(_TENANT, root=self._root).secure_context(environ=False) as reader:
                    loaded = reader.get_secret(_NAME)
            except SealproofError as exc:
                problem = f"a reader met {type(exc).__name__}"
                break
            worked = not any(self._service.was_over(value, began) for value in (lent.value.reveal(), loaded))
            consumer.served(lent, worked=worked)
            problem = "" if worked else "a reader was given a value that had ended"
        consumer.close()  # nobody waits for the word of one that has ended
        self._trials.holds(problem or "a reader read nothing", not problem and reads > 0)


def rotation_drill(directory: str) -> dict[str, object]:
    """Rotate forwards and backwards under readers, then the key; return the trials."""
    trials = Trials()
    store = ScratchStore(directory, (_TENANT,))
    first = store.canaries[_TENANT][_NAME]
    service = _Service(first)
    engine = Engine(store.custodian, store.custodian.keyring.journal, _TENANT, ENVIRONMENT)
    plan = Plan(service.target(), grace_s=_GRACE_S, poll_s=_REFRESH_S, patience_s=_PATIENCE_S)
    with _Readers(store.root, service, trials):
        try:
            for _ in range(_ROTATIONS):
                trials.holds("a rotation reaches its end", engine.rotate(_NAME, plan).state is State.DONE)
            _backwards(engine, plan, service, trials)
        except SealproofError as exc:
            trials.holds(f"a rotation met {type(exc).__name__}", condition=False)
        old = store.custodian.keyring.key_lines(_TENANT, ENVIRONMENT)
        Epochs(store.custodian).rotate(_TENANT, ENVIRONMENT)
        Epochs(store.custodian).destroy(_TENANT, ENVIRONMENT, despite_grace=True)
    with trials.refuses("the old key opens the new file", CannotOpen):
        _open(store, old)
    return trials.to_plain()


def _backwards(engine: Engine, plan: Plan, service: _Service, trials: Trials) -> None:
    """Flip, turn back within grace, and insist that nothing is left of it."""
    before = engine.shelf.look(_NAME).current.reveal()
    waiting = engine.rotate(_NAME, plan, wait=False)
    trials.holds("a flip waits for its grace to end", waiting.state is State.GRACE)
    trials.holds("rolling back within grace works", engine.abandon(_NAME, plan).state is State.ROLLED_BACK)
    trials.holds("the old value is back", engine.shelf.look(_NAME).current.reveal() == before)
    trials.holds("the service accepts the old value alone", service.accepted == {Secret(before).reveal()})


def revocation_drill(directory: str, tenants: int) -> dict[str, object]:
    """Give every scratch tenant a new key and destroy the old one; return trials and the seconds that it took."""
    trials = Trials()
    store = ScratchStore(directory, [f"scratch-{number}" for number in range(tenants)])
    held = {tenant: store.custodian.keyring.key_lines(tenant, ENVIRONMENT) for tenant in store.canaries}
    began = time.monotonic()
    for tenant in held:
        Epochs(store.custodian).rotate(tenant, ENVIRONMENT)
        Epochs(store.custodian).destroy(tenant, ENVIRONMENT, despite_grace=True)
    seconds = time.monotonic() - began
    for tenant, lines in held.items():
        with trials.refuses("a revoked key opens the file", CannotOpen):
            _open(store, lines, tenant)
        now = store.custodian.keyring.key_lines(tenant, ENVIRONMENT)
        trials.holds("the new key opens the file", lambda tenant=tenant, now=now: _open(store, now, tenant))
    return trials.to_plain() | {"milliseconds": int(seconds * 1000)}


def _open(store: ScratchStore, keys: tuple[KeyLine, ...], tenant: str = _TENANT) -> dict[str, bytes]:
    with open(os.path.join(store.root, "tenants", tenant, ".env.enc"), "rb") as file:
        data = file.read()
    freshness = Freshness(now=int(time.time()))
    return open_values(data, tenant=tenant, environment=ENVIRONMENT, keys=keys, freshness=freshness)

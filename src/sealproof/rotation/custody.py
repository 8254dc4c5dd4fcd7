"""The vault's manager with rotation: each one is decided by the policy, recorded, and counted like any other call."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sealproof.errors import CallerError, SealproofError
from sealproof.loader.secret import Secret
from sealproof.rotation.configuration import Configuration
from sealproof.rotation.engine import Engine
from sealproof.rotation.notify import WebhookNotifier
from sealproof.rotation.strategies import Strategy
from sealproof.vault import custody
from sealproof.vault.access.interface import Operation
from sealproof.vault.handed import encoded
from sealproof.vault.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sealproof.rotation.engine import Result
    from sealproof.rotation.notify import Notifier
    from sealproof.rotation.plan import Plan
    from sealproof.rotation.states import Pause, State


class AdvancedSecretManager(custody.AdvancedSecretManager):
    """The secrets of one tenant and environment, for one subject: `sealproof.vault.custody`, and `rotate_secret`."""

    notifiers: tuple[Notifier, ...] = ()
    """Whom rotations tell, besides `ALERT_WEBHOOK_URL`."""
    on_pause: Callable[[str, State, Pause], None] | None = None
    """What is told of each wait of a rotation. See `Engine`."""

    async def rotate_secret(
        self,
        name: str,
        new_value: str | None = None,
        strategy: Strategy | str | None = None,
        *,
        plan: Plan | None = None,
        wait: bool = True,
        unproven: bool = False,
        version: int | None = None,
        approval: str = "",
    ) -> Result:
        """Give `name` a new value at its target and here, or go on with the rotation of it that is under way.

        Without `new_value` the secret's generator draws one. `plan` stands in the place of what `rotation.toml` says.
        Without `wait`, return at the first pause; the same call later goes on. Look at the result's `state`: a rotation
        that was rolled back, or that needs a person, is no exception. `version` is the one that may be replaced, where
        the caller decided by what it saw: if somebody was faster, that is OperationUnderWay.

        Raises InvalidValue (an empty one, too), RotationRefused, OperationUnderWay, TargetUnavailable,
        ConfigurationError, and what the class says.
        """
        chosen = as_strategy(strategy)
        async with self.acting(Operation.ROTATE, name, approval=approval) as call:
            value = None if new_value is None else Secret(encoded(name, new_value).decode())
            planned = plan or self._plan(name, handed=value is not None)
            result = await asyncio.to_thread(
                self.engine().rotate, name, planned, strategy=chosen, value=value, unproven=unproven, wait=wait,
                version=version,
            )  # fmt: skip
            call.version = result.version
        return result

    async def abandon_rotation(self, name: str, *, plan: Plan | None = None, approval: str = "") -> Result:
        """Give up the rotation of `name` that is under way, whatever became of its plan. See `Engine.abandon`."""
        async with self.acting(Operation.ROTATE, name, approval=approval) as call:
            why = ""
            if plan is None:
                try:
                    plan = self._plan(name, handed=True)
                except SealproofError as exc:  # a mistake in the file is a reason to give up, and none to go on
                    why = exc.message
            result = await asyncio.to_thread(self.engine().abandon, name, plan, why=why)
            call.version = result.version
        return result

    def engine(self) -> Engine:
        """Return the engine that rotates this manager's secrets, without decision and record."""
        return Engine(
            self.custodian,
            Journal(self.custodian.store.root),
            self.tenant_id,
            self.environment,
            notifiers=(*self.notifiers, *self.alerts()),
            observers=self.observers,
            on_pause=self.on_pause,
        )

    def alerts(self) -> Sequence[Notifier]:
        """Return the webhook of the settings, where there is one and alerts are on."""
        url = self.settings.alert_webhook_url
        return (WebhookNotifier(url),) if url and self.settings.security_alerts_enabled else ()

    def _plan(self, name: str, *, handed: bool) -> Plan:
        return Configuration(self.custodian, self.tenant_id).plan(self.environment, name, handed=handed)


def as_strategy(strategy: Strategy | str | None) -> Strategy | None:
    """Return the strategy of that name. Raises CallerError."""
    try:
        return None if strategy is None else Strategy(strategy)
    except ValueError:
        message = f"{strategy!r:.40} is no strategy"
        raise CallerError(message, hint=" or ".join(one.value for one in Strategy)) from None

"""The manager as applications get it: rotation's, with canaries that are heard."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sealproof.loader.tenant import Place
from sealproof.monitoring.canaries import CanaryAlarm
from sealproof.monitoring.delivery import Delivery
from sealproof.monitoring.sinks import sinks_of
from sealproof.rotation import custody
from sealproof.vault.custody import get_secret_manager as find_manager

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from sealproof.rotation.notify import Notifier
    from sealproof.settings import Settings
    from sealproof.vault.access.interface import Subject
    from sealproof.vault.observer import Observer


class AdvancedSecretManager(custody.AdvancedSecretManager):
    """The secrets of one tenant and environment, for one subject: `sealproof.vault.custody`, and `rotate_secret`.

    Who asks for a canary raises an alarm at `notifiers`, `ALERT_WEBHOOK_URL` and `ALERT_LOG_PATH`; the call itself is
    answered as if nothing had been noticed.
    """

    def __init__(
        self,
        tenant_id: str | None = None,
        *,
        environment: str | None = None,
        root: str | os.PathLike[str] | None = None,
        user_id: str | None = None,
        subject: Subject | None = None,
        observers: Sequence[Observer] = (),
        settings: Settings | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        place = Place(tenant_id, environment, root)
        self.alerting = Delivery(lambda: (*self.alerts(), *self.notifiers), lambda record: self.audit.append((record,)))
        self._canaries = CanaryAlarm(place.root, place.tenant, self.alerting.begin, caller=lambda: self.subject)
        super().__init__(
            place.tenant,
            environment=place.environment,
            root=place.root,
            user_id=user_id,
            subject=subject,
            observers=(self._canaries, *observers),
            settings=settings,
            clock=clock,
        )

    def close(self) -> None:
        """Let alerts that are under way have a last try, then close as the class says."""
        self.alerting.close()
        super().close()
        self._canaries.drop()

    def alerts(self) -> Sequence[Notifier]:
        """Return the sinks of the settings."""
        return sinks_of(self.settings, self.custodian.store.root)


async def get_secret_manager(
    tenant_id: str | None = None,
    *,
    environment: str | None = None,
    root: str | os.PathLike[str] | None = None,
    user_id: str | None = None,
) -> AdvancedSecretManager:
    """Return the manager of a tenant: always the same one in this event loop for the same question.

    Raises InvalidName, StoreNotFound, ConfigurationError.
    """
    found = await find_manager(
        tenant_id, environment=environment, root=root, user_id=user_id, kind=AdvancedSecretManager
    )
    return found if isinstance(found, AdvancedSecretManager) else _unexpected(found)


def _unexpected(found: object) -> AdvancedSecretManager:
    raise AssertionError(type(found).__name__)

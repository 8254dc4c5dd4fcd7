"""Alerts that do not come out of custody: a command that reads with the key in hand, a report, a drill."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from sealproof.monitoring.alert import Alert, Kind, here
from sealproof.monitoring.canaries import CanaryAlarm
from sealproof.monitoring.delivery import Delivery
from sealproof.monitoring.sinks import sinks_of
from sealproof.vault.access.interface import Operation, Subject
from sealproof.vault.audit.interface import Established
from sealproof.vault.audit.log import AuditLog
from sealproof.vault.inventory import this_user
from sealproof.vault.observer import Decided
from sealproof.vault.settings_file import settings_of

if TYPE_CHECKING:
    from sealproof.vault.audit.interface import AuditRecord

_BY_KEY = "whoever holds the key opens the file"


def delivery_of(root: str, tenant: str) -> Delivery:
    """Return what brings alerts to the sinks of the settings, and writes them down in the tenant's log."""

    def record(one: AuditRecord) -> None:
        with AuditLog(root, tenant, copy_to=settings_of(root).audit_log_path) as log:
            log.append((one,))

    return Delivery(lambda: sinks_of(settings_of(root), root), record)


def read_by_hand(root: str, tenant: str, environment: str, name: str) -> None:
    """Raise the alarm if the secret that a person reads with the key in hand is a canary. It does not wait."""
    user = Subject.this_user()
    alarm = CanaryAlarm(root, tenant, delivery_of(root, tenant).begin, caller=lambda: user)
    event = Decided(
        time.time(), os.urandom(8).hex(), user.name, user.established, tenant, environment, name,
        Operation.READ.value, allowed=True, reason=_BY_KEY, rule="", locked=False,
    )  # fmt: skip
    alarm.decided(event)
    alarm.drop()


def alert_by_hand(kind: Kind, tenant: str, environment: str, name: str, detail: str) -> Alert:
    """Return an alert that this operating-system user raises, now and from here."""
    return Alert(
        kind, time.time(), tenant, environment, name, detail, this_user(), Established.UID.value, kind.value,
        True, *here(), os.urandom(8).hex(),  # noqa: FBT003 - in the order of the alert's fields
    )  # fmt: skip

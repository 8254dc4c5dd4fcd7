"""Tell people and services what is coming and what has happened. A notice names a secret; it never holds a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from sealproof.errors import SealproofError
from sealproof.rotation.http import check_url, post_notice
from sealproof.rotation.targets.interface import DEADLINE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Message(Protocol):
    """What can be told: a notice of a rotation, an alert of the monitoring. Its fields travel as they are."""

    @property
    def kind(self) -> str:
        """Return what it is about, in one word."""
        ...

    def _asdict(self) -> dict[str, Any]: ...


class Notice(NamedTuple):
    """One thing to tell about a rotation."""

    kind: str
    """`upcoming`, `starting`, `finished`, `rolled-back`, `needs-human`, `failed` or `expiring`."""
    at: float
    """Unix seconds."""
    tenant: str
    environment: str
    name: str
    detail: str
    rotation: str = ""
    """The rotation's id, by which a receiver knows a notice that it had before."""


class Notifier(Protocol):
    """Tells somebody. May be told the same thing twice: after a crash nobody knows whether it was told."""

    def notify(self, notice: Message) -> None:
        """Return when it is told. Raises a SealproofError where that did not work."""
        ...


class CallableNotifier:
    """Tells a function of the application."""

    def __init__(self, function: Callable[[Any], None]) -> None:
        self._function = function

    def notify(self, notice: Message) -> None:
        """Call it."""
        self._function(notice)


class WebhookNotifier:
    """Posts notices as JSON. The address may itself be a secret, and is never shown."""

    def __init__(self, url: str, *, deadline_s: float = DEADLINE_S) -> None:
        self._url = check_url(url)
        self._deadline = deadline_s

    def __repr__(self) -> str:
        return "WebhookNotifier(…)"

    def notify(self, notice: Message) -> None:
        """Post it. Raises TargetRefused, TargetUnavailable."""
        body = {"source": "sealproof", **notice._asdict()}
        post_notice(self._url, body, what="the webhook", deadline_s=self._deadline)


def notify_all(notifiers: Iterable[Notifier], notice: Message) -> list[str]:
    """Tell everyone, and return what did not work: a rotation does not wait for a chat service."""
    problems: list[str] = []
    for notifier in notifiers:
        try:
            notifier.notify(notice)
        except SealproofError as exc:
            problems.append(f"{notice.kind} notice was not delivered: {exc.message}")
    return problems

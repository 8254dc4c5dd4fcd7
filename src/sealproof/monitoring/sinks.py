"""Where alerts go: the webhook and the file of the settings, and what the application hands in.

All are `Notifier`s, as rotations use them. None writes to this process' own output: whoever touches a canary may be the
one who reads it.
"""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

from sealproof.errors import UnsafeFile
from sealproof.loader.files import unavailable
from sealproof.rotation.notify import WebhookNotifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealproof.rotation.notify import Message, Notifier
    from sealproof.settings import Settings

DEADLINE_S = 4.0  # seconds that one call to the webhook may take: five of them and the waits between stay below 60
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_MODE = 0o600


class FileNotifier:
    """Appends one line of JSON a message to a file that several processes may share and a rotator may move away."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __repr__(self) -> str:
        return f"FileNotifier({self._path!r})"

    def notify(self, notice: Message) -> None:
        """Append it, in one write, and wait until it is on the disk. Raises UnsafeFile, FileUnavailable."""
        line = json.dumps({"source": "sealproof", **notice._asdict()}, sort_keys=True).encode() + b"\n"
        try:
            fd = os.open(self._path, _FLAGS, _MODE)
            try:
                if not stat.S_ISREG(os.fstat(fd).st_mode):
                    message = f"{self._path} is no regular file"
                    raise UnsafeFile(message, hint=f"ls -la {self._path}")
                while line:
                    line = line[os.write(fd, line) :]
                os.fsync(fd)
            finally:
                os.close(fd)
        except OSError as exc:
            raise unavailable(self._path, exc) from exc


def sinks_of(settings: Settings, root: str) -> Sequence[Notifier]:
    """Return the sinks that the settings of the store at `root` name, those on this host first; none with alerts off.

    `ALERT_LOG_PATH` counts from the store, wherever a process was started.

    Raises ConfigurationError if the webhook is neither https nor on loopback.
    """
    if not settings.security_alerts_enabled:
        return ()
    path = settings.alert_log_path
    file = (FileNotifier(os.path.join(root, path)),) if path else ()
    url = settings.alert_webhook_url
    return (*file, WebhookNotifier(url, deadline_s=DEADLINE_S)) if url else file

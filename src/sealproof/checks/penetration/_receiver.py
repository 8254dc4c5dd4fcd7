"""A receiver of alerts on loopback, as real as a webhook is: it takes what is posted, and remembers when."""

from __future__ import annotations

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

_BODY_MAX = 64 * 1024  # bytes
_TAKEN_MAX = 64
_SECONDS = 10  # until a connection that says nothing is dropped


class Taken(NamedTuple):
    """One message as it arrived."""

    at: float
    """Unix seconds."""
    body: bytes

    def fields(self) -> dict[str, object]:
        """Return what it says; nothing where it is no JSON object."""
        try:
            said = json.loads(self.body)
        except ValueError:
            return {}
        return said if isinstance(said, dict) else {}


class Receiver:
    """Listens on a free port of 127.0.0.1 for as long as the block lasts."""

    def __init__(self) -> None:
        self._taken: list[Taken] = []
        self._more = Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._take))
        self._thread = Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Return where to post to."""
        return f"http://127.0.0.1:{self._server.server_port}/alerts"

    def taken(self, count: int, *, seconds: float) -> list[Taken]:
        """Return what arrived, as soon as it is `count` messages, or when the time is over."""
        with self._more:
            self._more.wait_for(lambda: len(self._taken) >= count, seconds)
            return list(self._taken)

    def _take(self, body: bytes) -> None:
        with self._more:
            if len(self._taken) < _TAKEN_MAX:
                self._taken.append(Taken(time.time(), body))
            self._more.notify_all()


def _handler(take: Callable[[bytes], None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _SECONDS

        def do_POST(self) -> None:
            """Take a message, and say so as many receivers do."""
            length = self.headers.get("Content-Length", "")
            size = int(length) if length.isascii() and length.isdecimal() else 0
            take(self.rfile.read(min(size, _BODY_MAX)))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler

"""The local service that the load run hits: one tenant's secret a request, opened anew each time.

Started as `python -m sealproof.loadtests.service --root DIR`. It listens on 127.0.0.1 only, prints its
port as one line of JSON, and ends after `--seconds`, or earlier, once its standard input is closed: it
does not outlive whoever started it.

    GET /tenants/<tenant>/secrets/<name>    {"tenant": …, "name": …, "value": …}
    a refusal                               4xx or 503, {"error": <class from sealproof.errors>}
"""

from __future__ import annotations

import argparse
import json
import os
import select
import sys
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from threading import Thread
from typing import TYPE_CHECKING, Final, TypeAlias

from sealproof.errors import (
    AccessDenied,
    CallerError,
    DataError,
    DependencyError,
    SealproofError,
    UnknownSecret,
    UnknownTenant,
)
from sealproof.loader.context import DevelopmentSecretLoader
from sealproof.loader.tenant import DEFAULT_ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Reader: TypeAlias = Callable[[str, str], str]

HOST: Final = "127.0.0.1"
_PATH_PARTS: Final = 5  # "", "tenants", tenant, "secrets", name
_STATUS: Final = (
    (UnknownTenant, HTTPStatus.NOT_FOUND),
    (UnknownSecret, HTTPStatus.NOT_FOUND),
    (CallerError, HTTPStatus.BAD_REQUEST),
    (AccessDenied, HTTPStatus.FORBIDDEN),
    (DataError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (DependencyError, HTTPStatus.SERVICE_UNAVAILABLE),
)


def sealed_reader(root: str) -> Reader:
    """Return a reader that opens the tenant's sealed file on each call, with the public loader."""

    def read(tenant: str, name: str) -> str:
        loader = DevelopmentSecretLoader(tenant, environment=DEFAULT_ENVIRONMENT, root=root)
        with loader.secure_context(environ=False) as secrets:
            return secrets.get_secret(name)

    return read


def answer(path: str, read: Reader) -> tuple[HTTPStatus, dict[str, str]]:
    """Return the status and the JSON object for one request. A refusal gives its class, and no word more."""
    parts = path.split("/")
    if len(parts) != _PATH_PARTS or (parts[0], parts[1], parts[3]) != ("", "tenants", "secrets"):
        return HTTPStatus.NOT_FOUND, {"error": "NoSuchPath"}
    tenant, name = parts[2], parts[4]
    try:
        return HTTPStatus.OK, {"tenant": tenant, "name": name, "value": read(tenant, name)}
    except SealproofError as exc:
        return _status(exc), {"error": type(exc).__name__}


class Service(ThreadingHTTPServer):
    """A thread a connection. `read` gives the values."""

    request_queue_size = 128  # connections that may wait to be accepted

    def __init__(self, read: Reader, port: int = 0) -> None:
        self.read = read
        super().__init__((HOST, port), _Handler)

    def server_bind(self) -> None:
        """Bind, without asking a name server who 127.0.0.1 is."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.socket.getsockname()[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """Say what broke a connection by its class alone: an unforeseen exception may quote a value."""
        del request, client_address
        sys.stderr.write(f"connection ended by {type(sys.exception()).__name__}\n")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "sealproof-load"
    sys_version = ""
    wbufsize = -1  # header and body leave in one packet
    disable_nagle_algorithm = True
    server: Service

    def do_GET(self) -> None:
        """Answer one request; the connection stays open for the next."""
        status, answered = answer(self.path, self.server.read)
        body = json.dumps(answered).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write no access log: at this rate it would be most of the work that is measured."""


def serve(read: Reader, *, port: int, seconds: float, lifeline: int = 0) -> None:
    """Serve until `seconds` are over or the descriptor `lifeline` is closed at its other end."""
    with Service(read, port) as service:
        thread = Thread(target=service.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        print(json.dumps({"port": service.server_port}), flush=True)  # noqa: T201 - the answer of this program
        _outlive(lifeline, time.monotonic() + seconds)
        service.shutdown()
        thread.join()


def options(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the command line's `root`, `port` and `seconds`."""
    parser = argparse.ArgumentParser(prog="python -m sealproof.loadtests.service", description=__doc__)
    parser.add_argument("--root", required=True, metavar="DIR", help="the store to serve")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--seconds", type=float, default=120, help="end by itself after that (default: 120)")
    return parser.parse_args(argv)


def _status(exc: SealproofError) -> HTTPStatus:
    return next((status for kind, status in _STATUS if isinstance(exc, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)


def _outlive(lifeline: int, end: float) -> None:
    # No read in a thread: one that is still blocked when the interpreter ends would abort it.
    while (left := end - time.monotonic()) > 0:
        readable, _, _ = select.select([lifeline], [], [], left)
        if readable and not os.read(lifeline, 4096):
            return


if __name__ == "__main__":
    chosen = options()
    serve(sealed_reader(chosen.root), port=chosen.port, seconds=chosen.seconds)

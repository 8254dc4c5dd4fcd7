"""Other people's services on loopback: one hears of API keys by webhook, at the other a person makes secrets."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from hmac import compare_digest, digest
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import unquote

from sealproof.loader.secret import Secret
from sealproof.rotation.http import post_json

SIGNING = "shared-with-the-service"
CLIENT_ID = "client-of-the-service"
_AGE_S = 300  # how old a request may be: docs/rotation.md
_POLL_S = 0.01  # how long a stopped server takes to notice

Answer = Callable[[BaseHTTPRequestHandler, bytes], tuple[int, object]]


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """Run a loopback service and give its address: `answer(request, body)` returns a status and what becomes JSON."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, told = answer(self, body)
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(json.dumps(told).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(_POLL_S,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class KeyService:
    """Knows its API keys by their SHA-256, and checks what docs/rotation.md says that a webhook service must."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self.accepted: set[str] = set()
        self.captured: list[tuple[bytes, str]] = []
        """The body and signature of every request that was acted on: what somebody on the way may have kept."""
        self._seen: dict[str, float] = {}
        self._clock = clock

    def accept(self, key: str) -> None:
        self.accepted.add(sha256(key.encode()).hexdigest())

    def __call__(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, object]:
        signature = request.headers["Sealproof-Signature"]
        if not compare_digest(signature, "sha256=" + digest(SIGNING.encode(), body, "sha256").hex()):
            return 401, {}
        asked, now = json.loads(body), self._clock()
        if abs(asked["at"] - now) > _AGE_S or asked["request"] in self._seen:
            return 409, {}
        self._seen = {one: at for one, at in self._seen.items() if abs(at - now) <= _AGE_S}
        self._seen[asked["request"]] = asked["at"]
        self.captured.append((body, signature))
        return self._act(asked["action"], asked["key"])

    def _act(self, action: str, key: str) -> tuple[int, object]:
        if action == "set":
            self.accepted.add(key)
        elif action == "revoke":
            self.accepted.discard(key)
        elif action == "test":
            return (200 if key in self.accepted else 403), {}
        return 200, {"effective": key in self.accepted}


class TokenService:
    """Gives tokens for a client's secret, as Spotify does (RFC 6749, 4.4). Only its dashboard makes a secret.

    Where it holds one at a time, the old secret ends when the new one is made.
    """

    def __init__(self, *, at_once: int) -> None:
        self.secrets: list[str] = []
        self._at_once = at_once
        self._made_for: dict[str, str] = {}

    def __call__(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, object]:
        if request.path == "/dashboard":
            return self._dashboard(json.loads(body))
        known = [f"{CLIENT_ID}:{secret}" for secret in self.secrets]
        kind, _, pair = request.headers["Authorization"].partition(" ")
        if kind != "Basic" or unquote(b64decode(pair).decode()) not in known:
            return 401, {"error": "invalid_client"}
        if body != b"grant_type=client_credentials":
            return 400, {"error": "unsupported_grant_type"}
        return 200, {"access_token": "a-token", "token_type": "bearer", "expires_in": 3600}

    def _dashboard(self, clicked: dict[str, Any]) -> tuple[int, object]:
        if clicked["button"] == "make":
            return self._make(clicked["rotation"])
        self.secrets = [secret for secret in self.secrets if secret == clicked["keep"]]
        return 200, {}

    def _make(self, rotation: str) -> tuple[int, object]:
        if rotation not in self._made_for:
            if len(self.secrets) == self._at_once > 1:
                return 409, {"error": "delete a secret first"}
            self._made_for[rotation] = sha256(f"made-for-{rotation}".encode()).hexdigest()
            self.secrets = [*self.secrets, self._made_for[rotation]][-self._at_once :]
        return 200, {"secret": self._made_for[rotation]}


class Person:
    """Does at the dashboard what a rotation waits for. Looks before clicking: after a crash the secret may be there."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/dashboard"

    def make(self, rotation: str) -> Secret:
        """Make the new secret of this rotation, or read off the one that was made for it."""
        return Secret(self._click(button="make", rotation=rotation)["secret"])

    def end_all_but(self, kept: Secret) -> None:
        """Delete every secret but `kept`."""
        self._click(button="delete", keep=kept.reveal())

    def _click(self, **body: str) -> dict[str, str]:
        answer = post_json(self._url, body, headers={}, what="the dashboard", deadline_s=10)
        assert isinstance(answer, dict)
        return answer

"""Plain requests with a deadline, over TLS or on loopback only. No redirect is followed with a secret in hand."""

from __future__ import annotations

import json
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sealproof.errors import ConfigurationError
from sealproof.rotation.targets.refusal import refused, unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

_ANSWER_MAX = 1024 * 1024  # bytes
_TOO_MANY, _SERVER_ERROR = 429, 500


def check_url(url: str) -> str:
    """Return `url` if it is https, or http on a loopback address. Raises ConfigurationError."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        host = ""
    if not host or parts.scheme not in ("https", "http") or (parts.scheme == "http" and not _is_loopback(host)):
        message = "a URL that credentials travel to is neither https nor on loopback"
        raise ConfigurationError(message, hint="https://…", names=("url",))
    return url


def get_json(url: str, *, what: str, deadline_s: float) -> object:
    """Return the JSON document at `url`. Raises TargetRefused, TargetUnavailable."""
    return _request(url, None, {}, what, deadline_s)


def post_json(
    url: str, body: Mapping[str, object], *, headers: Mapping[str, str], what: str, deadline_s: float
) -> object:
    """Send `body` as JSON and return the answer's. Raises TargetRefused on 4xx, TargetUnavailable otherwise."""
    return _request(url, json.dumps(body).encode(), {"Content-Type": "application/json", **headers}, what, deadline_s)


def post_notice(url: str, body: Mapping[str, object], *, what: str, deadline_s: float) -> None:
    """Send `body` as JSON; any answer of success will do, `ok` and nothing at all among them.

    Raises TargetRefused on 4xx, TargetUnavailable otherwise.
    """
    _text(url, json.dumps(body).encode(), {"Content-Type": "application/json"}, what, deadline_s)


def post_form(url: str, body: bytes, *, headers: Mapping[str, str], what: str, deadline_s: float) -> object:
    """Send a form and return the answer's JSON. Raises TargetRefused on 4xx, TargetUnavailable otherwise."""
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return _request(url, body, {**kind, **headers}, what, deadline_s)


def _request(url: str, body: bytes | None, headers: Mapping[str, str], what: str, deadline_s: float) -> object:
    text = _text(url, body, headers, what, deadline_s)
    try:
        return json.loads(text) if text.strip() else {}
    except ValueError:
        raise unavailable(what, "an answer that is no JSON") from None


def _text(url: str, body: bytes | None, headers: Mapping[str, str], what: str, deadline_s: float) -> bytes:
    from http.client import HTTPException  # noqa: PLC0415 - heavy, and only for targets on the network
    from urllib.error import HTTPError, URLError  # noqa: PLC0415
    from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener  # noqa: PLC0415

    class Stay(HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            """Follow nothing: the answer stands as the error that it then is."""

    handlers = [Stay(), *([ProxyHandler({})] if urlsplit(check_url(url)).scheme == "http" else [])]
    request = Request(url, data=body, headers=dict(headers))  # noqa: S310 - https or loopback, checked above
    try:
        with build_opener(*handlers).open(request, timeout=deadline_s) as answer:
            return bytes(answer.read(_ANSWER_MAX))
    except HTTPError as exc:
        with exc:
            if exc.code >= _SERVER_ERROR or exc.code == _TOO_MANY:
                raise unavailable(what, f"HTTP {exc.code}") from None
            raise refused(what, f"HTTP {exc.code}") from None
    except (URLError, OSError, HTTPException) as exc:
        raise unavailable(what, type(getattr(exc, "reason", exc)).__name__) from None


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False

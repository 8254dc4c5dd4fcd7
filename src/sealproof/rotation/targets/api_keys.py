"""API keys of a service of one's own: it keeps them as it likes, and is told by calls or by webhook."""

from __future__ import annotations

import json
import os
import time
from hashlib import sha256
from hmac import digest
from typing import TYPE_CHECKING

from sealproof.rotation.http import check_url, post_json
from sealproof.rotation.targets.interface import DEADLINE_S, Capabilities
from sealproof.rotation.targets.refusal import unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealproof.loader.secret import Secret

_REQUEST_BYTES = 16


class CallableTarget:
    """Four functions of the application. Each raises TargetRefused or TargetUnavailable, or it has worked."""

    def __init__(
        self,
        *,
        name: str,
        is_effective: Callable[[Secret], bool],
        set: Callable[[Secret], None],  # noqa: A002 - the protocol's own word
        test: Callable[[Secret], None],
        revoke: Callable[[Secret], None],
        capabilities: Capabilities | None = None,
    ) -> None:
        self._name = name
        self._is_effective = is_effective
        self._set = set
        self._test = test
        self._revoke = revoke
        self._capabilities = capabilities or Capabilities(overlap=2)

    def __repr__(self) -> str:
        return f"CallableTarget({self._name!r})"

    def describe(self) -> str:
        """Return the name that it was given."""
        return self._name

    def capabilities(self) -> Capabilities:
        """Return what the application says of itself."""
        return self._capabilities

    def is_effective(self, value: Secret) -> bool:
        """Ask the application."""
        return self._is_effective(value)

    def set(self, value: Secret, *, current: Secret) -> None:  # noqa: ARG002 - the application knows its present keys
        """Tell the application to accept `value`, too."""
        self._set(value)

    def test(self, value: Secret) -> None:
        """Have the application use `value`."""
        self._test(value)

    def revoke(self, value: Secret, *, current: Secret) -> None:  # noqa: ARG002 - the application knows its present keys
        """Tell the application to refuse `value` from now on."""
        self._revoke(value)


class WebhookTarget:
    """A service that takes `{"action": "check" | "set" | "test" | "revoke", "key": …, "at": …, "request": …}` by POST.

    With `send="sha256"` it is told only the key's SHA-256, which is all that it needs to know its holder again. Each
    request carries `Sealproof-Signature`, the HMAC-SHA256 of its body under the shared `signing` secret. `at` (unix
    seconds) and `request` (128 random bits in hex, drawn for each) let the service refuse a captured one: it is too
    old, or its `request` was seen before. The service answers 2xx (a check with `{"effective": true | false}`), 4xx for
    a refusal, anything else for "ask again".
    """

    def __init__(
        self,
        url: str,
        signing: Callable[[], Secret],
        *,
        send: str = "sha256",
        capabilities: Capabilities | None = None,
        deadline_s: float = DEADLINE_S,
        clock: Callable[[], float] = time.time,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._url = check_url(url)
        self._signing = signing
        self._hashed = send != "value"
        self._capabilities = capabilities or Capabilities(overlap=2)
        self._deadline = deadline_s
        self._clock = clock
        self._random = random

    def __repr__(self) -> str:
        return f"WebhookTarget({self.describe()})"

    def describe(self) -> str:
        """Return the address."""
        return f"webhook {self._url.partition('?')[0]}"

    def capabilities(self) -> Capabilities:
        """Return what the service was declared to do."""
        return self._capabilities

    def is_effective(self, value: Secret) -> bool:
        """Ask the service."""
        effective = self._call("check", value).get("effective")
        if not isinstance(effective, bool):
            raise unavailable(self.describe(), "a check's answer without `effective`")
        return effective

    def set(self, value: Secret, *, current: Secret) -> None:  # noqa: ARG002 - the service knows its present keys
        """Tell the service to accept `value`, too."""
        self._call("set", value)

    def test(self, value: Secret) -> None:
        """Have the service try `value`."""
        self._call("test", value)

    def revoke(self, value: Secret, *, current: Secret) -> None:  # noqa: ARG002 - the service knows its present keys
        """Tell the service to refuse `value` from now on."""
        self._call("revoke", value)

    def _call(self, action: str, value: Secret) -> dict[str, object]:
        key = sha256(value.reveal().encode()).hexdigest() if self._hashed else value.reveal()
        request = self._random(_REQUEST_BYTES).hex()
        body = {"action": action, "key": key, "at": int(self._clock()), "request": request}
        tag = digest(self._signing().reveal().encode(), json.dumps(body).encode(), "sha256").hex()
        answer = post_json(
            self._url,
            body,
            headers={"Sealproof-Signature": f"sha256={tag}"},
            what=self.describe(),
            deadline_s=self._deadline,
        )
        return answer if isinstance(answer, dict) else {}

"""Secrets that only a person can change, such as a Spotify client secret: no interface to rotate it is offered.

The rotation tells the person, waits until the new value is handed over, tests it by asking for a token, and finishes.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote

from sealproof.errors import TargetRefused
from sealproof.rotation.http import check_url, post_form
from sealproof.rotation.targets.interface import DEADLINE_S, Capabilities
from sealproof.rotation.targets.refusal import refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealproof.loader.secret import Secret


class ClientCredentials:
    """Asks an OAuth token endpoint for a token with the client's id and secret (RFC 6749, 4.4)."""

    def __init__(self, token_url: str, client_id: Callable[[], Secret], *, deadline_s: float = DEADLINE_S) -> None:
        self._url = check_url(token_url)
        self._client_id = client_id
        self._deadline = deadline_s

    def __call__(self, value: Secret) -> None:
        """Raise TargetRefused if the endpoint gives no token for `value`, TargetUnavailable."""
        what = f"token endpoint {self._url}"
        pair = f"{quote(self._client_id().reveal(), safe='')}:{quote(value.reveal(), safe='')}"  # RFC 6749, 2.3.1
        answer = post_form(
            self._url,
            b"grant_type=client_credentials",
            headers={"Authorization": f"Basic {b64encode(pair.encode()).decode()}"},
            what=what,
            deadline_s=self._deadline,
        )
        if not isinstance(answer, dict) or not answer.get("access_token"):
            raise refused(what, "it answered without a token")


class ManualTarget:
    """A service whose secret a person changes at `where`. `overlap` is 2 only where the old secret goes on working."""

    def __init__(self, where: str, *, test: Callable[[Secret], None] | None = None, overlap: int = 1) -> None:
        self._where = where
        self._test = test
        self._overlap = overlap

    def __repr__(self) -> str:
        return f"ManualTarget({self._where!r})"

    def describe(self) -> str:
        """Return where the person has to go."""
        return f"by hand at {self._where}"

    def capabilities(self) -> Capabilities:
        """Only a person can do it."""
        return Capabilities(overlap=self._overlap, manual=True, verifiable=self._test is not None)

    def is_effective(self, value: Secret) -> bool:
        """Tell whether the test works; without one, the person is believed."""
        try:
            self.test(value)
        except TargetRefused:
            return False
        return True

    def set(self, value: Secret, *, current: Secret) -> None:
        """Nothing to do: the person has done it."""

    def test(self, value: Secret) -> None:
        """Run the test that was given. Raises TargetRefused, TargetUnavailable."""
        if self._test is not None:
            self._test(value)

    def revoke(self, value: Secret, *, current: Secret) -> None:
        """Nothing to do: the old secret ended when the person made the new one, or is theirs to end."""

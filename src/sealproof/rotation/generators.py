"""New values, one generator a kind. A generator sees the present value, to keep what is not secret about it."""

from __future__ import annotations

import secrets
import string
from typing import TYPE_CHECKING, Protocol

from sealproof.errors import CallerError, ConfigurationError
from sealproof.loader.secret import Secret
from sealproof.rotation.credential import login_of, with_login
from sealproof.vault.generate import generate_secure_key

if TYPE_CHECKING:
    from collections.abc import Sequence

PASSWORD_ALPHABET = string.ascii_letters + string.digits + "-_.~"
"""RFC 3986's unreserved characters: no shell, URL, SQL or configuration file needs them quoted."""
PASSWORD_LENGTH = 43  # 6.04 bits a character: 259 bits
_LENGTH_FLOOR = 22  # characters for 128 bits, NIST SP 800-131A's strength for new keys


class Generator(Protocol):
    """Draws a value that has never been."""

    def __call__(self, current: Secret) -> Secret:
        """Return the successor of `current`."""
        ...


class Token:
    """A URL-safe text of `bits` random bits."""

    def __init__(self, bits: int = 256) -> None:
        self._bits = bits

    def __call__(self, current: Secret) -> Secret:  # noqa: ARG002 - see the docstring
        """Return a new token; nothing of `current` matters."""
        return Secret(generate_secure_key(self._bits))


class Password:
    """A password by policy: a length, an alphabet, and at least one character of each class that is asked for."""

    def __init__(
        self,
        length: int = PASSWORD_LENGTH,
        *,
        alphabet: str = PASSWORD_ALPHABET,
        classes: Sequence[str] = (string.ascii_lowercase, string.ascii_uppercase, string.digits),
    ) -> None:
        if length < _LENGTH_FLOOR:
            message = f"a password of {length} characters is no strength for a machine's secret"
            raise CallerError(message, hint=f"at least {_LENGTH_FLOOR}, 43 by default")
        if len(set(alphabet)) < 62 or any(not set(kind) & set(alphabet) for kind in classes):  # noqa: PLR2004
            message = "the alphabet is too small, or lacks a class that every password must have"
            raise CallerError(message, hint="letters and digits at least")
        self._length = length
        self._alphabet = "".join(sorted(set(alphabet)))
        self._classes = [set(kind) for kind in classes]

    def __call__(self, current: Secret) -> Secret:
        """Return a new password; in a connection URL everything else stays."""
        return with_login(current, login_of(current).user, self.draw())

    def draw(self) -> str:
        """Return a password that has every class: drawn whole again until it does, so that no place is special."""
        while True:
            drawn = "".join(secrets.choice(self._alphabet) for _ in range(self._length))
            if all(kind & set(drawn) for kind in self._classes):
                return drawn


class AlternatingLogin:
    """A connection URL for the other of two users, with a new password."""

    def __init__(self, users: Sequence[str], password: Password | None = None) -> None:
        if len(set(users)) != 2:  # noqa: PLR2004 - blue and green
            message = "logins take turns between exactly two users"
            raise ConfigurationError(message, hint='roles = ["app_a", "app_b"]', names=("roles",))
        self._users = tuple(users)
        self._password = password or Password()

    def __call__(self, current: Secret) -> Secret:
        """Return the other user's URL. Raises ConfigurationError if the present user is neither of them."""
        user = login_of(current).user
        if user not in self._users:
            message = f"the present value logs in as {user!r:.80}, which is neither of {' and '.join(self._users)}"
            raise ConfigurationError(message, hint="name the two login roles of this secret", names=("roles",))
        other = self._users[1 - self._users.index(user)]
        return with_login(current, other, self._password.draw())

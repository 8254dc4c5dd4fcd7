"""Take a credential apart and put it together again: a connection URL, or a password that stands alone."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from sealproof.errors import InvalidValue
from sealproof.loader.secret import Secret


class Login(NamedTuple):
    """Who logs in, and with what."""

    user: str
    """Empty where the value is a password that stands alone."""
    password: Secret


def is_url(value: Secret) -> bool:
    """Tell whether the value is a connection URL."""
    return "://" in value.reveal()


def login_of(value: Secret) -> Login:
    """Return user and password of a connection URL, or a bare password without a user.

    Raises InvalidValue for a URL that cannot be taken apart. The message does not quote it.
    """
    if not is_url(value):
        return Login("", value)
    try:
        parts = urlsplit(value.reveal())
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
    except ValueError:
        user = password = ""
    if not user or not password:
        message = "the value is no connection URL with a user and a password"
        raise InvalidValue(message, hint="scheme://USER:PASSWORD@HOST:PORT/NAME, with special characters as %XX")
    return Login(user, Secret(password))


def with_login(value: Secret, user: str, password: str) -> Secret:
    """Return the same connection URL for another login; a bare password is replaced as a whole."""
    if not is_url(value):
        return Secret(password)
    login_of(value)
    parts = urlsplit(value.reveal())
    host = parts.netloc.rpartition("@")[2]
    netloc = f"{quote(user, safe='')}:{quote(password, safe='')}@{host}"
    return Secret(urlunsplit(parts._replace(netloc=netloc)))

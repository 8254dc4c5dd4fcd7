"""Find the user and the password inside a connection string: a URL, or NAME=value pairs."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)@")
_PAIR = re.compile(
    r"(?:^|[\s;,&?])(password|passwd|pwd|user|username|user id|uid)\s*=\s*('[^']*'|\"[^\"]*\"|[^\s;,&]*)", re.IGNORECASE
)
_USER = frozenset(("user", "username", "user id", "uid"))


class Credentials(NamedTuple):
    """What a connection string logs in with; empty where it says nothing."""

    user: str
    password: str

    def __repr__(self) -> str:
        return "Credentials()"


def credentials(text: str) -> Credentials:
    """Return the credentials of a URL's user part, else those of `password=…` pairs (libpq, ADO.NET, query strings)."""
    user = password = ""
    for name, value in _PAIR.findall(text):
        plain = value[1:-1] if value[:1] in ("'", '"') else value
        if name.lower() in _USER:
            user = unquote(plain)
        else:
            password = unquote(plain)
    found = _URL.match(text.strip())
    if found:
        # Up to the last @ before the path: a password may hold an unescaped one.
        url_user, colon, url_password = found[1].partition(":")
        user = unquote(url_user)
        password = unquote(url_password) if colon else password
    return Credentials(user, password)

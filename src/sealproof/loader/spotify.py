"""`get_spotify_credentials()`: three secrets that belong together, validated as one."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from sealproof.errors import InvalidRedirect, MissingSecrets
from sealproof.loader.environment import plain_names
from sealproof.loader.files import open_root
from sealproof.loader.keys import take_keys
from sealproof.loader.secret import Secret
from sealproof.loader.tenant import Place, open_tenant

_NAMES = ("SPOTIFY_CLIENT_ID", "SPOTIFY_CLIENT_SECRET", "SPOTIFY_REDIRECT_URI")
_LOOPBACK = ("127.0.0.1", "::1")


class SpotifyCredentials:
    """A tenant's Spotify application. `client_secret.reveal()` gives the secret; nothing else shows it."""

    __slots__ = ("client_id", "client_secret", "redirect_uri")

    def __init__(self, client_id: str, client_secret: Secret, redirect_uri: str) -> None:
        self.client_id = client_id
        self.client_secret = client_secret
        self.redirect_uri = redirect_uri

    def __repr__(self) -> str:
        return f"SpotifyCredentials(client_id={self.client_id!r}, client_secret={self.client_secret!r})"


async def get_spotify_credentials(
    tenant_id: str | None = None,
    *,
    environment: str | None = None,
    root: str | os.PathLike[str] | None = None,
) -> SpotifyCredentials:
    """Return the tenant's Spotify credentials from its sealed file; the process environment plays no part.

    Raises MissingSecrets naming what the file lacks, InvalidRedirect, and whatever opening raises.
    """
    take_keys()
    place = Place(tenant_id, environment, root)
    with open_root(place.root) as directory:
        values = plain_names(open_tenant(place, directory).unlocked.values())
    missing = tuple([name for name in _NAMES if not values.get(name)])
    if missing:
        message = f"{place.tenant}/{place.environment} lacks {', '.join(missing)}"
        hint = f"sealproof set {place.tenant} {missing[0]} --environment {place.environment}"
        raise MissingSecrets(message, hint=hint, names=missing)
    client_id, client_secret, redirect = (values[name] for name in _NAMES)
    return SpotifyCredentials(client_id, Secret(client_secret), check_redirect(redirect))


def check_redirect(uri: str) -> str:
    """Return `uri` if Spotify takes it: https, or http on a loopback address written as an address.

    Raises InvalidRedirect. A fragment is refused (RFC 6749, 3.1.2), and so are blanks and user info.
    """
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        host, port_is_valid, parts = "", False, urlsplit("")
    plain = parts.scheme == "http" and host in _LOOPBACK
    # Not even an empty fragment or user info: `https://host#` and `https://@host` have them.
    clean = uri.isascii() and uri.isprintable() and not set(uri) & set('# \\<>"`{}|^') and "@" not in parts.netloc
    if not (clean and host and port_is_valid and (plain or parts.scheme == "https")):
        message = "SPOTIFY_REDIRECT_URI is neither https nor http on 127.0.0.1 or [::1]"
        raise InvalidRedirect(
            message, hint="use https://…, or http://127.0.0.1:PORT/callback", names=("SPOTIFY_REDIRECT_URI",)
        )
    return uri

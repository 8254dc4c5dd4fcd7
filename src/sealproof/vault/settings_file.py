"""Read a store's `sealproof.toml` together with the environment."""

from __future__ import annotations

import os

from sealproof.errors import ConfigurationError
from sealproof.loader.files import open_root
from sealproof.settings import FILE_NAME, Settings, load

_SETTINGS_MAX = 1024 * 1024  # bytes


def settings_of(root: str) -> Settings:
    """Return the settings of the store at `root`; the environment wins. Raises StoreNotFound, ConfigurationError."""
    with open_root(root) as directory:
        text = directory.read(FILE_NAME, limit=_SETTINGS_MAX, private=False) or b""
    try:
        return load(text.decode(), os.environ)
    except UnicodeDecodeError:
        message = f"{root}/{FILE_NAME} is not UTF-8 text"
        raise ConfigurationError(message, hint=f"iconv -t UTF-8 {root}/{FILE_NAME}", names=(FILE_NAME,)) from None

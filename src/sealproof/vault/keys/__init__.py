"""The store's own keys: made, wrapped, exported and renewed here; read by the loader."""

from sealproof.vault.keys.keyring import Keyring

__all__ = ["Keyring"]

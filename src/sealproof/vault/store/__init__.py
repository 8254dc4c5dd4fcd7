"""Where sealed files are kept: one protocol, one file a kind of store."""

from sealproof.vault.store.interface import Store
from sealproof.vault.store.local import LocalStore

__all__ = ["LocalStore", "Store"]

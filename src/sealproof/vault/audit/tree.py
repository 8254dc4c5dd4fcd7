"""The Merkle tree of RFC 6962 as a compact range: at most one hash for each bit of its size."""

from __future__ import annotations

from hashlib import sha256

from sealproof.errors import AuditLogBroken

HASH_BYTES = 32
HASH_HEX = 64


class CompactRange:
    """The roots of the perfect subtrees that a tree of `size` leaves consists of, largest first.

    A leaf is hashed behind a zero byte, an inner node behind a one (RFC 6962, 2.1).
    """

    __slots__ = ("hashes", "size")

    def __init__(self, size: int = 0, hashes: tuple[bytes, ...] = ()) -> None:
        if len(hashes) != size.bit_count() or any(len(node) != HASH_BYTES for node in hashes):
            message = f"a tree of {size} leaves does not have these {len(hashes)} subtrees"
            raise AuditLogBroken(message)
        self.size = size
        self.hashes = list(hashes)

    def append(self, entry: bytes) -> None:
        """Add a leaf: on average one inner node is hashed."""
        node = sha256(b"\0" + entry).digest()
        size, hashes = self.size, self.hashes
        self.size = size + 1
        while size & 1:
            node = sha256(b"\1" + hashes.pop() + node).digest()
            size >>= 1
        hashes.append(node)

    def root(self) -> bytes:
        """Return the tree's root."""
        if not self.hashes:
            return sha256().digest()
        node = self.hashes[-1]
        for left in self.hashes[-2::-1]:
            node = sha256(b"\1" + left + node).digest()
        return node

    def copy(self) -> CompactRange:
        """Return an independent copy."""
        other = CompactRange.__new__(CompactRange)
        other.size = self.size
        other.hashes = self.hashes.copy()
        return other

    def to_hex(self) -> list[str]:
        """Return the subtrees' roots in hex, largest first."""
        return [node.hex() for node in self.hashes]

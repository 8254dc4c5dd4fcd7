"""The tree: RFC 6962's definition as the oracle, and the roots that every log of its kind is tested with."""

from __future__ import annotations

from hashlib import sha256

import pytest
from audit_workshop import patient
from hypothesis import given
from hypothesis import strategies as st

from sealproof.errors import AuditLogBroken
from sealproof.vault.audit.tree import CompactRange

LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = """\
e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d
fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125
aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77
d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7
4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4
76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef
ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c
5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328
""".split()


def merkle_tree_hash(entries: list[bytes]) -> bytes:
    """RFC 6962, 2.1, as it is written: split at the largest power of two below the size."""
    if not entries:
        return sha256(b"").digest()
    if len(entries) == 1:
        return sha256(b"\0" + entries[0]).digest()
    split = 1 << ((len(entries) - 1).bit_length() - 1)
    return sha256(b"\1" + merkle_tree_hash(entries[:split]) + merkle_tree_hash(entries[split:])).digest()


def grown(entries: list[bytes]) -> CompactRange:
    tree = CompactRange()
    for entry in entries:
        tree.append(entry)
    return tree


@pytest.mark.parametrize("size", range(9))
def test_the_roots_of_the_reference_leaves(size):
    assert grown(LEAVES[:size]).root().hex() == ROOTS[size]


@patient
@given(st.lists(st.binary(max_size=8), max_size=70))
def test_the_root_is_rfc_6962s(entries):
    assert grown(entries).root() == merkle_tree_hash(entries)


@patient
@given(st.lists(st.binary(max_size=4), max_size=40), st.integers(0, 40))
def test_a_range_read_back_grows_to_the_same_root(entries, at):
    before = grown(entries[:at])
    after = CompactRange(before.size, tuple(bytes.fromhex(node) for node in before.to_hex()))
    for entry in entries[at:]:
        after.append(entry)
    assert after.root() == grown(entries).root()


def test_a_copy_is_independent():
    tree = grown(LEAVES[:3])
    other = tree.copy()
    other.append(b"more")
    assert tree.root().hex() == ROOTS[3]
    assert other.size == 4


@pytest.mark.parametrize(
    ("size", "hashes"),
    [(3, (b"a" * 32,)), (0, (b"a" * 32,)), (1, ()), (1, (b"a" * 31,)), (2, (b"a" * 33,))],
)
def test_a_range_of_the_wrong_shape_is_refused(size, hashes):
    with pytest.raises(AuditLogBroken, match="does not have these"):
        CompactRange(size, hashes)

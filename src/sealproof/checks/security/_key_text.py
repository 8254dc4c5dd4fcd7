"""Recognise this product's private keys in bytes, wherever they stand.

A text counts only if it parses as the key that it claims to be, so that code and documents which
speak of the formats are left in peace; so are the keys of the format's own worked example.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sealproof.checks.security.key_material import SAMPLE_KEYS
from sealproof.envelope.keyfile import parse_keys
from sealproof.envelope.keytree import TENANT_FILE_MAX, MasterFile, TenantFile
from sealproof.errors import DataError
from sealproof.signing import SigningKey

if TYPE_CHECKING:
    from collections.abc import Collection

KEY_TEXT_MAX = TENANT_FILE_MAX  # bytes: the largest key file there can be
MARKS = (
    '{"format":"sealproof-key/',
    '{"format":"sealproof-master/',
    '{"format":"sealproof-tenant/',
    "-----BEGIN PRIVATE KEY-----",
)
"""What every key text holds: enough to tell which files are worth a second look."""

_SAMPLES = frozenset(SigningKey(seed).public for seed in SAMPLE_KEYS)
# No brace inside: a text that begins such a line over and over is still read in one pass.
_LINE = re.compile(rb'\{"format":"sealproof-(key|master)/[0-9]{1,6}",[^\r\n{}]*\}')
_PEM = re.compile(rb"-----BEGIN PRIVATE KEY-----[A-Za-z0-9+/=\s]{1,500}-----END PRIVATE KEY-----")
_TENANT = re.compile(rb'\{"format":"sealproof-tenant/[0-9]{1,6}","tenant":"([a-z0-9_-]{1,63})",')


def key_in(data: bytes, *, signers: Collection[bytes] | None = None) -> str:
    """Say what private key `data` holds, or return an empty text.

    `signers` are the public keys whose private halves count; None means that any Ed25519 key does.
    """
    if _is_tenant_file(data):
        return "a tenant's wrapped keys"
    for found in _LINE.finditer(data):
        what = _key_line(found[0]) if found[1] == b"key" else _master_line(found[0])
        if what:
            return what
    for pem in _PEM.findall(data):
        public = _public_of(pem)
        if public and public not in _SAMPLES and (signers is None or public in signers):
            return "a private signing key"
    return ""


def _key_line(line: bytes) -> str:
    try:
        (key,) = parse_keys(line + b"\n")
    except DataError:
        return ""
    return "" if key.key in SAMPLE_KEYS else "a key that opens sealed files"


def _master_line(line: bytes) -> str:
    try:
        master = MasterFile.parse(line + b"\n")
    except DataError:
        return ""
    return "" if master.key in SAMPLE_KEYS else "a store's master"


def _is_tenant_file(data: bytes) -> bool:
    owner = _TENANT.match(data)
    if owner is None:
        return False
    try:
        TenantFile.parse(data, tenant=owner[1].decode())
    except DataError:
        return False
    return True


def _public_of(pem: bytes) -> bytes:
    try:
        return SigningKey.from_pem(pem, name="PEM").public
    except DataError:
        return b""

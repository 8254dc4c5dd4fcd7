"""Copies of a sealed file that ask for less protection, made by an insider who authenticates and signs them anew."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sealproof.checks.specimen import parts
from sealproof.envelope import cipher
from sealproof.envelope.grammar import FORMAT, NONCE_BYTES, TAG_BYTES, encode, frame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.specimen import Specimen

    Weaker = tuple[str, bytes]

_OTHER_FORMATS = (
    *("sealproof-env/0", "sealproof-env/2", "sealproof-env/01", "sealproof-env/1.0", "sealproof-env/1-gcm128"),
    *("sealproof-env/", "sealproof-env", "SEALPROOF-ENV/1", "aes-128-gcm", "none", ""),
)
_ALGORITHMS = ("none", "A128GCM", "A256CBC", "AES-256-GCM")
_FIELD = re.compile(r'"[a-z0-9]+":(?:"[^"]*"|[0-9]+)')


def other_formats(specimen: Specimen) -> Iterator[Weaker]:
    """Yield files that name another format, or add an algorithm to choose from."""
    lines, trailer = parts(specimen.data)
    for name in _OTHER_FORMATS:
        yield f"format {name or 'empty'}", specimen.forge([lines[0].replace(FORMAT, name), *lines[1:]])
    for algorithm in _ALGORITHMS:
        for place, line in enumerate(lines):
            stated = f'{line[:-1]},"alg":"{algorithm}"}}'
            yield (
                f"algorithm {algorithm} stated in line {place}",
                specimen.forge([*lines[:place], stated, *lines[place + 1 :]]),
            )
        yield (
            f"algorithm {algorithm} stated in the trailer",
            specimen.forge(lines, trailer=f'{trailer},"alg":"{algorithm}"'),
        )


def missing_fields(specimen: Specimen) -> Iterator[Weaker]:
    """Yield files that lack one field each."""
    lines, trailer = parts(specimen.data)
    whole = [*lines, trailer]
    for place, line in enumerate(whole):
        fields = _FIELD.findall(line)
        for gone in fields:
            text = "{" + ",".join(field for field in fields if field is not gone)
            less = [*whole[:place], text if line is trailer else f"{text}}}", *whole[place + 1 :]]
            yield f"{gone.partition(':')[0]} missing in line {place}", specimen.forge(less[:-1], trailer=less[-1])
    data = specimen.data.decode()
    for name in ("mac", "signature"):
        value = re.search(f',"{name}":"([^"]+)"', data)
        if value:
            yield f"{name} missing", data.replace(value[0], "").encode()
            yield f"{name} empty", data.replace(value[1], "").encode()
            yield f"{name} of zeros", data.replace(value[1], "A" * len(value[1])).encode()


def weaker_seals(specimen: Specimen) -> Iterator[Weaker]:
    """Yield files whose last value, or data key, is sealed in a weaker way or not at all."""
    lines = specimen.lines
    name, value = max(specimen.values.items())  # the last in the file
    padded, nonce = cipher.pad(value.encode()), os.urandom(NONCE_BYTES)
    scope = specimen.epoch_key.scope
    key = cipher.hkdf(specimen.dek, frame(b"sealproof/1/value", *scope))
    aad = cipher.entry_aad(cipher.entry_prefix(scope), name, "1", str(specimen.now))
    sealed = nonce + AESGCM(key).encrypt(nonce, padded, aad)
    for what, raw in (
        ("a tag of 12 bytes", sealed[:-4]),
        ("a tag of 8 bytes", sealed[:-8]),
        ("no tag", sealed[:-TAG_BYTES]),
        ("a tag of zeros", sealed[:-TAG_BYTES] + bytes(TAG_BYTES)),
        ("no seal at all", nonce + padded + bytes(TAG_BYTES)),
        ("a key of 128 bits", nonce + AESGCM(key[:16]).encrypt(nonce, padded, aad)),
        ("no associated data", nonce + AESGCM(key).encrypt(nonce, padded, None)),
        ("associated data without the scope", nonce + AESGCM(key).encrypt(nonce, padded, frame(name.encode()))),
        ("the data key itself", nonce + AESGCM(specimen.dek).encrypt(nonce, padded, aad)),
        ("a key of zeros", nonce + AESGCM(bytes(32)).encrypt(nonce, padded, aad)),
    ):
        line = re.sub('"sealed":"[^"]+"', f'"sealed":"{encode(raw)}"', lines[-1])
        yield f"value sealed with {what}", specimen.forge([*lines[:-1], line])
    for what, wrapped in (
        ("in the clear", nonce + specimen.dek + bytes(TAG_BYTES)),
        ("under a key of zeros", cipher.wrap(bytes(32), specimen.dek, cipher.WRAP_DEK, scope, os.urandom)),
        (
            "for another purpose",
            cipher.wrap(specimen.epoch_key.key, specimen.dek, cipher.WRAP_EPOCH, scope, os.urandom),
        ),
    ):
        line = f'{{"t":"k","wrapped":"{encode(wrapped)}"}}'
        yield f"data key {what}", specimen.forge([lines[0], line, *lines[2:]])

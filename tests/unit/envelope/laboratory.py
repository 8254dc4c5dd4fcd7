"""What the envelope tests share: the worked example, its keys, and short ways to ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from vector_maker.second import EXAMPLE, SealedFile, key_file, run, x25519_key_line

from sealproof.envelope.freshness import Freshness
from sealproof.envelope.keyfile import KeyLine, parse_keys
from sealproof.envelope.open import Unlocked, unlock
from sealproof.envelope.seal import EpochKey, SealedValue, create
from sealproof.errors import SealproofError
from sealproof.signing import SigningKey

VECTORS = Path(__file__).resolve().parents[2] / "vectors"

DATA = EXAMPLE.to_bytes()
"""The worked example's bytes."""
VALUES = {secret.name: secret.value for secret in EXAMPLE.secrets}
KEYS = parse_keys(key_file(EXAMPLE.epoch_line()))
READER_KEYS = parse_keys(key_file(x25519_key_line(run(0x60, 32), EXAMPLE.writer)))
WRITER = SigningKey(EXAMPLE.writer)
NOW = EXAMPLE.saved + 100
SCOPE = EXAMPLE.scope


def opened(
    data: bytes,
    *,
    keys: Iterable[KeyLine] = KEYS,
    tenant: str = "acme",
    environment: str = "production",
    freshness: Freshness | None = None,
) -> Unlocked:
    """Steps 1 to 6, asking for the worked example's scope unless told otherwise."""
    return unlock(data, tenant=tenant, environment=environment, keys=keys, freshness=freshness or Freshness(now=NOW))


def refusal(data: bytes, *, keys: Iterable[KeyLine] = KEYS, freshness: Freshness | None = None) -> str:
    """The name of the error that all steps together give, or an empty text. Anything not ours is raised on."""
    try:
        opened(data, keys=keys, freshness=freshness).values()
    except SealproofError as error:
        return type(error).__name__
    return ""


def epoch_key(file: SealedFile = EXAMPLE) -> EpochKey:
    """The key of a file's epoch, as a store hands it to the sealing side."""
    return EpochKey(file.tenant, file.environment, file.epoch, file.epoch_key)


def sealed(values: dict[str, bytes], *, now: int = NOW, readers: Iterable[bytes] = ()) -> bytes:
    """A new file in the worked example's scope."""
    secrets = {name: SealedValue(value, 1, now) for name, value in values.items()}
    return create(epoch_key(), secrets, writer=WRITER, now=now, readers=readers)


def entropy(*parts: bytes) -> Callable[[int], bytes]:
    """A random source that gives out `parts`, and insists on their sizes."""
    left = list(parts)

    def random(size: int) -> bytes:
        part = left.pop(0)
        assert len(part) == size
        return part

    return random


def lines_of(data: bytes) -> list[bytes]:
    """The file's lines, each with its LF."""
    return data.splitlines(keepends=True)

"""Open 100 and 1,000 values in process, warm: parsing, authentication and decryption, no file, no import."""

from __future__ import annotations

import os
from statistics import median
from timeit import repeat

from sealproof.envelope.freshness import Freshness
from sealproof.envelope.keyfile import KeyLine
from sealproof.envelope.open import open_values
from sealproof.envelope.parse import parse
from sealproof.envelope.seal import EpochKey, SealedValue, create
from sealproof.signing import SigningKey

TARGETS = {100: "at most 1.5", 1000: "-"}


def main() -> None:
    """Print medians of 30 repeats, in milliseconds."""
    for count, target in TARGETS.items():
        writer, epoch = SigningKey(os.urandom(32)), EpochKey("acme", "production", 1, os.urandom(32))
        values = {f"VARIABLE_{n}": SealedValue(os.urandom(16).hex().encode(), 1, 1_700_000_000) for n in range(count)}
        data = create(epoch, values, writer=writer, now=1_700_000_000)
        key = KeyLine("epoch", epoch.key, (writer.public,), "acme", "production", 1)
        fresh = Freshness(now=1_700_000_000)
        whole = _milliseconds(
            lambda data=data, key=key, fresh=fresh: open_values(
                data, tenant="acme", environment="production", keys=(key,), freshness=fresh
            )
        )
        parsing = _milliseconds(lambda data=data: parse(data))
        print(f"{count:5} values: open {whole:.2f} ms (target {target}), of which parsing {parsing:.2f} ms")


def _milliseconds(call: object) -> float:
    return median(repeat(call, number=20, repeat=30)) / 20 * 1000


if __name__ == "__main__":
    main()

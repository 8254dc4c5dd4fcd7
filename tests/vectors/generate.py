"""Write the test vectors of `docs/format.md`.

    python tests/vectors/generate.py [DIRECTORY]

Without DIRECTORY the committed files are written again; the same bytes must come out (`test_vectors.py`).
Everything is made by `vector_maker`, a second implementation of the format that imports nothing of
sealproof. All randomness is fixed, ephemeral keys included: none of these keys may ever be used.

`released/` is not written here: its files were made by the release they are named for, and stay.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent))

from vector_maker import keys, malformed, refused, store
from vector_maker.positives import positives
from vector_maker.second import EXAMPLE

if TYPE_CHECKING:
    from vector_maker.negative import Negative


def files() -> dict[str, bytes]:
    """Every generated file by its path below the vectors' folder."""
    out: dict[str, bytes] = {}
    for positive in positives():
        out[f"positive/{positive.name}.env.enc"] = positive.file.to_bytes()
        out[f"positive/{positive.name}.json"] = _json(positive.expected())
        for name, text in positive.keys.items():
            out[f"positive/{name}.key"] = text
    out |= _store()
    sealed = negatives()
    out |= {f"negative/{vector.name}.env.enc": vector.data for vector in sealed}
    out |= {f"negative/{name}": text for name, text in refused.key_files().items()}
    texts = {
        "key_files": (".key", keys.key_negatives()),
        "master_files": (".key", keys.master_negatives()),
        "tenant_files": (".key", keys.tenant_negatives()),
        "marks": (".mark", keys.mark_negatives()),
    }
    record: dict[str, object] = {"files": {vector.name: vector.record() for vector in sealed}}
    for group, (suffix, vectors) in texts.items():
        out |= {f"negative/{group}/{vector.name}{suffix}": vector.data for vector in vectors}
        record[group] = {vector.name: vector.record() for vector in vectors}
    out["negative.json"] = _json(record)
    return out


def negatives() -> list[Negative]:
    """Every negative sealed file, in the order of the steps that refuse it."""
    return [*malformed.malformed(), *malformed.unsupported(), *refused.refused(), *refused.stale()]


def write(folder: Path) -> None:
    """Write every generated file below `folder`."""
    for name, data in files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _store() -> dict[str, bytes]:
    tenant = store.Tenant()
    expected = {
        "master": store.MASTER.hex(),
        "passphrase": store.PASSPHRASE,
        "passphrase_master": _stretched().hex(),
        "tenant": tenant.tenant,
        "salt": tenant.salt.hex(),
        "iterations": tenant.iterations,
        "kek": tenant.kek.hex(),
        "epochs": [
            {
                "environment": epoch.environment,
                "epoch": epoch.epoch,
                "created": epoch.created,
                "state": epoch.state,
                "key": epoch.key.hex(),
            }
            for epoch in tenant.epochs
        ],
    }
    return {
        "positive/store/master_random.key": store.master_random(),
        "positive/store/master_passphrase.key": store.master_passphrase(),
        "positive/store/acme.key": tenant.to_bytes(),
        "positive/store/acme.production.mark": store.mark("acme", "production", EXAMPLE.generation, EXAMPLE.to_bytes()),
        "positive/store/store.json": _json(expected),
    }


def _stretched() -> bytes:
    return hashlib.pbkdf2_hmac(
        "sha256", store.PASSPHRASE.encode(), store.PASSPHRASE_SALT, store.PASSPHRASE_ITERATIONS, 32
    )


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()


def main(arguments: Iterable[str]) -> None:
    """Write to the folder that is named, or over the committed files."""
    write(Path(next(iter(arguments), Path(__file__).resolve().parent)))


if __name__ == "__main__":
    main(sys.argv[1:])

"""Make the vectors of backup containers: `python tests/vectors/make_backup.py`. Keys and passphrase are for tests only.

HPKE draws its ephemeral key inside the library, so the positive container is a frozen file, made once. Every negative
one is made from it by one change; `expected.json` holds its hash and its error, so that drift is seen.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path

from sealproof.envelope import cipher
from sealproof.vault.backup.create import create
from sealproof.vault.backup.header import Identity, Recipients, parse, unlock
from sealproof.vault.backup.stream import SEALED_CHUNK, Chunks
from sealproof.vault.custodian import Custodian
from sealproof.vault.foundation import lay_foundation

HERE = Path(__file__).parent / "backup"
PRIVATE = bytes(range(32))
OTHER = bytes(range(32, 64))
PASSPHRASE = "a passphrase of the vectors, 77 lanterns"
AT = 1_764_028_800


def frozen() -> None:
    """Make the positive containers, once."""
    with tempfile.TemporaryDirectory() as place:
        root = f"{place}/secrets"
        lay_foundation(root, passphrase=None, iterations=100_000, clock=time.time)
        custodian = Custodian(root, clock=lambda: AT)
        custodian.seal(
            "acme", "production", {"DB_PASSWORD": b"example", **{f"N{at}": b"x" * 60_000 for at in range(3)}}
        )
        both = Recipients((cipher.reader_public(PRIVATE), cipher.reader_public(OTHER)), PASSPHRASE)
        create(custodian, "acme", both, directory=str(HERE), name="acme.spbak")


def negatives() -> dict[str, tuple[bytes, str, list[bytes], str | None]]:
    """Return every negative container by what is wrong with it, with its error and what is tried on it."""
    data = (HERE / "acme.spbak").read_bytes()
    header = parse(data)
    key = unlock(header, Identity((PRIVATE,)))
    body = data[len(header.data) :]
    chunks = [body[at : at + SEALED_CHUNK] for at in range(0, len(body), SEALED_CHUNK)]
    front = header.data
    lines = front.splitlines(keepends=True)
    opener = Chunks(key, front)
    plain = [opener.open(chunk, last=at == len(chunks) - 1) for at, chunk in enumerate(chunks)]
    sealer = Chunks(key, front)
    flagless = b"".join(sealer.seal(chunk, last=False) for chunk in plain)
    sealer = Chunks(key, front)
    early = b"".join(sealer.seal(chunk, last=at == 0) for at, chunk in enumerate(plain))
    sealer = Chunks(key, front)
    short = b"".join(
        sealer.seal(chunk[:-1] if at == len(plain) - 1 else chunk, last=at == len(plain) - 1)
        for at, chunk in enumerate(plain)
    )
    sealer = Chunks(key, front)
    longer = b"".join(
        sealer.seal(chunk + b"x" if at == len(plain) - 1 else chunk, last=at == len(plain) - 1)
        for at, chunk in enumerate(plain)
    )
    sealer = Chunks(key, front)
    text = b"".join(plain)
    moved = text.replace(b'{"path":"tenants/acme/.env.production.enc"', b'{"path":"tenants/acmf/.env.production.enc"')
    parts = [moved[at : at + 65536] for at in range(0, len(moved), 65536)]
    misplaced = b"".join(sealer.seal(part, last=at == len(parts) - 1) for at, part in enumerate(parts))
    mine: tuple[list[bytes], None] = ([PRIVATE], None)
    cannot, malformed = "CannotOpen", "MalformedFile"
    return {
        "wrong_recipient": (data, cannot, [bytes(31) + b"\x01"], None),
        "wrong_passphrase": (data, cannot, [], "another passphrase"),
        "no_key_at_all": (data, cannot, [], None),
        "truncated_at_a_chunk": (front + b"".join(chunks[:-1]), cannot, *mine),
        "truncated_inside_a_chunk": (data[:-1], cannot, *mine),
        "payload_missing": (front, cannot, *mine),
        "chunks_swapped": (front + chunks[1] + chunks[0] + b"".join(chunks[2:]), cannot, *mine),
        "chunk_dropped": (front + chunks[0] + b"".join(chunks[2:]), cannot, *mine),
        "chunk_twice": (front + chunks[0] + body, cannot, *mine),
        "final_flag_missing": (front + flagless, cannot, *mine),
        "final_flag_early": (front + early, cannot, *mine),
        "extra_chunk": (data + chunks[-1], cannot, *mine),
        "extra_byte": (data + b"\0", cannot, *mine),
        "payload_bit_flipped": (front + bytes([body[0] ^ 1]) + body[1:], cannot, *mine),
        "tag_bit_flipped": (data[:-1] + bytes([data[-1] ^ 1]), cannot, *mine),
        "header_time_changed": (data.replace(b'"created":1764028800', b'"created":1764028801', 1), cannot, *mine),
        "header_scope_changed": (data.replace(b'"scope":"acme"', b'"scope":"acmf"', 1), cannot, *mine),
        "header_scope_widened": (data.replace(b'"scope":"acme"', b'"scope":"*"', 1), cannot, *mine),
        "stanza_dropped": (lines[0] + b"".join(lines[2:]) + body, cannot, [PRIVATE, OTHER], PASSPHRASE),
        "stanzas_swapped": (lines[0] + lines[2] + lines[1] + b"".join(lines[3:]) + body, cannot, *mine),
        "stanzas_missing": (lines[0] + lines[-1] + body, malformed, *mine),
        "mac_missing": (b"".join(lines[:-1]) + body, malformed, *mine),
        "mac_zero": (b"".join(lines[:-1]) + b'{"mac":"' + b"A" * 43 + b'"}\n' + body, cannot, *mine),
        "iterations_below_floor": (
            data.replace(b'"iterations":600000', b'"iterations":599999', 1),
            "LimitExceeded",
            [],
            PASSPHRASE,
        ),
        "iterations_above_ceiling": (
            data.replace(b'"iterations":600000', b'"iterations":10000001', 1),
            "LimitExceeded",
            [],
            PASSPHRASE,
        ),
        "next_version": (data.replace(b"sealproof-backup/1", b"sealproof-backup/2", 1), "UnsupportedFormat", *mine),
        "spaces": (data.replace(b'"scope":', b'"scope": ', 1), malformed, *mine),
        "carriage_return": (data.replace(b"\n", b"\r\n", 1), malformed, *mine),
        "plain_dotenv": (b"DB_PASSWORD=hunter2\n", malformed, *mine),
        "empty": (b"", malformed, *mine),
        "payload_ends_early": (front + short, malformed, *mine),
        "something_behind_the_manifest": (front + longer, malformed, *mine),
        "file_at_another_place": (front + misplaced, "EvidenceRejected", *mine),
    }


def cases() -> dict[str, tuple[bytes, dict[str, object]]]:
    """Return every container by name, with what is expected of it."""
    data = (HERE / "acme.spbak").read_bytes()
    files = ["key-lines/acme.production.key", "tenants/acme/.env.production.enc"]
    good = {"error": "", "scope": parse(data).scope, "opens": {"acme/production": 4}, "files": files}
    found: dict[str, tuple[bytes, dict[str, object]]] = {
        "recipient": (data, good | {"privates": [PRIVATE.hex()]}),
        "second_recipient": (data, good | {"privates": [OTHER.hex()]}),
        "passphrase": (data, good | {"passphrase": PASSPHRASE}),
    }
    for name, (broken, error, privates, passphrase) in negatives().items():
        told: dict[str, object] = {"error": error, "privates": [key.hex() for key in privates]}
        found[name] = (broken, told | ({} if passphrase is None else {"passphrase": passphrase}))
    return {name: (bytes_, told | {"sha256": sha256(bytes_).hexdigest()}) for name, (bytes_, told) in found.items()}


def main() -> None:
    """Write what is expected; with --freeze, a new positive container first."""
    HERE.mkdir(exist_ok=True)
    if "--freeze" in sys.argv:
        frozen()
    expected = {name: told for name, (_, told) in cases().items()}
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()

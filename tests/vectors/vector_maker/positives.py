"""Files that must open, each with its keys and what comes out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vector_maker.second import (
    EXAMPLE,
    Recipient,
    SealedFile,
    Secret,
    epoch_key_line,
    fixed,
    hpke,
    key_file,
    run,
    writer_public,
    x25519_key_line,
)

INTEGER_MAX = 2**53 - 1
OTHER_WRITER = fixed("other writer")
OTHER_READER = Recipient(fixed("other reader"), fixed("other ephemeral"))


@dataclass(frozen=True)
class Positive:
    """One file, the key files that open it, and what it holds."""

    name: str
    about: str
    file: SealedFile
    keys: dict[str, bytes]

    def expected(self) -> dict[str, object]:
        """The file's `.json`: everything in it, and the randomness it was made with."""
        file, data = self.file, self.file.to_bytes()
        return {
            "about": self.about,
            "bytes": len(data),
            "sha256": hpke.digest(data).hex(),
            "tenant": file.tenant,
            "environment": file.environment,
            "epoch": file.epoch,
            "generation": file.generation,
            "seals": file.seals,
            "saved": file.saved,
            "expires": file.expires,
            "writer": writer_public(file.writer).hex(),
            "readers": sorted(recipient.public.hex() for recipient in file.recipients),
            "keys": sorted(self.keys),
            "entries": [
                {
                    "name": secret.name,
                    "version": secret.version,
                    "updated": secret.updated,
                    "value": secret.value.decode(),
                    "nonce": secret.nonce.hex(),
                }
                for secret in sorted(file.secrets, key=lambda secret: secret.name)
            ],
            "made_with": {
                "epoch_key": file.epoch_key.hex(),
                "dek": file.dek.hex(),
                "key_nonce": file.key_nonce.hex(),
                "writer_seed": file.writer.hex(),
                "readers": {
                    recipient.public.hex(): {"private": recipient.private.hex(), "ephemeral": recipient.ephemeral.hex()}
                    for recipient in file.recipients
                },
            },
        }


def secrets(**values: bytes) -> tuple[Secret, ...]:
    """First versions, each with a nonce of its own."""
    return tuple(Secret(name, 1, EXAMPLE.saved, value, fixed(f"nonce {name}", 12)) for name, value in values.items())


def plain(name: str, *entries: Secret, **changes: object) -> SealedFile:
    """A file without readers, under keys of its own."""
    parts: dict[str, object] = {
        "epoch_key": fixed(f"{name}: epoch key"),
        "dek": fixed(f"{name}: dek"),
        "key_nonce": fixed(f"{name}: nonce", 12),
        "secrets": entries,
        "recipients": (),
        "generation": 1,
        "seals": len(entries),
    }
    return EXAMPLE.but(**(parts | changes))


def positives() -> Iterator[Positive]:
    """Every positive vector."""
    example = EXAMPLE
    reader = x25519_key_line(run(0x60, 32), example.writer)
    yield Positive(
        "worked_example",
        "the worked example of the format document, opened with the epoch key or as a reader",
        example,
        {"worked_example": key_file(example.epoch_line()), "worked_example.reader": key_file(reader)},
    )

    def simple(name: str, about: str, file: SealedFile) -> Positive:
        return Positive(name, about, file, {name: key_file(file.epoch_line())})

    yield simple("no_entries", "a file may hold nothing", plain("no_entries"))
    lengths = (0, 1, 27, 28, 29, 59, 60, 61, 92, 127, 128, 255, 256)
    values = {f"L{length:03}": b"v" * length for length in lengths}
    yield simple("value_lengths", "lengths around the padding steps", plain("value_lengths", *secrets(**values)))
    texts = {
        "APOSTROPHE": b"it's",
        "BACKSLASH": b"a\\b\\",
        "BRACES": b'{"t":"z"}',
        "BYTE_ORDER_MARK": "\ufeffx".encode(),
        "CONTROLS": b"\x01\x1b[31m\x7f",
        "DOLLAR": b"${HOME} $(id)",
        "EMPTY": b"",
        "EQUALS": b"a=b=",
        "HASH": b"a # b",
        "LINES": b"one\r\ntwo\n\nthree\n",
        "QUOTES": b"\"'`",
        "SPACES": b"  both ends  ",
        "UNICODE": "h\u00e9\U0010ffff".encode(),
    }
    yield simple("value_texts", "values come back byte for byte", plain("value_texts", *secrets(**texts)))
    longest = "N" * 128
    names = (
        "A",
        "A.pending",
        "A.previous",
        "AA",
        "A_",
        "_",
        "_0",
        "a",
        longest,
        f"{longest}.pending",
        f"{longest}.previous",
    )
    yield simple(
        "name_edges",
        "shortest and longest names, suffixes, byte order: full stop, digits, capitals, underscore, small letters",
        plain("name_edges", *secrets(**{name: name[:4].encode() for name in names})),
    )
    largest = Secret("LARGEST", INTEGER_MAX, INTEGER_MAX, b"v", fixed("largest", 12))
    yield simple(
        "integers_largest",
        "2^53-1 wherever an integer stands",
        plain(
            "integers_largest",
            largest,
            epoch=INTEGER_MAX,
            generation=INTEGER_MAX,
            seals=INTEGER_MAX,
            saved=INTEGER_MAX,
            expires=INTEGER_MAX,
        ),
    )
    smallest = Secret("SMALLEST", 1, 0, b"v", fixed("smallest", 12))
    yield simple(
        "integers_smallest", "zero where zero is allowed", plain("integers_smallest", smallest, seals=0, saved=0)
    )
    shortest = plain("scope_shortest", *secrets(A=b"v"), tenant="a", environment="0")
    yield simple("scope_shortest", "one character each", shortest)
    longest_scope = plain(
        "scope_longest", *secrets(A=b"v"), tenant="0" + "_-z" * 20 + "_9", environment="z" + "-0" * 15 + "-"
    )
    yield simple("scope_longest", "63 and 32 characters, all kinds of them", longest_scope)
    yield simple("expires", "an expiry that has not passed", example.but(expires=example.saved + 86_400, recipients=()))

    readers = tuple(Recipient(fixed(f"reader {number}"), fixed(f"ephemeral {number}")) for number in range(5))
    many = example.but(recipients=readers, seals=3)
    keys = {
        f"readers.{number}": key_file(x25519_key_line(readers[number].private, example.writer)) for number in (0, 4)
    }
    yield Positive(
        "readers", "five readers; any of them opens it", many, keys | {"readers": key_file(many.epoch_line())}
    )
    second = example.but(writer=OTHER_WRITER, generation=8)
    lines = (
        epoch_key_line("other", "production", 1, fixed("other tenant"), example.writer),
        epoch_key_line("acme", "production", 2, fixed("epoch 2"), example.writer),
        example.epoch_line(example.writer, OTHER_WRITER),
        x25519_key_line(OTHER_READER.private, example.writer),
    )
    yield Positive(
        "second_writer",
        "a key file of four lines, the third of which opens the file and pins two writers",
        second,
        {"second_writer": key_file(*lines)},
    )

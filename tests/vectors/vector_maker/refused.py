"""Steps 2 to 7: well-formed files that must not open, and files that are not fresh."""

from __future__ import annotations

import base64
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vector_maker import hpke
from vector_maker.negative import CANNOT_OPEN, STALE, Collector, Negative
from vector_maker.positives import OTHER_READER, OTHER_WRITER
from vector_maker.second import (
    EXAMPLE,
    Recipient,
    Secret,
    b64,
    fixed,
    frame,
    key_file,
    line,
    pad,
    writer_public,
    x25519_key_line,
)
from vector_maker.store import mark

_EXAMPLE = EXAMPLE.to_bytes()
_HEADER, _KEY, _READER, _PASSWORD, _PENDING, _GREETING = EXAMPLE.lines()
_TRAILER = _EXAMPLE.decode().split("\n")[-2]
_ORDER = 2**252 + 27742317777372353535851937790883648493  # of the Ed25519 base point

_OTHER_TENANT = EXAMPLE.but(tenant="other", epoch_key=fixed("other tenant"), dek=fixed("other dek"))
_STAGING = EXAMPLE.but(environment="staging")
_OTHER_FILE = EXAMPLE.but(dek=fixed("another file"), key_nonce=fixed("another file", 12))
_OLDER = EXAMPLE.but(
    secrets=(Secret("DB_PASSWORD", 1, 1_600_000_000, b"battery staple", fixed("older", 12)), *EXAMPLE.secrets[1:]),
    generation=6,
    seals=4,
    saved=EXAMPLE.saved - 1000,
)
_READER_KEY = "positive/worked_example.reader.key"


def refused() -> list[Negative]:
    """Everything that is CannotOpen, in the order of the steps."""
    found: list[Negative] = []
    for step, fill in ((2, _scope), (3, _data_key), (4, _mac), (5, _writer), (7, _values)):
        out = Collector(CANNOT_OPEN, step)
        fill(out)
        found += out.found
    return found


def stale() -> list[Negative]:
    """Everything that is StaleFile."""
    out = Collector(STALE, 6)
    out.add("generation_below_minimum", "generation 7, at least 8 is pinned", _EXAMPLE, minimum=8)
    newer = EXAMPLE.but(generation=8).to_bytes()
    asked = {"mark": mark("acme", "production", 8, newer).decode()}
    out.add("generation_below_mark", "generation 7, this host has seen 8", _EXAMPLE, **asked)
    other = EXAMPLE.but(seals=6).to_bytes()
    asked = {"mark": mark("acme", "production", 7, other).decode()}
    out.add(
        "another_file_of_the_marked_generation",
        "generation 7, this host has seen another generation 7",
        _EXAMPLE,
        **asked,
    )
    expiring = EXAMPLE.but(expires=EXAMPLE.saved + 86_400).to_bytes()
    out.add("expired", "a second past its expiry", expiring, now=EXAMPLE.saved + 86_401)
    out.add("saved_in_the_future", "saved 301 seconds ahead of the clock", expiring, now=EXAMPLE.saved - 301)
    out.add("minimum_and_clock", "old for the minimum and by its expiry at once", expiring, now=2**40, minimum=9)
    return out.found


def _scope(out: Collector) -> None:
    out.add("tenant_swapped", "another tenant's file in this one's place", _OTHER_TENANT.to_bytes())
    out.add("environment_swapped", "another environment's file under the same keys", _STAGING.to_bytes())
    out.add("asked_for_another_tenant", "this file where another tenant's was asked for", _EXAMPLE, tenant="other")
    out.add("asked_for_another_environment", "this file where staging was asked for", _EXAMPLE, environment="staging")
    out.add("asked_with_capitals", "a tenant that differs in its capitals", _EXAMPLE, tenant="Acme")
    both = EXAMPLE.close(_OTHER_TENANT.lines(), mac=bytes(32), signature=bytes(64))
    out.add("tenant_swapped_and_mac_broken", "another tenant's file with a MAC and signature of zeros", both)


def _data_key(out: Collector) -> None:
    out.tampered(
        "header_tenant_renamed",
        "another tenant's name over this one's lines",
        '"acme"',
        '"other"',
        tenant="other",
        key="negative/other_tenant.key",
    )
    out.edited(
        "header_epoch_raised",
        "epoch 2 over lines of epoch 1",
        _line(0, _HEADER.replace(":1}", ":2}")),
        key="negative/two_epochs.key",
    )
    out.add(
        "epoch_retired",
        "a file of epoch 2 for a holder of epoch 1",
        EXAMPLE.but(epoch=2, epoch_key=fixed("epoch 2")).to_bytes(),
    )
    out.add(
        "epoch_2_under_the_same_key",
        "a file of epoch 2 for a holder of epoch 1, whose key happens to be the same",
        EXAMPLE.but(epoch=2).to_bytes(),
    )
    out.add("epoch_key_wrong", "another epoch key for the same scope", _EXAMPLE, key="negative/wrong_epoch_key.key")
    out.add(
        "key_of_another_tenant", "a key file that names only another tenant", _EXAMPLE, key="negative/other_tenant.key"
    )
    wrong = "a key file that names only another tenant, whose key happens to be the same"
    out.add("key_of_another_tenant_with_the_same_bytes", wrong, _EXAMPLE, key="negative/other_tenant_same_key.key")
    out.add(
        "key_of_another_environment",
        "a key file that names only another environment",
        _EXAMPLE,
        key="negative/staging.key",
    )
    out.add("reader_not_named", "an identity that no line names", _EXAMPLE, key="negative/other_reader.key")
    no_readers = EXAMPLE.but(recipients=()).to_bytes()
    out.add("reader_removed", "a file whose only reader was removed", no_readers, key=_READER_KEY)
    out.edited(
        "key_line_of_another_epoch_key",
        "a wrap made under another epoch key",
        _line(1, EXAMPLE.but(epoch_key=fixed("x")).key_line()),
    )
    out.edited(
        "key_line_of_another_tenant", "a wrap bound to another tenant", _line(1, EXAMPLE.but(tenant="other").key_line())
    )
    out.edited("key_line_of_another_environment", "a wrap bound to staging", _line(1, _STAGING.key_line()))
    out.edited("key_line_of_another_epoch", "a wrap bound to epoch 2", _line(1, EXAMPLE.but(epoch=2).key_line()))
    out.edited("key_line_zero", "60 zero bytes for a wrap", _line(1, line(t="k", wrapped=b64(bytes(60)))))
    out.edited("key_line_tag_flipped", "one bit of the wrap's tag", _line(1, _flipped(_KEY)))
    out.edited("reader_wrap_tag_flipped", "one bit of a reader's tag", _line(2, _flipped(_READER)), key=_READER_KEY)
    public = EXAMPLE.recipients[0].public
    for name, wrong, info in (
        (
            "reader_wrap_of_another_tenant",
            "a wrap for the same reader in another tenant",
            EXAMPLE.but(tenant="other").reader_info(public),
        ),
        ("reader_wrap_of_another_environment", "a wrap for the same reader in staging", _STAGING.reader_info(public)),
        (
            "reader_wrap_of_another_epoch",
            "a wrap for the same reader in epoch 2",
            EXAMPLE.but(epoch=2).reader_info(public),
        ),
        ("reader_wrap_without_info", "a wrap that is bound to nothing", b""),
    ):
        sealed = hpke.seal(public, EXAMPLE.recipients[0].ephemeral, info, EXAMPLE.dek)
        out.edited(name, wrong, _line(2, line(t="r", reader=b64(public), wrapped=b64(sealed))), key=_READER_KEY)
    two = EXAMPLE.but(recipients=(*EXAMPLE.recipients, OTHER_READER))
    out.edited("reader_wraps_swapped", "the wraps of two readers exchanged", _swap_wraps, file=two, key=_READER_KEY)
    low = line(t="r", reader=b64(public), wrapped=b64(bytes(80)))
    out.edited("reader_encapsulated_key_of_low_order", "an encapsulated key of zeros", _line(2, low), key=_READER_KEY)


def _mac(out: Collector) -> None:
    body = EXAMPLE.lines()
    out.add(
        "mac_of_other_key",
        "a MAC under another key, signed by the pinned writer",
        EXAMPLE.close(body, mac_key=fixed("mac")),
    )
    out.add("mac_under_value_key", "a MAC under K_value", EXAMPLE.close(body, mac_key=EXAMPLE.value_key))
    out.add("mac_under_dek", "a MAC under the data key itself", EXAMPLE.close(body, mac_key=EXAMPLE.dek))
    out.add("mac_zero", "a MAC of zeros, signed by the pinned writer", EXAMPLE.close(body, mac=bytes(32)))
    out.tampered("mac_bit_flipped", "one bit of the MAC", '"mac":"bX', '"mac":"bW')
    out.tampered("version_raised", "a version one higher", '"version":2', '"version":3')
    out.tampered("updated_changed", "a secret made to look younger", '"updated":1700000100', '"updated":1700000200')
    out.tampered("entry_renamed", "a name one letter longer", '"GREETING"', '"GREETINGS"')
    out.tampered("generation_raised", "a generation one higher", '"generation":7', '"generation":8')
    out.tampered("seals_lowered", "seals counted down", '"seals":5', '"seals":3')
    out.tampered("saved_changed", "a save one second later", '"saved":1700000200', '"saved":1700000201')
    out.tampered("expires_set", "an expiry set by a stranger", '"expires":0', '"expires":1800000000')
    out.tampered("entry_dropped", "an entry gone", f"{_PENDING}\n", "")
    out.tampered("reader_dropped", "a reader gone", f"{_READER}\n", "")
    out.tampered(
        "reader_added",
        "a reader added by one who does not know the data key",
        f"{_READER}\n",
        f"{_READER}\n{EXAMPLE.but(dek=fixed('guess')).reader_line(_last(EXAMPLE.recipients[0].public))}\n",
    )
    sealed = [text.split('"')[-2] for text in (_PASSWORD, _PENDING)]
    out.tampered(
        "sealed_values_swapped",
        "the sealed values of two names exchanged",
        f"{_PASSWORD}\n{_PENDING}",
        f"{_PASSWORD.replace(*sealed)}\n{_PENDING.replace(*sealed[::-1])}",
    )
    out.tampered(
        "entry_of_another_tenant", "a line of the same name from another tenant", _PASSWORD, _OTHER_TENANT.lines()[3]
    )
    out.tampered("entry_of_another_environment", "a line of the same name from staging", _PASSWORD, _STAGING.lines()[3])
    out.tampered(
        "entry_of_another_file", "a line of the same name under another data key", _PASSWORD, _OTHER_FILE.lines()[3]
    )
    out.tampered(
        "entry_of_an_older_generation", "a line of the same name and data key, but older", _PASSWORD, _OLDER.lines()[3]
    )
    out.tampered(
        "key_line_of_another_file",
        "the key line of another file under the same epoch key",
        _KEY,
        _OTHER_FILE.key_line(),
    )
    older = _OLDER.to_bytes().decode().split("\n")[-2]
    out.tampered("trailer_of_an_older_generation", "the trailer of the generation before", _TRAILER, older)
    stranger = EXAMPLE.trailer_head(writer=b64(writer_public(OTHER_WRITER)))
    tag = base64.urlsafe_b64decode(_TRAILER.split('"mac":"')[1].split('"')[0] + "=")
    data = EXAMPLE.close(body, head=stranger, mac=tag, signer=OTHER_WRITER)
    out.add("writer_replaced", "another writer named and signing over the old MAC", data)


def _writer(out: Collector) -> None:
    body = EXAMPLE.lines()
    out.add(
        "writer_unpinned",
        "a whole and valid file by a writer that no key file pins",
        EXAMPLE.but(writer=OTHER_WRITER).to_bytes(),
    )
    out.add(
        "signature_by_other_key",
        "the pinned writer named, another key signing",
        EXAMPLE.close(body, signer=OTHER_WRITER),
    )
    out.add("signature_zero", "a signature of zeros", EXAMPLE.close(body, signature=bytes(64)))
    covered = _EXAMPLE[: _EXAMPLE.index(b',"signature"')]
    signature = EXAMPLE.sign(covered)
    out.add(
        "signature_bit_flipped",
        "one bit of the signature",
        EXAMPLE.close(body, signature=bytes([signature[0] ^ 1]) + signature[1:]),
    )
    scalar = int.from_bytes(signature[32:], "little") + _ORDER
    malleated = signature[:32] + scalar.to_bytes(32, "little")
    out.add(
        "signature_malleated",
        "the group order added to the signature's scalar",
        EXAMPLE.close(body, signature=malleated),
    )
    older = _OLDER.sign(_OLDER.to_bytes().split(b',"signature"')[0])
    out.add(
        "signature_of_an_older_generation",
        "the signature of the generation before",
        EXAMPLE.close(body, signature=older),
    )
    key = EXAMPLE.writer
    unframed = _sign(key, hpke.digest(covered))
    out.add("signature_without_label", "a signature of the bare hash", EXAMPLE.close(body, signature=unframed))
    audit = _sign(key, frame(b"sealproof/1/audit", hpke.digest(covered)))
    out.add("signature_of_another_purpose", "the right hash under another label", EXAMPLE.close(body, signature=audit))
    out.add("other_writer_pinned", "a key file that pins another writer", _EXAMPLE, key="negative/other_writer.key")
    # Whoever knows a reader's public key can make a data key, wrap it, and fill a file.
    forged = EXAMPLE.but(
        dek=fixed("forger"),
        epoch_key=fixed("forger does not know it"),
        writer=OTHER_WRITER,
        generation=99,
        secrets=(Secret("DB_PASSWORD", 3, EXAMPLE.saved, b"attacker's choice", fixed("forged", 12)),),
        seals=1,
    )
    wrong = "a whole file by someone who knows only the reader's public key"
    out.add("forged_with_public_recipient_only", wrong, forged.to_bytes(), key=_READER_KEY)
    pinned = forged.close(forged.lines(), head=forged.trailer_head(writer=b64(writer_public(EXAMPLE.writer))))
    out.add("forged_naming_the_pinned_writer", wrong + ", who names the pinned writer", pinned, key=_READER_KEY)
    removed = EXAMPLE.but(writer=OTHER_WRITER, generation=8, secrets=EXAMPLE.secrets[:1])
    out.add("removed_reader_writes_on", "a valid MAC by a former reader who kept the data key", removed.to_bytes())


def _values(out: Collector) -> None:
    secret = EXAMPLE.secrets[0]

    def sealed(name: str, wrong: str, **parts: bytes) -> None:
        out.edited(name, f"{wrong}, signed by the pinned writer", _line(3, EXAMPLE.entry_line(secret, **parts)))

    text = pad(secret.value)
    size = len(secret.value).to_bytes(4, "big")
    sealed("padding_nonzero", "a padding byte that is not zero", padded=text[:-1] + b"\x01")
    sealed(
        "padding_first_byte_nonzero",
        "the first padding byte is not zero",
        padded=size + secret.value + b"\x80" + bytes(14),
    )
    sealed("padding_not_fewest", "a whole block of zeros more than needed", padded=text + bytes(32))
    sealed("padding_length_over", "a length past the end", padded=(29).to_bytes(4, "big") + text[4:])
    sealed("padding_length_huge", "a length of 2^32-1", padded=b"\xff" * 4 + text[4:])
    sealed(
        "padding_length_short", "a length that leaves text in the padding", padded=(12).to_bytes(4, "big") + text[4:]
    )
    sealed("padding_length_little_endian", "a length in the other byte order", padded=size[::-1] + text[4:])
    sealed("value_nul", "a NUL in the value", padded=pad(b"correct\0horse"))
    sealed("value_nul_last", "a NUL at the end of the value", padded=pad(b"correct horse\0"))
    sealed("value_not_utf8", "a value that is no UTF-8", padded=pad(b"correct\xff"))
    sealed("value_surrogate", "half a surrogate pair, in three bytes", padded=pad(b"\xed\xa0\x80"))
    sealed("value_overlong", "a slash in two bytes", padded=pad(b"\xc0\xaf"))
    sealed("sealed_under_dek", "sealed under the data key itself", key=EXAMPLE.dek)
    sealed("sealed_under_mac_key", "sealed under K_mac", key=EXAMPLE.mac_key)
    sealed("sealed_under_epoch_key", "sealed under the epoch key", key=EXAMPLE.epoch_key)
    sealed("sealed_without_binding", "sealed with no associated data", aad=b"")
    for name, wrong, bound in (
        ("sealed_under_another_name", "bound to another name", Secret("GREETING", 2, secret.updated, b"", b"")),
        (
            "sealed_under_another_version",
            "bound to another version",
            Secret("DB_PASSWORD", 1, secret.updated, b"", b""),
        ),
        ("sealed_under_another_time", "bound to another time", Secret("DB_PASSWORD", 2, 1, b"", b"")),
    ):
        sealed(name, wrong, aad=EXAMPLE.entry_aad(bound))
    for name, wrong, file in (
        ("sealed_for_another_tenant", "bound to another tenant", EXAMPLE.but(tenant="other")),
        ("sealed_for_another_environment", "bound to staging", _STAGING),
        ("sealed_for_another_epoch", "bound to epoch 2", EXAMPLE.but(epoch=2)),
    ):
        sealed(name, wrong, aad=file.entry_aad(secret))
    joined = frame(
        b"sealproof/1/entry", b"acmeproduction", b"", b"1", b"DB_PASSWORD", b"2", str(secret.updated).encode()
    )
    sealed("sealed_with_fields_joined", "bound to fields that join to the same text", aad=joined)
    out.edited(
        "sealed_tag_flipped",
        "one bit of a sealed value's tag, signed by the pinned writer",
        _line(3, _flipped(_PASSWORD)),
    )
    again = EXAMPLE.but(key_nonce=EXAMPLE.key_nonce, dek=fixed("new dek"), recipients=())
    lines = [again.header_line(), again.key_line(), *EXAMPLE.entry_lines()]
    out.add("entries_kept_under_a_new_data_key", "lines not sealed again when the data key changed", again.close(lines))


def key_files() -> dict[str, bytes]:
    """The key files that only negatives use."""
    example = EXAMPLE
    wrong = example.but(epoch_key=fixed("wrong"))
    second = example.but(epoch=2, epoch_key=example.epoch_key)
    lines = {
        "other_tenant": [_OTHER_TENANT.epoch_line()],
        "other_tenant_same_key": [example.but(tenant="other").epoch_line()],
        "staging": [_STAGING.epoch_line()],
        "wrong_epoch_key": [wrong.epoch_line()],
        "two_epochs": [example.epoch_line(), second.epoch_line()],
        "other_writer": [example.epoch_line(OTHER_WRITER)],
        "other_reader": [x25519_key_line(OTHER_READER.private, example.writer)],
    }
    return {f"{name}.key": key_file(*texts) for name, texts in lines.items()}


def _line(index: int, text: str) -> Callable[[list[str]], None]:
    return lambda lines: lines.__setitem__(index, text)


def _flipped(text: str) -> str:
    """A line with the last bit of its last field's bytes turned."""
    field = text.split('"')[-2]
    data = base64.urlsafe_b64decode(field + "=" * (-len(field) % 4))
    return text.replace(field, b64(data[:-1] + bytes([data[-1] ^ 1])))


def _swap_wraps(lines: list[str]) -> None:
    wraps = [text.split('"')[-2] for text in lines[2:4]]
    lines[2], lines[3] = lines[2].replace(*wraps), lines[3].replace(*wraps[::-1])


def _last(public: bytes) -> Recipient:
    """A recipient whose public key sorts behind `public`."""
    for number in range(1000):
        recipient = Recipient(fixed(f"last {number}"), fixed("last"))
        if b64(recipient.public) > b64(public):
            return recipient
    message = "no such key"
    raise ValueError(message)


def _sign(seed: bytes, message: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)

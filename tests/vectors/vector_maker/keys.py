"""Negatives of the other line formats: key files, master files, tenant key files, marks."""

from __future__ import annotations

from dataclasses import dataclass, replace

from vector_maker.negative import CANNOT_OPEN, LIMIT, MALFORMED, UNSUPPORTED
from vector_maker.second import EXAMPLE, b64, epoch_key_line, fixed, key_file, line, run, writer_public, x25519_key_line
from vector_maker.store import MASTER, PASSPHRASE_SALT, Epoch, Tenant, mark, master_passphrase, master_random


@dataclass(frozen=True)
class NegativeText:
    """One small file that must be refused."""

    name: str
    wrong: str
    error: str
    data: bytes

    def record(self) -> dict[str, object]:
        """The vector's entry in `negative.json`."""
        return {"wrong": self.wrong, "error": self.error}


_EPOCH = EXAMPLE.epoch_line()
_IDENTITY = x25519_key_line(run(0x60, 32), EXAMPLE.writer)
_WRITER = b64(writer_public(EXAMPLE.writer))
_KEY = b64(EXAMPLE.epoch_key)


def key_negatives() -> list[NegativeText]:
    """Key files that no one may hold."""

    def bad(name: str, wrong: str, *lines: str) -> NegativeText:
        return NegativeText(name, wrong, MALFORMED, key_file(*lines))

    def other(name: str, wrong: str, old: str, new: str, text: str = _EPOCH) -> NegativeText:
        if text.count(old) != 1:
            raise ValueError(name)
        return bad(name, wrong, text.replace(old, new))

    many = [epoch_key_line("acme", "production", epoch, fixed("k"), EXAMPLE.writer) for epoch in range(1, 66)]
    return [
        NegativeText("empty", "no bytes at all", MALFORMED, b""),
        NegativeText("no_final_line_feed", "the last byte is no line feed", MALFORMED, _EPOCH.encode()),
        NegativeText("crlf", "lines end in CR LF", MALFORMED, f"{_EPOCH}\r\n".encode()),
        NegativeText("bom", "a byte order mark", MALFORMED, b"\xef\xbb\xbf" + key_file(_EPOCH)),
        NegativeText(
            "pem", "a private key in PEM", MALFORMED, b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
        ),
        NegativeText("bare_key", "32 bytes and a line feed", MALFORMED, EXAMPLE.epoch_key[:31] + b"\n"),
        NegativeText("sealed_file_instead", "a sealed file in place of a key file", MALFORMED, EXAMPLE.to_bytes()),
        bad("blank_line", "a blank line between two lines", _EPOCH, "", _IDENTITY),
        bad("comment_line", "a comment", "# production", _EPOCH),
        bad(
            "scope_twice",
            "two keys for one tenant, environment and epoch",
            _EPOCH,
            EXAMPLE.but(epoch_key=fixed("x")).epoch_line(),
        ),
        bad("line_twice", "one line twice", _EPOCH, _EPOCH),
        bad(
            "identity_twice",
            "one identity twice, with other writers",
            _IDENTITY,
            x25519_key_line(run(0x60, 32), fixed("other writer")),
        ),
        other("kind_unknown", "another kind", '"kind":"epoch"', '"kind":"master"'),
        other("kind_capitals", "a kind in capitals", '"kind":"x25519"', '"kind":"X25519"', _IDENTITY),
        other("kind_of_the_other_fields", "the fields of the other kind", '"kind":"epoch"', '"kind":"x25519"'),
        other("kind_without_its_fields", "an epoch without its scope", '"kind":"x25519"', '"kind":"epoch"', _IDENTITY),
        other("format_family", "a format of another name", "sealproof-key/1", "otherproof-key/1"),
        other(
            "format_family_of_identity", "a format of another name", "sealproof-key/1", "otherproof-key/1", _IDENTITY
        ),
        other("tenant_grammar", "a capital in the tenant", '"acme"', '"Acme"'),
        other("environment_grammar", "an underscore in the environment", '"production"', '"pre_production"'),
        other("epoch_zero", "epoch 0", '"epoch":1', '"epoch":0'),
        other("epoch_leading_zero", "epoch 01", '"epoch":1', '"epoch":01'),
        other("epoch_quoted", "a string for an epoch", '"epoch":1', '"epoch":"1"'),
        other(
            "field_order",
            "writers before key",
            f'"key":"{_KEY}","writers":"{_WRITER}"',
            f'"writers":"{_WRITER}","key":"{_KEY}"',
        ),
        other("field_added", "a comment", '"kind":"epoch"', '"kind":"epoch","comment":"x"'),
        other("field_missing", "no writers", f',"writers":"{_WRITER}"', ""),
        other("key_empty", "no key", _KEY, ""),
        other("key_of_128_bits", "16 bytes of key", _KEY, b64(run(0, 16))),
        other("key_long", "33 bytes of key", _KEY, b64(run(0, 33))),
        other("key_spare_bits", "the unused bits of the key are not zero", _KEY, _KEY[:-1] + "9"),
        other("key_padding", "base64url with its padding", _KEY, _KEY + "="),
        other("writers_empty", "no writer", _WRITER, ""),
        other("writers_short", "31 bytes of writer", _WRITER, b64(writer_public(EXAMPLE.writer)[:31])),
        other("writers_one_and_a_half", "48 bytes of writers", _WRITER, b64(run(0, 48))),
        other("writers_seventeen", "17 writers", _WRITER, b64(b"".join(fixed(f"w{number}") for number in range(17)))),
        other("writers_spare_bits", "the unused bits of the writers are not zero", _WRITER, _WRITER[:-1] + "1"),
        other("writers_as_array", "an array for the row of writers", f'"{_WRITER}"', f'["{_WRITER}"]'),
        NegativeText("next_version", "key format version 2", UNSUPPORTED, key_file(_EPOCH.replace("key/1", "key/2"))),
        NegativeText(
            "next_version_of_second_line",
            "key format version 2 in the second line",
            UNSUPPORTED,
            key_file(_EPOCH, _IDENTITY.replace("key/1", "key/2")),
        ),
        NegativeText("lines_sixty_five", "65 lines", LIMIT, key_file(*many)),
    ]


def master_negatives() -> list[NegativeText]:
    """Master files that must be refused; those of LimitExceeded when the passphrase is stretched."""
    random, stretched = master_random().decode(), master_passphrase().decode()
    key, salt = b64(MASTER), b64(PASSPHRASE_SALT)

    def bad(name: str, wrong: str, text: str) -> NegativeText:
        return NegativeText(name, wrong, MALFORMED, text.encode())

    return [
        bad("empty", "no bytes at all", ""),
        bad("two_lines", "two masters", random * 2),
        bad("no_final_line_feed", "the last byte is no line feed", random[:-1]),
        bad("kind_unknown", "another kind", random.replace('"random"', '"kms"')),
        bad(
            "kind_of_the_other_fields",
            "a random master with the fields of a passphrase",
            stretched.replace('"passphrase"', '"random"'),
        ),
        bad(
            "passphrase_with_key",
            "a passphrase with the fields of a random master",
            random.replace('"random"', '"passphrase"'),
        ),
        bad("format_family", "a format of another name", random.replace("sealproof-master", "otherproof-master")),
        bad("key_short", "16 bytes of master", random.replace(key, b64(MASTER[:16]))),
        bad("key_empty", "no master", random.replace(key, "")),
        bad("salt_short", "15 bytes of salt", stretched.replace(salt, b64(PASSPHRASE_SALT[:15]))),
        bad("salt_empty", "no salt", stretched.replace(salt, "")),
        bad("created_negative", "a time before 1970", random.replace('"created":', '"created":-')),
        bad("iterations_leading_zero", "iterations with a leading zero", stretched.replace(":600000", ":0600000")),
        bad("iterations_exponent", "6e5 iterations", stretched.replace(":600000", ":6e5")),
        bad(
            "field_order",
            "iterations before salt",
            stretched.replace(f'"salt":"{salt}","iterations":600000', f'"iterations":600000,"salt":"{salt}"'),
        ),
        NegativeText(
            "next_version", "master format version 2", UNSUPPORTED, random.replace("master/1", "master/2").encode()
        ),
        NegativeText("iterations_below_floor", "599 999 iterations", LIMIT, master_passphrase(599_999)),
        NegativeText("iterations_zero", "no iterations", LIMIT, master_passphrase(0)),
        NegativeText("iterations_above_ceiling", "10 000 001 iterations", LIMIT, master_passphrase(10_000_001)),
        NegativeText("iterations_2_to_30", "2^30 iterations", LIMIT, master_passphrase(2**30)),
    ]


def tenant_negatives() -> list[NegativeText]:
    """Tenant key files that must be refused: read for `acme`, opened under the master, every epoch unwrapped."""
    tenant = Tenant()
    text = tenant.to_bytes().decode()
    lines = tenant.lines()
    first, second, third = tenant.epochs

    def bad(name: str, wrong: str, old: str, new: str) -> NegativeText:
        if text.count(old) != 1:
            raise ValueError(name)
        return NegativeText(name, wrong, MALFORMED, text.replace(old, new).encode())

    def closed(name: str, wrong: str, error: str, *body: str) -> NegativeText:
        return NegativeText(name, wrong, error, tenant.close(list(body)))

    mac_line = text.split("\n")[-2]
    return [
        NegativeText("empty", "no bytes at all", MALFORMED, b""),
        NegativeText("head_only", "the file ends behind its head", MALFORMED, f"{lines[0]}\n".encode()),
        NegativeText("mac_missing", "no MAC", MALFORMED, "".join(f"{each}\n" for each in lines).encode()),
        NegativeText("mac_twice", "two MACs", MALFORMED, f"{text}{mac_line}\n".encode()),
        NegativeText("no_final_line_feed", "the last byte is no line feed", MALFORMED, text[:-1].encode()),
        closed("blank_line", "a blank line", MALFORMED, lines[0], "", *lines[1:]),
        closed("epochs_unsorted", "epochs descending", MALFORMED, lines[0], lines[2], lines[1], lines[3]),
        closed(
            "epochs_sorted_as_text",
            "epoch 10 before epoch 9",
            MALFORMED,
            lines[0],
            *(tenant.epoch_line(Epoch("production", epoch, 1, "active", fixed("k"))) for epoch in (10, 9)),
        ),
        closed("epoch_twice", "one epoch twice", MALFORMED, lines[0], lines[1], lines[1]),
        closed("epoch_zero", "epoch 0", MALFORMED, lines[0], tenant.epoch_line(replace(first, epoch=0))),
        closed(
            "state_unknown", "another state", MALFORMED, lines[0], tenant.epoch_line(replace(first, state="destroyed"))
        ),
        closed(
            "environment_grammar",
            "an environment outside the grammar",
            MALFORMED,
            lines[0],
            tenant.epoch_line(replace(first, environment="Production")),
        ),
        NegativeText("other_tenant", "another tenant's file", MALFORMED, replace(tenant, tenant="other").to_bytes()),
        bad("format_family", "a format of another name", "sealproof-tenant", "otherproof-tenant"),
        bad("salt_short", "15 bytes of salt", b64(tenant.salt), b64(tenant.salt[:15])),
        bad("iterations_negative", "a negative cost", '"iterations":', '"iterations":-'),
        bad("mac_short", "half a MAC", mac_line[8:-2], mac_line[8:-23]),
        bad("wrapped_short", "59 bytes of wrap", lines[3].split('"')[-2], b64(fixed("a") + fixed("b", 27))),
        NegativeText(
            "next_version", "tenant format version 2", UNSUPPORTED, text.replace("tenant/1", "tenant/2").encode()
        ),
        NegativeText(
            "iterations_below_floor",
            "99 999 iterations, under a MAC that fits",
            LIMIT,
            replace(tenant, iterations=99_999).to_bytes(),
        ),
        NegativeText(
            "iterations_one", "one iteration, under a MAC that fits", LIMIT, replace(tenant, iterations=1).to_bytes()
        ),
        NegativeText(
            "iterations_above_ceiling", "10 000 001 iterations", LIMIT, text.replace(":100000}", ":10000001}").encode()
        ),
        NegativeText("iterations_2_to_50", "2^50 iterations", LIMIT, text.replace(":100000}", f":{2**50}}}").encode()),
        NegativeText(
            "iterations_changed",
            "a cost within the limits that is not the one used",
            CANNOT_OPEN,
            text.replace(":100000}", ":100001}").encode(),
        ),
        NegativeText(
            "salt_changed", "another salt", CANNOT_OPEN, text.replace(b64(tenant.salt), b64(fixed("salt", 16))).encode()
        ),
        NegativeText(
            "state_changed",
            "a retired epoch made active again",
            CANNOT_OPEN,
            text.replace('"retired"', '"active"').encode(),
        ),
        NegativeText(
            "created_changed",
            "an epoch made younger",
            CANNOT_OPEN,
            text.replace(f'"created":{second.created}', f'"created":{second.created + 9}').encode(),
        ),
        NegativeText("epoch_dropped", "an epoch gone", CANNOT_OPEN, text.replace(f"{lines[2]}\n", "").encode()),
        NegativeText(
            "mac_zero", "a MAC of zeros", CANNOT_OPEN, text.replace(mac_line, line(mac=b64(bytes(32)))).encode()
        ),
        closed(
            "wraps_swapped",
            "the wraps of two epochs exchanged, under a MAC that fits",
            CANNOT_OPEN,
            lines[0],
            tenant.epoch_line(first, scope_of=second),
            tenant.epoch_line(second, scope_of=first),
        ),
        closed(
            "wrap_of_another_environment",
            "a wrap bound to another environment, under a MAC that fits",
            CANNOT_OPEN,
            lines[0],
            tenant.epoch_line(first, scope_of=third),
        ),
    ]


def mark_negatives() -> list[NegativeText]:
    """Marks that do not count as one: read for acme/production."""
    text = mark("acme", "production", 7, EXAMPLE.to_bytes()).decode()
    digest = text.split('"')[-2]
    cases = (
        ("empty", "no bytes at all", text, ""),
        ("no_final_line_feed", "the last byte is no line feed", "\n", ""),
        ("two_lines", "two marks", text, text * 2),
        ("format_family", "a format of another name", "sealproof-mark", "otherproof-mark"),
        ("next_version", "mark format version 2: an anchor that cannot be read is never none", "mark/1", "mark/2"),
        ("other_tenant", "another tenant's mark", '"acme"', '"other"'),
        ("other_environment", "another environment's mark", '"production"', '"staging"'),
        ("generation_zero", "generation 0", '"generation":7', '"generation":0'),
        ("generation_leading_zero", "generation 07", '"generation":7', '"generation":07'),
        ("digest_capitals", "hexadecimal in capitals", digest, digest.upper()),
        ("digest_short", "31 bytes of hash", digest, digest[:62]),
        ("digest_no_hexadecimal", "a letter beyond f", digest, "g" + digest[1:]),
        ("field_added", "a comment", '"sha256"', '"note":"","sha256"'),
        (
            "field_order",
            "hash before generation",
            text,
            line(format="sealproof-mark/1", tenant="acme", environment="production", sha256=digest, generation=7)
            + "\n",
        ),
    )
    return [NegativeText(name, wrong, MALFORMED, text.replace(old, new).encode()) for name, wrong, old, new in cases]

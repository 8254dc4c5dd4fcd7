"""Step 1: bytes that are no file of this format, or of another version of it.

Unless the fault is in the trailer itself, MAC and signature are made over the faulty bytes: whoever
accepts one of these files does so because the rule is missing, not because a key was.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

from vector_maker.negative import MALFORMED, UNSUPPORTED, Collector, Negative
from vector_maker.positives import OTHER_READER
from vector_maker.second import EXAMPLE, Secret, b64, fixed, key_file, line

_EXAMPLE = EXAMPLE.to_bytes()
_HEADER, _KEY, _READER, _PASSWORD, _PENDING, _GREETING = EXAMPLE.lines()
_UPDATED = 1_700_000_000


def malformed() -> list[Negative]:
    """Everything that is MalformedFile."""
    out = Collector(MALFORMED, 1)
    _bytes(out)
    _spelling(out)
    _header(out)
    _integers(out)
    _base64(out)
    _key_and_readers(out)
    _entries(out)
    _trailer(out)
    return out.found


def unsupported() -> list[Negative]:
    """Everything that is UnsupportedFormat."""
    out = Collector(UNSUPPORTED, 1)
    old = "sealproof-env/1"
    out.replaced("old_format_version", "format version 0", old, "sealproof-env/0")
    out.replaced("next_format_version", "format version 2", old, "sealproof-env/2")
    out.replaced("format_version_with_two_digits", "format version 10", old, "sealproof-env/10")
    out.replaced("format_version_with_a_minor", "format version 1.1", old, "sealproof-env/1.1")
    out.replaced("format_version_empty", "no version behind the slash", old, "sealproof-env/")
    other = line(t="h", format="sealproof-env/2", anything={"else": [1, 2, 3]})
    out.add("next_format_with_other_fields", "a header of version 2 with fields not known here", f"{other}\n".encode())
    return out.found


def _bytes(out: Collector) -> None:
    out.add("empty_file", "no bytes at all", b"")
    out.add("one_line_feed", "a single line feed", b"\n")
    out.add("header_only", "the file ends behind its header", f"{_HEADER}\n".encode())
    out.add("no_final_line_feed", "the last byte is no line feed", _EXAMPLE[:-1])
    out.add("crlf", "lines end in CR LF", EXAMPLE.close(EXAMPLE.lines(), end="\r\n"))
    out.add("bare_cr", "lines end in CR", _EXAMPLE.replace(b"\n", b"\r"))
    out.add("bom", "a byte order mark before the header", b"\xef\xbb\xbf" + _EXAMPLE)
    out.add("utf16", "the text in UTF-16", _EXAMPLE.decode().encode("utf-16"))
    out.edited("blank_line", "a blank line between two entries", lambda lines: lines.insert(5, ""))
    out.edited("blank_line_first", "a blank line before the header", lambda lines: lines.insert(0, ""))
    out.add("blank_line_last", "a blank line behind the trailer", _EXAMPLE + b"\n")
    out.edited("comment_line", "a comment between two lines", lambda lines: lines.insert(2, "# readers"))
    out.edited("leading_space", "a space before a line", lambda lines: lines.__setitem__(3, " " + _PASSWORD))
    out.edited("trailing_space", "a space behind a line", lambda lines: lines.__setitem__(3, _PASSWORD + " "))
    out.edited("trailing_tab", "a tab behind a line", lambda lines: lines.__setitem__(3, _PASSWORD + "\t"))
    out.edited("trailing_nul", "a NUL behind a line", lambda lines: lines.__setitem__(3, _PASSWORD + "\0"))
    out.add("trailing_garbage", "one more byte behind the trailer's line feed", _EXAMPLE + b"x")
    out.add("file_twice", "the same file twice in a row", _EXAMPLE * 2)
    out.add("dotenv_text", "a plain dotenv file", b"DB_PASSWORD=correct horse\nGREETING=hello\n")
    out.add(
        "dotenv_line_inside",
        "a dotenv line in place of an entry",
        EXAMPLE.close([*EXAMPLE.lines()[:3], "DB_PASSWORD=x"]),
    )
    out.add("yaml_text", "a YAML document with an object tag", b"!!python/object/apply:os.system ['id']\n")
    out.add("pickle_stream", "a pickle", b"\x80\x04cos\nsystem\n(S'id'\ntR.\n")
    out.add("deep_json", "arrays in arrays", b"[" * 2000 + b"]" * 2000 + b"\n")
    out.add("key_file_instead", "a key file in place of the sealed file", key_file(EXAMPLE.epoch_line()))


def _spelling(out: Collector) -> None:
    out.replaced("json_spaces", "spaces behind the colons of one line", _KEY, _KEY.replace('":', '": '))
    out.replaced("escape_in_header", "a letter of the tenant as \\u0061", '"acme"', '"\\u0061cme"')
    out.replaced("entry_name_escape", "an underscore of a name as \\u005f", '"DB_PASSWORD"', '"DB\\u005fPASSWORD"')
    out.replaced("entry_name_backslash", "a backslash in a name", '"GREETING"', '"GREET\\\\ING"')
    out.replaced("sealed_escape", "base64url with an escaped solidus", '"sealed":"0', '"sealed":"\\/0')
    out.replaced("single_quotes", "apostrophes for quotes", '"GREETING"', "'GREETING'")
    out.replaced("not_ascii_tenant", "a letter outside ASCII", '"acme"', '"acm\u00e9"')
    out.replaced("line_as_array", "an array for an object", _PASSWORD, '["e","DB_PASSWORD",2]')
    out.replaced("object_nested", "an object where a string belongs", '"sealed":"0', '"sealed":{},"sealed":"0')
    out.replaced("trailing_comma", "a comma behind the last field", '"epoch":1}', '"epoch":1,}')
    out.replaced("line_joined", "two entries on one line", f"{_PASSWORD}\n{_PENDING}", _PASSWORD + _PENDING)


def _header(out: Collector) -> None:
    out.replaced(
        "header_field_order",
        "environment before tenant",
        '"tenant":"acme","environment":"production"',
        '"environment":"production","tenant":"acme"',
    )
    out.replaced("header_field_missing", "no epoch", ',"epoch":1', "")
    out.replaced("header_field_added", "an algorithm in the header", '"epoch":1}', '"epoch":1,"algorithm":"none"}')
    out.replaced("header_field_twice", "the tenant twice", '"tenant":"acme"', '"tenant":"evil","tenant":"acme"')
    out.replaced("header_field_renamed", "tenant_id for tenant", '"tenant":', '"tenant_id":')
    out.replaced("header_kind", "another kind in the first line", '"t":"h"', '"t":"H"')
    out.replaced("other_format_family", "a format of another name", "sealproof-env/1", "otherproof-env/1")
    out.edited("header_missing", "no header", lambda lines: lines.pop(0))
    out.edited("header_twice", "two headers", lambda lines: lines.insert(1, _HEADER))
    out.edited("header_second", "the key line before the header", lambda lines: lines.insert(0, lines.pop(1)))
    for name, wrong, tenant in (
        ("tenant_empty", "an empty tenant", ""),
        ("tenant_upper_case", "a capital in the tenant", "Acme"),
        ("tenant_leading_dash", "a tenant that begins with a dash", "-acme"),
        ("tenant_leading_underscore", "a tenant that begins with an underscore", "_acme"),
        ("tenant_traversal", "a path for a tenant", "../acme"),
        ("tenant_full_stop", "a full stop in the tenant", "acme.eu"),
        ("tenant_too_long", "a tenant of 64 characters", "a" * 64),
    ):
        out.add(name, wrong, EXAMPLE.but(tenant=tenant).to_bytes(), tenant=tenant)
    for name, wrong, environment in (
        ("environment_empty", "an empty environment", ""),
        ("environment_underscore", "an underscore in the environment", "pre_production"),
        ("environment_leading_dash", "an environment that begins with a dash", "-production"),
        ("environment_too_long", "an environment of 33 characters", "e" * 33),
    ):
        out.add(name, wrong, EXAMPLE.but(environment=environment).to_bytes(), environment=environment)


def _integers(out: Collector) -> None:
    for name, wrong, text in (
        ("integer_leading_zero", "01", "01"),
        ("integer_too_large", "2^53", str(2**53)),
        ("integer_of_64_bits", "2^64-1", str(2**64 - 1)),
        ("integer_of_4000_digits", "4000 digits", "9" * 4000),
        ("integer_negative", "-1", "-1"),
        ("integer_plus_sign", "+1", "+1"),
        ("integer_exponent", "1e0", "1e0"),
        ("integer_fraction", "1.0", "1.0"),
        ("integer_hexadecimal", "0x1", "0x1"),
        ("integer_underscore", "1_0", "1_0"),
        ("integer_quoted", "a string for an integer", '"1"'),
        ("integer_empty", "no digits", ""),
        ("integer_null", "null for an integer", "null"),
        ("integer_true", "true for an integer", "true"),
        ("epoch_zero", "epoch 0", "0"),
    ):
        out.replaced(
            name, f"the epoch is written as {wrong}" if "epoch" not in wrong else wrong, '"epoch":1', f'"epoch":{text}'
        )
    out.replaced("version_zero", "a version of 0", '"version":2', '"version":0')
    out.replaced("version_leading_zero", "a version of 02", '"version":2', '"version":02')
    out.replaced("updated_negative", "a time before 1970", '"updated":1700000100', '"updated":-1700000100')
    for what in ("generation", "seals", "saved", "expires"):
        head = EXAMPLE.trailer_head().replace(f'"{what}":', f'"{what}":0')
        out.add(f"{what}_leading_zero", f"{what} with a leading zero", EXAMPLE.close(EXAMPLE.lines(), head=head))
    out.add("generation_zero", "generation 0", EXAMPLE.but(generation=0).to_bytes())
    out.add("expires_negative", "an expiry of -1", EXAMPLE.but(expires=-1).to_bytes())
    out.add("seals_too_large", "2^53 seals", EXAMPLE.but(seals=2**53).to_bytes())


def _base64(out: Collector) -> None:
    reader = b64(EXAMPLE.recipients[0].public)
    wrapped = _READER.split('"')[-2]
    greeting = _GREETING.split('"')[-2]
    out.replaced("reader_spare_bits", "the unused bits of a reader are not zero", reader, _spare(reader))
    out.replaced(
        "reader_wrapped_spare_bits", "the unused bits of a reader's wrap are not zero", wrapped, _spare(wrapped)
    )
    out.replaced("sealed_spare_bits", "the unused bits of a sealed value are not zero", greeting, _spare(greeting))
    out.replaced("base64_padding", "base64url with its padding", greeting, greeting + "=")
    out.replaced("base64_standard_alphabet", "+ and / for - and _", _KEY, _KEY.replace("_", "/").replace("-", "+"))
    out.replaced("base64_foreign_character", "a character that decoders skip", greeting, "*" + greeting)
    out.replaced("base64_white_space", "a space within base64url", greeting, f"{greeting[:8]} {greeting[8:]}")
    out.replaced("base64_one_character_over", "4n+1 characters", greeting, greeting[:-2])
    out.replaced("base64_hexadecimal", "hexadecimal for base64url", greeting, "d0" * 92)


def _key_and_readers(out: Collector) -> None:
    wrapped = _KEY.split('"')[-2]
    out.edited("key_line_missing", "no key line", lambda lines: lines.pop(1))
    out.edited("key_line_twice", "two key lines", lambda lines: lines.insert(2, _KEY))
    out.edited("key_line_behind_readers", "the key line behind the reader", lambda lines: lines.insert(2, lines.pop(1)))
    out.replaced("key_line_kind", "another kind in the second line", '{"t":"k"', '{"t":"K"')
    out.replaced("key_wrapped_empty", "an empty wrap", wrapped, "")
    out.replaced("key_wrapped_short", "a wrap of 59 bytes", wrapped, b64(_raw(wrapped)[:59]))
    out.replaced("key_wrapped_long", "a wrap of 63 bytes", wrapped, wrapped + "AAAA")
    out.replaced(
        "key_line_nonce_apart", "the nonce in a field of its own", '"t":"k",', '"t":"k","nonce":"oKGio6SlpqeoqaqrAA",'
    )
    two = EXAMPLE.but(recipients=(*EXAMPLE.recipients, OTHER_READER))
    out.edited("unsorted_readers", "readers descending", lambda lines: lines.insert(2, lines.pop(3)), file=two)
    out.edited("duplicate_reader", "one reader twice", lambda lines: lines.insert(2, lines[2]))
    out.edited("reader_behind_entry", "a reader behind the first entry", lambda lines: lines.insert(3, lines.pop(2)))
    out.edited("reader_before_key", "a reader before the key line", lambda lines: lines.insert(1, lines.pop(2)))
    out.edited("reader_last", "a reader behind the last entry", lambda lines: lines.append(lines.pop(2)))
    reader = b64(EXAMPLE.recipients[0].public)
    out.replaced("reader_short", "a public key of 30 bytes", reader, reader[:40])
    out.replaced("reader_long", "a public key of 33 bytes", reader, b64(EXAMPLE.recipients[0].public + b"\0"))
    enc = _READER.split('"')[-2]
    out.replaced("reader_wrapped_short", "a reader's wrap of 78 bytes", enc, enc[:104])
    out.replaced("reader_field_order", "wrap before public key", _READER, line(t="r", wrapped=enc, reader=reader))
    out.replaced("reader_field_added", "a name for the reader", '"reader":', '"name":"alice","reader":')


def _entries(out: Collector) -> None:
    sealed = _GREETING.split('"')[-2]
    out.edited("unsorted_entries", "names descending", lambda lines: lines.insert(3, lines.pop(4)))
    out.edited("duplicate_entry", "one entry twice", lambda lines: lines.insert(3, _PASSWORD))
    renewed = Secret("DB_PASSWORD", 3, _UPDATED, b"other", fixed("renewed", 12))
    out.edited(
        "duplicate_entry_name", "two versions of one name", lambda lines: lines.insert(4, EXAMPLE.entry_line(renewed))
    )
    for name, wrong, text in (
        ("entry_name_empty", "an empty name", ""),
        ("entry_name_digit", "a name that begins with a digit", "1GREETING"),
        ("entry_name_dash", "a dash in a name", "GREET-ING"),
        ("entry_name_equals", "an equals sign in a name", "GREETING=x"),
        ("entry_name_space", "a space in a name", "GREET ING"),
        ("entry_name_traversal", "a path for a name", "../GREETING"),
        ("entry_name_too_long", "a name of 129 characters", "G" * 129),
        ("entry_name_suffix_only", "a suffix without a name", ".pending"),
        ("entry_name_unknown_suffix", "another suffix", "GREETING.old"),
        ("entry_name_two_suffixes", "two suffixes", "GREETING.pending.previous"),
        ("entry_name_suffix_capitals", "a suffix in capitals", "GREETING.PENDING"),
        ("entry_name_nul", "a NUL in a name", "GREET\0ING"),
    ):
        secret = Secret(text, 1, _UPDATED, b"v", fixed(name, 12))
        out.edited(name, wrong, _with_last(_raw_entry(text, EXAMPLE.entry_line(secret))))
    out.replaced(
        "entry_field_order", "version before name", '"name":"GREETING","version":1', '"version":1,"name":"GREETING"'
    )
    out.replaced("entry_field_missing", "no time", ',"updated":1700000100', "")
    out.replaced("entry_field_added", "a comment in an entry", '"name":"GREETING"', '"comment":"","name":"GREETING"')
    out.replaced("entry_field_twice", "the version twice", '"version":2', '"version":1,"version":2')
    out.replaced("entry_kind", "an entry of another kind", '"t":"e","name":"GREETING"', '"t":"E","name":"GREETING"')
    out.replaced(
        "entry_plain_value", "the value in plain text beside the sealed one", '"sealed":"0', '"value":"x","sealed":"0'
    )
    out.replaced("sealed_empty", "nothing sealed", sealed, "")
    out.replaced("sealed_nonce_only", "a nonce and no more", sealed, sealed[:16])
    out.replaced("sealed_without_block", "nonce and tag with nothing between", sealed, b64(fixed("28", 28)))
    out.replaced("truncated_tag", "12 bytes of tag for 16", sealed, b64(_raw(sealed)[:-4]))
    out.replaced("sealed_not_padded", "a length that no padding gives", sealed, b64(_raw(sealed)[:-1]))
    out.replaced("sealed_one_byte_more", "one byte behind the tag", sealed, b64(_raw(sealed) + b"\0"))


def _trailer(out: Collector) -> None:
    lines = EXAMPLE.lines()
    head = EXAMPLE.trailer_head()
    trailer = _EXAMPLE.decode().split("\n")[-2]
    body = _EXAMPLE[: -len(trailer) - 1]
    out.add("trailer_missing", "the file ends behind its last entry", body)
    out.add("second_trailer", "two trailers", EXAMPLE.close([*lines, trailer]))
    out.add(
        "entry_behind_trailer",
        "an entry behind the trailer",
        EXAMPLE.close([*lines[:-1], trailer]) + f"{_GREETING}\n".encode(),
    )
    swapped = head.replace('"generation":7,"seals":5', '"seals":5,"generation":7')
    out.add("trailer_field_order", "seals before generation", EXAMPLE.close(lines, head=swapped))
    out.add("trailer_field_missing", "no expiry", EXAMPLE.close(lines, head=head.replace(',"expires":0', "")))
    out.add(
        "trailer_field_added",
        "a comment in the trailer",
        EXAMPLE.close(lines, head=head.replace('"writer"', '"note":"","writer"')),
    )
    out.add(
        "trailer_field_behind_signature",
        "a field that nothing authenticates",
        EXAMPLE.close(lines, tail=',"note":"x"}'),
    )
    out.add(
        "trailer_kind", "a last line of another kind", EXAMPLE.close(lines, head=head.replace('"t":"z"', '"t":"Z"'))
    )
    out.add("trailer_space_behind_signature", "a space that nothing authenticates", EXAMPLE.close(lines, tail=" }"))
    mac = trailer.split('"mac":"')[1].split('"')[0]
    signature = trailer.split('"signature":"')[1].split('"')[0]
    writer = trailer.split('"writer":"')[1].split('"')[0]
    for name, wrong, old, new in (
        ("mac_empty", "an empty MAC", mac, ""),
        ("mac_short", "half a MAC", mac, b64(_raw(mac)[:16])),
        ("mac_long", "33 bytes of MAC", mac, b64(_raw(mac) + b"\0")),
        ("mac_spare_bits", "the unused bits of the MAC are not zero", mac, _spare(mac)),
        ("signature_empty", "an empty signature", signature, ""),
        ("signature_short", "63 bytes of signature", signature, b64(_raw(signature)[:63])),
        ("signature_long", "65 bytes of signature", signature, b64(_raw(signature) + b"\0")),
        ("signature_spare_bits", "the unused bits of the signature are not zero", signature, _spare(signature)),
        ("writer_short", "31 bytes of writer", writer, b64(_raw(writer)[:31])),
        ("writer_spare_bits", "the unused bits of the writer are not zero", writer, _spare(writer)),
        (
            "signature_before_mac",
            "signature before MAC",
            f'"mac":"{mac}","signature":"{signature}"',
            f'"signature":"{signature}","mac":"{mac}"',
        ),
        ("signature_missing", "no signature", f',"signature":"{signature}"', ""),
        ("mac_missing", "no MAC", f'"mac":"{mac}",', ""),
    ):
        out.tampered(name, wrong, old, new)


def _raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _spare(text: str) -> str:
    """The same bytes with the lowest unused bit set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    if len(text) % 4 == 0:
        message = "no unused bits"
        raise ValueError(message)
    return text[:-1] + alphabet[alphabet.index(text[-1]) | 1]


def _raw_entry(name: str, text: str) -> str:
    """The name as it is, where `json` would escape it."""
    return text.replace('"name":"' + name.replace("\0", "\\u0000") + '"', f'"name":"{name}"')


def _with_last(text: str) -> Callable[[list[str]], None]:
    return lambda lines: lines.__setitem__(-1, text)

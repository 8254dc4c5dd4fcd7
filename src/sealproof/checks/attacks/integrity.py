"""Rows A1 to A7, A9, A10: whoever can write the stored bytes, and holds no key, changes them."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from sealproof.checks.attacks.bench import FIRST, SECOND, Bench, read, write
from sealproof.checks.attacks.interface import ContainerEditor, NotApplicable, Record
from sealproof.checks.attacks.registry import attack
from sealproof.checks.specimen import canaries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sealproof.checks.attacks.interface import OwnedFile

EDITING = "records and header fields of its files cannot be changed one at a time"
_PLAIN = "PLAIN_VALUE"


def refuses_bytes(bench: Bench, file: OwnedFile, variants: Iterable[tuple[str, bytes]], *, own: bool = False) -> None:
    """Try each variant of a file's bytes in its place: every load has to fail closed.

    `own`: the bytes hold a plain canary of the intruder's own, so the reader's frames may, and only texts count.
    """
    original = read(file.path)
    tenant = file.tenant or FIRST
    for what, data in variants:
        if data == original:
            continue
        write(file.path, data)
        bench.refuses(f"{file.kind} file, {what}", lambda: bench.store.load(tenant), wrote=own)
    write(file.path, original)


def edited(bench: Bench, change: Callable[[ContainerEditor, bytes], Iterator[tuple[str, bytes]]]) -> None:
    """Try every file that `change` makes of the first tenant's data file."""
    editor = bench.part(ContainerEditor, EDITING)
    file = bench.data_file()
    refuses_bytes(bench, file, change(editor, read(file.path)))


@attack("A1")
def bit_flip(bench: Bench) -> None:
    """Flip one bit in every byte of every file that a load reads."""
    files = bench.files()
    for file in files:
        data = read(file.path)
        flips = (
            (
                f"bit {place % 8} of byte {place}",
                data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :],
            )
            for place in bench.places(len(data), among=len(files))
        )
        refuses_bytes(bench, file, flips)


@attack("A2")
def truncation(bench: Bench) -> None:
    """Cut each file at every length, and take it away: an empty or missing file is never an empty tenant."""
    files = bench.files()
    for file in files:
        data = read(file.path)
        cuts = ((f"cut to {size} bytes", data[:size]) for size in bench.places(len(data), among=len(files)))
        refuses_bytes(bench, file, cuts)
        with bench.moved_away(file.path):
            tenant = file.tenant or FIRST
            bench.refuses(f"{file.kind} file missing", partial(bench.store.load, tenant))


@attack("A3")
def trailing_data(bench: Bench) -> None:
    """Put a byte, a line feed, a second valid document and the file itself behind each file, and before it."""
    other = read(bench.data_file(SECOND).path)
    for file in bench.files("data"):
        data = read(file.path)
        more = {"a byte": b"x", "a NUL": b"\0", "a blank": b" ", "byte 255": b"\xff", "a line feed": b"\n"}
        more |= {"another valid file": other, "itself": data}
        refuses_bytes(bench, file, ((f"{what} behind it", data + text) for what, text in more.items()))
        refuses_bytes(bench, file, ((f"{what} before it", text + data) for what, text in more.items()))


@attack("A4")
def record_set(bench: Bench) -> None:
    """Drop, add, reorder and duplicate records, each of which is valid by itself."""
    store, file = bench.store, bench.data_file()
    before = read(file.path)
    store.put(FIRST, "ADDED_LATER", bench.plant(canaries(("X",))["X"]))
    added = read(bench.data_file().path)
    bench.restore()

    def change(editor: ContainerEditor, data: bytes) -> Iterator[tuple[str, bytes]]:
        records = list(editor.records(data))
        for place, record in enumerate(records):
            yield f"record {place} dropped", editor.with_records(data, records[:place] + records[place + 1 :])
            yield (
                f"record {place} doubled",
                editor.with_records(data, [*records[: place + 1], record, *records[place + 1 :]]),
            )
        yield "no record left", editor.with_records(data, [])
        yield "records reversed", editor.with_records(data, records[::-1])
        late = [record for record in editor.records(added) if record.name == "ADDED_LATER"]
        yield "a later record added", editor.with_records(data, [*records, *late])
        yield "a later record first", editor.with_records(data, [*late, *records])

    if before != read(file.path):
        message = "the store changes when it is put back"
        raise NotApplicable(message)
    edited(bench, change)


@attack("A5")
def swapped_values(bench: Bench) -> None:
    """Exchange the ciphertexts of every two names of one tenant."""

    def change(editor: ContainerEditor, data: bytes) -> Iterator[tuple[str, bytes]]:
        records = list(editor.records(data))
        for first in range(len(records)):
            for second in range(first):
                swapped = list(records)
                swapped[first], swapped[second] = _exchanged(records[first], records[second])
                yield f"values of records {second} and {first} exchanged", editor.with_records(data, swapped)

    edited(bench, change)


def _exchanged(one: Record, other: Record) -> tuple[Record, Record]:
    """Return both records with the other's value under their own name."""
    return tuple(  # type: ignore[return-value]
        replace(source, name=place.name, text=source.text.replace(source.name, place.name, 1))
        for place, source in ((one, other), (other, one))
    )


_PAIRS = (
    *(((f"aa1{mark}bb2", "cc3"), ("aa1", f"bb2{mark}cc3")) for mark in (":", "/", ".", "\0", "-", "_", "", "\n", " ")),
    (("", "aa1cc3"), ("aa1cc3", "")),
)
"""Pairs of (tenant, name) that join to one text, by every separator that somebody might use."""


@attack("A6")
def ambiguous_joining(bench: Bench) -> None:
    """Make pairs of tenant and name that join to one text, and move the value from one to the other."""
    editor = bench.part(ContainerEditor, EDITING)
    for number, pair in enumerate(_PAIRS):
        store = bench.another(f"pair-{number}", {})
        made = [
            bench.answer(partial(store.put, tenant, name, f"value of {tenant!a}/{name!a}")) for tenant, name in pair
        ]
        if any(isinstance(answer, Exception) for answer in made):
            bench.holds("refused at write", condition=True)
            continue
        _move_joined(bench, editor, number, pair)


def _move_joined(bench: Bench, editor: ContainerEditor, number: int, pair: Sequence[tuple[str, str]]) -> None:
    store = bench.another(f"moving-{number}", {})
    for tenant, name in pair:
        store.put(tenant, name, f"value of {tenant!a}/{name!a}")
    paths = {file.tenant: file.path for file in store.files() if file.kind == "data"}
    (source, name), (place, renamed) = pair
    (record,) = [each for each in editor.records(read(paths[source])) if each.name == name]
    moved = replace(record, name=renamed, text=record.text.replace(name, renamed, 1))
    write(paths[place], editor.with_records(read(paths[place]), [moved]))
    answer = bench.answer(lambda: store.load(place).get(renamed))
    bench.holds(f"{source!a}/{name!a} read as {place!a}/{renamed!a}", isinstance(answer, Exception))


@attack("A7")
def metadata_edit(bench: Bench) -> None:
    """Change every field of metadata one at a time: versions, key ids, costs, salts, counters, times."""

    def change(editor: ContainerEditor, data: bytes) -> Iterator[tuple[str, bytes]]:
        for field in editor.fields(data):
            for text in _otherwise(field.text):
                yield f"{field.name} changed", editor.with_field(data, field.name, text)

    edited(bench, change)


def _otherwise(text: str) -> Iterator[str]:
    """Yield texts of the same kind that say something else."""
    if text.isdecimal():
        yield str(int(text) + 1)
        yield str(max(int(text) - 1, 0))
    elif text:
        yield text[:-1] + ("A" if text[-1] != "A" else "B")
        yield ("b" if text[0] != "b" else "c") + text[1:]
    yield text + "0"
    yield ""


@attack("A9")
def plain_text(bench: Bench) -> None:
    """Put plain text where a value, a record or the whole file is expected."""
    value = bench.plant(canaries(("X",))["X"])
    file = bench.data_file()
    data = read(file.path)
    dotenv = f"{_PLAIN}={value}\n".encode()
    variants = [
        ("a plain dotenv file in its place", dotenv),
        ("an exported dotenv file in its place", b"export " + dotenv),
        ("a plain line before it", dotenv + data),
        ("a plain line behind it", data + dotenv),
        ("plain JSON in its place", f'{{"{_PLAIN}":"{value}"}}\n'.encode()),
        ("plain JSON lines in its place", f'{{"name":"{_PLAIN}","value":"{value}"}}\n'.encode()),
    ]
    if isinstance(bench.store, ContainerEditor):
        editor, records = bench.store, list(bench.store.records(data))
        for text in (f"{records[0].name}={value}", f'{{"name":"{records[0].name}","value":"{value}"}}', value):
            spliced = [replace(records[0], text=text), *records[1:]]
            variants.append(("a plain record among the sealed ones", editor.with_records(data, spliced)))
    refuses_bytes(bench, file, variants, own=True)
    # A load that would look for plain files beside the sealed one finds some here.
    for name in (".env", ".env.local", f"{FIRST}.env"):
        twin = os.path.join(os.path.dirname(file.path), name)
        if os.path.lexists(twin):
            continue
        with bench.moved_away(file.path):
            write(twin, dotenv)
            bench.refuses(f"a plain {name} beside the missing file", lambda: bench.store.load(FIRST), wrote=True)
            os.unlink(twin)


@attack("A10")
def passed_through(bench: Bench) -> None:
    """Take the key away, empty it, or spoil one value: neither ciphertext nor the earlier value may come out."""
    keys = bench.files("key", tenant=FIRST)
    if not keys:
        message = "the store has no key that could be missing"
        raise NotApplicable(message)
    for key in keys:
        with bench.moved_away(key.path):
            bench.refuses("the key is missing", lambda: bench.store.load(FIRST))
            bench.refuses("the key is missing, for one value", lambda: bench.store.get(FIRST, "API_TOKEN"))
        refuses_bytes(bench, key, [("emptied", b""), ("of zeros", bytes(len(read(key.path))))])
    if isinstance(bench.store, ContainerEditor):
        editor, file = bench.store, bench.data_file()
        data = read(file.path)
        records = list(editor.records(data))
        for place, record in enumerate(records):
            middle = len(record.text) * 3 // 4
            other = "A" if record.text[middle] != "A" else "B"
            spoilt = replace(record, text=record.text[:middle] + other + record.text[middle + 1 :])
            damaged = editor.with_records(data, [*records[:place], spoilt, *records[place + 1 :]])
            refuses_bytes(bench, file, [(f"value {place} spoilt", damaged)])

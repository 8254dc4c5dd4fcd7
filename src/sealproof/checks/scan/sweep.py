"""One pass over a source tree: each file is read once, and every scanner looks at what was read.

While the scanners' process works on a file, this one looks for live values and keys in the same bytes,
so that two processors are used. What comes out points at lines and names detectors; it never holds what
stood there. Names of files are searched like a file's lines: a name that holds a find is withheld.
"""

from __future__ import annotations

import os
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from sealproof.checks.scan.archives import Archive, is_archive
from sealproof.checks.scan.build_files import build_secrets, is_build_file
from sealproof.checks.scan.document import Document
from sealproof.checks.scan.files import Entry, Skip, read
from sealproof.checks.scan.keyfiles import find_keys
from sealproof.checks.scan.tokens import PRIVATE_KEY
from sealproof.envelope.parse import parse
from sealproof.errors import DataError

if TYPE_CHECKING:
    from sealproof.checks.scan.build_files import BuildSecret
    from sealproof.checks.scan.detectors import Answer, Detectors, Found
    from sealproof.checks.scan.files import Listing
    from sealproof.checks.scan.live_values import Place
    from sealproof.checks.scan.needles import Needles

_SEALED = b'{"t":"h","format":"sealproof-env/'
_PYTHON = (".py", ".pyi", ".pyw")
_SHEBANG = b"#!"
_NAME_MAX = 200  # characters of a member's name that are shown
_LISTED_MAX = 20  # lookalikes, and places of one value, that are kept by name; the rest are counted


class Spot(NamedTuple):
    """A place in the tree."""

    entry: Entry
    shown: str
    """The path as it may be printed."""
    line: int
    """From 1; 0 for a binary file or a file's name."""
    comments: tuple[str, ...] = ()
    """Allow comments of other tools on the line. They hide nothing here."""

    def __str__(self) -> str:
        return f"{self.shown}:{self.line}" if self.line else self.shown


class Finds:
    """Where one live value stands: the first places, each with its spelling, and how many lines in all."""

    def __init__(self) -> None:
        self.spots: dict[Spot, str] = {}
        self.count = 0


class Sweep:
    """What one pass found."""

    def __init__(self, listing: Listing, needles: Needles[Place], detectors: Detectors, *, limit: int) -> None:
        self.values: defaultdict[Place, Finds] = defaultdict(Finds)
        self.keys: dict[Spot, str] = {}
        self.tokens: defaultdict[Spot, list[str]] = defaultdict(list)
        self.hints: defaultdict[Entry, list[Found]] = defaultdict(list)
        self.builds: defaultdict[Spot, list[BuildSecret]] = defaultdict(list)
        self.build_files = 0
        """Image, compose and CI files, and what builds leave, among the files read."""
        self.lookalikes: list[Spot] = []
        self.lookalike_count = 0
        self.unfinished: list[str] = []
        self.unread: list[tuple[str, str]] = []
        """Archives that a bound kept from being looked at to their end, and which bound."""
        self.unparsed: list[str] = []
        self.files = 0
        self.size = 0
        """Bytes read."""
        self._listing = listing
        self._needles = needles
        self._detectors = detectors
        self._limit = limit
        self._withheld: dict[str, str] = {}

    def run(self) -> None:
        """Look at the names, then at every file."""
        self._names()
        for entry in self._listing.entries:
            raw = read(os.path.join(self._listing.source, entry.path), limit=self._limit)
            if isinstance(raw, Skip):
                self._listing.skipped.add(raw, self.shown(entry.path))
            elif _is_sealed(raw):
                self._listing.skipped.add(Skip.SEALED, self.shown(entry.path))
            else:
                self._file(entry, raw)
                if is_archive(raw):
                    self._archive(entry, raw)

    def shown(self, path: str) -> str:
        """Return a path as it may be printed: in UTF-8, and without a name that holds a secret."""
        return self._withheld.get(path) or os.fsencode(path).decode(errors="backslashreplace")

    def shown_name(self, path: str) -> str:
        """Return the path of a file that was not listed to be looked at, as it may be printed."""
        hit = next(self._needles.hits(os.fsencode(path)), None)
        return self.shown(path) if hit is None else "(name withheld)"

    def _archive(self, entry: Entry, raw: bytes) -> None:
        archive = Archive(raw, limit=self._limit)
        for member in archive.members():
            inner = entry._replace(member=member.name)
            if _is_sealed(member.data):
                self._listing.skipped.add(Skip.SEALED, self._told(inner))
            else:
                self._file(inner, member.data)
        for gap in dict.fromkeys(archive.gaps):
            if gap.is_limit:
                self.unread.append((self.shown(entry.path), gap.reason))
            else:
                self._listing.skipped.add(Skip.PACKED, self.shown(entry.path))

    def _told(self, entry: Entry) -> str:
        """Return how findings name a file, or a member of it: without a name that holds a secret."""
        shown = self.shown(entry.path)
        if not entry.member:
            return shown
        name = os.fsencode(entry.member)
        is_secret = next(self._needles.hits(name), None) is not None
        return f"{shown}!(name withheld)" if is_secret else f"{shown}!{ascii(entry.member)[1:-1][:_NAME_MAX]}"

    def _file(self, entry: Entry, raw: bytes) -> None:
        document = Document(raw)
        self.files += 1
        self.size += len(raw)
        if not document.is_text:
            self._listing.skipped.add(Skip.BINARY, self._told(entry))
        begun = document.is_text and self._detectors.begin(document.data, python=_is_python(entry.name, raw))
        self._values_in(entry, document)
        if document.is_text and is_build_file(entry.name):
            self.build_files += 1
            for found in build_secrets(entry.name, document.data):
                self.builds[self._spot(entry, document, found.line)].append(found)
        for data in document.views:
            for offset, kind in find_keys(data):
                self.keys.setdefault(self._spot(entry, document, document.line(offset)), kind)
        if begun:
            self._take(entry, document, self._detectors.finish())

    def _values_in(self, entry: Entry, document: Document) -> None:
        lines: dict[tuple[Place, int], str] = {}
        for data in document.views:
            for hit in self._needles.hits(data):
                line = document.line(hit.offset) if document.is_text else 0
                lines.setdefault((hit.owner, line), hit.spelling)
        for (place, line), spelling in sorted(lines.items(), key=lambda find: find[0][1]):
            finds = self.values[place]
            finds.count += 1
            if len(finds.spots) < _LISTED_MAX:
                finds.spots[self._spot(entry, document, line)] = spelling

    def _take(self, entry: Entry, document: Document, answer: Answer | None) -> None:
        if answer is None:
            self.unfinished.append(self._told(entry))
            return
        if not answer.parsed:
            self.unparsed.append(self._told(entry))
        if answer.hints:
            self.hints[entry] += answer.hints
        alike = [self._spot(entry, document, found.line) for found in answer.lookalikes]
        for found in answer.tokens:
            spot = self._spot(entry, document, found.line)
            if found.detector != PRIVATE_KEY:
                self.tokens[spot].append(found.detector)
            elif spot not in self.keys:
                alike.append(spot)  # a header without a key behind it
        alike.sort(key=lambda spot: spot.line)
        self.lookalike_count += len(alike)
        self.lookalikes += alike[: max(_LISTED_MAX - len(self.lookalikes), 0)]

    def _spot(self, entry: Entry, document: Document, line: int) -> Spot:
        shown = self._told(entry)
        return Spot(entry, shown, line, document.allow_comments(line)) if document.is_text else Spot(entry, shown, 0)

    def _names(self) -> None:
        entries = self._listing.entries
        lines = (os.fsencode(entry.path).replace(b"\n", b" ").replace(b"\r", b" ") for entry in entries)
        document = Document(b"\n".join(lines))
        begun = bool(entries) and self._detectors.begin(document.data, python=False)
        finds = {(document.line(hit.offset), hit.owner): hit.spelling for hit in self._needles.hits(document.data)}
        answer = self._detectors.finish() if begun else None
        if begun and answer is None:
            self.unfinished.append("the names of the files")
        tokens = answer.tokens if answer is not None else ()
        for line in {line for line, _ in finds} | {found.line for found in tokens}:
            self._withheld[entries[line - 1].path] = f"(name withheld: number {line} of the files looked at)"
        for (line, place), spelling in finds.items():
            self.values[place].count += 1
            self.values[place].spots[self._named(line)] = spelling
        for found in tokens:
            self.tokens[self._named(found.line)].append(found.detector)

    def _named(self, line: int) -> Spot:
        entry = self._listing.entries[line - 1]
        return Spot(entry, self.shown(entry.path), 0)


def _is_sealed(raw: bytes) -> bool:
    if not raw.startswith(_SEALED):
        return False
    try:
        parse(raw)
    except DataError:
        return False  # whatever it is, it is looked at
    return True


def _is_python(path: str, raw: bytes) -> bool:
    return path.endswith(_PYTHON) or (raw.startswith(_SHEBANG) and b"python" in raw.partition(b"\n")[0])

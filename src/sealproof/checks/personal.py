"""Personal data in names and metadata: e-mail addresses, telephone numbers, national ids, people's names.

Each pattern is as narrow as the published format allows, and an id with a check digit must have the right one:
a name that is wrongly accused is renamed for nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
_SPELLED_EMAIL = re.compile(r"[A-Z0-9_]+_AT_[A-Z0-9]+_(?:DOT_)?(?:COM|ORG|NET|IO|DE|EU|UK|FR|NL|US|CH|AT)(?![A-Z0-9])")
_PHONE = re.compile(r"(?<![0-9])\+[1-9][0-9]{0,2}[ ./()-]?(?:[0-9][ ./()-]?){6,13}[0-9](?![0-9])")  # ITU-T E.164
_SSN = re.compile(r"(?<![0-9])(?!000|666|9)[0-9]{3}[-_ ](?!00)[0-9]{2}[-_ ](?!0000)[0-9]{4}(?![0-9])")  # US, SSA
_NINO = re.compile(  # UK, HMRC's National Insurance Manual
    r"(?<![A-Z0-9])(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][0-9]{6}[A-D](?![A-Z0-9])"
)
_DNI = re.compile(r"(?<![A-Z0-9])([0-9]{8})([A-HJ-NP-TV-Z])(?![A-Z0-9])")  # Spain: letter = number mod 23
_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_NIR = re.compile(r"(?<![0-9])([12][0-9]{2}(?:0[1-9]|1[0-2])[0-9]{8})([0-9]{2})(?![0-9])")  # France: 97 - n mod 97
_NIR_MODULUS = 97
_WORDS = re.compile(r"[A-Za-z]+")
_WORD_MIN = 3  # letters; shorter parts of names are words of everything


def found_in(text: str, people: Iterable[str] = ()) -> list[str]:
    """Return the kinds of personal data that stand in `text`; never the data itself.

    `people` are names to look for, as `first.last`: both parts must stand there, as words.
    """
    return list(dict.fromkeys(_found(text, people)))


def _found(text: str, people: Iterable[str]) -> Iterator[str]:
    if _EMAIL.search(text) or _SPELLED_EMAIL.search(text):
        yield "an e-mail address"
    if _PHONE.search(text):
        yield "a telephone number"
    if _has_national_id(text):
        yield "a national id"
    words = {word.casefold() for word in _WORDS.findall(text)}
    for person in people:
        parts = {part.casefold() for part in _WORDS.findall(person.partition("@")[0]) if len(part) >= _WORD_MIN}
        if len(parts) > 1 and parts <= words:
            yield "a person's name"


def _has_national_id(text: str) -> bool:
    if _SSN.search(text) or _NINO.search(text):
        return True
    if any(_DNI_LETTERS[int(number) % 23] == letter for number, letter in _DNI.findall(text)):
        return True
    return any(_NIR_MODULUS - int(number) % _NIR_MODULUS == int(key) for number, key in _NIR.findall(text))

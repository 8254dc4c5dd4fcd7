"""What people and programs hand over to be sealed: a plain name, and a value that is one.

An empty value is legal in a file, as `NAME=` is in a dotenv text. Handed over by itself it is nearly always a variable
that was not set (`echo "$UNSET" | …`), and it would stand where the only copy of a live secret stood.
"""

from __future__ import annotations

from sealproof.envelope.grammar import PENDING, PREVIOUS, is_name
from sealproof.errors import InvalidName, InvalidValue


def plain_name(name: str) -> str:
    """Return a name that is no version of a rotation, which would drop it in the end. Raises InvalidName."""
    text = name if isinstance(name, str) else f"({type(name).__name__})"
    if is_name(text):
        return text
    stem = text.removesuffix(PENDING).removesuffix(PREVIOUS)
    if is_name(stem):
        message = f"{name} is where a rotation of {stem} keeps another value of it, and drops it at its end"
        raise InvalidName(message, hint=f"use another name, such as {name.replace('.', '_')}", names=(name,))
    message = f"{text!r:.80} is no secret name"
    hint = "use 1 to 128 of A-Z a-z 0-9 _, not beginning with a digit"
    raise InvalidName(message, hint=hint, names=(text[:80],))


def encoded(name: str, value: str) -> bytes:
    """Return the bytes of a value that a program hands over. Raises InvalidValue, which does not hold it."""
    if not isinstance(value, str):
        message = f"value of {name} is of type {type(value).__name__}, and has to be text"
        raise InvalidValue(message, hint="hand over a str, and binary values as base64", names=(name,))
    try:
        return value.encode()
    except UnicodeEncodeError:
        message = f"value of {name} is no text that UTF-8 can carry"
    raise InvalidValue(
        message, hint="encode binary values, for example with base64", names=(name,)
    )  # without the value


def filled(name: str, value: bytes, *, hint: str) -> bytes:
    """Return `value` if it is not empty. `hint` says what to type in its place. Raises InvalidValue."""
    if not value:
        message = f"the value of {name} is empty, so nothing was changed"
        raise InvalidValue(message, hint=hint, names=(name,))
    return value

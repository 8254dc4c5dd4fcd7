"""Take a secret's value in: from standard input or a prompt, never from an argument."""

from __future__ import annotations

import sys
from getpass import getpass

from sealproof.envelope.grammar import VALUE_MAX
from sealproof.errors import CallerError, InvalidValue
from sealproof.vault.handed import filled


def read_value(name: str, *, hint: str) -> bytes:
    """Return the value of `name`, which is not empty; one line end at its end is not part of it.

    `hint` says how the caller's command is given a value. Raises CallerError, InvalidValue.
    """
    if sys.stdin.isatty():
        try:
            first, second = getpass(f"value of {name}: "), getpass("the same again: ")
        except EOFError:
            message = f"no value for {name} was typed, so nothing was set"
            raise CallerError(message, hint=hint) from None
        if first != second:
            message = "the two values differ, so nothing was set"
            raise CallerError(message, hint="type it again, or pipe it in")
        return filled(name, first.encode(), hint=hint)
    data = sys.stdin.buffer.read(VALUE_MAX + 3)  # a longer value stays over the limit without its line end
    value = data.removesuffix(b"\r\n") if data.endswith(b"\r\n") else data.removesuffix(b"\n")
    if not data:
        message = f"no value for {name} on standard input"
        raise InvalidValue(message, hint=hint)
    return filled(name, value, hint=hint)

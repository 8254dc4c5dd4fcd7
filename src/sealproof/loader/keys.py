"""Where the key to open comes from: first match wins (`README`, Where things come from).

Keys that came by environment variable or descriptor are taken out of the environment at once and
kept in this process only, so that neither the application's code nor a child finds them there.
"""

from __future__ import annotations

import os
from _thread import allocate_lock

from sealproof.envelope.grammar import KEY_LINES_MAX
from sealproof.envelope.keyfile import KeyLine, parse_keys
from sealproof.errors import ConfigurationError, DataError, FileUnavailable, KeyMissing, MalformedFile
from sealproof.loader.files import Directory, at, read_descriptor, read_handed_over, read_private

KEY_FILE_MAX = KEY_LINES_MAX * 4096  # bytes; an epoch line is at most 1 KiB
_SYSTEMD_NAME = "sealproof.key"
_DESCRIPTOR_DIGITS = 9  # a descriptor is a C int

_lock = allocate_lock()
_taken: dict[str, bytes] = {}


def take_keys() -> None:
    """Move keys that came with the environment out of it, into this process' memory. Safe to repeat."""
    with _lock:
        for name in ("SEALPROOF_KEY", "MASTER_SECRET_KEY"):
            text = os.environ.pop(name, None)
            if text is not None:
                _taken[name] = os.fsencode(text)  # as given: bytes that are no text go back to what they were
        number = os.environ.pop("SEALPROOF_KEY_FD", None)
        if number is not None:
            _taken["SEALPROOF_KEY_FD"] = _inherited(number)


def forget_keys() -> None:
    """Drop what `take_keys` holds and every derived master: the next load starts from nothing."""
    with _lock:
        _taken.clear()
    from sealproof.loader import storekeys  # noqa: PLC0415 - only where a store's own keys were used

    storekeys.forget()


def passphrase() -> str | None:
    """Return `MASTER_SECRET_KEY` as it was given, or None."""
    take_keys()
    text = _taken.get("MASTER_SECRET_KEY")
    return None if text is None else text.decode(errors="surrogateescape")


def find_keys(root: Directory | None, tenant: str, environment: str) -> tuple[KeyLine, ...]:
    """Return the key lines of the first place that has any.

    Raises KeyMissing listing what was tried, UnsafeFile, FileUnavailable, and what parsing raises.
    """
    take_keys()
    handed = _handed_over()
    if handed is not None:
        return _parsed(*handed)
    lines = None
    if root is not None:
        from sealproof.loader import storekeys  # noqa: PLC0415 - hosts with an exported key need none of it

        lines = storekeys.key_lines(root, tenant, environment)
    if not lines:
        tried = "descriptor, systemd credential, SEALPROOF_KEY_FILE, SEALPROOF_KEY, the store's keys/"
        message = f"no key for {tenant}/{environment} (tried: {tried})"
        raise KeyMissing(message, hint="set SEALPROOF_KEY_FILE to a file made by `sealproof key export`")
    return lines


def key_was_handed_over() -> bool:
    """Tell whether any key came from outside the store, so that its own `keys/` will not be asked."""
    take_keys()
    return _handed_over() is not None


def _parsed(origin: str, text: bytes) -> tuple[KeyLine, ...]:
    try:
        return parse_keys(text)
    except DataError as exc:
        raise at(origin, exc, hint="export the key again with `sealproof key export`") from None


def _inherited(number: str) -> bytes:
    hint = "SEALPROOF_KEY_FD=3 … 3<key"
    if not (number.isascii() and number.isdecimal() and len(number) <= _DESCRIPTOR_DIGITS):
        message = f"SEALPROOF_KEY_FD is no descriptor: {number!r:.20}"
        raise ConfigurationError(message, hint=hint, names=("SEALPROOF_KEY_FD",))
    try:
        return read_descriptor(int(number), "SEALPROOF_KEY_FD", limit=KEY_FILE_MAX)
    except FileUnavailable as exc:
        raise FileUnavailable(exc.message, hint=hint) from exc


def _handed_over() -> tuple[str, bytes] | None:
    """Return the first key text from outside the store, and where it came from."""
    if "SEALPROOF_KEY_FD" in _taken:
        return "SEALPROOF_KEY_FD", _taken["SEALPROOF_KEY_FD"]
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if directory:
        credential = f"{directory}/{_SYSTEMD_NAME}"
        text = read_handed_over(credential, limit=KEY_FILE_MAX)
        if text is not None:
            return credential, text
    path = os.environ.get("SEALPROOF_KEY_FILE")
    if path:
        text = read_private(path, limit=KEY_FILE_MAX)
        if text is None:
            message = f"SEALPROOF_KEY_FILE names {path}, and there is no such file"
            raise KeyMissing(message, hint="sealproof key export TENANT --environment E --output FILE")
        if not text:
            message = f"key file {path} is empty"
            raise MalformedFile(message, hint="sealproof key export TENANT --environment E --output FILE")
        return path, text
    if "SEALPROOF_KEY" not in _taken:
        return None
    text = _taken["SEALPROOF_KEY"]  # a shell's $(cat …) drops the last line feed; a file that lacks it was cut
    return "SEALPROOF_KEY", text if text.endswith(b"\n") else text + b"\n"

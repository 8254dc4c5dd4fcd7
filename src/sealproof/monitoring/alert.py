"""What is told when something is wrong right now: who, where, which, when. Never a value."""

from __future__ import annotations

import os
import socket
import sys
from enum import StrEnum
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple

from sealproof.vault.inventory import this_user

if TYPE_CHECKING:
    from collections.abc import Mapping

_TEXT_MAX = 128  # characters of what others could have chosen: a host's name, a program's


class Kind(StrEnum):
    """What an alert is about."""

    TOUCHED = "canary-touched"  # somebody asked for a canary by name, through custody or a command
    SEEN = "canary-seen"  # somebody reports that a canary's value was used elsewhere
    BLIND = "canaries-unreadable"  # the list cannot be read, so that no touch would be noticed
    DRILL = "drill"  # nothing happened: a person tries whether alerts arrive


class Whereabouts(NamedTuple):
    """The process in which something happened, as far as it can tell."""

    host: str
    process: int
    """The process' id."""
    program: str
    """The file name of what runs, without its arguments: those may hold anything."""
    user: str
    """The operating-system user."""
    remote: str
    """The address that the user's session came from (sshd's `SSH_CONNECTION`); empty where there is none."""


class Alert(NamedTuple):
    """One alert. All of it travels to every sink."""

    kind: str
    """A `Kind`."""
    at: float
    """Unix seconds."""
    tenant: str
    environment: str
    name: str
    """The secret's; empty where it is about none."""
    detail: str
    """The whole of it in a sentence, for people."""
    subject: str
    """Who, as custody knows him."""
    established: str
    """How that is known: `claimed` is only a claim."""
    operation: str
    allowed: bool
    """Whether the policy let him; of a report from elsewhere, whether the value was taken to be valid."""
    host: str
    process: int
    program: str
    user: str
    remote: str
    request: str
    """Ties the alert to the records in the audit log."""


def here(environ: Mapping[str, str] = os.environ) -> Whereabouts:
    """Return where this process runs."""
    program = os.path.basename(sys.argv[0]) if sys.argv else ""
    if program in ("", "-c", "-m", "__main__.py"):
        program = f"{os.path.basename(sys.executable) or 'python'} {program}".rstrip()
    remote = remote_of(environ.get("SSH_CONNECTION", ""))
    return Whereabouts(_plain(socket.gethostname()), os.getpid(), _plain(program), this_user(), remote)


def remote_of(connection: str) -> str:
    """Return the client's address in sshd's `CLIENT PORT SERVER PORT` (ssh(1), ENVIRONMENT); nothing if it is none."""
    address = connection.split(" ", 1)[0]
    try:
        return str(ip_address(address.partition("%")[0]))
    except ValueError:
        return ""


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text[:_TEXT_MAX])

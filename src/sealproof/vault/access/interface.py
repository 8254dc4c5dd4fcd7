"""The words of access control: subjects, operations, decisions.

A subject is a name and how it was established. A string argument is only a claim; the operating system
vouches for a user, the kernel for the peer of a socket, an issuer for a token.
"""

from __future__ import annotations

import os
import re
from enum import StrEnum
from typing import NamedTuple

from sealproof.errors import CallerError, InvalidName
from sealproof.vault.audit.interface import Established
from sealproof.vault.inventory import this_user

LEVELS = {kind.value: level for level, kind in enumerate(Established)}
"""How far a subject is vouched for: `claimed` < `uid` < `peercred` < `oidc`."""

SUBJECT_MAX = 128  # characters
ORIGIN_MAX = 128
_SUBJECT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:/+-]{0,127}", re.ASCII).fullmatch


class Operation(StrEnum):
    """What can be asked for. Everything that is not granted is denied."""

    READ = "read"
    LIST = "list"
    WRITE = "write"
    DELETE = "delete"
    ROTATE = "rotate"
    APPROVE = "approve"
    EXPORT = "export"
    AUDIT_READ = "audit.read"
    AUDIT_ADMIN = "audit.admin"
    POLICY_EDIT = "policy.edit"
    KEY_ADMIN = "key.admin"
    BREAK_GLASS = "break-glass"


POLICY_KEY = "policy"
"""The purpose of the keys that sign the policy, as their files in `keys/signing/` are named."""
PLATFORM_TENANT = "platform"
"""Stands for the store as a whole: who may edit roles, tend every log, hold the keys. It is no customer's name."""

PLATFORM = frozenset(
    (Operation.LIST, Operation.AUDIT_READ, Operation.AUDIT_ADMIN, Operation.POLICY_EDIT, Operation.KEY_ADMIN)
)
"""All that a grant over every tenant may hold: whoever runs the platform reads and sets no values."""

WHOLE = PLATFORM - {Operation.LIST}
"""What concerns a tenant as a whole and no secret of it: a rule that holds one of them is named `*`."""

BUNDLES = {
    "reader": (Operation.LIST, Operation.READ),
    "writer": (Operation.DELETE, Operation.LIST, Operation.READ, Operation.WRITE),
    "rotator": (Operation.LIST, Operation.ROTATE),
    "approver": (Operation.APPROVE, Operation.LIST),
    "auditor": (Operation.AUDIT_READ, Operation.LIST),
    "audit-admin": (Operation.AUDIT_ADMIN, Operation.AUDIT_READ),
    "key-custodian": (Operation.KEY_ADMIN,),
    "policy-editor": (Operation.POLICY_EDIT,),
    "emergency": (Operation.BREAK_GLASS,),
}
"""Operations that go together, by the name of the duty."""


class Subject:
    """Who asks: a name, how it was established, and where the request came from.

    `origin` tells apart those who claim the same name (`uid:1000`, `peer:1001`, an address).
    Raises InvalidName.
    """

    __slots__ = ("established", "level", "name", "origin")

    def __init__(self, name: str, established: Established, origin: str = "") -> None:
        if len(origin) > ORIGIN_MAX or not (origin.isascii() and (origin.isprintable() or not origin)):
            message = "an origin is not printable ASCII of at most 128 characters"
            raise InvalidName(message, hint="say where the request came from, for example uid:1000")
        self.name = check_subject(name)
        self.established = established
        self.origin = origin
        self.level = LEVELS[established.value]

    def __repr__(self) -> str:
        return f"Subject({self.name}, {self.established.value})"

    @classmethod
    def this_user(cls) -> Subject:
        """Return the operating-system user that this process runs as; by number where the name is no subject's."""
        name = this_user()
        return cls(name if _SUBJECT(name) else f"uid-{os.geteuid()}", Established.UID, this_origin())

    @classmethod
    def claimed(cls, name: str) -> Subject:
        """Return a subject that this process merely names."""
        return cls(name, Established.CLAIMED, this_origin())


class Request(NamedTuple):
    """What is asked for."""

    subject: Subject
    tenant: str
    environment: str
    name: str
    """The secret's; empty for the tenant as a whole."""
    operation: Operation


class Decision:
    """The answer, and what it rests on. True if it is yes."""

    __slots__ = ("allowed", "locked", "reason", "rule")

    def __init__(self, *, allowed: bool, rule: str, reason: str, locked: bool = False) -> None:
        self.allowed = allowed
        self.locked = locked
        """The subject is locked out: nothing was weighed."""
        self.rule = rule
        """The id of the rule that decided; `owner` for the store's owner, nothing where no rule matched."""
        self.reason = reason

    def __bool__(self) -> bool:
        return self.allowed

    def __repr__(self) -> str:
        return f"Decision({'allow' if self.allowed else 'deny'}: {self.reason})"


def this_origin() -> str:
    """Return where requests of this process come from."""
    return f"uid:{os.geteuid()}"


def check_subject(name: str) -> str:
    """Return `name` if a subject may bear it. Raises InvalidName."""
    if not _SUBJECT(name) or name.startswith("role:"):
        message = f"{name!r:.80} is no subject"
        raise InvalidName(message, hint="use 1 to 128 of A-Z a-z 0-9 _ . @ : / + -, not beginning with role:")
    return name


def check_operation(operation: str) -> Operation:
    """Return the operation of that name. Raises CallerError."""
    try:
        return Operation(operation)
    except ValueError:
        message = f"{operation!r:.40} is no operation"
        raise CallerError(message, hint=f"one of: {', '.join(Operation)}") from None

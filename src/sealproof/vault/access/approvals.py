"""Approvals: somebody else's signed word that one subject may do one thing for a while.

`records/access/<id>.json`, in one spelling only, signed with a policy key over
F("sealproof/1/approval", SHA-256(the record as canonical JSON)). Rules with the condition `approval` need one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealproof.envelope.grammar import frame, is_environment, is_tenant
from sealproof.errors import CallerError, DutiesConflict, MalformedFile, PolicyRejected
from sealproof.loader.files import at, open_root
from sealproof.loader.storekeys import pinned_keys
from sealproof.signing import PUBLIC_BYTES, SIGNATURE_BYTES, canonical, sha256, verifies
from sealproof.vault.access.interface import Operation, Subject
from sealproof.vault.access.rules import matches
from sealproof.vault.access.text import (
    established_of,
    fields_of,
    hex_of,
    identifier_of,
    integer_of,
    operation_of,
    parsed,
    pattern_of,
    require,
    scope_of,
    spelled,
    subject_of,
)
from sealproof.vault.audit.interface import Established

if TYPE_CHECKING:
    from sealproof.loader.files import Directory
    from sealproof.signing import SigningKey
    from sealproof.vault.access.interface import Request

FORMAT = "sealproof-approval/1"
_DIRECTORY = "records/access"
LONGEST = 30 * 86_400  # seconds that an approval may hold
_FILE_MAX = 16 * 1024  # bytes
_RECORD = (
    "approver", "created", "environment", "established", "format", "id", "name", "operation", "requester", "tenant",
    "until",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Approval:
    """One approval. Nothing in it is to be believed before its signature."""

    id: str
    by: Subject
    requester: str
    tenant: str
    environment: str
    name: str
    """A secret's name, or a pattern with one `*`."""
    operation: Operation
    created: int
    until: int
    """Unix seconds, excluded."""

    def to_json(self) -> dict[str, object]:
        """Return the record as it stands in the file."""
        return {
            "approver": self.by.name,
            "created": self.created,
            "environment": self.environment,
            "established": self.by.established.value,
            "format": FORMAT,
            "id": self.id,
            "name": self.name,
            "operation": self.operation.value,
            "requester": self.requester,
            "tenant": self.tenant,
            "until": self.until,
        }

    def message(self) -> bytes:
        """Return what is signed."""
        return frame(b"sealproof/1/approval", sha256(canonical(self.to_json())))

    def flaw(self, request: Request, now: int) -> str:
        """Return why the approval does not hold for a request; nothing if it does."""
        if request.subject.name != self.requester:
            return f"approval {self.id} is for {self.requester}"
        if self.by.name == self.requester:
            return f"approval {self.id} was given by the one who asks"
        if self.until - self.created > LONGEST:  # whoever holds a policy key can sign one; it is none all the same
            return f"approval {self.id} is for more than 30 days"
        if not self.created <= now < self.until:
            return f"approval {self.id} does not hold at this time"
        same = (request.tenant, request.environment, request.operation) == (
            self.tenant,
            self.environment,
            self.operation,
        )
        if not same or not matches(self.name, request.name):
            return f"approval {self.id} is for something else"
        return ""


def check_approval(approval: Approval) -> None:
    """Refuse what no approval can be. Raises DutiesConflict, CallerError."""
    if approval.by.name == approval.requester:
        message = f"{approval.requester} cannot approve what {approval.requester} asks for"
        raise DutiesConflict(message, hint="let another person approve it", names=(approval.requester,))
    if not 0 < approval.until - approval.created <= LONGEST:
        message = "an approval holds for at least a second and at most 30 days"
        raise CallerError(message, hint="sealproof access approve … --hours 8")


class Approvals:
    """The approvals of the store at `root`."""

    def __init__(self, root: str) -> None:
        self._root = root

    def __repr__(self) -> str:
        return f"Approvals({self._root!r})"

    def find(self, approval_id: str) -> Approval:
        """Return the approval of that id, its signature verified.

        Raises CallerError if there is none, MalformedFile, PolicyRejected if no pinned policy key signed it,
        UnsafeFile, LimitExceeded, FileUnavailable.
        """
        name = f"{identifier_of(approval_id, 'an approval')}.json"
        with open_root(self._root) as root:
            data, pinned = _read(root, name), _pinned(root)
        if data is None:
            message = f"there is no approval {approval_id}"
            raise CallerError(message, hint="sealproof access approve --help")
        path = f"{self._root}/{_DIRECTORY}/{name}"
        try:
            approval, key, signature = _parse(data)
            require(approval.id == approval_id, f"the record of approval {approval.id}")
        except MalformedFile as exc:
            raise at(path, exc, hint="have it approved again: sealproof access approve --help") from None
        if key not in pinned or not verifies(key, signature, approval.message()):
            message = f"{path} is not signed with a policy key of this store"
            raise PolicyRejected(message, hint="have it approved again: sealproof access approve --help")
        return approval

    def keep(self, approval: Approval, key: SigningKey) -> str:
        """Sign the approval, keep it, and return its path below the root.

        Raises DutiesConflict, CallerError, FileUnavailable.
        """
        check_approval(approval)
        name = f"{approval.id}.json"
        with open_root(self._root) as root, root.make("records") as records, records.make("access") as directory:
            directory.lock()
            directory.sweep()
            directory.replace(name, _text(approval, key.public, key.sign(approval.message())), mode=0o644)
        return f"{_DIRECTORY}/{name}"


def _read(root: Directory, name: str) -> bytes | None:
    records = root.enter("records")
    if records is None:
        return None
    with records:
        directory = records.enter("access")
        if directory is None:
            return None
        with directory:
            return directory.read(name, limit=_FILE_MAX, private=False)


def _pinned(root: Directory) -> tuple[bytes, ...]:
    keys = root.enter("keys")
    if keys is None:
        return ()
    with keys:
        return pinned_keys(keys, "policy")


def _text(approval: Approval, key: bytes, signature: bytes) -> bytes:
    return spelled({"key": key.hex(), "record": approval.to_json(), "signature": signature.hex()})


def _parse(data: bytes) -> tuple[Approval, bytes, bytes]:
    file = fields_of(parsed(data), ("key", "record", "signature"), "the file")
    parts = fields_of(file["record"], _RECORD, "the record")
    require(parts["format"] == FORMAT, f"not of the format {FORMAT}")
    approval = Approval(
        identifier_of(parts["id"], "an approval"),
        Subject(subject_of(parts["approver"]), Established(established_of(parts["established"], "the approver"))),
        subject_of(parts["requester"]),
        scope_of(parts["tenant"], is_tenant, "a tenant"),
        scope_of(parts["environment"], is_environment, "an environment"),
        pattern_of(parts["name"]),
        operation_of(parts["operation"]),
        integer_of(parts["created"], "the time"),
        integer_of(parts["until"], "the end"),
    )
    key, signature = (
        hex_of(file["key"], PUBLIC_BYTES, "the key"),
        hex_of(file["signature"], SIGNATURE_BYTES, "the signature"),
    )
    require(_text(approval, key, signature) == data, "not in its only spelling")
    return approval, key, signature

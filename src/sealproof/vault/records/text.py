"""A record's bytes: a DSSE envelope over canonical JSON, one signature, named after its content.

records/<kind>/<day>-<first 16 hex digits of SHA-256 over the payload>.json
"""

from __future__ import annotations

import json
from binascii import a2b_base64
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sealproof.errors import CallerError, EvidenceRejected, MalformedFile
from sealproof.signing import canonical, sha256, sign_dsse, verify_dsse
from sealproof.vault.records.interface import INTEGER_MAX, Record, check_record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealproof.signing import SigningKey

FORMAT = "sealproof-record/1"
PAYLOAD_TYPE = "application/vnd.sealproof.record+json"
FILE_MAX = 1024 * 1024  # bytes
_HINT = "restore it from version control, or have it signed again: sealproof record"


def signed(record: Record, key: SigningKey) -> bytes:
    """Return the file of `record`, signed. Raises CallerError, InvalidName."""
    return sign_dsse(_payload(check_record(record)), [key], payload_type=PAYLOAD_TYPE)


def file_name(record: Record) -> str:
    """Return the name of the record's file below `records/<kind>/`."""
    return f"{datetime.fromtimestamp(record.at, UTC):%Y-%m-%d}-{sha256(_payload(record)).hex()[:16]}.json"


def claimed(data: bytes, *, path: str) -> Record:
    """Return what a record's file says, whoever signed it: whose key must verify stands in there.

    Raises MalformedFile.
    """
    try:
        fields = json.loads(data)
        payload = a2b_base64(fields["payload"], strict_mode=True)
        return _record(payload, path)
    except (ValueError, KeyError, TypeError, RecursionError, CallerError, OverflowError) as exc:
        message = f"{path} is no record"
        raise MalformedFile(message, hint=_HINT, names=(path,)) from exc


def verified(data: bytes, keys: Iterable[bytes], *, path: str) -> Record:
    """Return the record in `data` if one of the raw public `keys` signed it.

    Raises MalformedFile, EvidenceRejected.
    """
    record = claimed(data, path=path)
    try:
        payload = verify_dsse(data, keys, payload_type=PAYLOAD_TYPE)
    except EvidenceRejected as exc:
        message = f"{path} is not signed by {record.by}"
        raise EvidenceRejected(message, hint=_HINT, names=(path,)) from exc
    return _record(payload, path)


def _payload(record: Record) -> bytes:
    fields = {name: list(value) if isinstance(value, tuple) else value for name, value in record.fields.items()}
    return canonical({"format": FORMAT, "kind": record.kind, "by": record.by, "at": record.at, "fields": fields})


def _record(payload: bytes, path: str) -> Record:
    value = json.loads(payload)
    if canonical(value) != payload or set(value) != {"format", "kind", "by", "at", "fields"}:
        raise ValueError
    if value["format"] != FORMAT or not isinstance(value["fields"], dict) or not _is_time(value["at"]):
        raise ValueError
    fields = {name: tuple(item) if isinstance(item, list) else item for name, item in value["fields"].items()}
    return check_record(Record(str(value["kind"]), str(value["by"]), value["at"], fields, path))


def _is_time(value: object) -> bool:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= INTEGER_MAX:
        return False
    datetime.fromtimestamp(value, UTC)  # raises ValueError or OverflowError for a year that no day has
    return True

"""What the audit trail's tests share: a store, a clock, records, and the lines of a log as they lie on the disk."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, settings

from sealproof.vault.audit.interface import AuditRecord, Established, Outcome

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A property test on a machine that others use, too, is given the time that it takes."""

TENANT = "acme"
NOON = 1_795_435_200.0  # 2026-11-23 12:00 UTC, in unix seconds


class Clock:
    """Unix seconds, moved by hand."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


def make_store(parent: Path) -> str:
    """Return the root of a store that holds nothing but keys/."""
    root = parent / "secrets"
    root.mkdir(mode=0o755)
    (root / "keys").mkdir(mode=0o700)
    return str(root)


def a_record(
    subject: str = "user:alice",
    operation: str = "read",
    *,
    outcome: Outcome = Outcome.ALLOW,
    name: str = "DB_PASSWORD",
    request: str = "r1",
    **numbers: int,
) -> AuditRecord:
    return AuditRecord(subject, Established.UID, operation, outcome, "production", name, 3, request, numbers)


def log_directory(root: str, tenant: str = TENANT) -> Path:
    return Path(root) / "audit" / tenant


def segments(root: str, tenant: str = TENANT) -> list[Path]:
    return sorted(path for path in log_directory(root, tenant).glob("*.jsonl") if path.name != "start.jsonl")


def lines_of(root: str, tenant: str = TENANT) -> list[bytes]:
    """Return every line of a log, oldest first."""
    return [line for path in segments(root, tenant) for line in path.read_bytes().splitlines()]


def records_of(root: str, tenant: str = TENANT) -> list[bytes]:
    return [line for line in lines_of(root, tenant) if line.startswith(b'{"q":')]

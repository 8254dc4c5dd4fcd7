"""`ComplianceValidator`: a yes or no about what one holds in one's hand, with its reasons one call away.

A yes says that this evidence supports what was looked at, and that nothing in it contradicts. It never says that an
organisation does as a law or a standard asks: that is for people to judge. What is missing counts against a yes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from sealproof.compliance import catalogue
from sealproof.errors import AuditLogBroken, CallerError, MalformedFile, SealproofError
from sealproof.loader.tenant import DEFAULT_ROOT
from sealproof.vault.audit.home import pinned_key
from sealproof.vault.audit.lines import LOG, RECORD, read_record
from sealproof.vault.audit.verify import verify_lines
from sealproof.vault.manifest import NEVER, SecretClass
from sealproof.vault.metadata import SecretMetadata
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sealproof.vault.audit.lines import Entry

Metadata = SecretMetadata | Sequence[SecretMetadata]
_NAMED = ("read", "write", "delete", "rotate")
_BROKEN = (AuditLogBroken, MalformedFile)


class Said(Enum):
    """What evidence says about a control: never more than this."""

    SUPPORTS = "evidence supports"
    CONTRADICTS = "evidence contradicts"
    ABSENT = "no evidence"


class Reason(NamedTuple):
    """One thing that was looked at."""

    control: str
    """The control's id in its framework."""
    said: Said
    about: str
    """What was looked at: a secret's name, or the log. Never a value."""
    detail: str


class Judgement(NamedTuple):
    """A yes or no, and what it rests on."""

    framework: str
    reasons: tuple[Reason, ...]

    @property
    def holds(self) -> bool:
        """Tell whether something supports, nothing contradicts, and nothing is missing."""
        return bool(self.reasons) and all(reason.said is Said.SUPPORTS for reason in self.reasons)

    @property
    def outside(self) -> tuple[str, ...]:
        """What the framework asks that software cannot show."""
        return catalogue.load().framework(self.framework).outside


class ComplianceValidator:
    """Judges metadata of secrets and exported audit logs. `clock` gives unix seconds.

    `audit_key` is the first public key of the logs' tenant, raw; without it, the one in the store's own `keys/`.
    """

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        *,
        audit_key: bytes | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.root = os.fspath(root) if root is not None else os.environ.get("SEALPROOF_ROOT") or DEFAULT_ROOT
        self._audit_key = audit_key
        self._clock = clock

    def __repr__(self) -> str:
        return f"ComplianceValidator({self.root!r})"

    def validate_gdpr_compliance(self, metadata: Metadata) -> bool:
        """Tell whether the metadata supports what GDPR 5(2), 25(1), 30(1)(b) and 32(1) ask of it. See `judge_gdpr`."""
        return self.judge_gdpr(metadata).holds

    def validate_soc2_compliance(self, audit_log: Mapping[str, object]) -> bool:
        """Tell whether an exported log supports CC2.1, CC7.2 and PI1.5. See `judge_soc2`."""
        return self.judge_soc2(audit_log).holds

    def validate_hipaa_compliance(self, metadata: Metadata, audit_log: Mapping[str, object] | None = None) -> bool:
        """Tell whether metadata and log support 164.312(a), (b) and (c). Without the log: no. See `judge_hipaa`."""
        return self.judge_hipaa(metadata, audit_log).holds

    def judge_gdpr(self, metadata: Metadata) -> Judgement:
        """Return what each secret's metadata says: who answers for it, what for, how it is sealed, how old it is."""
        reasons = [
            reason
            for secret in _each(metadata)
            for reason in (
                _filled(secret, "5(2)", "owner", secret.owner),
                _filled(secret, "30(1)(b)", "purpose", secret.purpose),
                _filled(secret, "25(1)", "class", secret.kind.value if secret.kind else ""),
                _sealed(secret, "32(1)(a)"),
                self._young(secret, "32(1)(b)"),
            )
        ]
        return Judgement("gdpr", tuple(reasons) or (_nothing("5(2)", "metadata"),))

    def judge_soc2(self, audit_log: Mapping[str, object]) -> Judgement:
        """Return what an exported log (`manager.export_audit_log()`) says, its signatures verified first."""
        return Judgement("soc2", tuple(self._log(audit_log, intact="PI1.5", recorded="CC7.2", complete="CC2.1")))

    def judge_hipaa(self, metadata: Metadata, audit_log: Mapping[str, object] | None = None) -> Judgement:
        """Return what both say: encryption and unique owners from the metadata, audit controls from the log."""
        reasons = [
            reason
            for secret in _each(metadata)
            for reason in (
                _sealed(secret, "164.312(a)(2)(iv)"),
                _filled(secret, "164.312(a)(2)(i)", "owner", secret.owner),
                self._young(secret, "164.308(a)(5)(ii)(D)"),
            )
        ]
        reasons = reasons or [_nothing("164.312(a)(2)(iv)", "metadata")]
        log = self._log(
            {} if audit_log is None else audit_log,
            intact="164.312(c)(2)",
            recorded="164.312(b)",
            complete="164.312(a)(2)(i)",
        )
        return Judgement("hipaa", (*reasons, *log))

    def _young(self, secret: SecretMetadata, control: str) -> Reason:
        """Say whether a secret is within the age that its manifest allows it."""
        now = self._clock()
        if secret.kind is SecretClass.CONFIG:
            return Reason(control, Said.SUPPORTS, secret.name, "configuration, which does not grow old")
        if secret.expires not in ("", NEVER) and secret.expires < time.strftime("%Y-%m-%d", time.gmtime(now)):
            return Reason(control, Said.CONTRADICTS, secret.name, f"expired on {secret.expires}")
        if secret.rotation_days is None:
            return Reason(control, Said.ABSENT, secret.name, "nobody said how often it is rotated")
        if secret.rotation_is_due(now):
            detail = f"{secret.age_days(now)} days old, to be rotated every {secret.rotation_days}"
            return Reason(control, Said.CONTRADICTS, secret.name, detail)
        if not secret.rotation_days and not secret.rotation_reason:
            return Reason(control, Said.ABSENT, secret.name, "not rotated, and nobody said why")
        return Reason(control, Said.SUPPORTS, secret.name, f"{secret.age_days(now)} days old")

    def _log(self, document: Mapping[str, object], *, intact: str, recorded: str, complete: str) -> Iterator[Reason]:
        if not isinstance(document, Mapping):
            message = f"an audit log is a mapping, and this is of type {type(document).__name__}"
            raise CallerError(message, hint="give what manager.export_audit_log() returns")
        about = f"audit log of {document['tenant']}" if isinstance(document.get("tenant"), str) else "audit log"
        try:
            lines, start, tenant = _lines(document, "lines"), _lines(document, "start"), str(document["tenant"])
        except (KeyError, TypeError):
            yield Reason(intact, Said.ABSENT, about, "no exported log: give what export_audit_log() returns")
            return
        try:
            verified = verify_lines(lines, tenant, self._pinned(tenant), start=start)
        except SealproofError as exc:
            broken = isinstance(exc, _BROKEN)
            yield Reason(intact, Said.CONTRADICTS if broken else Said.ABSENT, about, exc.message)
            return
        yield Reason(intact, Said.SUPPORTS, about, f"{verified.size} records, {verified.claim()}")
        entries = [read_record(line) for line in lines if line.startswith(RECORD)]
        yield from _recorded(entries, about, recorded, complete)

    def _pinned(self, tenant: str) -> bytes:
        # Never the key in the document: whoever wrote the document chose it.
        return self._audit_key if self._audit_key is not None else pinned_key(self.root, tenant)


def _recorded(entries: list[Entry], about: str, recorded: str, complete: str) -> Iterator[Reason]:
    calls = [entry for entry in entries if entry.actor != LOG]
    if not calls:
        yield Reason(recorded, Said.ABSENT, about, "it holds no record of a call")
        return
    yield Reason(
        recorded, Said.SUPPORTS, about, f"{counted(len(calls), 'call')}, each with who, what, when, where and outcome"
    )
    gaps = [entry for entry in calls if not entry.request or (entry.operation in _NAMED and not entry.secret)]
    if gaps:
        detail = f"record {gaps[0].sequence} lacks its correlation id or its secret, and {len(gaps) - 1} more do"
        yield Reason(complete, Said.CONTRADICTS, about, detail)
    else:
        yield Reason(complete, Said.SUPPORTS, about, "each has a correlation id and, where there is one, its secret")


def _each(metadata: Metadata) -> Iterable[SecretMetadata]:
    """Return each secret's metadata. Raises CallerError on what is none."""
    found = (metadata,) if isinstance(metadata, SecretMetadata) else metadata
    each = tuple(found) if isinstance(found, Iterable) else (found,)
    for one in each:
        if not isinstance(one, SecretMetadata):
            message = f"metadata of a secret is no {type(one).__name__}"
            raise CallerError(message, hint="give what manager.get_metadata(NAME) returns, or several of them")
    return each


def _filled(secret: SecretMetadata, control: str, what: str, value: str) -> Reason:
    if value:
        return Reason(control, Said.SUPPORTS, secret.name, f"its {what} is stated")
    return Reason(control, Said.ABSENT, secret.name, f"nobody stated its {what}")


def _sealed(secret: SecretMetadata, control: str) -> Reason:
    return Reason(control, Said.SUPPORTS, secret.name, f"sealed with {secret.algorithm}, epoch {secret.key_epoch}")


def _nothing(control: str, about: str) -> Reason:
    return Reason(control, Said.ABSENT, about, "nothing was given to look at")


def _lines(document: Mapping[str, object], name: str) -> list[bytes]:
    value = document[name]
    if not isinstance(value, Sequence) or isinstance(value, str) or not all(isinstance(line, str) for line in value):
        raise TypeError
    return [line.encode() for line in value]

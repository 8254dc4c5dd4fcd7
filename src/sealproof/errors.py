"""The whole error tree, split by who must act.

Every error is data: a message (lower case, the object, what was tried), one hint that can be
typed, and the names it concerns. Only the command line turns an error into an exit code.

    CallerError        the call or the configuration is wrong
    DataError          bytes are malformed, tampered with, foreign or stale
    AccessDenied       no key, or a key file that must not be trusted
    DependencyError    no answer could be had: it may be right or wrong, nobody knows

"It is wrong" and "it could not be decided" never share a class.
"""

from __future__ import annotations


class SealproofError(Exception):
    """Base of everything this package raises on purpose.

    `message` says what happened, `hint` what to type next, `names` the secrets, files or settings
    concerned. None of them ever holds a secret's value.
    """

    def __init__(self, message: str, *, hint: str = "", names: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.names = names


class CallerError(SealproofError):
    """The call, an argument or a setting is wrong; nothing was read or written."""


class InvalidName(CallerError):
    """A tenant, environment or secret name is outside its grammar (`docs/format.md`, Bytes)."""


class InvalidValue(CallerError):
    """A secret's value cannot be sealed: NUL, not UTF-8, or over 64 KiB."""


class ConfigurationError(CallerError):
    """A setting is unknown, or its value is outside its range; `names` holds the setting."""


class StoreNotFound(CallerError):
    """There is no store at the root that was named."""


class StoreExists(CallerError):
    """What was to be created is there already, and was left as it is."""


class UnknownTenant(CallerError):
    """The store has no file for this tenant and environment."""


class UnknownSecret(CallerError):
    """The tenant has no secret of this name."""


class MissingSecrets(CallerError):
    """Names that the tenant must have are not in its file; `names` lists them."""


class DangerousName(CallerError):
    """A name that steers the loader, the interpreter, a shell or sealproof itself was refused."""


class InvalidRedirect(CallerError):
    """A redirect URI is neither https nor a loopback address."""


class ExpansionError(CallerError):
    """A `${…}` names a variable the tenant does not have, loops, or grows past the value limit."""


class InvalidDotenv(CallerError):
    """A plain dotenv file holds a line that cannot be read; nothing of it was taken."""


class AnotherTenantLoaded(CallerError):
    """The process already holds another tenant's or environment's secrets."""


class WeakKey(CallerError):
    """A master passphrase or key is too weak to protect anything."""


class MergeConflict(CallerError):
    """Both sides changed the same line; `names` lists what, and ours is untouched."""


class MissingExtra(CallerError):
    """An optional package is needed; the hint is the `pip install` line that brings it."""


class InvalidRecord(CallerError):
    """An audit record is outside its grammar, or a batch has none or too many; nothing was written."""


class OperationUnderWay(CallerError):
    """An operation of this kind was begun before and is not finished, or another process works on it right now."""


class DutiesConflict(CallerError):
    """A change of the policy would unite duties that must stay apart; `names` holds the subjects."""


class ChangePending(CallerError):
    """A change of the policy waits for more signatures, or there is none that does."""


class RotationRefused(CallerError):
    """A rotation cannot begin or go on in the way that was asked for."""


class GraceNotOver(CallerError):
    """A key is still in the time that hosts were given to take up its successor; nothing was destroyed."""


class OlderBackup(CallerError):
    """A restore would put older values in the place of newer ones; `names` lists the files, and nothing was written."""


class ErasedTenant(CallerError):
    """A restore would bring back a tenant that was erased since; `names` lists the tenants, and nothing was written."""


class ForeignBackup(CallerError):
    """A restore would take values that no writer of this store signed; `names` lists them, and nothing was written."""


class OnLegalHold(CallerError):
    """The audit log is on legal hold: nothing of it is pruned."""


class DataError(SealproofError):
    """Bytes were had and they are wrong."""


class MalformedFile(DataError):
    """The bytes are not of the format that they claim (`docs/format.md`, Bytes and Lines)."""


class UnsupportedFormat(DataError):
    """The bytes are of a version or kind that this release does not read."""


class LimitExceeded(DataError):
    """A size, count or cost is over (or under) the limit that the format sets for it."""


class CannotOpen(DataError):
    """The file does not open: wrong key, wrong tenant or tampered bytes, deliberately not told apart."""


class StaleFile(DataError):
    """The file is older than a freshness anchor allows, past its expiry, or from the future."""


class UnsafeFile(DataError):
    """A path is a link, no regular file, hard-linked, foreign-owned, or open to others."""


class Changed(DataError):
    """The file is no longer the one that was read; nothing was written."""


class TargetRefused(DataError):
    """What a credential is meant to unlock answered, and the answer was no."""


class EvidenceRejected(DataError):
    """A report or its attestation failed verification; the message says at which step."""


class PolicyRejected(EvidenceRejected):
    """The access policy is not signed by as many pinned policy keys as it needs; nobody is let in by it."""


class AuditLogBroken(EvidenceRejected):
    """The audit log is not what was written: changed, cut, reordered, or no longer at its path."""


class JournalBroken(EvidenceRejected):
    """The rotation journal is not what was written: changed, reordered, or signed by no key of this store."""


class AccessDenied(SealproofError):
    """The caller has not what it takes."""


class KeyMissing(AccessDenied):
    """No key was found at any of the places that were tried; the message lists them."""


class PolicyMissing(AccessDenied):
    """The store has no access policy, so nobody is let in."""


class LockedOut(AccessDenied):
    """Too many refused attempts from this subject and origin: nothing is answered until the lock ends."""


class DependencyError(SealproofError):
    """Something outside gave no answer, so nothing is known."""


class FileUnavailable(DependencyError):
    """The operating system refused a file operation; the message carries its reason."""


class ToolFailed(DependencyError):
    """A program that was started (git, locust, a scanner) failed or ran out of time."""


class TargetUnavailable(DependencyError):
    """What a credential is meant to unlock gave no answer within its deadline, or one that says nothing about it."""


class AuditUnavailable(DependencyError):
    """No audit record could be made durable, so nothing may be served."""

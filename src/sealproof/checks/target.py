"""What a run looks at: a store, the source tree around it, a clock and a profile."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from sealproof.checks.waiving import WaiverFile
from sealproof.compliance import catalogue, profiles
from sealproof.compliance.additions import extended
from sealproof.errors import CallerError, UnknownTenant
from sealproof.findings import NOTHING_ADDED, Additions, Scope
from sealproof.loader.tenant import DEFAULT_ENVIRONMENT
from sealproof.vault.custodian import Custodian
from sealproof.vault.foundation import work_tree

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealproof.compliance.catalogue import Catalogue
    from sealproof.compliance.profiles import Profile
    from sealproof.vault.journal import Operation
    from sealproof.vault.keys.ledger import Ledger


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """A target as plain data, so that it travels to worker processes."""

    root: str
    source: str = ""
    """The source tree to scan; empty means the repository or directory around the store."""
    profile: str = ""
    """Overrides the profile that each environment's name chooses."""
    tenants: tuple[str, ...] = ()
    """Tenants to look at; empty means all."""
    now: int | None = None
    """Unix seconds to judge ages by; None means the host's clock."""
    overrides: Mapping[str, int] = field(default_factory=dict)
    """Parameters that settings tighten."""
    waivers: str = ""
    """The waiver file; empty means the store's own, where there is one."""
    previous: str = ""
    """The predecessor's attestation; empty means that none is here."""
    previous_key: str = ""
    """A file of public keys that may have signed it, beside the store's own report keys."""
    report_key: str = ""
    """The private key that this run signs with, where one was named."""
    additions: Additions = NOTHING_ADDED
    """What the store's overlay adds to the catalogue."""


class Target:
    """One run's view of a store. Opens nothing before it is asked."""

    def __init__(self, spec: TargetSpec) -> None:
        self.spec = spec
        self.root = spec.root
        self.custodian = Custodian(spec.root)

    def __repr__(self) -> str:
        return f"Target({self.root!r})"

    @property
    def now(self) -> int:
        """Return the time to judge ages by, in unix seconds."""
        return int(time.time()) if self.spec.now is None else self.spec.now

    @cached_property
    def catalogue(self) -> Catalogue:
        """Return the catalogue, with what the store's overlay adds. Raises ConfigurationError if that does not fit."""
        return extended(catalogue.load(), self.spec.additions)

    @cached_property
    def source(self) -> str:
        """Return the source tree: as named, or the repository around the store, or the store's parent."""
        if self.spec.source:
            if not os.path.isdir(self.spec.source):
                message = f"there is no source directory {self.spec.source}"
                raise CallerError(message, hint="--source DIR")
            return os.path.abspath(self.spec.source)
        return work_tree(self.root) or os.path.dirname(os.path.abspath(self.root))

    @cached_property
    def tenants(self) -> tuple[str, ...]:
        """Return the tenants that are looked at. Raises StoreNotFound, UnknownTenant."""
        present = self.custodian.store.tenants()
        unknown = [tenant for tenant in self.spec.tenants if tenant not in present]
        if unknown:
            message = f"{self.root} has no tenant {', '.join(unknown)}"
            raise UnknownTenant(message, hint=f"known: {', '.join(present[:10]) or 'none'}", names=tuple(unknown))
        return tuple(tenant for tenant in present if not self.spec.tenants or tenant in self.spec.tenants)

    @cached_property
    def scopes(self) -> tuple[Scope, ...]:
        """Return a scope for every tenant's environment that is looked at."""
        environments = self.custodian.store.environments
        return tuple(
            Scope(tenant, environment)
            for tenant in self.tenants
            for environment in (environments(tenant) or (DEFAULT_ENVIRONMENT,))
        )

    @cached_property
    def waivers(self) -> WaiverFile:
        """Return the waivers that apply to this run. Raises ConfigurationError, CallerError."""
        return WaiverFile(self)

    @cached_property
    def ledger(self) -> Ledger:
        """Return the key ledger, read once. Raises KeyMissing, JournalBroken."""
        from sealproof.vault.keys.ledger import read_ledger  # noqa: PLC0415 - only for the checks that ask

        return read_ledger(self.custodian)

    @cached_property
    def journal(self) -> list[Operation]:
        """Return every operation that the rotation journal tells of, read once. Raises KeyMissing, JournalBroken."""
        return self.custodian.keyring.journal.history()

    @cached_property
    def journal_verified(self) -> int:
        """Return how many lines the rotation journal has, every link and signature checked once."""
        return self.custodian.keyring.journal.verify()

    def profile(self, scope: Scope) -> Profile:
        """Return the parameters that govern `scope`; the store as a whole is as strict as its strictest file."""
        if self.spec.profile:
            chosen = profiles.profile(self.spec.profile)
        elif scope.tenant:
            chosen = profiles.profile_for(scope.environment)
        else:
            serious = any(item.environment != DEFAULT_ENVIRONMENT for item in self.scopes)
            chosen = profiles.profile("production" if serious else "development")
        return profiles.stricter(chosen, self.spec.overrides) if self.spec.overrides else chosen

    def at(self, root: str) -> Target:
        """Return the same target over another store root, for scratch copies."""
        return Target(replace(self.spec, root=root))

"""What people declare of a store and of its tenants: where things lie, where they may lie, why data is processed.

    manifest.toml                       the store: [locations] of data, keys, backups and logs
    tenants/<tenant>/manifest.toml      the tenant: [tenant], [tenant.processing], [tenant.safeguards]

No program can tell whether a declaration is true. It can tell that one is there, whole and in date.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

from sealproof.errors import ConfigurationError
from sealproof.loader.files import open_root

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealproof.vault.store.local import LocalStore

FILE_NAME: Final = "manifest.toml"
FILE_MAX: Final = 4 * 1024 * 1024  # bytes
PLACES: Final = ("data", "keys", "backups", "logs")
"""What has a location: the sealed files, the keys, the backups and the audit log."""
PROCESSING: Final = ("controller", "purposes", "categories", "recipients", "transfers", "erasure", "measures")
"""What a record of processing says (GDPR 30(1)), besides the day on which it was last looked over."""

_TENANT: Final = ("personal_data", "reason", "regions", "safeguards", "processing")
_STORE: Final = ("locations",)


@dataclass(frozen=True, slots=True)
class Processing:
    """A tenant's record of processing. Empty text says that a part is missing, for CMP-007 to find."""

    parts: Mapping[str, str]
    dated: str
    """The day on which it was last looked over, YYYY-MM-DD; empty where it is missing."""

    def gaps(self) -> tuple[str, ...]:
        """Return the parts that are missing."""
        missing = [name for name in PROCESSING if not self.parts.get(name)]
        return (*missing, "dated") if not self.dated else tuple(missing)


@dataclass(frozen=True, slots=True)
class TenantDeclaration:
    """What a tenant's manifest says of the tenant as a whole."""

    personal_data: bool | None
    """Whether personal data is in reach of the tenant's secrets; None where nobody said."""
    reason: str
    """Why there is none, where there is none."""
    regions: tuple[str, ...]
    """Where the tenant's things may lie."""
    safeguards: Mapping[str, str]
    """What protects a transfer to a region outside them, by region."""
    processing: Processing | None


def locations(root: str) -> dict[str, str]:
    """Return where the store's things lie, by `PLACES`; what is missing was not declared.

    Raises ConfigurationError, StoreNotFound, UnsafeFile, FileUnavailable.
    """
    with open_root(root) as store:
        text = store.read(FILE_NAME, limit=FILE_MAX, private=False)
    tables = _tables(text or b"", FILE_NAME)
    _known(tables, _STORE, FILE_NAME)
    places = _table(tables.get("locations", {}), f"{FILE_NAME}: locations")
    _known(places, PLACES, f"{FILE_NAME}: locations")
    return {name: _text(value, f"{FILE_NAME}: locations.{name}") for name, value in places.items()}


def of_tenant(store: LocalStore, tenant: str) -> TenantDeclaration:
    """Return what the tenant's manifest declares. Raises ConfigurationError, and what reading raises."""
    path = f"tenants/{tenant}/{FILE_NAME}"
    tables = _tables(store.read_beside(tenant, FILE_NAME, limit=FILE_MAX) or b"", path)
    return parse_tenant(tables.get("tenant", {}), path=path)


def parse_tenant(value: object, *, path: str) -> TenantDeclaration:
    """Return the declaration in a manifest's `[tenant]` table. Raises ConfigurationError naming the field."""
    where = f"{path}: tenant"
    fields = _table(value, where)
    _known(fields, _TENANT, where)
    personal = fields.get("personal_data")
    if personal is not None and not isinstance(personal, bool):
        raise _wrong(where, "personal_data", "true or false")
    safeguards = _table(fields.get("safeguards", {}), f"{where}.safeguards")
    return TenantDeclaration(
        personal,
        _text(fields.get("reason", ""), f"{where}.reason"),
        _texts(fields.get("regions", []), f"{where}.regions"),
        {region: _text(text, f"{where}.safeguards.{region}") for region, text in safeguards.items()},
        _processing(fields["processing"], f"{where}.processing") if "processing" in fields else None,
    )


def _processing(value: object, where: str) -> Processing:
    fields = _table(value, where)
    _known(fields, (*PROCESSING, "dated"), where)
    parts = {name: _text(fields.get(name, ""), f"{where}.{name}") for name in PROCESSING}
    return Processing(parts, _day(fields.get("dated", ""), where))


def _day(value: object, where: str) -> str:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if value == "":
        return ""
    try:
        day = date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        day = None
    if day is None or day.isoformat() != value:
        raise _wrong(where, "dated", "a date as 2027-01-31")
    return day.isoformat()


def _tables(text: bytes, path: str) -> dict[str, object]:
    try:
        return tomllib.loads(text.decode())
    except (ValueError, RecursionError) as exc:
        message = f"{path} is no TOML: {exc}"
        raise ConfigurationError(message, hint="see the line named above", names=(path,)) from exc


def _table(value: object, where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        message = f"{where} is no table"
        raise ConfigurationError(message, names=(where,))
    return value


def _known(fields: Mapping[str, object], known: tuple[str, ...], where: str) -> None:
    unknown = [name for name in fields if name not in known]
    if unknown:
        raise _wrong(where, unknown[0], f"known are {', '.join(known)}")


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        path, _, field = where.rpartition(".")
        raise _wrong(path, field, "text in quotes")
    return value.strip()


def _texts(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        path, _, field = where.rpartition(".")
        raise _wrong(path, field, "a list of texts")
    return tuple(_text(item, where) for item in value)


def _wrong(where: str, field: str, allowed: str) -> ConfigurationError:
    message = f"{where}.{field} cannot be read"
    return ConfigurationError(message, hint=f"allowed: {allowed}", names=(f"{where}.{field}",))

"""`tenants/<tenant>/manifest.toml`: each secret's owner, class, purpose, rotation and expiry."""

from __future__ import annotations

import datetime as dt
import tomllib
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from sealproof.envelope.grammar import is_name
from sealproof.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FILE_NAME = "manifest.toml"
MANIFEST_MAX = 4 * 1024 * 1024  # bytes
NEVER = "never"
_FIELDS = ("owner", "class", "purpose", "rotation", "reason", "expires")


class SecretClass(Enum):
    """What a secret is; decides which rules apply to its value."""

    PASSWORD = "password"  # noqa: S105 - a class of secrets, not one
    TOKEN = "token"  # noqa: S105 - a class of secrets, not one
    KEY = "key"
    CONNECTION = "connection"
    CONFIG = "config"  # sealed, but no secret: no age, strength, sharing or leak rule applies


@dataclass(frozen=True, slots=True)
class Entry:
    """One secret's entry. Empty text and None say that the field is missing, for CMP-006 to find."""

    name: str
    owner: str
    kind: SecretClass | None
    purpose: str
    rotation: int | None
    """Days; 0 means none, with a reason."""
    reason: str
    expires: str
    """A date as YYYY-MM-DD, or `never`."""

    def gaps(self) -> tuple[str, ...]:
        """Return the fields that are missing."""
        missing = [name for name in ("owner", "purpose", "expires") if not getattr(self, name)]
        if self.kind is None:
            missing.append("class")
        if self.rotation is None:
            missing.append("rotation")
        if self.rotation == 0 and not self.reason:
            missing.append("reason (rotation is none)")
        return tuple(missing)


def parse(text: bytes, *, path: str) -> dict[str, Entry]:
    """Return the entries of a manifest by secret name.

    Raises ConfigurationError naming the entry and field that is unknown or of the wrong kind.
    """
    try:
        tables = tomllib.loads(text.decode())
    except (ValueError, RecursionError) as exc:  # also an integer of too many digits, and nesting without end
        message = f"{path} is no TOML: {exc}"
        raise ConfigurationError(message, hint="see the line named above", names=(path,)) from exc
    return {name: _entry(name, fields, path) for name, fields in tables.items() if name != "tenant"}


def classify(name: str) -> SecretClass:
    """Guess a class from a name. What is not recognised is a token: the strict side."""
    words = set(name.upper().split("_"))
    upper = name.upper()
    if upper.endswith(("_REDIRECT_URI", "_CALLBACK_URL", "_CLIENT_ID")):
        return SecretClass.CONFIG
    if words & {"PASSWORD", "PASSWD", "PASSPHRASE", "PASS", "PWD"}:
        return SecretClass.PASSWORD
    if words & {"TOKEN", "PAT", "BEARER"}:
        return (
            SecretClass.TOKEN if not words & {"EXPIRE", "EXPIRY", "TTL", "SECONDS", "MINUTES"} else SecretClass.CONFIG
        )
    if words & {"SECRET", "KEY", "SALT", "PEPPER", "APIKEY", "WEBHOOK", "CREDENTIALS", "SIGNING", "PRIVATE"}:
        return SecretClass.KEY if not words & {"PATH", "FILE", "ID", "NAME"} else SecretClass.CONFIG
    if words & {"URL", "URI", "DSN"}:
        return SecretClass.CONNECTION
    return SecretClass.CONFIG if words & _CONFIG_WORDS else SecretClass.TOKEN


_CONFIG_WORDS = frozenset(
    """
    ALGORITHM ALLOWED BACKEND BUCKET CACHE CHANNEL CONCURRENCY COUNT DAYS DB DATABASE DEBUG DIR DIRECTORY DOMAIN
    DURATION ENABLED ENDPOINT ENV ENVIRONMENT EXPIRATION EXPIRE FEATURE FILE FORMAT HOST HOSTNAME HOURS ID INTERVAL
    ISSUER AUDIENCE LEVEL LIMIT LOCALE LOG MAX METRICS MIN MINUTES MODE MODEL MODELS NAME NAMESPACE ORIGINS PATH PATHS
    POOL PORT PREFIX REALM REGION RETENTION RETRIES SCHEMA SCHEME SCOPE SCOPES SECONDS SERVICE SIZE SUFFIX THRESHOLD
    TIMEOUT TIMEZONE TTL USER USERNAME VERSION WORKERS ZONE
    """.split()
)


def appended(
    text: bytes, names: Iterable[str], *, owner: str, purpose: str, rotation_days: int
) -> tuple[bytes, dict[str, SecretClass]]:
    """Return the manifest with entries for `names` appended, and the classes they were given.

    What stands there already, comments included, is kept byte for byte.
    """
    classes = {name: classify(name) for name in names}
    blocks = [_block(name, kind, owner, purpose, rotation_days) for name, kind in classes.items()]
    if not blocks:
        return text, classes
    start = text if text.endswith(b"\n") or not text else text + b"\n"
    return start + ("\n" if start else "").encode() + "\n".join(blocks).encode(), classes


def without(text: bytes, names: Iterable[str]) -> bytes:
    """Return the manifest without the tables of `names`; everything else is kept byte for byte.

    Comments behind a table's last field belong to what follows, and stay. A table that is written in another
    way than under its own `[NAME]` stays, too: whoever prunes parses the result and compares.
    """
    heads = {f"[{name}]" for name in names}
    kept: list[str] = []
    comments: list[str] = []
    dropping = False
    for line in text.decode().splitlines(keepends=True):
        bare = line.strip()
        if bare.startswith("["):
            dropping = bare.split("#")[0].strip() in heads
            kept += comments
            comments = []
        if not dropping:
            kept.append(line)
        elif bare.startswith("#") or (comments and not bare):
            comments.append(line)
        else:
            comments = []
    return "".join(kept + comments).encode()


def rotation_limit(entry: Entry, limits: Mapping[SecretClass, int]) -> int:
    """Return the days after which `entry` is too old: the class limit, or less where the manifest says so."""
    limit = limits[entry.kind or SecretClass.TOKEN]
    return min(limit, entry.rotation) if entry.rotation else limit


def _entry(name: str, fields: object, path: str) -> Entry:
    if not is_name(name) or not isinstance(fields, dict):
        message = f"{path}: {name!r:.80} is no table named after a secret"
        raise ConfigurationError(message, hint="[DB_PASSWORD] then owner = …", names=(name,))
    unknown = [field for field in fields if field not in _FIELDS]
    if unknown:
        raise _wrong(path, name, unknown[0], f"known are {', '.join(_FIELDS)}")
    for field in ("owner", "class", "purpose", "reason"):
        if not isinstance(fields.get(field, ""), str):
            raise _wrong(path, name, field, "text in quotes")
    kinds = {kind.value: kind for kind in SecretClass}
    if "class" in fields and fields["class"] not in kinds:
        raise _wrong(path, name, "class", " or ".join(kinds))
    return Entry(
        name,
        fields.get("owner", "").strip(),
        kinds.get(fields.get("class", "")),
        fields.get("purpose", "").strip(),
        _rotation(fields.get("rotation"), path, name),
        fields.get("reason", "").strip(),
        _expires(fields.get("expires"), path, name),
    )


def _rotation(value: object, path: str, name: str) -> int | None:
    if value is None:
        return None
    if value == "none":
        return 0
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise _wrong(path, name, "rotation", 'days as a whole number, or "none" with a reason')


def _expires(value: object, path: str, name: str) -> str:
    if value is None:
        return ""
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value.isoformat()
    if value == NEVER:
        return NEVER
    try:
        return dt.date.fromisoformat(value if isinstance(value, str) else "").isoformat()
    except ValueError:
        raise _wrong(path, name, "expires", f'a date as 2027-01-31, or "{NEVER}"') from None


def _wrong(path: str, name: str, field: str, allowed: str) -> ConfigurationError:
    message = f"{path}: {name}.{field} cannot be read"
    return ConfigurationError(message, hint=f"allowed: {allowed}", names=(f"{name}.{field}",))


def _block(name: str, kind: SecretClass, owner: str, purpose: str, rotation_days: int) -> str:
    lines = [f"[{name}]", f"owner = {_quoted(owner)}", f'class = "{kind.value}"', f"purpose = {_quoted(purpose)}"]
    if kind is SecretClass.CONFIG:
        lines += ['rotation = "none"', 'reason = "configuration, not a secret"']
    else:
        lines.append(f"rotation = {rotation_days}")
    return "\n".join([*lines, f'expires = "{NEVER}"', ""])


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(char if char.isprintable() else _escape(ord(char)) for char in escaped) + '"'


def _escape(code: int) -> str:
    if 0xD800 <= code <= 0xDFFF:  # noqa: PLR2004 - a byte that was no text (surrogateescape): TOML cannot hold it
        return "\N{REPLACEMENT CHARACTER}"
    return f"\\U{code:08x}" if code > 0xFFFF else f"\\u{code:04x}"  # noqa: PLR2004 - what four digits hold

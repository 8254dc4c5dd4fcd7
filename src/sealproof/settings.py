"""Settings by their known names: `sealproof.toml`, then the environment, which wins. Ranges checked.

The loader never reads these: start-up depends on its own `SEALPROOF_*` variables only.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from sealproof.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE_NAME = "sealproof.toml"
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
_DIGITS_MAX = 30
_YEARS_100 = 36_500  # days


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting with its default; `load` is the only way in that checks ranges."""

    key_derivation_iterations: int = 100_000
    """PBKDF2 cost of new tenant keys; a passphrase master never goes below 600 000."""
    encryption_algorithm: str = "AES-256-GCM"
    rotation_interval_days: int = 90
    compliance_level: str = ""
    """The framework that leads the report and adds its stricter parameters."""
    audit_retention_days: int = 365
    max_access_attempts: int = 5
    policy_signers: int = 1
    """Signatures that a change of the access policy needs; the strict profile never takes fewer than 2."""
    security_alerts_enabled: bool = True
    violation_threshold: int = 3
    alert_webhook_url: str = ""
    alert_log_path: str = ""
    """A file that gets a line of JSON for each alert."""
    audit_log_path: str = ""
    log_level: str = "INFO"
    metrics_enabled: bool = True
    prometheus_port: int = 9090
    profile: str = ""
    """Overrides the profile that an environment's name chooses."""


_RANGES = {
    "key_derivation_iterations": (100_000, 10_000_000),
    "rotation_interval_days": (1, _YEARS_100),
    "audit_retention_days": (1, _YEARS_100),
    "max_access_attempts": (1, 1000),
    "policy_signers": (1, 16),
    "violation_threshold": (1, 1000),
    "prometheus_port": (1, 65_535),
}
_CHOICES = {
    "encryption_algorithm": ("AES-256-GCM",),
    "compliance_level": ("", "GDPR", "SOC2", "HIPAA", "ISO27001", "NIST-CSF"),
    "log_level": ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
    "profile": ("", "development", "production", "strict"),
}
_TYPES = {field.name: str(field.type) for field in fields(Settings)}


def load(text: str, environ: Mapping[str, str]) -> Settings:
    """Return the settings of a `sealproof.toml`'s text (empty where there is none) and of the environment.

    Raises ConfigurationError naming the key: unknown, of the wrong type, or out of range.
    """
    try:
        stored = tomllib.loads(text)
    except (ValueError, RecursionError) as exc:  # also an integer of too many digits, and nesting without end
        message = f"{FILE_NAME} is no TOML: {exc}"
        raise ConfigurationError(message, hint="see the line named above", names=(FILE_NAME,)) from exc
    chosen: dict[str, object] = {}
    for key, value in stored.items():
        if key not in _TYPES:
            message = f"{FILE_NAME} has an unknown setting {key!r:.80}"
            raise ConfigurationError(message, hint=f"known are: {', '.join(_TYPES)}", names=(key,))
        chosen[key] = _checked(key, value)
    for key in _TYPES:
        variable = key.upper()
        if key != "profile" and variable in environ:
            chosen[key] = _checked(key, _from_text(key, environ[variable]))
    return Settings(**chosen)  # type: ignore[arg-type]  # each value was checked against its field's type


def _from_text(key: str, text: str) -> object:
    kind = _TYPES[key]
    if kind == "int" and text.strip().isascii() and text.strip().isdecimal() and len(text) <= _DIGITS_MAX:
        return int(text)
    if kind == "bool" and text.strip().lower() in _TRUE + _FALSE:
        return text.strip().lower() in _TRUE
    return text


def _checked(key: str, value: object) -> object:
    if type(value).__name__ != _TYPES[key]:
        raise _out_of_range(key, value, f"a value of type {_TYPES[key]}")
    if isinstance(value, int) and key in _RANGES:
        low, high = _RANGES[key]
        if not low <= value <= high:
            raise _out_of_range(key, value, f"{low} to {high}")
    if key in _CHOICES and value not in _CHOICES[key]:
        raise _out_of_range(key, value, " or ".join(choice for choice in _CHOICES[key] if choice))
    return value


def _out_of_range(key: str, value: object, allowed: str) -> ConfigurationError:
    shown = "that text" if key == "alert_webhook_url" else f"{value!r:.60}"
    return ConfigurationError(f"{key.upper()} cannot be {shown}", hint=f"allowed: {allowed}", names=(key.upper(),))

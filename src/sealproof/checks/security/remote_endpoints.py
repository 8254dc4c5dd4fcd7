"""SEC-021: remote endpoints are encrypted and verified.

Looks at what this store is told to talk to: the address that alerts go to, and addresses of key services in the
environment; then at switches by which a library would be told not to verify, as they stand in the environment of
this run. Plain transport is right to a loopback address alone. Nothing is connected to. Targets of rotation name
their connection in a secret's value: drivers verify there, and `docs/rotation.md` says how.
"""

from __future__ import annotations

import ipaddress
import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sealproof.checks.registry import check
from sealproof.checks.tenant import NoEvidence
from sealproof.errors import SealproofError
from sealproof.findings import Finding, failed, not_applicable, passed
from sealproof.loader.files import open_root
from sealproof.settings import load

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sealproof.checks.context import Context

_ADDRESSES = ("VAULT_ADDR", "BAO_ADDR", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "AZURE_KEYVAULT_URL")
# What each switch says when it turns verification off: hashicorp/vault, CPython (PEP 493), Node.js, git, libcurl users.
_OFF = {
    "VAULT_SKIP_VERIFY": ("1", "t", "true"),
    "BAO_SKIP_VERIFY": ("1", "t", "true"),
    "PYTHONHTTPSVERIFY": ("0",),
    "NODE_TLS_REJECT_UNAUTHORIZED": ("0",),
    "GIT_SSL_NO_VERIFY": ("1", "true", "yes", "on"),
    "AZURE_CLI_DISABLE_CONNECTION_VERIFICATION": ("1", "true"),
    "REDIS_SSL_CERT_REQS": ("none",),
    "PGSSLMODE": ("disable", "allow", "prefer"),
}
_SETTINGS = "sealproof.toml"
_SETTINGS_MAX = 65_536  # bytes
_EXPECTED = "TLS with certificate and name checks; plain transport on loopback only"


@check("SEC-021")
def remote_endpoints(ctx: Context) -> Iterator[Finding]:
    """Yield a finding for each address that is configured, and for each switch that turns verification off."""
    addresses = dict(_configured(ctx, os.environ))
    switches = [name for name, off in _OFF.items() if os.environ.get(name, "").strip().lower() in off]
    for where, address in addresses.items():
        fault = fault_of(address)
        if fault:
            yield failed(where, fault, expected=_EXPECTED, fix=f"name an https address: {where}")
        else:
            yield passed(where, "encrypted and verified, or on loopback")
    for name in switches:
        yield failed(name, "verification is switched off", expected=_EXPECTED, fix=f"unset {name}")
    if not addresses and not switches:
        yield not_applicable("remote endpoints", "none is configured, and no switch turns verification off")


def fault_of(address: str) -> str:
    """Say what is wrong with an address, without quoting it: it may hold a password. Empty where nothing is."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return "it is no address"
    if parts.scheme in ("https", "unix") or (parts.scheme == "" and address.startswith("/")):
        return ""
    if parts.scheme == "http":
        return "" if _is_loopback(host) else "plain http to another host"
    return "it is neither https nor a local socket"


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _configured(ctx: Context, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    try:
        with open_root(ctx.target.root) as root:
            text = root.read(_SETTINGS, limit=_SETTINGS_MAX, private=False)
        settings = load((text or b"").decode(errors="replace"), environ)
    except SealproofError as exc:
        raise NoEvidence(f"the settings cannot be read: {exc.message}", hint=exc.hint) from exc
    if settings.alert_webhook_url:
        yield "alert_webhook_url", settings.alert_webhook_url
    yield from ((name, environ[name]) for name in _ADDRESSES if environ.get(name))

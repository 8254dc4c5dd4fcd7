"""`pytest --secrets-compliance`: options, markers and fixtures; the work is elsewhere, and only on request.

Every run of every user loads this module, so at import it needs pytest and nothing else. The hooks
that plan and run checks live in `gatekeeper`, and are registered only if they are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sealproof.pytest_plugin.leakage import LeakDetector
    from sealproof.pytest_plugin.tenants import TenantEnvironment
    from sealproof.pytest_plugin.throwaway import SealedStore

SUITES = {
    "security": "is it sealed, with what, and who can reach the keys",
    "compliance": "are events logged, kept, reviewed, and is the rest in order",
    "rotation": "are values and keys as young as they must be",
    "penetration": "does what must be refused get refused",
    "load": "does all of it hold under load",
}
FRAMEWORKS = ("gdpr", "soc2", "hipaa", "iso27001", "nist-csf", "nist-800-53", "pci", "asvs")
NEEDS = ("custody", "keys", "source", "history")
LEVELS = ("critical", "high", "medium", "low", "info")
PROFILES = ("development", "production", "strict")

_SEVERAL: dict[str, tuple[tuple[str, ...] | None, str]] = {
    "suite": (tuple(SUITES), "look only at this suite"),
    "tenant": (None, "look only at this tenant"),
    "framework": (None, f"only checks that map to a control of it: {', '.join(FRAMEWORKS)}, or the store's own"),
    "without": (NEEDS, "leave out the checks that need it, such as custody (keys/ and the audit log) in a clone"),
}
_SINGLE: dict[str, tuple[tuple[str, ...] | None, str]] = {
    "root": (None, "the store (default: SEALPROOF_ROOT, then secrets/ in the root directory)"),
    "source": (None, "source tree to scan (default: the repository or root directory around the store)"),
    "profile": (PROFILES, "the limits to apply (default: by environment)"),
    "gate": (LEVELS, "fail at this severity and above (default: high)"),
    "report-level": (LEVELS, "warn of findings below the gate from this severity on (default: info)"),
    "waivers": (None, "accepted findings (default: the store's own waivers.toml)"),
    "report-dir": (None, "write the report in every format, with its attestation, there"),
    "sign-key": (None, "private Ed25519 key in PEM to sign the report with"),
    "previous": (None, "the predecessor's attestation (default: the newest run that the store keeps)"),
    "previous-key": (None, "public keys that may have signed the predecessor, in PEM or as `report pin` wrote them"),
    "shard": (None, "K/N: only part K of N, for parallel jobs; `sealproof report merge` puts them together"),
    "run-id": (None, "what the parts of one run share, such as the pipeline's id"),
}


class SecretsComplianceWarning(pytest.PytestWarning):
    """A finding below the gate: it is reported, and fails nothing."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options, and an ini key for each."""
    text = "look at the store's secrets too: one item a check and scope"
    group = parser.getgroup("sealproof", "secrets compliance (sealproof)")
    group.addoption("--secrets-compliance", action="store_true", default=False, help=text)
    parser.addini("secrets_compliance", text, type="bool", default=False)
    for name, (choices, text) in _SEVERAL.items():
        group.addoption(f"--secrets-{name}", action="append", choices=choices, help=f"{text} (repeatable)")
        parser.addini(f"secrets_{name}", text, type="args", default=[])
    for name, (choices, text) in _SINGLE.items():
        group.addoption(f"--secrets-{name}", choices=choices, help=text)
        parser.addini(f"secrets_{name.replace('-', '_')}", text, default="")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers; register the real hooks if this run looks at secrets."""
    config.addinivalue_line("markers", "secrets_compliance: an item that `--secrets-compliance` adds")
    for suite, text in SUITES.items():
        config.addinivalue_line("markers", f"{suite}: a secrets check: {text}")
    if config.getoption("secrets_compliance") or config.getini("secrets_compliance"):
        from sealproof.pytest_plugin import gatekeeper  # noqa: PLC0415 - only where it is asked for

        gatekeeper.register(config)


@pytest.fixture
def sealed_store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SealedStore]:
    """A throw-away store with two tenants full of canary secrets: `root`, `tenants`, `canaries`, `reader(tenant)`.

    The variables that would give this process another store's key or freshness anchor are unset meanwhile.
    """
    from sealproof.pytest_plugin.throwaway import sealed  # noqa: PLC0415 - only where it is asked for

    with sealed(request.node, tmp_path, monkeypatch) as store:
        yield store


@pytest.fixture
def tenant_environment(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,  # noqa: ARG001 - set up before this, so undone after it
) -> Iterator[TenantEnvironment]:
    """Load a tenant into the process environment for one test.

    `reader = tenant_environment("acme")` loads; `os.environ` is restored exactly when the test ends, or
    at the end of a `with tenant_environment("acme") as reader:` block.
    """
    from sealproof.pytest_plugin.tenants import TenantEnvironment  # noqa: PLC0415 - only where it is asked for

    with TenantEnvironment(request.node) as environment:
        yield environment


@pytest.fixture
def assert_no_secret_leak(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LeakDetector]:
    """Fail if a secret of this test, raw or encoded, shows in captured output, logs, warnings or files.

    Looks for what `sealed_store` and `tenant_environment` hold; call it with further texts, bytes or paths to
    look there too. A test that never calls it is looked at when it ends.
    """
    from sealproof.pytest_plugin.leakage import detecting  # noqa: PLC0415 - only where it is asked for

    with detecting(request, tmp_path, monkeypatch) as detector:
        yield detector

"""Seal each tenant's secrets, start applications on them, and prove that the seal holds.

The public names are resolved on first use (PEP 562): importing the package imports nothing else.
"""

from __future__ import annotations

import gc
import sys

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` for it would cost start-up 5 ms here
if TYPE_CHECKING:
    from sealproof.checks.continuous import ContinuousValidation
    from sealproof.compliance.validator import ComplianceValidator
    from sealproof.errors import SealproofError
    from sealproof.loader.context import DevelopmentSecretLoader
    from sealproof.loader.environment import LoadedEnvironment, load_environment_secrets
    from sealproof.loader.spotify import get_spotify_credentials
    from sealproof.monitoring.custody import AdvancedSecretManager, get_secret_manager
    from sealproof.rotation.scheduler import AutoRotationScheduler
    from sealproof.vault.access.control import AccessControl
    from sealproof.vault.generate import generate_secure_key
    from sealproof.vault.metadata import SecretMetadata

__version__ = "0.1.0"

__all__ = [
    "AccessControl",
    "AdvancedSecretManager",
    "AutoRotationScheduler",
    "ComplianceValidator",
    "ContinuousValidation",
    "DevelopmentSecretLoader",
    "LoadedEnvironment",
    "SealproofError",
    "SecretMetadata",
    "__version__",
    "generate_secure_key",
    "get_secret_manager",
    "get_spotify_credentials",
    "load_environment_secrets",
]

_HOMES = {
    "AccessControl": "vault.access.control",
    "AdvancedSecretManager": "monitoring.custody",
    "AutoRotationScheduler": "rotation.scheduler",
    "ComplianceValidator": "compliance.validator",
    "ContinuousValidation": "checks.continuous",
    "DevelopmentSecretLoader": "loader.context",
    "LoadedEnvironment": "loader.environment",
    "SealproofError": "errors",
    "SecretMetadata": "vault.metadata",
    "generate_secure_key": "vault.generate",
    "get_secret_manager": "monitoring.custody",
    "get_spotify_credentials": "loader.spotify",
    "load_environment_secrets": "loader.environment",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    home = f"{__name__}.{_HOMES[name]}"
    collecting = gc.isenabled()
    gc.disable()  # docs/adr/0004: imports allocate much and free nothing
    try:
        __import__(home)  # importlib's own module would be one import more
    finally:
        if collecting:
            if not gc.get_freeze_count():  # what was imported is old at once, instead of being searched as young
                gc.freeze()
                gc.unfreeze()
            gc.enable()
    value = getattr(sys.modules[home], name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__

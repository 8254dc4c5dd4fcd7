"""Variable names that a tenant's file may not set unless the caller allows them by name.

They steer the dynamic linker, an interpreter, a shell or another tool's code path, so that whoever
can write a secret could run code in the application; or they steer sealproof itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.errors import DangerousName

if TYPE_CHECKING:
    from collections.abc import Iterable

_PREFIXES = (
    "LD_", "DYLD_",  # dynamic linkers: ld.so(8), dyld(1)
    "PYTHON",  # CPython: python(1), ENVIRONMENT VARIABLES
    "BASH_FUNC_",  # exported shell functions: bash(1)
    "GIT_",  # git(1): GIT_SSH_COMMAND, GIT_EXEC_PATH, GIT_CONFIG_* run programs
    "MALLOC_",  # mallopt(3)
    "NPM_CONFIG_", "npm_config_", "PIP_", "UV_",  # package installers: where code comes from; npm reads both
)  # fmt: skip
_NAMES = frozenset(
    """
    PATH IFS BASH_ENV BASHOPTS SHELLOPTS CDPATH GLOBIGNORE PS4 PROMPT_COMMAND ZDOTDIR SHELL HOME
    GCONV_PATH GETCONF_DIR GLIBC_TUNABLES HOSTALIASES LOCALDOMAIN LOCPATH NIS_PATH NLSPATH RESOLV_HOST_CONF
    RES_OPTIONS TMPDIR TZDIR TERMINFO TERMINFO_DIRS TERMCAP
    NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS PERL5LIB PERL5OPT PERLLIB PERL5DB RUBYLIB RUBYOPT GEM_PATH GEM_HOME
    CLASSPATH JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS _JAVA_OPTIONS LUA_PATH LUA_CPATH LUA_INIT PHPRC PHP_INI_SCAN_DIR
    OPENSSL_CONF OPENSSL_MODULES OPENSSL_ENGINES SSL_CERT_FILE SSL_CERT_DIR SSLKEYLOGFILE
    REQUESTS_CA_BUNDLE CURL_CA_BUNDLE CURL_HOME
    EDITOR VISUAL PAGER BROWSER LESSOPEN LESSCLOSE MANPAGER SUDO_ASKPASS SSH_ASKPASS
    VIRTUAL_ENV KUBECONFIG DOCKER_HOST CREDENTIALS_DIRECTORY
    """.split()
)
_OWN_SETTINGS = frozenset(
    """
    MASTER_SECRET_KEY KEY_DERIVATION_ITERATIONS ENCRYPTION_ALGORITHM ROTATION_INTERVAL_DAYS COMPLIANCE_LEVEL
    AUDIT_RETENTION_DAYS MAX_ACCESS_ATTEMPTS POLICY_SIGNERS SECURITY_ALERTS_ENABLED VIOLATION_THRESHOLD
    ALERT_WEBHOOK_URL ALERT_LOG_PATH
    """.split()
)


def steers_sealproof(name: str) -> bool:
    """Tell whether `name` is a setting or key of sealproof, which no tenant's file may carry."""
    return name in _OWN_SETTINGS or name.startswith("SEALPROOF_")


def is_dangerous(name: str) -> bool:
    """Tell whether a tenant's file may set `name` only if the caller allows it."""
    return name in _NAMES or name.startswith(_PREFIXES) or steers_sealproof(name)


def refuse_dangerous(names: Iterable[str], *, allow: Iterable[str] = ()) -> None:
    """Raise DangerousName for every dangerous one of `names` that is not in `allow`."""
    allowed = frozenset(allow)
    refused = tuple([name for name in names if name not in allowed and is_dangerous(name)])
    if refused:
        message = f"{', '.join(refused)} would steer the process rather than configure it"
        raise DangerousName(message, hint=f"rename it, or allow it by name: --allow {refused[0]}", names=refused)

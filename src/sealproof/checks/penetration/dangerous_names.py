"""PEN-008: dangerous variable names are refused.

Names that steer the linker, an interpreter, a shell or sealproof itself go through the loader and
through seal, one by one; each may pass only where the caller allows it by name. Values that look
like expansions and commands have to arrive as they are, and whoever asks for expansion sees this
tenant's names only. All of it happens in a process that records each program that is started.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sealproof.checks.attacks.evidence import row_findings
from sealproof.checks.isolation import run_apart
from sealproof.checks.penetration._file_watch import FileWatch
from sealproof.checks.registry import check
from sealproof.checks.scratch import ENVIRONMENT, ScratchStore
from sealproof.checks.specimen import Specimen
from sealproof.checks.trials import Trials, control
from sealproof.errors import DangerousName, ExpansionError, InvalidName, MalformedFile
from sealproof.loader.context import DevelopmentSecretLoader
from sealproof.loader.environment import load_environment_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.findings import Finding

# From the manuals of who reads them: ld.so(8), dyld(1), python(1), bash(1), zsh(1), git(1), node(1), perlrun(1),
# ruby(1), java(1), openssl-env(7), nsswitch and resolver in environ(7).
STEERING = tuple(
    """
    LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT LD_DEBUG_OUTPUT DYLD_INSERT_LIBRARIES DYLD_LIBRARY_PATH GCONV_PATH
    GLIBC_TUNABLES MALLOC_CHECK_ LOCPATH HOSTALIASES RES_OPTIONS TMPDIR
    PATH HOME SHELL IFS CDPATH BASH_ENV BASH_FUNC_ls PS4 PROMPT_COMMAND SHELLOPTS BASHOPTS ZDOTDIR
    PYTHONPATH PYTHONSTARTUP PYTHONHOME PYTHONINSPECT PYTHONBREAKPOINT PYTHONWARNINGS PIP_INDEX_URL
    PIP_CONFIG_FILE UV_INDEX_URL VIRTUAL_ENV
    NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS NPM_CONFIG_REGISTRY PERL5LIB PERL5OPT PERL5DB RUBYLIB RUBYOPT
    JAVA_TOOL_OPTIONS _JAVA_OPTIONS CLASSPATH LUA_INIT PHPRC
    GIT_SSH_COMMAND GIT_EXEC_PATH GIT_CONFIG_COUNT GIT_ASKPASS EDITOR VISUAL PAGER BROWSER LESSOPEN
    SUDO_ASKPASS SSH_ASKPASS OPENSSL_CONF OPENSSL_ENGINES SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE
    CURL_CA_BUNDLE SSLKEYLOGFILE DOCKER_HOST KUBECONFIG
    MASTER_SECRET_KEY SEALPROOF_KEY SEALPROOF_KEY_FILE SEALPROOF_STATE SEALPROOF_MIN_GENERATION SEALPROOF_ROOT
    SEALPROOF_TENANT KEY_DERIVATION_ITERATIONS ENCRYPTION_ALGORITHM ROTATION_INTERVAL_DAYS COMPLIANCE_LEVEL
    AUDIT_RETENTION_DAYS MAX_ACCESS_ATTEMPTS SECURITY_ALERTS_ENABLED VIOLATION_THRESHOLD ALERT_WEBHOOK_URL
    ALERT_LOG_PATH CREDENTIALS_DIRECTORY
    """.split()
)
IMPOSSIBLE = ("", "A=B", "=", "A\0B", "A\nB", "A B", "1A", "A-B", "A;B", "A\u00c4", "A" * 129, "BASH_FUNC_ls%%")
_MARKER = "started"  # a file that appears if anything runs


@check("PEN-008")
def dangerous_names_are_refused(ctx: Context) -> Iterator[Finding]:
    """Yield a finding for names that steer, one for names that cannot be, and one for values that look alive."""
    for resource, function, expected in (
        (f"{len(STEERING)} names that steer a process", try_steering, "refused unless the caller allows the name"),
        (f"{len(IMPOSSIBLE)} names that are none", try_impossible, "refused on sealing and on reading"),
        ("values with expansions and commands", try_values, "literal by default, and nothing is started"),
    ):
        directory = ctx.scratch()
        trials = Trials()
        trials.add(run_apart(function, directory, {"directory": directory}).returned())
        yield trials.finding(resource, expected=expected)
    yield from row_findings(ctx)


def try_steering(directory: str) -> dict[str, object]:
    """Load and seal each name, without and with permission. Runs in a child process."""
    trials, root = Trials(), os.path.join(directory, "secrets")
    store = ScratchStore(directory, ("scratch-b",))
    for name in STEERING:
        file = Specimen(values={name: "a value", "API_TOKEN": "another"})
        file.install(root)
        os.environ["SEALPROOF_KEY_FILE"] = file.export(directory)
        for how, allow in (("", ()), (" where another is allowed", (f"{name}_", "API_TOKEN"))):
            what = f"load {name}{how}"
            with trials.keep_environment(what), trials.refuses(what, DangerousName):
                load_environment_secrets(file.tenant, root=root, allow=allow)
        with trials.refuses(f"open {name}", DangerousName):
            _opened(file.tenant, root)
        control(f"{name} opens where it is allowed", _opened(file.tenant, root, name)[name] == "a value")
        del os.environ["SEALPROOF_KEY_FILE"]
        with trials.refuses(f"seal {name}", DangerousName):
            store.custodian.seal("scratch-b", ENVIRONMENT, {name: b"a value"})
    allowed = {"PATH": b"/opt/bin"}
    trials.control(
        "a name is sealed where it is allowed",
        lambda: store.custodian.seal("scratch-b", ENVIRONMENT, allowed, allow=("PATH",)).added == ["PATH"],
    )
    return trials.to_plain()


def try_impossible(directory: str) -> dict[str, object]:
    """Seal names outside the grammar, and read files that carry them. Runs in a child process."""
    trials = Trials()
    store, file = ScratchStore(directory, ("scratch-b",)), Specimen()
    before = store.read("scratch-b")
    for name in IMPOSSIBLE:
        what = ascii(name)[:32]
        with trials.refuses(f"seal {what}", InvalidName, DangerousName):
            store.custodian.seal("scratch-b", ENVIRONMENT, {name: b"a value"})
        with trials.refuses(f"read {what}", MalformedFile):
            file.open(file.forge([*file.lines[:2], file.line(name, "a value")]))
    trials.holds("the sealed file was changed", store.read("scratch-b") == before)
    control("a name in order", file.open(file.forge([*file.lines[:2], file.line("API_TOKEN", "x")])))
    return trials.to_plain()


def try_values(directory: str) -> dict[str, object]:
    """Load values that look like expansions and commands, and expand loops. Runs in a child process."""
    trials, watch, marker = Trials(), FileWatch(), os.path.join(directory, _MARKER)
    root = os.path.join(directory, "secrets")
    os.environ["OUTSIDE"] = "of the process environment"
    values = {
        "BRACES": "${OTHER}",
        "OUTER": "${OUTSIDE:-kept}",
        "NESTED": "${OTHER:-${BRACES}}",
        "COMMAND": f"$(touch {marker})",
        "BACKTICKS": f"`touch {marker}`",
        "SHELL_TEXT": f"; touch {marker} #",
        "FORMAT": "{OTHER} %(OTHER)s %s {0.__class__}",
        "DOLLAR": "$OTHER $$ \\${OTHER}",
        "OTHER": "plain",
    }
    file = _installed(directory, Specimen(values=values))
    watch.start()
    loaded = load_environment_secrets(file.tenant, root=root)
    seen = {name: os.environ.get(name, "") for name in values}
    trials.holds("values were set", set(loaded.names) == set(values))
    for name, value in values.items():
        trials.holds(f"{name} did not arrive as it is", seen[name] == value)
    _expand(trials, directory, root, values)
    watch.stop()
    trials.holds(f"a program was started: {', '.join(watch.programs)}", not watch.programs)
    trials.holds("a command in a value was run", not os.path.exists(marker))
    return trials.to_plain()


def _expand(trials: Trials, directory: str, root: str, values: dict[str, str]) -> None:
    """Expand on request: this tenant's names only, commands never, and no loop without an end."""
    file = _installed(directory, Specimen(values=values))
    load_environment_secrets(file.tenant, root=root, override=True, expand=True)
    trials.holds("a name of the process environment was expanded", os.environ["OUTER"] == "kept")
    trials.holds("a name of the tenant was not expanded", os.environ["BRACES"] == "plain")
    for name in ("COMMAND", "BACKTICKS", "SHELL_TEXT"):
        trials.holds(f"{name} was changed by expansion", os.environ[name] == values[name])
    for what, looping in (
        ("a loop of one", {"A": "${A}"}),
        ("a loop of three", {"A": "${B}", "B": "${C}", "C": "x${A}"}),
        ("a loop by default", {"A": "${B}", "B": "${A:-x}"}),
        ("growth without bound", {"A0": "x" * 1000} | {f"A{n}": f"${{A{n - 1}}}" * 8 for n in range(1, 12)}),
        ("a deep chain", {f"D{n}": f"${{D{n + 1}}}" for n in range(3000)}),
        ("a name of the process environment", {"A": "${OUTSIDE}"}),
    ):
        file = _installed(directory, Specimen(values=looping))
        with trials.keep_environment(what), trials.refuses(what, ExpansionError):
            load_environment_secrets(file.tenant, root=root, expand=True)


def _installed(directory: str, file: Specimen) -> Specimen:
    file.install(os.path.join(directory, "secrets"))
    os.environ["SEALPROOF_KEY_FILE"] = file.export(directory)
    return file


def _opened(tenant: str, root: str, *allow: str) -> dict[str, str]:
    with DevelopmentSecretLoader(tenant, root=root).secure_context(environ=False, allow=allow) as reader:
        return {name: reader.get_secret(name) for name in reader.list_secrets()}

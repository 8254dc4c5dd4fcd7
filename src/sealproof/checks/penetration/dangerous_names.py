"""PEN-008: dangerous variable names are refused.

Names that steer the linker, an interpreter, a shell or sealproof itself, and names that are none, stand in files
of an insider who sealed them all the same: each may pass the loader only where the caller allows it by name. That
nothing seals them is row B8's. Values that look
like expansions and commands have to arrive as they are, and whoever asks for expansion sees this
tenant's names only. All of it happens in a process that records each program that is started.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sealproof.checks.attacks.evidence import row_findings
from sealproof.checks.attacks.strange_names import IMPOSSIBLE, STEERING
from sealproof.checks.isolation import run_apart
from sealproof.checks.penetration._file_watch import FileWatch
from sealproof.checks.registry import check
from sealproof.checks.scratch import ENVIRONMENT, ScratchStore
from sealproof.checks.specimen import Specimen
from sealproof.checks.trials import Trials, control
from sealproof.errors import DangerousName, ExpansionError, MalformedFile
from sealproof.loader.context import DevelopmentSecretLoader
from sealproof.loader.environment import load_environment_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sealproof.checks.context import Context
    from sealproof.findings import Finding

_MARKER = "started"  # a file that appears if anything runs


@check("PEN-008")
def dangerous_names_are_refused(ctx: Context) -> Iterator[Finding]:
    """Yield a finding for names that steer, one for names that cannot be, and one for values that look alive."""
    expected = "refused unless the caller allows the name"
    yield _apart(ctx, try_steering).finding(f"{len(STEERING)} names that steer a process", expected=expected)
    yield _apart(ctx, read_impossible).finding(f"{len(IMPOSSIBLE)} names that are none", expected="refused on reading")
    expected = "literal by default, and nothing is started"
    yield _apart(ctx, try_values).finding("values with expansions and commands", expected=expected)
    yield from row_findings(ctx)


def _apart(ctx: Context, function: Callable[[], object]) -> Trials:
    directory, trials = ctx.scratch(), Trials()
    trials.add(run_apart(function, directory, {}).returned())
    return trials


def try_steering() -> dict[str, object]:
    """Load each name, without and with permission. Runs in a child process."""
    trials, directory = Trials(), os.getcwd()
    root = os.path.join(directory, "secrets")
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
    allowed = {"PATH": b"/opt/bin"}
    trials.control(
        "a name is sealed where it is allowed",
        lambda: store.custodian.seal("scratch-b", ENVIRONMENT, allowed, allow=("PATH",)).added == ["PATH"],
    )
    return trials.to_plain()


def read_impossible() -> dict[str, object]:
    """Read files that carry names outside the grammar. Runs in a child process."""
    trials, file = Trials(), Specimen()
    for name in IMPOSSIBLE:
        with trials.refuses(f"read {ascii(name)[:32]}", MalformedFile):
            file.open(file.forge([*file.lines[:2], file.line(name, "a value")]))
    control("a name in order", file.open(file.forge([*file.lines[:2], file.line("API_TOKEN", "x")])))
    return trials.to_plain()


def try_values() -> dict[str, object]:
    """Load values that look like expansions and commands, and expand loops. Runs in a child process."""
    trials, watch, directory = Trials(), FileWatch(), os.getcwd()
    marker = os.path.join(directory, _MARKER)
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

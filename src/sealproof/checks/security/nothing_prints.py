"""SEC-019: nothing prints a secret.

Drives canaries of a scratch store through loading, every object that is handed back, every error
that can be provoked with values at hand, a report, and the command line, each in a process of its
own with logging and warnings fully on. Then searches all that came out for the canaries, whole or
encoded. An exception's chain is searched too, even where `from None` hides it.
"""

from __future__ import annotations

import os
import secrets
import sys
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING

from sealproof.checks import isolation
from sealproof.checks.attacks.evidence import row_findings
from sealproof.checks.isolation import run_apart, run_program
from sealproof.checks.registry import check
from sealproof.checks.scratch import leaks
from sealproof.checks.security import _exposure
from sealproof.checks.specimen import Specimen, canaries, key_text, parts, write_private
from sealproof.checks.trials import REINSTALL, control
from sealproof.errors import ToolFailed
from sealproof.findings import Finding, failed, not_applicable, passed
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from sealproof.checks.context import Context

_NAMES = ("DB_PASSWORD", "API_TOKEN", "SIGNING_KEY", "SPOTIFY_CLIENT_SECRET")
_REPORTED = ("SEC-001", "SEC-012", "SEC-018")  # checks whose findings are about plain text and values
_LOUD = ("-X", "utf8", "-W", "always")
_NARROW = ("-X", "utf8=0", "-W", "always")
_MAIN = "from sealproof.cli.main import main\nmain()"
_DAY = 86_400  # seconds


class _Bench:
    """The canaries, and scratch stores of the files that they are sealed in."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.root = os.path.join(directory, "secrets")
        self.stale = os.path.join(directory, "stale")
        self.corrupt = os.path.join(directory, "corrupt")
        public = {"SPOTIFY_CLIENT_ID": "scratch", "SPOTIFY_REDIRECT_URI": "https://localhost/callback"}
        drawn = canaries((*_NAMES, "OTHER", "REDIRECT", "EXPANDED", "SIGNING_KEY_2"))
        self.weak = f"{'ab' * 8}{secrets.token_hex(2)}"
        self.canaries = (*drawn.values(), self.weak)
        orderly = {name: drawn[name] for name in _NAMES} | public
        crooked = public | {
            "LD_PRELOAD": drawn["SIGNING_KEY_2"],
            "EXPANDED": f"${{{drawn['EXPANDED']}}}",
            "SPOTIFY_CLIENT_SECRET": drawn["OTHER"],
            "SPOTIFY_REDIRECT_URI": f"http://{drawn['REDIRECT']}/",
        }
        # The accent is what a narrow locale cannot carry; the token is shared, which a check reports.
        other = {"DB_PASSWORD": drawn["OTHER"] + "\u00e9", "API_TOKEN": drawn["API_TOKEN"]}
        specimen = Specimen(_exposure.TENANT, values=orderly)
        others = (Specimen(_exposure.OTHER, values=other), Specimen(_exposure.CROOKED, values=crooked))
        for each in (specimen, *others):
            each.install(self.root)
        lines, trailer = parts(specimen.data)
        expired = trailer.replace('"expires":0', f'"expires":{int(time.time()) - _DAY}')
        specimen.install(self.stale, specimen.forge(lines, trailer=expired))
        specimen.install(self.corrupt, specimen.data.replace(b'"generation":2', b'"generation":3'))
        self.key = os.path.join(directory, "host.key")
        write_private(self.key, key_text(*(each.key_line for each in (specimen, *others))))
        self.plain = [
            f"DB_PASSWORD={drawn['DB_PASSWORD']}\nAPI_TOKEN=\xff\n",  # no UTF-8
            f"SIGNING_KEY=first line\n{drawn['SIGNING_KEY']}/+=\n",  # a value that goes on in the next line
            f"API_TOKEN='{drawn['API_TOKEN']}\n",  # an open quote
        ]

    def careless_source(self) -> str:
        """Leave values where checks look for them, and return the source tree that holds one."""
        source = os.path.join(self.directory, "source")
        os.mkdir(source)
        write_private(os.path.join(source, "settings.py"), f'API_TOKEN = "{self.canaries[1]}"\n'.encode())
        twin = os.path.join(self.root, "tenants", _exposure.TENANT, ".env.local")
        write_private(twin, f"DB_PASSWORD={self.canaries[0]}\n".encode())
        return source


@check("SEC-019")
def nothing_prints_a_secret(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for each path that canaries were driven down."""
    bench = _Bench(ctx.scratch())
    control("the search finds what is there", all(leaks(f"x {value} y", [value]) for value in bench.canaries))
    yield _finding(bench, "load and objects", _outputs(bench, _exposure.objects, {"root": bench.root}))
    texts = {"root": bench.root, "corrupt": bench.corrupt, "stale": bench.stale, "weak": bench.weak}
    said = _outputs(bench, _exposure.errors, texts | {"plain": bench.plain})
    narrow = _outputs(bench, _exposure.narrow_locale, {"root": bench.root}, options=_NARROW, locale="C")
    yield _finding(bench, "errors", {**said, **{f"{name} in a narrow locale": text for name, text in narrow.items()}})
    arguments = {"root": bench.root, "source": bench.careless_source(), "checks": list(_REPORTED)}
    yield _finding(bench, "report", _outputs(bench, _exposure.report, arguments))
    if find_spec("sealproof.cli") is None:
        yield not_applicable("command line", "this installation has none")
    else:
        yield _finding(bench, "command line", _command_line(ctx.scratch(), bench))
    yield from row_findings(ctx)


def _outputs(
    bench: _Bench,
    function: Callable[..., object],
    arguments: Mapping[str, object],
    *,
    options: tuple[str, ...] = _LOUD,
    locale: str = "C.UTF-8",
) -> dict[str, bytes]:
    environ = {"SEALPROOF_KEY_FILE": bench.key, "LC_ALL": locale}
    outcome = run_apart(function, bench.directory, arguments, environ=environ, options=options)
    seen = outcome.returned()
    if not isinstance(seen, dict):
        message = "a child process gave back no outputs"
        raise ToolFailed(message, hint="sealproof doctor")
    outputs = {str(name): str(text).encode() for name, text in seen.items()}
    return outputs | {"standard output": outcome.stdout, "standard error, log and warnings": outcome.stderr}


def _command_line(directory: str, bench: _Bench) -> dict[str, bytes]:
    """Use the command line in a store of its own. Only `get` may print, and only where it was asked to."""
    plain = os.path.join(directory, "plain.env")
    values = dict(zip(_NAMES, bench.canaries, strict=False))
    write_private(plain, "".join(f"{name}={value}\n" for name, value in values.items()).encode())
    tenant = _exposure.TENANT
    commands = {
        "init": (("init",), ""),
        "seal": (("seal", tenant, plain, "--remove"), ""),
        "seal of what is no dotenv text": (("seal", tenant), bench.plain[1]),
        "set": (("set", tenant, "API_TOKEN"), bench.canaries[0]),
        "list": (("list", tenant, "--json"), ""),
        "run": (("run", "--tenant", tenant, "--", sys.executable, "-c", "pass"), ""),
        "doctor": (("doctor", "--tenant", tenant), ""),
    }
    outputs = {name: b"".join(_sealproof(directory, words, stdin)) for name, (words, stdin) in commands.items()}
    out, err = _sealproof(directory, ("get", tenant, "DB_PASSWORD"), "")
    control("the command line sealed, and printed what it was asked for", leaks(out, [values["DB_PASSWORD"]]))
    return outputs | {"get, standard error": err, "files left behind": b"\n".join(_files(directory))}


def _sealproof(directory: str, words: tuple[str, ...], stdin: str) -> tuple[bytes, bytes]:
    """Run what `python -m sealproof` runs, and return both its outputs."""
    environ = {"PYTHONPATH": os.pathsep.join(os.path.abspath(entry) for entry in sys.path)}
    argv = (sys.executable, "-P", *_LOUD, "-c", f"{isolation.PRELUDE}\n{_MAIN}", *words)
    _, stdout, stderr, _ = run_program(argv, directory, environ=environ, stdin=stdin.encode())
    return stdout, stderr


def _files(directory: str) -> Iterator[bytes]:
    for folder, _, names in os.walk(directory):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                yield file.read()


def _finding(bench: _Bench, path: str, outputs: Mapping[str, bytes]) -> Finding:
    shown = [f"{name} ({found})" for name, text in outputs.items() if (found := _encodings(text, bench.canaries))]
    if not shown:
        return passed(path, f"{counted(len(outputs), 'output')} searched, no canary in any")
    observed = f"a canary shows in {'; '.join(shown)}"
    return failed(path, observed, expected="no secret in any output, in any encoding", fix=REINSTALL)


def _encodings(text: bytes, values: Iterable[str]) -> str:
    return ", ".join(sorted({place.partition(" of ")[0] for place in leaks(text, values)}))

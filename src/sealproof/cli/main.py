"""Find the command, import only its module, run it, turn errors into exit codes."""

from __future__ import annotations

import io
import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from sealproof.cli import arguments, console
from sealproof.cli.exits import exit_code_of
from sealproof.errors import CallerError, SealproofError

if TYPE_CHECKING:
    from types import TracebackType

COMMANDS = {
    "init": "lay out a store: keys, settings, ignore rules, merge driver",
    "seal": "seal a plain dotenv file into a tenant's file",
    "open": "print a tenant's secrets as dotenv text",
    "edit": "edit a tenant's secrets in your editor, in memory only",
    "set": "set one secret from standard input, a prompt or a generator",
    "get": "print one secret's value",
    "remove": "drop one secret",
    "list": "list tenants, or a tenant's secrets with versions and ages",
    "diff": "say which secrets differ between two versions of a file",
    "run": "start a program with a tenant's secrets in its environment",
    "manifest": "describe the secrets that the tenant's manifest lacks",
    "canary": "plant secrets that nobody needs, and hear of whoever asks for one",
    "rotate": "give secrets new values, here and at what they unlock",
    "key": "make, export, renew, destroy and list keys",
    "backup": "make, verify, restore and prune encrypted backups",
    "recipient": "let others open a tenant's file with a key of their own",
    "merge": "git merge driver for sealed files and manifests",
    "access": "say who may do what, and why somebody may or may not",
    "audit": "verify, export, watch, anchor and prune the signed audit log",
    "check": "look for what is wrong, decide the gate, write the evidence",
    "attack": "point the attack table at a store of your own",
    "report": "render, verify, merge or compare reports",
    "waiver": "list the accepted findings, and sign one as its approver",
    "record": "sign and read who is who, what was approved, reviewed, exposed, erased",
    "incident": "say who and what is affected if a key or a secret got out",
    "explain": "say what a check looks at and which controls it supports",
    "doctor": "say what works here, what does not, and why a file is refused",
}


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    sys.excepthook = _internal_error
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a path that the locale cannot carry is no reason to fail
    sys.exit(int(dispatch(sys.argv[1:])))


def dispatch(argv: list[str]) -> int:
    """Run one command and return its exit code. Only what nobody foresaw leaves as an exception."""
    try:
        return _run(argv)
    except SealproofError as error:
        console.error(error)
        return exit_code_of(error)
    except KeyboardInterrupt:
        console.say("sealproof: interrupted")
        return exit_code_of(KeyboardInterrupt())


def _run(argv: list[str]) -> int:
    parser = arguments.Parser(prog="sealproof", description=_description(), add_help=True)
    arguments.add_root(parser)
    parser.add_argument("--version", action="store_true", help="print the version")
    parser.add_argument("command", nargs="?", metavar="COMMAND", help="one of the commands above")
    parser.add_argument("rest", nargs=arguments.REST, metavar="…", help="sealproof COMMAND --help says more")
    first = parser.parse_args(argv)
    if first.version:
        import sealproof  # noqa: PLC0415 - beside its only use

        console.answer(f"sealproof {sealproof.__version__}")
        return 0
    if first.command is None:
        parser.print_help()
        return 0
    if first.command not in COMMANDS:
        message = f"unknown command {first.command!r:.40}"
        raise CallerError(message, hint="sealproof --help")
    name = f"sealproof.cli.commands.{first.command}"
    __import__(name)
    module = sys.modules[name]
    command = arguments.Parser(prog=f"sealproof {first.command}", description=module.__doc__)
    arguments.add_root(command)
    module.configure(command)
    args = command.parse_args(first.rest)
    args.root = args.root or first.root or os.environ.get("SEALPROOF_ROOT") or "secrets"
    return int(module.run(args))


def _description() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {text}" for name, text in COMMANDS.items()]
    return "Seal each tenant's secrets, start applications on them, and prove that the seal holds.\n\n" + "\n".join(
        lines
    )


def _internal_error(kind: type[BaseException], value: BaseException, trace: TracebackType | None) -> None:
    import traceback  # noqa: PLC0415 - costs every start of a program 8 ms, and is needed once in a bug

    traceback.print_exception(kind, value, trace)
    console.say("sealproof: error: internal error")
    console.say("sealproof: hint: report this with the lines above; they hold no values")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(3)

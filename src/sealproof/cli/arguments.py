"""What commands share of argument parsing: one error style, one exit code, one `--root`."""

from __future__ import annotations

import argparse
import os
from typing import NoReturn

from sealproof.errors import CallerError

Arguments = argparse.Namespace
REST = argparse.REMAINDER


class Parser(argparse.ArgumentParser):
    """argparse with this program's error style: typed, with a hint, exit code 4."""

    def __init__(self, *, prog: str, description: str | None, add_help: bool = True) -> None:
        super().__init__(
            prog=prog,
            description=description,
            add_help=add_help,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def error(self, message: str) -> NoReturn:
        """Raise instead of exiting with argparse's own code."""
        raise CallerError(message, hint=f"{self.prog} --help")


def add_root(parser: argparse.ArgumentParser) -> None:
    """Every command takes `--root`, before or after its name."""
    parser.add_argument("--root", metavar="DIR", default="", help="the store (default: SEALPROOF_ROOT, then secrets/)")


def add_environment(parser: argparse.ArgumentParser) -> None:
    """Which of the tenant's files."""
    parser.add_argument(
        "--environment", "--env", metavar="E", default="", help="default: SEALPROOF_ENVIRONMENT, then development"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """The answer for programs."""
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def add_allow(parser: argparse.ArgumentParser) -> None:
    """Dangerous names, one by one."""
    parser.add_argument(
        "--allow", metavar="NAME", action="append", default=[], help="allow this dangerous variable (repeatable)"
    )


def add_description(parser: argparse.ArgumentParser) -> None:
    """What new manifest entries say."""
    parser.add_argument("--owner", metavar="NAME", default="", help="owner of new manifest entries (default: you)")
    parser.add_argument("--purpose", metavar="TEXT", default="", help="purpose of new manifest entries")


def environment_of(args: Arguments) -> str:
    """Return the environment that `args` chose, checked. Raises InvalidName."""
    from sealproof.envelope.grammar import check_environment  # noqa: PLC0415 - commands without one need it not

    return check_environment(args.environment or os.environ.get("SEALPROOF_ENVIRONMENT") or "development")

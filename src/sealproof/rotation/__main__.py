"""`python -m sealproof.rotation --force --secret-name NAME [--tenant-id T]`: the command `rotate` by older options."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

from sealproof.cli.main import dispatch

_USAGE = 4


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Exit with this program's code for a mistake in the call, not with argparse's own."""
        self.exit(_USAGE, f"{self.prog}: error: {message}\n")


def main(argv: list[str]) -> int:
    """Translate the options, run the command, return its exit code."""
    parser = _Parser(prog="python -m sealproof.rotation", description=__doc__, allow_abbrev=False)
    parser.add_argument("--secret-name", metavar="NAME", default="", help="the secret; without one, all that is due")
    parser.add_argument("--tenant-id", metavar="T", default="", help="default: SEALPROOF_TENANT, then the only tenant")
    parser.add_argument("--force", action="store_true", help="rotate it though it is not due")
    parser.add_argument("--root", metavar="DIR", default="", help="the store (default: SEALPROOF_ROOT, then secrets/)")
    known, rest = parser.parse_known_args(argv)
    words = ["rotate", *([known.secret_name] if known.secret_name else ["--due"])]
    words += ["--tenant", known.tenant_id] if known.tenant_id else []
    words += ["--force"] if known.force else []
    words += ["--root", known.root] if known.root else []
    return dispatch([*words, *rest])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

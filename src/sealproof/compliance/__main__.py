"""`python -m sealproof.compliance --check --tenant-id T`: the compliance suite of the gate over one tenant.

A door to `sealproof check --suite compliance`; further options are that command's.
"""

from __future__ import annotations

import sys

from sealproof.cli.main import main


def words(argv: list[str]) -> list[str]:
    """Return the words of `sealproof` that these options mean; without `--check`, its help."""
    rest, check = [], False
    for word in argv:
        if word == "--check":
            check = True
        elif word == "--tenant-id" or word.startswith("--tenant-id="):
            rest.append("--tenant" + word.removeprefix("--tenant-id"))
        else:
            rest.append(word)
    return ["check", "--suite", "compliance", *rest] if check else ["check", "--help"]


if __name__ == "__main__":
    sys.argv[1:] = words(sys.argv[1:])
    main()

"""The command line as its users type it: `scripts/*.txt` hold commands, answers and exit codes.

    $ sealproof get acme NOPE            a command, typed in a directory of the script's own
    | a line on standard output
    ! a line on standard error
    = 4                                  the exit code, where it is not 0

`…` stands for any text in a line, a line `| ⋮` for any number of lines.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from sealproof.cli.main import COMMANDS

SCRIPTS = Path(__file__).parent / "scripts"


class Step(NamedTuple):
    """A command and what it is to answer."""

    number: int
    command: str
    out: list[str]
    err: list[str]
    code: int


def steps_of(text: str) -> list[Step]:
    """Read a script."""
    steps: list[Step] = []
    for number, line in enumerate(text.splitlines(), 1):
        mark, content = line[:2], line[2:]
        if mark == "$ ":
            steps.append(Step(number, content, [], [], 0))
        elif mark == "| ":
            steps[-1].out.append(content)
        elif mark == "! ":
            steps[-1].err.append(content)
        elif mark == "= ":
            steps[-1] = steps[-1]._replace(code=int(content))
        else:
            assert not line or line == "|" or mark == "# ", f"line {number} is none of a script's: {line!r}"
            if line == "|":
                steps[-1].out.append("")
    return steps


def pattern_of(lines: list[str]) -> str:
    """Return what output that `lines` describe must match."""
    parts = [r"(?:.*\n)*?" if line == "⋮" else ".*?".join(map(re.escape, line.split("…"))) + r"\n" for line in lines]
    return "".join(parts)


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.txt")), ids=lambda path: path.stem)
def test_script(script, empty):
    for step in steps_of(script.read_text(encoding="utf-8")):
        answer = empty.run(step.command)
        where = f"{script.name}:{step.number}: {step.command}\n"
        assert re.fullmatch(pattern_of(step.out), answer.out), f"{where}{answer.out}"
        assert re.fullmatch(pattern_of(step.err), answer.err), f"{where}{answer.err}"
        assert answer.code == step.code, f"{where}{answer}"


def test_every_command_is_typed_in_a_script():
    texts = "\n".join(path.read_text(encoding="utf-8") for path in SCRIPTS.glob("*.txt"))
    typed = set(re.findall(r"(?<=sealproof )[a-z]+", texts))
    assert COMMANDS.keys() - typed == {"edit"}  # which has a file of tests of its own

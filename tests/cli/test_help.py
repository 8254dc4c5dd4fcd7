"""What the README and `--help` say is what the program has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sealproof.cli import exits
from sealproof.cli.main import COMMANDS
from sealproof.findings import ExitCode

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return README.partition(f"\n{title}\n")[2].partition("\n#")[0]


def test_the_readme_lists_the_commands_as_the_help_does(empty):
    told = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", section("## Commands"), re.MULTILINE))
    assert told == COMMANDS
    assert dict(re.findall(r"^  (\w+) +(.*)$", empty.type("sealproof --help"), re.MULTILINE)).items() >= told.items()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_that_says_what_it_does(command, empty):
    text = empty.type(f"sealproof {command} --help")
    assert text.startswith(f"usage: sealproof {command} ")
    assert "--root DIR" in text
    assert len(text.split("\n\n")[1].strip()) > 20, "the module's docstring is the description"
    assert max(map(len, text.splitlines())) <= 120


def test_every_option_in_the_readme_is_one_that_the_program_takes(empty):
    lines = re.findall(r"^(?:\w+=\S+ )*sealproof (\w+)(.*)$", README, re.MULTILINE)
    assert len(lines) > 8
    for command, rest in lines:
        taken = empty.type(f"sealproof {command} --help")
        for option in re.findall(r"(--[a-z-]+)", rest.partition(" -- ")[0].partition("#")[0]):
            assert re.search(rf"{option}\b", taken), f"{command} {option}"


def test_the_readmes_exit_codes_are_the_programs():
    told = {int(number) for number in re.findall(r"^\| (\d) \| ", README, re.MULTILINE)}
    assert told == {int(code) for code in ExitCode}
    assert (exits.OK, exits.REFUSED, exits.INTERRUPTED, exits.INTERNAL, exits.USAGE, exits.EVIDENCE) == (
        ExitCode.OK,
        ExitCode.FINDINGS,
        ExitCode.INTERRUPTED,
        ExitCode.INTERNAL,
        ExitCode.USAGE,
        ExitCode.EVIDENCE,
    )


def test_a_command_imports_its_own_module_only(empty):
    listing = "import sys; from sealproof.cli.main import dispatch; dispatch(['list']); print(*sys.modules)"
    modules = empty.type(f'python -c "{listing}"').split()
    assert [name for name in modules if name.startswith("sealproof.cli.commands.")] == ["sealproof.cli.commands.list"]

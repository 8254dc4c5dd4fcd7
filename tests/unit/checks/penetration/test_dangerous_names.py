"""PEN-008, on loaders that set anything, expand anything or run something."""

from __future__ import annotations

import pytest

from sealproof.checks.attacks.strange_names import IMPOSSIBLE, STEERING
from sealproof.findings import Severity, Status
from sealproof.loader.names import is_dangerous

STEER, NONE, VALUES = (
    f"{len(STEERING)} names that steer a process",
    f"{len(IMPOSSIBLE)} names that are none",
    "values with expansions and commands",
)

ALLOWS_ALL = "import sealproof.loader.names as names\nnames.is_dangerous = lambda name: False\n"
FORGETS_ONE = """
import sealproof.loader.names as names
dangerous = names.is_dangerous
names.is_dangerous = lambda name: name != "BASH_ENV" and dangerous(name)
"""
ALLOWS_ALL_FOR_ONE = """
import sealproof.loader.environment as environment
refuse = environment.refuse_dangerous
environment.refuse_dangerous = lambda names, *, allow=(): None if allow else refuse(names)
"""
TAKES_ANY_NAME = "from sealproof.envelope import parse\nparse.is_entry_name = lambda text: True\n"
EXPANDS = """
import sealproof.loader.environment as environment
plain = environment.plain_names
def expanding(values):
    texts = plain(values)
    return {name: text.replace("${OTHER}", texts.get("OTHER", "")) for name, text in texts.items()}
environment.plain_names = expanding
"""
RUNS = """
import subprocess
import sealproof.loader.environment as environment
plain = environment.plain_names
def running(values):
    for text in plain(values).values():
        if text.startswith("$(touch"):
            subprocess.run(f": {text}", shell=True)
    return plain(values)
environment.plain_names = running
"""
EXPANDS_FROM_THE_PROCESS = """
import os
import sealproof.loader.expand as expansion
expand = expansion.expand
def curious(values):
    expanded = expand({**os.environ, **values})
    return {name: expanded[name] for name in values}
expansion.expand = curious
"""
LOOPS = """
import sealproof.loader.expand as expansion
expand = expansion.expand
def endless(values):
    return endless(values) if "A" in values else expand(values)
expansion.expand = endless
"""


def test_dangerous_names_are_refused(store, run_check):
    result = run_check(store, "PEN-008")
    assert result.status is Status.PASS
    assert [finding.resource for finding in result.findings] == [STEER, NONE, VALUES]


def test_the_list_is_the_checks_own_and_the_library_knows_all_of_it():
    assert len(set(STEERING)) == len(STEERING)
    assert [name for name in STEERING if not is_dangerous(name)] == []


@pytest.mark.parametrize(
    ("preludes", "observed"),
    [
        (
            (ALLOWS_ALL, TAKES_ANY_NAME, EXPANDS),
            {
                STEER: ["load LD_PRELOAD: accepted"],
                NONE: ["read 'A=B': accepted"],
                VALUES: ["BRACES did not arrive as it is"],
            },
        ),
        (
            (FORGETS_ONE, RUNS, LOOPS),
            {
                STEER: ["load BASH_ENV: accepted"],
                VALUES: ["a loop of one: RecursionError", "a program was started", "a command in a value was run"],
            },
        ),
        (
            (ALLOWS_ALL_FOR_ONE, EXPANDS_FROM_THE_PROCESS),
            {STEER: ["where another is allowed: accepted"], VALUES: ["a name of the process environment"]},
        ),
    ],
    ids=["allows, takes, expands", "forgets, runs, loops", "allows all for one, looks outside"],
)
def test_a_loader_that_can_be_steered_fails(run_weakened, failures, preludes, observed):
    result = run_weakened("PEN-008", *preludes)
    assert (result.check, result.status, result.severity) == ("PEN-008", Status.FAIL, Severity.HIGH)
    said = failures(result)
    assert [text for resource, texts in observed.items() for text in texts if text not in said[resource].observed] == []

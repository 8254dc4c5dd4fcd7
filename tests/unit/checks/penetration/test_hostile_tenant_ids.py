"""PEN-002, on stores that take any id or follow links."""

from __future__ import annotations

import pytest

from sealproof.checks.attacks.strange_names import IDS
from sealproof.findings import Severity, Status

HOSTILE, LINKS = f"{len(IDS)} hostile ids", "links in the place of tenants"

TAKES_ANY_ID = "from sealproof.envelope import grammar\ngrammar.is_tenant = lambda text: True\n"
TAKES_ANY_ENVIRONMENT = "from sealproof.envelope import grammar\ngrammar.is_environment = lambda text: True\n"
FOLDS_IDS = """
from sealproof.envelope import grammar
is_tenant = grammar.is_tenant
grammar.is_tenant = lambda text: is_tenant(text.strip().lower())
"""
LOOKS_BEFORE_IT_CHECKS = """
import os
import sealproof.loader.tenant as tenant
check = tenant.check_tenant
def curious(text):
    if text and "\\0" not in text and text.isascii():
        try:
            os.listdir(os.path.join("secrets", "tenants", text))
        except OSError:
            pass
    return check(text)
tenant.check_tenant = curious
"""
FOLLOWS_LINKS = """
import os
import sealproof.loader.files as files
files._DIRECTORY &= ~os.O_NOFOLLOW
files._READ &= ~os.O_NOFOLLOW
"""
TAKES_HARD_LINKS = """
import os
import sealproof.loader.files as files
check = files._check_status
def lenient(path, status, *, private):
    fields = list(status)
    fields[3] = 1
    check(path, os.stat_result(fields), private=private)
files._check_status = lenient
"""


def test_no_hostile_id_escapes(store, run_check):
    result = run_check(store, "PEN-002")
    assert result.status is Status.PASS
    assert {finding.resource for finding in result.findings} == {HOSTILE, LINKS}


def test_the_ids_are_many_and_each_is_there_once():
    assert len(set(IDS)) == len(IDS) >= 60


@pytest.mark.parametrize(
    ("preludes", "observed"),
    [
        (
            (TAKES_ANY_ID, FOLLOWS_LINKS),
            {
                HOSTILE: "a path was opened",
                LINKS: "to-outside: a link would be followed",
            },
        ),
        ((FOLDS_IDS, TAKES_HARD_LINKS), {HOSTILE: "load 'scratch-a\\n'", LINKS: "load hard-linked-file"}),
        ((TAKES_ANY_ENVIRONMENT,), {HOSTILE: "seal for the environment"}),
        ((LOOKS_BEFORE_IT_CHECKS,), {HOSTILE: "a path was opened"}),
    ],
    ids=["any id, links", "folded ids, hard links", "any environment", "looks first"],
)
def test_a_store_that_is_led_astray_fails(run_weakened, failures, preludes, observed):
    result = run_weakened("PEN-002", *preludes)
    assert (result.check, result.status, result.severity) == ("PEN-002", Status.FAIL, Severity.CRITICAL)
    said = failures(result)
    assert {resource: text for resource, text in observed.items() if text not in said[resource].observed} == {}

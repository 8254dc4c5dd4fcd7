"""Checks are found by listing the suites; each is declared, stands in its suite, and is claimed once."""

from __future__ import annotations

import pytest

from sealproof.checks.registry import SUITES, registered
from sealproof.compliance import catalogue

PROMISED = """
    SEC-001 SEC-002 SEC-003 SEC-004 SEC-005 SEC-006 SEC-007 SEC-008 SEC-009 SEC-010 SEC-012 SEC-014 SEC-018 SEC-019
    SEC-020 CMP-006 ROT-001 ROT-002 PEN-001 PEN-002 PEN-003 PEN-004 PEN-005 PEN-008 LOD-001 LOD-002
""".split()


@pytest.mark.parametrize("check_id", PROMISED)
def test_a_promised_check_runs(check_id):
    assert check_id in registered()


def test_every_function_runs_a_declared_check_of_its_own_suite():
    declared = catalogue.load().checks
    for check_id, function in registered().items():
        suite = function.__module__.split(".")[2]
        assert suite in SUITES
        assert declared[check_id].suite == suite
        assert (function.__globals__["__doc__"] or "").startswith(f"{check_id}: ")

"""`ContinuousValidation`: the gate as a call, and what a write breaks."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from sealproof import AdvancedSecretManager, ContinuousValidation
from sealproof.checks import gate as gates
from sealproof.checks.runner import Selection
from sealproof.errors import UnknownTenant
from sealproof.reports import results
from sealproof.vault.custodian import Custodian
from sealproof.vault.observer import RotationStep

WEAK = "aaaaaaaaaaaaaaaaaaaaaaaa"
STRONG = "Vq2xN8mLr5TzKc7WbYp4HdGf9JsEa3Uo"


def write(store, watch, *pairs):
    async def run():
        async with AdvancedSecretManager("aurora", root=store, observers=(watch,)) as manager:
            for name, value in pairs:
                await manager.set_secret(name, value, purpose="tests")
                assert await asyncio.to_thread(watch.wait, 30)

    asyncio.run(run())


def test_a_scan_is_the_gate_as_a_call(store):
    document = asyncio.run(ContinuousValidation(store, suites=("rotation",)).run_security_scan())
    run = gates.run_gate(gates.Gate(root=str(store), selection=Selection(suites=("rotation",))))
    same = json.loads(results.encode(run))
    assert document["verdict"] == same["verdict"]
    assert [(item["check"], item["scope"], item["status"]) for item in document["results"]] == [
        (item["check"], item["scope"], item["status"]) for item in same["results"]
    ]


def test_a_scan_of_nobody_is_an_error(store):
    with pytest.raises(UnknownTenant):
        asyncio.run(ContinuousValidation(store, tenants=("nobody",)).run_security_scan())


def test_a_write_that_breaks_a_rule_is_reported_at_the_write(store):
    seen = []
    with ContinuousValidation(store).watch(seen.append, settle=0.05) as watch:
        write(store, watch, ("API_TOKEN", STRONG), ("DB_PASSWORD", WEAK))
    (violation,) = seen
    assert (violation.check, violation.finding.resource) == ("SEC-018", "aurora/development/DB_PASSWORD")
    assert violation.request
    assert WEAK not in str(violation)
    assert watch.violations == seen


def test_a_name_with_personal_data_is_reported(store):
    with ContinuousValidation(store).watch(lambda _: None, settle=0.05) as watch:
        write(store, watch, ("JANE_DOE_AT_EXAMPLE_COM_TOKEN", STRONG))
    assert [violation.check for violation in watch.violations] == ["CMP-009"]


def test_what_was_wrong_before_is_not_laid_at_the_next_writes_door(store):
    with ContinuousValidation(store).watch(lambda _: None, settle=0.05) as watch:
        write(store, watch, ("DB_PASSWORD", WEAK), ("API_TOKEN", STRONG))
    assert len(watch.violations) == 1


def test_an_equal_value_in_the_same_tenant_is_reported(store):
    with ContinuousValidation(store).watch(lambda _: None, settle=0.05) as watch:
        write(store, watch, ("API_TOKEN", STRONG), ("DB_PASSWORD", STRONG))
    assert [violation.check for violation in watch.violations[:1]] == ["SEC-018"]


def test_without_a_report_a_warning_is_logged(store, caplog):
    with caplog.at_level(logging.WARNING, "sealproof.compliance"), ContinuousValidation(store).watch(settle=0) as watch:
        write(store, watch, ("DB_PASSWORD", WEAK))
    assert "a write broke a rule: SEC-018[aurora] aurora/development/DB_PASSWORD" in caplog.text
    assert WEAK not in caplog.text


def test_a_rotations_new_value_is_looked_at_once_it_is_current(store):
    Custodian(str(store)).seal("aurora", "development", {"DB_PASSWORD": WEAK.encode()})
    with ContinuousValidation(store).watch(lambda _: None, settle=0) as watch:
        step = RotationStep(0.0, "r-1", "aurora", "development", "DB_PASSWORD", "created", "immediate")
        watch.rotated(step)
        assert watch.wait(30)
        assert watch.violations == []
        watch.rotated(step._replace(step="current"))
        assert watch.wait(30)
    assert [violation.request for violation in watch.violations] == ["r-1"]

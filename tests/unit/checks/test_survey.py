"""Equal values are found over all tenants by digests that mean nothing outside the run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from sealproof.checks.survey import digests_of, survey
from sealproof.checks.target import Target, TargetSpec
from sealproof.findings import Scope
from sealproof.vault.custodian import Custodian

AURORA, BOREALIS = Scope("aurora", "development"), Scope("borealis", "development")


def learn(store):
    spec = TargetSpec(str(store))
    with ThreadPoolExecutor(2) as executor:
        return survey(spec, Target(spec).scopes, executor).shared


def test_a_healthy_store_has_no_collision(store):
    assert learn(store) == {}


def test_a_value_in_two_tenants_is_named_from_both_sides(store):
    for tenant, name in (("aurora", "API_TOKEN"), ("borealis", "DB_PASSWORD")):
        Custodian(str(store)).seal(tenant, "development", {name: b"one-and-the-same-long-value"})
    assert learn(store) == {
        ("aurora", "API_TOKEN"): (("borealis", "DB_PASSWORD"),),
        ("borealis", "DB_PASSWORD"): (("aurora", "API_TOKEN"),),
    }


def test_configuration_may_be_equal(store):
    for tenant in ("aurora", "borealis"):
        Custodian(str(store)).seal(tenant, "development", {"LOG_LEVEL": b"WARNING"})
    assert learn(store) == {}


def test_digests_of_two_runs_have_nothing_in_common(store):
    spec = TargetSpec(str(store))
    first, second = ({digest for digest, _ in digests_of(spec, AURORA, bytes([run]) * 32)} for run in (1, 2))
    assert first
    assert not first & second


def test_a_file_that_does_not_open_yields_no_digest(store):
    (store / "tenants/aurora/.env.enc").write_bytes(b"damaged\n")
    assert digests_of(TargetSpec(str(store)), AURORA, bytes(32)) == []

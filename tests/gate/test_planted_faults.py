"""Each planted fault makes the gate fail with its check's own id, and the fix it prints works when typed."""

from __future__ import annotations

import base64
import re
import time

import pytest

from sealproof.vault.custodian import Custodian

HARBOR = "secrets/tenants/harbor/.env.enc"
DAY = 86_400


def world_readable_key(project):
    (project / "secrets/keys/master.key").chmod(0o644)


def plain_twin(project):
    (project / "secrets/tenants/harbor/.env").write_text("REDIS_PASSWORD=left-behind-by-accident\n")


def stale_copy_of_a_live_value(project):
    (project / "secrets/tenants/harbor/.env.bak").write_text("REDIS_PASSWORD=stale\n")


def live_values_elsewhere_in_the_store(project):
    (project / "secrets/tenants/harbor/old").mkdir()
    project.type("sealproof open harbor > secrets/.env")
    project.type("sealproof open harbor | grep REDIS_PASSWORD > secrets/tenants/harbor/old/.env")


def key_file_in_repository(project):
    project.type("sealproof key export harbor --output deploy.txt && git add --force deploy.txt")


def value_pasted_into_source(project):
    value = project.type("sealproof get harbor JWT_SECRET_KEY").strip()
    (project / "app.py").write_text(f"signer = Signer({value!r})\n")


def value_pasted_as_base64(project):
    value = project.type("sealproof get harbor JWT_SECRET_KEY").strip()
    (project / "values.yaml").write_text(f"jwt: {base64.b64encode(value.encode()).decode()}\n")


def live_values_in_an_ignored_file(project):
    project.type("sealproof open northwind > .env")


def backup_in_the_repository(project):
    project.type("tar czf backup.tgz secrets && git add --force backup.tgz")


def placeholder(project):
    project.type("sealproof set harbor JWT_SECRET_KEY", stdin="changeme-changeme-changeme")


def weak_value(project):
    project.type("sealproof set harbor REDIS_PASSWORD", stdin="aaaaaaaaaaaaaaaaaaaaaaaa")


def value_shared_by_two_tenants(project):
    value = project.type("sealproof get bluefin REDIS_PASSWORD")
    project.type("sealproof set harbor REDIS_PASSWORD", stdin=value)


def flipped_byte(project):
    data = bytearray((project / HARBOR).read_bytes())
    position = data.index(b'"sealed":"') + 40
    data[position] = ord("A") if data[position] != ord("A") else ord("B")
    (project / HARBOR).write_bytes(data)


def exchanged_files(project):
    other = project / "secrets/tenants/bluefin/.env.enc"
    ours = (project / HARBOR).read_bytes()
    (project / HARBOR).write_bytes(other.read_bytes())
    other.write_bytes(ours)


def iterations_below_the_floor(project):
    path = project / "secrets/keys/tenant_keys/harbor.key"
    path.write_text(re.sub(r'"iterations":\d+', '"iterations":1000', path.read_text()))


def secret_past_its_age(project):
    old = Custodian(str(project / "secrets"), clock=lambda: time.time() - 100 * DAY)
    old.seal("harbor", "development", {"JWT_SECRET_KEY": b"Vq2xN8mLr5TzKc7WbYp4HdGf9JsEa3Uo"})


def missing_manifest_entry(project):
    path = project / "secrets/tenants/harbor/manifest.toml"
    path.write_text(re.sub(r"\[JWT_SECRET_KEY\]\n(?:[^\[]*\n)?\n", "", path.read_text()))


FAULTS = {
    world_readable_key: "SEC-006",
    plain_twin: "SEC-001",
    stale_copy_of_a_live_value: "SEC-001",
    live_values_elsewhere_in_the_store: "SEC-001",
    key_file_in_repository: "SEC-012",
    value_pasted_into_source: "SEC-012",
    value_pasted_as_base64: "SEC-012",
    live_values_in_an_ignored_file: "SEC-012",
    backup_in_the_repository: "SEC-012",
    placeholder: "SEC-018",
    weak_value: "SEC-018",
    value_shared_by_two_tenants: "SEC-018",
    flipped_byte: "SEC-003",
    exchanged_files: "SEC-004",
    iterations_below_the_floor: "SEC-010",
    secret_past_its_age: "ROT-001",
    missing_manifest_entry: "CMP-006",
}
EVERY_CHECK = tuple(sorted(set(FAULTS.values())))


def test_the_healthy_demo_store_passes(project):
    assert project.check(*EVERY_CHECK, expected=0) == []


def test_a_store_with_rotation_targets_passes(project):
    (project / "secrets/tenants/harbor/rotation.toml").write_text(
        '[development.REDIS_PASSWORD]\ntarget="manual"\nwhere="the console of the cache"\n'
    )
    project.type("git add --all && git commit --quiet --message targets")
    assert project.check(*EVERY_CHECK, expected=0) == []


def test_a_secret_that_was_removed_leaves_nothing_to_be_found(project):
    project.type("sealproof remove harbor GRAFANA_API_TOKEN")
    assert project.check("CMP-006", expected=0) == []


def test_a_stale_copy_is_never_sealed_over_the_live_value(project):
    before = project.type("sealproof get harbor REDIS_PASSWORD")
    stale_copy_of_a_live_value(project)
    (finding,) = project.check("SEC-001", expected=1)
    project.type(finding["fix"])
    assert project.type("sealproof get harbor REDIS_PASSWORD") == before


@pytest.mark.parametrize(("plant", "check"), FAULTS.items(), ids=lambda value: getattr(value, "__name__", value))
def test_a_planted_fault_is_caught_and_its_fix_works_when_typed(project, plant, check):
    plant(project)
    found = project.check(check, expected=1)
    assert {finding["check"] for finding in found} == {check}
    for fix in dict.fromkeys(finding["fix"] for finding in found):
        project.type(fix)
    assert project.check(check, expected=0) == []


def test_a_finding_never_quotes_the_value(project):
    value = project.type("sealproof get harbor JWT_SECRET_KEY").strip()
    value_pasted_into_source(project)
    assert value not in project.type("sealproof check --check SEC-012", expected=1)
    assert value not in project.type("sealproof check --check SEC-012 --json", expected=1)

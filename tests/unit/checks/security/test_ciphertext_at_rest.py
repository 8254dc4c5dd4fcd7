"""SEC-001: what is plain text in a store, what is none, and what is to be typed against it."""

from __future__ import annotations

import pytest

from sealproof.checks.target import Target, TargetSpec
from sealproof.checks.tenant import TenantView
from sealproof.envelope import cipher
from sealproof.findings import Scope, Status
from sealproof.vault.backup.create import create
from sealproof.vault.backup.header import Recipients
from sealproof.vault.backup.shelf import IN_PLACE
from sealproof.vault.custodian import Custodian


@pytest.fixture
def backup(store):
    directory = store / "tenants" / "aurora"
    recipients = Recipients((cipher.reader_public(bytes(range(32))),))
    create(Custodian(str(store)), "aurora", recipients, directory=str(directory), name=IN_PLACE)
    return directory / IN_PLACE


def test_an_encrypted_container_is_no_plain_twin(store, backup, run_check):
    assert run_check(store, "SEC-001", "aurora").status is Status.PASS
    # Whatever assignments a cipher's bytes happen to spell: they are no text.
    backup.write_bytes(backup.read_bytes() + b"\xff\nPASSWORD=x\n")
    assert run_check(store, "SEC-001", "aurora").status is Status.PASS


@pytest.mark.parametrize("front", ["none", "a container's", "a container's, cut"])
def test_a_plain_backup_is_found_whatever_stands_before_it(store, backup, run_check, failure, front):
    data = backup.read_bytes()
    whole = data[: data.index(b"\n", data.index(b'{"mac"')) + 1]
    start = {"none": b"", "a container's": whole, "a container's, cut": whole[:80] + b"\n"}[front]
    backup.write_bytes(start + b"DB_PASSWORD=fjord-anvil-9037-mosaic\nTOKEN=a81f0c4472de4b3c\n")
    finding = failure(run_check(store, "SEC-001", "aurora"))
    assert finding.resource == "tenants/aurora/.env.bak"


ROTATION = '[development.DB_PASSWORD]\ntarget = "manual"\nwhere = "the console of the database"\n'


def live(store, name="DB_PASSWORD"):
    view = TenantView(Target(TargetSpec(root=str(store))), Scope("aurora", "development"))
    return view.values[name].decode()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rotation.toml", ROTATION),
        ("rotation.toml", ROTATION.replace(" = ", "=")),
        ("schedule.json", '{"format":"sealproof-schedule/1"}\n'),
        (".env.example", "DB_PASSWORD=fill-me-in\n"),
    ],
)
def test_what_the_store_itself_lays_beside_the_sealed_file_is_no_plain_twin(store, run_check, name, text):
    (store / "tenants" / "aurora" / name).write_text(text)
    assert run_check(store, "SEC-001", "aurora").status is Status.PASS


@pytest.mark.parametrize("name", ["rotation.toml", "manifest.toml", ".env.example", "notes.md", "dump.json"])
def test_a_live_value_is_found_in_any_file_of_the_tenant(store, run_check, failure, name):
    path = store / "tenants" / "aurora" / name
    before = path.read_text() if path.exists() else ""
    path.write_text(f'{before}\n# it was "{live(store)}"\n')
    finding = failure(run_check(store, "SEC-001", "aurora"))
    assert finding.resource == f"tenants/aurora/{name}"
    assert finding.observed == "a plain file holds the live value of DB_PASSWORD"
    assert live(store) not in str(finding)


def test_a_token_in_rotation_toml_is_found_in_the_tree(store, run_check, failures):
    path = store / "tenants" / "aurora" / "rotation.toml"
    path.write_text(ROTATION + f'note = "glpat-{"7QwZk2nV"}{"xT9mBs4LrYd3"}"\n')
    found = failures(run_check(store, "SEC-012"))
    assert [where for where in found if where.startswith("secrets/tenants/aurora/rotation.toml")]


@pytest.mark.parametrize("name", [".env", ".env.bak", ".env.local", ".env.old", "old/.env", "old/deep/values.txt"])
def test_a_twin_is_to_be_deleted_never_sealed_over_the_values_in_use(store, run_check, failure, name):
    path = store / "tenants" / "aurora" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("DB_PASSWORD=stale\n")
    finding = failure(run_check(store, "SEC-001", "aurora"))
    assert finding.fix == f"shred -u {path}"
    assert "renewed" in finding.expected


def test_a_copy_of_live_values_is_to_be_deleted_and_they_renewed(store, run_check, failure):
    path = store / "tenants" / "aurora" / ".env.staging"  # even where this environment has no sealed file
    path.write_text(f"DB_PASSWORD={live(store)}\nOTHER=1\n")
    fix = failure(run_check(store, "SEC-001", "aurora")).fix
    assert fix.startswith(f"shred -u {path} && sealproof set aurora DB_PASSWORD --environment development --generate")


@pytest.mark.parametrize("environment", ["production", "qa-2"])
def test_a_plain_file_without_a_sealed_one_is_to_be_sealed_for_its_own_environment(
    store, run_check, failure, environment
):
    path = store / "tenants" / "aurora" / f".env.{environment}"
    path.write_text("DB_PASSWORD=not-anywhere-else\n")
    fix = failure(run_check(store, "SEC-001", "aurora")).fix
    assert fix.startswith(f"sealproof seal aurora {path} --environment {environment} --remove")


@pytest.mark.parametrize("name", [".env", "old/.env", "prod.env", "values", "keys/.env", "reports/.env.bak"])
def test_a_plain_file_beside_the_tenants_is_found_once(store, run_check, failure, name):
    path = store / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("# of production\nexport DB_PASSWORD=stale\n")
    assert failure(run_check(store, "SEC-001", "aurora")).resource == name
    assert run_check(store, "SEC-001", "borealis").status is Status.PASS


def test_programs_and_notes_beside_the_tenants_are_left_alone(store, run_check):
    (store / "deploy.sh").write_text("#!/bin/sh\nTENANT=aurora\nexec sealproof run --tenant $TENANT -- ./app\n")
    (store / "README.md").write_text("Start it so:\n\n    TENANT=aurora make start\n")
    assert run_check(store, "SEC-001", "aurora").status is Status.PASS


def test_a_plain_file_is_found_where_the_sealed_one_is_missing(store, run_check, failures):
    (store / "tenants" / "aurora" / ".env.enc").rename(store / "tenants" / "aurora" / ".env")
    (store / "tenants" / "aurora" / ".env").write_text("DB_PASSWORD=the-only-copy\n")
    (fix,) = [finding.fix for finding in failures(run_check(store, "SEC-001", "aurora")).values()]
    assert "--environment development --remove" in fix

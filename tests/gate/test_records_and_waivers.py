"""Records and waivers as a team types them: name people, accept a finding for a time, approve a change."""

from __future__ import annotations

import datetime as dt
import json
import time

import pytest

from sealproof.vault.custodian import Custodian

DAY = 86_400
TODAY = dt.datetime.now(dt.UTC).date()
WAIVER = f"""\
# accepted until the partner can change it

[W-2027-001]
check = "ROT-001"
tenant = "harbor"
environment = "development"
resource = "harbor/development/JWT_SECRET_KEY"
reason = "the partner changes it next week"
owner = "alex.kim"
approver = "kim.berg"
created = {TODAY}
expires = {TODAY + dt.timedelta(days=20)}
reference = "CHG-7"
"""


@pytest.fixture
def team(project):
    """Alex, who owns things, and Kim, who approves."""
    for name, duty in (("alex.kim", ""), ("kim.berg", "--duty approver --duty reviewer")):
        project.type(f"sealproof record key {name}.key")
        project.type(f"sealproof record person {name} --public {name}.key.pub {duty}")
    return project


def old_secret(project):
    old = Custodian(str(project / "secrets"), clock=lambda: time.time() - 100 * DAY)
    old.seal("harbor", "development", {"JWT_SECRET_KEY": b"Vq2xN8mLr5TzKc7WbYp4HdGf9JsEa3Uo"})


def test_a_finding_is_accepted_for_a_time(team):
    old_secret(team)
    team.type("sealproof check --check ROT-001", expected=1)
    (team / "secrets/waivers.toml").write_text(WAIVER)
    team.type("sealproof check --check ROT-001 --check CMP-016", expected=1)
    assert "kim.berg has not signed it" in team.type("sealproof waiver list")
    team.type("sealproof waiver sign W-2027-001 --key kim.berg.key")
    assert "applies" in team.type("sealproof waiver list")
    answer = json.loads(team.type("sealproof check --check ROT-001 --check CMP-016 --json"))
    assert answer["run"]["waivers"][0]["covers"] == 1
    assert answer["verdict"]["counts"]["waived"] == 1
    team.type("sealproof set harbor JWT_SECRET_KEY --generate")
    (finding,) = team.check("CMP-016", expected=1)
    assert finding["observed"].startswith("unused")


def test_only_the_named_approver_signs(team):
    (team / "secrets/waivers.toml").write_text(WAIVER)
    before = (team / "secrets/waivers.toml").read_bytes()
    team.type("sealproof waiver sign W-2027-001 --key alex.kim.key", expected=7)
    team.type("sealproof waiver sign W-1 --key kim.berg.key", expected=4)
    team.type("sealproof waiver sign W-2027-001", expected=4)
    assert (team / "secrets/waivers.toml").read_bytes() == before


def test_a_bad_waiver_file_stops_the_gate(team):
    (team / "secrets/waivers.toml").write_text(WAIVER.replace('"ROT-001"', '"SEC-003"'))
    team.type("sealproof check --check ROT-001", expected=4)


def test_pytest_waives_too(team):
    old_secret(team)
    (team / "waived.toml").write_text(WAIVER)
    team.type("sealproof waiver sign W-2027-001 --key kim.berg.key --waivers waived.toml")
    gate = "python -m pytest -q -p no:cacheprovider --secrets-compliance -k 'ROT-001 and harbor'"
    team.type(gate, expected=1)
    assert "gate met: 1 waived" in team.type(f"{gate} --secrets-waivers waived.toml")


def test_records_are_listed_and_a_forged_one_is_named(team):
    listed = team.type("sealproof record list")
    assert "kim.berg" in listed
    path = team / "secrets/records/person" / "2027-01-01-0000000000000000.json"
    path.write_text("{}")
    answer = json.loads(team.type("sealproof record list --json", expected=1))
    assert [item["path"] for item in answer["refused"]] == ["records/person/2027-01-01-0000000000000000.json"]


def test_an_approval_is_signed_by_an_approver_only(team):
    words = "sealproof record approval sealproof.toml --author alex.kim --reference CHG-8"
    team.type(f"{words} --by alex.kim --key alex.kim.key", expected=7)
    team.type(f"{words} --by kim.berg --key alex.kim.key", expected=7)
    team.type(f"{words} --by kim.berg --key kim.berg.key")
    team.type("sealproof record approval nothing.toml --author a --reference b --by c --key kim.berg.key", expected=4)

"""A tenant's manifest is kept in step with its sealed files, and never at the price of what a person wrote."""

from __future__ import annotations

import os
import pwd

import pytest

from sealproof.errors import ConfigurationError, LimitExceeded, MalformedFile
from sealproof.vault import inventory
from sealproof.vault.inventory import describe_missing, described, prune_orphans, secret_names, this_user

ASKED = {"owner": "platform", "purpose": "orders", "rotation_days": 90}


@pytest.fixture
def manifest(root):
    return root / "tenants/acme/manifest.toml"


def test_names_come_from_every_environment_without_a_key(keeper, root):
    keeper.seal("acme", "production", {"ONLY_LIVE": b"1"})
    keeper.edit(keeper.open("acme", "production"), changes={"DB_PASSWORD.pending": b"2"}, removals=())
    (root / "keys").rename(root.parent / "kept")
    assert secret_names(keeper.store, "acme") == ["DB_PASSWORD", "LOG_LEVEL", "ONLY_LIVE"]
    assert secret_names(keeper.store, "nobody") == []


def test_what_is_missing_is_described_once(keeper, manifest):
    names = ("DB_PASSWORD", "LOG_LEVEL", "DB_PASSWORD.pending")
    added = describe_missing(keeper.store, "acme", names, **ASKED)
    assert {name: kind.value for name, kind in added.items()} == {"DB_PASSWORD": "password", "LOG_LEVEL": "config"}
    before = manifest.read_bytes()
    assert describe_missing(keeper.store, "acme", names, **ASKED | {"owner": "another"}) == {}
    assert manifest.read_bytes() == before


def test_one_entry_is_returned_and_added_where_there_is_none(keeper, manifest):
    first = described(keeper.store, "acme", "DB_PASSWORD", **ASKED)
    assert (first.owner, first.kind.value) == ("platform", "password")
    before = manifest.read_bytes()
    assert described(keeper.store, "acme", "DB_PASSWORD", **ASKED | {"owner": "another"}) == first
    assert manifest.read_bytes() == before


def test_names_of_a_rotation_under_way_are_not_described(keeper, manifest):
    assert describe_missing(keeper.store, "acme", ("DB_PASSWORD.pending",), **ASKED) == {}
    assert not manifest.exists()


def test_without_a_manifest_there_is_no_orphan(keeper, manifest):
    assert prune_orphans(keeper.store, "acme") == []
    assert not manifest.exists()


def test_an_orphan_goes_and_the_rest_stays(keeper, manifest):
    describe_missing(keeper.store, "acme", ("DB_PASSWORD", "GONE", "LOG_LEVEL"), **ASKED)
    manifest.write_bytes(b"# by hand\n" + manifest.read_bytes())
    assert prune_orphans(keeper.store, "acme") == ["GONE"]
    assert manifest.read_bytes().startswith(b"# by hand\n")
    assert inventory.read(keeper.store, "acme")[1].keys() == {"DB_PASSWORD", "LOG_LEVEL"}
    assert prune_orphans(keeper.store, "acme") == []


@pytest.mark.parametrize(
    "text",
    [
        '["GONE"]\nowner = "by hand"\n',
        'GONE = { owner = "by hand" }\n',
        'GONE.owner = "by hand"\n',
        '[GONE]\nowner = "x"\npurpose = """\n[DB_PASSWORD]\n"""\n',
    ],
    ids=["quoted", "inline", "dotted", "a_text_that_looks_like_a_table"],
)
def test_what_cannot_be_dropped_exactly_is_left_to_a_person(text, keeper, manifest):
    manifest.write_text(text)
    with pytest.raises(ConfigurationError, match="not written table by table") as caught:
        prune_orphans(keeper.store, "acme")
    assert caught.value.names == ("GONE",)
    assert manifest.read_text() == text


def test_a_manifest_that_cannot_be_read_is_not_written(keeper, manifest):
    manifest.write_text("[DB_PASSWORD\n")
    for call in (prune_orphans, lambda store, tenant: describe_missing(store, tenant, ("A",), **ASKED)):
        with pytest.raises(ConfigurationError, match=r"tenants/acme/manifest\.toml is no TOML"):
            call(keeper.store, "acme")
    assert manifest.read_text() == "[DB_PASSWORD\n"


@pytest.mark.parametrize(("text", "error"), [(b"plain", MalformedFile), (bytes(17 * 2**20), LimitExceeded)])
def test_a_broken_file_prunes_nothing(text, error, keeper, root, manifest):
    describe_missing(keeper.store, "acme", ("DB_PASSWORD", "GONE"), **ASKED)
    before = manifest.read_bytes()
    (root / "tenants/acme/.env.enc").write_bytes(text)
    with pytest.raises(error, match=r"\.env\.enc"):
        prune_orphans(keeper.store, "acme")
    assert manifest.read_bytes() == before


def test_whoever_runs_this_is_the_owner(monkeypatch):
    assert this_user() == pwd.getpwuid(os.geteuid()).pw_name

    def unknown(_: int) -> None:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert this_user() == f"uid-{os.geteuid()}"

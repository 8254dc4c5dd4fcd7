"""The one path to a tenant's file: links, odd files, modes, and the anchors against an older file."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from time import monotonic

import pytest

from sealproof.errors import (
    CallerError,
    ConfigurationError,
    InvalidName,
    MalformedFile,
    StaleFile,
    UnknownTenant,
    UnsafeFile,
)
from sealproof.loader.environment import load_environment_secrets
from sealproof.loader.files import open_root
from sealproof.loader.tenant import Place, file_name, find_sealed, open_tenant, read_beside, read_sealed
from sealproof.vault.custodian import DAY, Custodian


def load(root, **options):
    return load_environment_secrets("acme", root=root, override=True, **options)


# --- place


def test_defaults(monkeypatch):
    place = Place("acme")
    assert (place.tenant, place.environment, place.root) == ("acme", "development", "secrets")
    monkeypatch.setenv("SEALPROOF_TENANT", "globex")
    monkeypatch.setenv("SEALPROOF_ENVIRONMENT", "production")
    monkeypatch.setenv("SEALPROOF_ROOT", "/srv/secrets")
    place = Place()
    assert (place.tenant, place.environment, place.root) == ("globex", "production", "/srv/secrets")


def test_empty_variables_count_as_unset(monkeypatch):
    monkeypatch.setenv("SEALPROOF_ENVIRONMENT", "")
    monkeypatch.setenv("SEALPROOF_ROOT", "")
    place = Place("acme")
    assert (place.environment, place.root) == ("development", "secrets")


@pytest.mark.parametrize("tenant", ["", "..", "A", "a/b", "a.b", "a\n", "-a", "_a"])
def test_names_outside_the_grammar(tenant, monkeypatch):
    with pytest.raises(InvalidName):
        Place(tenant)
    if "\0" not in tenant:
        monkeypatch.setenv("SEALPROOF_TENANT", tenant)
        with pytest.raises(InvalidName):
            Place()


def test_file_names():
    assert file_name("development") == ".env.enc"
    assert file_name("production") == ".env.production.enc"


# --- finding


def test_unknown_tenant_has_a_hint_that_makes_it(host):
    with open_root(str(host)) as root:
        assert find_sealed(root, "nobody", "development") is None
        with pytest.raises(UnknownTenant) as refused:
            read_sealed(root, "nobody", "staging")
    assert refused.value.hint == "sealproof seal nobody --environment staging FILE"


def test_a_store_without_tenants(tmp_path):
    with open_root(str(tmp_path)) as root:
        assert find_sealed(root, "acme", "development") is None
        assert read_beside(root, "acme", "manifest.toml", limit=10) is None


def test_neither_store_nor_source():
    with pytest.raises(CallerError, match="neither a store nor a source"):
        open_tenant(Place("acme"), None)


@pytest.mark.parametrize("what", ["tenants", "tenants/acme", "tenants/acme/.env.enc"])
def test_a_link_on_the_way_is_refused(what, host):
    path = host / what
    path.rename(path.with_name("moved"))
    path.symlink_to("moved")
    with pytest.raises(UnsafeFile, match="symbolic link"):
        load(host)


def test_the_root_itself_may_be_a_link(host, tmp_path):
    (tmp_path / "current").symlink_to(host)
    assert load(tmp_path / "current").generation == 1


@pytest.mark.parametrize("kind", ["fifo", "socket", "directory", "hard link"])
def test_an_odd_sealed_file_is_refused_within_a_second(kind, sealed, host, monkeypatch):
    if kind == "hard link":
        os.link(sealed, sealed.with_name("second"))
    else:
        sealed.unlink()
        monkeypatch.chdir(sealed.parent)
        if kind == "fifo":
            os.mkfifo(sealed)
        elif kind == "socket":
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(sealed.name)
        else:
            sealed.mkdir()
    started = monotonic()
    with pytest.raises(UnsafeFile):
        load(host)
    assert monotonic() - started < 1


def test_a_sealed_file_that_others_may_read_opens_and_one_they_may_write_does_not(sealed, host):
    for mode in (0o600, 0o640, 0o644, 0o444):
        sealed.chmod(mode)
        assert load(host).generation == 1
    for mode in (0o664, 0o646, 0o666, 0o777):
        sealed.chmod(mode)
        with pytest.raises(UnsafeFile, match="others may write it"):
            load(host)


# --- freshness


@pytest.fixture
def old(store) -> bytes:
    """Return generation 1's bytes; the store holds generation 2."""
    path = store / "tenants" / "acme" / ".env.enc"
    before = path.read_bytes()
    Custodian(str(store)).seal("acme", "development", {"DB_PASSWORD": b"changed-value"})
    return before


@pytest.fixture
def state(tmp_path, monkeypatch):
    path = tmp_path / "state"
    path.mkdir(mode=0o700)
    monkeypatch.setenv("SEALPROOF_STATE", str(path))
    return path


def test_without_an_anchor_an_older_file_opens_and_the_result_says_so(store, old):
    assert load(store).rollback == "not protected"
    (store / "tenants" / "acme" / ".env.enc").write_bytes(old)
    assert load(store).rollback == "not protected"


def test_a_pinned_minimum_generation(store, old, monkeypatch):
    monkeypatch.setenv("SEALPROOF_MIN_GENERATION", "2")
    assert load(store).rollback == "protected: generation at least 2"
    (store / "tenants" / "acme" / ".env.enc").write_bytes(old)
    with pytest.raises(StaleFile, match="generation 1, the pinned minimum is 2"):
        load(store)


@pytest.mark.parametrize("text", ["0", "-1", "+1", "01", "1e3", "one", "1.0", " 1", str(2**53), "٣", str(2**64)])
def test_a_minimum_that_is_no_generation(text, host, monkeypatch):
    monkeypatch.setenv("SEALPROOF_MIN_GENERATION", text)
    with pytest.raises(ConfigurationError, match="SEALPROOF_MIN_GENERATION") as refused:
        load(host)
    assert refused.value.names == ("SEALPROOF_MIN_GENERATION",)


def test_a_mark_is_left_and_kept_in_step(store, state):
    assert load(store).rollback == "protected: high-water mark 1"
    (mark,) = os.listdir(state)
    assert mark == "acme.development.mark"
    assert (state / mark).stat().st_mode & 0o777 == 0o600
    Custodian(str(store)).seal("acme", "development", {"DB_PASSWORD": b"changed-value"})
    assert load(store).rollback == "protected: high-water mark 2"
    written = (state / mark).stat().st_mtime_ns
    load(store)
    assert (state / mark).stat().st_mtime_ns == written


def test_a_lower_generation_than_the_mark_is_refused(store, old, state):
    load(store)
    (store / "tenants" / "acme" / ".env.enc").write_bytes(old)
    before = (state / "acme.development.mark").read_bytes()
    with pytest.raises(StaleFile, match="generation 1, this host has seen 2"):
        load(store)
    assert (state / "acme.development.mark").read_bytes() == before


def test_another_file_of_the_same_generation_is_refused(store, old, state):
    path = store / "tenants" / "acme" / ".env.enc"
    load(store)
    path.write_bytes(old)
    del os.environ["SEALPROOF_STATE"]
    Custodian(str(store)).seal("acme", "development", {"DB_PASSWORD": b"a fork of history"})
    os.environ["SEALPROOF_STATE"] = str(state)
    with pytest.raises(StaleFile, match="another generation 2"):
        load(store)


def test_marks_are_one_a_scope(store, state):
    for tenant, environment in (("acme", "development"), ("acme", "production"), ("globex", "development")):
        with open_root(str(store)) as root:
            open_tenant(Place(tenant, environment, str(store)), root)
    assert sorted(os.listdir(state)) == ["acme.development.mark", "acme.production.mark", "globex.development.mark"]


def test_a_file_that_does_not_open_leaves_no_mark(store, state):
    path = store / "tenants" / "acme" / ".env.enc"
    path.write_bytes((store / "tenants" / "globex" / ".env.enc").read_bytes())
    with pytest.raises(Exception, match="cannot open"):
        load(store)
    assert os.listdir(state) == []


@pytest.mark.parametrize("text", ["", "x\n", '{"format":"sealproof-mark/1"}\n'])
def test_an_unreadable_mark_never_counts_as_none(text, store, state):
    load(store)
    (state / "acme.development.mark").write_text(text)
    with pytest.raises(MalformedFile):
        load(store)


def test_another_scopes_mark_does_not_count(store, state):
    load(store)
    (state / "acme.development.mark").rename(state / "acme.production.mark")
    with pytest.raises(MalformedFile):
        load(store, environment="production")


def test_an_open_state_directory_is_refused(store, state):
    state.chmod(0o755)
    with pytest.raises(UnsafeFile):
        load(store)


def test_a_state_directory_that_is_not_there_is_no_store(store, monkeypatch, tmp_path):
    monkeypatch.setenv("SEALPROOF_STATE", str(tmp_path / "none"))
    with pytest.raises(ConfigurationError, match="SEALPROOF_STATE names") as refused:
        load(store)
    assert refused.value.hint == f"mkdir -m 700 {tmp_path / 'none'}"


def test_a_mark_that_a_killed_process_left_half_written_is_no_mark(store, state):
    (state / ".acme.development.mark.0123456789abcdef.sealproof-tmp").write_text("half")
    load(store)
    assert os.listdir(state) == ["acme.development.mark"]


def test_two_processes_agree_on_the_highest_mark(template, store, state, tmp_path):
    """One process opens generations 1, 2, 1, 2, …, the other 2 only: nobody ever sees 1 after 2."""
    path = store / "tenants" / "acme" / ".env.enc"
    older = tmp_path / "older"
    older.write_bytes(path.read_bytes())
    Custodian(str(store)).seal("acme", "development", {"DB_PASSWORD": b"changed-value"})
    newer = tmp_path / "newer"
    newer.write_bytes(path.read_bytes())
    script = (
        "import sys\n"
        "from sealproof import load_environment_secrets\n"
        "from sealproof.errors import StaleFile\n"
        "class Shelf:\n"
        "    def read(self, tenant, environment): return open(self.path, 'rb').read()\n"
        "shelf = Shelf()\n"
        "seen = []\n"
        "for path in sys.argv[2:] * 15:\n"
        "    shelf.path = path\n"
        "    try: seen.append(load_environment_secrets('acme', root=sys.argv[1], source=shelf).generation)\n"
        "    except StaleFile: pass\n"
        "print(*seen)\n"
    )
    environment = dict(os.environ, SEALPROOF_KEY_FILE=str(template / "hosts" / "acme.development.key"))
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path / "none"), *map(str, paths)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for paths in ((older, newer), (newer, newer))
    ]
    outputs = [process.communicate(timeout=60)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    for seen in outputs:
        assert seen == sorted(seen)
        assert seen[-1] == "2"
    assert b'"generation":2' in (state / "acme.development.mark").read_bytes()


# --- expiry


def sealed_at(store, when: float, days: int) -> None:
    Custodian(str(store), clock=lambda: when).seal("acme", "development", {"DB_PASSWORD": b"dated"}, expires_days=days)


def test_an_expiry_protects_until_it_is_over(store):
    sealed_at(store, time.time(), 1)
    assert load(store).rollback.startswith("protected until expiry at ")


def test_after_the_expiry_the_file_is_refused(store):
    sealed_at(store, time.time() - 2 * DAY, 1)
    with pytest.raises(StaleFile, match="expired") as refused:
        load(store)
    assert refused.value.hint.startswith("sealproof seal acme")


def test_a_clock_before_the_save_is_refused_where_there_is_an_expiry(store):
    sealed_at(store, time.time() + 100, 30)
    assert load(store).names
    sealed_at(store, time.time() + 1000, 30)
    with pytest.raises(StaleFile, match="ahead of this host's clock"):
        load(store)


def test_a_given_clock_counts_instead_of_the_hosts(store):
    sealed_at(store, time.time(), 1)
    with open_root(str(store)) as root:
        place = Place("acme", None, str(store))
        assert open_tenant(place, root, now=int(time.time()) + 100)
        with pytest.raises(StaleFile):
            open_tenant(place, root, now=int(time.time()) + 2 * DAY)


def test_renewing_passes_an_expiry_and_no_other_anchor(store, monkeypatch):
    sealed_at(store, time.time() - 2 * DAY, 1)
    place = Place("acme", None, str(store))
    with open_root(str(store)) as root:
        assert open_tenant(place, root, renewing=True).unlocked.values()["DB_PASSWORD"] == b"dated"
        monkeypatch.setenv("SEALPROOF_MIN_GENERATION", "3")
        with pytest.raises(StaleFile, match="pinned minimum"):
            open_tenant(place, root, renewing=True)

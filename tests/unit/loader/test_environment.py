"""`load_environment_secrets()`: all or nothing, and never another tenant's."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sealproof.errors import (
    AnotherTenantLoaded,
    CallerError,
    CannotOpen,
    ConfigurationError,
    DangerousName,
    ExpansionError,
    InvalidDotenv,
    InvalidName,
    KeyMissing,
    LimitExceeded,
    MalformedFile,
    MissingSecrets,
    SealproofError,
    StoreNotFound,
    UnknownTenant,
    UnsafeFile,
)
from sealproof.loader.environment import LoadedEnvironment, load_environment_secrets, put
from sealproof.loader.tenant import Place


def visible() -> dict[str, str]:
    """Return the environment without the names that say where the key is."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SEALPROOF_")}


def test_plain_load_sets_every_value_literally(host, values):
    loaded = load_environment_secrets("acme", root=host)
    assert {name: os.environ[name] for name in values} == values
    assert loaded.names == tuple(sorted(values))
    assert (loaded.tenant, loaded.environment, loaded.generation) == ("acme", "development", 1)
    assert loaded.skipped == ()
    assert loaded.rollback == "not protected"


def test_awaited_load_is_the_same(host, values):
    async def start() -> LoadedEnvironment:
        return await load_environment_secrets("acme", root=host)

    loaded = asyncio.run(start())
    assert isinstance(loaded, LoadedEnvironment)
    assert os.environ["DB_PASSWORD"] == values["DB_PASSWORD"]


def test_repr_and_str_hold_no_value(host, values):
    loaded = load_environment_secrets("acme", root=host)
    for view in (repr(loaded), str(loaded), f"{loaded}", repr([loaded])):
        assert not any(value in view for value in values.values() if value)
        assert "acme/development generation 1: 6 set, 0 skipped" in view


def test_tenant_environment_and_root_come_from_variables(host, host_key, monkeypatch):
    monkeypatch.delenv("SEALPROOF_KEY_FILE")
    host_key("acme/production")
    monkeypatch.setenv("SEALPROOF_TENANT", "acme")
    monkeypatch.setenv("SEALPROOF_ENVIRONMENT", "production")
    monkeypatch.setenv("SEALPROOF_ROOT", str(host))
    assert load_environment_secrets().environment == "production"
    assert os.environ["DB_PASSWORD"] == "production-heron-2281-slate"


def test_arguments_win_over_variables(host, monkeypatch):
    monkeypatch.setenv("SEALPROOF_TENANT", "globex")
    monkeypatch.setenv("SEALPROOF_ENVIRONMENT", "production")
    monkeypatch.setenv("SEALPROOF_ROOT", "/nowhere")
    loaded = load_environment_secrets("acme", environment="development", root=host)
    assert (loaded.tenant, loaded.environment) == ("acme", "development")


def test_the_default_root_is_secrets_in_the_working_directory(store, monkeypatch):
    monkeypatch.chdir(store.parent)
    assert load_environment_secrets("acme").generation == 1


def test_no_tenant_says_how_to_name_one(host):
    with pytest.raises(CallerError, match="no tenant was named") as refused:
        load_environment_secrets(root=host)
    assert "SEALPROOF_TENANT" in refused.value.hint


def test_a_name_that_is_set_already_stays_and_is_listed(host, monkeypatch):
    monkeypatch.setenv("DB_PASSWORD", "mine")
    monkeypatch.setenv("EMPTY", "mine too")
    loaded = load_environment_secrets("acme", root=host)
    assert os.environ["DB_PASSWORD"] == "mine"
    assert loaded.skipped == ("DB_PASSWORD", "EMPTY")
    assert "DB_PASSWORD" not in loaded.names


def test_override_replaces_it(host, monkeypatch, values):
    monkeypatch.setenv("DB_PASSWORD", "mine")
    loaded = load_environment_secrets("acme", root=host, override=True)
    assert os.environ["DB_PASSWORD"] == values["DB_PASSWORD"]
    assert loaded.skipped == ()


def test_a_second_load_of_the_same_tenant_skips_everything(host):
    load_environment_secrets("acme", root=host)
    again = load_environment_secrets("acme", root=host)
    assert again.names == ()
    assert len(again.skipped) == 6


def test_a_second_tenant_in_one_process_is_refused(host, host_key, monkeypatch):
    monkeypatch.delenv("SEALPROOF_KEY_FILE")
    host_key("acme/development", "globex/development")
    load_environment_secrets("acme", root=host)
    before = dict(os.environ)
    with pytest.raises(AnotherTenantLoaded, match=r"holds the secrets of acme/development"):
        load_environment_secrets("globex", root=host)
    assert dict(os.environ) == before
    with pytest.raises(AnotherTenantLoaded):
        load_environment_secrets("globex", root=host, override=True)
    assert "ONLY_GLOBEX" not in os.environ


def test_a_second_environment_of_the_same_tenant_is_refused(store):
    load_environment_secrets("acme", root=store)
    with pytest.raises(AnotherTenantLoaded, match=r"acme/production would mix"):
        load_environment_secrets("acme", environment="production", root=store)


def test_a_refused_load_does_not_claim_the_process(host, store, monkeypatch):
    with pytest.raises(UnknownTenant):
        load_environment_secrets("nobody", root=host)
    monkeypatch.delenv("SEALPROOF_KEY_FILE")
    assert load_environment_secrets("globex", root=store).tenant == "globex"


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[data.index(b'"sealed":"') + 20] ^= 1
    path.write_bytes(data)


BREAKING = {
    "flipped": _flip,
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "empty": lambda path: path.write_bytes(b""),
    "plain": lambda path: path.write_text("DB_PASSWORD=plain\n"),
    "large": lambda path: path.write_bytes(b"x" * (16 * 1024 * 1024 + 1)),
    "exchanged": lambda path: path.write_bytes((path.parents[1] / "globex" / ".env.enc").read_bytes()),
    "example": lambda path: (path.parent / ".env.example").write_text("NOT_THERE=\n"),
    "bad example": lambda path: (path.parent / ".env.example").write_text("no name here\n"),
    "no key": lambda _: os.environ.pop("SEALPROOF_KEY_FILE"),
    "key file gone": lambda _: os.environ.update(SEALPROOF_KEY_FILE="/nowhere/acme.key"),
    "anchor": lambda _: os.environ.update(SEALPROOF_MIN_GENERATION="one"),
}


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ("flipped", (CannotOpen, MalformedFile)),
        ("truncated", MalformedFile),
        ("empty", MalformedFile),
        ("plain", MalformedFile),
        ("large", LimitExceeded),
        ("exchanged", CannotOpen),
        ("example", MissingSecrets),
        ("bad example", InvalidDotenv),
        ("no key", KeyMissing),
        ("key file gone", KeyMissing),
        ("anchor", ConfigurationError),
    ],
)
def test_nothing_is_set_when(what, error, host, sealed):
    BREAKING[what](sealed)
    before = visible()
    with pytest.raises(error) as refused:
        load_environment_secrets("acme", root=host)
    assert visible() == before
    assert isinstance(refused.value, SealproofError)
    assert refused.value.hint


@pytest.mark.parametrize("tenant", ["nobody", "acme2", "a" * 63])
def test_unknown_tenant(tenant, host):
    with pytest.raises(UnknownTenant, match=tenant):
        load_environment_secrets(tenant, root=host)
    assert "DB_PASSWORD" not in os.environ


@pytest.mark.parametrize(
    "tenant", ["..", "../acme", "/etc", "acme/../globex", "Acme", "", "acme\n", "acme\0", "-acme", "ä"]
)
def test_a_tenant_outside_the_grammar_builds_no_path(tenant, host):
    with pytest.raises(InvalidName):
        load_environment_secrets(tenant, root=host)


@pytest.mark.parametrize("place", ["..", "../x", "Prod", "a_b", "prod\n", "x" * 33])
def test_an_environment_outside_the_grammar_builds_no_path(place, host):
    with pytest.raises(InvalidName):
        load_environment_secrets("acme", environment=place, root=host)


def test_no_store(tmp_path):
    with pytest.raises(StoreNotFound) as refused:
        load_environment_secrets("acme", root=tmp_path / "none")
    assert refused.value.hint == f"sealproof init --root {tmp_path / 'none'}"


def test_malformed_file_is_named_with_a_hint(host, sealed):
    sealed.write_bytes(sealed.read_bytes()[:-1])
    with pytest.raises(MalformedFile) as refused:
        load_environment_secrets("acme", root=host)
    assert refused.value.message.startswith(f"{sealed}: ")
    assert refused.value.hint


# --- required names


def test_example_beside_the_file_is_satisfied(host):
    (host / "tenants" / "acme" / ".env.example").write_text("# ours\nDB_PASSWORD=\nMASTER_SECRET_KEY=\nEMPTY=\n")
    assert "DB_PASSWORD" in load_environment_secrets("acme", root=host).names


def test_every_missing_name_is_listed_with_a_hint_for_this_environment(store):
    (store / "tenants" / "acme" / ".env.example").write_text("DB_PASSWORD=\nZED=\nALPHA=\n")
    with pytest.raises(MissingSecrets) as refused:
        load_environment_secrets("acme", environment="production", root=store)
    assert refused.value.names == ("ZED", "ALPHA")
    assert refused.value.hint == "sealproof set acme ZED --environment production"


def test_required_names_replace_the_example(host):
    (host / "tenants" / "acme" / ".env.example").write_text("NOT_THERE=\n")
    assert load_environment_secrets("acme", root=host, required=("DB_PASSWORD",)).generation == 1


def test_required_empty_requires_nothing(host):
    (host / "tenants" / "acme" / ".env.example").write_text("NOT_THERE=\n")
    assert load_environment_secrets("acme", root=host, required=()).generation == 1


def test_required_names_are_checked(host):
    with pytest.raises(MissingSecrets) as refused:
        load_environment_secrets("acme", root=host, required=iter(["DB_PASSWORD", "OTHER"]))
    assert refused.value.names == ("OTHER",)
    assert "DB_PASSWORD" not in os.environ


@pytest.mark.parametrize("wrong", ["1BAD", "", "A B", "a.pending", "SNÖ"])
def test_required_names_outside_the_grammar_are_refused(wrong, host):
    with pytest.raises(CallerError, match="outside the grammar"):
        load_environment_secrets("acme", root=host, required=[wrong])


@pytest.mark.parametrize("kind", [str, Path])
def test_required_names_from_a_file(kind, host, tmp_path):
    (tmp_path / "names.txt").write_text("DB_PASSWORD\nABSENT=\n")
    with pytest.raises(MissingSecrets, match="lacks ABSENT"):
        load_environment_secrets("acme", root=host, required=kind(tmp_path / "names.txt"))


@pytest.mark.parametrize("path", ["names.txt", "none/names.txt"])
def test_a_file_of_required_names_that_is_not_there_is_no_store(path, host, tmp_path):
    with pytest.raises(CallerError, match="there is no file of required names") as refused:
        load_environment_secrets("acme", root=host, required=str(tmp_path / path))
    assert "init" not in refused.value.hint


def test_an_example_that_others_may_write_is_refused(host):
    example = host / "tenants" / "acme" / ".env.example"
    example.write_text("DB_PASSWORD=\n")
    example.chmod(0o666)
    with pytest.raises(UnsafeFile):
        load_environment_secrets("acme", root=host)


# --- dangerous names


@pytest.fixture
def dangerous(custodian, store) -> Path:
    names = {"LD_PRELOAD": b"/tmp/x.so", "PYTHONPATH": b"/tmp", "HARMLESS": b"1"}
    custodian.seal("risky", "development", names, allow=["LD_PRELOAD", "PYTHONPATH"])
    return store


def test_dangerous_names_are_refused_and_named(dangerous):
    with pytest.raises(DangerousName) as refused:
        load_environment_secrets("risky", root=dangerous)
    assert set(refused.value.names) == {"LD_PRELOAD", "PYTHONPATH"}
    assert "HARMLESS" not in os.environ


def test_each_dangerous_name_is_allowed_by_name_only(dangerous, monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with pytest.raises(DangerousName) as refused:
        load_environment_secrets("risky", root=dangerous, allow=["LD_PRELOAD"])
    assert refused.value.names == ("PYTHONPATH",)
    loaded = load_environment_secrets("risky", root=dangerous, allow={"LD_PRELOAD", "PYTHONPATH"})
    assert loaded.names == ("HARMLESS", "LD_PRELOAD", "PYTHONPATH")


# --- expansion


def test_values_are_literal_unless_asked(host, values):
    load_environment_secrets("acme", root=host)
    assert os.environ["GREETING"] == values["GREETING"]


def test_expansion_sees_the_tenants_own_names(host, values):
    load_environment_secrets("acme", root=host, expand=True)
    assert os.environ["GREETING"] == f"snö, {values['DB_PASSWORD']} and $(id)"


def test_expansion_never_sees_the_process_environment(custodian, store, monkeypatch):
    monkeypatch.setenv("OUTSIDE", "leaked")
    custodian.seal("initech", "development", {"A": b"${OUTSIDE}", "B": b"fine"})
    with pytest.raises(ExpansionError, match="OUTSIDE, which the tenant does not have"):
        load_environment_secrets("initech", root=store, expand=True)
    assert "B" not in os.environ


# --- rotation under way


def test_pending_and_previous_never_reach_the_environment(custodian, store):
    changes = {"DB_PASSWORD.pending": b"next", "DB_PASSWORD.previous": b"last"}
    custodian.edit(custodian.open("acme", "development"), changes=changes, removals=())
    loaded = load_environment_secrets("acme", root=store)
    assert not [name for name in os.environ if "." in name and name.startswith("DB_PASSWORD")]
    assert all("." not in name for name in loaded.names)


# --- sources


class Shelf:
    """A source in memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.asked: list[tuple[str, str]] = []

    def read(self, tenant: str, environment: str) -> bytes:
        self.asked.append((tenant, environment))
        return self.data


def test_a_source_needs_no_store_on_this_host(sealed, tmp_path):
    shelf = Shelf(sealed.read_bytes())
    loaded = load_environment_secrets("acme", root=tmp_path / "none", source=shelf)
    assert shelf.asked == [("acme", "development")]
    assert "DB_PASSWORD" in loaded.names


def test_a_source_is_authenticated_like_a_file(host, tmp_path):
    shelf = Shelf((host / "tenants" / "globex" / ".env.enc").read_bytes())
    with pytest.raises(CannotOpen):
        load_environment_secrets("acme", root=tmp_path / "none", source=shelf)


def test_a_source_beside_a_store_still_asks_its_example(host, sealed):
    (host / "tenants" / "acme" / ".env.example").write_text("NOT_THERE=\n")
    with pytest.raises(MissingSecrets):
        load_environment_secrets("acme", root=host, source=Shelf(sealed.read_bytes()))


def test_a_source_without_any_key(sealed, tmp_path, monkeypatch):
    data = sealed.read_bytes()
    monkeypatch.delenv("SEALPROOF_KEY_FILE")
    with pytest.raises(KeyMissing):
        load_environment_secrets("acme", root=tmp_path / "none", source=Shelf(data))


def test_a_sources_own_error_leaves_the_environment_alone(tmp_path, host):
    class Broken:
        def read(self, *_: str) -> bytes:
            message = "the bucket is away"
            raise ConnectionError(message)

    before = visible()
    with pytest.raises(ConnectionError):
        load_environment_secrets("acme", root=tmp_path / "none", source=Broken())
    assert visible() == before


# --- threads, locale, size


def test_two_tenants_racing_in_threads_never_mix(store):
    outcomes: list[object] = []

    def load(tenant: str) -> None:
        try:
            outcomes.append(load_environment_secrets(tenant, root=store).tenant)
        except AnotherTenantLoaded:
            outcomes.append(None)

    threads = [threading.Thread(target=load, args=(tenant,)) for tenant in ("acme", "globex") * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = {outcome for outcome in outcomes if outcome}
    assert len(won) == 1
    assert ("ONLY_GLOBEX" in os.environ) == (won == {"globex"})


def test_4096_names_that_are_all_set_already_are_skipped(monkeypatch):
    values = {f"SEALPROOF_TEST_{number}": "x" for number in range(4096)}
    os.environ.update(values)
    assert len(put(Place("acme"), values, override=False)) == 4096


def test_no_error_holds_a_value_that_the_locale_cannot_carry(host, monkeypatch):
    def refuses(text: str) -> bytes:
        raise UnicodeEncodeError("ascii", text, 0, 1, "ordinal not in range")

    monkeypatch.setattr(os, "fsencode", refuses)
    with pytest.raises(CallerError, match="the locale's encoding cannot carry the value of DB_PASSWORD") as caught:
        put(Place("acme"), {"DB_PASSWORD": "fjord-anvil"}, override=True)
    monkeypatch.undo()
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert "DB_PASSWORD" not in os.environ


def test_a_locale_that_cannot_carry_a_value_is_an_error_and_sets_nothing(host, key_file):
    script = (
        "import os, sys\n"
        "from sealproof import load_environment_secrets\n"
        "from sealproof.errors import CallerError\n"
        "try:\n"
        f"    load_environment_secrets('acme', root={str(host)!r})\n"
        "except CallerError as error:\n"
        "    print(error.message, '|', error.hint, '|', 'DB_PASSWORD' in os.environ)\n"
    )
    ascii_only = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PATH": os.environ["PATH"]}
    answer = subprocess.run(
        [sys.executable, "-c", script],
        env=ascii_only | {"SEALPROOF_KEY_FILE": str(key_file)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout == (
        "the locale's encoding cannot carry the value of GREETING | start Python with PYTHONUTF8=1 | False\n"
    )

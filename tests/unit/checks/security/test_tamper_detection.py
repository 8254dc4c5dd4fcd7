"""SEC-003, on real stores and on libraries that were weakened one layer at a time."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from sealproof.checks import isolation
from sealproof.checks.security import tamper_detection
from sealproof.checks.security._regions import flipped
from sealproof.checks.specimen import Specimen
from sealproof.envelope import cipher
from sealproof.envelope import open as opening
from sealproof.envelope.seal import EpochKey, SealedValue, create
from sealproof.findings import Scope, Severity, Status
from sealproof.loader.files import open_root
from sealproof.loader.tenant import Place, open_tenant
from sealproof.vault.custodian import Custodian

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATH = "tenants/aurora/.env.enc"
COPIES = f"{PATH} (copies in memory)"
LAYERS = "scratch file (forged with one key of two)"
LOADER = "scratch store (through the loader)"
REGIONS = (
    "header",
    "key line",
    "reader line",
    "nonce",
    "body",
    "tag",
    "trailer counters",
    "writer",
    "mac",
    "signature",
)


@pytest.fixture
def weaken(monkeypatch) -> Iterator[pytest.MonkeyPatch]:
    """Change the library for one test: it is tried once a process, so what is known of it is dropped."""
    tamper_detection.library.cache_clear()
    yield monkeypatch
    tamper_detection.library.cache_clear()


def sealed(store: Path) -> Path:
    return store / PATH


def test_an_untouched_file_passes_and_stays_as_it_was(store, run_check):
    before = (sealed(store).read_bytes(), sealed(store).stat().st_mtime_ns)
    result = run_check(store, "SEC-003", "aurora")
    assert [finding.status for finding in result.findings] == [Status.PASS] * 4
    assert [item.name for item in result.inputs] == [PATH]
    assert (sealed(store).read_bytes(), sealed(store).stat().st_mtime_ns) == before


def test_copies_are_flipped_in_every_region(store):
    public = cipher.reader_public(bytes(range(32)))
    Custodian(str(store)).add_reader("aurora", "development", public)
    original = sealed(store).read_bytes()
    copies = list(flipped(original))
    assert {region for region, _ in copies} == set(REGIONS)
    assert all(copy != original for _, copy in copies)


def test_a_file_without_secrets_has_no_value_to_flip():
    regions = {region for region, _ in flipped(Specimen(values={}).data)}
    assert regions.isdisjoint({"nonce", "body", "tag", "reader line"})


@pytest.mark.parametrize("region", [region for region in REGIONS if region != "reader line"])
def test_a_bit_flipped_in_the_file_as_found_fails(store, run_check, failures, region):
    original = sealed(store).read_bytes()
    sealed(store).write_bytes(next(copy for name, copy in flipped(original) if name == region))
    result = run_check(store, "SEC-003", "aurora")
    assert (result.check, result.status, result.severity) == ("SEC-003", Status.FAIL, Severity.CRITICAL)
    assert set(failures(result)) == {PATH}


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda _: b"",
        lambda data: data + data,
        lambda data: data.replace(b"sealproof-env/1", b"sealproof-env/2"),
        lambda _: b"DB_PASSWORD=plain\n",
    ],
    ids=["cut", "empty", "twice", "another version", "plain text"],
)
def test_a_file_that_does_not_parse_fails_and_is_no_error(store, run_check, failures, damage):
    sealed(store).write_bytes(damage(sealed(store).read_bytes()))
    assert set(failures(run_check(store, "SEC-003", "aurora"))) == {PATH}


def test_another_tenants_file_fails(store, run_check, failures):
    shutil.copy(store / "tenants/borealis/.env.enc", sealed(store))
    finding = failures(run_check(store, "SEC-003", "aurora"))[PATH]
    assert finding.observed == opening.STEPS[2]


def test_the_fix_is_the_git_command_that_restores_the_file(store, run_check, failures, git):
    git(store.parent, "init", "-q")
    git(store.parent, "add", "-A")
    git(store.parent, "commit", "-qm", "sealed")
    sealed(store).write_bytes(sealed(store).read_bytes()[:-1])
    fix = failures(run_check(store, "SEC-003", "aurora"))[PATH].fix
    assert fix == f"git -C {store.parent.resolve()} checkout -- secrets/{PATH}"
    subprocess.run(fix, shell=True, check=True, capture_output=True)
    assert run_check(store, "SEC-003", "aurora").status is Status.PASS


@pytest.mark.parametrize("place", ["untracked", "committed as it is", "no repository"])
def test_without_a_good_copy_in_git_the_fix_is_the_backup(store, run_check, failures, git, place):
    sealed(store).write_bytes(sealed(store).read_bytes()[:-1])
    if place != "no repository":
        git(store.parent, "init", "-q")
    if place == "committed as it is":
        git(store.parent, "add", "-A")
        git(store.parent, "commit", "-qm", "broken")
    assert failures(run_check(store, "SEC-003", "aurora"))[PATH].fix == f"restore {PATH} from backup"


def test_without_a_key_it_is_not_evaluated(store, run_check):
    shutil.rmtree(store / "keys")
    assert run_check(store, "SEC-003", "aurora").status is Status.NOT_EVALUATED


def test_with_a_key_for_another_scope_it_is_not_evaluated(store, run_check, tmp_path, monkeypatch):
    monkeypatch.setenv("SEALPROOF_KEY_FILE", Specimen("scratch-a").export(str(tmp_path)))
    sealed(store).write_bytes(b"")
    result = run_check(store, "SEC-003", "aurora")
    assert result.status is Status.NOT_EVALUATED
    assert "SEALPROOF_KEY_FILE" in result.findings[0].fix


def test_a_readers_own_key_is_a_key_for_the_scope(store, run_check, tmp_path, monkeypatch):
    private, custodian = bytes(range(32)), Custodian(str(store))
    custodian.add_reader("aurora", "development", cipher.reader_public(private))
    line = custodian.keyring.key_lines("aurora", "development")[0]
    line.kind, line.key = "x25519", private
    key = tmp_path / "reader.key"
    key.touch(0o600)
    key.write_text(line.to_line() + "\n")
    monkeypatch.setenv("SEALPROOF_KEY_FILE", str(key))
    assert run_check(store, "SEC-003", "aurora").status is Status.PASS
    sealed(store).write_bytes(sealed(store).read_bytes().replace(b'"generation":2', b'"generation":3'))
    assert run_check(store, "SEC-003", "aurora").status is Status.FAIL


def test_an_expired_file_is_no_tampered_one(store, run_check):
    line = Custodian(str(store)).keyring.key_lines("aurora", "development")[0]
    data = create(
        EpochKey("aurora", "development", line.epoch, line.key),
        {"API_TOKEN": SealedValue(b"x", 1, 1000)},
        writer=Custodian(str(store)).keyring.signing_key("writer"),
        now=1000,
        expires=2000,
    )
    sealed(store).write_bytes(data)
    assert run_check(store, "SEC-003", "aurora").status is Status.PASS


def test_a_library_that_takes_any_signature_fails(store, run_check, failures, weaken):
    weaken.setattr(opening, "verify_writer", lambda *_: True)
    failing = failures(run_check(store, "SEC-003", "aurora"))
    assert set(failing) == {COPIES, LAYERS}
    assert "signature: accepted" in failing[COPIES].observed
    assert "without the writer's key" in failing[LAYERS].observed


def test_a_library_that_takes_any_mac_fails(store, run_check, failures, weaken):
    weaken.setattr(cipher, "verify_mac", lambda *_: None)
    failing = failures(run_check(store, "SEC-003", "aurora"))
    assert "trailer counters, signed anew without the data key: accepted" in failing[LAYERS].observed


BINDS_NO_VERSION = """
from sealproof.envelope import cipher
cipher.entry_aad = lambda prefix, name, version, updated: prefix
"""


def test_a_library_that_binds_no_version_fails(store, run_check, failures, weaken):
    weaken.setattr(cipher, "entry_aad", lambda prefix, *_: prefix)
    weaken.setattr(isolation, "PRELUDE", BINDS_NO_VERSION)
    Custodian(str(store)).seal("aurora", "staging", {"API_TOKEN": b"x"})
    failing = failures(run_check(store, "SEC-003", Scope("aurora", "staging")))
    assert set(failing) == {LAYERS}
    assert "version of a value" in failing[LAYERS].observed


def test_an_error_without_a_type_of_ours_fails(store, run_check, failures, weaken):
    def broken(key: bytes, covered: bytes, tag: bytes) -> None:
        if cipher.mac(key, covered) != tag:
            raise LookupError

    weaken.setattr(cipher, "verify_mac", broken)
    assert "LookupError" in failures(run_check(store, "SEC-003", "aurora"))[COPIES].observed


WEAK_LOADER = """
from sealproof.envelope import cipher, open as opening
cipher.verify_mac = lambda key, covered, tag: None
opening.verify_writer = lambda envelope, writers: True
"""
LEAKY_LOADER = """
import os
import sealproof.loader.environment as environment
original = environment.open_tenant
def open_tenant(*args, **options):
    os.environ["DB_PASSWORD"] = "half a load"
    return original(*args, **options)
environment.open_tenant = open_tenant
"""


@pytest.mark.parametrize(
    "fault",
    [(WEAK_LOADER, "mac: accepted"), (LEAKY_LOADER, "the environment was changed")],
    ids=["accepts", "sets before it verifies"],
)
def test_a_loader_that_goes_on_fails(store, run_check, failures, weaken, fault):
    prelude, observed = fault
    weaken.setattr(isolation, "PRELUDE", prelude)
    assert observed in failures(run_check(store, "SEC-003", "aurora"))[LOADER].observed


def test_a_library_that_opens_nothing_is_an_error_and_no_pass(store, run_check, weaken):
    weaken.setattr(isolation, "PRELUDE", "import sealproof.envelope.open as o\no.verify_writer = lambda e, w: False")
    assert run_check(store, "SEC-003", "aurora").status is Status.ERROR


@pytest.fixture
def state(tmp_path, monkeypatch):
    """A host's directory of high-water marks, named in the environment."""
    path = tmp_path / "state"
    path.mkdir(mode=0o700)
    monkeypatch.setenv("SEALPROOF_STATE", str(path))
    return path


def _four_generations(store):
    """Make the file's second to fourth generation, and return the third."""
    custodian, path = Custodian(str(store)), store / PATH
    for number in (2, 3):
        custodian.seal("aurora", "development", {"LOG_LEVEL": f"DEBUG-{number}".encode()})
    third = path.read_bytes()
    custodian.seal("aurora", "development", {"LOG_LEVEL": b"INFO-4"})
    return third


def test_a_file_that_was_rolled_back_fails_with_both_generations(store, run_check, failure, state):
    third = _four_generations(store)
    assert run_check(store, "SEC-003", "aurora").status is Status.PASS
    with open_root(str(store)) as root:
        open_tenant(Place("aurora", "development", str(store)), root)  # as the host does: it remembers
    (store / PATH).write_bytes(third)
    finding = failure(run_check(store, "SEC-003", "aurora"))
    assert finding.resource == PATH
    assert "rolled back: aurora/development is generation 3, this host has seen 4" in finding.observed


@pytest.mark.parametrize("committed", [1, 4])
def test_git_is_named_against_a_rollback_only_where_it_has_the_newest_file(
    store, run_check, failure, state, git, committed
):
    git(store, "init", "--quiet")
    if committed == 1:
        git(store, "add", PATH)
    third = _four_generations(store)
    if committed == 4:
        git(store, "add", PATH)
    with open_root(str(store)) as root:
        open_tenant(Place("aurora", "development", str(store)), root)
    (store / PATH).write_bytes(third)
    fix = failure(run_check(store, "SEC-003", "aurora")).fix
    assert fix.startswith("git -C") == (committed == 4)
    assert committed == 4 or fix == f"restore {PATH} from backup"


def test_a_file_below_the_pinned_minimum_fails(store, run_check, failure, monkeypatch):
    monkeypatch.setenv("SEALPROOF_MIN_GENERATION", "7")
    assert "is generation 1, the pinned minimum is 7" in failure(run_check(store, "SEC-003", "aurora")).observed


def test_a_mark_that_cannot_be_read_is_no_pass_and_none_is_raised_by_the_check(store, run_check, state):
    run_check(store, "SEC-003", "aurora")
    assert not list(state.iterdir())
    (state / "aurora.development.mark").write_text("broken")
    (state / "aurora.development.mark").chmod(0o600)
    assert run_check(store, "SEC-003", "aurora").status is Status.NOT_EVALUATED

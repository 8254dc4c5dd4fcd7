"""Backups come back: into a living store, into none, never silently older, whoever is killed when."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest

from sealproof.envelope import cipher
from sealproof.envelope import seal as sealing
from sealproof.envelope.keyfile import KeyLine
from sealproof.errors import (
    CallerError,
    CannotOpen,
    DataError,
    ErasedTenant,
    EvidenceRejected,
    FileUnavailable,
    ForeignBackup,
    KeyMissing,
    MalformedFile,
    OlderBackup,
    OperationUnderWay,
    SealproofError,
    StoreExists,
    UnknownTenant,
    UnsafeFile,
)
from sealproof.loader import keys as loader_keys
from sealproof.loader.keys import forget_keys
from sealproof.signing import SigningKey
from sealproof.vault.backup.create import CREATE, create
from sealproof.vault.backup.entries import MANIFEST, Manifest, head_line
from sealproof.vault.backup.header import Identity, Recipients, make, unlock
from sealproof.vault.backup.opening import Container, container, verify
from sealproof.vault.backup.rebuild import rebuild
from sealproof.vault.backup.restore import RESTORE, Restore
from sealproof.vault.backup.shelf import Shelf, name_of
from sealproof.vault.backup.source import Item, Reading, sealed_of
from sealproof.vault.backup.stream import Sealer
from sealproof.vault.custodian import Custodian
from sealproof.vault.foundation import lay_foundation
from sealproof.vault.journal import nothing
from sealproof.vault.keys.erasure import Erasure
from sealproof.vault.keys.master import MasterRotation
from sealproof.vault.keys.signers import Signers

from .conftest import GLOBEX, PRIVATE, PRODUCTION, SCOPES, offline

CRASHING = Path(__file__).parents[1] / "crashing.py"
NOW = 1_800_000_000


def test_verify_restores_in_memory(place, identity):
    before = sorted(place.rglob("*"))
    for name, scopes in (("acme.spbak", 2), ("store.spbak", 3)):
        contents = verify(str(place / name), identity, now=NOW)
        assert len(contents.opens) == len(contents.manifest.sealed) == scopes
        assert contents.manifest.audit.keys() == {"acme", "platform"} & set(contents.manifest.audit) | {"acme"}
        assert contents.sealed_off == ()
    assert sorted(place.rglob("*")) == before


def test_what_a_backup_holds(place, identity):
    tenant = verify(str(place / "acme.spbak"), identity, now=NOW).manifest.files
    assert {"tenants/acme/.env.production.enc", "tenants/acme/manifest.toml", "key-lines/acme.production.key"} <= set(
        tenant
    )
    assert not any("globex" in path or path.startswith("keys/") or "notes" in path for path in tenant)
    store = verify(str(place / "store.spbak"), identity, now=NOW).manifest.files
    assert {"keys/master.key", "keys/tenant_keys/globex.key", "sealproof.toml", "keys/rotation_log.json"} <= set(store)


def test_no_value_and_no_key_is_readable_in_a_container(place, root):
    data = (place / "store.spbak").read_bytes()
    for secret in (*PRODUCTION.values(), (root / "keys/master.key").read_bytes()[60:90], b"DB_PASSWORD"):
        assert secret not in data


def test_a_lost_file_comes_back_under_a_new_data_key(place, root, custodian, identity, opens):
    before = custodian.envelope("acme", "production")
    (root / "tenants/acme/.env.production.enc").unlink()
    (root / "tenants/acme/manifest.toml").unlink()
    done = Restore(custodian).restore(str(place / "acme.spbak"), identity)
    (one,) = [one for one in done if one.scope == "acme/production"]
    assert (one.generation, one.backup_generation, one.replaced_generation, one.lowered) == (2, 1, 0, False)
    after = opens(root).envelope("acme", "production")
    assert after.wrapped != before.wrapped
    assert [(entry.version, entry.updated) for entry in after.entries] == [
        (e.version, e.updated) for e in before.entries
    ]
    assert (root / "tenants/acme/manifest.toml").read_text() == '[DB_PASSWORD]\nowner = "alice"\n'


def test_a_damaged_file_comes_back(place, root, custodian, identity, opens):
    (root / "tenants/acme/.env.production.enc").write_bytes(b"damaged\n")
    Restore(custodian).restore(str(place / "store.spbak"), identity, tenant="acme")
    opens(root)
    assert custodian.envelope("globex", "development").generation == 1


def test_older_values_come_back_only_on_request_and_on_record(place, root, custodian, identity):
    custodian.seal("acme", "production", {"TOKEN": b"newer-value-5511"})
    before = (root / "tenants/acme/.env.production.enc").read_bytes()
    with pytest.raises(OlderBackup) as refused:
        Restore(custodian).restore(str(place / "acme.spbak"), identity)
    assert refused.value.names == ("acme/production",)
    assert refused.value.hint.endswith("--older")
    assert (root / "tenants/acme/.env.production.enc").read_bytes() == before
    assert custodian.keyring.journal.unfinished() == []
    done = Restore(custodian).restore(str(place / "acme.spbak"), identity, older=True)
    assert {one.scope: one.lowered for one in done} == {"acme/production": True, "acme/development": False}
    assert custodian.open("acme", "production").values() == PRODUCTION
    assert custodian.envelope("acme", "production").generation == 3
    (told,) = custodian.keyring.journal.history(RESTORE)
    assert told.texts("lowered") == ["acme/production"]


def test_the_generation_is_above_every_one_known(place, root, custodian, identity, monkeypatch):
    for _ in range(3):
        custodian.rotate_epoch("acme", "production")
    (root / "tenants/acme/.env.production.enc").unlink()
    restore = Restore(custodian)
    assert {one.generation for one in restore.restore(str(place / "acme.spbak"), identity)} == {2, 5}  # journal: 4
    assert restore.restore(str(place / "acme.spbak"), identity, older=True, above=40)[0].generation == 41
    (root / "tenants/acme/.env.production.enc").unlink()
    (root / "tenants/acme/.env.enc").unlink()
    monkeypatch.setenv("SEALPROOF_MIN_GENERATION", "90")
    assert {one.generation for one in restore.restore(str(place / "acme.spbak"), identity)} == {91}


def test_a_reader_removed_since_does_not_come_back(root, place, custodian, identity):
    reader = cipher.reader_public(bytes(range(40, 72)))
    custodian.add_reader("acme", "production", reader)
    create(custodian, "acme", offline(), directory=str(place), name="with-reader.spbak")
    custodian.remove_reader("acme", "production", reader)
    Restore(custodian).restore(str(place / "with-reader.spbak"), identity, older=True)
    assert custodian.envelope("acme", "production").readers == []
    (root / "tenants/acme/.env.production.enc").unlink()
    Restore(custodian).restore(str(place / "with-reader.spbak"), identity, older=True)
    assert [one.public for one in custodian.envelope("acme", "production").readers] == [reader]


def test_a_backup_opens_after_epochs_and_master_are_gone(place, root, custodian, identity, opens):
    custodian.rotate_epoch("acme", "production")
    custodian.keyring.drop_epochs("acme", "production", before=2)
    MasterRotation(custodian.keyring).rotate()
    Restore(custodian).restore(str(place / "acme.spbak"), identity, older=True)
    opens(root)


def test_a_store_is_built_where_there_is_none(place, identity, opens, tmp_path):
    root = tmp_path / "rebuilt"
    root.mkdir()
    done = rebuild(str(place / "store.spbak"), identity, str(root), clock=lambda: NOW, reached=nothing, above=7)
    assert {one.generation for one in done} == {8}
    custodian = opens(root)
    assert custodian.keyring.journal.verify() > 3
    assert custodian.keyring.journal.unfinished() == []
    assert (root / "keys").stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o077 == 0 for path in (root / "keys").rglob("*"))
    with pytest.raises(StoreExists):
        rebuild(str(place / "store.spbak"), identity, str(root), clock=lambda: NOW, reached=nothing)


def test_a_tenants_backup_builds_no_store(place, identity, tmp_path):
    with pytest.raises(CallerError, match="of acme alone"):
        rebuild(str(place / "acme.spbak"), identity, str(tmp_path / "x"), clock=lambda: NOW, reached=nothing)


def test_a_passphrase_store_needs_its_passphrase_to_come_back(tmp_path, identity, opens):
    passphrase = b"nine-lanterns-drift-past-the-quiet-harbour-42"
    root = tmp_path / "secrets"
    loader_keys._taken["MASTER_SECRET_KEY"] = passphrase
    lay_foundation(str(root), passphrase=passphrase.decode(), iterations=100_000, clock=lambda: NOW)
    custodian = Custodian(str(root))
    custodian.seal("globex", "development", GLOBEX)
    forget_keys()
    create(custodian, "*", offline(), directory=str(tmp_path), name="it.spbak")  # the job needs no passphrase
    assert verify(str(tmp_path / "it.spbak"), identity, now=NOW).sealed_off == ("globex/development",)
    with pytest.raises(KeyMissing, match="passphrase"):
        Restore(custodian).restore(str(tmp_path / "it.spbak"), identity)
    loader_keys._taken["MASTER_SECRET_KEY"] = passphrase
    assert verify(str(tmp_path / "it.spbak"), identity, now=NOW).opens == {"globex/development": 1}
    assert len(Restore(custodian).restore(str(tmp_path / "it.spbak"), identity)) == 1


def test_what_is_refused(place, custodian, identity, tmp_path, root):
    with pytest.raises(CallerError, match="nothing of nobody"):
        Restore(custodian).restore(str(place / "acme.spbak"), identity, tenant="nobody")
    with pytest.raises(CannotOpen):
        Restore(custodian).restore(str(place / "acme.spbak"), Identity((bytes(31) + b"\1",)))
    with pytest.raises(FileUnavailable):
        verify(str(tmp_path / "missing"), identity, now=NOW)
    with pytest.raises(UnsafeFile):
        verify(str(tmp_path), identity, now=NOW)
    with pytest.raises(MalformedFile):
        verify(str(root / "sealproof.toml"), identity, now=NOW)
    with pytest.raises(UnknownTenant):
        create(custodian, "nobody", offline(), directory=str(place), name="x")
    custodian.keyring.journal.begin("master.rotate", "master")
    with pytest.raises(OperationUnderWay):
        create(custodian, "*", offline(), directory=str(place), name="x")


def test_a_tenants_file_that_its_keys_do_not_open_is_said(place, root, custodian, identity):
    custodian.rotate_epoch("acme", "production")
    old = (root / "tenants/acme/.env.production.enc").read_bytes()
    custodian.rotate_epoch("acme", "production")
    custodian.keyring.drop_epochs("acme", "production", before=3)
    (root / "tenants/acme/.env.production.enc").write_bytes(old)
    create(custodian, "acme", offline(), directory=str(place), name="stale.spbak")
    with pytest.raises(EvidenceRejected, match="does not open with the keys in the backup"):
        verify(str(place / "stale.spbak"), identity, now=NOW)


def test_backups_are_due_kept_and_removed(place, custodian):
    shelf = Shelf(str(place / "backups"))
    shelf.prepare()
    assert shelf.is_due("acme", hours=24, now=NOW)
    for days in (0, 1, 2, 40, 41):
        at = NOW - days * 86_400
        made = Custodian(custodian.store.root, clock=lambda at=at: at)
        create(made, "acme", offline(), directory=str(place / "backups"), name=name_of("acme", at, f"{days:08}"))
    (place / "backups/other.spbak").write_bytes(b"not ours")
    (place / "backups/notes.txt").write_bytes(b"not ours")
    assert [one.name[-14:-6] for one in shelf.kept()] == ["00000000", "00000001", "00000002", "00000040", "00000041"]
    assert not shelf.is_due("acme", hours=24, now=NOW)
    assert shelf.is_due("acme", hours=24, now=NOW + 86_400)
    assert shelf.is_due("globex", hours=24, now=NOW)
    assert len(shelf.prune("acme", count=4, days=30, now=NOW)) == 2
    assert len(shelf.prune("acme", count=2, days=30, now=NOW)) == 1
    assert len(shelf.prune("acme", count=2, days=1, now=NOW + 10**7)) == 1
    assert [one.name[-14:-6] for one in shelf.kept("acme")] == ["00000000"]  # the newest stays, however old
    assert (place / "backups/other.spbak").exists()
    for wrong in ({"count": 0, "days": 1}, {"count": 1, "days": 0}):
        with pytest.raises(CallerError):
            shelf.prune("acme", now=NOW, **wrong)
    with pytest.raises(CallerError):
        shelf.is_due("acme", hours=0, now=NOW)
    assert Shelf(str(place / "none")).kept() == []


def crashed(scenario, place, out, **environment):
    done = subprocess.run(
        [sys.executable, str(CRASHING), scenario, str(place), str(out)],
        env=os.environ | environment,
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return [(point, out / str(number)) for number, point in enumerate(json.loads(done.stdout))]


def test_kill_nine_while_a_backup_is_made(place, tmp_path, identity, opens):
    met = crashed("backup", place, tmp_path / "out")
    assert {"backup.create:file", "backup.create:place:written"} <= {point for point, _ in met}
    for point, copy in met:
        made = copy / "new.spbak"
        if made.exists():
            assert point.startswith("backup.create:done")
            verify(str(made), identity, now=NOW)
        custodian = opens(copy / "secrets")
        create(custodian, "acme", offline(), directory=str(copy), name="new.spbak")
        verify(str(made), identity, now=NOW)
        assert not [path for path in copy.iterdir() if path.name.endswith("-tmp")]
        assert custodian.keyring.journal.unfinished(CREATE) == []


def test_kill_nine_while_a_backup_is_restored(place, root, custodian, tmp_path, identity, opens):
    for tenant, environment, _ in SCOPES:
        custodian.seal(tenant, environment, {"NEWER": b"a-newer-value-7781"})
    met = crashed("restore", place, tmp_path / "out")
    assert {"backup.restore:write:before", "backup.restore:write:written", "backup.restore:done:written"} <= {
        p for p, _ in met
    }
    for _, copy in met:
        forget_keys()
        custodian = Custodian(str(copy / "secrets"))
        for tenant, environment, values in SCOPES:
            assert custodian.open(tenant, environment).values() in (values, {**values, "NEWER": b"a-newer-value-7781"})
        Restore(custodian).restore(str(copy / "store.spbak"), identity, older=True)
        opens(copy / "secrets")
        assert custodian.keyring.journal.unfinished() == []


def test_kill_nine_while_a_store_is_built(place, tmp_path, identity, opens):
    met = crashed("rebuild", place, tmp_path / "out")
    assert len(met) > 30
    for point, copy in met:
        root = copy / "rebuilt"
        if root.exists():
            assert point == "backup.restore:placed"
        else:
            rebuild(str(copy / "store.spbak"), identity, str(root), clock=lambda: NOW, reached=nothing)
        opens(root)
        assert not (copy / "rebuilt.rebuilding").exists()


class Faults:
    """Counts our changing file operations, and refuses the one that is chosen."""

    CALLS = ("open", "write", "pwrite", "pread", "read", "fsync", "rename", "mkdir", "fchmod")

    def __init__(self, patch, number=0, chosen=None):
        self.counted = Counter()
        for call in self.CALLS:
            patch.setattr(os, call, self._wrapped(call, getattr(os, call), number, chosen))

    def _wrapped(self, call, real, number, chosen):
        def wrapped(*args, **options):
            self.counted[call] += 1
            if (call, self.counted[call]) == chosen:
                raise OSError(number, os.strerror(number))
            return real(*args, **options)

        return wrapped


WORK = {
    "create": lambda place: create(
        Custodian(f"{place}/secrets"), "acme", offline(), directory=str(place), name="acme.spbak"
    ),
    "restore": lambda place: Restore(Custodian(f"{place}/secrets")).restore(
        f"{place}/acme.spbak", Identity((PRIVATE,)), older=True
    ),
    "rebuild": lambda place: rebuild(
        f"{place}/store.spbak", Identity((PRIVATE,)), f"{place}/rebuilt", clock=lambda: NOW, reached=nothing
    ),
}


@pytest.mark.parametrize("work", WORK)
def test_a_refused_file_operation_loses_nothing(place, tmp_path, work, identity, opens):
    with pytest.MonkeyPatch.context() as patch:
        rehearsal = tmp_path / "rehearsal"
        shutil.copytree(place, rehearsal)
        counting = Faults(patch)
        WORK[work](rehearsal)
    chosen = [(call, at) for call, count in counting.counted.items() for at in range(1, count + 1)]
    step = 1 if os.environ.get("SEALPROOF_TEST_FULL") else max(1, len(chosen) // 60)
    start = int(os.environ.get("SEALPROOF_TEST_SEED", os.getpid())) % step
    for turn, (call, at) in enumerate(chosen[start::step]):
        copy = tmp_path / f"{call}-{at}"
        shutil.copytree(place, copy)
        number = (errno.ENOSPC, errno.EIO, errno.EROFS)[turn % 3]
        with pytest.MonkeyPatch.context() as patch:
            Faults(patch, number, (call, at))
            with pytest.raises(SealproofError) as refused:
                WORK[work](copy)
        assert refused.value.hint, (call, at, start)
        opens(copy / "secrets")
        verify(str(copy / "acme.spbak"), identity, now=NOW)  # the earlier one, or the new one whole
        if work == "rebuild":
            assert not (copy / "rebuilt").exists() or opens(copy / "rebuilt")
        shutil.rmtree(copy)


def test_recipients_are_public_and_identities_are_not_shown(place):
    with container(str(place / "acme.spbak")) as found:
        assert [stanza.public for stanza in found.header.stanzas] == [cipher.reader_public(PRIVATE)]
    assert repr(Identity((PRIVATE,))) == "Identity(…)"
    assert Recipients().publics == ()


def test_the_manifest_names_the_newest_line_of_the_log(place, root, custodian, identity):
    (segment,) = (root / "audit/acme").glob("0*.jsonl")
    (root / "audit/acme/start.jsonl").write_bytes(b"what a pruned log begins with\n")
    segment.write_bytes(segment.read_bytes() + b"a torn li")
    create(custodian, "acme", offline(), directory=str(place), name="it.spbak")
    manifest = verify(str(place / "it.spbak"), identity, now=NOW).manifest
    assert manifest.audit == {"acme": sha256(segment.read_bytes().splitlines()[-2]).hexdigest()}
    kept = segment.read_bytes().removesuffix(b"a torn li")
    assert manifest.files[f"audit/acme/{segment.name}"] == sha256(kept).hexdigest()


def test_a_log_without_a_whole_line_is_empty(place, root, custodian, identity):
    (root / "audit/acme/9999999999999999.jsonl").write_bytes(b"torn")
    create(custodian, "acme", offline(), directory=str(place), name="it.spbak")
    files = verify(str(place / "it.spbak"), identity, now=NOW).manifest.files
    assert files["audit/acme/9999999999999999.jsonl"] == sha256(b"").hexdigest()


@pytest.mark.parametrize("odd", ["a name with spaces", "link", "fifo"])
def test_what_is_no_file_of_ours_stops_a_backup(place, root, custodian, odd):
    path = root / "records" / odd
    path.parent.mkdir(exist_ok=True)
    if odd == "link":
        path.symlink_to(root / "keys/master.key")
    elif odd == "fifo":
        os.mkfifo(path)
    else:
        path.write_text("x")
    before = sorted(place.iterdir())
    with pytest.raises((UnsafeFile, FileUnavailable)):
        create(custodian, "*", offline(), directory=str(place), name="it.spbak")
    assert sorted(place.iterdir()) == before


def test_a_sealed_file_at_another_place_stops_a_backup(place, root, custodian):
    shutil.copy(root / "tenants/globex/.env.enc", root / "tenants/acme/.env.enc")
    with pytest.raises(DataError, match="another tenant or environment"):
        create(custodian, "*", offline(), directory=str(place), name="it.spbak")


def test_a_file_that_shrinks_or_vanishes_meanwhile_is_said(root):
    path = root / "records/it"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x" * 100)
    reading = Reading(str(root), Item("records/it"))
    os.truncate(path, 10)
    with pytest.raises(FileUnavailable, match="became shorter"):
        list(reading.chunks())
    reading.close()
    for gone in ("records/none", "nowhere/it"):
        with pytest.raises(FileUnavailable):
            Reading(str(root), Item(gone))


def test_another_container_takes_the_place_of_a_restore_that_was_broken_off(place, custodian, identity):
    journal = custodian.keyring.journal
    broken_off = journal.begin(RESTORE, "acme", container="another", files=1, older=False)
    Restore(custodian).restore(str(place / "acme.spbak"), identity)
    assert [one.last for one in journal.history(RESTORE) if one.id == broken_off.id] == ["abandoned"]
    assert journal.unfinished() == []


def test_a_backup_that_was_broken_off_is_given_up_by_the_next(place, custodian):
    custodian.keyring.journal.begin(CREATE, "acme", container="another", name="x")
    create(custodian, "acme", offline(), directory=str(place), name="it.spbak")
    assert [one.last for one in custodian.keyring.journal.history(CREATE, "acme")][-2:] == ["abandoned", "done"]


@pytest.fixture
def planted(tmp_path):
    """A container for the identity's public key, of another store whose file has a reader and a high generation."""
    root = str(tmp_path / "other")
    lay_foundation(root, passphrase=None, iterations=100_000, clock=lambda: NOW)
    other = Custodian(root)
    for _ in range(3):
        other.seal("acme", "production", {"DB_PASSWORD": b"planted-value-0001"})
    other.add_reader("acme", "production", cipher.reader_public(bytes(range(90, 122))))
    for scope, name in (("*", "store.spbak"), ("acme", "acme.spbak")):
        create(other, scope, offline(), directory=str(tmp_path), name=name)
    return tmp_path


@pytest.mark.parametrize("name", ["store.spbak", "acme.spbak"])
@pytest.mark.parametrize("gone", [False, True])
def test_what_another_stores_writer_signed_is_refused(planted, root, custodian, identity, name, gone):
    path = root / "tenants/acme/.env.production.enc"
    if gone:
        path.unlink()
    before = sorted((file, file.stat().st_mtime_ns) for file in (root / "tenants").rglob("*"))
    for older in (False, True):
        with pytest.raises(ForeignBackup) as refused:
            Restore(custodian).restore(str(planted / name), identity, older=older)
    assert refused.value.names == ("acme/production",)
    assert "--foreign" in refused.value.hint
    assert sorted((file, file.stat().st_mtime_ns) for file in (root / "tenants").rglob("*")) == before
    assert custodian.keyring.journal.history(RESTORE) == []


def test_a_foreign_backup_comes_in_on_request_without_its_readers_and_on_record(planted, root, custodian, identity):
    (root / "tenants/acme/.env.production.enc").unlink()
    Restore(custodian).restore(str(planted / "acme.spbak"), identity, foreign=True)
    assert custodian.open("acme", "production").values() == {"DB_PASSWORD": b"planted-value-0001"}
    assert custodian.envelope("acme", "production").readers == []
    (told,) = custodian.keyring.journal.history(RESTORE)
    assert told.texts("foreign") == ["acme/production"]


def test_a_backup_of_before_the_writer_was_rolled_still_comes_back(place, custodian, identity, opens, root):
    signers = Signers(custodian)
    signers.roll("writer")
    signers.finish("writer")
    Restore(custodian).restore(str(place / "acme.spbak"), identity, older=True)
    opens(root)


def plain_files(path):
    """Return the files of a container by their paths, without the manifest."""
    with container(str(path)) as found:
        key = unlock(found.header, Identity((PRIVATE,)))
        files = {entry.path: (entry.mode, b"".join(entry.chunks)) for entry in found.entries(key)}
    del files[MANIFEST]
    return files


def put(path, scope, files, *, of=lambda sealed: sealed, head=None):
    """Make a container that holds `files` and whose manifest says `of` them what it likes: anybody can."""
    header, key = head or make(scope, NOW, offline(), random=os.urandom)
    pieces = [header.data]
    sealer = Sealer(key, header.data, pieces.append)
    for name, (mode, data) in files.items():
        sealer.feed(head_line(name, len(data), mode) + data)
    hashes = {name: sha256(data).hexdigest() for name, (_, data) in files.items()}
    sealed = tuple(one for name, (_, data) in files.items() if (one := sealed_of(name, data)))
    manifest = Manifest(scope, NOW, hashes, of(sealed), {}).to_bytes()
    sealer.feed(head_line(MANIFEST, len(manifest), 0o600) + manifest)
    sealer.finish()
    path.write_bytes(b"".join(pieces))
    return str(path)


def everything(directory):
    return {file: file.read_bytes() for file in directory.rglob("*") if file.is_file()}


LIES = {
    "generation": lambda sealed: tuple(one._replace(generation=999) for one in sealed),
    "epoch": lambda sealed: tuple(one._replace(epoch=9) for one in sealed),
    "hash": lambda sealed: tuple(one._replace(sha256="0" * 64) for one in sealed),
    "left out": lambda sealed: sealed[1:],
    "twice": lambda sealed: (*sealed, sealed[0]),
    "made up": lambda sealed: (*sealed, sealed[0]._replace(environment="staging")),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_a_manifest_says_of_a_sealed_file_must_be_what_the_file_says(place, root, custodian, identity, lie):
    custodian.seal("acme", "production", {"TOKEN": b"newer-value-5511"})
    path = put(place / "lie.spbak", "acme", plain_files(place / "acme.spbak"), of=LIES[lie])
    whole = put(place / "lie-store.spbak", "*", plain_files(place / "store.spbak"), of=LIES[lie])
    before = everything(root / "tenants")
    with pytest.raises(EvidenceRejected, match="what its sealed file does not"):
        Restore(custodian).restore(path, identity)
    with pytest.raises(EvidenceRejected, match="what its sealed file does not"):
        verify(path, identity, now=NOW)
    with pytest.raises(EvidenceRejected, match="what its sealed file does not"):
        rebuild(whole, identity, str(place / "rebuilt"), clock=lambda: NOW, reached=nothing)
    assert everything(root / "tenants") == before


def test_a_tenants_backup_does_not_touch_another_tenant(place, root, custodian, identity):
    theirs = {name: file for name, file in plain_files(place / "store.spbak").items() if "globex/" in name}
    create(custodian, "globex", offline(), directory=str(place), name="globex.spbak")
    keys = {name: file for name, file in plain_files(place / "globex.spbak").items() if name.startswith("key-lines/")}
    path = put(place / "both.spbak", "acme", plain_files(place / "acme.spbak") | theirs | keys)
    before = everything(root / "tenants")
    with pytest.raises(EvidenceRejected, match="has no place in a backup of acme"):
        Restore(custodian).restore(path, identity)
    assert everything(root / "tenants") == before


@pytest.mark.parametrize(
    "name",
    [
        "tenants/acme/x/manifest.toml",
        "tenants/acme/.git.manifest.toml",
        "tenants/acme/notes",
        "tenants/manifest.toml",
        "backups/x",
        "leftover",
        "key-lines/acme.production.key",
    ],
)
def test_a_file_without_a_place_is_refused_before_anything_is_written(place, root, custodian, identity, name):
    path = put(place / "odd.spbak", "*", {**plain_files(place / "store.spbak"), name: (0o644, b"odd")})
    before = everything(root / "tenants")
    with pytest.raises(EvidenceRejected, match="has no place"):
        Restore(custodian).restore(path, identity)
    with pytest.raises(EvidenceRejected, match="has no place"):
        rebuild(path, identity, str(place / "rebuilt"), clock=lambda: NOW, reached=nothing)
    assert everything(root / "tenants") == before


def test_what_was_put_together_by_hand_and_is_whole_comes_back(place, root, custodian, identity, opens):
    """Else the refusals above would show nothing."""
    for scope, name in (("acme", "acme.spbak"), ("*", "store.spbak")):
        Restore(custodian).restore(put(place / "it.spbak", scope, plain_files(place / name)), identity, older=True)
        opens(root)


def test_a_tenant_of_whom_nothing_sealed_is_held_gets_no_manifest(place, root, custodian, identity):
    files = plain_files(place / "store.spbak") | {"tenants/nobody/manifest.toml": (0o644, b"[A]\n")}
    Restore(custodian).restore(put(place / "it.spbak", "*", files), identity)
    assert not (root / "tenants/nobody").exists()


def test_a_tenant_that_was_erased_since_does_not_come_back(place, root, custodian, identity):
    Erasure(custodian, subject="user:tester").erase("acme")
    restore = Restore(custodian)
    done = restore.restore(str(place / "store.spbak"), identity)
    assert ([one.scope for one in done], restore.left_out) == (["globex/development"], ("acme",))
    for name, tenant in (("acme.spbak", ""), ("acme.spbak", "acme"), ("store.spbak", "acme")):
        with pytest.raises(ErasedTenant) as refused:
            restore.restore(str(place / name), identity, tenant=tenant)
        assert (refused.value.names, "--erased" in refused.value.hint) == (("acme",), True)
    assert not (root / "tenants/acme").exists()
    assert custodian.keyring.tenants() == ["globex"]


def test_an_erased_tenant_comes_back_on_request_and_on_record(place, custodian, identity, root, opens):
    Erasure(custodian, subject="user:tester").erase("acme")
    Restore(custodian).restore(str(place / "store.spbak"), identity, tenant="acme", erased=True)
    (told,) = custodian.keyring.journal.history(RESTORE)
    assert told.texts("erased") == ["acme"]
    opens(root)


def test_a_backup_of_a_tenant_that_was_made_anew_after_its_erasure_comes_back(place, root, custodian, identity):
    Erasure(custodian, subject="user:tester").erase("acme")
    later = Custodian(str(root), clock=lambda: NOW)
    later.seal("acme", "production", {"TOKEN": b"of-the-new-tenant"})
    create(later, "acme", offline(), directory=str(place), name="new.spbak")
    (root / "tenants/acme/.env.production.enc").unlink()
    Restore(custodian).restore(str(place / "new.spbak"), identity)
    assert (root / "tenants/acme/.env.production.enc").exists()
    with pytest.raises(ErasedTenant):
        Restore(custodian).restore(str(place / "acme.spbak"), identity, older=True)


def test_a_container_that_changes_between_its_readings_is_refused(place, root, custodian, identity, monkeypatch):
    """By somebody who has a host's key file, and shows the writer's own file at the second reading only."""
    stranger = SigningKey(bytes(range(50, 82)))
    (line,) = custodian.keyring.key_lines("acme", "production")
    both = KeyLine("epoch", line.key, (*line.writers, stranger.public), "acme", "production", line.epoch)
    planted = sealing.create(
        custodian.keyring.ensure_epoch("acme", "production"),
        {"TOKEN": sealing.SealedValue(b"planted-value-0001", 1, NOW)},
        writer=stranger,
        now=NOW,
        generation=1,
        expires=0,
        readers=[],
    )
    files = plain_files(place / "acme.spbak")
    changed = {
        "tenants/acme/.env.production.enc": (0o644, planted),
        "key-lines/acme.production.key": (0o600, f"{both.to_line()}\n".encode()),
    }
    head = make("acme", NOW, offline(), random=os.urandom)
    path = place / "it.spbak"
    put(path, "acme", files, head=head)
    good = path.read_bytes()
    put(path, "acme", files | changed, head=head)
    evil = path.read_bytes()
    each, readings = Container.each, Counter()

    def swapping(self, key, take):
        readings["all"] += 1
        path.write_bytes(good if readings["all"] == 2 else evil)
        return each(self, key, take)

    monkeypatch.setattr(Container, "each", swapping)
    before = (root / "tenants/acme/.env.production.enc").read_bytes()
    with pytest.raises(EvidenceRejected, match="changed while it was read"):
        Restore(custodian).restore(str(path), identity, older=True)
    assert (root / "tenants/acme/.env.production.enc").read_bytes() == before

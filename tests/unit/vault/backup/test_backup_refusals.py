"""What a backup or a restore refuses, it refuses before it begins; what the disk stops can be finished or given up."""

from __future__ import annotations

import os
import shutil

import pytest

from sealproof.cli.main import dispatch
from sealproof.envelope.grammar import FILE_MAX, INTEGER_MAX
from sealproof.envelope.keyfile import KeyLine
from sealproof.errors import (
    DataError,
    EvidenceRejected,
    FileUnavailable,
    KeyMissing,
    LimitExceeded,
    OlderBackup,
    OperationUnderWay,
    StoreNotFound,
    UnsafeFile,
)
from sealproof.loader.keys import forget_keys
from sealproof.vault.backup import create as creating
from sealproof.vault.backup import header as headers
from sealproof.vault.backup.create import CREATE, create
from sealproof.vault.backup.entries import MANIFEST
from sealproof.vault.backup.opening import container, verify
from sealproof.vault.backup.rebuild import rebuild
from sealproof.vault.backup.restore import RESTORE, Restore
from sealproof.vault.backup.shelf import Shelf
from sealproof.vault.backup.stagedkeys import StagedKeys
from sealproof.vault.custodian import Custodian
from sealproof.vault.journal import nothing
from sealproof.vault.keys.erasure import Erasure
from sealproof.vault.keys.life import KeyLife
from sealproof.vault.keys.master import MasterRotation
from sealproof.vault.store.local import LocalStore

from .conftest import offline
from .test_restore import NOW, everything, plain_files, put

PASSPHRASE = "nine-lanterns-drift-past-the-quiet-harbour-42"


def without_a_writer(root):
    (root / "keys/signing/writer.key").unlink()


def behind_a_link(root):
    (root / "tenants/acme/.env.production.enc").rename(root / "elsewhere")
    (root / "tenants/acme/.env.production.enc").symlink_to(root / "elsewhere")


def with_a_manifest_over_the_limit(root):
    (root / "tenants/acme/manifest.toml").write_bytes(b"#" * (4 * 1024 * 1024 + 1))


def with_a_closed_master(root):
    MasterRotation(Custodian(str(root)).keyring).rotate(passphrase=PASSPHRASE)
    forget_keys()


@pytest.mark.parametrize(
    ("spoil", "above", "error"),
    [
        (without_a_writer, 0, KeyMissing),
        (behind_a_link, 0, UnsafeFile),
        (with_a_manifest_over_the_limit, 0, LimitExceeded),
        (with_a_closed_master, 0, KeyMissing),
        (lambda _: None, INTEGER_MAX, LimitExceeded),
    ],
)
@pytest.mark.parametrize(("name", "tenant"), [("acme.spbak", ""), ("store.spbak", ""), ("store.spbak", "acme")])
def test_a_refused_restore_is_not_begun(place, root, identity, spoil, above, error, name, tenant):
    spoil(root)
    before = everything(root / "tenants")
    custodian = Custodian(str(root))
    with pytest.raises(error) as refused:
        Restore(custodian).restore(str(place / name), identity, tenant=tenant, older=True, above=above)
    assert refused.value.hint
    assert custodian.keyring.journal.history(RESTORE) == []
    assert everything(root / "tenants") == before


def test_a_refused_restore_does_not_give_up_another(place, custodian, identity):
    journal = custodian.keyring.journal
    journal.begin(RESTORE, "acme", container="another", files=1, older=False)
    custodian.seal("acme", "production", {"TOKEN": b"newer-value-5511"})
    with pytest.raises(OlderBackup):
        Restore(custodian).restore(str(place / "acme.spbak"), identity)
    assert [one.text("container") for one in journal.unfinished()] == ["another"]


def stopped(monkeypatch, number):
    """Let the disk refuse the save of file `number`."""
    write, saves = LocalStore.write, []

    def refusing(self, tenant, environment, data, *, expected):
        saves.append(f"{tenant}/{environment}")
        if len(saves) == number:
            raise FileUnavailable("no room", hint="free some")
        write(self, tenant, environment, data, expected=expected)

    monkeypatch.setattr(LocalStore, "write", refusing)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_restore_that_the_disk_stops_is_finished_or_given_up(
    place, root, identity, opens, monkeypatch, number, capsys
):
    custodian = Custodian(str(root))
    for again in ("finished", "given up"):
        with monkeypatch.context() as patched:
            stopped(patched, number)
            with pytest.raises(FileUnavailable):
                Restore(custodian).restore(str(place / "store.spbak"), identity, older=True)
        (operation,) = custodian.keyring.journal.unfinished(RESTORE)
        assert dispatch(["key", "resume", "--root", str(root)]) == 0
        said = capsys.readouterr()
        assert said.out == "nothing was carried on\n"
        assert "backup.restore of store waits for you: sealproof backup restore with the same FILE" in said.err
        if again == "finished":
            Restore(custodian).restore(str(place / "store.spbak"), identity)
        else:
            assert dispatch(["key", "resume", "--abandon", "--root", str(root)]) == 0
            assert capsys.readouterr().out == "gave up: backup.restore of store\n"
        assert custodian.keyring.journal.unfinished() == []
        (over,) = [one for one in custodian.keyring.journal.history(RESTORE) if one.id == operation.id]
        assert over.last == ("done" if again == "finished" else "abandoned")
        opens(root)


def test_what_needs_its_container_says_so_to_a_program(custodian):
    operation = custodian.keyring.journal.begin(RESTORE, "acme", container="c", files=1, older=False)
    with pytest.raises(OperationUnderWay, match="cannot be finished from what the store holds"):
        KeyLife(custodian, subject="user:tester").resume(operation)


def test_a_restore_that_wrote_nothing_leaves_nothing_to_be_finished(place, custodian, identity, monkeypatch):
    def refuse(*args, **options):
        raise FileUnavailable("no room", hint="free some")

    monkeypatch.setattr(type(custodian.keyring), "ensure_epoch", refuse)
    with pytest.raises(FileUnavailable):
        Restore(custodian).restore(str(place / "acme.spbak"), identity)
    assert [one.last for one in custodian.keyring.journal.history(RESTORE)] == ["abandoned"]


@pytest.mark.parametrize("kind", [CREATE, RESTORE])
def test_a_broken_off_backup_or_restore_keeps_no_tenant_from_being_erased(custodian, root, kind):
    custodian.keyring.journal.begin(kind, "acme", container="c", name="n")
    with pytest.raises(OperationUnderWay, match=f"{kind} of acme is not finished") as refused:
        Erasure(custodian, subject="user:tester").erase("acme")
    assert refused.value.hint == "sealproof key resume"
    assert dispatch(["key", "resume", "--root", str(root)]) == 0
    assert dispatch(["key", "resume", "--abandon", "--root", str(root)]) == 0
    Erasure(custodian, subject="user:tester").erase("acme")
    assert custodian.keyring.tenants() == ["globex"]


def test_a_backup_into_no_directory_is_not_begun(place, custodian):
    with pytest.raises(StoreNotFound):
        create(custodian, "acme", offline(), directory=str(place / "none"), name="it.spbak")
    assert custodian.keyring.journal.history(CREATE)[-1].last == "done"  # of the template's own


def test_a_backup_that_is_refused_on_its_way_is_over(place, root, custodian):
    (root / "tenants/acme/.env.production.enc").write_bytes(b"no sealed file\n")
    with pytest.raises(DataError):
        create(custodian, "acme", offline(), directory=str(place), name="it.spbak")
    assert custodian.keyring.journal.unfinished() == []
    assert not (place / "it.spbak").exists()


def test_a_backup_whose_place_was_not_confirmed_is_over_and_whole(place, custodian, identity, monkeypatch):
    rename = os.rename

    def unconfirmed(*args, **options):
        rename(*args, **options)
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(creating.os, "rename", unconfirmed)
        with pytest.raises(FileUnavailable):
            create(custodian, "acme", offline(), directory=str(place), name="it.spbak")
    over = custodian.keyring.journal.history(CREATE)[-1]
    assert (over.last, over.text("reason")) == ("abandoned", "broken off as it was put in place")
    verify(str(place / "it.spbak"), identity, now=NOW)


def line_of(custodian, tenant, environment):
    return custodian.keyring.key_lines(tenant, environment)[0].to_line()


FOREIGN_LINES = {
    "another tenant": lambda custodian: line_of(custodian, "globex", "development"),
    "another environment": lambda custodian: line_of(custodian, "acme", "development"),
    "an identity": lambda custodian: KeyLine(
        "x25519", bytes(range(32)), tuple(custodian.keyring.signing_publics().values())[:1]
    ).to_line(),
}


@pytest.mark.parametrize("kind", FOREIGN_LINES)
def test_a_key_line_of_another_scope_is_refused_by_name(place, root, custodian, identity, kind):
    files = plain_files(place / "acme.spbak")
    name = "key-lines/acme.production.key"
    mode, own = files[name]
    line = FOREIGN_LINES[kind](custodian).encode()
    path = put(place / "it.spbak", "acme", files | {name: (mode, own + line + b"\n")})
    before = everything(root / "tenants")
    for work in (
        lambda: Restore(custodian).restore(path, identity, older=True),
        lambda: verify(path, identity, now=NOW),
    ):
        with pytest.raises(EvidenceRejected, match="which has no place in it") as refused:
            work()
        assert refused.value.names == (name,)
    assert everything(root / "tenants") == before
    assert custodian.keyring.journal.history(RESTORE) == []


@pytest.mark.parametrize("name", ["acme.production.x.key", "acme.Production.key", "acme.key", "acme.production"])
def test_key_lines_have_one_name(place, custodian, identity, name):
    files = plain_files(place / "acme.spbak")
    path = put(place / "it.spbak", "acme", files | {f"key-lines/{name}": files["key-lines/acme.production.key"]})
    with pytest.raises(EvidenceRejected, match="has no place in a backup of acme"):
        Restore(custodian).restore(path, identity, older=True)


def test_a_sealed_file_over_the_limit_stops_a_backup(place, root, custodian):
    os.truncate(root / "tenants/acme/.env.production.enc", FILE_MAX + 1)
    with pytest.raises(UnsafeFile, match="over the limit"):
        create(custodian, "acme", offline(), directory=str(place), name="it.spbak")
    assert not (place / "it.spbak").exists()


def test_a_disk_that_gives_back_another_header_is_said(place, custodian, monkeypatch):
    """The payload proves itself; only the digest of what was written tells of the header."""
    fsync = os.fsync

    def lying(fd):
        fsync(fd)
        if os.readlink(f"/proc/self/fd/{fd}").startswith(f"{place}/.it.spbak"):
            os.pwrite(fd, b"X", 40)

    monkeypatch.setattr(creating.os, "fsync", lying)
    with pytest.raises(FileUnavailable, match="did not read back as written"):
        create(custodian, "acme", offline(), directory=str(place), name="it.spbak")
    assert not (place / "it.spbak").exists()
    assert custodian.keyring.journal.unfinished() == []


def test_a_container_that_the_disk_does_not_give_is_said(place, identity, monkeypatch):
    def refuse(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "pread", refuse)
    with pytest.raises(FileUnavailable, match="input/output error"):
        verify(str(place / "acme.spbak"), identity, now=NOW)


def test_a_container_may_be_looked_through_without_reading_its_files(place, identity):
    with container(str(place / "acme.spbak")) as found:
        paths = [entry.path for entry in found.entries(headers.unlock(found.header, identity))]
    assert paths[-1] == MANIFEST
    assert "key-lines/acme.production.key" in paths


def test_a_store_is_not_built_where_there_is_no_room_for_one(place, identity, tmp_path):
    (tmp_path / "file").write_text("in the way")
    for target in ("none/rebuilt", "file"):
        with pytest.raises(FileUnavailable):
            rebuild(str(place / "store.spbak"), identity, str(tmp_path / target), clock=lambda: NOW, reached=nothing)
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_pinned_generation_that_is_no_number_keeps_nobody_from_restoring(place, root, identity, opens, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setenv("SEALPROOF_MIN_GENERATION", "nonsense")
        done = Restore(Custodian(str(root))).restore(str(place / "acme.spbak"), identity)
    assert {one.generation for one in done} == {2}
    opens(root)


def test_a_backup_without_its_keys_opens_nothing_and_says_so(place, root, custodian, identity):
    files = {name: file for name, file in plain_files(place / "acme.spbak").items() if not name.startswith("key-")}
    path = put(place / "it.spbak", "acme", files)
    assert sorted(verify(path, identity, now=NOW).sealed_off) == ["acme/development", "acme/production"]
    with pytest.raises(KeyMissing, match="need the passphrase"):
        Restore(custodian).restore(path, identity, older=True)
    assert custodian.keyring.journal.history(RESTORE) == []


def test_a_tenant_without_a_log_is_backed_up_too(place, root, custodian, identity):
    shutil.rmtree(root / "audit")
    made = create(custodian, "globex", offline(), directory=str(place), name="it.spbak")
    assert not [path for path in made.manifest.files if path.startswith("audit/")]
    verify(made.path, identity, now=NOW)


def test_staged_keys_show_nothing(place, identity):
    keys = StagedKeys()
    with container(str(place / "acme.spbak")) as found:
        found.each(headers.unlock(found.header, identity), keys.take)
    assert repr(keys) == "StagedKeys(…)"


def test_nothing_is_pruned_where_all_is_kept(place):
    assert Shelf(str(place)).prune("acme", count=5, days=9999, now=NOW) == []
    assert (place / "acme.spbak").exists()

"""The manager: what it serves, what it refuses, what it leaves in the log, and what it tells."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from pathlib import Path

import pytest

import sealproof
from sealproof.errors import (
    AccessDenied,
    AuditLogBroken,
    AuditUnavailable,
    CannotOpen,
    Changed,
    DangerousName,
    FileUnavailable,
    InvalidName,
    InvalidValue,
    LockedOut,
    PolicyMissing,
    StaleFile,
    UnknownSecret,
    UnknownTenant,
)
from sealproof.settings import Settings
from sealproof.vault import custody
from sealproof.vault.access import Conditions, Operation, Rule, Subject
from sealproof.vault.access.changes import granted
from sealproof.vault.access.policyfile import PolicyFile
from sealproof.vault.audit.interface import Established, Outcome
from sealproof.vault.audit.verify import verify_lines
from sealproof.vault.custodian import Custodian
from sealproof.vault.custody import AdvancedSecretManager, get_secret_manager
from sealproof.vault.keys.keyring import Keyring
from sealproof.vault.manifest import SecretClass
from sealproof.vault.observer import RotationStep
from sealproof.vault.watch import Watch

VALUE = "first-value-of-it"
ALICE = Subject("alice", Established.UID, "uid:1001")


def allow(root: str, subject: str = "alice", operations: tuple[str, ...] = ("read",), **parts: object) -> None:
    file, key = PolicyFile(root), Keyring(root).signing_key("policy")
    base = file.load()
    fields = {"tenant": "acme", "environment": "*", "name": "*", "allows": True} | parts
    policy, _ = granted(
        base,
        lambda rule_id: Rule(
            rule_id,
            subject=subject,
            operations=tuple(sorted(Operation(operation) for operation in operations)),
            conditions=Conditions(),
            created=0,
            by="root",
            **fields,  # type: ignore[arg-type]
        ),
        now=int(time.time()),
    )
    file.propose(base, policy, key)


class Witness:
    """An observer that keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, object]] = []

    def decided(self, event):
        self.heard.append(("decided", event))

    def finished(self, event):
        self.heard.append(("finished", event))

    def written(self, event):
        self.heard.append(("written", event))

    def rotated(self, event):
        self.heard.append(("rotated", event))


def test_a_read_is_served_and_leaves_one_record(work, log):
    before = len(log())
    assert work(lambda manager: manager.get_secret("DB_PASSWORD")) == VALUE
    (record,) = log()[before:]
    assert record[:5] == ("read", "allow", "uid", "DB_PASSWORD", 1)


def test_a_write_leaves_intent_and_outcome_of_one_request(work, log):
    before = len(log())
    metadata = work(lambda manager: manager.set_secret("API_TOKEN", "t" * 40, owner="team", purpose="calls"))
    assert (metadata.version, metadata.owner, metadata.purpose, metadata.kind) == (
        1,
        "team",
        "calls",
        SecretClass.TOKEN,
    )
    intent, outcome = log()[before:]
    assert intent[:5] == ("write.intent", "allow", "uid", "API_TOKEN", 0)
    assert outcome[:5] == ("write", "allow", "uid", "API_TOKEN", 1)
    assert intent[5] == outcome[5]


def test_an_equal_value_keeps_its_version(work):
    assert work(lambda manager: manager.set_secret("DB_PASSWORD", VALUE)).version == 1
    assert work(lambda manager: manager.set_secret("DB_PASSWORD", "another")).version == 2


def test_a_deletion_leaves_intent_and_outcome(work, log):
    work(lambda manager: manager.delete_secret("DB_PASSWORD"))
    assert [record[:4] for record in log()[-2:]] == [
        ("delete.intent", "allow", "uid", "DB_PASSWORD"),
        ("delete", "allow", "uid", "DB_PASSWORD"),
    ]
    with pytest.raises(UnknownSecret):
        work(lambda manager: manager.get_secret("DB_PASSWORD"))


def test_the_first_secret_makes_the_tenant(root):
    async def new() -> list[str]:
        async with AdvancedSecretManager("zeta", root=root, environment="production", settings=Settings()) as manager:
            with pytest.raises(UnknownTenant):
                await manager.list_secrets()
            await manager.set_secret("API_TOKEN", "t" * 40)
            return await manager.list_secrets()

    assert asyncio.run(new()) == ["API_TOKEN"]


REFUSED = {
    "get": lambda manager: manager.get_secret("DB_PASSWORD"),
    "set": lambda manager: manager.set_secret("DB_PASSWORD", "x"),
    "delete": lambda manager: manager.delete_secret("DB_PASSWORD"),
    "list": lambda manager: manager.list_secrets(),
    "metadata": lambda manager: manager.get_metadata("DB_PASSWORD"),
    "versions": lambda manager: manager.get_versions("DB_PASSWORD"),
    "break glass": lambda manager: manager.get_secret("DB_PASSWORD", break_glass=True),
    "export": lambda manager: asyncio.to_thread(manager.export_audit_log),
}


@pytest.mark.parametrize("call", REFUSED)
def test_whoever_is_not_allowed_is_refused_and_recorded(work, log, root, call):
    before, sealed = len(log()), Path(root, "tenants/acme/.env.enc").read_bytes()
    with pytest.raises(AccessDenied, match="alice may not"):
        work(REFUSED[call], subject=ALICE)
    (record,) = log()[before:]
    assert record[1:3] == ("deny", "uid")
    assert Path(root, "tenants/acme/.env.enc").read_bytes() == sealed


def test_a_claimed_name_is_recorded_as_a_claim(work, log):
    owner = Subject.this_user().name
    with pytest.raises(AccessDenied, match="only claimed"):
        work(lambda manager: manager.get_secret("DB_PASSWORD"), user_id=owner)
    assert log()[-1][:3] == ("read", "deny", "claimed")


def test_refusals_lock_out_and_metrics_count_them(work, log):
    async def knock(manager) -> dict[str, object]:
        for _ in range(5):
            with pytest.raises(AccessDenied):
                await manager.get_secret("DB_PASSWORD")
        with pytest.raises(LockedOut, match="locked out"):
            await manager.get_secret("DB_PASSWORD")
        return manager.get_security_metrics()

    metrics = work(knock, subject=ALICE)
    assert metrics["failed_access_attempts"] == metrics["violations"] == 6
    assert metrics["violations_by_kind"] == {"denied": 5, "locked-out": 1}
    assert [record[1] for record in log()[-6:]] == ["deny"] * 6


def test_a_subject_sees_only_what_it_may_list(work, root):
    work(lambda manager: manager.set_secret("API_TOKEN", "t" * 40))
    allow(root, operations=("list",), name="DB_*")
    assert work(lambda manager: manager.list_secrets(), subject=ALICE) == ["DB_PASSWORD"]
    assert work(lambda manager: manager.list_secrets()) == ["API_TOKEN", "DB_PASSWORD"]


def test_breaking_the_glass_stands_in_the_log(work, root, log):
    allow(root, operations=("break-glass",))
    assert work(lambda manager: manager.get_secret("DB_PASSWORD", break_glass=True), subject=ALICE) == VALUE
    assert log()[-1][:4] == ("break-glass", "allow", "uid", "DB_PASSWORD")


FAILED = {
    "an unknown name": (lambda manager: manager.get_secret("NOWHERE"), UnknownSecret),
    "no name at all": (lambda manager: manager.get_secret("a b\n"), InvalidName),
    "a version of a rotation": (lambda manager: manager.get_secret("DB_PASSWORD.pending"), InvalidName),
    "setting a version of a rotation": (lambda manager: manager.set_secret("DB_PASSWORD.previous", "x"), InvalidName),
    "setting nothing": (lambda manager: manager.set_secret("DB_PASSWORD", ""), InvalidValue),
    "setting None": (lambda manager: manager.set_secret("DB_PASSWORD", None), InvalidValue),
    "setting a name that is none": (lambda manager: manager.set_secret(None, "x"), InvalidName),
    "reading a name that is none": (lambda manager: manager.get_secret(5), InvalidName),
    "deleting a name that is none": (lambda manager: manager.delete_secret(b"DB_PASSWORD"), InvalidName),
    "setting a number": (lambda manager: manager.set_secret("DB_PASSWORD", 5), InvalidValue),
    "setting bytes": (lambda manager: manager.set_secret("DB_PASSWORD", b"hunter2"), InvalidValue),
    "setting no name": (lambda manager: manager.set_secret("1", "x"), InvalidName),
    "setting a lone surrogate": (lambda manager: manager.set_secret("A", "\ud800"), InvalidValue),
    "setting a NUL": (lambda manager: manager.set_secret("A", "a\0"), InvalidValue),
    "setting a dangerous name": (lambda manager: manager.set_secret("LD_PRELOAD", "x"), DangerousName),
    "deleting an unknown name": (lambda manager: manager.delete_secret("NOWHERE"), UnknownSecret),
    "metadata of an unknown name": (lambda manager: manager.get_metadata("NOWHERE"), UnknownSecret),
}


@pytest.mark.parametrize("case", FAILED)
def test_what_fails_is_recorded_as_failed(work, log, case):
    call, error = FAILED[case]
    with pytest.raises(error):
        work(call)
    assert log()[-1][1] == "error"
    assert work(lambda manager: manager.get_secret("DB_PASSWORD")) == VALUE


def test_an_empty_value_is_for_who_means_it(work):
    assert work(lambda manager: manager.set_secret("DB_PASSWORD", "", empty=True)).version == 2
    assert work(lambda manager: manager.get_secret("DB_PASSWORD")) == ""


def test_a_dangerous_name_can_be_allowed(work):
    assert work(lambda manager: manager.set_secret("PYTHONPATH", "/app", allow=["PYTHONPATH"])).version == 1


def test_no_error_holds_the_value(work):
    with pytest.raises(InvalidValue) as refused:
        work(lambda manager: manager.set_secret("A", "hunter2\ud800"))
    seen, error = "", refused.value
    while error is not None:
        seen += repr(error)
        error = error.__cause__ or error.__context__
    assert "hunter2" not in seen


def test_without_a_policy_nothing_is_served_and_that_is_recorded(work, root, log):
    os.unlink(f"{root}/policy.json")
    with pytest.raises(PolicyMissing) as missing:
        work(lambda manager: manager.get_secret("DB_PASSWORD"))
    assert missing.value.hint == f"sealproof init --root {root}"
    assert log()[-1][:2] == ("read", "error")


def test_nothing_is_served_that_cannot_be_recorded(work, root):
    shutil.rmtree(f"{root}/audit/acme")
    with pytest.raises((AuditUnavailable, AuditLogBroken)):
        work(lambda manager: manager.get_secret("DB_PASSWORD"))
    with pytest.raises((AuditUnavailable, AuditLogBroken)):
        work(lambda manager: manager.set_secret("DB_PASSWORD", "x"))
    assert Custodian(root).open("acme", "development").values()["DB_PASSWORD"] == VALUE.encode()


def test_reads_see_what_other_processes_write(work, root):
    async def follow(manager) -> None:
        for number in range(5):
            value = f"written elsewhere {number}"
            Custodian(root).seal("acme", "development", {"DB_PASSWORD": value.encode()})
            assert await manager.get_secret("DB_PASSWORD") == value
        before = manager.metrics.snapshot()["encryption_operations"]
        await manager.get_secret("DB_PASSWORD")
        assert manager.metrics.snapshot()["encryption_operations"] == before + 1  # the file was not opened again

    work(follow)


def test_an_erased_tenant_is_served_no_longer(work, root):
    async def erase(manager) -> None:
        await manager.get_secret("DB_PASSWORD")
        os.unlink(f"{root}/keys/tenant_keys/acme.key")
        with pytest.raises(sealproof.SealproofError):
            await manager.get_secret("DB_PASSWORD")

    work(erase)


def test_a_file_of_a_revoked_writer_is_served_no_longer(work, root):
    async def revoke(manager) -> None:
        await manager.get_secret("DB_PASSWORD")
        Keyring(root).new_signing_key("writer")
        os.unlink(f"{root}/keys/signing/writer.pub")
        with pytest.raises(CannotOpen):
            await manager.get_secret("DB_PASSWORD")

    work(revoke)


def test_a_tampered_file_is_refused_and_counted(work, root, log):
    def raise_generation() -> None:
        path = Path(root, "tenants/acme/.env.enc")
        path.write_bytes(path.read_bytes().replace(b'"generation":1', b'"generation":9'))

    async def tamper(manager) -> dict[str, object]:
        await manager.get_secret("DB_PASSWORD")
        raise_generation()
        with pytest.raises(CannotOpen):
            await manager.get_secret("DB_PASSWORD")
        return manager.get_security_metrics()

    assert work(tamper)["violations_by_kind"] == {"CannotOpen": 1}
    assert log()[-1][:2] == ("read", "error")


def test_an_expired_file_is_refused_though_it_was_opened_before(root):
    now = [time.time()]
    Custodian(root).seal("acme", "development", {}, expires_days=1)

    async def wait() -> None:
        async with AdvancedSecretManager("acme", root=root, settings=Settings(), clock=lambda: now[0]) as manager:
            await manager.get_secret("DB_PASSWORD")
            now[0] += 2 * 86_400
            with pytest.raises(StaleFile):
                await manager.get_secret("DB_PASSWORD")

    asyncio.run(wait())


def test_an_epoch_that_changes_while_we_open_is_no_failure(work, root, monkeypatch):
    async def rotate(manager) -> str:
        real, done = manager.custodian.open, []

        def open_late(*scope):
            if not done:
                done.append(Custodian(root).rotate_epoch("acme", "development"))
                raise CannotOpen("spoilt")
            return real(*scope)

        monkeypatch.setattr(manager.custodian, "open", open_late)
        return await manager.get_secret("DB_PASSWORD")

    assert work(rotate) == VALUE


def test_a_file_that_never_rests_is_served_and_not_kept(work, root, monkeypatch):
    async def restless(manager) -> str:
        real = manager.custodian.open

        def open_and_touch(*scope):
            opened = real(*scope)
            os.utime(f"{root}/tenants/acme/.env.enc")
            return opened

        monkeypatch.setattr(manager.custodian, "open", open_and_touch)
        value = await manager.get_secret("DB_PASSWORD")
        assert manager._file.kept(manager.access.standing) is None
        return value

    assert work(restless) == VALUE


def test_a_key_that_was_handed_over_is_watched_too(root, tmp_path, monkeypatch):
    key = tmp_path / "host.key"
    lines = Keyring(root).key_lines("acme", "development")
    key.write_text("".join(line.to_line() + "\n" for line in lines))
    key.chmod(0o600)
    monkeypatch.setenv("SEALPROOF_KEY_FILE", str(key))

    async def read() -> None:
        async with AdvancedSecretManager("acme", root=root, settings=Settings()) as manager:
            await manager.get_secret("DB_PASSWORD")
            key.unlink()
            with pytest.raises(sealproof.SealproofError):
                await manager.get_secret("DB_PASSWORD")

    asyncio.run(read())


def test_whoever_loses_every_race_is_told(work, monkeypatch, log):
    monkeypatch.setattr("sealproof.vault.patience.WRITE_TRIES", 3)
    tries = []

    async def lose(manager) -> None:
        def seal(*_, **__):
            tries.append(1)
            raise Changed("acme/development was changed by someone else meanwhile")

        monkeypatch.setattr(manager.custodian, "seal", seal)
        await manager.set_secret("A", "x")

    with pytest.raises(Changed):
        work(lose)
    assert len(tries) == 3
    assert [record[:2] for record in log()[-2:]] == [("write.intent", "allow"), ("write", "error")]


def test_concurrent_tasks_lose_no_write(work):
    async def together(manager) -> list[str]:
        await asyncio.gather(*(manager.set_secret(f"N{number:02}", f"value {number}") for number in range(20)))
        return [await manager.get_secret(f"N{number:02}") for number in range(20)]

    assert work(together) == [f"value {number}" for number in range(20)]


def test_a_cancelled_caller_leaves_no_write_without_its_outcome(work, log):
    async def cancel(manager) -> None:
        task = asyncio.create_task(manager.set_secret("API_TOKEN", "t" * 40))
        await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.gather(*manager._unfinished)
        assert await manager.get_secret("API_TOKEN") == "t" * 40

    work(cancel)
    assert [record[:2] for record in log()[-3:]] == [("write.intent", "allow"), ("write", "allow"), ("read", "allow")]


def test_metadata_and_versions_say_what_is_known(work, root):
    known = work(lambda manager: manager.get_metadata("DB_PASSWORD"))
    assert (known.name, known.tenant_id, known.environment, known.version) == ("DB_PASSWORD", "acme", "development", 1)
    assert (known.algorithm, known.key_epoch, known.kind) == ("AES-256-GCM", 1, SecretClass.PASSWORD)
    assert known.age_days(known.updated + 3 * 86_400 + 5) == 3
    assert not known.rotation_is_due(known.updated + 90 * 86_400)
    assert known.rotation_is_due(known.updated + 90 * 86_400 + 1)
    os.unlink(f"{root}/tenants/acme/manifest.toml")
    bare = work(lambda manager: manager.get_metadata("DB_PASSWORD"))
    assert (bare.owner, bare.kind, bare.rotation_days) == ("", None, None)
    assert not bare.rotation_is_due(10**10)
    (version,) = work(lambda manager: manager.get_versions("DB_PASSWORD"))
    assert (version.stage, version.version) == ("current", 1)


def test_an_exported_log_is_verified_by_a_stranger(work):
    document = work(lambda manager: asyncio.to_thread(manager.export_audit_log))
    pinned = sealproof.signing.public_from_pem(str(document["key"]).encode(), name="audit.pub")
    lines = [line.encode() for line in document["lines"]]
    assert verify_lines(lines, "acme", pinned).size >= 3


@pytest.mark.parametrize("parts", [{"environment": "development"}, {"tenant": "zeta"}], ids=["environment", "tenant"])
def test_who_may_read_a_part_of_the_log_does_not_get_all_of_it(work, root, parts):
    allow(root, operations=("audit.read",), **parts)
    with pytest.raises(AccessDenied, match="on all of acme: no rule allows it") as refused:
        work(lambda manager: asyncio.to_thread(manager.export_audit_log), subject=ALICE)
    assert refused.value.hint == "sealproof access explain alice acme audit.read --env '*'"


def test_who_may_read_the_log_gets_it_unless_a_part_is_denied(work, root):
    allow(root, operations=("audit.read",))
    assert work(lambda manager: asyncio.to_thread(manager.export_audit_log), subject=ALICE)["lines"]
    allow(root, operations=("audit.read",), environment="production", allows=False)
    with pytest.raises(AccessDenied, match="rule g3 denies it"):
        work(lambda manager: asyncio.to_thread(manager.export_audit_log), subject=ALICE)


def test_an_export_leaves_intent_and_outcome_of_one_request(work, log):
    before = len(log())
    work(lambda manager: asyncio.to_thread(manager.export_audit_log))
    intent, outcome = log()[before:]
    assert (intent[:3], outcome[:3]) == (("audit.read.intent", "allow", "uid"), ("audit.read", "allow", "uid"))
    assert intent[5] == outcome[5]


def test_an_export_that_fails_is_recorded_as_failed(work, log, monkeypatch):
    def broken(*_: object) -> None:
        message = "the log is cut"
        raise AuditLogBroken(message, hint="sealproof audit verify acme")

    monkeypatch.setattr(custody, "as_document", broken)
    witness = Witness()
    with pytest.raises(AuditLogBroken, match="is cut"):
        work(lambda manager: asyncio.to_thread(manager.export_audit_log), observers=(witness,))
    assert [record[:2] for record in log()[-2:]] == [("audit.read.intent", "allow"), ("audit.read", "error")]
    assert (witness.heard[-1][1].outcome, witness.heard[-1][1].error) == (Outcome.ERROR, "AuditLogBroken")


def test_an_export_that_nobody_could_decide_on_is_recorded(work, log, root):
    before = len(log())
    os.unlink(f"{root}/policy.json")
    with pytest.raises(PolicyMissing):
        work(lambda manager: asyncio.to_thread(manager.export_audit_log))
    assert [record[:3] for record in log()[before:]] == [("audit.read", "error", "uid")]


def test_observers_hear_of_everything_in_order(work):
    witness = Witness()

    async def act(manager) -> None:
        await manager.set_secret("API_TOKEN", "t" * 40)
        await manager.get_secret("API_TOKEN")

    work(act, observers=(witness,))
    assert [what for what, _ in witness.heard] == ["decided", "finished", "written", "decided", "finished"]
    decided, finished, written = (event for _, event in witness.heard[:3])
    assert decided.request == finished.request == written.request
    assert (decided.allowed, decided.rule, finished.outcome) == (True, "owner", Outcome.ALLOW)
    assert (written.name, written.version, written.operation) == ("API_TOKEN", 1, "write")
    assert "t" * 40 not in repr(witness.heard)


def test_metrics_count_what_was_done(work):
    async def act(manager) -> dict[str, object]:
        await manager.set_secret("API_TOKEN", "t" * 40)
        for _ in range(3):
            await manager.get_secret("API_TOKEN")
        await manager.delete_secret("API_TOKEN")
        return manager.get_security_metrics()

    metrics = work(act)
    assert metrics["secret_access_count"] == 3
    assert (metrics["secrets_written"], metrics["secrets_deleted"]) == (1, 1)
    assert metrics["encryption_operations"] == 1 + 2 + 3
    assert metrics["rotation_events"] == metrics["violations"] == 0
    assert metrics["latencies"]["read"]["count"] == 3
    assert set(metrics["latencies"]) == {"write", "read", "delete"}


def test_tasks_that_come_together_open_the_file_once(work):
    async def together(manager) -> None:
        opened = []
        real = manager.custodian.open
        manager.custodian.open = lambda *scope: opened.append(1) or real(*scope)
        assert await asyncio.gather(*(manager.get_secret("DB_PASSWORD") for _ in range(5))) == [VALUE] * 5
        assert len(opened) == 1

    work(together)


def test_a_rotation_step_is_counted_and_nothing_shows_more_than_it_must(root):
    manager = AdvancedSecretManager("acme", root=root, settings=Settings())
    manager.metrics.rotated(RotationStep(0.0, "r1", "acme", "development", "DB_PASSWORD", "set", "immediate"))
    assert manager.get_security_metrics()["rotation_events"] == 1
    assert repr(manager._calls).startswith("Calls(Subject(")
    assert repr(manager._file) == "OpenFile(acme/development)"


def test_a_file_that_cannot_be_watched_is_a_typed_error(root, tmp_path):
    (tmp_path / "link").symlink_to(root)
    with pytest.raises(FileUnavailable):
        Watch((f"{root}/policy.json", str(tmp_path / "link")))
    watch = Watch((str(tmp_path / "not-yet"),))
    assert watch.holds()
    (tmp_path / "not-yet").write_text("now")
    assert not watch.holds()


def test_a_path_that_becomes_unreachable_no_longer_holds(tmp_path):
    (tmp_path / "place").mkdir()
    watch = Watch((str(tmp_path / "place/file"),))
    (tmp_path / "place").rmdir()
    (tmp_path / "place").write_text("a file where a directory was")
    assert not watch.holds()


def test_a_loop_has_one_manager_for_one_question(root):
    async def ask(**options) -> AdvancedSecretManager:
        return await get_secret_manager("acme", root=root, **options)

    async def twice() -> AdvancedSecretManager:
        manager = await ask()
        assert await ask() is manager
        assert await ask(environment="production") is not manager
        assert await ask(user_id="alice") is not manager
        assert repr(manager).startswith("AdvancedSecretManager(acme/development, ")
        return manager

    assert asyncio.run(twice()) is not asyncio.run(twice())


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors where the system shows them")
def test_many_tenants_do_not_use_up_the_descriptors(root, monkeypatch):
    monkeypatch.setattr("sealproof.vault.custody.OPEN_MAX", 2)

    async def serve() -> None:
        managers, counts = [], []
        for number in range(8):
            manager = await get_secret_manager(f"tenant-{number}", root=root)
            await manager.set_secret("API_TOKEN", f"value of {number}")
            managers.append(manager)
            counts.append(len(os.listdir("/proc/self/fd")))
        assert counts[-1] <= counts[2]
        assert await get_secret_manager("tenant-0", root=root) is managers[0]
        assert [await manager.get_secret("API_TOKEN") for manager in managers] == [f"value of {n}" for n in range(8)]

    asyncio.run(serve())


def test_the_public_names_lead_here():
    assert issubclass(sealproof.AdvancedSecretManager, AdvancedSecretManager)
    assert callable(sealproof.get_secret_manager)
    assert sealproof.SecretMetadata.__name__ == "SecretMetadata"
    assert sealproof.AccessControl.__name__ == "AccessControl"


def test_a_rotation_under_way_shows_as_versions_and_is_not_listed(work, root):
    from sealproof.envelope import seal as sealing  # noqa: PLC0415 - as a rotation would

    custodian = Custodian(root)
    unlocked = custodian.open("acme", "development")
    changes = {"DB_PASSWORD.pending": b"next"}
    writer = custodian.keyring.signing_key("writer")
    data = sealing.edit(unlocked, changes=changes, writer=writer, now=int(time.time()))
    custodian.store.write("acme", "development", data, expected=unlocked.envelope.data)
    versions = work(lambda manager: manager.get_versions("DB_PASSWORD"))
    assert [version.stage for version in versions] == ["current", "pending"]
    assert work(lambda manager: manager.list_secrets()) == ["DB_PASSWORD"]

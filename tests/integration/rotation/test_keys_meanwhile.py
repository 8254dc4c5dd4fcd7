"""Keys that change while a credential is rotated: refused where that blinds the rotation, safe where it is forced."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sealproof.envelope.cipher import reader_public
from sealproof.errors import CannotOpen, OperationUnderWay, RotationRefused, TargetUnavailable, UnknownSecret
from sealproof.loader.secret import Secret
from sealproof.rotation.states import State
from sealproof.rotation.strategies import Strategy
from sealproof.rotation.targets.api_keys import CallableTarget
from sealproof.rotation.targets.nothing import NoTarget
from sealproof.vault.backup.create import create
from sealproof.vault.backup.header import Recipients
from sealproof.vault.custodian import Custodian
from sealproof.vault.journal import Journal
from sealproof.vault.keys.epochs import Epochs
from sealproof.vault.keys.master import MasterRotation

from .bench import ENVIRONMENT, TENANT

SCOPE = (TENANT, ENVIRONMENT)
READER = reader_public(bytes(range(32)))


class Killed(BaseException):
    """Stops a process where a test wants it to."""


def new_epoch(bench) -> None:
    bench.custodian.rotate_epoch(*SCOPE, anyway=True)
    Epochs(bench.custodian).destroy(*SCOPE, despite_grace=True)


def reader_out(bench) -> None:
    bench.custodian.remove_reader(*SCOPE, READER, anyway=True)


def reader_in(bench) -> None:
    bench.custodian.add_reader(*SCOPE, reader_public(bytes(range(1, 33))))


def new_master(bench) -> None:
    MasterRotation(bench.custodian.keyring).rotate()


def everything(bench) -> None:
    for change in (reader_in, new_epoch, new_master, reader_out):
        change(bench)


def not_yet_set(bench) -> None:
    """Sealed as pending, and the target gives no answer."""

    def away(_: Secret) -> None:
        raise TargetUnavailable("nobody there")

    with pytest.raises(TargetUnavailable):
        bench.engine().rotate(bench.name, _with(bench, set=away))


def at_a_canary(bench) -> None:
    plan = bench.but(soak_s=3600.0, canaries=("web-1",)).plan
    assert bench.engine().rotate(bench.name, plan, strategy=Strategy.CANARY, wait=False).state is State.PROMOTING


def in_grace(bench) -> None:
    assert bench.engine().rotate(bench.name, bench.but(grace_s=3600.0).plan, wait=False).state is State.GRACE


def going_back(bench) -> None:
    in_grace(bench)
    waiting = bench.engine().abandon(bench.name, bench.but(grace_s=3600.0).plan, wait=False)
    assert waiting.state is State.ROLLING_BACK


STANDS = [not_yet_set, at_a_canary, in_grace, going_back]
CHANGES = [new_epoch, reader_out, reader_in, new_master, everything]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("stand", STANDS)
def test_whatever_key_changes_the_rotation_reaches_its_end(at, stand: Callable, change: Callable):
    bench = at("callable")
    bench.custodian.add_reader(*SCOPE, READER)
    before = {name: value.reveal() for name, value in bench.values().items()}
    stand(bench)
    held = {name: value.reveal() for name, value in bench.values().items()}
    change(bench)
    assert {name: value.reveal() for name, value in bench.values().items()} == held
    plan = bench.but(users=0, canaries=("web-1",)).plan
    result = bench.engine().rotate(bench.name, plan)
    assert result.state is (State.ROLLED_BACK if stand is going_back else State.DONE)
    assert (bench.current().reveal() == before[bench.name]) is (stand is going_back)
    assert list(bench.values()) == [bench.name]
    assert bench.plan.target.is_effective(bench.current())
    assert bench.valid() == 1


@pytest.mark.parametrize("change", [new_epoch, everything])
@pytest.mark.parametrize("stand", STANDS)
def test_whatever_key_changes_the_rotation_can_be_given_up(at, stand: Callable, change: Callable):
    bench = at("callable")
    bench.custodian.add_reader(*SCOPE, READER)
    before = bench.current().reveal()
    stand(bench)
    change(bench)
    assert bench.engine().abandon(bench.name, bench.plan).state is State.ROLLED_BACK
    assert {name: value.reveal() for name, value in bench.values().items()} == {bench.name: before}
    assert bench.valid() == 1


def test_a_key_from_before_opens_nothing_of_it(at):
    bench = at("callable")
    old = bench.custodian.keyring.key_lines(*SCOPE)
    in_grace(bench)
    new_epoch(bench)
    assert {line.epoch for line in old}.isdisjoint(line.epoch for line in bench.custodian.keyring.key_lines(*SCOPE))
    bench.engine().rotate(bench.name, bench.plan)


@pytest.mark.parametrize("stand", STANDS)
def test_a_new_data_key_is_refused_while_a_credential_is_rotated(at, stand: Callable):
    bench = at("callable")
    bench.custodian.add_reader(*SCOPE, READER)
    stand(bench)
    data = bench.custodian.envelope(*SCOPE).data
    for change in (
        lambda: bench.custodian.rotate_epoch(*SCOPE),
        lambda: bench.custodian.remove_reader(*SCOPE, READER),
    ):
        with pytest.raises(OperationUnderWay) as refused:
            change()
        assert f"credential.rotate of acme/development/{bench.name} is under way" in refused.value.message
        assert f"sealproof rotate {bench.name} --tenant acme --environment development --abandon" in refused.value.hint
    assert bench.custodian.envelope(*SCOPE).data == data
    assert bench.custodian.keyring.journal.unfinished("epoch.rotate") == []


def test_another_file_s_rotation_is_no_reason_to_refuse(at):
    bench = at("callable")
    bench.custodian.seal(TENANT, "staging", {"COOKIE_KEY": b"fjord-anvil-9037-mosaic"})
    in_grace(bench)
    bench.custodian.rotate_epoch(TENANT, "staging")


def test_a_rotation_does_not_begin_while_a_new_epoch_is_half_made(at):
    bench = at("callable")

    def stop(point: str) -> None:
        if point == "epoch.rotate:seal:written":
            raise Killed

    with pytest.raises(Killed):
        Custodian(bench.root, reached=stop).rotate_epoch(*SCOPE)
    with pytest.raises(RotationRefused, match=r"epoch\.rotate of acme/development is not finished") as refused:
        bench.engine().rotate(bench.name, bench.plan)
    assert refused.value.hint == "sealproof key resume"
    bench.custodian.rotate_epoch(*SCOPE)
    assert bench.engine().rotate(bench.name, bench.plan).state is State.DONE


def test_a_backup_that_was_broken_off_keeps_no_rotation_from_beginning(at, tmp_path):
    bench = at("callable")

    def stop(point: str) -> None:
        if point == "backup.create:file":
            raise Killed

    with pytest.raises(Killed):
        create(Custodian(bench.root, reached=stop), TENANT, Recipients((READER,)), directory=str(tmp_path), name="x")
    assert Journal(bench.root).unfinished("backup.create", TENANT)
    assert bench.engine().rotate(bench.name, bench.plan).state is State.DONE


def test_a_removed_secret_does_not_keep_its_rotation_from_being_given_up(at):
    bench = at("callable")
    in_grace(bench)
    bench.custodian.remove(*SCOPE, bench.name)
    with pytest.raises(UnknownSecret):
        bench.engine().rotate(bench.name, bench.plan)
    result = bench.engine().abandon(bench.name, bench.plan)
    assert (result.state, "was removed meanwhile" in result.why) == (State.ROLLED_BACK, True)
    assert bench.values() == {}
    assert bench.engine().underway() == []


def test_a_value_set_by_hand_in_grace_stays_and_what_it_replaced_is_ended_by_the_next_rotation(at):
    bench = at("callable")
    in_grace(bench)
    new = bench.current()
    typed = Secret("typed-by-hand-meanwhile-4711")
    bench.plan.target.set(typed, current=new)
    bench.custodian.seal(*SCOPE, {bench.name: typed.reveal().encode()})
    waiting = bench.engine().rotate(bench.name, bench.plan)
    assert (waiting.state, "changed by somebody else" in waiting.why) == (State.NEEDS_HUMAN, True)
    result = bench.engine().abandon(bench.name, bench.plan)
    assert (result.state, "that value stays" in result.why) == (State.ROLLED_BACK, True)
    assert bench.current().reveal() == typed.reveal()
    assert bench.engine().rotate(bench.name, bench.plan).state is State.DONE
    assert bench.plan.target.is_effective(bench.current())
    assert not bench.plan.target.is_effective(typed)


def test_a_plan_with_another_target_is_not_gone_on_with_and_can_be_given_up(at):
    bench = at("callable")
    before = bench.current().reveal()
    in_grace(bench)
    moved = bench.but(target=NoTarget()).plan
    with pytest.raises(RotationRefused, match="began at our service, and the plan now says a secret without a target"):
        bench.engine().rotate(bench.name, moved)
    result = bench.engine().abandon(bench.name, moved)
    assert result.state is State.ROLLED_BACK
    assert any("another target than the plan's" in note for note in result.notes)
    assert bench.current().reveal() == before
    assert bench.valid() == 2  # nobody told the target, and the file remembers what to tell it
    assert bench.engine().rotate(bench.name, bench.plan).state is State.DONE
    assert bench.valid() == 1


def test_without_any_plan_it_can_be_given_up_and_says_why(at):
    bench = at("callable")
    at_a_canary(bench)
    result = bench.engine().abandon(bench.name, None, why="rotation.toml is no TOML")
    assert (result.state, result.notes[0]) == (State.ROLLED_BACK, "rotation.toml is no TOML")


def test_a_target_whose_own_secret_is_gone_does_not_keep_a_rotation_from_being_given_up(at):
    bench = at("callable")
    in_grace(bench)

    def lost(_: Secret) -> None:
        raise UnknownSecret("acme/rotator has no secret PG_ADMIN_URL, which rotation.toml names")

    result = bench.engine().abandon(bench.name, _with(bench, test=lost, revoke=lost))
    assert result.state is State.ROLLED_BACK
    assert any("PG_ADMIN_URL" in note for note in result.notes)


def test_a_file_that_does_not_open_is_no_reason_to_call_a_rotation_given_up(at):
    bench = at("callable")
    in_grace(bench)
    path = f"{bench.root}/tenants/{TENANT}/.env.enc"
    with open(path, "rb") as file:
        kept = file.read()
    with open(path, "wb") as file:
        file.write(kept.replace(b'"generation":', b'"generation":9', 1))
    with pytest.raises(CannotOpen):
        bench.engine().abandon(bench.name, bench.plan)
    with open(path, "wb") as file:
        file.write(kept)
    assert bench.engine().abandon(bench.name, bench.plan).state is State.ROLLED_BACK
    assert bench.valid() == 1
    assert Journal(bench.root).verify() > 0


def _with(bench, **functions):
    """The bench's plan, with some of its target's functions replaced."""
    kept = {name: getattr(bench.plan.target, f"_{name}") for name in ("is_effective", "set", "test", "revoke")}
    return bench.but(target=CallableTarget(name="our service", **{**kept, **functions})).plan

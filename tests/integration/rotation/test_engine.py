"""A rotation from its beginning to its end, and back, at each kind of target."""

from __future__ import annotations

import pytest

from sealproof.errors import OperationUnderWay, RotationRefused, TargetRefused, TargetUnavailable, UnknownSecret
from sealproof.loader.secret import Secret
from sealproof.rotation.engine import KIND
from sealproof.rotation.notify import CallableNotifier
from sealproof.rotation.rollout import ENTRY
from sealproof.rotation.states import State
from sealproof.rotation.strategies import Strategy
from sealproof.rotation.targets.api_keys import CallableTarget
from sealproof.rotation.targets.interface import Capabilities
from sealproof.rotation.targets.manual import ManualTarget
from sealproof.rotation.targets.nothing import NoTarget
from sealproof.vault.journal import Journal

from .bench import ENVIRONMENT, TENANT, at_postgres


def test_a_rotation_leaves_one_new_credential_and_nothing_beside_it(bench):
    before = bench.current()
    result = bench.engine().rotate(bench.name, bench.plan)
    assert (result.state, result.strategy) == (State.DONE, Strategy.BLUE_GREEN)
    assert list(bench.values()) == [bench.name]
    assert bench.current().reveal() != before.reveal()
    assert bench.plan.target.is_effective(bench.current())
    assert not bench.plan.target.is_effective(before)
    assert bench.valid() == 1
    assert ENTRY not in bench.custodian.open(TENANT, ENVIRONMENT).values()


def test_ten_in_a_row_are_ten_different_values(bench):
    seen = {bench.current().reveal()}
    for _ in range(10):
        assert bench.engine().rotate(bench.name, bench.plan).state is State.DONE
        seen.add(bench.current().reveal())
    assert len(seen) == 11
    assert bench.valid() == 1


def test_the_journal_says_every_step_and_no_value(bench):
    values = [bench.current().reveal()]
    result = bench.engine().rotate(bench.name, bench.plan)
    values.append(bench.current().reveal())
    lines = [entry for entry in Journal(bench.root).entries() if entry.kind == KIND]
    assert [entry.event for entry in lines] == [
        "begin", "notified", "created", "set", "tested", "current", "grace", "revoked", "done",
    ]  # fmt: skip
    assert {entry.operation for entry in lines} == {result.rotation}
    text = b"".join(entry.line for entry in lines).decode()
    assert not [value for value in values if value in text or value.rpartition(":")[2].partition("@")[0] in text]
    assert Journal(bench.root).verify() >= len(lines)


def test_a_value_is_sealed_as_pending_before_the_target_sees_it(at):
    bench = at("callable")
    seen = []

    def set_(value):
        seen.append(bench.values()[f"{bench.name}.pending"].reveal() == value.reveal())

    target = CallableTarget(
        name="watched", is_effective=lambda _: bool(seen), set=set_, test=lambda _: None, revoke=lambda _: None,
        capabilities=Capabilities(overlap=2, verifiable=False),
    )  # fmt: skip
    bench.engine().rotate(bench.name, bench.but(target=target).plan)
    assert seen == [True]


def test_a_value_that_is_refused_twice_is_thrown_away_and_the_second_one_taken(at):
    bench = at("callable")
    offered = []

    def choosy(value):
        offered.append(value.reveal())
        if len(set(offered)) == 1:
            raise TargetRefused("too pretty")
        bench.plan.target.set(value, current=value)

    plan = _with(bench, set=choosy)
    result = bench.engine().rotate(bench.name, plan)
    assert result.state is State.DONE
    assert offered[0] == offered[1] != offered[2] == bench.current().reveal()


def test_a_target_that_refuses_every_value_ends_in_a_rollback_that_says_why(at):
    bench = at("callable")
    before = bench.current().reveal()
    offered = []

    def never(value):
        offered.append(value.reveal())
        raise TargetRefused("no room for another key")

    result = bench.engine().rotate(bench.name, _with(bench, set=never))
    assert result.state is State.ROLLED_BACK
    assert "refused twice" in result.why
    assert "no room for another key" in result.why
    assert len(offered) == 4
    assert {name: value.reveal() for name, value in bench.values().items()} == {bench.name: before}


def test_a_present_value_that_does_not_work_is_no_business_of_this_target(bench):
    plan = bench.plan
    bench.custodian.seal(TENANT, ENVIRONMENT, {bench.name: _never_valid(bench)})
    result = bench.engine().rotate(bench.name, plan)
    assert result.state is State.ROLLED_BACK
    assert "the present value does not work" in result.why
    assert bench.valid() == 1
    assert bench.engine().rotate(bench.name, plan, unproven=True).state is State.DONE


def test_a_target_that_gives_no_answer_stops_the_rotation_and_the_next_call_goes_on(at):
    bench = at("callable")
    away = [True]

    def maybe(value):
        if away[0]:
            raise TargetUnavailable("nobody there")
        bench.plan.target.set(value, current=value)

    plan = _with(bench, set=maybe)
    with pytest.raises(TargetUnavailable):
        bench.engine().rotate(bench.name, plan)
    assert f"{bench.name}.pending" in bench.values()
    (operation,) = bench.engine().underway(bench.name)
    away.clear()
    away.append(False)
    result = bench.engine().rotate(bench.name, plan)
    assert (result.rotation, result.state) == (operation.id, State.DONE)


def test_nobody_else_works_on_a_secret_that_is_leased(at):
    bench = at("callable")

    def second(_):
        with pytest.raises(OperationUnderWay):
            bench.engine().rotate(bench.name, bench.plan)

    assert bench.engine().rotate(bench.name, _with(bench, test=second)).state is State.DONE


def test_abandoning_before_the_flip_leaves_the_old_value_alone(bench):
    before = bench.current().reveal()
    plan = bench.but(soak_s=3600.0, canaries=("web-1",)).plan
    paused = bench.engine().rotate(bench.name, plan, strategy=Strategy.CANARY, wait=False)
    assert paused.state is State.PROMOTING
    assert bench.valid() == 2
    result = bench.engine().abandon(bench.name, plan)
    assert (result.state, result.why) == (State.ROLLED_BACK, "abandoned")
    assert {name: value.reveal() for name, value in bench.values().items()} == {bench.name: before}
    assert bench.valid() == 1


def test_a_rotation_under_way_does_not_become_another_kind(at):
    bench = at("callable")
    plan = bench.but(soak_s=3600.0, canaries=("web-1",)).plan
    bench.engine().rotate(bench.name, plan, strategy=Strategy.CANARY, wait=False)
    with pytest.raises(RotationRefused, match="under way as canary, so it does not become immediate"):
        bench.engine().rotate(bench.name, plan, strategy=Strategy.IMMEDIATE)
    assert bench.engine().rotate(bench.name, plan, strategy=Strategy.CANARY, wait=False).state is State.PROMOTING


def test_abandoning_within_grace_flips_back_at_once(bench):
    before = bench.current().reveal()
    slow = bench.but(grace_s=3600.0).plan
    paused = bench.engine().rotate(bench.name, slow, wait=False)
    assert (paused.state, bench.current().reveal() == before) == (State.GRACE, False)
    waiting = bench.engine().abandon(bench.name, slow, wait=False)
    assert (waiting.state, bench.current().reveal() == before) == (State.ROLLING_BACK, True)
    assert bench.engine().rotate(bench.name, bench.plan).state is State.ROLLED_BACK
    assert bench.valid() == 1


def test_abandoning_works_without_the_target_and_the_next_rotation_ends_what_was_left(at):
    bench = at("callable")
    before = bench.current().reveal()
    paused = bench.engine().rotate(bench.name, bench.but(grace_s=3600.0).plan, wait=False)
    assert paused.state is State.GRACE

    def away(_):
        raise TargetUnavailable("nobody there")

    result = bench.engine().abandon(bench.name, _with(bench, test=away, revoke=away))
    assert result.state is State.ROLLED_BACK
    assert any("the next rotation ends there" in note for note in result.notes)
    assert bench.current().reveal() == before
    assert bench.valid() == 2
    assert bench.engine().rotate(bench.name, bench.plan).state is State.DONE
    assert bench.valid() == 1


def test_abandoning_after_the_old_one_may_have_ended_only_goes_forward(at):
    bench = at("callable")

    def stuck(_):
        raise TargetUnavailable("nobody there")

    plan = _with(bench, revoke=stuck)
    with pytest.raises(TargetUnavailable):
        bench.engine().rotate(bench.name, plan)
    new = bench.current().reveal()
    result = bench.engine().abandon(bench.name, plan)
    assert result.state is State.DONE
    assert bench.current().reveal() == new
    assert bench.engine().rotate(bench.name, bench.plan).state is State.DONE
    assert bench.valid() == 1


def test_there_is_nothing_to_abandon(at):
    bench = at("callable")
    with pytest.raises(UnknownSecret):
        bench.engine().abandon(bench.name, bench.plan)


def test_a_value_changed_by_hand_meanwhile_needs_a_person(at):
    bench = at("callable")
    paused = bench.engine().rotate(
        bench.name, bench.but(soak_s=3600.0, canaries=("web-1",)).plan, strategy=Strategy.CANARY, wait=False
    )
    assert paused.state is State.PROMOTING
    bench.custodian.seal(TENANT, ENVIRONMENT, {bench.name: b"typed-by-hand-meanwhile"})
    plan = bench.but(users=0, canaries=("web-1",)).plan
    result = bench.engine().rotate(bench.name, plan)
    assert result.state is State.NEEDS_HUMAN
    assert "changed by somebody else" in result.why
    assert bench.engine().abandon(bench.name, plan).state is State.ROLLED_BACK
    assert bench.current().reveal() == "typed-by-hand-meanwhile"


def test_an_old_value_that_goes_on_working_needs_a_person(at):
    bench = at("callable")
    result = bench.engine().rotate(bench.name, _with(bench, revoke=lambda _: None))
    assert result.state is State.NEEDS_HUMAN
    assert "still opens" in result.why
    assert bench.engine().rotate(bench.name, bench.plan).state is State.DONE
    assert bench.valid() == 1


def test_an_own_validation_that_fails_needs_a_person(at):
    bench = at("callable")

    def validate(_):
        raise TargetRefused("the application is not well")

    result = bench.engine().rotate(bench.name, bench.but(validate=validate).plan)
    assert (result.state, result.why) == (State.NEEDS_HUMAN, "the application is not well")


def test_a_secret_without_a_target_gets_a_new_value_and_is_told_that_nothing_outside_changed(at):
    bench = at("callable")
    before = bench.custodian.open(TENANT, ENVIRONMENT).values()["COOKIE_KEY"]
    result = bench.engine().rotate("COOKIE_KEY", bench.but(target=NoTarget()).plan)
    assert (result.state, result.strategy) == (State.DONE, Strategy.IMMEDIATE)
    assert "nothing outside changed" in result.notes[0]
    assert bench.custodian.open(TENANT, ENVIRONMENT).values()["COOKIE_KEY"] != before


def test_a_target_without_overlap_takes_only_immediate_and_says_what_that_means(store, postgres):
    owner, login, _ = postgres.owner_with_logins(first_password="first-of-many")
    bench = at_postgres(store, postgres, roles=(owner, login))
    with pytest.raises(RotationRefused, match="two valid credentials at once"):
        bench.engine().rotate(bench.name, bench.plan, strategy=Strategy.BLUE_GREEN)
    before = bench.current()
    result = bench.engine().rotate(bench.name, bench.plan)
    assert (result.state, result.strategy) == (State.DONE, Strategy.IMMEDIATE)
    assert "not zero downtime" in result.notes[0]
    assert "one credential only" in result.notes[0]
    assert not bench.plan.target.is_effective(before)
    assert bench.plan.target.is_effective(bench.current())


def test_immediate_ends_the_old_value_at_once_where_two_could_be_valid_and_says_so(bench):
    before = bench.current()
    plan = bench.but(grace_s=3600.0, patience_s=3600.0).plan
    result = bench.engine().rotate(bench.name, plan, strategy=Strategy.IMMEDIATE, wait=False)
    assert (result.state, result.strategy) == (State.DONE, Strategy.IMMEDIATE)
    assert result.notes == ("not zero downtime: the old value ended at once (nobody who used it was waited for)",)
    assert not bench.plan.target.is_effective(before)
    assert bench.valid() == 1


def test_a_gradual_rotation_that_nobody_was_there_to_judge_says_so(at):
    bench = at("callable")
    result = bench.engine().rotate(bench.name, bench.plan, strategy=Strategy.GRADUAL)
    assert (result.state, result.notes) == (
        State.DONE,
        ("no consumer of acme/development is registered, so nobody was watched",),
    )


def test_a_target_without_overlap_gets_its_old_password_back_when_the_new_one_does_not_do(store, postgres):
    owner, login, _ = postgres.owner_with_logins(first_password="first-of-many")
    bench = at_postgres(store, postgres, roles=(owner, login))
    before = bench.current()
    tried = []

    def choosy(value):
        if value.reveal() != before.reveal():
            tried.append(value.reveal())
            raise TargetRefused("not this one")

    bench.plan.target.test = choosy
    assert bench.engine().rotate(bench.name, bench.plan).state is State.ROLLED_BACK
    assert len(set(tried)) == 2
    assert bench.current().reveal() == before.reveal()
    assert bench.plan.target.is_effective(before)


def test_a_manual_secret_waits_for_a_person_tests_what_was_handed_over_and_finishes(at):
    bench = at("callable")
    good = "made-by-hand-at-the-service"

    works = {"first-of-many"}

    def test(value):
        if value.reveal() not in works:
            raise TargetRefused("the token endpoint refused it")

    told = []
    plan = bench.but(target=ManualTarget("dashboard.example", test=test)).plan
    notifiers = [CallableNotifier(told.append)]
    waiting = bench.engine(notifiers=notifiers).rotate(bench.name, plan)
    assert waiting.state is State.NEEDS_HUMAN
    assert "dashboard.example" in waiting.why
    assert [notice.kind for notice in told] == ["starting", "needs-human"]
    assert bench.engine().rotate(bench.name, plan).state is State.NEEDS_HUMAN
    works.clear()
    works.add(good)
    wrong = bench.engine().rotate(bench.name, plan, value=Secret("a-typing-error-of-some-length"))
    assert wrong.state is State.NEEDS_HUMAN
    assert "refused twice" in wrong.why
    result = bench.engine().rotate(bench.name, plan, value=Secret(good))
    assert (result.rotation, result.state) == (waiting.rotation, State.DONE)
    assert bench.current().reveal() == good


def test_what_was_pasted_before_a_crash_may_be_pasted_again_and_nothing_else(at):
    bench = at("manual")
    waiting = bench.engine().rotate(bench.name, bench.plan)
    made = bench.person.make(waiting.rotation)

    def crash(point):
        if point.endswith("tested:before"):
            raise TargetUnavailable("as if it had been killed")

    with pytest.raises(TargetUnavailable):
        bench.engine(reached=crash).rotate(bench.name, bench.plan, value=made)
    with pytest.raises(RotationRefused, match="to a value already"):
        bench.engine().rotate(bench.name, bench.plan, value=Secret("a-typing-error"))
    result = bench.engine().rotate(bench.name, bench.plan, value=made)
    assert (result.rotation, result.state, bench.current().reveal()) == (waiting.rotation, State.DONE, made.reveal())


def test_a_value_pasted_anew_takes_the_place_of_the_one_before_it_was_tried(at):
    bench = at("manual")
    waiting = bench.engine().rotate(bench.name, bench.plan)

    def crash(point):
        if point.endswith("set:before"):
            raise TargetUnavailable("as if it had been killed")

    with pytest.raises(TargetUnavailable):
        bench.engine(reached=crash).rotate(bench.name, bench.plan, value=Secret("a-typing-error"))
    made = bench.person.make(waiting.rotation)
    assert bench.engine().rotate(bench.name, bench.plan, value=made).state is State.DONE
    assert bench.current().reveal() == made.reveal()


def test_a_rotation_by_hand_is_not_given_up_once_the_old_value_has_ended(at):
    bench = at("manual")
    made = bench.person.make(bench.engine().rotate(bench.name, bench.plan).rotation)

    def crash(point):
        if point.endswith("grace:before"):
            raise TargetUnavailable("as if it had been killed")

    with pytest.raises(TargetUnavailable):
        bench.engine(reached=crash).rotate(bench.name, bench.plan, value=made)
    result = bench.engine().abandon(bench.name, bench.plan)
    assert (result.state, bench.current().reveal()) == (State.DONE, made.reveal())
    assert any("works no longer" in note for note in result.notes)


def test_a_rotation_by_hand_given_up_before_the_value_was_pasted_says_that_the_old_one_has_ended(at):
    bench = at("manual")
    bench.person.make(bench.engine().rotate(bench.name, bench.plan).rotation)
    result = bench.engine().abandon(bench.name, bench.plan)
    assert result.state is State.ROLLED_BACK
    assert any("hand over the value that does" in note for note in result.notes)


def test_a_new_value_that_goes_on_working_after_a_rollback_needs_a_person(at):
    bench = at("callable")
    plan = _with(bench.but(canaries=("web-1",), patience_s=0.0), revoke=lambda _: None)
    result = bench.engine().rotate(bench.name, plan, strategy=Strategy.CANARY)
    assert result.state is State.NEEDS_HUMAN
    assert "the new value still opens" in result.why
    assert bench.engine().rotate(bench.name, bench.plan).state is State.ROLLED_BACK
    assert bench.valid() == 1


def test_a_handed_over_value_is_used_as_it_is_and_the_present_one_is_refused(at):
    bench = at("callable")
    result = bench.engine().rotate(bench.name, bench.plan, value=Secret("handed-over-by-another-system"))
    assert result.state is State.DONE
    assert bench.current().reveal() == "handed-over-by-another-system"


def _with(bench, **functions):
    """The bench's plan, with some of its target's functions replaced."""
    target = bench.plan.target
    kept = {name: getattr(target, f"_{name}") for name in ("is_effective", "set", "test", "revoke")}
    return bench.but(target=CallableTarget(name="our service", **{**kept, **functions})).plan


def _never_valid(bench) -> bytes:
    """A well-formed value that the target has never seen."""
    return bench.plan.generator(bench.current()).reveal().encode()

"""A process that was overtaken can write neither the journal nor, so, the next side effect."""

from __future__ import annotations

import pytest

from sealproof.errors import OperationUnderWay
from sealproof.rotation.engine import KIND
from sealproof.rotation.states import State
from sealproof.vault.journal import Journal


def test_a_process_that_was_overtaken_cannot_go_on(at):
    bench = at("callable")
    slow = bench.but(grace_s=3600.0).plan
    assert bench.engine().rotate(bench.name, slow, wait=False).state is State.GRACE
    (overtaken,) = Journal(bench.root).unfinished(KIND)
    assert bench.engine().rotate(bench.name, bench.plan).state is State.DONE
    with pytest.raises(OperationUnderWay):
        overtaken.step(State.REVOKED.value)
    assert bench.valid() == 1


def test_each_line_has_a_larger_fencing_number_than_the_one_before(at):
    bench = at("callable")
    numbers = []
    paused = bench.engine().rotate(bench.name, bench.but(grace_s=3600.0).plan, wait=False)
    numbers.append(Journal(bench.root).unfinished(KIND)[0].fence)
    assert paused.state is State.GRACE
    bench.engine().abandon(bench.name, bench.but(grace_s=3600.0).plan, wait=False)
    numbers.append(Journal(bench.root).unfinished(KIND)[0].fence)
    assert numbers == sorted(set(numbers))

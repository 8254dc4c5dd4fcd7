from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sealproof.findings import Evidence, Status
from sealproof.reports import _states
from sealproof.reports.coverage import Claim

parts = st.lists(st.tuples(st.sampled_from(["pass", "fail", "error"]), st.integers(0, 10**6)), max_size=7)


@given(parts)
def test_a_bar_fills_its_width_and_hides_nothing(counted: list[tuple[str, int]]) -> None:
    segments = _states.bar(counted)
    assert len(segments) == sum(count > 0 for _, count in counted)
    assert all(part.width >= 12 for part in segments)
    if segments:
        assert segments[0].start == 0
        assert segments[-1].start + segments[-1].width == _states.BAR
    for left, right in pairwise(segments):
        assert left.start + left.width < right.start


def test_each_state_class_and_claim_has_its_words() -> None:
    assert set(_states.WORST_FIRST) == set(_states.STATE_WORDS) == set(_states.STATE_MEANINGS) == set(Status)
    assert set(_states.EVIDENCE_WORDS) == set(_states.EVIDENCE_MEANINGS) == set(Evidence)
    assert set(_states.CLAIM_STATES) == set(Claim)

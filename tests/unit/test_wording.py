from __future__ import annotations

import pytest

from sealproof.wording import counted


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 tenants"), (1, "1 tenant"), (2, "2 tenants"), (1000, "1000 tenants")]
)
def test_one_thing_is_not_several(count: int, words: str) -> None:
    assert counted(count, "tenant") == words


def test_an_uncommon_plural_is_given() -> None:
    assert [counted(count, "access", "accesses") for count in (1, 2)] == ["1 access", "2 accesses"]

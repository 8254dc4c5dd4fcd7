"""What an answer is worth: one case for each way to be wrong."""

from __future__ import annotations

import hmac
import json
from typing import TYPE_CHECKING

import pytest

from sealproof.loadtests.expected import Expected, Verdict

if TYPE_CHECKING:
    from pathlib import Path

KEY = b"k" * 32
OWN, SECOND, FOREIGN = "canary-own", "canary-second", "canary-foreign"


def digest(value: str) -> str:
    return hmac.digest(KEY, value.encode(), "sha256").hex()


DIGESTS = {"a": {"ONE": digest(OWN), "TWO": digest(SECOND)}, "b": {"ONE": digest(FOREIGN)}}


def body(tenant: str = "a", name: str = "ONE", value: object = OWN, **more: object) -> str:
    return json.dumps({"tenant": tenant, "name": name, "value": value, **more})


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (body(), Verdict.OWN),
        (body(value=FOREIGN), Verdict.FOREIGN),
        (body(tenant="b", value=FOREIGN), Verdict.FOREIGN),
        (body(more=FOREIGN), Verdict.FOREIGN),
        (f"{body()}{FOREIGN}", Verdict.FOREIGN),
        (f"<p>{FOREIGN}</p>", Verdict.FOREIGN),
        (body(value=SECOND), Verdict.MISSING),
        (body(tenant="b"), Verdict.MISSING),
        (body(name="TWO"), Verdict.MISSING),
        (body(more=SECOND), Verdict.MISSING),
        (body(value="canary-unknown"), Verdict.MISSING),
        (body(value=""), Verdict.MISSING),
        (body(value=None), Verdict.MISSING),
        (json.dumps([OWN]), Verdict.MISSING),
        (OWN, Verdict.MISSING),
        ("", Verdict.MISSING),
    ],
)
def test_only_exactly_its_own_canary_is_own(answer: str, verdict: Verdict) -> None:
    assert Expected(KEY, DIGESTS).judge("a", "ONE", status=200, headers="", body=answer) is verdict


def test_a_foreign_canary_in_a_header_or_a_refusal_is_foreign() -> None:
    expected = Expected(KEY, DIGESTS)
    assert expected.judge("a", "ONE", status=200, headers=f"X-Last: {FOREIGN}", body=body()) is Verdict.FOREIGN
    assert expected.judge("a", "ONE", status=500, headers="", body=f'{{"error": "{FOREIGN}"}}') is Verdict.FOREIGN


@pytest.mark.parametrize("status", [0, 204, 404, 500])
def test_what_is_no_answer_is_an_error(status: int) -> None:
    assert Expected(KEY, DIGESTS).judge("a", "ONE", status=status, headers="", body=body()) is Verdict.ERROR


def test_it_is_read_from_its_file_and_shows_nothing(tmp_path: Path) -> None:
    path = tmp_path / "expected.json"
    path.write_text(json.dumps({"key": KEY.hex(), "digests": DIGESTS}))
    expected = Expected.read(str(path))
    assert expected.secrets == [("a", "ONE"), ("a", "TWO"), ("b", "ONE")]
    assert expected.judge("b", "ONE", status=200, headers="", body=body("b", "ONE", FOREIGN)) is Verdict.OWN
    assert repr(expected) == "Expected(2 tenants)"

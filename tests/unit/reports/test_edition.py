"""A tenant's edition names no other tenant, in any file of it, whatever the run says."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealproof.errors import UnknownTenant
from sealproof.findings import Input, NotRun, Scope, Status, failed
from sealproof.reports.edition import ELSEWHERE, WITHHELD, edition
from sealproof.reports.formats import render_all
from sealproof.reports.verify import verify
from sealproof.reports.write import write_report

if TYPE_CHECKING:
    from pathlib import Path

    from sealproof.compliance.catalogue import Catalogue
    from sealproof.findings import RunResult
    from sealproof.signing import SigningKey

CANARIES = ("canary-kestrel", "canary-osprey-eu")
OWN = "canary"
"""A name that is the beginning of the others': the hard case."""


@pytest.fixture
def fleet(run: RunResult) -> RunResult:
    """Return a run in which every text of a store-wide or own result names another tenant somewhere."""
    renamed = dict(zip(("aurora", "borealis", "cirrus"), (OWN, *CANARIES), strict=True))
    results = [
        replace(item, scope=Scope(renamed.get(item.scope.tenant, ""), item.scope.environment)) for item in run.results
    ]
    other = CANARIES[0]
    planted = tuple(
        failed(text.format(other), text.format(other.upper()), expected=text.format(other), fix=text.format(other))
        for text in ("tenants/{}/.env.enc", "{}.production", "key of {}_old", "shared with '{}'", "{0}{0}", "x{}y")
    )
    planted += (failed(ELSEWHERE, f"seen in {other.upper()}", expected="", fix=""),)
    mine = failed(
        f"{OWN}/development/TOKEN", "31 bits", expected="80 bits", fix=f"sealproof rotate TOKEN --tenant {OWN}"
    )
    results = [
        replace(
            item,
            findings=(*planted, mine),
            inputs=(Input(f"tenants/{other}/.env.enc", "0" * 64), Input(f"tenants/{OWN}/.env.enc", "1" * 64)),
            parameters=(("compared_with", other),),
            status=Status.FAIL,
        )
        for item in results
    ]
    return replace(
        run,
        tenants=(OWN, *CANARIES),
        results=tuple(results),
        notes=(f"{CANARIES[1]} was slow", "nothing else"),
        not_run=(NotRun("LOD-003", f"deselected: {CANARIES[1]}"), *run.not_run[1:]),
        rollback=f"protected for {other}",
        waivers=tuple(replace(waiver, scope=Scope(other, "development")) for waiver in run.waivers),
    )


def _texts(directory: Path) -> dict[str, str]:
    read = {path.name: path.read_text("utf-8") for path in directory.iterdir()}
    signed = {
        name: base64.b64decode(json.loads(text)["payload"]).decode() for name, text in read.items() if "dsse" in name
    }
    return read | {f"{name} (payload)": text for name, text in signed.items()}


def test_no_file_of_an_edition_names_another_tenant(
    tmp_path: Path, fleet: RunResult, catalogue: Catalogue, key: SigningKey
) -> None:
    write_report(tmp_path / "own", edition(fleet, OWN), catalogue, [key])
    for name, text in _texts(tmp_path / "own").items():
        for canary in CANARIES:
            assert canary not in text.lower(), name
    assert verify(tmp_path / "own", [key.public]).edition == OWN


_NAMES = st.lists(
    st.from_regex(r"zq[a-z0-9]{2,5}(-[a-z0-9]{1,3})?", fullmatch=True), min_size=2, max_size=4, unique=True
)
"""Names that no text of a report holds by itself; one may well be the beginning of another."""
_AROUND = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=6)


@st.composite
def _said(draw: st.DrawFn, names: list[str]) -> str:
    """Return a text that names tenants, in any case, next to anything."""
    parts = draw(st.lists(st.one_of(_AROUND, st.sampled_from([*names, *map(str.upper, names)])), max_size=4))
    return "".join(parts)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), _NAMES)
def test_no_text_whatsoever_names_another_tenant_in_an_edition(
    run: RunResult, catalogue: Catalogue, data: st.DataObject, names: list[str]
) -> None:
    def text() -> str:
        return data.draw(_said(names))

    results = tuple(
        replace(
            item,
            scope=Scope(data.draw(st.sampled_from(["", *names])) if item.scope.tenant else ""),
            status=Status.FAIL,
            findings=(failed(text() or "-", text(), expected=text(), fix=text()),),
            inputs=(Input(text(), "0" * 64),),
            parameters=(("limit", text()),),
        )
        for item in run.results[:4]
    )
    told = replace(
        run,
        tenants=tuple(names),
        results=results,
        notes=(text(),),
        not_run=(NotRun("LOD-003", text()),),
        rollback=text(),
        waivers=tuple(replace(waiver, scope=Scope(names[0]), reason=text(), owner=text()) for waiver in run.waivers),
    )
    for name, content in render_all(edition(told, names[0]), catalogue, signer="").items():
        read = content.decode().lower()
        assert [other for other in names[1:] if other in read and other not in names[0]] == [], name


def test_the_operator_s_report_names_them(tmp_path: Path, fleet: RunResult, catalogue: Catalogue) -> None:
    write_report(tmp_path / "all", fleet, catalogue)
    for name, text in _texts(tmp_path / "all").items():
        assert all(canary in text.lower() for canary in CANARIES), name


def test_an_edition_keeps_its_own_findings_and_every_state(fleet: RunResult) -> None:
    own = edition(fleet, OWN)
    kept = [item for item in fleet.results if item.scope.tenant in {"", OWN}]
    assert [(item.check, item.scope, item.status) for item in own.results] == [
        (item.check, item.scope, item.status) for item in kept
    ]
    for result in own.results:
        *withheld, mine = result.findings
        assert mine.resource == f"{OWN}/development/TOKEN"
        assert {(item.resource, item.observed, item.fix) for item in withheld} == {(ELSEWHERE, WITHHELD, "")}
        assert [item.name for item in result.inputs] == [f"tenants/{OWN}/.env.enc"]
    assert (own.notes, own.history, own.parts, own.waivers) == (("nothing else",), (), (), ())
    assert own.tenants == (OWN,)


def test_a_waiver_of_its_own_stays(run: RunResult) -> None:
    assert edition(run, "cirrus").waivers == run.waivers
    assert edition(run, "aurora").waivers == ()


@pytest.mark.parametrize(
    ("text", "withheld"), [("tenants/eu/.env.enc", True), ("eu", True), ("a neutral word", False), ("eu-1", False)]
)
def test_a_short_name_counts_only_by_itself(run: RunResult, text: str, withheld: bool) -> None:
    told = replace(run, tenants=("aurora", "eu"), results=run.results[:1], notes=(text,))
    assert (edition(told, "aurora").notes == ()) is withheld


def test_a_tenant_that_the_run_does_not_know_has_no_edition(run: RunResult) -> None:
    with pytest.raises(UnknownTenant, match="run 12 did not look at tenant delta"):
        edition(run, "delta")

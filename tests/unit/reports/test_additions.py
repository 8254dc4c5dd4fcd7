"""What a store's overlay adds travels with its report, and is verified without the store."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sealproof.errors import EvidenceRejected
from sealproof.findings import NOTHING_ADDED, AddedFramework, AddedMapping, Additions
from sealproof.reports import results, schema
from sealproof.reports._reader import parse
from sealproof.reports.attestation import attest
from sealproof.reports.edition import edition
from sealproof.reports.formats import render_all
from sealproof.reports.verify import verify
from sealproof.reports.write import render_files, write_report

if TYPE_CHECKING:
    from pathlib import Path

    from sealproof.compliance.catalogue import Catalogue
    from sealproof.findings import RunResult
    from sealproof.signing import SigningKey

HOUSE = AddedFramework("house", "House rules", "2026-03", "Acme Ltd", (("H-1", "Rotation"),), ("people",))
ADDED = Additions((HOUSE,), (AddedMapping("ROT-001", "house", ("H-1",)),))


@pytest.fixture
def told(run: RunResult) -> RunResult:
    return replace(run, additions=ADDED)


def test_it_reads_back_and_fits_the_schema(told: RunResult, catalogue: Catalogue) -> None:
    data = results.encode(told, catalogue)
    assert results.decode(data) == told
    schema.validate(parse(data, "the document").value)


def test_the_page_the_table_and_code_scanning_show_it(told: RunResult, catalogue: Catalogue) -> None:
    files = {name: data.decode() for name, data in render_all(told, catalogue, signer="").items()}
    assert "Added by the store's overlay" in files["report.html"].replace("&#39;", "'")
    assert 'id="f-house"' in files["report.html"]
    assert '"house","2026-03","H-1","Rotation","evidence contradicts (waived)","ROT-001"' in files["controls.csv"]
    assert "house/H-1" in files["results.sarif"]


def test_whoever_verifies_needs_no_overlay(
    tmp_path: Path, told: RunResult, catalogue: Catalogue, key: SigningKey
) -> None:
    write_report(tmp_path / "report", told, catalogue, [key])
    assert verify(tmp_path / "report", [key.public]).additions == ADDED


def test_signed_additions_that_do_not_fit_are_refused(
    tmp_path: Path, run: RunResult, catalogue: Catalogue, key: SigningKey
) -> None:
    files = dict(render_files(run, catalogue, [key]))
    files.pop("attestation.dsse.json")
    misfit = b'"additions":{"frameworks":[],"mappings":[{"check":"ROT-001","controls":["9"],"framework":"no"}]}'
    files["results.json"] = files["results.json"].replace(b'"additions":{"frameworks":[],"mappings":[]}', misfit)
    (tmp_path / "report").mkdir()
    for name, data in (files | {"attestation.dsse.json": attest(run, files, [key])}).items():
        (tmp_path / "report" / name).write_bytes(data)
    with pytest.raises(EvidenceRejected, match=r"^step 6: results.json adds to the catalogue what does not fit it"):
        verify(tmp_path / "report", [key.public])


def test_additions_that_name_another_tenant_are_not_in_an_edition(told: RunResult) -> None:
    assert edition(told, "aurora").additions == ADDED
    named = Additions((replace(HOUSE, publisher="the borealis team"),), ADDED.mappings)
    assert edition(replace(told, additions=named), "aurora").additions == NOTHING_ADDED

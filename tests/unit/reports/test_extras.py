"""The base install has neither jinja2 nor jsonschema: what needs them says so, and nothing else does."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from sealproof.errors import MissingExtra
from sealproof.reports import html, schema
from sealproof.reports._extras import extra

if TYPE_CHECKING:
    from sealproof.compliance.catalogue import Catalogue
    from sealproof.findings import RunResult

OPTIONAL = ("jinja2", "markupsafe", "jsonschema")


def test_a_missing_package_names_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtra, match="reports need the package jinja2") as refused:
        extra("jinja2")
    assert refused.value.hint == "pip install 'sealproof[ci]'"


def test_the_page_needs_jinja2(monkeypatch: pytest.MonkeyPatch, run: RunResult, catalogue: Catalogue) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    html._environment.cache_clear()
    with pytest.raises(MissingExtra):
        html.render(run, catalogue, signer="")


def test_the_schema_needs_jsonschema(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    schema._validator.cache_clear()
    with pytest.raises(MissingExtra):
        schema.validate({})


def test_importing_the_room_imports_no_optional_package() -> None:
    modules = ("results", "html", "attestation", "write", "verify", "schema", "coverage", "recipe")
    program = (
        "import sys\n"
        + "".join(f"import sealproof.reports.{module}\n" for module in modules)
        + f"print(sorted(set(sys.modules) & set({OPTIONAL!r})))"
    )
    outcome = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert outcome.stdout.strip() == "[]"

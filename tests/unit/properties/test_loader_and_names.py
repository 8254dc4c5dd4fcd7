"""Properties of parsers, loader, tenant ids, names and values: only typed errors, and what went in comes out."""

from __future__ import annotations

import os
import string
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealproof.checks.specimen import Specimen, parts
from sealproof.envelope.grammar import is_entry_name, is_environment, is_tenant
from sealproof.envelope.keyfile import parse_keys
from sealproof.envelope.parse import parse
from sealproof.errors import DataError, InvalidName
from sealproof.loader.context import DevelopmentSecretLoader
from sealproof.loader.tenant import Place

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
VALUES = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=300)
NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,20}", fullmatch=True).map(lambda name: f"X_{name}")
SPECIMEN = Specimen()


@pytest.fixture
def host(tmp_path, monkeypatch):
    """Load a specimen as its host does."""

    def load(file):
        root = str(tmp_path / "secrets")
        file.install(root)
        monkeypatch.setenv("SEALPROOF_KEY_FILE", file.export(str(tmp_path)))
        with DevelopmentSecretLoader(file.tenant, root=root).secure_context(environ=False) as reader:
            return {name: reader.get_secret(name) for name in reader.list_secrets()}

    return load


@QUICK
@given(st.dictionaries(NAMES, VALUES, max_size=8))
def test_whatever_is_sealed_loads_as_it_was(host, values):
    before = dict(os.environ)
    assert host(Specimen(values=values)) == values
    assert {name for name in os.environ if os.environ[name] != before.get(name)} <= {"SEALPROOF_KEY_FILE"}


@QUICK
@given(st.text(max_size=80))
def test_a_tenant_is_in_the_grammar_or_refused_before_a_path_is_built(tenant):
    allowed = set(string.ascii_lowercase + string.digits + "_-")
    expected = 0 < len(tenant) <= 63 and set(tenant) <= allowed and tenant[0] not in "_-"
    assert is_tenant(tenant) == expected
    if not expected:
        with pytest.raises(InvalidName):
            Place(tenant, "development", "/nowhere")


@QUICK
@given(st.text(max_size=140))
def test_names_and_environments_hold_no_separator(text):
    if is_entry_name(text) or is_environment(text):
        assert not set(text) & set("/\\=\0\n \"'")
        assert text.isascii()


@QUICK
@given(st.binary(max_size=2000))
def test_parsers_answer_any_bytes_with_a_typed_error(data):
    for parser in (parse, parse_keys):
        with suppress(DataError):
            parser(data)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_change_of_a_file_is_accepted(data):
    original = SPECIMEN.data
    start = data.draw(st.integers(0, len(original) - 1))
    end = data.draw(st.integers(start, min(len(original), start + 40)))
    changed = original[:start] + data.draw(st.binary(max_size=40)) + original[end:]
    if changed != original:
        with pytest.raises(DataError):
            SPECIMEN.open(changed)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_an_insiders_file_parses_to_itself_or_is_refused(data):
    """Whoever holds every key writes any line anew: what is accepted still says each thing in one way."""
    lines, _ = parts(SPECIMEN.data)
    place = data.draw(st.integers(0, len(lines) - 1))
    line = lines[place]
    at = data.draw(st.integers(0, len(line) - 1))
    lines[place] = line[:at] + data.draw(st.sampled_from(list(string.printable[:95]))) + line[at + 1 :]
    forged = SPECIMEN.forge(lines)
    try:
        SPECIMEN.open(forged)
    except DataError:
        return
    assert "".join(f"{each}\n" for each in lines).encode() in forged
    assert parse(forged).data == forged

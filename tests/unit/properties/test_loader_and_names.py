"""Properties of parsers, loader, tenant ids, names and values: only typed errors, and what went in comes out."""

from __future__ import annotations

import os
import string
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealproof.checks.specimen import Specimen, key_text, parts
from sealproof.envelope import cipher
from sealproof.envelope.freshness import Mark
from sealproof.envelope.grammar import is_entry_name, is_environment, is_tenant
from sealproof.envelope.keyfile import parse_keys
from sealproof.envelope.keytree import PASSPHRASE_ITERATIONS, TENANT_ITERATIONS, MasterFile, TenantFile
from sealproof.envelope.parse import parse
from sealproof.errors import ConfigurationError, DataError, InvalidName
from sealproof.loader.context import DevelopmentSecretLoader
from sealproof.loader.tenant import Place
from sealproof.settings import load
from sealproof.signing import SigningKey
from sealproof.vault.access import policy as policyfile
from sealproof.vault.access.changes import first_policy
from sealproof.vault.access.policy import SignedPolicy
from sealproof.vault.backup import header as headers
from sealproof.vault.backup.header import Recipients

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
VALUES = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=300)
NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,20}", fullmatch=True).map(lambda name: f"X_{name}")
SPECIMEN = Specimen()
TOKENS = (
    b"0",
    b"-1",
    b"9" * 400,
    b"1e9",
    b"null",
    b'"',
    b"{",
    b"[" * 2000,
    b"\n",
    b"\r\n",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
)
"""What text formats stumble over, put where something else stood."""


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


def _valid():
    """Return a file of each kind that others may hand over, in order, and what reads it."""
    master = MasterFile(1, salt=bytes(16), iterations=PASSPHRASE_ITERATIONS)
    owner = TenantFile("acme", 1, bytes(16), TENANT_ITERATIONS)
    owner.epochs = (owner.wrap(bytes(32), "development", 1, bytes(32), now=1),)
    recipients = Recipients((cipher.reader_public(bytes(range(32))),))
    backup, _ = headers.make("acme", 1, recipients, random=os.urandom)
    policy = SignedPolicy(first_policy("alice", now=1), {}).signed_by(SigningKey(bytes(32)))
    mark = Mark("acme", "development", 3, "0" * 64)
    return {
        "sealed file": (SPECIMEN.data, parse),
        "key file": (key_text(SPECIMEN.key_line), parse_keys),
        "master": (master.to_bytes(), MasterFile.parse),
        "tenant's keys": (owner.to_bytes(bytes(32)), lambda data: TenantFile.parse(data, tenant="acme")),
        "backup": (backup.data, headers.parse),
        "policy": (policy.to_bytes(), policyfile.parse),
        "mark": (mark.to_bytes(), lambda data: Mark.parse(data, tenant="acme", environment="development")),
        "settings": (
            b'rotation_interval_days = 30\nlog_level = "INFO"\n',
            lambda data: load(data.decode("latin-1"), {}),
        ),
    }


VALID = _valid()


@pytest.mark.parametrize("kind", VALID)
def test_a_file_in_order_is_read(kind):
    data, read = VALID[kind]
    assert read(data)


@pytest.mark.parametrize("kind", VALID)
@settings(max_examples=80, deadline=None)
@given(st.data())
def test_a_changed_file_of_any_kind_is_read_or_refused_with_a_type(kind, data):
    original, read = VALID[kind]
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(original)))
        end = data.draw(st.integers(start, min(len(original), start + 40)))
        new = data.draw(st.binary(max_size=20) | st.sampled_from(list(TOKENS)))
        original = original[:start] + new + original[end:]
    with suppress(DataError, ConfigurationError):
        read(original)


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

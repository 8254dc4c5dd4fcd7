"""PEN-004, on libraries that take, or write, less protection than the format has."""

from __future__ import annotations

import re
from types import MappingProxyType

import pytest

from sealproof import settings
from sealproof.checks.penetration import downgrade
from sealproof.checks.penetration._weaker_files import missing_fields, other_formats, weaker_seals
from sealproof.checks.specimen import Specimen
from sealproof.envelope import cipher, keyfile, keytree, parse
from sealproof.envelope.grammar import FORMAT, decode
from sealproof.findings import Severity, Status

FILES, KEYS, COSTS, WRITTEN = "sealed files", "key files", "costs of key derivation", "what is written"


def test_nothing_weaker_is_taken_or_written(store, run_check):
    result = run_check(store, "PEN-004")
    assert result.status is Status.PASS
    assert [finding.resource for finding in result.findings] == [FILES, KEYS, COSTS, WRITTEN]
    assert dict(result.parameters) == {"algorithms": "AES-256-GCM", "formats": "sealproof-env/1"}


@pytest.mark.parametrize("weaker", [other_formats, missing_fields, weaker_seals])
def test_every_weaker_file_differs_from_the_good_one(weaker):
    specimen = Specimen()
    files = [data for _, data in weaker(specimen)]
    assert specimen.data not in files
    assert len(set(files)) == len(files)


def _takes_any_format(monkeypatch):
    lines_of = parse.lines_of

    def lenient(data):
        header, *rest = lines_of(data)
        return [re.sub('"format":"[^"]*"', f'"format":"{FORMAT}"', header), *rest]

    monkeypatch.setattr(parse, "lines_of", lenient)


def _ignores_a_stated_algorithm(monkeypatch):
    fields = parse.fields_of

    def lenient(line, names, integers=frozenset()):
        return fields(line.partition(',"alg"')[0] + "}" if ',"alg"' in line else line, names, integers)

    monkeypatch.setattr(parse, "fields_of", lenient)


def _seals_without_associated_data(monkeypatch):
    monkeypatch.setattr(cipher, "entry_aad", lambda *_: b"")


def _unwraps_what_is_not_wrapped(monkeypatch):
    monkeypatch.setattr(cipher, "unwrap", lambda _kek, wrapped, *_: wrapped[12:44])
    monkeypatch.setattr(cipher, "wrap", lambda _kek, key, *rest: rest[-1](12) + key + bytes(16))


@pytest.mark.parametrize(
    "case",
    [
        (_takes_any_format, "format sealproof-env/0: accepted"),
        (_ignores_a_stated_algorithm, "algorithm none stated in line 0: accepted"),
        (_seals_without_associated_data, "value sealed with no associated data: accepted"),
        (_unwraps_what_is_not_wrapped, "data key in the clear: accepted"),
    ],
    ids=["any format", "stated algorithm", "no associated data", "key in the clear"],
)
def test_a_library_that_takes_a_weaker_file_fails(store, run_check, failures, monkeypatch, case):
    weaken, observed = case
    weaken(monkeypatch)
    result = run_check(store, "PEN-004")
    assert (result.check, result.status, result.severity) == ("PEN-004", Status.FAIL, Severity.CRITICAL)
    assert observed in failures(result)[FILES].observed


def test_a_library_that_takes_short_keys_fails(store, run_check, failures, monkeypatch):
    monkeypatch.setattr(keyfile, "decode_exactly", lambda text, _size: decode(text))
    assert "key of 16 bytes: accepted" in failures(run_check(store, "PEN-004"))[KEYS].observed


def test_a_library_that_takes_a_key_file_without_writers_fails(store, run_check, failures, monkeypatch):
    monkeypatch.setattr(keyfile, "_writers", lambda text: (decode(text),))
    assert "no writer: accepted" in failures(run_check(store, "PEN-004"))[KEYS].observed


def test_a_library_that_derives_at_any_cost_fails(store, run_check, failures, monkeypatch):
    monkeypatch.setattr(keytree, "_check_cost", lambda *_: None)
    derive = keytree.pbkdf2
    monkeypatch.setattr(keytree, "pbkdf2", lambda secret, salt, cost: derive(secret, salt, min(cost, 1000) or 1))
    failing = failures(run_check(store, "PEN-004"))
    assert "tenant's keys at a cost of 1: accepted" in failing[COSTS].observed
    assert "writing a tenant's keys at a cost of 1: accepted" in failing[WRITTEN].observed


def test_a_library_that_derives_before_it_refuses_fails(store, run_check, failures, monkeypatch):
    monkeypatch.setattr(downgrade, "_SECONDS", 0.0)
    assert "derived before it was refused" in failures(run_check(store, "PEN-004"))[COSTS].observed


def test_settings_that_name_another_algorithm_fail(store, run_check, failures, monkeypatch):
    choices = {**settings._CHOICES, "encryption_algorithm": ("AES-256-GCM", "none")}
    monkeypatch.setattr(settings, "_CHOICES", MappingProxyType(choices))
    observed = failures(run_check(store, "PEN-004"))[WRITTEN].observed
    assert "setting the algorithm to none: accepted" in observed

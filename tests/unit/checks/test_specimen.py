"""Specimens: as good as any sealed file, and forged as an insider would."""

from __future__ import annotations

import os

import pytest

from sealproof.checks.specimen import Specimen, parts
from sealproof.envelope import cipher
from sealproof.envelope.freshness import Freshness
from sealproof.envelope.keyfile import parse_keys
from sealproof.envelope.open import unlock
from sealproof.errors import CannotOpen
from sealproof.loader.tenant import file_name
from sealproof.signing import SigningKey


def test_it_opens_to_its_canaries_and_knows_its_data_key():
    specimen = Specimen()
    assert specimen.works()
    unlocked = unlock(
        specimen.data,
        tenant=specimen.tenant,
        environment=specimen.environment,
        keys=(specimen.key_line,),
        freshness=Freshness(now=specimen.now),
    )
    assert unlocked.dek == specimen.dek
    assert len(set(specimen.values.values()) | set(Specimen().values.values())) == 2 * len(specimen.values)


def test_forging_nothing_gives_the_same_file():
    specimen = Specimen(readers=(cipher.reader_public(os.urandom(32)),))
    lines, trailer = parts(specimen.data)
    assert specimen.forge(lines, trailer=trailer) == specimen.forge(specimen.lines) == specimen.data


def test_a_forgery_lacks_what_the_forger_lacks():
    specimen = Specimen()
    for forged in (
        specimen.forge(specimen.lines[:-1], mac=specimen.mac),
        specimen.forge(specimen.lines, signer=SigningKey(os.urandom(32))),
        specimen.forge(specimen.lines, scope=(b"scratch-b", b"development", b"1")),
    ):
        with pytest.raises(CannotOpen):
            specimen.open(forged)
    assert len(specimen.open(specimen.forge(specimen.lines[:-1]))) == len(specimen.values) - 1


def test_it_does_not_work_where_it_opens_to_other_values():
    specimen = Specimen()
    specimen.values["API_TOKEN"] = "another"
    assert not specimen.works()


def test_an_insiders_line_opens_under_its_name():
    specimen = Specimen()
    line = specimen.line("API_TOKEN", "another")
    assert specimen.open(specimen.forge([*specimen.lines[:2], line])) == {"API_TOKEN": "another"}


def test_it_is_installed_and_exported_for_a_host(tmp_path):
    specimen = Specimen("scratch-a", "production")
    path = specimen.install(str(tmp_path / "secrets"))
    assert path == str(tmp_path / "secrets/tenants/scratch-a" / file_name("production"))
    assert specimen.install(str(tmp_path / "secrets"), b"other") == path
    with open(path, "rb") as file:
        assert file.read() == b"other"
    key = specimen.export(str(tmp_path))
    assert os.stat(key).st_mode & 0o777 == 0o600
    with open(key, "rb") as file:
        assert specimen.open(keys=parse_keys(file.read())) == specimen.values


def test_its_name_shows_no_value():
    specimen = Specimen()
    assert repr(specimen) == "Specimen(scratch-a/development)"

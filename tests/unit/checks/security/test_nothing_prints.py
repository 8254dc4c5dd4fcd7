"""SEC-019, on libraries that were made to talk: each way out has to be found."""

from __future__ import annotations

import pytest

from sealproof.checks import isolation
from sealproof.checks.security import _exposure, nothing_prints
from sealproof.checks.security.nothing_prints import _Bench, _finding, _outputs
from sealproof.errors import ToolFailed
from sealproof.findings import Severity, Status

PATHS = {"load and objects", "errors", "report", "command line"}

TALKING_READER = """
from sealproof.loader.context import SecretReader
SecretReader.__repr__ = lambda self: self._buffers.text("DB_PASSWORD")
"""
TALKING_ERROR = """
import sealproof.loader.environment as environment
opening, refuse = environment._open, environment.refuse_dangerous
held = []
def open_and_hold(*args):
    held[:] = opening(*args)
    return tuple(held)
def refuse_dangerous(names, *, allow=()):
    try:
        refuse(names, allow=allow)
    except environment.CallerError as error:
        error.add_note(f"the values were {held[0].unlocked.values()}")
        raise
environment._open = open_and_hold
environment.refuse_dangerous = refuse_dangerous
"""
TALKING_FINDING = """
from sealproof.checks.tenant import TenantView
path = TenantView.path.fget
TenantView.path = property(lambda view: f"{path(view)} {view.values}")
"""
TALKING_COMMAND = """
import sys
from sealproof.vault.custodian import Custodian
seal = Custodian.seal
def talking(custodian, tenant, environment, values, **options):
    print(values, file=sys.stderr)
    return seal(custodian, tenant, environment, values, **options)
Custodian.seal = talking
"""


@pytest.fixture
def bench(tmp_path) -> _Bench:
    return _Bench(str(tmp_path))


def test_the_library_as_it_is_prints_nothing(store, run_check):
    result = run_check(store, "SEC-019")
    assert result.status is Status.PASS
    assert {finding.resource for finding in result.findings} == PATHS


def test_a_library_that_talks_fails_on_every_path_and_is_not_quoted(store, run_check, failures, monkeypatch):
    talking = TALKING_READER + TALKING_ERROR + TALKING_FINDING + TALKING_COMMAND
    monkeypatch.setattr(isolation, "PRELUDE", talking)
    result = run_check(store, "SEC-019")
    assert (result.check, result.status, result.severity) == ("SEC-019", Status.FAIL, Severity.CRITICAL)
    assert set(failures(result)) == PATHS
    assert "canary-" not in f"{result}"


@pytest.mark.parametrize(
    ("prelude", "where"),
    [
        (TALKING_READER.replace('DB_PASSWORD")', 'DB_PASSWORD").encode().hex()'), "reader (hex)"),
        (
            """
import base64
from sealproof.loader.context import SecretReader
SecretReader.__str__ = lambda self: base64.b64encode(b"x" + self._buffers.text("API_TOKEN").encode()).decode()
""",
            "reader (base64+1)",
        ),
        ("from sealproof.loader.context import Buffers\ndel Buffers.__reduce__\n", "reader ("),
        (
            "from sealproof.loader.secret import Secret\nSecret.__format__ = lambda self, spec: self.reveal()[::-1]\n",
            "secret (",
        ),
        (
            """
import logging
import sealproof.loader.environment as environment
put = environment.put
def noted(place, values, *, override):
    logging.getLogger("another.library").debug("setting %s", values)
    return put(place, values, override=override)
environment.put = noted
""",
            "standard error, log and warnings",
        ),
        (
            """
import warnings
import sealproof.loader.environment as environment
put = environment.put
def warned(place, values, *, override):
    warnings.warn(f"setting {values}", DeprecationWarning)
    return put(place, values, override=override)
environment.put = warned
""",
            "standard error, log and warnings",
        ),
        (
            """
from sealproof.loader.environment import LoadedEnvironment
LoadedEnvironment.values = property(lambda self: __import__("os").environ["SIGNING_KEY"])
""",
            "loaded (",
        ),
    ],
    ids=["hexadecimal", "base64", "pickle", "format, reversed", "log", "warning", "attribute"],
)
def test_every_view_of_an_object_is_searched(bench, monkeypatch, prelude, where):
    monkeypatch.setattr(isolation, "PRELUDE", prelude)
    finding = _finding(bench, "load and objects", _outputs(bench, _exposure.objects, {"root": bench.root}))
    assert finding.status is Status.FAIL
    assert where in finding.observed


ERROR_THAT_HIDES_ITS_CAUSE = """
import sealproof.vault.dotenv_text as dotenv
def first_foreign_byte(data):
    try:
        data.decode()
    except UnicodeDecodeError:
        raise dotenv.InvalidDotenv("no text") from None
dotenv._first_foreign_byte = first_foreign_byte
"""
ERROR_WITH_A_FIELD = """
import sealproof.errors as errors
import sealproof.loader.spotify as spotify
def check(uri):
    error = errors.InvalidRedirect("no")
    error.uri = uri
    raise error
spotify.check_redirect = check
"""


@pytest.mark.parametrize(
    ("prelude", "where"),
    [
        (ERROR_THAT_HIDES_ITS_CAUSE, "plain text 1 ("),
        (ERROR_WITH_A_FIELD, "redirect ("),
        (TALKING_ERROR, "dangerous name ("),
    ],
    ids=["hidden cause", "field", "note"],
)
def test_all_that_an_error_carries_is_searched(bench, monkeypatch, prelude, where):
    monkeypatch.setattr(isolation, "PRELUDE", prelude)
    arguments = {"root": bench.root, "stale": bench.stale, "corrupt": bench.corrupt, "weak": bench.weak}
    seen = _outputs(bench, _exposure.errors, arguments | {"plain": bench.plain})
    finding = _finding(bench, "errors", seen)
    assert finding.status is Status.FAIL
    assert where in finding.observed


def test_a_value_that_the_locale_cannot_carry_is_searched_for(bench, monkeypatch):
    prelude = """
import os
import sealproof.loader.environment as environment
def carries(value):
    try:
        os.fsencode(value)
    except UnicodeEncodeError:
        raise environment.CallerError("the locale cannot carry a value") from None
    return True
environment._locale_carries = carries
"""
    monkeypatch.setattr(isolation, "PRELUDE", prelude)
    seen = _outputs(bench, _exposure.narrow_locale, {"root": bench.root}, options=nothing_prints._NARROW, locale="C")
    assert _finding(bench, "errors", seen).status is Status.FAIL


def test_without_a_command_line_that_path_does_not_apply(store, run_check, monkeypatch):
    monkeypatch.setattr(nothing_prints, "find_spec", lambda _name: None)
    result = run_check(store, "SEC-019")
    assert result.status is Status.PASS
    assert result.findings[-1].status is Status.NOT_APPLICABLE


def test_an_error_that_does_not_come_is_no_pass(bench, monkeypatch):
    monkeypatch.setattr(isolation, "PRELUDE", "import sealproof.vault.keys.strength as s\ns.PASSPHRASE_BITS = 0\n")
    arguments = {"root": bench.root, "stale": bench.stale, "corrupt": bench.corrupt, "weak": bench.weak}
    with pytest.raises(ToolFailed):
        _outputs(bench, _exposure.errors, arguments | {"plain": bench.plain})

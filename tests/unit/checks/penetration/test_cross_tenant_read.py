"""PEN-001, on libraries and loaders that mix tenants up."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidTag

from sealproof.envelope import cipher
from sealproof.envelope import open as opening
from sealproof.findings import Severity, Status

MEMORY, LOADER = "scratch tenants (in memory)", "scratch tenants (loader)"

FORGETS_WHO_IS_LOADED = """
import sealproof.loader.environment as environment
put = environment.put
def forgetful(place, values, *, override):
    environment._loaded.clear()
    return put(place, values, override=override)
environment.put = forgetful
environment._refuse_another = lambda place: None
"""
PRINTS = """
import sealproof.loader.environment as environment
put = environment.put
def talking(place, values, *, override):
    print(values)
    return put(place, values, override=override)
environment.put = talking
"""


def test_no_tenant_reads_another(store, run_check):
    result = run_check(store, "PEN-001")
    assert result.status is Status.PASS
    assert [finding.status for finding in result.findings] == [Status.PASS, Status.PASS, Status.NOT_APPLICABLE]


def test_a_library_that_lets_the_file_choose_its_tenant_fails(store, run_check, failures, monkeypatch):
    steps = opening._steps_2_to_5
    monkeypatch.setattr(
        opening,
        "_steps_2_to_5",
        lambda envelope, *scope_and_keys: steps(envelope, envelope.tenant, envelope.environment, scope_and_keys[-1]),
    )
    result = run_check(store, "PEN-001")
    assert (result.check, result.status, result.severity) == ("PEN-001", Status.FAIL, Severity.CRITICAL)
    assert "both keys at hand: accepted" in failures(result)[MEMORY].observed


def test_a_library_that_unwraps_with_any_key_fails(store, run_check, failures, monkeypatch):
    known: dict[bytes, bytes] = {}
    wrap = cipher.wrap

    def remembering(kek, key, label, scope, random):
        known[wrapped := wrap(kek, key, label, scope, random)] = key
        return wrapped

    monkeypatch.setattr(cipher, "wrap", remembering)
    monkeypatch.setattr(cipher, "unwrap", lambda _kek, wrapped, *_: known[wrapped])
    assert "its own key under the other's name: accepted" in failures(run_check(store, "PEN-001"))[MEMORY].observed


def test_an_error_without_a_type_of_ours_fails(store, run_check, failures, monkeypatch):
    unwrap = cipher.unwrap

    def broken(kek, wrapped, label, scope):
        try:
            return unwrap(kek, wrapped, label, scope)
        except InvalidTag:
            raise LookupError from None

    monkeypatch.setattr(cipher, "unwrap", broken)
    assert "LookupError" in failures(run_check(store, "PEN-001"))[MEMORY].observed


@pytest.mark.parametrize(
    ("prelude", "observed"),
    [
        (FORGETS_WHO_IS_LOADED, "is loaded into the process that holds scratch-a: accepted"),
        (PRINTS, "a value was printed"),
    ],
    ids=["forgets who is loaded", "prints"],
)
def test_a_loader_that_mixes_tenants_fails(run_weakened, failures, prelude, observed):
    assert observed in failures(run_weakened("PEN-001", prelude))[LOADER].observed

"""SEC-020, on loaders that fall back."""

from __future__ import annotations

import pytest

from sealproof.checks import isolation
from sealproof.findings import Severity, Status

FALLS_BACK_TO_PLAIN_TEXT = """
import os
import sealproof.checks.security._application as application
from sealproof.errors import CallerError
load = application.load_environment_secrets
def careless(tenant, *, root, required):
    try:
        load(tenant, root=root, required=required)
    except CallerError:
        with open(os.path.join(root, "tenants", tenant, ".env")) as file:
            os.environ.update(line.strip().split("=", 1) for line in file)
application.load_environment_secrets = careless
"""
CONTENT_WITH_THE_PROCESS_ENVIRONMENT = """
import os
import sealproof.loader.environment as environment
wanted = environment._required
environment._required = lambda *args: [name for name in wanted(*args) if name not in os.environ]
"""
TAKES_ANY_BYTES = """
from sealproof.envelope import cipher, open as opening
cipher.verify_mac = lambda key, covered, tag: None
opening.verify_writer = lambda envelope, writers: True
"""
SETS_BEFORE_IT_REFUSES = """
import os
import sealproof.loader.environment as environment
opening = environment.open_tenant
def eager(*args, **options):
    os.environ["DB_PASSWORD"] = "half a load"
    return opening(*args, **options)
environment.open_tenant = eager
"""
SWALLOWS = """
import sealproof.checks.security._application as application
load = application.load_environment_secrets
def quiet(tenant, *, root, required):
    try:
        load(tenant, root=root, required=required)
    except Exception:
        pass
application.load_environment_secrets = quiet
"""
UNTYPED = """
import sealproof.loader.environment as environment
from sealproof.errors import KeyMissing
opening = environment.open_tenant
def crashing(*args, **options):
    try:
        return opening(*args, **options)
    except KeyMissing:
        return None
environment.open_tenant = crashing
"""
QUOTES = """
import sealproof.loader.environment as environment
from sealproof.errors import MissingSecrets
class Talking(MissingSecrets):
    pass
Talking.__name__ = "MissingSecrets"
opening = environment._open
def quoting(*args):
    opened, wanted = opening(*args)
    values = opened.unlocked.values()
    environment.MissingSecrets = lambda message, **rest: Talking(f"{message}: {values}", **rest)
    return opened, wanted
environment._open = quoting
"""


def test_the_loader_as_it_is_refuses_every_case(store, run_check):
    result = run_check(store, "SEC-020")
    assert (result.status, len(result.findings)) == (Status.PASS, 14)
    assert all("exit code 1, 0 variables changed, 0 values shown" in finding.observed for finding in result.findings)


@pytest.mark.parametrize(
    "fault",
    [
        (
            FALLS_BACK_TO_PLAIN_TEXT + TAKES_ANY_BYTES,
            {
                "no file, with plain ones around",
                "changed counter",
                "changed counter, signed by a stranger",
                "key file that trusts another writer",
                "required name that only the process environment has",
            },
        ),
        (
            CONTENT_WITH_THE_PROCESS_ENVIRONMENT + UNTYPED,
            {"required name that only the process environment has", "no key", "key file that is not there"},
        ),
        (QUOTES, {"required name that only the process environment has"}),
    ],
    ids=["plain text, any bytes", "process environment, untyped error", "values in the error"],
)
def test_a_loader_that_falls_back_fails(store, run_check, failures, monkeypatch, fault):
    prelude, cases = fault
    monkeypatch.setattr(isolation, "PRELUDE", prelude)
    result = run_check(store, "SEC-020")
    assert (result.check, result.status, result.severity) == ("SEC-020", Status.FAIL, Severity.HIGH)
    assert set(failures(result)) == cases


@pytest.mark.parametrize("prelude", [SETS_BEFORE_IT_REFUSES, SWALLOWS], ids=["sets before it refuses", "swallows"])
def test_a_loader_that_goes_on_fails_every_case(store, run_check, failures, monkeypatch, prelude):
    monkeypatch.setattr(isolation, "PRELUDE", prelude)
    assert len(failures(run_check(store, "SEC-020"))) == 14


def test_this_process_is_left_alone(store, run_check, monkeypatch):
    monkeypatch.setenv("PAYMENT_TOKEN", "of the process")
    monkeypatch.setenv("SEALPROOF_KEY_FILE", "/nowhere")
    assert run_check(store, "SEC-020").status is Status.PASS

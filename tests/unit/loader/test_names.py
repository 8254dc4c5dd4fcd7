"""Names that steer the process, and names that steer sealproof."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealproof.errors import DangerousName
from sealproof.loader.names import is_dangerous, refuse_dangerous, steers_sealproof

OWN = (
    "MASTER_SECRET_KEY SEALPROOF_KEY SEALPROOF_KEY_FILE SEALPROOF_KEY_FD SEALPROOF_ROOT SEALPROOF_STATE SEALPROOF_X "
    "KEY_DERIVATION_ITERATIONS ENCRYPTION_ALGORITHM ROTATION_INTERVAL_DAYS COMPLIANCE_LEVEL AUDIT_RETENTION_DAYS "
    "MAX_ACCESS_ATTEMPTS POLICY_SIGNERS SECURITY_ALERTS_ENABLED VIOLATION_THRESHOLD ALERT_WEBHOOK_URL "
    "ALERT_LOG_PATH"
).split()
STEERING = (
    "LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT DYLD_INSERT_LIBRARIES PATH IFS BASH_ENV PYTHONPATH PYTHONSTARTUP PYTHONHOME "
    "PYTHONBREAKPOINT NODE_OPTIONS PERL5LIB PERL5OPT RUBYOPT JAVA_TOOL_OPTIONS GIT_SSH_COMMAND GLIBC_TUNABLES "
    "GCONV_PATH OPENSSL_CONF SSL_CERT_FILE HOME TMPDIR PROMPT_COMMAND NPM_CONFIG_REGISTRY npm_config_registry "
    "PIP_INDEX_URL EDITOR SUDO_ASKPASS CREDENTIALS_DIRECTORY"
).split()
HARMLESS = (
    "DB_PASSWORD LOG_LEVEL AUDIT_LOG_PATH METRICS_ENABLED PROMETHEUS_PORT DATABASE_URL APP_PATH XLD_PRELOAD MY_PATH "
    "PATHS SEALPROOFED ENV PORT HOST ld_preload"
).split()


@pytest.mark.parametrize("name", OWN)
def test_own_names_steer_sealproof(name):
    assert steers_sealproof(name)
    assert is_dangerous(name)


@pytest.mark.parametrize("name", STEERING)
def test_steering_names_are_dangerous(name):
    assert is_dangerous(name)
    assert not steers_sealproof(name)


@pytest.mark.parametrize("name", HARMLESS)
def test_ordinary_names_pass(name):
    assert not is_dangerous(name)
    refuse_dangerous([name])


def test_every_refused_name_is_listed_and_the_hint_allows_one():
    with pytest.raises(DangerousName) as refused:
        refuse_dangerous(["A", "PATH", "LD_PRELOAD", "B"])
    assert refused.value.names == ("PATH", "LD_PRELOAD")
    assert refused.value.hint.endswith("--allow PATH")


@pytest.mark.parametrize("name", ["LD_PRELOAD", "SEALPROOF_ROOT", "KEY_DERIVATION_ITERATIONS"])
def test_allowing_is_by_exact_name(name):
    refuse_dangerous([name], allow=[name])
    for near in (name.lower(), name[:-1], name + "X", "*", ""):
        with pytest.raises(DangerousName):
            refuse_dangerous([name], allow=[near])


def test_a_text_given_as_allow_allows_nothing():
    with pytest.raises(DangerousName):
        refuse_dangerous(["PATH"], allow="PATH")


@given(st.lists(st.sampled_from(OWN + STEERING + HARMLESS)), st.lists(st.sampled_from(OWN + STEERING + HARMLESS)))
def test_exactly_the_dangerous_and_not_allowed_are_refused(names, allow):
    expected = tuple(name for name in names if name in OWN + STEERING and name not in allow)
    try:
        refuse_dangerous(names, allow=allow)
    except DangerousName as error:
        assert error.names == expected  # noqa: PT017 - both outcomes are compared
    else:
        assert expected == ()

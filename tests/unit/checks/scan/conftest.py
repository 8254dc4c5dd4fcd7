"""Tokens made up on the spot, each of the format that its vendor documents."""

from __future__ import annotations

import base64
import json
import secrets
import string
import sys
import warnings
from typing import TYPE_CHECKING

import pytest

from sealproof.checks.scan.detectors import Detectors
from sealproof.checks.scan.hints import Hints
from sealproof.checks.scan.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ALNUM = string.ascii_letters + string.digits
_LOWER = string.ascii_lowercase + string.digits
_UPPER = string.ascii_uppercase + string.digits


def drawn(count: int, alphabet: str = _ALNUM) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(count))


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.fixture
def vendor_tokens() -> dict[str, str]:
    """One line for each detector that must find it, under what the detector calls it."""
    return {
        "AWS Access Key": f"id = AKIA{drawn(16, _UPPER)}",
        "Azure Storage Account access key": f"AccountKey={drawn(86)}==;EndpointSuffix=core.windows.net",
        "Basic Auth Credentials": f"amqp://worker:{drawn(20)}@broker.internal:5671/",
        "Discord Bot Token": f"M{drawn(23)}.{drawn(6)}.{drawn(27)}",
        "GitHub Token": f"ghp_{drawn(36)}",
        "GitLab Token": f"glpat-{drawn(20)}",
        "JSON Web Token": f"{_part({'alg': 'HS256'})}.{_part({'sub': drawn(12)})}.{drawn(43)}",
        "Mailchimp Access Key": f"{drawn(32, 'abcdef0123456789')}-us14",
        "NPM tokens": f"//npm.example.com/:_authToken=npm_{drawn(36)}",
        "OpenAI Token": f"sk-{drawn(20)}T3BlbkFJ{drawn(20)}",
        "PyPI Token": f"pypi-AgEIcHlwaS5vcmc{drawn(80)}",
        "SendGrid API Key": f"SG.{drawn(22)}.{drawn(43)}",
        "Slack Token": f"xoxb-{drawn(12, string.digits)}-{drawn(12, string.digits)}-{drawn(24, _LOWER)}",
        "Square OAuth Secret": f"sq0csp-{drawn(43)}",
        "Stripe Access Key": f"sk_live_{drawn(24)}",
        "Telegram Bot Token": f"{drawn(9, '123456789')}:{drawn(35)}",
        "Twilio API Key": f"SK{drawn(32, 'abcdef0123456789')}",
    }


@pytest.fixture(scope="session")
def tokens() -> Tokens:
    return Tokens()


@pytest.fixture(scope="session")
def hints() -> Hints:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what bandit imports warns about itself; the worker runs with -W ignore
        return Hints()


@pytest.fixture(scope="module")
def detectors() -> Iterator[Detectors]:
    with Detectors(seconds=20) as started:
        yield started


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make importing a package fail, as in an installation that lacks it."""

    def forget(package: str) -> None:
        for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, package, None)

    return forget

from __future__ import annotations

import socket
from importlib import import_module
from typing import TYPE_CHECKING

import pytest
from detect_secrets.plugins.base import RegexBasedDetector

from sealproof.checks.scan import tokens as module
from sealproof.checks.scan.tokens import DETECTORS, PRIVATE_KEY, Tokens, Told

if TYPE_CHECKING:
    from collections.abc import Callable


def test_every_detector_is_there_and_goes_by_a_vendors_format(tokens: Tokens):
    assert tokens.missing == []
    for name, detector in DETECTORS:
        assert issubclass(getattr(import_module(f"detect_secrets.plugins.{name}"), detector), RegexBasedDetector)


def test_each_vendors_token_is_found_on_its_line(tokens: Tokens, vendor_tokens: dict[str, str]):
    assert len(vendor_tokens) == len(DETECTORS) - 1  # a private key has more than one line
    text = "\n".join(["nothing here", *vendor_tokens.values()])
    found, lookalikes = tokens.scan(text)
    assert set(found) >= {Told(line, name) for line, name in enumerate(vendor_tokens, 2)}
    assert lookalikes == []


def test_a_private_key_header_is_found(tokens: Tokens):
    assert tokens.scan("\n-----BEGIN EC PRIVATE KEY-----\n")[0] == [Told(2, PRIVATE_KEY)]


def test_the_quick_way_finds_what_the_scan_loop_of_the_library_would(tokens: Tokens, vendor_tokens: dict[str, str]):
    lines = [
        line
        for token in vendor_tokens.values()
        for line in (token, f'  value = "{token}"', f"export X={token};", f"{token}\t{token}", token[:-5], f"a{token}")
    ]
    asked = {
        Told(number, plugin.secret_type)
        for plugin, _ in tokens._detectors
        for number, line in enumerate(lines, 1)
        if any(plugin.analyze_string(line))
    }
    found, lookalikes = tokens.scan("\n".join(lines))
    assert {*found, *lookalikes} == asked


def test_every_shortcut_is_for_an_expression_that_the_library_has(tokens: Tokens):
    patterns = {gated.pattern.pattern for _, gates in tokens._detectors for gated in gates}
    assert set(module._GATES) <= patterns


@pytest.mark.parametrize(
    "line",
    [
        "https://user:password@example.com/",
        "postgres://app:${DB_PASSWORD}@db/app",
        "postgres://app:<password>@db/app",
        "postgres://app:{{ password }}@db/app",
        "postgres://app:%s@db/app",
        "postgres://USER:PASSWORD@db/app",
        "postgres://postgres:postgres@localhost/app",
        "http://a:b@c/",
        "aws_access_key_id = AKIAIOSFODNN7EXAMPLE",
        "aws_secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'",
        "token = ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "token = glpat-your_token_goes_here",
        "SG.xxxxxxxxxxxxxxxxxxxxxx.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "sk_live_000000000000000000000000",
        "xoxb-1234567890-1234567890-abcdefghijklmnopqrstuvwx",
        "//npm.example.com/:_authToken=npm_${NPM_TOKEN}",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.signature",
    ],
)
def test_samples_and_values_to_fill_in_raise_no_alarm_and_are_counted(tokens: Tokens, line: str):
    found, lookalikes = tokens.scan(line)
    assert found == []
    assert {told.line for told in lookalikes} <= {1}


def test_a_token_beside_a_sample_is_found(tokens: Tokens, vendor_tokens: dict[str, str]):
    line = f"was AKIAIOSFODNN7EXAMPLE, is {vendor_tokens['AWS Access Key']}"
    assert tokens.scan(line) == ([Told(1, "AWS Access Key")], [])


def test_no_detector_asks_the_network(tokens: Tokens, vendor_tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    def blocked(*_: object, **__: object) -> None:
        raise AssertionError

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, blocked)
    assert {told.detector for told in tokens.scan("\n".join(vendor_tokens.values()))[0]} >= vendor_tokens.keys()


def test_inline_permission_hides_nothing(tokens: Tokens, vendor_tokens: dict[str, str]):
    line = f"{vendor_tokens['GitHub Token']}  # pragma: allowlist secret"
    assert tokens.scan(line)[0] == [Told(1, "GitHub Token")]


def test_a_file_full_of_tokens_is_told_in_part(tokens: Tokens, vendor_tokens: dict[str, str]):
    found, _ = tokens.scan(f"{vendor_tokens['GitHub Token']}\n" * 3000)
    assert module.FOUND_MAX < len(found) < 2 * module.FOUND_MAX


def test_a_detector_that_a_release_lacks_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "DETECTORS", (("aws", "AWSKeyDetector"), ("slack", "NoSuchDetector")))
    assert Tokens().missing == ["detect-secrets NoSuchDetector"]


def test_without_the_library_it_is_named_once(without: Callable[[str], None]):
    without("detect_secrets")
    assert Tokens().missing == ["detect-secrets"]

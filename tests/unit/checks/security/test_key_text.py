"""Private keys in bytes, wherever they stand."""

from __future__ import annotations

import time

import pytest

from sealproof.checks.security._key_text import KEY_TEXT_MAX, MARKS, key_in


@pytest.mark.parametrize(
    "unit",
    [
        *(mark.encode() for mark in MARKS),
        b'{"format":"sealproof-key/1",',
        b'{"format":"sealproof-key/1",}',
        b'{"format":"sealproof-tenant/1","tenant":"a",}',
        b'{"format":"sealproof-tenant/1","tenant":"a",}\n',
        b"-----BEGIN PRIVATE KEY-----AAAA",
        b"-----BEGIN PRIVATE KEY----------END PRIVATE KEY-----",
    ],
)
def test_a_text_made_to_be_slow_is_read_in_time(unit):
    data = (unit * (KEY_TEXT_MAX // len(unit) + 1))[:KEY_TEXT_MAX]
    started = time.monotonic()
    assert key_in(data) == ""
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b'{"format":"sealproof-key/1","kind":"epoch"}',
        b'{"format":"sealproof-master/1","kind":"random","created":1,"key":"short"}',
        b'{"format":"sealproof-tenant/1","tenant":"aurora","created":1}',
        b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----",
    ],
)
def test_what_does_not_parse_is_no_key(text):
    assert key_in(text) == ""

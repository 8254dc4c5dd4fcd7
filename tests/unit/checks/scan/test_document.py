from __future__ import annotations

import pytest

from sealproof.checks.scan.document import Document


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1"])
def test_a_text_is_searched_as_text_whatever_its_encoding(encoding: str):
    document = Document("first\nsecond größe\n".encode(encoding))
    assert document.is_text
    assert document.line(document.data.index(b"second")) == 2


def test_a_file_that_claims_to_be_utf_16_and_is_not_is_binary():
    assert not Document(b"\xff\xfe\x00\xd8\x00").is_text


def test_a_nul_makes_a_file_binary_and_adds_a_view_without_it():
    document = Document("plain".encode("utf-16-le"))
    assert not document.is_text
    assert b"plain" in document.views[1]


def test_a_binary_file_without_nul_in_its_rest_is_one_view():
    assert Document(b"text").views == (b"text",)


def test_lf_crlf_and_a_bare_cr_each_end_a_line():
    document = Document(b"1\n2\r\n3\r4\n\n6")
    assert [document.line(document.data.index(digit)) for digit in (b"1", b"2", b"3", b"4", b"6")] == [1, 2, 3, 4, 6]


@pytest.mark.parametrize(
    "comment",
    [
        "pragma: allowlist secret",
        "pragma: whitelist secret",
        "nosec",
        "gitleaks:allow",
        "trufflehog:ignore",
        "ggignore",
        "nosemgrep",
        "noqa",
    ],
)
def test_allow_comments_of_other_tools_are_told(comment: str):
    document = Document(f"before\nx = 1  # {comment}\nafter".encode())
    assert document.allow_comments(2) == (comment,)
    assert document.allow_comments(1) == document.allow_comments(3) == ()


def test_a_comment_for_the_next_line_is_told_there():
    document = Document(b"# pragma: allowlist nextline secret\nx = 1\ny = 2")
    assert document.allow_comments(2) == ("pragma: allowlist nextline secret",)
    assert document.allow_comments(3) == ()

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from sealproof.checks.scan import worker

if TYPE_CHECKING:
    from sealproof.checks.scan.hints import Hints
    from sealproof.checks.scan.tokens import Tokens


def asked(tokens: Tokens, hints: Hints, *files: tuple[bytes, bool]) -> list[dict[str, object]]:
    """What the worker answers, the greeting first."""
    questions = b"".join(
        json.dumps({"size": len(data), "python": python, "seconds": 60}).encode() + b"\n" + data
        for data, python in files
    )
    answers = io.BytesIO()
    worker.serve(io.BytesIO(questions), answers, tokens, hints)
    return [json.loads(line) for line in answers.getvalue().splitlines()]


def test_it_greets_and_answers_each_file_with_lines_and_names_only(
    tokens: Tokens, hints: Hints, vendor_tokens: dict[str, str]
):
    token = vendor_tokens["GitHub Token"]
    source = f"import os\r\n\rpassword = '{token}'\r\n".encode()
    greeting, plain, python = asked(tokens, hints, (source, False), (source, True))
    assert greeting == {"missing": []}
    assert plain == {"tokens": [[3, "GitHub Token"]], "lookalikes": [], "hints": [], "parsed": True}
    assert python["hints"] == [[3, "B105"]]
    assert token not in json.dumps([plain, python])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1"])
def test_text_of_any_encoding_is_read(tokens: Tokens, hints: Hints, encoding: str, vendor_tokens: dict[str, str]):
    text = f"größe\n{vendor_tokens['Stripe Access Key']}\n".encode(encoding)
    assert asked(tokens, hints, (text, False))[1]["tokens"] == [[2, "Stripe Access Key"]]


def test_what_does_not_parse_is_said(tokens: Tokens, hints: Hints):
    assert asked(tokens, hints, (b"token == 'x' print\n", True))[1]["parsed"] is False


@pytest.mark.parametrize(
    ("event", "arguments"),
    [
        ("socket.connect", ()),
        ("socket.getaddrinfo", ()),
        ("subprocess.Popen", ()),
        ("os.system", ()),
        ("open", ("x", "w", 0o1101)),
    ],
)
def test_what_a_scanner_has_no_business_with_is_refused(event: str, arguments: tuple[object, ...]):
    with pytest.raises(PermissionError, match=event):
        worker.refuse(event, arguments)


def test_reading_and_importing_go_on():
    worker.refuse("open", ("x", "r", 0))
    worker.refuse("import", ())


def test_under_its_hook_a_process_reaches_nobody():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        code = (
            "import socket, sys; from sealproof.checks.scan.worker import refuse; sys.addaudithook(refuse);"
            f"socket.create_connection(('127.0.0.1', {server.getsockname()[1]}))"
        )
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True)
        with pytest.raises(TimeoutError):
            server.accept()
    assert ended.returncode != 0
    assert "a scanner tried socket." in ended.stderr

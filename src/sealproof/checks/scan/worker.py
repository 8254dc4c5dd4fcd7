"""The scanners' process: `python -m sealproof.checks.scan.worker`, spoken to over its standard streams.

It reads contents, answers with line numbers and detector names, and is refused everything else by
an audit hook: no network (detectors that could ask a vendor whether a token works never do), no
programs, no file is written. See `detectors` for the protocol.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import TYPE_CHECKING

from sealproof.checks.scan.hints import Hints
from sealproof.checks.scan.tokens import Tokens

if TYPE_CHECKING:
    from typing import BinaryIO

_REFUSED = ("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.remove", "os.rename")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def main() -> None:
    """Serve until the parent closes its end."""
    # Nothing that a library prints may end up among the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    tokens, hints = Tokens(), Hints()
    sys.addaudithook(refuse)
    serve(sys.stdin.buffer, answers, tokens, hints)


def serve(questions: BinaryIO, answers: BinaryIO, tokens: Tokens, hints: Hints) -> None:
    """Say what is missing, then answer one file after the other."""
    _say(answers, {"missing": [*tokens.missing, *hints.missing]})
    while head := questions.readline():
        about = json.loads(head)
        # Should the parent be gone, nobody would end this process: the system does, with the signal's default effect.
        signal.alarm(about["seconds"])
        text = _text(questions.read(about["size"]))
        found, lookalikes = tokens.scan(text)
        hinted = hints.scan(text) if about["python"] else []
        signal.alarm(0)
        _say(
            answers,
            {"tokens": found, "lookalikes": lookalikes, "hints": hinted or [], "parsed": hinted is not None},
        )


def refuse(event: str, arguments: tuple[object, ...]) -> None:
    """Refuse what a scanner has no business with. Raises PermissionError."""
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITES
    if writes or event.startswith(_REFUSED):
        message = f"a scanner tried {event}"
        raise PermissionError(message)


def _text(data: bytes) -> str:
    """Return the text with one kind of line end, so that line numbers are everybody's."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _say(answers: BinaryIO, answer: object) -> None:
    answers.write(json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    main()

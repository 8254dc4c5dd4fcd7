"""On a terminal: questions are asked, typed values are not shown, tables are drawn; elsewhere nothing waits."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import subprocess
import time

import pytest

SECONDS = 60


class Terminal:
    """A program with a terminal for its standard input, output and error."""

    def __init__(self, shell, command: str) -> None:
        self.main, other = pty.openpty()
        self.said = ""
        settings = shell.environment | {"TERM": "xterm"}
        self.child = subprocess.Popen(
            ["bash", "-c", command], cwd=shell.path, env=settings, stdin=other, stdout=other, stderr=other,
            start_new_session=True,
        )  # fmt: skip
        os.close(other)

    def expect(self, text: str) -> None:
        """Read until `text` was said."""
        deadline = time.monotonic() + SECONDS
        while text not in self.said:
            assert time.monotonic() < deadline, self.said
            if select.select([self.main], [], [], 0.1)[0]:
                self._read()

    def send(self, text: str) -> None:
        os.write(self.main, text.encode())

    def end(self) -> int:
        """Read to the end and return the exit code."""
        code = None
        while code is None:
            code = self.child.poll()
            if select.select([self.main], [], [], 0.1)[0]:
                self._read()
        os.close(self.main)
        return code

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # the other side is closed: nothing more comes
            self.said += os.read(self.main, 65536).decode(errors="replace")


@pytest.mark.parametrize(("answer", "is_left"), [("y\n", False), ("YES\n", False), ("n\n", True), ("\n", True)])
def test_the_plain_file_is_deleted_only_if_one_says_so(answer, is_left, shell):
    (shell / "plain.env").write_text("A=1\n", encoding="utf-8")
    terminal = Terminal(shell, "sealproof seal acme plain.env")
    terminal.expect("plain.env still holds the secrets in plain text. Delete it? [y/N]")
    terminal.send(answer)
    assert terminal.end() == 0
    assert (shell / "plain.env").exists() is is_left
    assert ("rm plain.env" in terminal.said) is is_left


def test_a_typed_value_is_asked_twice_and_never_shown(shell):
    terminal = Terminal(shell, "sealproof set acme DB_PASSWORD")
    terminal.expect("value of DB_PASSWORD: ")
    terminal.send("crag-heron-7714\n")
    terminal.expect("the same again: ")
    terminal.send("crag-heron-7714\n")
    assert terminal.end() == 0
    assert "crag" not in terminal.said
    assert shell.type("sealproof get acme DB_PASSWORD") == "crag-heron-7714\n"


@pytest.mark.parametrize(
    ("typed", "said"),
    [(("one\n", "another\n"), "the two values differ"), (("\x04",), "no value for DB_PASSWORD was typed")],
    ids=["two_values", "end_of_file"],
)
def test_what_was_not_typed_well_sets_nothing(typed, said, shell):
    before = shell.tree()
    terminal = Terminal(shell, "sealproof set acme DB_PASSWORD")
    for question, text in zip(("value of DB_PASSWORD: ", "the same again: "), typed, strict=False):
        terminal.expect(question)
        terminal.send(text)
    assert terminal.end() == 4
    assert said in terminal.said
    assert shell.tree() == before


def test_an_edit_that_is_no_dotenv_may_be_mended(shell, tmp_path):
    editor = tmp_path / "editor"
    editor.write_text(
        f'#!/bin/bash\nif test -e {tmp_path}/once; then sed -i s/wrong/NEW=1/ "$1"; else echo wrong- >> "$1"; fi\n'
        f"touch {tmp_path}/once\n",
        encoding="utf-8",
    )
    editor.chmod(0o755)
    terminal = Terminal(shell, f"EDITOR={editor} sealproof edit acme")
    terminal.expect("Edit it again? (no throws the edit away) [y/N]")
    terminal.send("y\n")
    assert terminal.end() == 0
    assert "added: NEW" in terminal.said
    assert shell.type("sealproof get acme NEW") == "1-\n"


def test_an_edit_may_be_thrown_away(shell):
    before = shell.tree()
    terminal = Terminal(shell, "EDITOR='sed -i s/LOG_LEVEL=/LOG-LEVEL=/' sealproof edit acme")
    terminal.expect("[y/N]")
    terminal.send("\n")
    assert terminal.end() == 4
    assert shell.tree() == before


def test_a_name_cannot_drive_the_terminal(shell):
    terminal = Terminal(shell, r"sealproof get acme $'\e[2Jgone'")
    assert terminal.end() == 4
    assert "\x1b[2J" not in terminal.said


def test_control_c_is_an_interruption(shell):
    before = shell.tree()
    terminal = Terminal(shell, "exec sealproof set acme DB_PASSWORD")
    terminal.expect("value of DB_PASSWORD: ")
    terminal.child.send_signal(2)
    assert terminal.end() == 2
    assert "sealproof: interrupted" in terminal.said
    assert "Traceback" not in terminal.said
    assert shell.tree() == before


def test_colour_is_for_terminals_only(shell):
    assert "\x1b[" not in shell.type("sealproof list acme")
    terminal = Terminal(shell, "sealproof list acme")
    assert terminal.end() == 0
    assert "\x1b[" in terminal.said
    assert "DB_PASSWORD" in terminal.said

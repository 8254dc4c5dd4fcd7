"""Edit a tenant's secrets in your editor (VISUAL, EDITOR, then vi). Plain text stays in memory.

What you save becomes the tenant's secrets: a line more is a secret more, a line less is one less.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from signal import SIG_BLOCK, SIG_UNBLOCK, pthread_sigmask
from typing import TYPE_CHECKING

from sealproof.cli import arguments, console
from sealproof.cli.changes import check_description, describe, note_dotenv, note_orphans, report
from sealproof.cli.memory_file import ENDING_SIGNALS, memory_directory
from sealproof.cli.private_file import write_private
from sealproof.errors import CallerError, InvalidDotenv, ToolFailed
from sealproof.loader.environment import plain_names
from sealproof.vault.custodian import Custodian
from sealproof.vault.dotenv_text import DOTENV_MAX, DotenvText, read_dotenv, write_dotenv

if TYPE_CHECKING:
    from sealproof.cli.arguments import Arguments, Parser


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("tenant", metavar="TENANT")
    arguments.add_environment(parser)
    arguments.add_allow(parser)
    arguments.add_description(parser)


def run(args: Arguments) -> int:
    """Open, edit in memory, seal what was saved."""
    environment = arguments.environment_of(args)
    custodian = Custodian(args.root)
    check_description(custodian, args.tenant, args)
    unlocked = custodian.open(args.tenant, environment)
    before = write_dotenv(plain_names(unlocked.values()))
    with memory_directory() as directory:
        edited = _edited(os.path.join(directory, f"{args.tenant}.env"), before)
    if edited is None:
        console.answer(f"{args.tenant}/{environment} unchanged: nothing was saved")
        return 0
    if not edited.values:
        message = f"the edited text names no secret, and every one of {args.tenant}/{environment} would be dropped"
        raise CallerError(message, hint="sealproof seal TENANT --replace --empty < /dev/null if that is meant")
    change = custodian.replace(unlocked, edited.values, allow=args.allow)
    note_dotenv(edited)
    report(f"{args.tenant}/{environment}", change)
    describe(custodian, args.tenant, args)
    note_orphans(custodian, args.tenant, change)
    return 0


def _edited(path: str, before: str) -> DotenvText | None:
    write_private(path, before)
    while True:
        _run_editor(path)
        text = _saved(path)
        if text == before.encode():
            return None
        try:
            return read_dotenv(text, path="the edited text")
        except InvalidDotenv as error:
            if not sys.stdin.isatty():
                raise
            console.error(error)
            if not console.confirm("Edit it again? (no throws the edit away)"):
                raise


def _saved(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(DOTENV_MAX + 1)
    except OSError as exc:  # an editor may rename, delete, or put a directory there
        message = f"the editor left no text to seal: {(exc.strerror or 'input/output error').lower()}"
        raise ToolFailed(message, hint="sealproof edit TENANT") from exc


def _run_editor(path: str) -> None:
    editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    try:
        status = _ended([*editor, path])
    except (OSError, IndexError) as exc:
        message = f"the editor {' '.join(editor)!r:.100} cannot be started"
        raise CallerError(message, hint="EDITOR=nano sealproof edit TENANT") from exc
    if status:
        message = f"the editor ended with status {status}, so nothing was sealed"
        raise ToolFailed(message, hint="sealproof edit TENANT")


def _ended(command: list[str]) -> int:
    """Run an editor to its end and return its status; a signal ends it with us.

    One that comes between the fork and the return from it waits: it would leave an editor that nobody ends.
    """
    pthread_sigmask(SIG_BLOCK, ENDING_SIGNALS)
    editor = None
    try:
        editor = subprocess.Popen(command, preexec_fn=_let_signals_through)  # noqa: S603, PLW1509 - no shell, no thread
        _let_signals_through()
        return editor.wait()
    finally:
        _let_signals_through()
        if editor is not None and editor.poll() is None:
            editor.kill()
            editor.wait()


def _let_signals_through() -> None:
    pthread_sigmask(SIG_UNBLOCK, ENDING_SIGNALS)

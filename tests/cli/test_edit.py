"""`edit` keeps plain text in memory, and leaves none behind on any way out that a process can see."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import DOTENV
from .shell import refusal

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="edit needs a memory file system")

SECRET = b"fjord-anvil-9037-mosaic"
SECONDS = 30


@pytest.fixture
def editor(shell, tmp_path):
    """Make an editor of a shell script, which finds the file in `$1` and first notes where it lies."""

    def make(script: str) -> dict[str, str]:
        path = tmp_path / "editor"
        path.write_text(f'#!/bin/bash\necho "$1" > {tmp_path}/where\n{script}\n', encoding="utf-8")
        path.chmod(0o755)
        return {"EDITOR": str(path), "TMPDIR": str(shell.path)}

    return make


@pytest.fixture
def where(tmp_path):
    """Tell the directory that the plain text lay in."""
    return lambda: Path((tmp_path / "where").read_text(encoding="utf-8").strip()).parent


def nothing_left(shell, directory):
    """Neither the directory in memory nor any file on the disk holds plain text."""
    assert not directory.exists()
    assert not [name for name, (_, data) in shell.tree().items() if SECRET in data]


def test_what_was_saved_becomes_the_tenants_secrets(shell, editor, where):
    answer = shell.run("sealproof edit acme", **editor("sed -i -e /LOG_LEVEL/d -e s/fjord/crag/ $1; echo NEW=1 >> $1"))
    assert answer.code == 0
    assert answer.out == "acme/development sealed, generation 2\n"
    assert answer.err.splitlines()[:3] == ["added: NEW", "changed: DB_PASSWORD", "removed: LOG_LEVEL"]
    assert shell.type("sealproof get acme DB_PASSWORD") == "crag-anvil-9037-mosaic\n"
    nothing_left(shell, where())


def test_the_editor_sees_the_secrets_in_memory_and_alone(shell, editor, where):
    looking = 'cp "$1" seen; stat -f -c %T "$1" > kind; stat -c %a "$1" "$(dirname "$1")" > modes'
    shell.type("sealproof edit acme", **editor(looking))
    assert (shell / "seen").read_text(encoding="utf-8") == DOTENV
    assert (shell / "kind").read_text(encoding="utf-8").strip() in ("tmpfs", "ramfs")
    assert (shell / "modes").read_text(encoding="utf-8").split() == ["600", "700"]
    (shell / "seen").unlink()
    nothing_left(shell, where())


def test_a_runtime_directory_on_a_disk_is_not_used(shell, editor, where):
    kind = shell.type("stat -f -c %T .").strip()
    if kind in ("tmpfs", "ramfs"):
        pytest.skip("this machine's temporary directory is memory itself")
    shell.type("sealproof edit acme", **editor("true"), XDG_RUNTIME_DIR=str(shell.path))
    assert where().parent == Path("/dev/shm")


WAYS_OUT = {
    "nothing_saved": ("true", 0, "unchanged: nothing was saved"),
    "editor_failed": ("echo NEW=1 >> $1; exit 3", 3, "the editor ended with status 3"),
    "editor_killed": ("kill -KILL $$", 3, "the editor ended with status -9"),
    "no_dotenv": ("echo 'not a dotenv line' >> $1", 4, "line 4 is no dotenv syntax"),
    "dangerous_name": ("echo LD_PRELOAD=/tmp/x.so >> $1", 4, "LD_PRELOAD would steer"),
    "value_too_long": ("head -c 70000 /dev/zero | tr '\\0' x | sed s/^/LONG=/ >> $1", 4, "the limit is 65536"),
    "not_text": (r"printf 'A=\xff\n' >> $1", 4, "is not UTF-8"),
    "file_deleted": ("rm $1", 3, "the editor left no text to seal: no such file"),
    "a_directory_instead": ("rm $1; mkdir $1", 3, "the editor left no text to seal: is a directory"),
    "backup_and_swap_left": ("cp $1 $1~; cp $1 $(dirname $1)/.acme.env.swp; chmod 0 $1~", 0, "nothing was saved"),
    "nothing_but_a_comment": ("echo '# all gone' > $1", 4, "every one of acme/development would be dropped"),
    "a_directory_left": ("mkdir $(dirname $1)/undo; cp $1 $(dirname $1)/undo/1", 0, "nothing was saved"),
}


@pytest.mark.parametrize(("script", "code", "said"), WAYS_OUT.values(), ids=WAYS_OUT)
def test_nothing_is_left_and_nothing_else_changes(script, code, said, shell, editor, where):
    before = shell.tree()
    answer = shell.run("sealproof edit acme", **editor(script))
    assert answer.code == code, answer
    assert said in answer.out + answer.err
    assert SECRET.decode() not in answer.out + answer.err
    assert shell.tree() == before
    nothing_left(shell, where())


def test_an_editor_that_is_not_there(shell):
    before = shell.tree()
    answer = shell.run("sealproof edit acme", EDITOR="no-such-editor")
    assert refusal(answer)[0].startswith("the editor 'no-such-editor' cannot be started")
    assert answer.code == 4
    assert shell.tree() == before


def test_a_tenant_that_is_not_there_starts_no_editor(shell, editor, tmp_path):
    answer = shell.run("sealproof edit nobody", **editor("true"))
    assert answer.code == 4
    assert not (tmp_path / "where").exists()


def test_somebody_else_was_faster(shell, editor, where):
    meanwhile = "printf theirs | sealproof set acme DB_PASSWORD; echo NEW=1 >> $1"
    answer = shell.run("sealproof edit acme", **editor(meanwhile))
    assert answer.code == 1
    assert "changed by someone else meanwhile" in answer.err
    assert shell.type("sealproof get acme DB_PASSWORD") == "theirs\n"
    nothing_left(shell, where())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_while_the_editor_is_open(number, shell, editor, where, tmp_path):
    settings = shell.environment | editor(f"echo NEW=1 >> $1; touch {tmp_path}/open; exec sleep {SECONDS}")
    before = shell.tree()
    command = [sys.executable, "-m", "sealproof", "edit", "acme"]
    child = subprocess.Popen(command, cwd=shell.path, env=settings, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    wait_for(tmp_path / "open")
    held = os.open(where() / "acme.env", os.O_RDONLY)
    try:
        assert SECRET in os.pread(held, 4096, 0)
        child.send_signal(number)
        _, said = child.communicate(timeout=SECONDS)
        assert (child.returncode, said) == (2, b"sealproof: interrupted\n")
        left = os.pread(held, 4096, 0)
        assert left
        assert not left.strip(b"\0"), "the plain text was overwritten before it was removed"
    finally:
        os.close(held)
    assert shell.tree() == before
    nothing_left(shell, where())


def test_a_signal_in_the_very_moment_of_the_start_leaves_no_editor_behind(shell, editor, where, tmp_path):
    before = shell.tree()
    answer = shell.run(
        "sealproof edit acme", **editor(f"echo $$ > {tmp_path}/pid; kill -HUP $PPID; exec sleep {SECONDS}")
    )
    assert (answer.code, answer.err) == (2, "sealproof: interrupted\n")
    assert not Path("/proc", (tmp_path / "pid").read_text().strip()).exists()
    assert shell.tree() == before
    nothing_left(shell, where())


def wait_for(path):
    deadline = time.monotonic() + SECONDS
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.01)


def test_modes_of_what_is_sealed_are_kept(shell, editor):
    shell.type("sealproof edit acme", **editor("echo NEW=1 >> $1"))
    assert stat.S_IMODE((shell / "secrets/tenants/acme/.env.enc").stat().st_mode) == 0o644

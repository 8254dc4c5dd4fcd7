"""Files are read and replaced without links, odd files, open modes or half-written states."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import threading
from time import monotonic

import pytest

from sealproof.errors import FileUnavailable, LimitExceeded, StoreNotFound, UnsafeFile
from sealproof.loader import files
from sealproof.loader.files import (
    Directory,
    open_root,
    read_descriptor,
    read_handed_over,
    read_private,
    read_public,
)

MAX = 1000
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="giving files away needs root")


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "folder"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def directory(folder):
    with open_root(str(folder)) as opened:
        yield opened


def place(path, kind):
    """Put something odd at `path`."""
    if kind == "fifo":
        os.mkfifo(path, 0o600)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            here = os.getcwd()
            os.chdir(path.parent)  # a socket's name is short
            server.bind(path.name)
            os.chdir(here)
        path.chmod(0o600)
    elif kind == "directory":
        path.mkdir(mode=0o700)
    elif kind == "link":
        target = path.with_name("target")
        target.write_bytes(b"x")
        target.chmod(0o600)
        path.symlink_to(target)
    elif kind == "dangling link":
        path.symlink_to("nowhere")
    elif kind == "hard link":
        path.write_bytes(b"x")
        path.chmod(0o600)
        os.link(path, path.with_name("second name"))
    elif kind == "device":
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))


ODD = ["fifo", "socket", "directory", "link", "dangling link", "hard link", pytest.param("device", marks=as_root)]


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("how", ["private", "public", "below", "handed over"])
def test_odd_files_are_refused_within_a_second(kind, how, folder, directory):
    path = folder / "it"
    place(path, kind)
    if how == "handed over" and kind == "hard link":
        assert read_handed_over(str(path), limit=MAX) == b"x"  # the service manager's own business
        return
    read = {
        "private": lambda: read_private(str(path), limit=MAX),
        "public": lambda: read_public(str(path), limit=MAX),
        "below": lambda: directory.read("it", limit=MAX, private=False),
        "handed over": lambda: read_handed_over(str(path), limit=MAX),
    }[how]
    started = monotonic()
    with pytest.raises(UnsafeFile) as refused:
        read()
    assert monotonic() - started < 1
    assert str(path) in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o666, 0o601, 0o610])
def test_a_key_file_that_others_may_touch_is_refused(mode, folder, directory):
    path = folder / "it"
    path.write_bytes(b"key")
    path.chmod(mode)
    for read in (
        lambda: read_private(str(path), limit=MAX),
        lambda: directory.read("it", limit=MAX, private=True),
    ):
        with pytest.raises(UnsafeFile, match=f"mode {mode:04o}") as refused:
            read()
        assert refused.value.hint == f"chmod 600 {path}"


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_key_file_of_ones_own_is_read(mode, folder):
    path = folder / "it"
    path.write_bytes(b"key")
    path.chmod(mode)
    assert read_private(str(path), limit=MAX) == b"key"


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o444, 0o640])
def test_a_sealed_file_may_be_read_by_others(mode, folder, directory):
    (folder / "it").write_bytes(b"sealed")
    (folder / "it").chmod(mode)
    assert directory.read("it", limit=MAX, private=False) == b"sealed"
    assert read_public(str(folder / "it"), limit=MAX) == b"sealed"


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666, 0o622])
def test_a_sealed_file_may_not_be_written_by_others(mode, folder, directory):
    (folder / "it").write_bytes(b"sealed")
    (folder / "it").chmod(mode)
    with pytest.raises(UnsafeFile, match="others may write it") as refused:
        directory.read("it", limit=MAX, private=False)
    assert refused.value.hint == f"chmod go-w {folder / 'it'}"


@as_root
def test_a_key_file_of_another_user_is_refused(folder, directory):
    (folder / "it").write_bytes(b"key")
    (folder / "it").chmod(0o600)
    os.chown(folder / "it", 65534, -1)
    for read in (
        lambda: read_private(str(folder / "it"), limit=MAX),
        lambda: directory.read("it", limit=MAX, private=True),
    ):
        with pytest.raises(UnsafeFile, match="another user") as refused:
            read()
        assert refused.value.hint == f"chown 0 {folder / 'it'}"
    assert directory.read("it", limit=MAX, private=False) == b"key"


@pytest.mark.parametrize(
    ("mode", "fine"), [(0o755, True), (0o1777, True), (0o777, False), (0o770, False), (0o707, False)]
)
def test_the_directory_of_a_key_file(mode, fine, folder):
    (folder / "it").write_bytes(b"key")
    (folder / "it").chmod(0o600)
    folder.chmod(mode)
    if fine:
        assert read_private(str(folder / "it"), limit=MAX) == b"key"
    else:
        with pytest.raises(UnsafeFile, match="others may write") as refused:
            read_private(str(folder / "it"), limit=MAX)
        assert refused.value.hint == f"chmod go-w {folder}"


def test_the_limit_is_inclusive_and_checked_before_reading(folder, directory):
    path = folder / "it"
    path.write_bytes(b"x" * MAX)
    path.chmod(0o600)
    assert len(directory.read("it", limit=MAX, private=True) or b"") == MAX
    path.write_bytes(b"x" * (MAX + 1))
    with pytest.raises(LimitExceeded, match=f"limit of {MAX} bytes"):
        directory.read("it", limit=MAX, private=True)
    with open(path, "r+b") as file:
        file.truncate(1 << 40)  # a sparse terabyte
    started = monotonic()
    with pytest.raises(LimitExceeded):
        read_private(str(path), limit=MAX)
    assert monotonic() - started < 1


def test_what_is_not_there_is_none(folder, directory):
    assert directory.read("none", limit=MAX, private=True) is None
    assert directory.enter("none") is None
    assert read_private(str(folder / "none"), limit=MAX) is None
    assert read_public(str(folder / "none"), limit=MAX) is None
    assert read_public(str(folder / "none" / "none"), limit=MAX) is None
    assert read_handed_over(str(folder / "none"), limit=MAX) is None


def test_a_path_through_a_file_is_unavailable(folder):
    (folder / "file").write_bytes(b"")
    with pytest.raises(FileUnavailable):
        read_private(str(folder / "file" / "it"), limit=MAX)
    with pytest.raises(FileUnavailable):
        read_handed_over(str(folder / "file" / "it"), limit=MAX)


def test_names_in_the_working_directory(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "it").write_bytes(b"x")
    (folder / "it").chmod(0o600)
    assert read_public("it", limit=MAX) == b"x"
    assert read_private("it", limit=MAX) == b"x"


def test_open_root(tmp_path, folder):
    with pytest.raises(StoreNotFound) as refused:
        open_root(str(tmp_path / "none"))
    assert refused.value.hint == f"sealproof init --root {tmp_path / 'none'}"
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreNotFound):
        open_root(str(tmp_path / "file"))
    (tmp_path / "link").symlink_to(folder)
    with open_root(str(tmp_path / "link")) as root:  # up to the root itself, links are the user's own
        assert root.names() == []


def test_below_the_root_no_link_is_entered(folder, directory, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafeFile, match="symbolic link"):
        directory.enter("link")
    with pytest.raises(UnsafeFile, match="symbolic link"):
        directory.make("link")
    (folder / "file").write_bytes(b"")
    with pytest.raises(FileUnavailable, match="not a directory"):
        directory.enter("file")


def test_make_is_private_whatever_the_umask(folder, directory):
    before = os.umask(0)
    try:
        with directory.make("new") as made:
            assert made.path == f"{folder}/new"
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / "new").stat().st_mode) == 0o700
    with directory.make("new"):  # again: the usual case
        pass


def test_check_private(folder, directory):
    directory.check_private()
    for mode in (0o750, 0o701, 0o777, 0o710):
        folder.chmod(mode)
        with pytest.raises(UnsafeFile, match=f"mode {mode:04o}") as refused:
            directory.check_private()
        assert refused.value.hint == f"chmod 700 {folder}"
    folder.chmod(0o700)


@as_root
def test_check_private_of_a_foreign_directory(folder, directory):
    os.chown(folder, 65534, -1)
    with pytest.raises(UnsafeFile) as refused:
        directory.check_private()
    assert refused.value.hint == f"chown 0 {folder}"


def test_descriptors_close_with_their_directory(folder):
    with open_root(str(folder)) as root:
        fd = root.fd
        with root.make("inner") as inner:
            inner_fd = inner.fd
    for closed in (fd, inner_fd):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(closed)


def test_reading_leaks_no_descriptor(folder, directory):
    for name, kind in (("fine", None), ("fifo", "fifo"), ("hard", "hard link")):
        if kind:
            place(folder / name, kind)
        else:
            (folder / name).write_bytes(b"x")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(10):
        directory.read("fine", limit=MAX, private=False)
        for name in ("fifo", "hard"):
            with pytest.raises(UnsafeFile):
                directory.read(name, limit=MAX, private=False)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("again", ["the new file", None])
def test_a_file_that_is_replaced_and_overwritten_under_a_reader_is_read_anew(folder, directory, monkeypatch, again):
    """As key files are, whose old bytes are overwritten once their name is gone."""
    directory.replace("it", b"the old file")
    chunks = files._chunks

    def raced(fd, path, limit):
        monkeypatch.setattr(files, "_chunks", chunks)
        with (folder / "it").open("r+b") as old:
            (folder / "it").unlink()
            if again:
                directory.replace("it", again.encode())
            old.write(bytes(len("the old file")))
        return chunks(fd, path, limit)

    monkeypatch.setattr(files, "_chunks", raced)
    assert directory.read("it", limit=MAX, private=True) == (again and again.encode())


# --- replacing


def test_replace_and_read_back(folder, directory):
    directory.replace("it", b"one")
    assert stat.S_IMODE((folder / "it").stat().st_mode) == 0o600
    directory.replace("it", b"two", mode=0o644)
    assert (folder / "it").read_bytes() == b"two"
    assert stat.S_IMODE((folder / "it").stat().st_mode) == 0o644
    assert os.listdir(folder) == ["it"]


def test_replace_puts_a_file_in_place_of_a_link_and_leaves_its_target(folder, directory, tmp_path):
    (tmp_path / "target").write_bytes(b"precious")
    (folder / "it").symlink_to(tmp_path / "target")
    directory.replace("it", b"new")
    assert (tmp_path / "target").read_bytes() == b"precious"
    assert not (folder / "it").is_symlink()


OPERATIONS = ["open", "write", "fchmod", "fsync", "close", "fstat", "read", "rename", "unlink"]


class Disk:
    """Fails the n-th call of one file operation, and records every call that makes or opens something."""

    def __init__(self, monkeypatch):
        self.count = 0
        self.fail_at = 0
        self.failed = ""
        for name in OPERATIONS:
            monkeypatch.setattr(files.os, name, self.wrap(name, getattr(os, name)))

    def wrap(self, name, real):
        def call(*args, **kwargs):
            self.count += 1
            if self.count == self.fail_at:
                self.failed = name
                if name == "close":
                    real(*args, **kwargs)  # the kernel closes the descriptor, whatever it says
                raise OSError(28, "No space left on device")
            return real(*args, **kwargs)

        return call


def test_every_failing_operation_leaves_the_old_or_the_new_state_and_no_temporary(folder, directory):
    directory.replace("it", b"earlier")
    failed = []
    for number in range(1, 40):
        (folder / "it").write_bytes(b"earlier")
        with pytest.MonkeyPatch.context() as patch:
            disk = Disk(patch)
            disk.fail_at = number
            try:
                directory.replace("it", b"later " * 100)
            except FileUnavailable as error:
                assert "no space left on device" in error.message  # noqa: PT017 - some calls do not fail
                assert error.hint  # noqa: PT017 - as above
        if not disk.failed:
            break
        failed.append(disk.failed)
        now = (folder / "it").read_bytes()
        last_step = disk.failed == "fsync" and failed.count("fsync") == 2
        assert now == (b"later " * 100 if last_step else b"earlier"), disk.failed
        assert os.listdir(folder) == ["it"], disk.failed
    assert {"open", "write", "fchmod", "fsync", "close", "read", "rename"} <= set(failed)
    assert (folder / "it").read_bytes() == b"later " * 100


def test_a_short_write_is_continued(folder, directory, monkeypatch):
    real = os.write
    monkeypatch.setattr(files.os, "write", lambda fd, data: real(fd, bytes(data)[:3]))
    directory.replace("it", b"0123456789")
    assert (folder / "it").read_bytes() == b"0123456789"


def test_what_reads_back_differently_is_not_put_in_place(folder, directory, monkeypatch):
    directory.replace("it", b"earlier")
    monkeypatch.setattr(files, "_write_all", lambda fd, data: os.write(fd, data[:-1] + b"?"))
    with pytest.raises(FileUnavailable, match="did not read back as written"):
        directory.replace("it", b"later")
    assert (folder / "it").read_bytes() == b"earlier"
    assert os.listdir(folder) == ["it"]


def test_umask_0_leaves_no_open_mode_even_for_a_moment(folder, directory, monkeypatch):
    seen = []
    real_open, real_mkdir = os.open, os.mkdir

    def opened(path, flags, *rest, **options):
        fd = real_open(path, flags, *rest, **options)
        if flags & os.O_CREAT:
            seen.append(stat.S_IMODE(os.fstat(fd).st_mode))
            assert flags & os.O_EXCL
        return fd

    def made(path, *rest, **options):
        real_mkdir(path, *rest, **options)
        seen.append(stat.S_IMODE(os.stat(path, dir_fd=options["dir_fd"]).st_mode))

    monkeypatch.setattr(files.os, "open", opened)
    monkeypatch.setattr(files.os, "mkdir", made)
    before = os.umask(0)
    try:
        directory.replace("it", b"x", mode=0o644)
        directory.replace("key", b"x")
        directory.make("new").__exit__()
    finally:
        os.umask(before)
    assert seen == [0o600, 0o600, 0o700]
    assert stat.S_IMODE((folder / "it").stat().st_mode) == 0o644
    assert stat.S_IMODE((folder / "key").stat().st_mode) == 0o600


def test_remove(folder, directory):
    (folder / "it").write_bytes(b"x")
    directory.remove("it")
    assert not (folder / "it").exists()
    with pytest.raises(FileUnavailable):
        directory.remove("it")


def test_sweep_removes_what_a_killed_writer_left_and_nothing_else(folder, directory):
    """A writer killed between write and rename left its temporary for ever: in keys/, with a key in it."""
    script = (
        "import os, signal, sys\n"
        "from sealproof.loader import files\n"
        "files.os.rename = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)\n"
        "with files.open_root(sys.argv[1]) as d: d.replace('acme.key', b'key material')\n"
    )
    subprocess.run([sys.executable, "-c", script, str(folder)], check=False)
    (left,) = os.listdir(folder)
    assert left.startswith(".acme.key.")
    (folder / "acme.key").write_bytes(b"x")
    (folder / ".env.enc").write_bytes(b"x")
    directory.lock()
    directory.sweep()
    assert sorted(os.listdir(folder)) == [".env.enc", "acme.key"]


def test_a_lock_keeps_others_out_until_the_directory_is_closed(folder):
    order = []
    held = threading.Event()

    def second():
        held.wait(10)
        with open_root(str(folder)) as root:
            root.lock()
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with open_root(str(folder)) as root:
        root.lock()
        held.set()
        thread.join(0.2)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_a_file_system_without_locks_is_unavailable(folder, monkeypatch):
    import fcntl  # noqa: PLC0415 - only here

    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with open_root(str(folder)) as root, pytest.raises(FileUnavailable, match="no locks available"):
        root.lock()


# --- descriptors


def test_a_descriptor_is_read_to_its_end_and_closed():
    reading, writing = os.pipe()
    os.write(writing, b"one ")
    os.write(writing, b"two")
    os.close(writing)
    assert read_descriptor(reading, "fd", limit=MAX) == b"one two"
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(reading)


def test_a_descriptor_over_the_limit_is_refused_and_closed(folder):
    (folder / "it").write_bytes(b"x" * (MAX + 1))
    fd = os.open(folder / "it", os.O_RDONLY)
    with pytest.raises(LimitExceeded):
        read_descriptor(fd, "fd", limit=MAX)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_a_descriptor_that_is_none():
    fd = os.open("/dev/null", os.O_RDONLY)
    os.close(fd)
    with pytest.raises(FileUnavailable, match="bad file descriptor"):
        read_descriptor(fd, "fd", limit=MAX)


def test_names_of_a_directory_that_fails(folder, monkeypatch):
    def refuse(_):
        raise OSError(5, "Input/output error")

    with open_root(str(folder)) as root:
        monkeypatch.setattr(files.os, "listdir", refuse)
        with pytest.raises(FileUnavailable, match="input/output error"):
            root.names()


def test_make_on_a_full_disk(directory, monkeypatch):
    def refuse(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "mkdir", refuse)
    with pytest.raises(FileUnavailable, match="no space left"):
        directory.make("new")


def test_a_directory_that_vanishes_while_it_is_made(directory, monkeypatch):
    monkeypatch.setattr(Directory, "enter", lambda *_: None)
    with pytest.raises(FileUnavailable, match="vanished"):
        directory.make("new")

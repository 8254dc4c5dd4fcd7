"""`init`: a store from nothing, a fresh clone made ready, and a call that was broken off completed."""

from __future__ import annotations

import os
import stat
import subprocess
import time

import pytest

from sealproof.errors import CannotOpen, FileUnavailable, StoreExists, ToolFailed, UnsafeFile, WeakKey
from sealproof.loader.keys import forget_keys
from sealproof.vault import foundation
from sealproof.vault.custodian import Custodian
from sealproof.vault.foundation import lay_foundation, work_tree
from sealproof.vault.keys.keyring import Keyring

PASSPHRASE = "kV9x2QmT7pLr4WzYb8Nc3HdGf6JsEa1U"
pytestmark = pytest.mark.usefixtures("bare")


def lay(root, passphrase=None):
    return lay_foundation(str(root), passphrase=passphrase, iterations=100_000, clock=time.time)


def git(directory, *arguments):
    return subprocess.run(
        ["git", "-C", str(directory), *arguments], capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture
def clone(tmp_path):
    git(tmp_path, "init", "--quiet")
    return tmp_path


def tree(root):
    return {str(path): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_a_store_from_nothing_works_at_once(tmp_path):
    root = tmp_path / "deep" / "secrets"
    done = lay(root)
    assert any(line.startswith("made keys/ with a master drawn at random") for line in done)
    custodian = Custodian(str(root))
    custodian.seal("acme", "development", {"A": b"1"})
    assert custodian.open("acme", "development").values() == {"A": b"1"}


def test_keys_are_private_and_the_rest_is_meant_to_be_read(tmp_path):
    old = os.umask(0)
    try:
        lay(tmp_path / "deep" / "secrets")
    finally:
        os.umask(old)
    root = tmp_path / "deep" / "secrets"
    assert stat.S_IMODE((tmp_path / "deep").stat().st_mode) == 0o755
    assert stat.S_IMODE(root.stat().st_mode) == 0o755
    for path in (root / "keys").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert stat.S_IMODE((root / "sealproof.toml").stat().st_mode) == 0o644


def test_a_passphrase_is_stretched_and_never_written(tmp_path, monkeypatch):
    lay(tmp_path / "secrets", PASSPHRASE)
    assert not [path for path, data in tree(tmp_path).items() if PASSPHRASE.encode() in data]
    monkeypatch.setenv("MASTER_SECRET_KEY", PASSPHRASE)
    custodian = Custodian(str(tmp_path / "secrets"))
    custodian.seal("acme", "development", {"A": b"1"})
    forget_keys()
    monkeypatch.setenv("MASTER_SECRET_KEY", PASSPHRASE + "x")
    with pytest.raises(CannotOpen):
        custodian.open("acme", "development")


def test_a_weak_passphrase_makes_no_store(tmp_path):
    with pytest.raises(WeakKey):
        lay(tmp_path / "secrets", "changeme")
    assert list(tmp_path.iterdir()) == []


def test_repeating_keeps_keys_and_files(clone):
    lay(clone / "secrets")
    before = tree(clone / "secrets")
    assert lay(clone / "secrets") == ["installed the git merge driver for this clone"]
    assert tree(clone / "secrets") == before


def test_a_fresh_clone_without_keys_gets_the_driver_and_no_new_keys(clone):
    lay(clone / "secrets")
    for path in sorted((clone / "secrets/keys").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (clone / "secrets/keys").rmdir()
    git(clone, "config", "--remove-section", "merge.sealproof")
    lay(clone / "secrets")
    assert git(clone, "config", "merge.sealproof.driver") == "sealproof merge %O %A %B %P"
    assert not (clone / "secrets/keys/master.key").exists()


@pytest.mark.parametrize("step", ["master", "writer", "report", "policy"])
def test_a_call_that_was_broken_off_is_completed_by_the_next(step, tmp_path, monkeypatch):
    root = tmp_path / "secrets"

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    real = Keyring.new_signing_key

    def dies_at_its_key(self: Keyring, purpose: str) -> object:
        return dies() if purpose == step else real(self, purpose)

    with monkeypatch.context() as patch:
        patch.setattr(Keyring, "new_signing_key", dies_at_its_key)
        if step == "master":
            patch.setattr(Keyring, "create", dies)
        if step == "policy":
            patch.setattr(foundation, "_found_policy", dies)
        with pytest.raises(KeyboardInterrupt):
            lay(root)
    assert not (root / "sealproof.toml").exists()
    lay(root)
    custodian = Custodian(str(root))
    custodian.seal("acme", "development", {"A": b"1"})
    assert {"writer", "report"} <= custodian.keyring.signing_publics().keys()


@pytest.mark.parametrize("what", ["full", "file"])
def test_what_is_no_store_is_left_alone(what, tmp_path):
    root = tmp_path / "secrets"
    if what == "file":
        root.write_text("mine")
    else:
        root.mkdir()
        (root / "thesis.tex").write_text("mine")
    before = tree(tmp_path)
    with pytest.raises(StoreExists):
        lay(root)
    assert tree(tmp_path) == before


def test_a_path_below_a_file_says_so(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises((FileUnavailable, StoreExists)):
        lay(tmp_path / "file" / "secrets")


@pytest.mark.parametrize("root", ["/proc/no/store", "x" * 300], ids=["no_directory_can_be_made", "name_too_long"])
def test_an_operating_system_that_refuses_is_named(root):
    with pytest.raises(FileUnavailable):
        lay(root)


def test_somebody_else_may_make_the_directory_first(tmp_path, monkeypatch):
    real = os.mkdir

    def slower(path: str, mode: int = 0o777, **options: int) -> None:
        real(path, mode, **options)
        if "dir_fd" not in options:
            raise FileExistsError(17, "File exists")

    monkeypatch.setattr(os, "mkdir", slower)
    lay(tmp_path / "secrets")
    assert (tmp_path / "secrets/sealproof.toml").exists()


def test_a_store_from_before_there_were_policies_gets_one(tmp_path):
    root = tmp_path / "secrets"
    lay(root)
    for path in sorted(root.rglob("*policy*")):  # the policy, its key, and what the store remembers of it
        path.unlink()
    done = lay(root)
    assert "made the policy key" in done
    assert (root / "policy.json").exists()


def test_git_ignores_every_key_and_every_plain_file_and_no_sealed_one(clone):
    lay(clone / "secrets")
    Custodian(str(clone / "secrets")).seal("acme", "development", {"A": b"1"})
    Custodian(str(clone / "secrets")).seal("acme", "production", {"A": b"1"})
    kept = ("secrets/tenants/acme/.env.enc", "secrets/tenants/acme/.env.production.enc")
    hidden = (
        ".env",
        ".env.local",
        "deploy.key",
        "secrets/tenants/acme/.env",
        "secrets/tenants/acme/.env.bak",
        "secrets/tenants/acme/..env.swp",
        "secrets/tenants/acme/#.env#",
        "secrets/tenants/acme/.env~",
        "secrets/keys/new",
        "secrets/audit/acme/1",
    )
    for name in (*hidden, ".env.example", "secrets/tenants/acme/.env.example"):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_text("x")
    git(clone, "add", "--all")
    added = git(clone, "ls-files").splitlines()
    assert not set(hidden) & set(added)
    assert not [name for name in added if name.endswith(".key") or "/keys/" in name]
    assert {*kept, ".env.example", "secrets/tenants/acme/.env.example", "secrets/sealproof.toml"} <= set(added)


def test_ignore_files_of_the_project_are_kept_and_grow_once(clone):
    (clone / ".gitignore").write_bytes(b"*.pyc")  # no line feed at its end
    lay(clone / "secrets")
    lay(clone / "secrets")
    text = (clone / ".gitignore").read_text()
    assert text.startswith("*.pyc\n# sealproof: begin\n")
    assert text.count("sealproof: begin") == 1
    assert (clone / ".dockerignore").read_text().count("secrets/keys/") == 1


def test_an_ignore_file_that_is_a_link_is_not_followed(clone, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "file"
    elsewhere.write_text("mine")
    (clone / ".gitignore").symlink_to(elsewhere)
    with pytest.raises((UnsafeFile, FileUnavailable)):
        lay(clone / "secrets")
    assert elsewhere.read_text() == "mine"


def test_an_ignore_file_that_is_a_pipe_does_not_hang(clone):
    os.mkfifo(clone / ".gitignore")
    with pytest.raises(UnsafeFile, match="no regular file"):
        lay(clone / "secrets")


def test_a_git_that_refuses_is_named(clone):
    lay(clone / "secrets")
    (clone / ".git/config.lock").touch()
    with pytest.raises(ToolFailed, match=r"git would not set merge\.sealproof"):
        lay(clone / "secrets")


def test_without_git_a_store_is_laid_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert work_tree(str(tmp_path)) is None
    done = lay(tmp_path / "secrets")
    assert not any("git merge driver" in line for line in done)
    assert (tmp_path / "secrets/sealproof.toml").exists()

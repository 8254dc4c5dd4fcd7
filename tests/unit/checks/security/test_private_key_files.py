"""SEC-006: key files are private."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess

import pytest

from sealproof.findings import Status

KEY = "keys/tenant_keys/aurora.key"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def fixed(finding, store, run_check) -> None:
    """Type the fix, and ask again."""
    subprocess.run(finding.fix, shell=True, check=True)
    assert run_check(store, "SEC-006").status is Status.PASS


def access_list(*entries: tuple[int, int, int]) -> bytes:
    """An access list as the kernel takes it: tag, permissions, id."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


NOBODY = 0xFFFFFFFF
NAMED_USER = access_list((0x01, 6, NOBODY), (0x02, 4, 1234), (0x04, 0, NOBODY), (0x10, 4, NOBODY), (0x20, 0, NOBODY))
NAMED_GROUP = access_list((0x01, 7, NOBODY), (0x04, 0, NOBODY), (0x08, 5, 1234), (0x10, 5, NOBODY), (0x20, 0, NOBODY))
HANDS_ON = access_list((0x01, 7, NOBODY), (0x04, 5, NOBODY), (0x20, 0, NOBODY))
HARMLESS = access_list((0x01, 6, NOBODY), (0x04, 0, NOBODY), (0x20, 0, NOBODY))


def set_access_list(path, name: str, value: bytes) -> None:
    try:
        os.setxattr(path, f"system.posix_acl_{name}", value)
    except OSError as exc:
        pytest.skip(f"this file system has no access lists: {exc}")


def test_a_new_store_is_private(store, run_check):
    result = run_check(store, "SEC-006")
    assert result.status is Status.PASS
    assert result.findings[0].observed == "25 files and directories are private"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o777, 0o700, 0o620, 0o4600])
def test_a_wider_mode_of_a_file_fails(store, run_check, failure, mode):
    (store / KEY).chmod(mode)
    finding = failure(run_check(store, "SEC-006"))
    assert finding.resource == KEY
    assert finding.observed == f"mode {mode:04o}"
    assert finding.fix == f"chmod 600 {store / KEY}"
    fixed(finding, store, run_check)


@pytest.mark.parametrize("where", ["keys", "keys/signing", "keys/tenant_keys"])
@pytest.mark.parametrize("mode", [0o750, 0o701, 0o777])
def test_a_wider_mode_of_a_directory_fails(store, run_check, failure, where, mode):
    (store / where).chmod(mode)
    finding = failure(run_check(store, "SEC-006"))
    assert finding.fix == f"chmod 700 {store / where}"
    fixed(finding, store, run_check)


def test_tighter_modes_pass(store, run_check):
    (store / KEY).chmod(0o400)
    (store / "keys" / "signing").chmod(0o2700)
    assert run_check(store, "SEC-006").status is Status.PASS


@needs_root
@pytest.mark.parametrize("where", [KEY, "keys/signing"])
def test_a_foreign_owner_fails(store, run_check, failure, where):
    os.chown(store / where, 12345, -1)
    finding = failure(run_check(store, "SEC-006"))
    assert "belongs to another user (uid 12345)" in finding.observed
    fixed(finding, store, run_check)


def test_a_link_fails_and_the_fix_brings_the_file_home(store, tmp_path, run_check, failure):
    (store / KEY).rename(tmp_path / "elsewhere.key")
    (store / KEY).symlink_to(tmp_path / "elsewhere.key")
    finding = failure(run_check(store, "SEC-006"))
    assert finding.observed == "is a symbolic link"
    fixed(finding, store, run_check)
    assert not (tmp_path / "elsewhere.key").exists()


def test_a_linked_directory_fails_and_is_not_followed(store, tmp_path, run_check, failure):
    (store / "keys").rename(tmp_path / "keys")
    (store / "keys").symlink_to(tmp_path / "keys")
    finding = failure(run_check(store, "SEC-006"))
    assert finding.resource == "keys/"
    fixed(finding, store, run_check)


def test_a_link_to_nowhere_fails(store, run_check, failure):
    (store / "keys" / "lost.key").symlink_to("nowhere")
    finding = failure(run_check(store, "SEC-006"))
    assert finding.fix.startswith("rm ")


def test_a_second_name_fails_and_the_fix_makes_a_file_of_its_own(store, tmp_path, run_check, failure):
    os.link(store / KEY, tmp_path / "second-name")
    finding = failure(run_check(store, "SEC-006"))
    assert "has 2 hard links" in finding.observed
    fixed(finding, store, run_check)
    assert (tmp_path / "second-name").stat().st_nlink == 1


def test_a_pipe_and_a_socket_fail_without_a_hang(store, run_check, failures, monkeypatch):
    monkeypatch.chdir(store / "keys")
    os.mkfifo("pipe.key", 0o600)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.key")
        found = failures(run_check(store, "SEC-006"))
    assert {name: finding.observed for name, finding in found.items()} == {
        "keys/pipe.key": "is no regular file",
        "keys/socket.key": "is no regular file",
    }


def test_an_access_list_that_names_a_user_fails(store, run_check, failure):
    set_access_list(store / KEY, "access", NAMED_USER)
    finding = failure(run_check(store, "SEC-006"))
    assert "has an access list that names others" in finding.observed
    fixed(finding, store, run_check)


def test_an_access_list_hidden_behind_a_private_mode_fails(store, run_check, failure):
    set_access_list(store / KEY, "access", NAMED_USER)
    (store / KEY).chmod(0o600)
    finding = failure(run_check(store, "SEC-006"))
    assert finding.observed == "has an access list that names others"
    fixed(finding, store, run_check)


@pytest.mark.parametrize(("name", "value"), [("access", NAMED_GROUP), ("default", NAMED_GROUP), ("default", HANDS_ON)])
def test_an_access_list_of_a_directory_fails(store, run_check, failure, name, value):
    set_access_list(store / "keys", name, value)
    finding = failure(run_check(store, "SEC-006"))
    assert finding.resource == "keys/"
    assert finding.fix == f"setfacl -b -k {store / 'keys'} && chmod 700 {store / 'keys'}"
    if shutil.which("setfacl"):
        fixed(finding, store, run_check)


def test_an_access_list_that_says_what_the_mode_says_passes(store, run_check):
    set_access_list(store / KEY, "access", HARMLESS)
    set_access_list(store / "keys", "default", HARMLESS)
    assert run_check(store, "SEC-006").status is Status.PASS


def test_several_faults_of_one_file_are_one_finding(store, tmp_path, run_check, failure):
    os.link(store / KEY, tmp_path / "second-name")
    (store / KEY).chmod(0o644)
    finding = failure(run_check(store, "SEC-006"))
    assert finding.observed.startswith("mode 0644, has 2 hard links")
    fixed(finding, store, run_check)


def test_a_path_with_blanks_can_still_be_typed(store, run_check, failure):
    (store / "keys" / "my old $HOME.key").write_bytes(b"")
    (store / "keys" / "my old $HOME.key").chmod(0o644)
    fixed(failure(run_check(store, "SEC-006")), store, run_check)


def test_the_key_file_of_a_host_is_looked_at(store, tmp_path, run_check, failure, monkeypatch):
    shutil.rmtree(store / "keys")
    key = tmp_path / "host.key"
    key.write_bytes(b"")
    key.chmod(0o644)
    monkeypatch.setenv("SEALPROOF_KEY_FILE", str(key))
    finding = failure(run_check(store, "SEC-006"))
    assert finding.resource == "SEALPROOF_KEY_FILE"
    fixed(finding, store, run_check)


def test_a_directory_where_others_may_swap_the_key_fails(store, tmp_path, run_check, failure, monkeypatch):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    key = tmp_path / "open" / "host.key"
    key.write_bytes(b"")
    key.chmod(0o600)
    monkeypatch.setenv("SEALPROOF_KEY_FILE", str(key))
    finding = failure(run_check(store, "SEC-006"))
    assert finding.resource == "directory of SEALPROOF_KEY_FILE"
    fixed(finding, store, run_check)


def test_a_key_file_that_is_not_there_is_no_evidence(store, tmp_path, run_check, monkeypatch):
    shutil.rmtree(store / "keys")
    monkeypatch.setenv("SEALPROOF_KEY_FILE", str(tmp_path / "missing" / "host.key"))
    assert run_check(store, "SEC-006").status is Status.NOT_EVALUATED


def test_no_key_file_at_all_is_not_applicable(store, run_check):
    shutil.rmtree(store / "keys")
    result = run_check(store, "SEC-006")
    assert result.status is Status.NOT_APPLICABLE
    assert "SEALPROOF_KEY_FILE is not set" in result.findings[0].reason


def test_a_narrowed_run_names_no_other_tenant(store, run_check):
    for tenant in ("aurora", "borealis"):
        (store / "keys" / "tenant_keys" / f"{tenant}.key").chmod(0o644)
    result = run_check(store, "SEC-006", tenants=("aurora",))
    assert sum(finding.status is Status.FAIL for finding in result.findings) == 2
    assert "borealis" not in repr(result)

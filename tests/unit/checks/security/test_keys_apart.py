"""SEC-007: keys live apart from ciphertext."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import stat
import subprocess
import tarfile
import zipfile

import pytest

from sealproof.checks.security import _archives
from sealproof.envelope.keyfile import KeyLine
from sealproof.findings import Status
from sealproof.signing import SigningKey
from sealproof.vault.custodian import Custodian


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    """Where the fixes move keys to."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def repository(store, git):
    """The store's project as a git work tree, with the ignore rules that init writes."""
    git(store.parent, "init", "--quiet")
    return store.parent


@pytest.fixture
def host_key(store) -> bytes:
    """What `key export` writes: a key that opens aurora's file."""
    lines = Custodian(str(store)).keyring.key_lines("aurora", "development")
    return "".join(f"{line.to_line()}\n" for line in lines).encode()


def fixed(finding, store, run_check, **spec) -> None:
    """Type the fix, and ask again."""
    subprocess.run(finding.fix, shell=True, check=True)
    assert run_check(store, "SEC-007", **spec).status is Status.PASS


def tar_of(path, entries: dict[str, bytes], mode: str = "w:gz") -> None:
    with tarfile.open(path, mode) as archive:
        for name, data in entries.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def zip_of(path, entries: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)


class TestKeyring:
    def test_a_private_keyring_outside_a_repository_is_allowed_in_development(self, store, run_check):
        result = run_check(store, "SEC-007")
        assert result.status is Status.PASS
        assert result.findings[0].observed == "allowed here and private; no repository surrounds it"
        assert dict(result.parameters) == {"keys_beside_store": "allowed"}

    @pytest.mark.usefixtures("repository")
    def test_an_ignored_keyring_is_allowed_in_development(self, store, run_check):
        result = run_check(store, "SEC-007")
        assert result.status is Status.PASS
        assert result.findings[0].observed == "allowed here, private and ignored by git"

    @pytest.mark.usefixtures("repository")
    def test_a_keyring_that_git_does_not_ignore_fails_and_init_mends_it(self, store, run_check, failure):
        ignore = store / ".gitignore"
        rules = ignore.read_text()
        ignore.write_text("")
        finding = failure(run_check(store, "SEC-007"))
        assert "git does not ignore it" in finding.observed
        assert finding.fix == f"sealproof init --root {store}"
        ignore.write_text(rules)
        assert run_check(store, "SEC-007").status is Status.PASS

    def test_an_ignore_block_that_was_thinned_out_is_mended_by_hand(self, store, repository, run_check, failure):
        for place in (store, repository):
            ignore = place / ".gitignore"
            if ignore.exists():
                ignore.write_text(ignore.read_text().replace("keys/\n", "other/\n"))
        fixed(failure(run_check(store, "SEC-007")), store, run_check)

    @pytest.mark.parametrize("profile", ["production", "strict"])
    def test_a_keyring_in_the_store_fails_in_production(self, store, run_check, failure, profile):
        finding = failure(run_check(store, "SEC-007", profile=profile))
        assert finding.resource == "keys/"
        fixed(finding, store, run_check, profile=profile)
        assert (store.parents[1] / "home" / ".sealproof" / "keys" / "master.key").exists()

    def test_an_environment_besides_development_makes_it_production(self, store, run_check):
        Custodian(str(store)).seal("aurora", "staging", {"DB_PASSWORD": b"x"})
        assert run_check(store, "SEC-007").status is Status.FAIL

    def test_a_keyring_that_others_may_enter_fails(self, store, run_check, failure):
        (store / "keys").chmod(0o755)
        fixed(failure(run_check(store, "SEC-007")), store, run_check)

    def test_a_linked_keyring_fails(self, store, tmp_path, run_check, failure):
        (store / "keys").rename(tmp_path / "keys")
        (store / "keys").symlink_to(tmp_path / "keys")
        fixed(failure(run_check(store, "SEC-007")), store, run_check)

    def test_no_keyring_is_best(self, store, run_check):
        shutil.rmtree(store / "keys")
        assert run_check(store, "SEC-007", profile="strict").findings[0].observed == "not in the store"

    def test_a_repository_that_git_does_not_answer_for_is_no_evidence(self, store, run_check):
        (store.parent / ".git").mkdir()
        result = run_check(store, "SEC-007")
        assert result.status is Status.NOT_EVALUATED
        assert "git rev-parse failed" in result.findings[0].reason

    @pytest.mark.usefixtures("repository")
    def test_without_git_a_repository_is_no_evidence(self, store, run_check, monkeypatch):
        monkeypatch.setenv("PATH", "/nowhere")
        assert run_check(store, "SEC-007").status is Status.NOT_EVALUATED


class TestStrayKeys:
    @pytest.mark.parametrize("name", ["host.key", "notes.txt", "tenants/aurora/app.cfg", "deep/er/x", ".hidden"])
    def test_a_key_file_anywhere_in_the_store_fails_and_the_fix_moves_it(
        self, store, host_key, run_check, failure, name
    ):
        path = store / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(host_key)
        finding = failure(run_check(store, "SEC-007"))
        assert finding.resource == name
        assert finding.observed == "a key that opens sealed files lies in the store"
        fixed(finding, store, run_check)
        kept = list((store.parents[1] / "home" / ".sealproof").iterdir())
        assert [path.read_bytes() for path in kept] == [host_key]
        assert stat.S_IMODE(kept[0].parent.stat().st_mode) == 0o700

    def test_two_keys_of_one_name_do_not_overwrite_each_other(self, store, host_key, run_check, failures):
        for tenant in ("aurora", "borealis"):
            (store / "tenants" / tenant / "host.key").write_bytes(host_key + tenant.encode())
        for finding in failures(run_check(store, "SEC-007")).values():
            subprocess.run(finding.fix, shell=True, check=True)
        assert run_check(store, "SEC-007").status is Status.PASS
        assert len(list((store.parents[1] / "home" / ".sealproof").iterdir())) == 2

    @pytest.mark.parametrize(
        ("name", "what"),
        [
            ("keys/master.key", "a store's master"),
            ("keys/tenant_keys/aurora.key", "a tenant's wrapped keys"),
            ("keys/signing/writer.key", "a private signing key"),
        ],
    )
    def test_each_kind_of_key_file_is_known(self, store, run_check, failure, name, what):
        shutil.copy(store / name, store / "copy")
        assert failure(run_check(store, "SEC-007")).observed == f"{what} lies in the store"

    def test_a_key_inside_another_text_is_found(self, store, host_key, run_check, failure):
        (store / "deploy.env").write_bytes(b"\xef\xbb\xbfSEALPROOF_KEY='" + host_key.strip() + b"'\r\n")
        assert failure(run_check(store, "SEC-007")).resource == "deploy.env"

    def test_an_x25519_identity_is_a_key(self, store, run_check, failure):
        line = KeyLine("x25519", os.urandom(32), (SigningKey(os.urandom(32)).public,)).to_line()
        (store / "me").write_text(line)
        assert failure(run_check(store, "SEC-007")).resource == "me"

    def test_public_keys_and_talk_of_keys_are_none(self, store, run_check):
        shutil.copy(store / "keys" / "signing" / "report.pub", store / "report.pub")
        sample = KeyLine("x25519", bytes(range(0x60, 0x80)), (SigningKey(bytes(range(0x40, 0x60))).public,)).to_line()
        pem = SigningKey(bytes(range(0x40, 0x60))).to_pem().decode()
        (store / "README.md").write_text(
            f'{{"format":"sealproof-key/1","kind":…}}\n{sample}\n{pem}-----BEGIN PRIVATE KEY-----\n'
        )
        assert run_check(store, "SEC-007").status is Status.PASS

    def test_what_a_link_points_to_lies_elsewhere(self, store, tmp_path, host_key, run_check):
        (tmp_path / "host.key").write_bytes(host_key)
        (store / "link").symlink_to(tmp_path / "host.key")
        os.mkfifo(store / "pipe")
        assert run_check(store, "SEC-007").status is Status.PASS

    def test_a_narrowed_run_names_no_other_tenant(self, store, host_key, run_check, failure):
        (store / "tenants" / "borealis" / "host.key").write_bytes(host_key)
        result = run_check(store, "SEC-007", tenants=("aurora",))
        assert failure(result).resource == "another tenant's directory"
        assert "borealis" not in repr(result)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
    def test_a_file_that_cannot_be_read_is_not_passed_over(self, store, run_check):
        (store / "closed").touch(0o000)
        assert run_check(store, "SEC-007").status is Status.NOT_EVALUATED


class TestArchives:
    @pytest.mark.parametrize("kind", [("a.tar", "w"), ("a.tar.gz", "w:gz"), ("B.TGZ", "w:gz")])
    def test_a_tar_that_holds_both_fails_and_the_fix_moves_it(self, store, host_key, run_check, failure, kind):
        name, mode = kind
        sealed = (store / "tenants" / "aurora" / ".env.enc").read_bytes()
        tar_of(store / name, {"secrets/tenants/aurora/.env.enc": sealed, "secrets/host.key": host_key}, mode)
        finding = failure(run_check(store, "SEC-007"))
        assert finding.resource == name
        assert finding.observed.endswith("a key that opens sealed files ('secrets/host.key'), with 1 sealed files")
        fixed(finding, store, run_check)

    def test_a_zip_that_holds_key_and_ciphertext_fails(self, store, host_key, run_check, failure):
        zip_of(store / "a.zip", {"x/": b"", "a/.env.enc": b"sealed", "k1": host_key, "k2": host_key})
        finding = failure(run_check(store, "SEC-007"))
        assert finding.observed.endswith("a key that opens sealed files ('k1') and 1 more, with 1 sealed files")

    def test_an_archive_of_the_whole_store_in_its_keyring_fails(self, store, run_check, failure):
        with tarfile.open(store / "all.tar.gz", "w:gz") as archive:
            archive.add(store / "tenants", "tenants")
            archive.add(store / "keys", "keys")
        (store / "all.tar.gz").rename(store / "keys" / "all.tar.gz")
        assert failure(run_check(store, "SEC-007")).resource == "keys/all.tar.gz"

    def test_a_backup_of_keys_among_keys_is_allowed(self, store, host_key, run_check):
        tar_of(store / "keys" / "old.tgz", {"old.key": host_key})
        assert run_check(store, "SEC-007").status is Status.PASS

    def test_an_archive_of_keys_beside_the_ciphertext_fails(self, store, host_key, run_check, failure):
        tar_of(store / "old.tgz", {"old.key": host_key})
        assert "beside the sealed files" in failure(run_check(store, "SEC-007")).observed

    def test_an_archive_of_ciphertext_alone_passes(self, store, run_check):
        tar_of(store / "data.tar.gz", {".env.enc": b"sealed", "README": b"no key"})
        zip_of(store / "data.zip", {".env.enc": b"sealed"})
        assert run_check(store, "SEC-007").status is Status.PASS

    @pytest.mark.parametrize("name", ["x.tar", "x.tar.gz", "x.zip"])
    def test_a_broken_archive_is_not_passed_over(self, store, run_check, name):
        (store / name).write_bytes(b"neither of them")
        result = run_check(store, "SEC-007")
        assert result.status is Status.NOT_EVALUATED
        assert "it cannot be read" in result.findings[1].reason

    def test_a_cut_archive_is_not_passed_over(self, store, host_key, run_check):
        tar_of(store / "whole.tgz", {"filler": os.urandom(100_000), "host.key": host_key})
        (store / "cut.tgz").write_bytes((store / "whole.tgz").read_bytes()[:50_000])
        (store / "whole.tgz").unlink()
        assert run_check(store, "SEC-007").status is Status.NOT_EVALUATED

    @pytest.mark.parametrize("name", ["x.7z", "x.tar.xz", "X.TAR.BZ2"])
    def test_an_archive_of_another_kind_is_not_passed_over(self, store, run_check, name):
        (store / name).write_bytes(b"x")
        assert "not looked into" in run_check(store, "SEC-007").findings[1].reason

    def test_an_archive_in_an_archive_is_not_passed_over(self, store, run_check):
        tar_of(store / "x.tar", {"inner.zip": b"x"}, "w")
        assert "it holds another archive" in run_check(store, "SEC-007").findings[1].reason

    def test_encrypted_entries_are_not_passed_over(self, store, run_check):
        zip_of(store / "x.zip", {"secret.txt": b"x"})
        data = bytearray((store / "x.zip").read_bytes())
        data[6] |= 1
        data[data.index(b"PK\x01\x02") + 8] |= 1
        (store / "x.zip").write_bytes(data)
        assert "encrypted entries" in run_check(store, "SEC-007").findings[1].reason

    @pytest.mark.parametrize("pack", [tar_of, zip_of])
    def test_more_entries_than_the_limit_are_not_read(self, store, run_check, monkeypatch, pack):
        monkeypatch.setattr(_archives, "ENTRIES_MAX", 3)
        pack(store / ("x.tar.gz" if pack is tar_of else "x.zip"), {str(number): b"" for number in range(4)})
        assert "more than 3 entries" in run_check(store, "SEC-007").findings[1].reason

    @pytest.mark.parametrize("pack", [tar_of, zip_of])
    def test_a_bomb_stops_at_the_limit(self, store, run_check, monkeypatch, pack):
        monkeypatch.setattr(_archives, "UNPACKED_MAX", 1 << 20)
        pack(store / ("x.tar.gz" if pack is tar_of else "x.zip"), {"zeros": bytes(3 << 20)})
        assert "unpacks to more than" in run_check(store, "SEC-007").findings[1].reason

    def test_a_bomb_in_a_header_stops_at_the_limit(self, store, run_check, monkeypatch):
        monkeypatch.setattr(_archives, "UNPACKED_MAX", 1 << 20)
        header = tarfile.TarInfo("pax")
        header.type, header.size = tarfile.XHDTYPE, 3 << 20
        (store / "x.tgz").write_bytes(gzip.compress(header.tobuf() + bytes(3 << 20)))
        assert "unpacks to more than" in run_check(store, "SEC-007").findings[1].reason

    def test_a_file_over_the_limit_is_not_opened(self, store, run_check, monkeypatch):
        monkeypatch.setattr(_archives, "UNPACKED_MAX", 10)
        zip_of(store / "x.zip", {"a": b"b"})
        assert "at most 10 bytes" in run_check(store, "SEC-007").findings[1].reason

    def test_nothing_is_unpacked_to_disk(self, store, host_key, run_check):
        tar_of(store / "x.tar", {"../../escaped": host_key, "/absolute": host_key}, "w")
        before = sorted(store.parents[1].rglob("*"))
        assert run_check(store, "SEC-007").status is Status.FAIL
        assert sorted(store.parents[1].rglob("*")) == before

    def test_an_entry_name_cannot_drive_a_terminal(self, store, host_key, run_check, failure):
        tar_of(store / "x.tar", {"\x1b[31mred": host_key}, "w")
        assert "\x1b" not in failure(run_check(store, "SEC-007")).observed


class TestIndex:
    @pytest.fixture
    def track(self, repository, git):
        """Put a file into the work tree and the index."""

        def add(name: str, data: bytes) -> None:
            path = repository / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            git(repository, "add", "--force", "--", name)

        return add

    @pytest.mark.parametrize("name", ["deploy/host.key", "with blank.txt", "secrets/tenants/aurora/x"])
    def test_a_tracked_key_fails_and_the_fix_untracks_and_moves_it(self, track, store, host_key, run_check, name):
        track(name, host_key)
        tracked = [finding for finding in run_check(store, "SEC-007").findings if "git tracks" in finding.observed]
        assert [finding.observed for finding in tracked] == [
            "git tracks a key that opens sealed files: every clone holds it"
        ]
        fixed(tracked[0], store, run_check)

    def test_a_tracked_master_is_untracked_and_stays_in_place(self, store, repository, git, run_check, failure):
        git(repository, "add", "--force", "secrets/keys/master.key")
        finding = failure(run_check(store, "SEC-007"))
        assert finding.resource == "keys/master.key"
        fixed(finding, store, run_check)
        assert (store / "keys" / "master.key").exists()

    def test_the_index_counts_not_the_file(self, track, store, host_key, run_check, failure):
        track("host.key", host_key)
        (store.parent / "host.key").unlink()
        fixed(failure(run_check(store, "SEC-007")), store, run_check)

    def test_a_signing_key_of_this_store_fails(self, track, store, run_check, failure):
        track("ci/report.pem", (store / "keys" / "signing" / "report.key").read_bytes())
        assert failure(run_check(store, "SEC-007")).resource == "ci/report.pem"

    def test_the_writer_of_the_files_is_known_without_keys(self, track, store, run_check, failure):
        track("ci/writer.pem", (store / "keys" / "signing" / "writer.key").read_bytes())
        shutil.rmtree(store / "keys")
        assert failure(run_check(store, "SEC-007")).resource == "ci/writer.pem"

    def test_a_strangers_signing_key_is_left_to_the_source_scan(self, track, store, run_check):
        track("fixtures/other.pem", SigningKey(os.urandom(32)).to_pem())
        result = run_check(store, "SEC-007")
        assert result.status is Status.PASS
        assert result.findings[-1].observed == "no private key of this store is tracked"

    def test_an_ordinary_commit_passes(self, store, repository, git, run_check):
        git(repository, "add", "--all")
        git(repository, "commit", "--quiet", "--message", "all that is not ignored")
        assert "secrets/tenants/aurora/.env.enc" in git(repository, "ls-files")
        assert run_check(store, "SEC-007").status is Status.PASS

    def test_a_file_too_large_to_judge_is_not_passed_over(self, track, store, run_check):
        track("big.log", b'{"format":"sealproof-key/' + bytes(5 << 20))
        result = run_check(store, "SEC-007")
        assert result.status is Status.NOT_EVALUATED
        assert result.findings[-1].resource == "big.log"

    def test_a_users_grep_settings_change_nothing(self, track, store, git, host_key, run_check):
        for setting in ("color.ui=always", "grep.patternType=perl", "grep.lineNumber=true", "grep.fullName=false"):
            git(store.parent, "config", *setting.split("="))
        track("deploy/host.key", host_key)
        assert run_check(store, "SEC-007").status is Status.FAIL

    def test_a_repository_that_is_the_store_itself_works(self, store, git, host_key, run_check, failures):
        git(store, "init", "--quiet")
        (store / "host.key").write_bytes(host_key)
        git(store, "add", "--force", "host.key")
        assert set(failures(run_check(store, "SEC-007"))) == {"host.key"}

    @pytest.mark.usefixtures("repository")
    def test_a_run_inside_a_hook_asks_about_the_right_repository(self, store, run_check, monkeypatch):
        monkeypatch.setenv("GIT_DIR", ".git")
        assert run_check(store, "SEC-007").status is Status.PASS

    def test_nothing_is_written_to_the_repository(self, store, repository, git, run_check):
        git(repository, "add", "--all")
        before = {path: path.stat().st_mtime_ns for path in (repository / ".git").rglob("*")}
        run_check(store, "SEC-007")
        assert {path: path.stat().st_mtime_ns for path in (repository / ".git").rglob("*")} == before

"""SEC-013, on repositories in which a secret stands somewhere behind the present tree, and on clean ones."""

from __future__ import annotations

import base64
import secrets
import tarfile

import pytest

from sealproof.findings import Severity, Status
from sealproof.vault.custodian import Custodian

TOKEN = f"ghp_{secrets.token_hex(18)}"


@pytest.fixture
def project(store, git):
    """A repository around the store, with one commit in which nothing is wrong."""
    project = store.parent
    git(project, "init", "--quiet", "--initial-branch", "main")
    (project / "app.py").write_text("print('hello')\n")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "start")
    return project


@pytest.fixture
def live(store):
    """The live value of one secret, as text."""
    return Custodian(str(store)).open("aurora", "development").values()["API_TOKEN"].decode()


def _commit(git, project, name, text, message="a change"):
    (project / name).write_text(text)
    git(project, "add", "--all", "--force", name)
    git(project, "commit", "--quiet", "--message", message)


def _removed(git, project, name):
    (project / name).unlink()
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "clean up")


def _in_a_removed_file(git, project, text):
    _commit(git, project, "settings.ini", f"first\n{text}\n")
    _removed(git, project, "settings.ini")


def _on_another_branch(git, project, text):
    git(project, "checkout", "--quiet", "-b", "experiment")
    _commit(git, project, "notes.txt", text)
    git(project, "checkout", "--quiet", "main")


def _behind_a_tag(git, project, text):
    _on_another_branch(git, project, text)
    git(project, "tag", "v1", "experiment")
    git(project, "branch", "--quiet", "-D", "experiment")


def _in_a_commit_message(git, project, text):
    _commit(git, project, "a.txt", "x", message=f"use {text} for now")


def _in_a_tag_message(git, project, text):
    git(project, "tag", "--annotate", "v2", "--message", f"released with {text}")


def _in_a_stash(git, project, text):
    (project / "app.py").write_text(text)
    git(project, "stash", "--quiet")


def _in_an_older_stash(git, project, text):
    _in_a_stash(git, project, text)
    (project / "app.py").write_text("print('other')\n")
    git(project, "stash", "--quiet")


def _as_a_files_name(git, project, text):
    _commit(git, project, f"dump-{text}.txt", "x")
    _removed(git, project, f"dump-{text}.txt")


PLACES = {
    "in a removed file": (_in_a_removed_file, "settings.ini in commit "),
    "on another branch": (_on_another_branch, "notes.txt in commit "),
    "behind a tag": (_behind_a_tag, "notes.txt in commit "),
    "in a commit message": (_in_a_commit_message, "message of commit "),
    "in a tag message": (_in_a_tag_message, "message of tag "),
    "in a stash": (_in_a_stash, "app.py in commit "),
    "in an older stash": (_in_an_older_stash, "app.py"),
    "as a file's name": (_as_a_files_name, "a file's name in history"),
}


def test_a_clean_history_passes(store, project, run_check):
    result = run_check(store, "SEC-013")
    assert result.status is Status.PASS
    assert "read: no live value, key or token" in result.findings[-1].observed


@pytest.mark.parametrize("place", PLACES)
def test_a_live_value_in_history_fails(store, project, live, git, run_check, failures, place):
    plant, where = PLACES[place]
    plant(git, project, live)
    result = run_check(store, "SEC-013")
    assert (result.status, result.severity) == (Status.FAIL, Severity.HIGH)
    resources = [resource for resource in failures(result) if resource.startswith(where)]
    assert resources
    finding = failures(result)[resources[0]]
    assert "aurora/development/API_TOKEN stands here" in finding.observed
    assert finding.fix.startswith("sealproof set aurora API_TOKEN")
    assert live not in repr(result)


def test_the_commit_that_brought_it_is_named(store, project, live, git, run_check, failure):
    _commit(git, project, "settings.ini", live)
    brought = git(project, "rev-parse", "HEAD").strip()[:12]
    _removed(git, project, "settings.ini")
    assert failure(run_check(store, "SEC-013")).resource == f"settings.ini in commit {brought}"


def test_an_encoded_value_is_found(store, project, live, git, run_check, failure):
    _in_a_removed_file(git, project, base64.b64encode(f"x{live}".encode()).decode())
    assert "base64" in failure(run_check(store, "SEC-013")).observed


def test_a_token_of_a_known_format_is_found(store, project, git, run_check, failure):
    _in_a_removed_file(git, project, f'key = "{TOKEN}"')
    finding = failure(run_check(store, "SEC-013"))
    assert "by its format" in finding.observed
    assert TOKEN not in repr(finding)


def test_a_key_file_is_found(store, project, git, run_check, failure):
    _in_a_removed_file(git, project, (store / "keys" / "master.key").read_text())
    assert failure(run_check(store, "SEC-013")).observed == "a sealproof master key stands here"


def test_an_earlier_value_counts_as_replaced(store, project, live, git, run_check, failure):
    _in_a_removed_file(git, project, live)
    Custodian(str(store)).seal("aurora", "development", {"API_TOKEN": secrets.token_urlsafe(32).encode()})
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "renew")
    finding = failure(run_check(store, "SEC-013"))
    assert (finding.severity, finding.reason) == (Severity.LOW, "the value was replaced since")
    assert "an earlier value of aurora/development/API_TOKEN" in finding.observed


def test_what_nothing_reaches_is_not_looked_at(store, project, live, git, run_check):
    _on_another_branch(git, project, live)
    git(project, "branch", "--quiet", "-D", "experiment")
    assert run_check(store, "SEC-013").status is Status.PASS


def test_a_shallow_clone_is_no_evidence(store, project, git, run_check, tmp_path):
    _commit(git, project, "b.txt", "x")
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{project}", "clone")
    result = run_check(store, "SEC-013", source=str(tmp_path / "clone"))
    assert result.status is Status.NOT_EVALUATED
    assert "git fetch --unshallow" in {finding.fix for finding in result.findings}


def test_without_version_control_it_does_not_apply(store, run_check):
    assert run_check(store, "SEC-013").status is Status.NOT_APPLICABLE


def test_objects_that_were_not_reached_in_time_are_counted(store, project, run_check, monkeypatch):
    monkeypatch.setattr("sealproof.checks.security.version_history._SECONDS", -1.0)
    result = run_check(store, "SEC-013")
    assert result.status is Status.NOT_EVALUATED
    assert any("objects were not reached" in finding.reason for finding in result.findings)


def test_objects_over_the_limit_are_counted(store, project, git, run_check):
    _commit(git, project, "large.bin", "x" * 6_000_000)
    result = run_check(store, "SEC-013")
    assert any("1 objects are over the size limit" in finding.reason for finding in result.findings)


def test_an_archive_in_history_is_looked_into(project, git, live, run_check):
    with tarfile.open(project / "backup.tgz", "w:gz") as archive:
        archive.add(project / "secrets" / "keys" / "master.key", "secrets/keys/master.key")
        (project / "note.txt").write_text(f"it is {live}")
        archive.add(project / "note.txt", "note.txt")
    (project / "note.txt").unlink()
    git(project, "add", "--force", "backup.tgz")
    git(project, "commit", "--quiet", "--message", "a backup")
    _removed(git, project, "backup.tgz")
    found = [finding.observed for finding in run_check(project / "secrets", "SEC-013").findings]
    assert "a sealproof master key stands here" in found
    assert any("the live value of aurora/development/API_TOKEN stands here" in one for one in found)

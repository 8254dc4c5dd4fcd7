from __future__ import annotations

import base64
import gzip
import json
import os
import secrets
import string
import subprocess
import sys
import time
import zipfile
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sealproof.checks.scan import archives, detectors
from sealproof.checks.security import source_tree
from sealproof.findings import Finding, Severity, Status
from sealproof.vault.custodian import Custodian
from sealproof.vault.foundation import lay_foundation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sealproof.findings import CheckResult

    Scan = Callable[..., CheckResult]

CHECK = "SEC-012"
PLACE = "aurora/development/API_TOKEN"
WORKER = (
    "import sys, json",
    "print(json.dumps({'missing': MISSING}), flush=True)",
    "for line in sys.stdin.buffer:",
    "    about = json.loads(line)",
    "    data = sys.stdin.buffer.read(about['size'])",
    "    if b'EXHAUSTING' in data: sys.exit()",
    "    parsed = b'NO PYTHON' not in data",
    "    print(json.dumps({'tokens': [], 'hints': [], 'lookalikes': [], 'parsed': parsed}), flush=True)",
)


@pytest.fixture
def project(store: Path, git: Callable[..., str]) -> Path:
    """A repository around the store, with a little program in it."""
    project = store.parent
    git(project, "init", "-q")
    lay_foundation(str(store), passphrase=None, iterations=100_000, clock=time.time)
    (project / "app.py").write_text("import os\n\npassword = os.environ['DB_PASSWORD']\n")
    git(project, "add", "-A")
    return project


@pytest.fixture
def scan(project: Path, run_check: Scan, monkeypatch: pytest.MonkeyPatch) -> Scan:
    """Run the check as it is typed: from the project's directory."""
    monkeypatch.chdir(project)
    return lambda **spec: run_check("secrets", CHECK, **spec)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put a worker in the scanners' place that starts at once and finds nothing."""

    def replace(*missing: str) -> None:
        code = "\n".join(WORKER).replace("MISSING", json.dumps(missing))
        monkeypatch.setattr(
            source_tree,
            "Detectors",
            lambda seconds: detectors.Detectors(seconds=seconds, command=(sys.executable, "-c", code)),
        )

    return replace


def value_of(project: Path, name: str = "API_TOKEN", tenant: str = "aurora") -> str:
    return Custodian(str(project / "secrets")).open(tenant, "development").values()[name].decode()


def states(result: CheckResult, state: Status) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for finding in result.findings:
        if finding.status is state:
            found.setdefault(finding.resource, []).append(finding.observed if state is Status.FAIL else finding.reason)
    return found


def typed(command: str, project: Path, home: Path) -> None:
    """Type a fix in the project's directory."""
    environment = os.environ | {"HOME": str(home)}
    program = f'sealproof() {{ {sys.executable} -m sealproof "$@"; }}\n'
    subprocess.run(["bash", "-ec", program + command], cwd=project, env=environment, check=True, capture_output=True)


def drawn(count: int) -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(count))


def test_a_tree_that_loads_its_secrets_at_run_time_passes(scan: Scan):
    result = scan()
    assert result.status is Status.PASS, result.findings
    passes = {finding.resource: finding.observed for finding in result.findings if finding.status is Status.PASS}
    assert passes.keys() == {"live values", "key files", "tokens", "hard-coded passwords"}
    assert "none of 8 stands" in passes["live values"]  # two tenants, LOG_LEVEL left out
    assert dict(result.parameters).keys() == {"scan_file_bytes", "scan_file_seconds"}


@pytest.mark.parametrize(
    ("spelled", "how"),
    [
        (lambda value: value, "as it stands"),
        (lambda value: base64.b64encode(value.encode()).decode(), "in base64"),
        (lambda value: base64.b64encode(b"x:" + value.encode() + b"\n").decode(), "in base64"),
        (lambda value: value.encode().hex(), "in hex"),
    ],
)
def test_a_live_value_is_found_in_each_spelling(
    project: Path, scan: Scan, quick: Callable[..., None], spelled: Callable[[str], str], how: str
):
    quick()
    (project / "deploy.sh").write_text(f"#!/bin/sh\n\nexport TOKEN='{spelled(value_of(project))}'\n")
    result = scan()
    assert result.status is Status.FAIL
    assert result.severity is Severity.CRITICAL
    assert states(result, Status.FAIL) == {"deploy.sh:3": [f"the live value of {PLACE} stands here, {how}"]}


def test_values_with_special_characters_are_found_percent_encoded_and_escaped(
    project: Path, scan: Scan, quick: Callable[..., None]
):
    quick()
    value = 'p"w/with spaces & ümlaut\\'
    Custodian("secrets").seal("aurora", "development", {"API_TOKEN": value.encode()})
    (project / "query.txt").write_text("https://host/?token=p%22w%2Fwith%20spaces%20%26%20%C3%BCmlaut%5C\n")
    (project / "config.json").write_text(json.dumps({"nothing": 1, "token": value}, indent=1))
    found = states(scan(), Status.FAIL)
    assert found == {
        "query.txt:1": [f"the live value of {PLACE} stands here, percent-encoded"],
        "config.json:3": [f"the live value of {PLACE} stands here, JSON-escaped"],
    }


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig"])
def test_a_live_value_is_found_in_other_encodings(project: Path, scan: Scan, quick: Callable[..., None], encoding: str):
    quick()
    (project / "notes.txt").write_bytes(f"first\n{value_of(project)}\n".encode(encoding))
    assert {name.partition(":")[0] for name in states(scan(), Status.FAIL)} == {"notes.txt"}


def test_a_live_value_is_found_in_a_binary_file_which_is_listed(project: Path, scan: Scan, quick: Callable[..., None]):
    quick()
    (project / "dump.bin").write_bytes(b"\0\1\2" + value_of(project).encode())
    result = scan()
    assert states(result, Status.FAIL).keys() == {"dump.bin"}
    assert any("1 binary" in reason for reason in states(result, Status.NOT_APPLICABLE)["files not looked at"])


def test_a_live_value_in_a_file_name_is_found_and_the_name_is_printed_nowhere(
    project: Path, scan: Scan, quick: Callable[..., None]
):
    quick()
    value = value_of(project)
    (project / f"backup-{value}.txt").write_text(value_of(project, "DB_PASSWORD"))
    (project / ".gitignore").write_text((project / ".gitignore").read_text() + "*.ignored\n")
    (project / f"{value}.ignored").write_text("")
    result = scan()
    assert result.status is Status.FAIL
    assert value not in repr(result)
    assert any("is part of a file's name" in finding.observed for finding in result.findings)
    assert any("DB_PASSWORD" in finding.observed for finding in result.findings)


def test_one_value_in_two_places_is_two_findings_and_one_line_can_hold_two_values(
    project: Path, scan: Scan, quick: Callable[..., None], failures: Callable[[CheckResult], dict[str, Finding]]
):
    quick()
    token, password = value_of(project), value_of(project, "DB_PASSWORD", "borealis")
    (project / "a.txt").write_text(f"x\n{token}\n{token} {password}\n")
    result = scan()
    assert [str(finding.resource) for finding in result.findings if finding.status is Status.FAIL].count("a.txt:3") == 2
    assert failures(result)["a.txt:2"].fix == "sealproof set aurora API_TOKEN --environment development --generate"


def test_a_shared_value_is_told_for_every_secret_that_has_it(project: Path, scan: Scan, quick: Callable[..., None]):
    quick()
    shared = secrets.token_urlsafe(24)
    for tenant in ("aurora", "borealis"):
        Custodian("secrets").seal(tenant, "development", {"SHARED_TOKEN": shared.encode()})
    (project / "a.txt").write_text(shared)
    assert len(states(scan(), Status.FAIL)["a.txt:1"]) == 2


def test_what_is_no_secret_and_what_is_too_short_is_not_looked_for(
    project: Path, scan: Scan, quick: Callable[..., None]
):
    quick()
    Custodian("secrets").seal("aurora", "development", {"PIN_TOKEN": b"1234567", "LOG_LEVEL": b"VERY-VERBOSE"})
    (project / "a.txt").write_text("1234567 VERY-VERBOSE")
    result = scan()
    assert result.status is Status.PASS
    (short,) = states(result, Status.NOT_APPLICABLE)["live values"]
    assert short == "1 under 8 characters, not looked for: aurora/development/PIN_TOKEN"


def test_a_value_of_a_rotation_under_way_is_live_too(project: Path, scan: Scan, quick: Callable[..., None]):
    quick()
    pending = secrets.token_urlsafe(24)
    keeper = Custodian("secrets")
    changes = {"DB_PASSWORD.pending": pending.encode()}
    keeper.edit(keeper.open("aurora", "development"), changes=changes, removals=())
    (project / "a.txt").write_text(pending)
    (finding,) = [finding for finding in scan().findings if finding.status is Status.FAIL]
    assert "DB_PASSWORD.pending" in finding.observed
    assert "aurora DB_PASSWORD --env" in finding.fix


def test_many_places_of_one_value_are_folded_into_a_count(project: Path, scan: Scan, quick: Callable[..., None]):
    quick()
    (project / "a.txt").write_text(f"{value_of(project)}\n" * 5000)
    found = states(scan(), Status.FAIL)
    assert len(found) == 21
    assert found[PLACE] == ["its live value stands on 4980 more lines"]


def test_many_values_are_folded_into_a_count(
    project: Path, scan: Scan, quick: Callable[..., None], monkeypatch: pytest.MonkeyPatch
):
    quick()
    monkeypatch.setattr(source_tree, "_FINDINGS_MAX", 3)
    (project / "a.txt").write_text("\n".join(value_of(project, name) for name in ("API_TOKEN", "DB_PASSWORD") * 3))
    assert states(scan(), Status.FAIL)["live values"] == ["3 more finds, not listed one by one"]


def test_the_fix_for_a_live_value_makes_the_copy_dead(
    project: Path, scan: Scan, quick: Callable[..., None], failures: Callable[..., dict[str, Finding]], tmp_path: Path
):
    quick()
    (project / "a.txt").write_text(value_of(project))
    typed(failures(scan())["a.txt:1"].fix, project, tmp_path)
    assert scan().status is Status.PASS


def test_a_connection_string_is_not_replaced_by_random_text(
    project: Path, scan: Scan, quick: Callable[..., None], failures: Callable[..., dict[str, Finding]]
):
    quick()
    (project / "a.txt").write_text(value_of(project, "DATABASE_URL"))
    assert failures(scan())["a.txt:1"].fix == "sealproof set aurora DATABASE_URL --environment development"


def test_without_a_key_the_other_half_still_runs(project: Path, scan: Scan, quick: Callable[..., None]):
    quick()
    key = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (project / "id.pem").write_bytes(key)
    (project / "secrets" / "keys").rename(project.parent / "keys")
    result = scan()
    assert states(result, Status.FAIL) == {"id.pem:1": ["a private key in PEM stands here"]}
    assert states(result, Status.NOT_EVALUATED).keys() == {"live values of aurora", "live values of borealis"}


def test_many_closed_scopes_are_folded(
    project: Path, scan: Scan, quick: Callable[..., None], monkeypatch: pytest.MonkeyPatch
):
    quick()
    monkeypatch.setattr(source_tree, "NAMED_MAX", 1)
    (project / "secrets" / "keys").rename(project.parent / "keys")
    assert states(scan(), Status.NOT_EVALUATED)["live values"] == ["1 more scopes do not open"]


@pytest.mark.parametrize("tracked", [False, True])
def test_a_key_file_is_found_and_its_fix_takes_it_out(
    project: Path,
    scan: Scan,
    quick: Callable[..., None],
    failures: Callable[..., dict[str, Finding]],
    git: Callable[..., str],
    tmp_path: Path,
    *,
    tracked: bool,
):
    quick()
    (project / "deploy dir").mkdir()
    host = project / "deploy dir" / "host.txt"
    lines = Custodian("secrets").keyring.key_lines("aurora", "development")
    host.write_text("".join(f"{line.to_line()}\n" for line in lines))
    if tracked:
        git(project, "add", "-A")
    finding = failures(scan())["deploy dir/host.txt:1"]
    assert finding.observed == "a sealproof key file stands here"
    assert ("git" in finding.fix) is tracked
    typed(finding.fix, project, tmp_path)
    assert (tmp_path / "host.txt").exists()
    assert scan().status is Status.PASS


def test_a_tracked_key_of_the_store_is_found_and_stays_where_it_is(
    project: Path,
    scan: Scan,
    quick: Callable[..., None],
    failures: Callable[..., dict[str, Finding]],
    git: Callable[..., str],
    tmp_path: Path,
):
    quick()
    git(project, "add", "-f", "secrets/keys/master.key", "secrets/keys/tenant_keys/aurora.key")
    found = failures(scan())
    assert found.keys() == {"secrets/keys/master.key:1", "secrets/keys/tenant_keys/aurora.key:1"}
    for finding in found.values():
        typed(finding.fix, project, tmp_path)
    assert (project / "secrets/keys/master.key").exists()
    assert scan().status is Status.PASS


def test_keys_that_no_rule_ignores_are_found(project: Path, scan: Scan, quick: Callable[..., None]):
    quick()
    (project / ".gitignore").unlink()
    (project / "secrets" / ".gitignore").unlink()
    result = scan()
    assert "secrets/keys/master.key:1" in states(result, Status.FAIL)
    assert {finding.fix for finding in result.findings if finding.status is Status.FAIL} == {"sealproof init"}


def test_a_token_is_found_by_its_format_and_nothing_of_it_is_told(project: Path, scan: Scan):
    token = f"ghp_{drawn(36)}"
    (project / "ci.yml").write_text(f"steps:\n  - run: curl -H 'Authorization: {token}'  # pragma: allowlist secret\n")
    (project / "README").write_text("clone https://user:password@example.com/\n-----BEGIN PRIVATE KEY-----\n")
    result = scan()
    (observed,) = states(result, Status.FAIL)["ci.yml:2"]
    assert observed.startswith("GitHub Token (by its format)")
    assert "pragma: allowlist secret on the line is no permission here" in observed
    assert result.severity is Severity.CRITICAL
    assert token not in repr(result)
    (alike,) = states(result, Status.NOT_APPLICABLE)["tokens"]
    assert alike == "2 taken for samples or values to fill in: README:1, README:2"


def test_a_private_key_in_pem_is_one_finding(project: Path, scan: Scan):
    key = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (project / "id.pem").write_bytes(b"# a comment\n" + key)
    assert states(scan(), Status.FAIL) == {"id.pem:2": ["a private key in PEM stands here"]}


def test_a_token_in_a_file_name_is_found_and_not_printed(project: Path, scan: Scan):
    token = f"glpat-{drawn(20)}"
    (project / token).write_text(f"{token}\n")
    result = scan()
    assert result.status is Status.FAIL
    assert token not in repr(result)
    assert len(states(result, Status.FAIL)) == 2


def test_a_hard_coded_password_is_a_hint_of_low_severity(
    project: Path, scan: Scan, failures: Callable[..., dict[str, Finding]]
):
    (project / "old.py").write_text("import x\n\npassword = 'a planted one'  # nosec\nx.connect(token='fixed too')\n")
    (project / "older.py").write_text("print 'token' if token == 'x'\n")
    result = scan()
    assert result.status is Status.FAIL
    assert result.severity is Severity.LOW
    finding = failures(result)["old.py"]
    assert finding.severity is Severity.LOW
    assert finding.reason
    assert "line 3, 4 (bandit B105, B106)" in finding.observed
    assert "a planted one" not in repr(result)
    assert states(result, Status.NOT_APPLICABLE)["hard-coded passwords"] == ["1 file could not be parsed: older.py"]


def test_a_file_over_its_time_is_listed_and_the_run_is_not_green(project: Path, scan: Scan, quick: Callable[..., None]):
    quick()
    (project / "slow.txt").write_text("EXHAUSTING")
    (project / "z-later.txt").write_text(value_of(project))
    result = scan()
    assert "not finished" in states(result, Status.NOT_EVALUATED)["slow.txt"][0]
    assert "z-later.txt:1" in states(result, Status.FAIL)
    (project / "z-later.txt").unlink()
    result = scan()
    assert result.status is Status.NOT_EVALUATED
    assert result.severity is Severity.CRITICAL
    assert "tokens" not in {finding.resource for finding in result.findings if finding.status is Status.PASS}


def test_the_limit_for_a_file_is_the_profiles(project: Path, scan: Scan, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        "sealproof.checks.context.Context.limit",
        {"scan_file_seconds": 1, "scan_file_bytes": 1 << 20}.get.__class__
        and (lambda _, name: {"scan_file_seconds": 1, "scan_file_bytes": 1 << 20}[name]),
    )
    (project / "slow.txt").write_text("eyJ" * 100_000)
    assert states(scan(), Status.NOT_EVALUATED).keys() == {"slow.txt"}


def test_without_the_scanners_that_part_is_not_evaluated(project: Path, scan: Scan, quick: Callable[..., None]):
    quick("detect-secrets", "bandit")
    (project / "a.txt").write_text(value_of(project))
    result = scan()
    assert "a.txt:1" in states(result, Status.FAIL)
    (gap,) = [finding for finding in result.findings if finding.status is Status.NOT_EVALUATED]
    assert gap.reason == "not installed: detect-secrets, bandit"
    assert gap.fix == "pip install 'sealproof[ci]'"


def test_scanners_that_do_not_start_are_said_not_to(project: Path, scan: Scan, monkeypatch: pytest.MonkeyPatch):
    command = (sys.executable, "-c", "")
    monkeypatch.setattr(source_tree, "Detectors", lambda seconds: detectors.Detectors(seconds=seconds, command=command))
    result = scan()
    assert states(result, Status.NOT_EVALUATED) == {"tokens": ["the scanners' process does not start"]}
    assert project.exists()


def test_what_is_not_looked_at_is_counted_with_its_reason(
    project: Path, scan: Scan, quick: Callable[..., None], git: Callable[..., str]
):
    quick()
    (project / "large.txt").write_bytes(b"x" * (5 * 1024 * 1024 + 1))
    (project / "link").symlink_to("/etc/hostname")
    (project / "gone.txt").write_text("x")
    git(project, "add", "gone.txt")
    (project / "gone.txt").unlink()
    (project / "left.swp").mkdir()
    (project / ".env").write_text("IGNORED=1")
    reasons = states(scan(), Status.NOT_APPLICABLE)["files not looked at"]
    for expected in (
        "1 larger than the limit: large.txt",
        "1 symbolic link: link",
        "1 in the index, not in the work tree: gone.txt",
        "2 sealed: secrets/tenants/aurora/.env.enc, secrets/tenants/borealis/.env.enc",
    ):
        assert expected in reasons
    assert any(reason.startswith("3 ignored by version control") for reason in reasons)


def test_a_file_that_only_begins_like_a_sealed_one_is_looked_at(project: Path, scan: Scan, quick: Callable[..., None]):
    quick()
    sealed = (project / "secrets/tenants/aurora/.env.enc").read_text()
    (project / "copy.enc").write_text(f"{sealed}{value_of(project)}\n")
    assert [name.partition(":")[0] for name in states(scan(), Status.FAIL)] == ["copy.enc"]


def test_outside_version_control_every_file_is_looked_at_but_the_stores_own_keys(
    store: Path, run_check: Scan, quick: Callable[..., None]
):
    quick()
    project = store.parent
    (project / ".venv" / "lib").mkdir(parents=True)
    (project / ".venv" / "pyvenv.cfg").write_text("")
    (project / ".env").write_text(f"API_TOKEN={value_of(project)}\n")
    (project / "host.key").write_bytes((store / "keys/signing/writer.key").read_bytes())
    result = run_check(store, CHECK)
    assert states(result, Status.FAIL).keys() == {".env:1", "host.key:1"}
    reasons = states(result, Status.NOT_APPLICABLE)["files not looked at"]
    assert "1 the store's own keys/: secrets/keys" in reasons
    assert "1 installed or generated directory: .venv" in reasons
    assert ". is in no git work tree: all its files were looked at" in reasons


def test_a_tree_without_files_is_no_pass(store: Path, run_check: Scan, quick: Callable[..., None], tmp_path: Path):
    quick()
    (tmp_path / "empty").mkdir()
    result = run_check(store, CHECK, source=str(tmp_path / "empty"))
    assert result.status is Status.NOT_EVALUATED
    assert [finding for finding in result.findings if finding.status is Status.PASS] == []


def test_a_store_without_values_says_so(store: Path, run_check: Scan, quick: Callable[..., None], tmp_path: Path):
    quick()
    other = tmp_path / "other" / "secrets"
    other.parent.mkdir()
    lay_foundation(str(other), passphrase=None, iterations=100_000, clock=time.time)
    result = run_check(other, CHECK)
    assert states(result, Status.NOT_APPLICABLE)["live values"] == ["no secret has a value of 8 characters or more"]
    assert store.exists()


def test_no_value_is_handed_to_the_child(project: Path, scan: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    log = tmp_path / "handed"
    code = "\n".join(WORKER).replace("MISSING", "[]")
    telling = "log.write(repr(os.environ).encode() + open('/proc/self/cmdline', 'rb').read())"
    code = f"import os\nlog = open({str(log)!r}, 'ab')\n{telling}\n{code}"
    code = code.replace("    data = ", "    log.write(line)\n    data = ").replace(
        "(about['size'])", "(about['size']); log.write(data); log.flush()"
    )
    monkeypatch.setattr(
        source_tree,
        "Detectors",
        lambda seconds: detectors.Detectors(seconds=seconds, command=(sys.executable, "-c", code)),
    )
    assert scan().status is Status.PASS
    handed = log.read_bytes()
    assert b"import os" in handed
    for tenant in ("aurora", "borealis"):
        for name, value in Custodian(str(project / "secrets")).open(tenant, "development").values().items():
            assert name == "LOG_LEVEL" or value not in handed


def test_build_files_are_judged_line_by_line_with_what_to_do_instead(
    project: Path, scan: Scan, quick: Callable[..., None]
):
    quick()
    (project / ".github/workflows").mkdir(parents=True)
    files = {
        "Dockerfile": "FROM python:3.12\nARG NPM_TOKEN\nCOPY .env.production /app/\nENV DB_PASSWORD=fjord9037anvil\n",
        "compose.yaml": "services:\n  app:\n    environment:\n      - DB_PASSWORD=fjord9037anvil  # nosec\n",
        ".github/workflows/ci.yml": "jobs:\n  a:\n    steps:\n      - run: echo ${{ secrets.NPM_TOKEN }}\n",
    }
    for path, text in files.items():
        (project / path).write_text(text)
    result = scan()
    assert result.status is Status.FAIL
    failed = [finding for finding in result.findings if finding.status is Status.FAIL]
    assert {finding.resource: finding.observed for finding in failed} == {
        "Dockerfile:2": "the build argument NPM_TOKEN stands in the image's history",
        "Dockerfile:3": "a plain environment or key file is copied into the image, and stays in its layer",
        "Dockerfile:4": "DB_PASSWORD is given a fixed value",
        "compose.yaml:4": "DB_PASSWORD is given a fixed value; nosec on the line is no permission here",
        ".github/workflows/ci.yml:4": "a secret is printed into the log, where only a mask hides it",
    }
    assert {finding.severity for finding in failed} == {Severity.HIGH}
    assert all(finding.reason and finding.fix and "fjord9037" not in repr(finding) for finding in failed)
    assert "--secret id=NPM_TOKEN" in next(each.fix for each in failed if each.resource == "Dockerfile:2")


def test_build_files_that_give_nothing_away_pass_and_a_tree_without_any_says_so(
    project: Path, scan: Scan, quick: Callable[..., None]
):
    quick()
    assert "build and CI files" in states(scan(), Status.NOT_APPLICABLE)
    (project / "Dockerfile").write_text("FROM python:3.12\nRUN --mount=type=secret,id=NPM_TOKEN make\n")
    result = scan()
    assert result.status is Status.PASS
    passes = {finding.resource: finding.observed for finding in result.findings if finding.status is Status.PASS}
    assert passes["build and CI files"] == "nothing in 1 file"


def test_a_live_value_in_a_build_file_is_told_once(project: Path, scan: Scan, quick: Callable[..., None]):
    quick()
    (project / "Dockerfile").write_text(f"FROM python:3.12\nENV API_TOKEN={value_of(project)}\n")
    found = states(scan(), Status.FAIL)
    assert found == {"Dockerfile:2": [f"the live value of {PLACE} stands here, as it stands"]}


@pytest.mark.parametrize("name", [".env", "service/.env.production", "build/out/prod.env", ".envrc"])
def test_a_live_value_in_a_plain_file_that_git_ignores_is_found(project, scan, quick, failures, name):
    quick()
    (project / ".gitignore").write_text((project / ".gitignore").read_text() + "build/\n*.env\n.envrc\n")
    (project / name).parent.mkdir(parents=True, exist_ok=True)
    (project / name).write_text(f"API_TOKEN={value_of(project)}\n")
    failing = failures(scan())
    assert failing.keys() == {f"{name}:1"}
    finding = failing[f"{name}:1"]
    assert finding.fix == f"shred -u {name}"
    assert "in a plain file that git ignores" in finding.observed
    assert finding.severity is None, "the check's own: plain text is plain text"


def test_an_ignored_file_in_a_directory_of_its_own_is_counted_once(project, scan, quick):
    quick()
    (project / "secrets/tenants/aurora/old").mkdir()
    (project / "secrets/tenants/aurora/old/.env").write_text(f"API_TOKEN={value_of(project)}\n")
    assert states(scan(), Status.FAIL).keys() == {"secrets/tenants/aurora/old/.env:1"}


@pytest.mark.parametrize("name", [".venv/lib/.env", "node_modules/a/.env", "notes.ignored"])
def test_other_ignored_files_are_left_alone(project, scan, quick, name):
    quick()
    (project / ".gitignore").write_text(".venv/\nnode_modules/\n*.ignored\n.env\n/secrets/keys/\n")
    (project / ".venv").mkdir()
    (project / ".venv" / "pyvenv.cfg").write_text("home = /usr/bin\n")
    (project / name).parent.mkdir(parents=True, exist_ok=True)
    (project / name).write_text(f"API_TOKEN={value_of(project)}\n")
    assert not states(scan(), Status.FAIL)


@pytest.mark.parametrize("tracked", [True, False])
@pytest.mark.parametrize("command", ["tar czf", "tar cJf", "tar cf", "python -m zipfile -c"])
def test_an_archive_with_keys_and_values_is_looked_into(project, scan, quick, git, failures, command, tracked):
    quick()
    (project / "note.txt").write_text(f"it is {value_of(project)}\n")
    subprocess.run(f"{command} backup.bin secrets note.txt && rm note.txt", shell=True, cwd=project, check=True)
    if tracked:
        git(project, "add", "--force", "backup.bin")
    failing = failures(scan())
    assert {"backup.bin!secrets/keys/master.key:1", "backup.bin!note.txt:1"} <= failing.keys()
    fix = failing["backup.bin!secrets/keys/master.key:1"].fix
    assert fix.endswith("mv -i -- backup.bin ~/")
    assert fix.startswith("git rm --cached -- backup.bin") == tracked


def test_an_archive_over_a_bound_is_said_not_to_be_looked_at(project, scan, quick, monkeypatch):
    quick()
    monkeypatch.setattr(archives, "RATIO_FROM", 1 << 20)
    (project / "zeros.gz").write_bytes(gzip.compress(bytes(4 << 20)))
    said = states(scan(), Status.NOT_EVALUATED)["zeros.gz"]
    assert said == ["the archive was not looked at to its end: it unpacks to more than 200 times its size"]


def test_a_member_whose_name_holds_a_value_is_named_without_it(project, scan, quick):
    quick()
    with zipfile.ZipFile(project / "a.zip", "w") as archive:
        archive.writestr(f"{value_of(project)}.txt", f"API_TOKEN={value_of(project)}\n")
    result = scan()
    assert states(result, Status.FAIL).keys() == {"a.zip!(name withheld):1", "a.zip"}
    assert value_of(project) not in str(result)

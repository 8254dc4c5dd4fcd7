"""The script of docs/audit.md is run as it is printed, with the tools that it names and no other on the path."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from audit_scenarios import three_days
from audit_workshop import TENANT, Clock

from sealproof.signing import SigningKey, public_to_pem
from sealproof.vault.audit.export import export
from sealproof.vault.audit.home import pinned_key
from sealproof.vault.audit.log import AuditLog
from sealproof.vault.audit.prune import prune

DOCS = Path(__file__).resolve().parents[4] / "docs" / "audit.md"
TOOLS = ("openssl", "base64", "sed", "grep", "cat", "cp", "cut", "cmp", "tail", "mktemp", "rm")
SHELLS = [shell for shell in ("sh", "bash", "dash") if shutil.which(shell)]


def script() -> str:
    found = re.search(
        r"^```sh\n(# Run this in the directory of an export\..*?)^```", DOCS.read_text(), re.MULTILINE | re.DOTALL
    )
    assert found
    return found[1]


@pytest.fixture
def exported(tmp_path):
    """Return the exports of a log before and after a pruning."""
    root, now = three_days(tmp_path)
    clock = Clock()
    clock.now = now
    pinned = pinned_key(root, TENANT)
    with AuditLog(root, TENANT, clock=clock) as log:
        log.seal()
        export(root, TENANT, pinned, str(tmp_path / "whole"), now=now)
        prune(log, pinned, days=2, now=now)
        export(root, TENANT, pinned, str(tmp_path / "pruned"), now=now)
    (tmp_path / "published.pub").write_bytes(public_to_pem(pinned))
    return tmp_path


def follow(place: Path, which: str, shell: str = "sh") -> subprocess.CompletedProcess[str]:
    tools = place / "tools"
    tools.mkdir(exist_ok=True)
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, tool
        if not (tools / tool).exists():
            (tools / tool).symlink_to(found)
    text = script().replace("KEY=PUBLIC_KEY_FILE", f"KEY={place / 'published.pub'}")
    return subprocess.run(
        [shutil.which(shell), "-c", text],
        cwd=place / which,
        env={"PATH": str(tools), "TMPDIR": str(place)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("which", "size"), [("whole", 9), ("pruned", 10)])
def test_an_export_is_verified(exported, which, size, shell):
    done = follow(exported, which, shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"verified: {size} records, epoch ")


def test_another_key_is_refused(exported):
    (exported / "published.pub").write_bytes(public_to_pem(SigningKey(bytes(32)).public))
    done = follow(exported, "whole")
    assert done.returncode != 0
    assert "NOT VERIFIED: epoch 1 is not signed with its key" in done.stderr


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("0000000000000000.jsonl", '"rid":"d0"', '"rid":"D0"', "does not link"),
        ("0000000000000003.jsonl", r"\nepoch 2 ", r"\nepoch 3 ", "epoch 2"),
        ("checkpoint", "\n9\n", "\n8\n", "is not signed with its key"),
        ("checkpoint", "\nepoch 4 ", "\nepoch 5 ", "epoch 4 is missing"),
    ],
)
def test_a_changed_export_is_refused(exported, name, old, new, said):
    path = exported / "whole" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    done = follow(exported, "whole")
    assert done.returncode != 0
    assert said in done.stderr
    assert "verified" not in done.stdout


@pytest.mark.parametrize("which", ["whole", "pruned"])
def test_a_missing_segment_is_refused(exported, which):
    for path in (exported / which).glob("[0-9]*.jsonl"):
        kept = path.read_bytes()
        path.unlink()
        assert follow(exported, which).returncode != 0
        path.write_bytes(kept)
    assert follow(exported, which).returncode == 0


def test_a_cut_tail_with_its_checkpoint_left_is_refused(exported):
    path = max((exported / "whole").glob("[0-9]*.jsonl"))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-2]))
    assert follow(exported, "whole").returncode != 0

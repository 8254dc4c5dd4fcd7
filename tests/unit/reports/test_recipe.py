"""The recipe is run as it is printed, with the tools that it names and no other on the path."""

from __future__ import annotations

import re
import shutil
import subprocess
from html import unescape
from typing import TYPE_CHECKING

import pytest

from sealproof.reports.formats import ALWAYS
from sealproof.reports.recipe import RECIPE, VERIFY
from sealproof.reports.write import write_report
from sealproof.signing import public_to_pem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sealproof.compliance.catalogue import Catalogue
    from sealproof.findings import RunResult
    from sealproof.signing import SigningKey

TOOLS = ("openssl", "sha256sum", "base64", "sed", "tr", "grep", "cat", "wc", "mktemp", "rm")
SHELLS = [shell for shell in ("sh", "bash", "dash") if shutil.which(shell)]


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """Return a directory with the tools of the recipe and nothing else."""
    directory = tmp_path / "tools"
    directory.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, tool
        (directory / tool).symlink_to(found)
    return directory


@pytest.fixture
def follow(tmp_path: Path, tools: Path, key: SigningKey) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs the recipe in a report's directory."""

    def run_recipe(report: Path, public: bytes = key.public, shell: str = "sh") -> subprocess.CompletedProcess[str]:
        (tmp_path / "published.pub").write_bytes(public_to_pem(public))
        script = RECIPE.replace("KEY=PUBLIC_KEY_FILE", f"KEY={tmp_path / 'published.pub'}")
        (tmp_path / "scratch").mkdir(exist_ok=True)
        return subprocess.run(
            [shutil.which(shell) or shell, "-c", script],
            cwd=report,
            env={"PATH": str(tools), "TMPDIR": str(tmp_path / "scratch")},
            capture_output=True,
            text=True,
            check=False,
        )

    return run_recipe


@pytest.mark.parametrize("shell", SHELLS)
def test_it_accepts_a_report_and_leaves_nothing_behind(
    report: Path, tmp_path: Path, follow: Callable[..., subprocess.CompletedProcess[str]], shell: str
) -> None:
    outcome = follow(report, shell=shell)
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.splitlines() == [
        "Signature Verified Successfully",
        *(f"{name}: OK" for name in sorted(ALWAYS)),
        "the signature and the digests hold",
    ]
    assert not list((tmp_path / "scratch").iterdir())


@pytest.mark.parametrize("signer", [0, 1])
def test_one_of_two_signatures_is_enough(
    tmp_path: Path,
    run: RunResult,
    catalogue: Catalogue,
    *,
    key: SigningKey,
    other_key: SigningKey,
    follow: Callable[..., subprocess.CompletedProcess[str]],
    signer: int,
) -> None:
    write_report(tmp_path / "twice", run, catalogue, [key, other_key])
    outcome = follow(tmp_path / "twice", (key, other_key)[signer].public)
    assert outcome.returncode == 0, outcome.stderr


def _edit(name: str, old: bytes, new: bytes) -> Callable[[Path], None]:
    def edit(report: Path) -> None:
        content = (report / name).read_bytes()
        assert old in content
        (report / name).write_bytes(content.replace(old, new, 1))

    return edit


ATTACKS: dict[str, Callable[[Path], object]] = {
    "edited_html": _edit("report.html", b"No verdict: a check broke", b"The gate is met"),
    "edited_json": _edit("results.json", b'"exit_code":3', b'"exit_code":0'),
    "edited_attestation": _edit("attestation.dsse.json", b'"payload":"ey', b'"payload":"fy'),
    "edited_signature": _edit("attestation.dsse.json", b'"sig":"', b'"sig":"AAAA'),
    "missing_html": lambda report: (report / "report.html").unlink(),
    "missing_attestation": lambda report: (report / "attestation.dsse.json").unlink(),
    "truncated_attestation": lambda report: (report / "attestation.dsse.json").write_bytes(
        (report / "attestation.dsse.json").read_bytes()[:-40]
    ),
    "empty_attestation": lambda report: (report / "attestation.dsse.json").write_bytes(b""),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_it_refuses(report: Path, follow: Callable[..., subprocess.CompletedProcess[str]], attack: str) -> None:
    ATTACKS[attack](report)
    outcome = follow(report)
    assert outcome.returncode != 0
    assert "hold" not in outcome.stdout


def test_it_refuses_another_key(
    report: Path, other_key: SigningKey, follow: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    outcome = follow(report, other_key.public)
    assert outcome.returncode != 0
    assert "hold" not in outcome.stdout


def test_the_page_prints_it_as_it_is(report: Path) -> None:
    page = (report / "report.html").read_text("utf-8")
    printed = re.search(r"<pre[^>]*><code>(.*?)</code></pre>", page, re.DOTALL)
    assert printed
    assert unescape(printed[1]) == RECIPE
    assert VERIFY in page

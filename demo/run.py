"""The main job end to end, in a small project of its own under build/demo/.

Make a store with three tenants, start an application on each, gate it with pytest, verify the
signed report, then plant one fault and see the gate catch it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent / "build" / "demo"
TENANTS = ("bluefin", "harbor", "northwind")
SEALPROOF = (sys.executable, "-m", "sealproof")
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
TEST = '''"""A test of the project's own: the gate runs beside it."""

from app import main


def test_the_application_has_an_entry_point():
    assert callable(main)
'''


def main() -> int:
    """Run every step; stop at the first that does not end as it should."""
    started = time.monotonic()
    environment = _environment()
    _step("a project with a store of three tenants, every value new")
    _lay_out(environment)
    _run(*SEALPROOF, "init", "--demo", environment=environment)
    _run("git", "add", "--all", environment=environment)
    _run("git", "commit", "--quiet", "--message", "seal three tenants", environment=environment)

    _step("the application starts on each tenant, with a key that opens that tenant alone")
    for tenant in TENANTS:
        key = PROJECT.parent / f"demo-{tenant}.key"
        key.unlink(missing_ok=True)
        _run(*SEALPROOF, "key", "export", tenant, "--output", str(key), environment=environment, quiet=True)
        host = environment | {"SEALPROOF_TENANT": tenant, "SEALPROOF_KEY_FILE": str(key)}
        _run(sys.executable, "app.py", environment=host)
        key.unlink()

    _step("the gate, through pytest, beside the project's own test")
    _run(*PYTEST, "--secrets-compliance", "--secrets-report-dir", "report", environment=environment)

    _step("the signed report, verified with the pinned public key")
    verify = ("report", "verify", "report", "--key", "secrets/keys/signing/report.pub")
    _run(*SEALPROOF, *verify, environment=environment)

    _step("one planted fault: somebody leaves a plain .env beside the sealed file")
    twin = PROJECT / "secrets" / "tenants" / "harbor" / ".env"
    twin.write_text("REDIS_PASSWORD=left-behind-by-accident\n", encoding="utf-8")
    _run(*PYTEST, "--secrets-compliance", "-k", "SEC-001", environment=environment, expected=1)
    twin.unlink()

    print(f"\nThe gate was met, and it caught the fault that was planted. {time.monotonic() - started:.0f} s.")
    print(f"  report  {os.path.relpath(PROJECT / 'report' / 'report.html')}")
    python = os.path.relpath(sys.executable, PROJECT)
    print(f"  verify  cd {os.path.relpath(PROJECT)} && {python} -m sealproof {' '.join(verify)}")
    return 0


def _environment() -> dict[str, str]:
    """Return an environment without any key or setting of the caller's own."""
    own = ("SEALPROOF_", "MASTER_SECRET_KEY", "PYTEST_", "GIT_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    author = {"NAME": "sealproof demo", "EMAIL": "demo@localhost"}
    return kept | {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in author.items()}


def _lay_out(environment: dict[str, str]) -> None:
    shutil.rmtree(PROJECT, ignore_errors=True)
    PROJECT.mkdir(parents=True)
    shutil.copy(HERE / "app.py", PROJECT / "app.py")
    (PROJECT / "test_app.py").write_text(TEST, encoding="utf-8")
    (PROJECT / "pytest.ini").write_text("[pytest]\npythonpath = .\n", encoding="utf-8")
    (PROJECT / ".gitignore").write_text("__pycache__/\n/report/\n", encoding="utf-8")
    _run("git", "init", "--quiet", environment=environment)


def _run(*command: str, environment: dict[str, str], expected: int = 0, quiet: bool = False) -> None:
    shown = " ".join("python" if word == sys.executable else word for word in command)
    if not quiet:
        print(f"$ {shown}", flush=True)
    answer = subprocess.run(command, cwd=PROJECT, env=environment, check=False, capture_output=quiet)
    if answer.returncode != expected:
        sys.stderr.write((answer.stderr or b"").decode())
        sys.exit(f"demo: `{shown}` ended with {answer.returncode}, expected was {expected}")


def _step(text: str) -> None:
    print(f"\n== {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())

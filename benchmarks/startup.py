"""Start-up, whole process, side by side in one run: ours, a hand-written script, python-dotenv in plain text.

Every process is started in turn, round by round, so that a change of the machine's speed touches
all of them alike; the ratios are taken round by round. Prints medians and ratios; asserts nothing.

    python benchmarks/startup.py [--rounds 40]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sealproof.vault.custodian import Custodian
from sealproof.vault.keys.keyring import Keyring

HAND = """
import os
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
with open({key!r}, "rb") as file:
    key = file.read()
with open({blob!r}, "rb") as file:
    blob = file.read()
for line in AESGCM(key).decrypt(blob[:12], blob[12:], b"").decode().split("\\n"):
    name, _, value = line.partition("=")
    os.environ[name] = value
"""
OURS = """
from sealproof import load_environment_secrets
load_environment_secrets("acme", root={root!r})
"""
DOTENV = """
from dotenv import load_dotenv
load_dotenv({plain!r})
"""
TARGETS = {100: 1.15, 1000: 1.4}


def main() -> None:
    """Measure 100 and 1,000 variables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    for count, target in TARGETS.items():
        with tempfile.TemporaryDirectory() as directory:
            scripts = _prepare(Path(directory), count)
            environment = _environment(directory)
            for script in scripts.values():  # bytecode is written once, as in any installed program
                subprocess.run([sys.executable, script], env=environment, check=True)
            times = {name: [] for name in scripts}
            for _ in range(rounds):
                for name, script in scripts.items():
                    started = time.perf_counter()
                    subprocess.run([sys.executable, script], env=environment, check=True)
                    times[name].append((time.perf_counter() - started) * 1000)
        _print(count, target, times)


def _prepare(directory: Path, count: int) -> dict[str, Path]:
    values = {f"VARIABLE_{number}": os.urandom(16).hex() for number in range(count)}
    plain = "\n".join(f"{name}={value}" for name, value in values.items())
    root = directory / "secrets"
    root.mkdir()
    Keyring(str(root)).create(passphrase=None)
    custodian = Custodian(str(root))
    custodian.keyring.new_signing_key("writer")
    custodian.seal("acme", "development", {name: value.encode() for name, value in values.items()})
    host_key = directory / "host.key"
    host_key.write_text("".join(line.to_line() + "\n" for line in custodian.keyring.key_lines("acme", "development")))
    host_key.chmod(0o600)
    key, nonce = os.urandom(32), os.urandom(12)
    (directory / "blob").write_bytes(nonce + AESGCM(key).encrypt(nonce, plain.encode(), b""))
    (directory / "key").write_bytes(key)
    (directory / "plain.env").write_text(plain)
    texts = {
        "hand-written": HAND.format(key=str(directory / "key"), blob=str(directory / "blob")),
        "sealproof": OURS.format(root=str(root)),
        "python-dotenv": DOTENV.format(plain=str(directory / "plain.env")),
        "interpreter": "",
    }
    scripts = {name: directory / f"{name.replace('-', '_')}_script.py" for name in texts}
    for name, script in scripts.items():
        script.write_text(texts[name])
    return scripts


def _environment(directory: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
    return kept | {"SEALPROOF_KEY_FILE": str(Path(directory) / "host.key")}


def _print(count: int, target: float, times: dict[str, list[float]]) -> None:
    print(f"{count} variables, {len(times['sealproof'])} interleaved rounds, median ms of the whole process")
    for name, row in times.items():
        print(f"  {name:14} {median(row):6.1f}   (min {min(row):.1f}, max {max(row):.1f})")
    for other, wanted in (("hand-written", f"at most {target}"), ("python-dotenv", "below 1")):
        ratio = median(ours / theirs for ours, theirs in zip(times["sealproof"], times[other], strict=True))
        print(f"  sealproof / {other}: {ratio:.3f}  (target {wanted})")


if __name__ == "__main__":
    main()

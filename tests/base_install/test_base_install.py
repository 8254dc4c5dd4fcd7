"""`pip install sealproof` brings cryptography and python-dotenv, and with them all that production does works."""

from __future__ import annotations

import json

import pytest

BROUGHT = {"sealproof", "cryptography", "cffi", "pycparser", "python-dotenv"}
OF_THE_ENVIRONMENT = {"pip", "setuptools", "wheel"}
UNWANTED = {
    "asyncio", "dotenv", "json", "dataclasses", "logging", "pathlib", "pytest", "jinja2", "rich", "locust",
    "typing_extensions", "argparse", "subprocess", "hashlib", "hmac", "tomllib", "inspect", "socket",
}  # fmt: skip
LOADING = """
import sys
before = set(sys.modules)
from sealproof import load_environment_secrets
loaded = load_environment_secrets("acme", root={root!r})
print(*sorted(name.partition(".")[0] for name in set(sys.modules) - before))
print(*loaded.names)
"""


def test_it_brings_these_packages_and_no_other(shell):
    listed = {entry["name"].lower() for entry in json.loads(shell.type("python -m pip list --format=json"))}
    assert listed - OF_THE_ENVIRONMENT == BROUGHT


def test_the_package_is_typed_and_brings_its_data(shell):
    where = shell.type("python -c 'import sealproof; print(sealproof.__path__[0])'").strip()
    assert "environment" in where
    for name in ("py.typed", "compliance/data/catalogue.toml", "reports/results.schema.json"):
        shell.type(f"test -f {where}/{name}")
    assert "SEC-001" in shell.type("sealproof explain SEC-001")


@pytest.fixture
def host(shell):
    """A deployed store and its key file; the store's own keys lie elsewhere."""
    shell.type("git init --quiet . && sealproof init && printf 'A=1\\nB=two\\n' | sealproof seal acme")
    shell.type("sealproof key export acme --output host.key && cp -r secrets deployed && rm -r deployed/keys")
    return shell


@pytest.mark.parametrize("place", ["host", "store"])
def test_a_load_imports_nothing_that_start_up_cannot_afford(place, host):
    (host / "load.py").write_text(LOADING.format(root="deployed" if place == "host" else "secrets"), encoding="utf-8")
    key = {"SEALPROOF_KEY_FILE": "host.key"} if place == "host" else {}
    modules, names = host.type("python load.py", **key).splitlines()
    assert names == "A B"
    assert "sealproof" in modules.split()
    assert not UNWANTED & set(modules.split())


def test_importing_the_package_imports_nothing_else(shell):
    listing = "import sys; before = set(sys.modules); import sealproof; print(*sorted(set(sys.modules) - before))"
    assert set(shell.type(f'python -c "{listing}"').split()) <= {"__future__", "gc", "sealproof"}


FILES_AND_KEYS = """
sealproof list
sealproof list acme --json
sealproof open acme
sealproof open acme --json --output plain.json
sealproof get acme A
sealproof set acme C --generate
printf 'A=9\\n' > more.env && sealproof seal acme more.env --remove
sealproof remove acme C
sealproof canary add acme BACKUP_TOKEN --purpose backups
sealproof get acme BACKUP_TOKEN
sealproof canary list
sealproof canary remove acme BACKUP_TOKEN
sealproof manifest acme --prune
sealproof diff acme
EDITOR='sed -i s/two/three/' sealproof edit acme
sealproof run --tenant acme -- true
sealproof run --tenant acme --expand -- true
sealproof key init --recipient reader.key > reader.pub
sealproof recipient add acme $(cat reader.pub)
sealproof recipient list acme
SEALPROOF_KEY_FILE=reader.key sealproof get acme A
sealproof recipient remove acme $(cat reader.pub)
sealproof key init --writer
sealproof key export acme --output another.key
sealproof doctor --tenant acme
sealproof explain
sealproof check --check SEC-001 --check SEC-003 --check ROT-001
sealproof init --demo
sealproof --help
"""


def test_every_command_that_needs_only_files_and_keys_runs(host):
    host.type("git add --all && git commit --quiet --message start")
    for command in FILES_AND_KEYS.strip().splitlines():
        host.type(command)


def test_the_merge_driver_runs(host):
    host.type("git add --all && git commit --quiet --message start && git switch --quiet -c other")
    host.type("printf 2 | sealproof set acme A && git commit --quiet --all --message theirs")
    host.type("git switch --quiet - && printf 3 | sealproof set acme B && git commit --quiet --all --message ours")
    host.type("git merge --no-edit other")
    assert host.type("sealproof open acme") == "A=2\nB=3\n"


def test_what_needs_an_extra_says_which(host):
    for command in (
        "sealproof check --check SEC-001 --report-dir report",
        "sealproof check --check SEC-012",
        "sealproof check --check LOD-001 --gate medium",
    ):
        answer = host.run(command)
        assert answer.code in (4, 6), answer
        assert "pip install 'sealproof[ci]'" in answer.out + answer.err
        assert "Traceback" not in answer.err

"""What other tools of this kind were seen to do, and this one must not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from dotenv import dotenv_values

from sealproof.envelope import seal as sealing
from sealproof.envelope.cipher import reader_public
from sealproof.envelope.freshness import Freshness
from sealproof.envelope.keyfile import KeyLine, parse_keys
from sealproof.envelope.open import unlock
from sealproof.envelope.parse import parse
from sealproof.signing import SigningKey

from .conftest import DOTENV
from .shell import refusal

SEALED = "secrets/tenants/acme/.env.enc"
OTHER = "secrets/tenants/globex/.env.enc"
RUN = "sealproof run --tenant acme -- touch started"


@pytest.fixture
def host(shell, tmp_path):
    """A deployed store without keys/, beside which lies the key file of acme."""
    shell.type(f"sealproof key export acme --output {tmp_path}/acme.key")
    shell.type(f"sealproof key export globex --output {tmp_path}/globex.key")
    (shell / "secrets/keys").rename(tmp_path / "kept")
    return shell


def key_text(tmp_path, tenant="acme"):
    return (tmp_path / f"{tenant}.key").read_text(encoding="ascii").strip()


# The program is started although the key is missing or wrong.


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"SEALPROOF_KEY": "wrong"},
        {"SEALPROOF_KEY": ""},
        {"SEALPROOF_KEY_FILE": "nowhere.key"},
        {"SEALPROOF_KEY_FD": "9"},
        {"MASTER_SECRET_KEY": "kV9x2QmT7pLr4WzYb8Nc3HdGf6JsEa1U"},
    ],
    ids=["missing", "no_key", "empty", "file_not_there", "descriptor_closed", "passphrase_without_a_store"],
)
def test_the_program_does_not_start_without_a_key_that_fits(variables, host):
    assert host.run(RUN, **variables).code != 0
    assert not (host / "started").exists()


def test_the_program_does_not_start_with_another_tenants_key(host, tmp_path):
    answer = host.run(RUN, SEALPROOF_KEY=key_text(tmp_path, "globex"))
    assert refusal(answer)[0].startswith("cannot open acme/development")
    assert not (host / "started").exists()


def test_an_application_that_loads_in_process_gets_an_error_and_an_untouched_environment(host):
    script = (
        "import os, sealproof\nbefore = dict(os.environ)\n"
        "try:\n    sealproof.load_environment_secrets('acme')\n"
        "except sealproof.SealproofError as error:\n    print(type(error).__name__, before == dict(os.environ))\n"
    )
    assert host.type(f'{sys.executable} -c "{script}"') == "KeyMissing True\n"


# Ciphertext is handed over as the value.


def test_a_plain_loader_reads_no_name_from_a_sealed_file(shell):
    text = (shell / SEALED).read_text(encoding="ascii")
    assert "=" not in text
    read = dotenv_values(stream=StringIO(text), interpolate=False)
    assert not {name for name in read if name in DOTENV}
    assert not [value for value in read.values() if value]


def test_a_shell_that_sources_a_sealed_file_sets_nothing(shell):
    answer = shell.run(f"set -a; . {SEALED} 2> /dev/null; env")
    assert "DB_PASSWORD" not in answer.out


# Variables that steer the process are passed through.


@pytest.mark.parametrize("name", ["LD_PRELOAD", "PYTHONPATH", "BASH_ENV", "NODE_OPTIONS", "SEALPROOF_ROOT"])
def test_a_dangerous_name_that_somebody_sealed_starts_nothing(name, shell):
    shell.type(f"printf {shell.path} | sealproof set acme {name} --allow {name}")
    answer = shell.run(RUN)
    assert refusal(answer)[0] == f"{name} would steer the process rather than configure it"
    assert not (shell / "started").exists()
    assert shell.type(f"sealproof run --tenant acme --allow {name} -- printenv {name}") == f"{shell.path}\n"


# A file that was forged with a reader's public key alone is accepted.


def test_a_file_by_someone_who_knows_only_a_readers_public_key_is_refused(shell, tmp_path):
    public = shell.type(f"sealproof key init --recipient {tmp_path}/reader.key").strip()
    shell.type(f"sealproof recipient add acme {public}")
    as_reader = {"SEALPROOF_KEY_FILE": str(tmp_path / "reader.key")}
    assert shell.type("sealproof get acme LOG_LEVEL", **as_reader) == "INFO\n"
    (identity,) = parse_keys((tmp_path / "reader.key").read_bytes())
    stranger, epoch = SigningKey(os.urandom(32)), sealing.EpochKey("acme", "development", 1, os.urandom(32))
    forged = sealing.create(epoch, {"LOG_LEVEL": sealing.SealedValue(b"FORGED", 1, 1)}, writer=stranger, now=1)
    own = KeyLine("epoch", epoch.key, (stranger.public,), "acme", "development", 1)
    unlocked = unlock(forged, tenant="acme", environment="development", keys=(own,), freshness=Freshness(now=1))
    forged = sealing.add_reader(unlocked, reader_public(identity.key), writer=stranger, now=1)
    (shell / SEALED).write_bytes(forged)
    answer = shell.run(RUN, **as_reader)
    assert refusal(answer)[0].startswith("cannot open acme/development")
    assert not (shell / "started").exists()
    assert "refused at step 5" in shell.run("sealproof doctor --tenant acme", **as_reader).out


# Another tenant's file, or an older one, is accepted under the same key.


def test_another_tenants_file_is_refused_even_with_both_keys_in_hand(host, tmp_path):
    shutil.copy(host / OTHER, host / SEALED)
    (tmp_path / "both.key").write_text(f"{key_text(tmp_path)}\n{key_text(tmp_path, 'globex')}\n", encoding="ascii")
    (tmp_path / "both.key").chmod(0o600)
    answer = host.run(RUN, SEALPROOF_KEY_FILE=str(tmp_path / "both.key"))
    assert refusal(answer)[0].startswith("cannot open acme/development")
    assert not (host / "started").exists()


def test_an_older_file_is_refused_where_an_anchor_stands(shell, tmp_path):
    older = (shell / SEALED).read_bytes()
    shell.type("sealproof set acme DB_PASSWORD --generate")
    assert parse((shell / SEALED).read_bytes()).generation == 2
    anchors = {"SEALPROOF_STATE": str(tmp_path / "state")}
    (tmp_path / "state").mkdir(mode=0o700)
    shell.type("sealproof run --tenant acme -- true", **anchors)
    (shell / SEALED).write_bytes(older)
    for variables in (anchors, {"SEALPROOF_MIN_GENERATION": "2"}):
        answer = shell.run(RUN, **variables)
        assert refusal(answer)[0].startswith("acme/development is generation 1")
        assert answer.code == 1
        assert not (shell / "started").exists()


def test_without_an_anchor_the_result_and_the_gate_say_so(shell):
    loading = "import sealproof; print(sealproof.load_environment_secrets('acme').rollback)"
    assert shell.type(f'{sys.executable} -c "{loading}"') == "not protected\n"
    assert "rollback: not protected" in shell.type("sealproof doctor --tenant acme")
    assert "rollback: not protected" in shell.type("sealproof check --check SEC-001")


# The key that came by variable stays visible to the program that is started.


@pytest.mark.parametrize("where", ["env", "cat /proc/self/environ", "sh -c 'cat /proc/$PPID/environ'"])
def test_run_leaves_no_key_to_the_program(where, host, tmp_path):
    key = key_text(tmp_path)
    shown = host.type(f"exec sealproof run --tenant acme -- {where}", SEALPROOF_KEY=key)
    if "PPID" not in where:
        assert "DB_PASSWORD=fjord-anvil-9037-mosaic" in shown
    assert "SEALPROOF_KEY" not in shown
    assert "sealproof-key/1" not in shown


def test_run_leaves_no_passphrase_to_the_program(empty):
    passphrase = "kV9x2QmT7pLr4WzYb8Nc3HdGf6JsEa1U"
    given = {"MASTER_SECRET_KEY": passphrase}
    empty.type("sealproof init && echo A=1 | sealproof seal acme", **given)
    shown = empty.type("exec sealproof run --tenant acme -- cat /proc/self/environ", **given)
    assert "A=1" in shown
    assert passphrase not in shown
    assert not [name for name, (_, data) in empty.tree().items() if passphrase.encode() in data]


def test_run_leaves_no_descriptor_to_the_program(host, tmp_path):
    command = f"sealproof run --tenant acme -- ls -l /proc/self/fd 3< {tmp_path}/acme.key"
    assert "acme.key" not in host.type(command, SEALPROOF_KEY_FD="3")


def test_in_process_the_key_is_gone_before_the_applications_code_and_its_children_run(host, tmp_path):
    script = (
        "import os, sealproof; sealproof.load_environment_secrets('acme'); "
        "print('SEALPROOF_KEY' in os.environ, flush=True); os.execvp('env', ['env'])"
    )
    shown = host.type(f'{sys.executable} -c "{script}"', SEALPROOF_KEY=key_text(tmp_path))
    assert shown.startswith("False\n")
    assert "DB_PASSWORD=fjord-anvil-9037-mosaic" in shown
    assert "SEALPROOF_KEY" not in shown


def test_the_limitations_page_says_what_the_kernel_keeps():
    page = (Path(__file__).parents[2] / "docs/limitations.md").read_text(encoding="utf-8")
    assert re.search(r"kernel keeps .*`/proc/<pid>/environ` still shows a key that came by variable", page, re.DOTALL)


# Plain text is written to disk while loading.

WATCHED = """
import sys
written = []
def watch(event, arguments):
    if event == "open" and arguments[2] & 0o3103:  # O_WRONLY, O_RDWR, O_CREAT, O_TRUNC
        written.append(arguments[0])
    if event in ("os.mkdir", "os.rename", "os.link", "os.symlink", "os.truncate", "tempfile.mkstemp"):
        written.append(event)
    if event == "os.exec":
        sys.stderr.write(told())
def told():
    return f"written: {written}\\n"
sys.dont_write_bytecode = True
sys.addaudithook(watch)
"""


LOADS = {
    "run": "from sealproof.cli.main import dispatch; dispatch(['run', '--tenant', 'acme', '--', '/bin/true'])",
    "in_process": "import sealproof; sealproof.load_environment_secrets('acme'); sys.stderr.write(told())",
    "expanded": "import sealproof; sealproof.load_environment_secrets('acme', expand=True); sys.stderr.write(told())",
}


@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)
def test_loading_opens_no_file_for_writing(load, shell):
    done = subprocess.run(
        [sys.executable, "-c", WATCHED + load], cwd=shell.path, env=shell.environment, capture_output=True, check=True
    )
    assert done.stderr == b"written: []\n"


def test_the_watch_sees_a_file_that_is_written(shell):
    script = f"{WATCHED}open('plain', 'w').close(); sys.stderr.write(told())"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=shell.path, env=shell.environment, capture_output=True, check=True
    )
    assert done.stderr == b"written: ['plain']\n"

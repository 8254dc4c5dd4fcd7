"""Bad input: a one-line error with a hint, the right exit code, and nothing written."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys

import pytest

from .conftest import DOTENV
from .shell import Answer, refusal

SEALED = "secrets/tenants/acme/.env.enc"
MIB = 1024 * 1024
REFUSED, INTERNAL, USAGE = 1, 3, 4

READING = {
    "get": "sealproof get acme DB_PASSWORD",
    "open": "sealproof open acme",
    "open_to_file": "sealproof open acme --output out.txt",
    "run": "sealproof run --tenant acme -- touch started",
}
WRITING = {
    "seal": "echo A=1 | sealproof seal acme",
    "set": "sealproof set acme A --generate",
    "remove": "sealproof remove acme DB_PASSWORD",
    "edit": "EDITOR=true sealproof edit acme",
    "recipient": "sealproof recipient add acme zTJy48kllUWIrLIctzrrP_WEAdKakagZMDUoStvUtyo",
}
PUBLIC = {"list": "sealproof list acme", "diff": "sealproof diff acme"}
"""Needs no key: reads the lines that anyone may read."""


def each(*tables):
    commands = {name: command for table in tables for name, command in table.items()}
    return pytest.mark.parametrize("command", commands.values(), ids=commands)


def refused(shell, command, *, code, **variables) -> str:
    """Type a command that must be refused without a trace, and return its error."""
    before = shell.tree()
    answer = shell.run(command, **variables)
    error, hint = refusal(answer)
    assert answer.code == code, answer
    assert hint
    assert shell.tree() == before
    for value in ("fjord-anvil-9037-mosaic", "kV9x2QmT7pLr4WzYb8Nc3HdGf6JsEa1U"):
        assert value not in answer.err
    return error


@each(READING, PUBLIC, {name: WRITING[name] for name in ("remove", "edit", "recipient")})
def test_unknown_tenant(command, shell):
    assert "nobody" in refused(shell, command.replace("acme", "nobody"), code=USAGE)


@each(READING, WRITING, PUBLIC)
@pytest.mark.parametrize("tenant", ["../globex", "/etc", "..", "acme/../globex", "Acme", ""])
def test_a_tenant_outside_the_grammar(tenant, command, shell):
    if tenant == "" and ("run" in command or command == PUBLIC["list"]):
        pytest.skip("no tenant at all means something here: the only one, or every one")
    refused(shell, command.replace(" acme", f" '{tenant}'"), code=USAGE)


@each(READING, WRITING, PUBLIC)
def test_an_environment_outside_the_grammar(command, shell):
    refused(shell, command, code=USAGE, SEALPROOF_ENVIRONMENT="../../keys/production")


@each(READING, WRITING)
def test_the_wrong_key(command, shell, tmp_path):
    shell.type(f"sealproof key export globex --output {tmp_path}/globex.key")
    error = refused(shell, command, code=REFUSED, SEALPROOF_KEY_FILE=f"{tmp_path}/globex.key")
    assert error == "cannot open acme/development: the key does not fit, or the file is not this one"


@each(READING, WRITING)
def test_a_key_that_is_missing(command, shell):
    (shell / "secrets/keys").rename(shell / "elsewhere")
    assert "key" in refused(shell, command, code=USAGE)


@each(READING, WRITING)
def test_a_key_file_that_is_named_and_missing(command, shell):
    assert "no such file" in refused(shell, command, code=USAGE, SEALPROOF_KEY_FILE="nowhere.key")


@each(READING, WRITING, PUBLIC)
@pytest.mark.parametrize("share", [0, 0.5, 0.999])
def test_a_half_written_file(share, command, shell):
    data = (shell / SEALED).read_bytes()
    (shell / SEALED).write_bytes(data[: int(len(data) * share)])
    error = refused(shell, command, code=REFUSED)
    assert SEALED in error


@each(READING, WRITING)
def test_a_flipped_byte(command, shell):
    data = bytearray((shell / SEALED).read_bytes())
    position = data.index(b'"sealed":"') + 40
    data[position] = ord("A") if data[position] != ord("A") else ord("B")
    (shell / SEALED).write_bytes(data)
    assert refused(shell, command, code=REFUSED).startswith("cannot open acme/development")


@each(READING, WRITING, PUBLIC)
def test_a_sealed_file_of_100_mib(command, shell):
    os.truncate(shell / SEALED, 100 * MIB)
    answer = shell.run(command)
    error, _ = refusal(answer)
    assert answer.code == REFUSED
    assert error == f"{SEALED} is over the limit of {16 * MIB} bytes"
    assert (shell / SEALED).stat().st_size == 100 * MIB


@pytest.mark.parametrize("path", ["secrets/sealproof.toml", "secrets/tenants/acme/manifest.toml"])
def test_settings_and_a_manifest_of_100_mib_stop_a_save_before_it(path, shell):
    os.truncate(shell / path, 100 * MIB)
    sealed = (shell / SEALED).read_bytes()
    answer = shell.run("sealproof set acme A --generate")
    assert "over the limit" in refusal(answer)[0]
    assert answer.code == REFUSED
    assert (shell / SEALED).read_bytes() == sealed


@pytest.mark.parametrize("how", ["sealproof seal acme big.env", "sealproof seal acme < big.env"])
def test_a_dotenv_file_of_100_mib(how, shell):
    with open(shell / "big.env", "wb") as file:
        file.write(DOTENV.encode())
        file.truncate(100 * MIB)
    sealed = (shell / SEALED).read_bytes()
    answer = shell.run(how)
    assert "limit for a dotenv file" in refusal(answer)[0]
    assert answer.code == REFUSED
    assert (shell / SEALED).read_bytes() == sealed


def test_a_value_of_100_mib(shell):
    command = f"head -c {100 * MIB} /dev/zero | tr '\\0' x | sealproof set acme BIG"
    assert "the limit is 65536" in refused(shell, command, code=USAGE)


def test_a_key_file_of_100_mib(shell, tmp_path):
    with open(tmp_path / "big.key", "wb") as file:
        file.truncate(100 * MIB)
    (tmp_path / "big.key").chmod(0o600)
    error = refused(shell, READING["get"], code=REFUSED, SEALPROOF_KEY_FILE=str(tmp_path / "big.key"))
    assert "over the limit" in error


# python-dotenv reads on past each of these: it warns at most, and the program starts on the rest.
HALF_READABLE = {
    "no_syntax": "A=1\nthis is no dotenv line\nB=2\n",
    "quote_left_open": 'A=1\nB="open\nC=3\n',
    "text_behind_a_quote": "A=1\nB='two' three\n",
    "no_name": "A=1\n=2\n",
    "name_with_a_dash": "A=1\nNAME-WITH-DASH=2\n",
    "name_with_a_digit": "A=1\n9LIVES=2\n",
    "nul": "A=1\nB=2\0\n",
}


@pytest.mark.parametrize("text", HALF_READABLE.values(), ids=HALF_READABLE)
def test_a_dotenv_file_that_could_be_read_in_part(text, shell):
    (shell / "half.env").write_text(text, encoding="utf-8")
    refused(shell, "sealproof seal acme half.env --remove", code=USAGE)


STRAYS = {"a file": "touch secrets/tenants/stray", "a link": "ln -s /etc secrets/tenants/stray"}


@pytest.mark.parametrize("make", STRAYS.values(), ids=STRAYS)
def test_what_lies_among_the_tenants_and_is_none_stops_nobody(make, shell):
    shell.type(make)
    for command in ("sealproof list", "sealproof rotate --due", "sealproof rotate --status"):
        answer = shell.run(command)
        assert answer.code == 0, answer
        assert "warning: secrets/tenants/stray is no directory, so it is no tenant" in answer.err
    assert list(json.loads(shell.type("sealproof list --json"))["tenants"]) == [
        {"tenant": tenant, "environments": ["development"]} for tenant in ("acme", "globex")
    ]
    answer = shell.run("sealproof check --check SEC-001")
    assert "warning: secrets/tenants/stray is no directory" in answer.err
    assert ("is not followed" in answer.out) == ("ln" in make)
    doctor = shell.run("sealproof doctor")
    assert "BAD  store secrets/tenants/stray: no directory, so it is no tenant" in doctor.out
    assert doctor.code == REFUSED


MISTAKES = {
    "rotation.toml": ("x=[", "rotation.toml is no TOML"),
    "manifest.toml": ("[harbor", "manifest.toml is no TOML"),
    ".env.enc": ("cut", "acme/.env.enc"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_of_one_tenant_stops_no_other(name, shell):
    text, said = MISTAKES[name]
    (shell / "secrets/tenants/acme" / name).write_text(text, encoding="utf-8")
    table = '[development.DB_PASSWORD]\ntarget = "none"\nevery_days = 0.000001\n'
    (shell / "secrets/tenants/globex/rotation.toml").write_text(table, encoding="utf-8")
    status = shell.run("sealproof rotate --status")
    assert said in status.out
    assert "globex/development/DB_PASSWORD  due" in status.out
    due = shell.run("sealproof rotate --due")
    assert "acme/development: FAILED: " in due.out
    assert "globex/development/DB_PASSWORD: rotated" in due.out
    assert due.code == status.code != 0


def test_what_is_due_of_a_tenant_that_is_not_there_is_an_error(shell):
    assert "has no tenant acne" in refused(shell, "sealproof rotate --due --tenant acne", code=USAGE)


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities are Linux's")
@each(READING, WRITING, PUBLIC)
@pytest.mark.parametrize("directory", ["secrets", "secrets/tenants", "secrets/tenants/acme"])
def test_an_unreadable_directory(directory, command, shell):
    before = shell.tree()
    (shell / directory).chmod(0)
    try:
        answer = bound_by_modes(shell, command)
    finally:
        (shell / directory).chmod(before[directory][0] & 0o7777)
    error, _ = refusal(answer)
    assert answer.code == INTERNAL
    assert error == f"{directory}: permission denied"
    assert shell.tree() == before


def test_an_unreadable_key(shell):
    (shell / "secrets/keys/master.key").chmod(0)
    answer = bound_by_modes(shell, READING["get"])
    assert refusal(answer)[0] == "secrets/keys/master.key: permission denied"
    assert answer.code == INTERNAL


def bound_by_modes(shell, command: str) -> Answer:
    """Type a command as a user whom file modes bind: root without the capabilities that pass over them."""
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=shell.path,
        env=shell.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        preexec_fn=_drop_overrides if os.geteuid() == 0 else None,
        check=False,
    )
    return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())


def _drop_overrides() -> None:
    drop_from_bounding_set, dac_override, dac_read_search = 24, 1, 2  # prctl(2), capabilities(7)
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (dac_override, dac_read_search):
        if libc.prctl(drop_from_bounding_set, capability, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "capabilities cannot be dropped here")

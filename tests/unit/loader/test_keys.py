"""Where the key comes from, in order, and that it is gone from the environment at once."""

from __future__ import annotations

import os
import subprocess
import sys
from time import monotonic

import pytest

from sealproof.errors import (
    CallerError,
    CannotOpen,
    ConfigurationError,
    FileUnavailable,
    InvalidName,
    KeyMissing,
    LimitExceeded,
    MalformedFile,
    StoreNotFound,
    UnsafeFile,
    UnsupportedFormat,
)
from sealproof.loader import keys
from sealproof.loader.context import DevelopmentSecretLoader
from sealproof.loader.environment import load_environment_secrets
from sealproof.loader.files import open_root
from sealproof.loader.keys import find_keys, forget_keys, key_was_handed_over, passphrase, take_keys


@pytest.fixture
def text(key_file) -> str:
    return key_file.read_text().removesuffix("\n")


@pytest.fixture
def other(template) -> str:
    return (template / "hosts" / "globex.development.key").read_text().removesuffix("\n")


def tenants(root=None) -> set[str]:
    """Return whose keys were found."""
    return {line.tenant for line in find_keys(root, "acme", "development")}


def pipe(text: str) -> str:
    reading, writing = os.pipe()
    os.write(writing, text.encode())
    os.close(writing)
    return str(reading)


# --- the order


def test_places_in_order(tmp_path, monkeypatch, text, key_file, store):
    """Each place holds another tenant's key, so that the winner names itself."""
    sources = ["fd", "credential", "file", "variable"]
    stated = {name: text.replace('"tenant":"acme"', f'"tenant":"{name}"') for name in sources}
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "sealproof.key").write_text(stated["credential"] + "\n")
    key_file.write_text(stated["file"] + "\n")

    with open_root(str(store)) as root:
        for number, first in enumerate(sources):
            forget_keys()
            for name in ("CREDENTIALS_DIRECTORY", "SEALPROOF_KEY_FILE"):
                monkeypatch.delenv(name, raising=False)
            here = sources[number:]
            if "fd" in here:
                monkeypatch.setenv("SEALPROOF_KEY_FD", pipe(stated["fd"] + "\n"))
            if "credential" in here:
                monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
            if "file" in here:
                monkeypatch.setenv("SEALPROOF_KEY_FILE", str(key_file))
            monkeypatch.setenv("SEALPROOF_KEY", stated["variable"])
            assert tenants(root) == {first}
            assert key_was_handed_over()
        forget_keys()
        assert tenants(root) == {"acme"}  # last, the store's own
        assert not key_was_handed_over()


def test_a_handed_over_key_that_does_not_fit_is_no_reason_to_try_the_next(store, other, monkeypatch):
    monkeypatch.setenv("SEALPROOF_KEY", other)
    with pytest.raises(CannotOpen):
        load_environment_secrets("acme", root=store)


def test_no_key_anywhere_lists_what_was_tried(host, monkeypatch):
    monkeypatch.delenv("SEALPROOF_KEY_FILE")
    with pytest.raises(KeyMissing) as refused:
        load_environment_secrets("acme", root=host)
    for place in ("descriptor", "systemd", "SEALPROOF_KEY_FILE", "SEALPROOF_KEY", "keys/"):
        assert place in refused.value.message
    assert "SEALPROOF_KEY_FILE" in refused.value.hint


# --- gone at once


@pytest.mark.parametrize("name", ["SEALPROOF_KEY", "MASTER_SECRET_KEY"])
def test_a_key_by_variable_leaves_the_environment_and_its_children(name, monkeypatch):
    monkeypatch.setenv(name, "whatever it is")
    take_keys()
    assert name not in os.environ
    child = subprocess.run(["env"], capture_output=True, text=True, check=True).stdout
    assert "whatever it is" not in child


@pytest.mark.parametrize(
    ("tenant", "root", "error"),
    [(None, None, CallerError), ("../acme", None, InvalidName), ("acme", "/nowhere", StoreNotFound)],
)
def test_it_is_gone_even_when_the_load_fails_at_its_first_step(tenant, root, error, monkeypatch, text):
    for load in (
        lambda: load_environment_secrets(tenant, root=root),
        lambda: DevelopmentSecretLoader(tenant or "acme", root=root or "/nowhere").secure_context().__enter__(),
    ):
        monkeypatch.setenv("SEALPROOF_KEY", text)
        monkeypatch.setenv("MASTER_SECRET_KEY", "a passphrase")
        with pytest.raises((error, StoreNotFound)):
            load()
        if "SEALPROOF_KEY" in os.environ:
            # A loader that cannot be made has not been asked to load yet.
            assert tenant == "../acme"
            monkeypatch.delenv("SEALPROOF_KEY")
            monkeypatch.delenv("MASTER_SECRET_KEY")
        assert "MASTER_SECRET_KEY" not in os.environ


def test_a_second_load_works_with_the_key_that_was_taken(host, text, monkeypatch):
    monkeypatch.delenv("SEALPROOF_KEY_FILE")
    monkeypatch.setenv("SEALPROOF_KEY", text)
    load_environment_secrets("acme", root=host)
    assert load_environment_secrets("acme", root=host, override=True).names
    forget_keys()
    with pytest.raises(KeyMissing):
        load_environment_secrets("acme", root=host)


def test_the_descriptor_is_closed_and_its_variable_gone(host, text, monkeypatch):
    monkeypatch.delenv("SEALPROOF_KEY_FILE")
    number = pipe(text + "\n")
    monkeypatch.setenv("SEALPROOF_KEY_FD", number)
    load_environment_secrets("acme", root=host)
    assert "SEALPROOF_KEY_FD" not in os.environ
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(int(number))
    assert load_environment_secrets("acme", root=host).generation == 1


# --- descriptors that are none


@pytest.mark.parametrize("number", ["", "-1", "three", "3.0", "٣", " 3", "9" * 20, "0x3"])
def test_a_descriptor_that_is_no_number(number, monkeypatch):
    monkeypatch.setenv("SEALPROOF_KEY_FD", number)
    with pytest.raises(ConfigurationError, match="SEALPROOF_KEY_FD is no descriptor") as refused:
        take_keys()
    assert refused.value.hint.startswith("SEALPROOF_KEY_FD=3")


def test_a_descriptor_that_is_not_open(monkeypatch):
    monkeypatch.setenv("SEALPROOF_KEY_FD", "999999999")
    with pytest.raises(FileUnavailable, match="SEALPROOF_KEY_FD: bad file descriptor") as refused:
        take_keys()
    assert refused.value.hint.startswith("SEALPROOF_KEY_FD=3")


# --- systemd


@pytest.fixture
def credentials(tmp_path, monkeypatch):
    directory = tmp_path / "credentials"
    directory.mkdir(mode=0o500)
    directory.chmod(0o700)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(directory))
    return directory


def test_a_credential_may_show_an_access_list_as_group_bits(credentials, text, host):
    (credentials / "sealproof.key").write_text(text + "\n")
    (credentials / "sealproof.key").chmod(0o440)
    del os.environ["SEALPROOF_KEY_FILE"]
    assert load_environment_secrets("acme", root=host).generation == 1


def test_a_credentials_directory_without_ours_is_passed_over(credentials, host):
    (credentials / "other").write_text("x")
    assert load_environment_secrets("acme", root=host).generation == 1


@pytest.mark.parametrize("kind", ["link", "fifo", "directory"])
def test_an_odd_credential_is_refused_within_a_second(kind, credentials, host, key_file):
    path = credentials / "sealproof.key"
    {"link": lambda: path.symlink_to(key_file), "fifo": lambda: os.mkfifo(path), "directory": path.mkdir}[kind]()
    started = monotonic()
    with pytest.raises(UnsafeFile):
        load_environment_secrets("acme", root=host)
    assert monotonic() - started < 1


# --- key files


def test_a_key_file_that_is_named_and_not_there(host, monkeypatch):
    monkeypatch.setenv("SEALPROOF_KEY_FILE", "/nowhere/acme.key")
    with pytest.raises(KeyMissing, match=r"SEALPROOF_KEY_FILE names /nowhere/acme.key") as refused:
        load_environment_secrets("acme", root=host)
    assert refused.value.hint.startswith("sealproof key export")


def test_an_empty_key_file(host, key_file):
    key_file.write_text("")
    with pytest.raises(MalformedFile, match="is empty"):
        load_environment_secrets("acme", root=host)


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (lambda text: text[:50], MalformedFile),
        (lambda text: text.replace('"epoch":1', '"epoch":01'), MalformedFile),
        (lambda text: text.replace('"epoch":1', '"epoch":0'), MalformedFile),
        (lambda text: text + text, MalformedFile),
        (lambda text: text.replace("sealproof-key/1", "sealproof-key/2"), UnsupportedFormat),
        (lambda text: text * 65, LimitExceeded),
        (lambda _: "x" * 300_000, LimitExceeded),
        (lambda _: "\n", MalformedFile),
        (lambda _: "not a key\n", MalformedFile),
    ],
)
def test_a_broken_key_file_is_named_and_never_quoted(damage, error, host, key_file):
    text = key_file.read_text()
    secret = text.split('"key":"')[1][:20]
    key_file.write_text(damage(text))
    with pytest.raises(error) as refused:
        load_environment_secrets("acme", root=host)
    assert str(key_file) in refused.value.message
    assert refused.value.hint
    assert secret not in refused.value.message + refused.value.hint


def test_a_broken_key_by_variable_is_named_and_never_quoted(host, monkeypatch, text):
    monkeypatch.delenv("SEALPROOF_KEY_FILE")
    monkeypatch.setenv("SEALPROOF_KEY", text[:-40])
    with pytest.raises(MalformedFile) as refused:
        load_environment_secrets("acme", root=host)
    assert "SEALPROOF_KEY" in refused.value.message
    assert text[100:120] not in refused.value.message
    assert refused.value.hint


def test_an_empty_key_by_variable_is_no_key(host, monkeypatch):
    monkeypatch.delenv("SEALPROOF_KEY_FILE")
    monkeypatch.setenv("SEALPROOF_KEY", "")
    with pytest.raises(MalformedFile) as refused:
        load_environment_secrets("acme", root=host)
    assert refused.value.hint


@pytest.mark.parametrize("name", ["SEALPROOF_KEY_FILE", "CREDENTIALS_DIRECTORY"])
def test_an_empty_path_counts_as_unset(name, store, monkeypatch):
    monkeypatch.setenv(name, "")
    assert load_environment_secrets("acme", root=store).generation == 1


def test_key_files_are_refused_as_files_are(host, key_file):
    key_file.chmod(0o644)
    with pytest.raises(UnsafeFile, match="others may read it"):
        load_environment_secrets("acme", root=host)
    key_file.chmod(0o600)
    key_file.parent.chmod(0o777)
    with pytest.raises(UnsafeFile, match="directory that others may write"):
        load_environment_secrets("acme", root=host)


# --- as given


def test_bytes_that_are_no_text_stay_what_they_were():
    """A passphrase in Latin-1 made the loader fail with an error that carried it."""
    raw = b"p\xe4ssphrase-\xff-" + b"long-enough-to-be-taken"
    script = (
        "import os, sys\n"
        "from sealproof.loader.keys import passphrase\n"
        "given = passphrase()\n"
        "sys.stdout.buffer.write(given.encode(errors='surrogateescape'))\n"
        "sys.exit('MASTER_SECRET_KEY' in os.environ)\n"
    )
    for locale in ({"LC_ALL": "C.UTF-8"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}):
        environment = {b"MASTER_SECRET_KEY": raw, b"PATH": os.environb[b"PATH"]}
        environment |= {name.encode(): value.encode() for name, value in locale.items()}
        answer = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=False)
        assert (answer.returncode, answer.stdout) == (0, raw)


def test_no_passphrase_is_none():
    assert passphrase() is None


def test_what_is_held_is_forgotten(monkeypatch):
    monkeypatch.setenv("MASTER_SECRET_KEY", "a passphrase")
    assert passphrase() == "a passphrase"
    forget_keys()
    assert passphrase() is None
    assert keys._taken == {}

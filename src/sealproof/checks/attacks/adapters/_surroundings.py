"""What stands around this package's store for the attacks that look at more than files: host, objects, reports."""

from __future__ import annotations

import os
import sys
import textwrap
import time
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import sealproof
from sealproof.checks.scan.build_files import build_secrets
from sealproof.checks.specimen import write_private
from sealproof.envelope import cipher
from sealproof.envelope.grammar import encode
from sealproof.envelope.keytree import MasterFile, pbkdf2
from sealproof.loader.context import DevelopmentSecretLoader
from sealproof.loader.environment import LoadedEnvironment, load_environment_secrets, loaded_scope, restore
from sealproof.loader.secret import Secret
from sealproof.signing import verifies
from sealproof.vault.keys.keyring import Keyring

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_LOCK = RLock()
"""The environment is the process': two tenants' hosts are played one at a time."""
_ROOMS = ("envelope", "loader", "vault")
_PLUGIN = "sealproof.pytest_plugin"
_FAILING = """
    import pytest
    from sealproof.loader.secret import Secret

    VALUE = {spelled}

    @pytest.fixture
    def lent(request):
        from sealproof.pytest_plugin.watched import watch
        watch(request.node, {{"API_TOKEN": "".join(VALUE)}})
        return "".join(VALUE)

    def test_fixture(lent):
        assert lent == "expected"

    @pytest.mark.parametrize("secret", [Secret("".join(VALUE))])
    def test_parameter(secret):
        assert secret == "expected"
"""


@contextmanager
def environment(names: Mapping[str, str]) -> Iterator[None]:
    """Set some names of the environment for a block, and put them back."""
    with _LOCK:
        before = {name: os.environ.get(name) for name in names}
        os.environ.update(names)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


@contextmanager
def clock(ahead: int) -> Iterator[None]:
    """Let this process' clock be ahead for a block."""
    if not ahead:
        yield
        return
    real = time.time
    time.time = lambda: real() + ahead
    try:
        yield
    finally:
        time.time = real


def rollback_of(tenant: str, root: str) -> str:
    """Load into the environment, return what the result says about rollback, and put the environment back."""
    with loaded(tenant, root) as result:
        return result.rollback


@contextmanager
def loaded(tenant: str, root: str) -> Iterator[LoadedEnvironment]:
    """Load into the environment for a block, as if this process held no other tenant."""
    before, scope = dict(os.environ), loaded_scope()
    restore(before, [])
    try:
        yield load_environment_secrets(tenant, root=root, override=True)
    finally:
        restore(before, scope)


def master_text(cost: int, salt: bytes) -> bytes:
    """Return a passphrase master's file that states any cost and salt, which the library would not write."""
    fields = f'"kind":"passphrase","created":1,"salt":"{encode(salt)}","iterations":{cost}'
    return f'{{"format":"sealproof-master/1",{fields}}}\n'.encode()


def new_salt(directory: str, passphrase: str) -> bytes:
    """Return the salt of one more keyring of this passphrase."""
    root = os.path.join(directory, f"salted-{len(os.listdir(directory))}")
    os.mkdir(root, 0o700)
    Keyring(root).create(passphrase=passphrase)
    with open(os.path.join(root, "keys", "master.key"), "rb") as file:
        return MasterFile.parse(file.read()).salt


def primitives() -> Mapping[str, Callable[..., object]]:
    """Return this package's calls of each primitive it uses."""
    return {
        "aes-256-gcm-open": lambda key, nonce, sealed, aad: AESGCM(key).decrypt(nonce, sealed, aad),
        "hmac-sha256": cipher.mac,
        "hmac-sha256-verify": cipher.verify_mac,
        "hkdf-sha256": cipher.hkdf,
        "pbkdf2-hmac-sha256": pbkdf2,
        "ed25519-verify": verifies,
    }


def views(tenant: str, root: str) -> Iterator[object]:
    """Yield loader, context, reader, a secret in its own type, and a load's result."""
    loader = DevelopmentSecretLoader(tenant, root=root)
    context = loader.secure_context(environ=False)
    yield loader
    yield context
    with context as reader:
        yield context
        yield reader
        yield Secret(reader.get_secret("API_TOKEN"))
    with loaded(tenant, root) as result:
        yield result


def failing_calls(tenant: str, root: str) -> list[Callable[[], object]]:
    """Return calls that fail with values at hand, each in another way."""

    def closed() -> object:
        with DevelopmentSecretLoader(tenant, root=root).secure_context(environ=False) as reader:
            pass
        return reader.get_secret("API_TOKEN")

    def unknown() -> object:
        with DevelopmentSecretLoader(tenant, root=root).secure_context(environ=False) as reader:
            return reader.get_secret("MISSING")

    def another() -> object:
        scope = loaded_scope()
        restore(dict(os.environ), [("somebody", "development")])
        try:
            return load_environment_secrets(tenant, root=root)
        finally:
            restore(dict(os.environ), scope)

    return [
        lambda: load_environment_secrets(tenant, root=root, required=("MISSING",)),
        lambda: load_environment_secrets(tenant, root=root, required=os.path.join(root, "no-such-file")),
        lambda: load_environment_secrets(tenant, root=root, environment="production"),
        closed,
        unknown,
        another,
    ]


def failing_test(directory: str, canary: str) -> list[str]:
    """Write a test module that was lent a value and fails, and return the command that runs it."""
    path = os.path.join(directory, "test_lent.py")
    spelled = repr(tuple(canary))  # letter by letter: the value as it is must not stand in a file
    write_private(path, textwrap.dedent(_FAILING).format(spelled=spelled).encode())
    options = ["--showlocals", "--tb=long", "-rA", "-v", "-o", "junit_logging=all", "-p", "no:cacheprovider"]
    boot = f"import sys; sys.path[:] = {sys.path!r}; import pytest; sys.exit(pytest.main(sys.argv[1:]))"
    return [sys.executable, "-I", "-B", "-c", boot, *options, f"--rootdir={directory}", path]


def reports(directory: str, root: str, planted: str) -> list[bytes]:
    """Leave a value in the source and beside the sealed file, run the gate, and return its report in every format."""
    from sealproof.checks.gate import Gate, run_gate  # noqa: PLC0415 - the gate imports the checks, and they this
    from sealproof.checks.runner import Selection  # noqa: PLC0415 - as above
    from sealproof.compliance import catalogue  # noqa: PLC0415 - only for reports
    from sealproof.reports.formats import render_all  # noqa: PLC0415 - only for reports

    source = os.path.join(directory, "source")
    os.mkdir(source)
    tenant = os.path.join(root, "tenants", "alpha")
    write_private(os.path.join(tenant, ".env"), f"API_TOKEN={planted}\n".encode())
    token = f"glpat-{planted[-20:]}"
    write_private(os.path.join(source, "settings.py"), f'API_TOKEN = "{planted}"\nOTHER = "{token}"\n'.encode())
    try:
        run = run_gate(Gate(root=root, source=source, selection=Selection(checks=("SEC-001", "SEC-012"))))
    finally:
        os.unlink(os.path.join(tenant, ".env"))
        os.unlink(os.path.join(source, "settings.py"))
        os.rmdir(source)
    return list(render_all(run, catalogue.load(), signer="").values())


def sources() -> Iterable[str]:
    """Return the modules of the rooms that handle keys, and `signing`."""
    package = os.path.dirname(os.path.abspath(sealproof.__file__))
    yield os.path.join(package, "signing.py")
    for room in _ROOMS:
        for folder, _, names in os.walk(os.path.join(package, room)):
            yield from (os.path.join(folder, name) for name in names if name.endswith(".py"))


def scan(directory: str) -> Iterable[str]:
    """Return the names of build files in which SEC-012's look at them finds something."""
    for folder, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                if build_secrets(os.path.relpath(path, directory), file.read()):
                    yield name

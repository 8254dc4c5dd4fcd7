"""The local service: own values, typed refusals, kept connections, loopback only, a bounded life."""

from __future__ import annotations

import http.client
import json
import os
import select
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest

import sealproof
from sealproof.checks.scratch import leaks
from sealproof.errors import FileUnavailable, KeyMissing, SealproofError
from sealproof.loadtests import service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.scratch import ScratchStore


@contextmanager
def serving(read: service.Reader) -> Iterator[http.client.HTTPConnection]:
    with service.Service(read) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        connection = http.client.HTTPConnection(service.HOST, server.server_port, timeout=10)
        try:
            yield connection
        finally:
            connection.close()
            server.shutdown()
            thread.join()


@contextmanager
def started(root: str, *words: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.path.dirname(os.path.dirname(sealproof.__file__))}
    argv = [sys.executable, "-m", "sealproof.loadtests.service", "--root", root, *words]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        try:
            assert process.stdout is not None
            assert select.select([process.stdout], [], [], 20)[0], "it names its port in time"
            yield process, json.loads(process.stdout.readline())["port"]
        finally:
            process.kill()


def test_each_tenant_gets_its_own_value_on_one_connection(scratch: ScratchStore) -> None:
    with serving(service.sealed_reader(scratch.root)) as connection:
        connection.connect()
        socket = connection.sock
        for tenant, values in scratch.canaries.items():
            for name, value in values.items():
                connection.request("GET", f"/tenants/{tenant}/secrets/{name}")
                response = connection.getresponse()
                assert json.loads(response.read()) == {"tenant": tenant, "name": name, "value": value}
                assert response.headers["Cache-Control"] == "no-store"
        assert connection.sock is socket, "the connection was kept"


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/tenants/nobody/secrets/DB_PASSWORD", 404, "UnknownTenant"),
        ("/tenants/scratch-a/secrets/NOTHING", 404, "UnknownSecret"),
        ("/tenants/../secrets/DB_PASSWORD", 400, "InvalidName"),
        ("/tenants/%2e%2e/secrets/DB_PASSWORD", 400, "InvalidName"),
        ("/tenants/SCRATCH-A/secrets/DB_PASSWORD", 400, "InvalidName"),
        ("/tenants//secrets/DB_PASSWORD", 400, "InvalidName"),
        ("/tenants/scratch-a/secrets/DB_PASSWORD/", 404, "NoSuchPath"),
        ("/tenants/scratch-a/names/DB_PASSWORD", 404, "NoSuchPath"),
        ("/", 404, "NoSuchPath"),
    ],
)
def test_a_refusal_is_typed_and_says_nothing_else(scratch: ScratchStore, path: str, status: int, error: str) -> None:
    with serving(service.sealed_reader(scratch.root)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())) == (status, {"error": error})


def test_a_tampered_file_is_refused(scratch: ScratchStore) -> None:
    scratch.write("scratch-a", scratch.read("scratch-b"))
    read = service.sealed_reader(scratch.root)
    status, said = service.answer("/tenants/scratch-a/secrets/DB_PASSWORD", read)
    assert (status, said) == (HTTPStatus.UNPROCESSABLE_ENTITY, {"error": "CannotOpen"})
    assert service.answer("/tenants/scratch-b/secrets/DB_PASSWORD", read)[0] is HTTPStatus.OK


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (KeyMissing("no key"), HTTPStatus.FORBIDDEN),
        (FileUnavailable("no disk"), HTTPStatus.SERVICE_UNAVAILABLE),
        (SealproofError("neither"), HTTPStatus.INTERNAL_SERVER_ERROR),
    ],
)
def test_who_must_act_decides_the_status(error: SealproofError, status: HTTPStatus) -> None:
    def read(tenant: str, name: str) -> str:
        raise error

    assert service.answer("/tenants/a/secrets/B", read) == (status, {"error": type(error).__name__})


def test_an_unforeseen_error_quotes_no_value(capsys: pytest.CaptureFixture[str]) -> None:
    def read(tenant: str, name: str) -> str:
        raise ZeroDivisionError("canary-1234")

    with serving(read) as connection:
        connection.request("GET", "/tenants/a/secrets/B")
        with pytest.raises(http.client.RemoteDisconnected):
            connection.getresponse()
    assert capsys.readouterr().err == "connection ended by ZeroDivisionError\n"


def test_it_listens_on_loopback_only(scratch: ScratchStore) -> None:
    with service.Service(service.sealed_reader(scratch.root)) as server:
        assert server.socket.getsockname()[0] == "127.0.0.1"


def test_it_ends_when_its_standard_input_does(scratch: ScratchStore) -> None:
    with started(scratch.root) as (process, port):
        connection = http.client.HTTPConnection(service.HOST, port, timeout=10)
        connection.request("GET", "/tenants/scratch-a/secrets/DB_PASSWORD")
        assert json.loads(connection.getresponse().read())["value"] == scratch.canaries["scratch-a"]["DB_PASSWORD"]
        connection.close()
        output, _ = process.communicate(b"anything that is said is ignored", timeout=20)
        assert process.returncode == 0
        assert not leaks(output, scratch.all_canaries())


def test_it_ends_when_its_time_is_over(scratch: ScratchStore) -> None:
    begun = time.monotonic()
    with started(scratch.root, "--seconds", "0.5") as (process, _):
        assert process.wait(20) == 0
    assert time.monotonic() - begun >= 0.5


def test_only_locust_s_own_process_imports_locust() -> None:
    modules = "sealproof.loadtests.service, sealproof.loadtests.tally, sealproof.checks.load.service_level"
    text = f"import sys, {modules}; print(*sorted({{'locust', 'gevent', 'requests'}} & sys.modules.keys()))"
    answer = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert answer.stdout == "\n"

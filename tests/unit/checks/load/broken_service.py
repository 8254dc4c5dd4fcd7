"""The local service with one fault, to prove that the load checks can fail: `broken_service.py FAULT …`."""

from __future__ import annotations

import itertools
import os
import sys
import time
from typing import TYPE_CHECKING

from sealproof.errors import CannotOpen
from sealproof.loadtests import service

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealproof.loadtests.service import Reader


def mixes_tenants(read: Reader) -> Reader:
    """Keeps the tenant of the request in a place that all threads share."""
    request: dict[str, str] = {}

    def wrapped(tenant: str, name: str) -> str:
        request["tenant"] = tenant
        time.sleep(0.002)
        return read(request["tenant"], name)

    return wrapped


def answers_empty(read: Reader) -> Reader:
    """Loses every tenth value."""
    numbers = itertools.count()
    return lambda tenant, name: read(tenant, name) if next(numbers) % 10 else ""


def is_slow(read: Reader) -> Reader:
    """Takes 300 ms an answer."""

    def wrapped(tenant: str, name: str) -> str:
        time.sleep(0.3)
        return read(tenant, name)

    return wrapped


def refuses_some(read: Reader) -> Reader:
    """Refuses every tenth request."""
    numbers = itertools.count()

    def wrapped(tenant: str, name: str) -> str:
        if next(numbers) % 10 == 0:
            message = f"{tenant} does not open"
            raise CannotOpen(message)
        return read(tenant, name)

    return wrapped


def refuses_one_tenant(read: Reader) -> Reader:
    """Refuses every request for one tenant."""

    def wrapped(tenant: str, name: str) -> str:
        if tenant == "scratch-c":
            message = f"{tenant} does not open"
            raise CannotOpen(message)
        return read(tenant, name)

    return wrapped


def dies(read: Reader) -> Reader:
    """Ends in the middle of the run, and quotes a value on the way."""
    numbers = itertools.count()

    def wrapped(tenant: str, name: str) -> str:
        value = read(tenant, name)
        if next(numbers) == 50:
            sys.stderr.write(f"out of luck\nlast value {value}\n")
            sys.stderr.flush()
            os._exit(7)
        return value

    return wrapped


FAULTS: dict[str, Callable[[Reader], Reader]] = {
    fault.__name__: fault for fault in (mixes_tenants, answers_empty, is_slow, refuses_some, refuses_one_tenant, dies)
}

if __name__ == "__main__":
    chosen = service.options(sys.argv[2:])
    read = FAULTS[sys.argv[1]](service.sealed_reader(chosen.root))
    service.serve(read, port=chosen.port, seconds=chosen.seconds)

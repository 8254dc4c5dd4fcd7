"""The audit trail: durable records a second, verified records a second, and OpenBao's audited reads in the same run.

python benchmarks/audit.py [--directory DIR] [--records 200000] [--seconds 4] [--without-openbao]

OpenBao (KV v2 in memory, file audit device) is measured by what its clients get: reads a second, each audited, over
kept-open loopback connections. It does not flush its audit file to the disk a record; we do, each batch. It has nothing
that verifies an audit file, so the verify rate stands alone.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

import openbao

from sealproof.vault.audit.group import GroupCommit
from sealproof.vault.audit.home import pinned_key
from sealproof.vault.audit.interface import AuditRecord, Established, Outcome
from sealproof.vault.audit.log import AuditLog
from sealproof.vault.audit.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable

TASKS = 64


def main() -> None:
    """Measure, and print rates and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--directory", default=None, help="a disk to measure on (default: the temporary directory)")
    parser.add_argument("--records", type=int, default=200_000, help="in the log that is verified")
    parser.add_argument("--seconds", type=float, default=4.0, help="a measurement of writing or reading")
    parser.add_argument("--without-openbao", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.directory) as directory:
        root = Path(directory) / "secrets"
        (root / "keys").mkdir(mode=0o700, parents=True)
        writing = _writing(str(root), chosen.seconds)
        _verifying(str(root), chosen.records)
        if not chosen.without_openbao:
            _compared(writing, chosen.seconds)


def _writing(root: str, seconds: float) -> dict[str, float]:
    print("durable records a second (an fdatasync a batch)")
    rates = {}
    for name, size in (("batches of 1", 1), ("batches of 64", 64)):
        with AuditLog(root, f"write-{size}") as log:
            rates[name] = _rate(lambda log=log, size=size: log.append(_batch(size)).records, seconds)  # type: ignore[misc]
    with AuditLog(root, "tasks") as log, GroupCommit(log) as group:
        rates[f"{TASKS} tasks"] = asyncio.run(_tasks(group, seconds))
    for name, rate in rates.items():
        print(f"  {name:28} {rate:10,.0f}")
    print(f"  (one append and fdatasync of 600 bytes takes {1e6 / _rate(_flush(root), seconds / 2):,.0f} µs here)")
    return rates


def _flush(root: str) -> Callable[[], int]:
    fd = os.open(f"{root}/plain", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def step() -> int:
        os.write(fd, b"x" * 600)
        os.fdatasync(fd)
        return 1

    return step


def _verifying(root: str, records: int) -> None:
    print("verified records a second (every link, sequence, tree leaf, time)")
    first = 0.0
    for size, every in ((64, False), (64, True), (1, False), (1, True)):
        count = records if size > 1 else records // 10
        tenant = f"verify-{size}"
        if not every:
            with AuditLog(root, tenant) as log:
                for _ in range(count // size):
                    log.append(_batch(size))
        pinned = pinned_key(root, tenant)
        started = time.perf_counter()
        verified = verify(root, tenant, pinned, every_signature=every)
        rate = verified.size / (time.perf_counter() - started)
        first = first or rate
        what = "all signatures" if every else "newest signature an epoch"
        name = f"batches of {size}, {what}"
        print(f"  {name:42} {rate:10,.0f}  {rate / first:5.2f} of the first  ({verified.signatures} signatures)")


def _compared(writing: dict[str, float], seconds: float) -> None:
    import hvac  # noqa: PLC0415 - only where the comparison is wanted

    with openbao.running() as (address, audit):
        hvac.Client(address, token=openbao.TOKEN).secrets.kv.v2.create_or_update_secret(
            "bench", {"value": "fjord-anvil"}
        )
        before = audit.read_bytes().count(b"\n")
        alone = _reads_a_second(address, 1, seconds)
        together = _reads_a_second(address, TASKS, seconds)
        lines = audit.read_bytes().count(b"\n") - before
    print(f"OpenBao, KV v2, file audit device: audited reads a second ({lines:,} audit lines written)")
    print(f"  {'1 client':28} {alone:10,.0f}")
    print(f"  {f'{TASKS} clients':28} {together:10,.0f}")
    print("ours to OpenBao's")
    print(f"  one after the other          {writing['batches of 1'] / alone:10.1f} times")
    print(f"  {TASKS} at once                   {writing[f'{TASKS} tasks'] / together:10.1f} times")


def _reads_a_second(address: str, clients: int, seconds: float) -> float:
    """Return reads a second by threads that each keep a connection open: the cheapest client that Python has."""
    counts, end = [0] * clients, time.perf_counter() + seconds

    def read(number: int) -> None:
        connection = HTTPConnection(address.removeprefix("http://"))
        while time.perf_counter() < end:
            connection.request("GET", "/v1/secret/data/bench", headers={"X-Vault-Token": openbao.TOKEN})
            answer = connection.getresponse()
            if b"anvil" not in answer.read():
                message = f"OpenBao answered {answer.status}"
                raise RuntimeError(message)
            counts[number] += 1
        connection.close()

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(read, range(clients)))
    return sum(counts) / (time.perf_counter() - started)


async def _tasks(group: GroupCommit, seconds: float) -> float:
    end = time.perf_counter() + seconds
    counts = [0] * TASKS

    async def read(number: int) -> None:
        while time.perf_counter() < end:
            counts[number] += (await group.recorded(_batch(1))).records

    started = time.perf_counter()
    await asyncio.gather(*(read(number) for number in range(TASKS)))
    return sum(counts) / (time.perf_counter() - started)


def _rate(step: Callable[[], int], seconds: float) -> float:
    done, started = 0, time.perf_counter()
    while (spent := time.perf_counter() - started) < seconds:
        done += step()
    return done / spent


def _batch(size: int) -> list[AuditRecord]:
    return [
        AuditRecord(
            "user:alice",
            Established.UID,
            "read",
            Outcome.ALLOW,
            "production",
            "DB_PASSWORD",
            3,
            os.urandom(8).hex(),
            {"micros": 17},
        )
        for _ in range(size)
    ]


if __name__ == "__main__":
    main()

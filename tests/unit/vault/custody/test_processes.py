"""Several processes on one tenant: no write is lost, the chain is whole. `make custody` runs it in its full size."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

from sealproof.settings import Settings
from sealproof.vault.audit.home import pinned_key
from sealproof.vault.audit.verify import verify
from sealproof.vault.custody import AdvancedSecretManager

PROCESSES = 8
WRITES = int(os.environ.get("CUSTODY_WRITES", "8"))  # each; 200 in its full size
WRITER = """
import asyncio, sys
from sealproof.settings import Settings
from sealproof.vault.custody import AdvancedSecretManager

async def main(root, worker, writes):
    async with AdvancedSecretManager("acme", root=root, settings=Settings()) as manager:
        for number in range(int(writes)):
            await manager.set_secret(f"W{worker}_N{number}", f"value {number} of {worker}")

asyncio.run(main(*sys.argv[1:]))
"""

FORKED = """
import os, sys
from sealproof.settings import Settings
from sealproof.vault.access import Operation
from sealproof.vault.custody import AdvancedSecretManager

calls = AdvancedSecretManager("acme", root=sys.argv[1], settings=Settings())._calls
child = os.fork()
os.write(1, calls.begin(Operation.READ, "A").id.encode() + bytes([10]))  # at once: the two share the pipe
if child:
    os.waitpid(child, 0)
"""


def test_both_sides_of_a_fork_name_their_calls_differently(root):
    done = subprocess.run([sys.executable, "-c", FORKED, root], check=True, capture_output=True, text=True)
    assert len(set(done.stdout.split())) == 2


def test_eight_processes_lose_no_write_and_no_record(root, log_of):
    before = len(log_of(root))
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, root, str(worker), str(WRITES)]) for worker in range(PROCESSES)
    ]
    assert [writer.wait() for writer in writers] == [0] * PROCESSES

    async def read() -> dict[str, str]:
        async with AdvancedSecretManager("acme", root=root, settings=Settings()) as manager:
            return {name: await manager.get_secret(name) for name in await manager.list_secrets()}

    expected = {f"W{w}_N{n}": f"value {n} of {w}" for w in range(PROCESSES) for n in range(WRITES)}
    assert asyncio.run(read()) == expected | {"DB_PASSWORD": "first-value-of-it"}
    words = [record[0] for record in log_of(root)[before:]]
    assert words.count("write.intent") == words.count("write") == PROCESSES * WRITES
    assert verify(root, "acme", pinned_key(root, "acme"), every_signature=True).size >= 2 * PROCESSES * WRITES

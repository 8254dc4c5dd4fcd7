"""Run an operation on copies of a store, once for each named point it passes, and kill it there.

    python crashing.py SCENARIO TEMPLATE OUT [PICK]

makes OUT/0, OUT/1, … from TEMPLATE and kills a process of its own in each: at its first point, its
second, and so on, until one comes through. With PICK (a number) only one copy is made, and the process is
killed at the point that PICK chooses. Prints the points as JSON, in their order.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import sys
import traceback

from sealproof.envelope import cipher
from sealproof.vault.backup.create import create
from sealproof.vault.backup.header import Identity, Recipients
from sealproof.vault.backup.rebuild import rebuild
from sealproof.vault.backup.restore import Restore
from sealproof.vault.custodian import Custodian
from sealproof.vault.keys.epochs import Epochs
from sealproof.vault.keys.erasure import Erasure
from sealproof.vault.keys.life import KeyLife
from sealproof.vault.keys.master import MasterRotation
from sealproof.vault.keys.signers import Signers

PASSPHRASE = "nine-lanterns-drift-past-the-quiet-harbour-42"


PRIVATE = bytes(range(32))
IDENTITY = Identity((PRIVATE,))
OFFLINE = Recipients((cipher.reader_public(PRIVATE),))


def beside(custodian):
    return os.path.dirname(custodian.store.root)


def resume(custodian):
    life = KeyLife(custodian, subject="user:tester")
    for operation in life.unfinished():
        life.resume(operation)


SCENARIOS = {
    "rotate": lambda custodian: Epochs(custodian).rotate("acme", "production"),
    "destroy": lambda custodian: Epochs(custodian).destroy("acme", "production"),
    "master": lambda custodian: MasterRotation(custodian.keyring).rotate(),
    "passphrase": lambda custodian: MasterRotation(custodian.keyring).rotate(passphrase=PASSPHRASE),
    "roll-report": lambda custodian: Signers(custodian).roll("report"),
    "roll-journal": lambda custodian: Signers(custodian).roll("journal"),
    "roll-policy": lambda custodian: Signers(custodian).roll("policy"),
    "roll-writer": lambda custodian: Signers(custodian).roll("writer"),
    "finish-writer": lambda custodian: Signers(custodian).finish("writer"),
    "erase": lambda custodian: Erasure(custodian, subject="user:tester").erase("acme", reason="contract ended"),
    "save": lambda custodian: custodian.seal("acme", "production", {"DB_PASSWORD": b"a-new-value-8812"}),
    "resume": resume,
    "backup": lambda custodian: create(custodian, "acme", OFFLINE, directory=beside(custodian), name="new.spbak"),
    "restore": lambda custodian: Restore(custodian).restore(f"{beside(custodian)}/store.spbak", IDENTITY, older=True),
    "rebuild": lambda custodian: rebuild(
        f"{beside(custodian)}/store.spbak",
        IDENTITY,
        f"{beside(custodian)}/rebuilt",
        clock=custodian.keyring.clock,
        reached=custodian.keyring.journal.reached,
    ),
}
IN_PLACE = ("backup", "restore", "rebuild")
"""Scenarios whose template is a directory with the store in it, and its backups beside."""


class Count:
    def __init__(self, last):
        self.points = []
        self.last = last

    def __call__(self, point):
        self.points.append(point)
        if len(self.points) == self.last + 1:
            os.kill(os.getpid(), signal.SIGKILL)


def run(scenario, root, last):
    """Return the points that a process of its own passed, or None if it was killed at point `last`."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        root = f"{root}/secrets" if scenario in IN_PLACE else root
        try:
            reached = Count(last)
            SCENARIOS[scenario](Custodian(root, reached=reached))
            os.write(writer, json.dumps(reached.points).encode())
        except BaseException:  # noqa: BLE001 - a fork must not go on as its parent
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return None
    if status:
        sys.exit(f"{scenario} failed at {last}")
    return json.loads(told)


def main(scenario, template, out, pick=""):
    os.makedirs(out, exist_ok=True)
    for number in itertools.count():
        copy = f"{out}/{number}"
        shutil.copytree(template, copy)
        points = run(scenario, copy, number if not pick else 1_000_000)
        if points is None:
            continue
        shutil.rmtree(copy)
        if pick and points:
            shutil.copytree(template, copy)
            run(scenario, copy, int(pick) % len(points))
        elif pick:
            shutil.copytree(template, copy)
        sys.stdout.write(json.dumps(points))
        return


if __name__ == "__main__":
    main(*sys.argv[1:])

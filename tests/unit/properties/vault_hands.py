"""The hands of the vault's state machine: each deed that it knows, done here or by a process that is killed at it.

    python vault_hands.py

takes `{"directory": …, "deed": …, "arguments": {…}, "point": …}`, a line each. A fork does the deed, and SIGKILL ends
it before or after one of its file operations, the `point`-th. Answers, a line each, `killed`, `done`, or the class of
the error by which the deed was refused.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time

from sealproof.checks.attacks._operations import watched
from sealproof.envelope import cipher
from sealproof.errors import SealproofError, TargetRefused
from sealproof.loader.files import open_root
from sealproof.rotation.custody import AdvancedSecretManager
from sealproof.rotation.engine import KIND as CREDENTIAL
from sealproof.rotation.generators import Token
from sealproof.rotation.plan import Plan
from sealproof.rotation.targets.api_keys import CallableTarget
from sealproof.settings import Settings
from sealproof.vault.access import Conditions, Operation, Request, Rule
from sealproof.vault.access.changes import granted, revoked
from sealproof.vault.access.editor import PolicyEditor
from sealproof.vault.backup.create import create
from sealproof.vault.backup.header import Identity, Recipients
from sealproof.vault.backup.restore import RESTORE, Restore
from sealproof.vault.keys.epochs import Epochs
from sealproof.vault.keys.life import KeyLife

TENANT, ENVIRONMENT, ALICE = "acme", "development", "alice"
OFFLINE = bytes(range(32))
MANY = Settings(max_access_attempts=100_000)  # alice is refused often here, and not what is looked at
SAVED = "backups"


class Service:
    """What the credentials open: it accepts some values for each name, and keeps them in a file."""

    def __init__(self, directory):
        self._directory = directory

    def accepted(self, name):
        return set(self._all().get(name, ()))

    def accept_only(self, name, value):
        self._keep(name, {value})

    def target(self, name):
        return CallableTarget(
            name=f"the service that {name} opens",
            is_effective=lambda value: value.reveal() in self.accepted(name),
            set=lambda value: self._keep(name, self.accepted(name) | {value.reveal()}),
            test=lambda value: self._use(name, value.reveal()),
            revoke=lambda value: self._keep(name, self.accepted(name) - {value.reveal()}),
        )

    def _use(self, name, value):
        if value not in self.accepted(name):
            raise TargetRefused("the service refused it")

    def _all(self):
        with open_root(self._directory) as directory:
            data = directory.read("service.json", limit=1 << 20, private=False)
        return json.loads(data) if data else {}

    def _keep(self, name, values):
        data = json.dumps(self._all() | {name: sorted(values)}).encode()
        with open_root(self._directory) as directory:
            directory.replace("service.json", data)


class Hands:
    """One process at one store, `secrets/` in a directory, as its owner or as another subject."""

    def __init__(self, directory, *, subject=None):
        self.root = f"{directory}/secrets"
        self.shelf = f"{directory}/{SAVED}"
        self.manager = AdvancedSecretManager(TENANT, root=self.root, settings=MANY, subject=subject)
        self.custodian = self.manager.custodian
        self.service = Service(directory)
        self._loop = asyncio.new_event_loop()

    def close(self):
        self.manager.close()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    # Deeds.

    def read(self, name):
        return self._run(self.manager.get_secret(name))

    def write(self, name, value):
        self._run(self.manager.set_secret(name, value))

    def delete(self, name):
        self._run(self.manager.delete_secret(name))

    def names(self):
        return self._run(self.manager.list_secrets())

    def rotate(self, name, strategy=None):
        plan = Plan(self.service.target(name), Token(), grace_s=0.0, soak_s=0.0, patience_s=0.0, poll_s=0.01)
        return self._run(self.manager.rotate_secret(name, strategy=strategy, plan=plan))

    def new_keys(self):
        self.custodian.rotate_epoch(TENANT, ENVIRONMENT)

    def destroy_keys(self):
        return Epochs(self.custodian).destroy(TENANT, ENVIRONMENT, despite_grace=True)

    def back_up(self, name):
        public = cipher.reader_public(OFFLINE)
        create(self.custodian, TENANT, Recipients((public,)), directory=self.shelf, name=name)

    def bring_back(self, name, older):
        Restore(self.custodian).restore(f"{self.shelf}/{name}", Identity((OFFLINE,)), older=older)

    def grant(self, operation, pattern, allows):
        def rule(rule_id):
            about = (ALICE, TENANT, "*", pattern, (Operation(operation),))
            return Rule(rule_id, allows, *about, Conditions(), 0, self.manager.subject.name)

        self._edit("grant", lambda base: granted(base, rule, now=int(time.time()))[0])

    def revoke(self, rule_id):
        self._edit("revoke", lambda base: revoked(base, [rule_id], now=int(time.time())))

    # What a person does after a crash, and what there is to see.

    def recover(self):
        """Finish what a killed process left, and return the credential that had to be rotated to its end."""
        life = KeyLife(self.custodian, subject="user:tester")
        for operation in life.unfinished():
            if not life.waits_for(operation):
                life.resume(operation)
        journal = self.custodian.keyring.journal
        for operation in journal.unfinished(RESTORE):
            names = [name for name in os.listdir(self.shelf) if name.endswith(".spbak")]
            self.bring_back(next(name for name in names if self._is(name, operation.text("container"))), older=True)
        rotated = [operation.scope.rpartition("/")[2] for operation in journal.unfinished(CREDENTIAL)]
        for name in rotated:
            self.rotate(name)
        return rotated

    def may(self, operation, name):
        asked = Request(self.manager.subject, TENANT, ENVIRONMENT, name, Operation(operation))
        return self.manager.access.allows(asked)

    def rules(self):
        return {rule.id for rule in self.manager.access.file.load().policy.rules}

    def envelope(self):
        return self.custodian.open(TENANT, ENVIRONMENT).envelope

    def _is(self, name, identifier):
        with open(f"{self.shelf}/{name}", "rb") as file:
            return identifier.encode() in file.read(4096)

    def _edit(self, word, make):
        editor = PolicyEditor(self.manager.access, self.manager.subject)
        editor.change(word, (TENANT,), make, self.custodian.keyring.signing_key("policy"))

    def _run(self, work):
        return self._loop.run_until_complete(work)


def attempt(directory, deed, arguments, point):
    """Do a deed in a fork, and say how it ended."""
    child = os.fork()
    if child == 0:
        _do(directory, deed, arguments, point)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "killed"
    with open(f"{directory}/said", encoding="ascii") as file:
        return file.read()


def _do(directory, deed, arguments, point):
    """Be the fork: never come back."""
    passed = 0
    said = "broken"

    def count(_operation, _done):
        nonlocal passed
        passed += 1
        if passed == point:
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        hands = Hands(directory)
        with watched(count):
            getattr(hands, deed)(**arguments)
        said = "done"
    except SealproofError as exc:
        said = type(exc).__name__
    finally:
        with open(f"{directory}/said", "w", encoding="ascii") as file:
            file.write(said)
        os._exit(0)


def main():
    for line in sys.stdin:
        sys.stdout.write(f"{attempt(**json.loads(line))}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

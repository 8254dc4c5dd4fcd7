"""The manager against a model: whatever is set, deleted, granted, revoked, crashed and reopened, both agree."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sealproof.errors import AccessDenied, UnknownSecret, UnknownTenant
from sealproof.settings import Settings
from sealproof.vault.access import Conditions, Operation, Rule, Subject
from sealproof.vault.access.changes import granted, revoked
from sealproof.vault.access.rules import matches
from sealproof.vault.audit.home import pinned_key
from sealproof.vault.audit.interface import Established
from sealproof.vault.audit.verify import verify
from sealproof.vault.custody import AdvancedSecretManager

NAMES = ("DB_URL", "DB_PASSWORD", "API_TOKEN")
PATTERNS = (*NAMES, "DB_*", "*")
ALICE = Subject("alice", Established.UID, "uid:1001")
BUSY = """
import asyncio, sys
from sealproof.settings import Settings
from sealproof.vault.custody import AdvancedSecretManager

async def main(root, name, value):
    manager = AdvancedSecretManager("acme", root=root, settings=Settings())
    print("ready", flush=True)
    while True:
        await manager.set_secret(name, value)
        await manager.set_secret(name, value + "-again")

asyncio.run(main(*sys.argv[1:]))
"""
MANY = Settings(max_access_attempts=1000)  # alice is refused often here, and not what is looked at


class Custody(RuleBasedStateMachine):
    """`values` is what the store must hold; `grants` what alice may read, by the rule's id."""

    template: Path

    @initialize()
    def lay_out(self) -> None:
        self.directory = tempfile.mkdtemp()
        self.root = f"{self.directory}/secrets"
        shutil.copytree(self.template, self.root)
        self.values = {"DB_PASSWORD": "first-value-of-it"}
        self.grants: dict[str, tuple[bool, str]] = {}
        self.records = 0
        self.loop = asyncio.new_event_loop()
        self.open()

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            self.owner.close()
            self.alice.close()
            self.loop.close()
            shutil.rmtree(self.directory)

    def open(self) -> None:
        self.owner = AdvancedSecretManager("acme", root=self.root, settings=MANY)
        self.alice = AdvancedSecretManager("acme", root=self.root, settings=MANY, subject=ALICE)

    def run(self, awaitable) -> object:
        return self.loop.run_until_complete(awaitable)

    @rule(
        name=st.sampled_from(NAMES), value=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
    )
    def set(self, name, value) -> None:
        self.run(self.owner.set_secret(name, value))
        self.values[name] = value

    @rule(name=st.sampled_from(NAMES))
    def delete(self, name) -> None:
        if name in self.values:
            self.run(self.owner.delete_secret(name))
            del self.values[name]
        else:
            with pytest.raises(UnknownSecret):
                self.run(self.owner.delete_secret(name))

    @rule(name=st.sampled_from(NAMES))
    def get(self, name) -> None:
        self.agrees(self.owner, name)

    @rule(name=st.sampled_from(NAMES))
    def alice_gets(self, name) -> None:
        fitting = [allows for allows, pattern in self.grants.values() if matches(pattern, name)]
        if fitting and all(fitting):
            self.agrees(self.alice, name)
        else:
            with pytest.raises(AccessDenied):
                self.run(self.alice.get_secret(name))

    def agrees(self, manager, name) -> None:
        if name in self.values:
            assert self.run(manager.get_secret(name)) == self.values[name]
        else:
            with pytest.raises((UnknownSecret, UnknownTenant)):
                self.run(manager.get_secret(name))

    @rule(pattern=st.sampled_from(PATTERNS), allows=st.booleans())
    def grant(self, pattern, allows) -> None:
        file = self.owner.access.file
        base = file.load()
        policy, made = granted(
            base,
            lambda rule_id: Rule(
                rule_id, allows, "alice", "acme", "*", pattern, (Operation.READ,), Conditions(), 0, "root"
            ),
            now=int(time.time()),
        )
        file.propose(base, policy, self.owner.custodian.keyring.signing_key("policy"))
        self.grants[made.id] = (allows, pattern)

    @precondition(lambda self: self.grants)
    @rule(data=st.data())
    def revoke(self, data) -> None:
        rule_id = data.draw(st.sampled_from(sorted(self.grants)))
        file = self.owner.access.file
        base = file.load()
        policy = revoked(base, [rule_id], now=int(time.time()))
        file.propose(base, policy, self.owner.custodian.keyring.signing_key("policy"))
        del self.grants[rule_id]

    @rule()
    def reopen(self) -> None:
        self.owner.close()
        self.alice.close()
        self.open()

    @rule(name=st.sampled_from(NAMES), delay=st.floats(0, 0.1))
    def crash(self, name, delay) -> None:
        """A real process is killed in the middle of writing: the value is an old or a new one, never a mix."""
        command = [sys.executable, "-c", BUSY, self.root, name, "crashed"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            time.sleep(delay)
            child.send_signal(signal.SIGKILL)
        try:
            found = self.run(self.owner.get_secret(name))
        except UnknownSecret:
            assert name not in self.values
        else:
            assert found in (self.values.get(name), "crashed", "crashed-again")
            self.values[name] = str(found)

    @invariant()
    def names_agree(self) -> None:
        if hasattr(self, "loop"):
            assert self.run(self.owner.list_secrets()) == sorted(self.values)

    @invariant()
    def the_log_only_grows_and_verifies(self) -> None:
        if hasattr(self, "loop"):
            size = verify(self.root, "acme", pinned_key(self.root, "acme")).size
            assert size > self.records
            self.records = size


def test_manager_and_model_agree(template):
    Custody.template = template
    run_state_machine_as_test(
        Custody,
        settings=settings(
            max_examples=12,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )

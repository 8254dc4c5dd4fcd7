"""The whole vault against a model: whatever is done to it, by living processes and by killed ones, both agree.

Set, get, delete, rotate (the data key, and a credential at the service that it opens), destroy old keys, grant,
revoke, back up, restore, reopen, put an old file back, and kill any of these at any file operation. After each:

- every value that the model knows opens, and nothing else does: what was deleted comes back by a restore alone;
- `alice` may do what the model's rules let her, no more and no less;
- the log holds exactly the records of what was done, and it and the journal verify;
- a file under destroyed keys is refused, one under retired keys is told apart from it; generations only grow.

`SEALPROOF_TEST_FULL=1` runs 16 times as much.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

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

from sealproof.errors import AccessDenied, CannotOpen, InvalidValue, OlderBackup, SealproofError, UnknownSecret
from sealproof.loader.files import open_root
from sealproof.loader.keys import forget_keys
from sealproof.loader.tenant import file_name
from sealproof.rotation.engine import KIND as CREDENTIAL
from sealproof.vault.access import Subject
from sealproof.vault.access.rules import matches
from sealproof.vault.audit.happenings import RECOVERED
from sealproof.vault.audit.home import pinned_key
from sealproof.vault.audit.interface import Established
from sealproof.vault.audit.recent import Reader, who_is_who
from sealproof.vault.audit.verify import verify
from sealproof.vault.backup.create import CREATE
from sealproof.vault.backup.restore import RESTORE
from sealproof.vault.foundation import lay_foundation
from sealproof.vault.journal import Journal
from sealproof.vault.keys.epochs import DESTROY, ROTATE

from . import vault_hands
from .vault_hands import ALICE, ENVIRONMENT, SAVED, TENANT, Hands

KINDS = (CREDENTIAL, ROTATE, DESTROY, CREATE, RESTORE)
FULL = bool(os.environ.get("SEALPROOF_TEST_FULL"))
NAMES = ("DB_PASSWORD", "API_TOKEN")  # few of each, so that deeds meet
PATTERNS = ("DB_PASSWORD", "DB_*", "*")
ASKED = ("read", "write")
STRATEGIES = (None, "blue-green", "gradual", "immediate")
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
POINTS = st.integers(1, 120) | st.integers(1, 24)
SUBJECT = Subject(ALICE, Established.UID, "uid:1001")
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # a disk that others use, too, is slow to sync
_OURS = ("SEALPROOF_", "GIT_", "MASTER_SECRET_KEY", "CREDENTIALS_DIRECTORY")


class Backup(NamedTuple):
    name: str
    values: dict[str, str]
    generation: int


@dataclass(frozen=True)
class Model:
    """What the store must hold. A deed leads to another one; a killed deed to the old one or to the new one."""

    values: dict[str, str]
    rules: dict[str, tuple[str, str, bool]] = field(default_factory=dict)
    """Operation, pattern, and whether it allows, by the rule's id."""
    epoch: int = 1
    retired: dict[int, tuple[bytes, dict[str, str]]] = field(default_factory=dict)
    """The last file of each epoch whose keys are kept beside the present one's, and its values."""
    destroyed: dict[int, bytes] = field(default_factory=dict)
    backups: tuple[Backup, ...] = ()

    def lets_alice(self, operation, name):
        fitting = [allows for what, where, allows in self.rules.values() if what == operation and matches(where, name)]
        return bool(fitting) and all(fitting)

    def shape(self):
        may = {(operation, name) for operation in ASKED for name in NAMES if self.lets_alice(operation, name)}
        backups = {backup.name for backup in self.backups}
        return self.values, self.epoch, {*self.rules}, may, {*self.retired}, backups


class Deed(NamedTuple):
    """Something that is done to the vault, and all that it is to leave behind."""

    what: str
    """A method of `Hands`."""
    arguments: dict[str, object]
    after: Callable[[], Model]
    """Asked once it is done."""
    records: tuple[tuple[str, str, str], ...] = ()
    """Of the log: operation, outcome, name."""
    kind: str = ""
    """Of the operation that it begins in the journal."""
    refused: type[SealproofError] | None = None


def rotation_of(name):
    return ("rotate.intent", "allow", name), ("rotate", "allow", name)


def doing(make):
    @rule(data=st.data())
    def do(self, data):
        self.done(getattr(self, make)(data.draw), self.owner)

    return do


def crashing(*makes):
    @rule(make=st.sampled_from(makes), data=st.data(), point=POINTS)
    def crash(self, make, data, point):
        self.killed(getattr(self, make)(data.draw), point)

    return crash


class Vault(RuleBasedStateMachine):
    template: Path
    worker: subprocess.Popen[str]

    @initialize()
    def lay_out(self):
        self.directory = tempfile.mkdtemp(dir=MEMORY)
        shutil.copytree(self.template, self.directory, dirs_exist_ok=True)
        self.model = Model({"DB_PASSWORD": "first-value-of-it"})
        self.open()
        self.root = self.owner.root
        self.known = who_is_who(self.root, TENANT, NAMES)
        self.reader = Reader(self.root, TENANT)
        self.reader.newest(1)
        self.begun = self.in_the_journal()
        self.generation = self.kills = 0

    def teardown(self):
        if hasattr(self, "owner"):
            self.close()
            shutil.rmtree(self.directory)

    def open(self):
        forget_keys()
        self.owner, self.alice = Hands(self.directory), Hands(self.directory, subject=SUBJECT)

    def close(self):
        self.owner.close()
        self.alice.close()

    # What may be done.

    def writing(self, draw):
        name, value = draw(st.sampled_from(NAMES)), draw(VALUES)
        if not value:  # nearly always a variable that was not set: refused unless it is asked for
            records = (("write.intent", "allow", name), ("write", "error", name))
            return Deed("write", {"name": name, "value": ""}, lambda: self.model, records, refused=InvalidValue)
        records = (("write.intent", "allow", name), ("write", "allow", name))
        return Deed("write", {"name": name, "value": value}, lambda: self.with_values({name: value}), records)

    def deleting(self, draw):
        name = draw(st.sampled_from(NAMES))
        if name not in self.model.values:
            records = (("delete.intent", "allow", name), ("delete", "error", name))
            return Deed("delete", {"name": name}, lambda: self.model, records, refused=UnknownSecret)
        left = {other: value for other, value in self.model.values.items() if other != name}
        records = (("delete.intent", "allow", name), ("delete", "allow", name))
        return Deed("delete", {"name": name}, lambda: replace(self.model, values=left), records)

    def reading(self, draw):
        name = draw(st.sampled_from(NAMES))
        known = name in self.model.values
        records = (("read", "allow" if known else "error", name),)
        return Deed("read", {"name": name}, lambda: self.model, records, refused=None if known else UnknownSecret)

    def rotating(self, draw):
        """Where the service does not accept the present value, it is not the one to change it at: no rotation."""
        name, arguments = draw(st.sampled_from(NAMES)), {"strategy": draw(st.sampled_from(STRATEGIES))}
        if name not in self.model.values:
            records = (("rotate.intent", "allow", name), ("rotate", "error", name))
            return Deed("rotate", {"name": name}, lambda: self.model, records, refused=UnknownSecret)
        accepted = self.owner.service.accepted(name)
        works = self.model.values[name] in accepted

        def after():
            (value,) = self.owner.service.accepted(name)
            assert {value}.isdisjoint(accepted)
            return self.with_values({name: value})

        leads_to = after if works else lambda: self.model
        return Deed("rotate", {"name": name} | arguments, leads_to, rotation_of(name), CREDENTIAL)

    def renewing_keys(self, _draw):
        left = self.model.retired | {self.model.epoch: (self.owner.envelope().data, self.model.values)}
        after = replace(self.model, epoch=self.model.epoch + 1, retired=left)
        return Deed("new_keys", {}, lambda: after, kind=ROTATE)

    def destroying_keys(self, _draw):
        gone = {epoch: data for epoch, (data, _) in self.model.retired.items()}
        after = replace(self.model, retired={}, destroyed=self.model.destroyed | gone)
        return Deed("destroy_keys", {}, lambda: after, kind=DESTROY if gone else "")

    def backing_up(self, _draw):
        made = Backup(f"{len(self.model.backups)}.spbak", self.model.values, self.generation)
        after = replace(self.model, backups=(*self.model.backups, made))
        return Deed("back_up", {"name": made.name}, lambda: after, kind=CREATE)

    def bringing_back(self, draw):
        if not self.model.backups:
            return self.backing_up(draw)
        backup, older = draw(st.sampled_from(self.model.backups)), draw(st.booleans())
        arguments = {"name": backup.name, "older": older}
        if self.generation > backup.generation and not older:
            return Deed("bring_back", arguments, lambda: self.model, refused=OlderBackup)
        return Deed("bring_back", arguments, lambda: replace(self.model, values=backup.values), kind=RESTORE)

    def granting(self, draw):
        operation, pattern, allows = draw(st.sampled_from(ASKED)), draw(st.sampled_from(PATTERNS)), draw(st.booleans())

        def after():
            (made,) = self.owner.rules() - {*self.model.rules}
            return replace(self.model, rules=self.model.rules | {made: (operation, pattern, allows)})

        records = (("grant.intent", "allow", ""), ("grant", "allow", ""))
        arguments = {"operation": operation, "pattern": pattern, "allows": allows}
        return Deed("grant", arguments, after, records)

    def revoking(self, draw):
        if not self.model.rules:
            return self.granting(draw)
        gone = draw(st.sampled_from(sorted(self.model.rules)))
        left = {rule_id: known for rule_id, known in self.model.rules.items() if rule_id != gone}
        records = (("revoke.intent", "allow", ""), ("revoke", "allow", ""))
        return Deed("revoke", {"rule_id": gone}, lambda: replace(self.model, rules=left), records)

    # What is done: rules of their own, so that each example tries another mixture of them.

    write, delete, read, rotate = doing("writing"), doing("deleting"), doing("reading"), doing("rotating")
    renew_keys, destroy_keys = doing("renewing_keys"), doing("destroying_keys")
    back_up, bring_back = doing("backing_up"), doing("bringing_back")
    grant, revoke = doing("granting"), doing("revoking")
    crash_write, crash_delete, crash_rotation = crashing("writing"), crashing("deleting"), crashing("rotating")
    crash_keys = crashing("renewing_keys", "destroying_keys")
    crash_backup, crash_policy = crashing("backing_up", "bringing_back"), crashing("granting", "revoking")

    @rule(make=st.sampled_from(("reading", "writing")), data=st.data())
    def alice_does(self, make, data):
        deed = getattr(self, make)(data.draw)
        if not self.model.lets_alice(deed.what, deed.arguments["name"]):
            records = ((deed.what, "deny", deed.arguments["name"]),)
            deed = deed._replace(after=lambda: self.model, records=records, refused=AccessDenied)
        self.done(deed, self.alice)

    @rule()
    def reopen(self):
        self.close()
        self.open()

    @precondition(lambda self: self.model.retired or self.model.destroyed)
    @rule(data=st.data())
    def put_back(self, data):
        """An old file in the place of the newest one, as somebody who can write to the disk would put it there."""
        kept = self.model.destroyed | {epoch: old for epoch, (old, _) in self.model.retired.items()}
        epoch = data.draw(st.sampled_from(sorted(kept)))
        newest = self.owner.envelope().data
        self.place(kept[epoch])
        forget_keys()
        stranger = Hands(self.directory)
        if epoch in self.model.destroyed:
            with pytest.raises(CannotOpen):
                stranger.read("API_TOKEN")
            self.expect(("read", "error", "API_TOKEN"))
        else:
            assert stranger.names() == sorted(self.model.retired[epoch][1])
            self.expect(("list", "allow", ""))
        stranger.close()
        self.place(newest)

    # What holds.

    @invariant()
    def both_agree(self):
        if not hasattr(self, "owner"):
            return
        assert self.seen() == self.model.shape()
        generation = self.owner.envelope().generation
        assert generation >= self.generation
        self.generation = generation
        assert self.in_the_journal() == self.begun
        verify(self.root, TENANT, pinned_key(self.root, TENANT))
        Journal(self.root).verify()

    # How.

    def killed(self, deed, point):
        """Have a real process killed at a file operation; whoever comes next finishes or undoes what it left."""
        said = self.elsewhere(deed, point)
        assert said in ("killed", "done" if deed.refused is None else deed.refused.__name__)
        self.kills += said == "killed"
        self.reopen()
        self.told = self.news()
        assert self.told == [*deed.records[: len(self.told)]]
        self.expect(*(record for name in self.owner.recover() for record in rotation_of(name)))
        self.model = self.settled(deed, killed=said == "killed")
        self.begun = self.in_the_journal()
        self.tell_the_service(deed)

    def done(self, deed, hands):
        if deed.refused is None:
            getattr(hands, deed.what)(**deed.arguments)
        else:
            with pytest.raises(deed.refused):
                getattr(hands, deed.what)(**deed.arguments)
        self.expect(*deed.records)
        self.begun.update((deed.kind,) if deed.kind else ())
        self.model = deed.after()
        self.tell_the_service(deed)

    def elsewhere(self, deed, point):
        """Have the deed done by a process of its own, and return how that ended."""
        order = {"directory": self.directory, "deed": deed.what, "arguments": deed.arguments, "point": point}
        self.worker.stdin.write(f"{json.dumps(order)}\n")
        self.worker.stdin.flush()
        return self.worker.stdout.readline().strip()

    def settled(self, deed, *, killed):
        """Return the model that a crash led to: the old one, or the new one, and the log and journal know of it."""
        if killed and self.seen() == self.model.shape():
            return self.model
        assert self.told[:1] == [*deed.records[:1]]
        assert not deed.kind or self.in_the_journal()[deed.kind] == self.begun[deed.kind] + 1
        return deed.after()

    def seen(self):
        """Return what the store holds, as `Model.shape` has it; the log has to tell of the looking."""
        names = self.owner.names()
        values = {name: self.owner.read(name) for name in names}
        self.expect(("list", "allow", ""), *(("read", "allow", name) for name in names))
        may = {(operation, name) for operation in ASKED for name in NAMES if self.alice.may(operation, name)}
        epochs = self.owner.custodian.keyring.tenant_file(TENANT).epochs
        present = self.owner.envelope().epoch
        left = {record.epoch for record in epochs if record.environment == ENVIRONMENT} - {present}
        saved = {name for name in os.listdir(self.owner.shelf) if name.endswith(".spbak")}
        return values, present, self.owner.rules(), may, left, saved

    def news(self):
        """Return the records since the last look: operation, outcome, name. What a killed writer left may be among."""
        found = [(e.operation, e.outcome, self.known.get(e.secret, e.secret)) for e in self.reader.more()]
        return [record for record in found if not (self.kills and record[0] == RECOVERED)]

    def expect(self, *records):
        assert self.news() == [*records]

    def in_the_journal(self):
        return Counter(one.kind for one in Journal(self.root).history() if one.kind in KINDS)

    def with_values(self, changed):
        return replace(self.model, values=self.model.values | changed)

    def tell_the_service(self, deed):
        """Whoever writes a value by hand has changed it at the service, too; whoever restores one has not."""
        name = deed.arguments.get("name")
        if deed.what == "write" and name in self.model.values:
            self.owner.service.accept_only(name, self.model.values[name])

    def place(self, data):
        with open_root(f"{self.root}/tenants/{TENANT}") as directory:
            directory.replace(file_name(ENVIRONMENT), data)


@pytest.fixture
def template(monkeypatch, tmp_path):
    """A store with one secret, DB_PASSWORD, the service that it opens, and room for backups."""
    for name in [name for name in os.environ if name.startswith(_OURS)]:
        monkeypatch.delenv(name)
    lay_foundation(str(tmp_path / "secrets"), passphrase=None, iterations=100_000, clock=time.time)
    (tmp_path / SAVED).mkdir(mode=0o700)
    hands = Hands(str(tmp_path))
    hands.write("DB_PASSWORD", "first-value-of-it")
    hands.service.accept_only("DB_PASSWORD", "first-value-of-it")
    hands.close()
    return tmp_path


@pytest.fixture
def worker():
    """The process whose forks are killed."""
    command = [sys.executable, vault_hands.__file__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.stdin.close()


def test_vault_and_model_agree(template, worker):
    Vault.template, Vault.worker = template, worker
    run_state_machine_as_test(
        Vault,
        settings=settings(
            max_examples=400 if FULL else 24,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )

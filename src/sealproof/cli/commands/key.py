"""Make, export, renew, destroy and list keys.

sealproof key init --writer                     one more key that may write this store's files
sealproof key init --recipient FILE             an X25519 identity of your own; prints its public key
sealproof key export TENANT --output FILE       what a host needs to open one environment
sealproof key rotate TENANT [--grace DAYS]      seal under a new epoch key; the old one still opens old copies
sealproof key destroy TENANT [--now]            destroy the old epoch keys whose grace is over; --due: of every tenant
sealproof key rotate-master [--passphrase]      wrap every tenant's keys under a new master
sealproof key roll writer|report|journal|policy   replace a signing key; --finish: every host has its new key file
sealproof key erase TENANT --confirm TENANT     destroy a tenant's keys, then its files; leaves a signed tombstone
sealproof key ledger                            every key with its purpose, state and dates
sealproof key resume [--abandon]                finish (or give up) what was broken off
sealproof key rewrap TENANT                     wrap a tenant's keys anew at the present cost
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from sealproof.cli import arguments, console, key_table
from sealproof.cli.changes import report
from sealproof.cli.key_input import read_passphrase
from sealproof.cli.private_file import write_private
from sealproof.cli.progress import Progress
from sealproof.cli.recorded import recorded
from sealproof.envelope import cipher
from sealproof.envelope.grammar import KEY_BYTES, encode
from sealproof.envelope.keyfile import KeyLine
from sealproof.errors import CallerError, GraceNotOver
from sealproof.signing import fingerprint
from sealproof.vault.access.interface import POLICY_KEY
from sealproof.vault.backup.restore import RESTORE
from sealproof.vault.custodian import Custodian
from sealproof.vault.inventory import this_user
from sealproof.vault.keys.epochs import Epochs
from sealproof.vault.keys.erasure import Erasure
from sealproof.vault.keys.ledger import read_ledger
from sealproof.vault.keys.life import KeyLife
from sealproof.vault.keys.master import PASSPHRASE, MasterRotation
from sealproof.vault.keys.master import ROTATE as MASTER_ROTATE
from sealproof.vault.keys.recipients import note_recipient
from sealproof.vault.keys.signers import EXPORT, Signers
from sealproof.vault.settings_file import settings_of

if TYPE_CHECKING:
    from sealproof.cli.arguments import Arguments, Parser

_PIPED = 'printf %s "$NEW" | sealproof key rotate-master --passphrase'


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("action", metavar="ACTION", choices=ACTIONS, help=" | ".join(ACTIONS))
    parser.add_argument("tenant", metavar="TENANT", nargs="?", default="")
    arguments.add_environment(parser)
    arguments.add_json(parser)
    parser.add_argument("--output", metavar="FILE", default="", help="export: a new file, readable by you alone")
    parser.add_argument("--writer", action="store_true", help="init: make a writer key")
    parser.add_argument("--recipient", metavar="FILE", default="", help="init: write a new X25519 identity to FILE")
    parser.add_argument("--grace", metavar="DAYS", type=int, default=0, help="rotate: keep the old key so long (0)")
    parser.add_argument("--anyway", action="store_true", help="rotate: although a credential in the file is rotated")
    parser.add_argument("--now", action="store_true", help="destroy: although the grace is not over")
    parser.add_argument("--due", action="store_true", help="destroy: of every tenant, whatever is due")
    parser.add_argument("--passphrase", action="store_true", help="rotate-master: stretch it from standard input")
    parser.add_argument("--finish", action="store_true", help="roll writer: every host has the new key file")
    parser.add_argument("--confirm", metavar="TENANT", default="", help="erase: the tenant's name once more")
    parser.add_argument("--reason", metavar="TEXT", default="", help="erase: stands in the tombstone")
    parser.add_argument("--abandon", action="store_true", help="resume: put things back instead")


def run(args: Arguments) -> int:
    """Do one of the actions."""
    if args.action in _TENANT_ACTIONS and not args.tenant and not args.due:
        message = f"key {args.action} needs a tenant"
        raise CallerError(message, hint=f"sealproof key {args.action} TENANT")
    return ACTIONS[args.action](args)


def _init(args: Arguments) -> int:
    keyring = _custodian(args).keyring
    if args.recipient:
        private = _identity()
        public = cipher.reader_public(private)
        publics = keyring.signing_publics()
        writers = tuple(key for name, key in publics.items() if name.startswith("writer"))
        write_private(args.recipient, KeyLine("x25519", private, writers).to_line() + "\n")
        note_recipient(keyring, public, writers)
        console.say(f"wrote {args.recipient}; hand out only the public key below: sealproof recipient add TENANT KEY")
        _answer(args, encode(public), public=encode(public))
    elif args.writer:
        with recorded(args.root, "key.writer"):
            key = keyring.new_signing_key("writer")
        _answer(args, f"writer {fingerprint(key.public)}", writer=fingerprint(key.public))
        console.say("hosts that shall trust it need their key files again: sealproof key export TENANT --output FILE")
    else:
        message = "key init makes a writer or a recipient key; a store's first keys come with `sealproof init`"
        raise CallerError(message, hint="sealproof key init --writer, or --recipient FILE")
    return 0


def _identity() -> bytes:
    """Return a new X25519 private key whose public half does not begin like an option: it is typed as an argument."""
    while True:
        private = os.urandom(KEY_BYTES)
        if not encode(cipher.reader_public(private)).startswith("-"):
            return private


def _export(args: Arguments) -> int:
    if not args.output:
        message = "key export needs a file to write to"
        raise CallerError(message, hint="sealproof key export TENANT --environment E --output FILE")
    environment = arguments.environment_of(args)
    keyring = _custodian(args).keyring
    with recorded(args.root, "key.export", tenant=args.tenant, environment=environment):
        lines = keyring.key_lines(args.tenant, environment)
        epochs = [line.epoch for line in lines]
        keyring.journal.note(EXPORT, f"{args.tenant}/{environment}", epochs=epochs)
        write_private(args.output, "".join(line.to_line() + "\n" for line in lines))
    _answer(args, f"wrote {args.output}: opens {args.tenant}/{environment}, and nothing else", epochs=epochs)
    console.say(f"on the host: SEALPROOF_KEY_FILE={args.output}, mode 0600, outside the project")
    return 0


def _rotate(args: Arguments) -> int:
    environment = arguments.environment_of(args)
    where = f"{args.tenant}/{environment}"
    custodian = _custodian(args)
    with recorded(args.root, "key.rotate", tenant=args.tenant, environment=environment) as numbers:
        change = Epochs(custodian).rotate(args.tenant, environment, grace_days=args.grace, anyway=args.anyway)
        numbers["generation"] = change.generation
        numbers["key_epoch"] = custodian.envelope(args.tenant, environment).epoch
    if args.json:
        console.answer_json({"scope": where, "epoch": numbers["key_epoch"], "generation": change.generation})
    else:
        report(where, change)
    export = f"sealproof key export {args.tenant} --environment {environment} --output FILE"
    console.say(f"hosts need their key files again before this file reaches them: {export}")
    console.say(f"once they have: sealproof key destroy {args.tenant} --environment {environment}")
    return 0


def _destroy(args: Arguments) -> int:
    if args.due:
        return _destroy_due(args)
    environment = arguments.environment_of(args)
    custodian = _custodian(args)
    gone = _destroyed(args, custodian, args.tenant, environment)
    epoch = custodian.envelope(args.tenant, environment).epoch
    text = (
        f"destroyed the keys of epoch {', '.join(map(str, gone))}; epoch {epoch} stays"
        if gone
        else f"nothing to destroy: epoch {epoch} is the only one"
    )
    _answer(args, text, destroyed=gone, epoch=epoch)
    return 0


def _destroyed(args: Arguments, custodian: Custodian, tenant: str, environment: str) -> list[int]:
    with recorded(args.root, "key.destroy", tenant=tenant, environment=environment) as numbers:
        gone = Epochs(custodian).destroy(tenant, environment, despite_grace=args.now)
        numbers["count"] = len(gone)
    return gone


def _destroy_due(args: Arguments) -> int:
    custodian = _custodian(args)
    scopes = [(tenant, place) for tenant in custodian.store.tenants() for place in custodian.store.environments(tenant)]
    destroyed: dict[str, list[int]] = {}
    with Progress("destroying") as progress:
        for tenant, environment in scopes:
            try:
                gone = Epochs(custodian).destroy(tenant, environment, despite_grace=args.now)
            except GraceNotOver:
                gone = []
            if gone:
                with recorded(args.root, "key.destroy", tenant=tenant, environment=environment) as numbers:
                    numbers["count"] = len(gone)
                destroyed[f"{tenant}/{environment}"] = gone
            progress.advance(len(scopes), f"{tenant}/{environment}")
    count = sum(map(len, destroyed.values()))
    _answer(args, f"destroyed {count} epoch keys of {console.counted(len(destroyed), 'file')}", destroyed=destroyed)
    return 0


def _rotate_master(args: Arguments) -> int:
    passphrase = read_passphrase("new master", twice=True, hint=_PIPED) if args.passphrase else None
    with Progress("wrapping") as progress, recorded(args.root, "key.rotate-master") as numbers:
        numbers["count"] = MasterRotation(_custodian(args).keyring, advance=progress.advance).rotate(
            passphrase=passphrase
        )
    _answer(args, _new_master(numbers["count"]), tenants=numbers["count"])
    _say_new_master("the new passphrase" if passphrase is not None else "")
    return 0


def _new_master(tenants: int) -> str:
    return f"a new master wraps the keys of {console.counted(tenants, 'tenant')}"


def _say_new_master(passphrase: str) -> None:
    """Say what `MASTER_SECRET_KEY` is from now on: `passphrase` in words, or nothing over a random master."""
    console.say("backups of keys/ still hold the old one, and open with it: let them age out, and make a new backup")
    console.say(f"MASTER_SECRET_KEY is {passphrase} from now on" if passphrase else "unset MASTER_SECRET_KEY, if set")


def _roll(args: Arguments) -> int:
    signers = Signers(_custodian(args))
    with recorded(args.root, "key.roll"):
        operation = signers.finish(args.tenant) if args.finish else signers.roll(args.tenant)
    exported = signers.exported() if args.tenant == "writer" else []
    if operation.is_over:
        text = f"{args.tenant} {operation.text('new')} signs from now on; {operation.text('old')} only verifies"
    else:
        text = f"the next {args.tenant} key is made and pinned beside the present one"
    _answer(args, text, purpose=args.tenant, finished=operation.is_over, hand_out=exported)
    if args.tenant == POLICY_KEY:
        console.say("approvals by the old key count no more; where a file of it is named, name the new policy.pub")
    if args.tenant == "report":
        signing = f"{args.root}/keys/signing"
        kept = f"{signing}/report-{operation.number('number')}.pub"
        console.say(f"earlier reports verify with {kept}; publish {signing}/report.pub beside it")
    if not operation.is_over:
        for scope in exported:
            tenant, environment = scope.split("/")
            console.say(f"hand out again: sealproof key export {tenant} --environment {environment} --output FILE")
        console.say("also to every other holder of a key file of this store")
        console.say(f"once all have it: sealproof key roll {args.tenant} --finish")
    return 0


def _erase(args: Arguments) -> int:
    if args.confirm != args.tenant:
        message = f"erasing {args.tenant} cannot be undone, and was not confirmed"
        raise CallerError(message, hint=f"sealproof key erase {args.tenant} --confirm {args.tenant}")
    with recorded(args.root, "tenant.erase"):
        path = Erasure(_custodian(args), subject=this_user()).erase(args.tenant, reason=args.reason)
    _answer(args, f"erased {args.tenant}: {path} says what was destroyed", tombstone=path)
    console.say("backups of the whole store still hold its keys until they have aged out: sealproof backup list")
    return 0


def _ledger(args: Arguments) -> int:
    ledger = read_ledger(_custodian(args))
    if args.json:
        console.answer_json(key_table.as_data(ledger))
    else:
        key_table.show(ledger, now=int(time.time()))
    return int(bool(ledger.problems))


def _resume(args: Arguments) -> int:
    custodian = _custodian(args)
    life = KeyLife(custodian, subject=this_user())
    done, masters, waiting = [], [], []
    for operation in life.unfinished():
        waits_for = "" if args.abandon else life.waits_for(operation)
        if waits_for:
            waiting.append(f"{operation.kind} of {operation.scope}")
            console.say(f"{waiting[-1]} waits for you: {waits_for}")
            continue
        with recorded(args.root, "key.abandon" if args.abandon else "key.resume"):
            (life.abandon if args.abandon else life.resume)(operation)
        done.append(f"{operation.kind} of {operation.scope}")
        if operation.kind == MASTER_ROTATE and not args.abandon:
            masters.append(custodian.keyring.journal.history(MASTER_ROTATE, operation.scope)[-1])
    verb = "gave up" if args.abandon else "carried on"
    nothing = "nothing was carried on" if waiting else "nothing is unfinished"
    _answer(args, f"{verb}: {', '.join(done)}" if done else nothing, operations=done, waiting=waiting)
    if any(one.startswith(RESTORE) for one in done):
        console.say("what a restore had put in place stays: sealproof list shows each file's generation")
    for over in masters:
        console.say(_new_master(over.number("tenants")))
        _say_new_master("the passphrase that the rotation began with" if over.text("form") == PASSPHRASE else "")
    return 0


def _rewrap(args: Arguments) -> int:
    with recorded(args.root, "key.rewrap", tenant=args.tenant):
        iterations = _custodian(args).keyring.rewrap(args.tenant)
    _answer(args, f"wrapped the keys of {args.tenant} anew at {iterations} iterations", iterations=iterations)
    return 0


def _answer(args: Arguments, text: str, **data: object) -> None:
    if args.json:
        console.answer_json(data)
    else:
        console.answer(text)


def _custodian(args: Arguments) -> Custodian:
    return Custodian(args.root, iterations=settings_of(args.root).key_derivation_iterations)


ACTIONS = {
    "init": _init,
    "export": _export,
    "rotate": _rotate,
    "destroy": _destroy,
    "rotate-master": _rotate_master,
    "roll": _roll,
    "erase": _erase,
    "ledger": _ledger,
    "resume": _resume,
    "rewrap": _rewrap,
}
_TENANT_ACTIONS = frozenset(("export", "rotate", "destroy", "roll", "erase", "rewrap"))

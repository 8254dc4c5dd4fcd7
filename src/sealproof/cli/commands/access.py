"""Say who may do what: grant, revoke, explain.

sealproof access list                                      the policy in force, and a change that waits
sealproof access grant SUBJECT TENANT --as reader          one rule more; SUBJECT may be role:NAME or '*'
sealproof access grant SUBJECT TENANT --deny --operations read --name 'DB_*'
sealproof access revoke RULE … | revoke --subject SUBJECT  rules fewer, or all that names somebody who left
sealproof access role ROLE --add SUBJECT --remove SUBJECT  members of a role
sealproof access owners SUBJECT …                          who may do everything; it must be an operating-system user
sealproof access explain SUBJECT TENANT OPERATION [NAME]   which rule decides; exit 1 if the answer is no
sealproof access approve SUBJECT TENANT OPERATION [NAME]   approve that somebody else does it, for --hours
sealproof access sign | discard                            sign the change that waits (or the policy), or drop it
sealproof access signer --output FILE                      one more key whose signature counts
sealproof access unlock SUBJECT                            end a lockout before its time
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from sealproof.cli import arguments, console
from sealproof.cli.access_words import (
    listed,
    listed_json,
    refuse_useless,
    rule_of,
    rule_row,
    rule_sentence,
    whole_hours,
)
from sealproof.cli.private_file import write_private
from sealproof.envelope.grammar import check_name, check_tenant
from sealproof.errors import CallerError, KeyMissing, PolicyRejected
from sealproof.loader.files import read_private
from sealproof.signing import SigningKey, fingerprint
from sealproof.vault.access import AccessControl, Request, Subject
from sealproof.vault.access.approvals import Approval
from sealproof.vault.access.changes import granted, revoked, with_owners, with_role, without_subject
from sealproof.vault.access.editor import PolicyEditor
from sealproof.vault.access.interface import BUNDLES, POLICY_KEY, check_operation, check_subject
from sealproof.vault.access.rules import ANY
from sealproof.vault.access.text import rule_json
from sealproof.vault.audit.interface import Established
from sealproof.vault.keys.keyring import Keyring

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sealproof.cli.arguments import Arguments, Parser
    from sealproof.vault.access import Policy
    from sealproof.vault.access.policyfile import InForce, Signing

ACTIONS = (
    "list", "grant", "revoke", "role", "owners", "explain", "approve", "sign", "discard", "signer", "unlock",
)  # fmt: skip
_PEM_MAX = 4096  # bytes
_HOUR = 3600  # seconds
_DENIED = 1


def configure(parser: Parser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("action", metavar="ACTION", choices=ACTIONS, help=" | ".join(ACTIONS))
    add("words", metavar="WORD", nargs="*", default=[], help="what the action is about, as above")
    arguments.add_environment(parser)
    add("--as", metavar="DUTY", dest="duty", default="", choices=("", *BUNDLES), help=f"grant: {' | '.join(BUNDLES)}")
    add("--operations", metavar="A,B", default="", help="grant: operations by name, instead of --as")
    add("--name", metavar="PATTERN", default=ANY, help="grant: a secret's name, or a pattern with one * (default: *)")
    add("--deny", action="store_true", help="grant: deny instead; what any rule denies is denied")
    levels = [kind.value for kind in Established]
    add(
        "--established",
        metavar="LEVEL",
        default=Established.UID.value,
        choices=levels,
        help=f"what vouches for the subject, at least: {' | '.join(levels)} (default: uid)",
    )
    add("--needs-approval", action="store_true", help="grant: only with an approval by somebody else")
    add("--from", metavar="DATE", dest="begins", default="", help="grant: not before this day, YYYY-MM-DD, UTC")
    add("--until", metavar="DATE", default="", help="grant: not from this day on, YYYY-MM-DD, UTC")
    add("--hours", metavar="H", default="", help="grant: hours of the day, HH:MM-HH:MM, UTC; approve: how many (8)")
    add("--days", metavar="D", default="", help="grant: days of the week, 1 (Monday) to 7, such as 1-5 or 1,3")
    add("--subject", metavar="SUBJECT", default="", help="revoke: everything that names this subject")
    add("--add", metavar="SUBJECT", action="append", default=[], help="role: a new member (repeatable)")
    add("--remove", metavar="SUBJECT", action="append", default=[], help="role: a member no more (repeatable)")
    add("--approval", metavar="ID", default="", help="explain: with this approval")
    add("--key", metavar="FILE", default="", help="sign with this policy key (default: keys/signing/policy.key)")
    add("--output", metavar="FILE", default="", help="signer: a new file for the private key, readable by you alone")
    arguments.add_json(parser)


def run(args: Arguments) -> int:
    """Do one of the actions."""
    actions = {
        "list": _list,
        "grant": _grant,
        "revoke": _revoke,
        "role": _role,
        "owners": _owners,
        "explain": _explain,
        "approve": _approve,
        "sign": _sign,
        "discard": _discard,
        "signer": _signer,
        "unlock": _unlock,
    }
    return actions[args.action](args)


def _list(args: Arguments) -> int:
    control = AccessControl(args.root)
    policy, pending = control.policy().policy, control.file.pending()
    if args.json:
        console.answer_json(listed_json(policy, pending, needed=control.file.signers))
        return 0
    for line in listed(policy):
        console.answer(line)
    console.table(("RULE", "EFFECT", "SUBJECT", "WHERE", "SECRETS", "OPERATIONS", "IF"), [*map(rule_row, policy.rules)])
    if pending is not None:
        have = f"{len(pending.signatures)} of {control.file.signers} signatures"
        console.say(f"a change to generation {pending.policy.generation} waits with {have}: sealproof access sign")
    return 0


def _grant(args: Arguments) -> int:
    subject, tenant = _words(args, "SUBJECT TENANT --as DUTY", least=2, most=2)
    place = args.environment if args.environment == ANY else arguments.environment_of(args)
    make = rule_of(args, subject, tenant, place, by=Subject.this_user().name, now=int(time.time()))
    refuse_useless(make(""), args)
    return _change(args, "grant", (tenant,), lambda base: granted(base, make, now=int(time.time()))[0])


def _revoke(args: Arguments) -> int:
    if bool(args.words) == bool(args.subject):
        message = "access revoke needs the ids of rules, or a subject"
        raise CallerError(message, hint="sealproof access revoke RULE …, or --subject SUBJECT")
    now = int(time.time())
    if args.subject:
        check_subject(args.subject)
        return _change(args, "revoke", (ANY,), lambda base: without_subject(base, args.subject, now=now))
    control = AccessControl(args.root, mending=True)
    tenants = [rule.tenant for rule in control.policy().policy.rules if rule.id in args.words] or [ANY]
    return _change(args, "revoke", tenants, lambda base: revoked(base, args.words, now=now), control)


def _role(args: Arguments) -> int:
    (role,) = _words(args, "ROLE --add SUBJECT", least=1, most=1)
    for member in (*args.add, *args.remove):
        check_subject(member)
    now = int(time.time())
    return _change(
        args, "policy.role", (ANY,), lambda base: with_role(base, role, add=args.add, remove=args.remove, now=now)
    )


def _owners(args: Arguments) -> int:
    for owner in args.words:
        check_subject(owner)
    return _change(args, "policy.owners", (ANY,), lambda base: with_owners(base, args.words, now=int(time.time())))


def _explain(args: Arguments) -> int:
    request = _request(args, Established(args.established), "SUBJECT TENANT OPERATION [NAME]")
    explanation = AccessControl(args.root).explain(request, approval=args.approval)
    decision = explanation.decision
    if args.json:
        considered = [{"rule": rule_json(one.rule), "unmet": one.unmet} for one in explanation.considered]
        answer = {"allowed": decision.allowed, "reason": decision.reason, "rule": decision.rule}
        console.answer_json({**answer, "locked": decision.locked, "considered": considered})
    else:
        console.answer(f"{'allowed' if decision else 'denied'}: {decision.reason}")
        for rule, unmet in explanation.considered:
            console.say(f"{rule_sentence(rule)}{f' ({unmet})' if unmet else ''}")
    return 0 if decision else _DENIED


def _approve(args: Arguments) -> int:
    request = _request(args, Established.UID, "SUBJECT TENANT OPERATION [NAME]")
    now, approval_id, hours = int(time.time()), os.urandom(8).hex(), whole_hours(args.hours or "8")
    approval = Approval(
        approval_id,
        Subject.this_user(),
        request.subject.name,
        request.tenant,
        request.environment,
        request.name or ANY,
        request.operation,
        now,
        now + hours * _HOUR,
    )
    path = _editor(args).approve(approval, _key(args))
    if args.json:
        console.answer_json({"approval": approval_id, "path": path, "until": approval.until})
    else:
        console.answer(approval_id)
        named = f" {request.name}" if request.name else ""
        what = f"{request.operation}{named} of {request.tenant}/{request.environment}"
        console.say(f"{request.subject.name} may {what} with this approval for {hours} h, where a rule asks for one")
    return 0


def _sign(args: Arguments) -> int:
    key, control = _key(args), AccessControl(args.root, mending=True)
    editor = _editor(args, control)
    try:
        before, waits = control.file.load().policy, control.file.pending() is not None
    except PolicyRejected:  # it has too few signatures itself, since their number was raised
        waits = False
    if not waits:
        signing = editor.countersign(key)
        return _report(args, signing, signing.policy)
    return _report(args, editor.sign(key), before)


def _discard(args: Arguments) -> int:
    dropped = _editor(args, AccessControl(args.root, mending=True)).discard()
    if args.json:
        console.answer_json({"dropped": dropped})
    else:
        console.answer("dropped the change that waited" if dropped else "no change waited")
    return 0


def _signer(args: Arguments) -> int:
    if not args.output:
        message = "access signer needs a file for the private key"
        raise CallerError(message, hint="sealproof access signer --output FILE")
    key = _editor(args).add_signer(lambda made: write_private(args.output, made.to_pem().decode()))
    if args.json:
        console.answer_json({"path": args.output, "fingerprint": fingerprint(key.public)})
    else:
        console.answer(f"wrote {args.output}: signs changes of the policy, fingerprint {fingerprint(key.public)}")
        console.say("keep it away from keys/: two signatures are worth two people only if two people hold the keys")
    return 0


def _unlock(args: Arguments) -> int:
    (subject,) = _words(args, "SUBJECT", least=1, most=1)
    count = _editor(args).unlock(check_subject(subject))
    if args.json:
        console.answer_json({"subject": subject, "counts": count})
    else:
        console.answer(f"{subject} may try again" if count else f"{subject} was not counted against")
    return 0


def _change(
    args: Arguments,
    word: str,
    tenants: Collection[str],
    make: Callable[[InForce], Policy],
    control: AccessControl | None = None,
) -> int:
    control = control or AccessControl(args.root)
    before = control.policy().policy
    return _report(args, _editor(args, control).change(word, tenants, make, _key(args)), before)


def _report(args: Arguments, signing: Signing, before: Policy) -> int:
    """Say whether a change is in force, and which rules came and went."""
    after = signing.policy
    added = [rule for rule in after.rules if before.rule(rule.id) is None]
    removed = [rule.id for rule in before.rules if after.rule(rule.id) is None]
    if args.json:
        console.answer_json(
            {
                "generation": after.generation,
                "in_force": signing.in_force,
                "signatures": signing.signers,
                "needed": signing.needed,
                "added": [rule_json(rule) for rule in added],
                "removed": removed,
            }
        )
        return 0
    for rule in added:
        console.say(f"added {rule_sentence(rule)}")
    if removed:
        console.say(f"removed {', '.join(removed)}")
    for rule in after.rules:
        if before.rule(rule.id) not in (None, rule):
            console.say(f"kept, for every name: {rule_sentence(rule)}; revoke it again if it is to go")
    if signing.in_force:
        console.answer(f"policy generation {after.generation} is in force")
    else:
        console.answer(f"policy generation {after.generation} waits: {signing.signers} of {signing.needed} signatures")
        console.say("another person signs it: sealproof access sign --key FILE")
    return 0


def _words(args: Arguments, form: str, *, least: int, most: int) -> list[str]:
    if not least <= len(args.words) <= most:
        message = f"access {args.action} takes {form}"
        raise CallerError(message, hint=f"sealproof access {args.action} {form}")
    return list(args.words)


def _request(args: Arguments, established: Established, form: str) -> Request:
    """Return what SUBJECT TENANT OPERATION [NAME] ask about."""
    subject, tenant, operation, *names = _words(args, form, least=3, most=4)
    name = check_name(names[0]) if names else ""
    whole = args.action == "explain" and args.environment == ANY
    place = "" if whole else arguments.environment_of(args)
    return Request(Subject(subject, established), check_tenant(tenant), place, name, check_operation(operation))


def _editor(args: Arguments, control: AccessControl | None = None) -> PolicyEditor:
    return PolicyEditor(control or AccessControl(args.root), Subject.this_user())


def _key(args: Arguments) -> SigningKey:
    if not args.key:
        return Keyring(args.root).signing_key(POLICY_KEY)
    text = read_private(args.key, limit=_PEM_MAX)
    if text is None:
        message = f"there is no policy key at {args.key}"
        raise KeyMissing(message, hint="sealproof access signer --output FILE makes one")
    return SigningKey.from_pem(text, name=args.key)

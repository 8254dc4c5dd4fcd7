"""Plant secrets that nobody needs, and hear of whoever asks for one.

sealproof canary add TENANT NAME           draw a value that looks like any other, seal it, list it as a canary
sealproof canary list [TENANT]             where canaries are, and who touched them
sealproof canary remove TENANT NAME        drop the secret, and take it off the list
sealproof canary seen TENANT NAME --where TEXT    its value was used somewhere: raise the alarm
sealproof canary test                      send a drill to every sink, and say which did not take it

The list lies in keys/ and nowhere else. Alarms go to ALERT_WEBHOOK_URL and ALERT_LOG_PATH.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sealproof.cli import arguments, console
from sealproof.cli.changes import check_description, describe, forget, report
from sealproof.cli.recorded import PLATFORM, recorded
from sealproof.cli.value_input import read_value
from sealproof.errors import CallerError, SealproofError, StoreExists, TargetUnavailable, UnknownSecret
from sealproof.monitoring import bait
from sealproof.monitoring.alert import Kind
from sealproof.monitoring.reporting import alert_by_hand, delivery_of
from sealproof.monitoring.sinks import sinks_of
from sealproof.monitoring.touches import touches
from sealproof.rotation.notify import notify_all
from sealproof.vault import canaries
from sealproof.vault.canaries import Canary
from sealproof.vault.custodian import Custodian
from sealproof.vault.handed import plain_name
from sealproof.vault.settings_file import settings_of

if TYPE_CHECKING:
    from sealproof.cli.arguments import Arguments, Parser
    from sealproof.monitoring.touches import Touch

WITHIN_S = 60.0  # seconds that an alarm may take: the catalogue's `canary_alert_seconds`
_HINT = 'printf %s "$VALUE" | sealproof canary add TENANT NAME --given'
_NO_SINK = "alarms would reach nobody: set ALERT_WEBHOOK_URL or ALERT_LOG_PATH, then sealproof canary test"


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("action", metavar="ACTION", choices=tuple(_ACTIONS), help=" | ".join(_ACTIONS))
    parser.add_argument("tenant", metavar="TENANT", nargs="?", default="")
    parser.add_argument("name", metavar="NAME", nargs="?", default="")
    arguments.add_environment(parser)
    arguments.add_allow(parser)
    arguments.add_description(parser)
    parser.add_argument(
        "--given", action="store_true", help="add: take the value in, such as a honeytoken that its service watches"
    )
    parser.add_argument("--where", metavar="TEXT", default="", help="seen: where the value turned up")
    arguments.add_json(parser)


def run(args: Arguments) -> int:
    """Do one of the actions."""
    needs_name = args.action in ("add", "remove", "seen")
    if needs_name and not (args.tenant and args.name):
        message = f"canary {args.action} needs a tenant and a name"
        raise CallerError(message, hint=f"sealproof canary {args.action} TENANT NAME")
    return _ACTIONS[args.action](args)


def _add(args: Arguments) -> int:
    plain_name(args.name)
    environment = arguments.environment_of(args)
    custodian = Custodian(args.root)
    check_description(custodian, args.tenant, args)
    present = {entry.name for entry in custodian.envelope(args.tenant, environment).entries}
    was_listed = _is_listed(args, environment)
    if args.name in present and not was_listed:
        message = f"{args.tenant}/{environment} has a secret {args.name} already, and somebody may need it"
        raise StoreExists(message, hint="choose another name", names=(args.name,))
    value = read_value(args.name, hint=_HINT) if args.given else bait.draw(args.name).encode()
    with recorded(args.root, "canary.add", tenant=args.tenant, environment=environment):
        canaries.enlist(args.root, args.tenant, Canary(environment, args.name, int(time.time())))
        try:
            change = custodian.seal(args.tenant, environment, {args.name: value}, allow=args.allow)
        except SealproofError:
            if not was_listed:
                canaries.strike(args.root, args.tenant, environment, args.name)
            raise
    report(f"{args.tenant}/{environment}", change)
    describe(custodian, args.tenant, args)
    if not sinks_of(settings_of(args.root), args.root):
        console.say(_NO_SINK)
    return 0


def _remove(args: Arguments) -> int:
    environment = arguments.environment_of(args)
    _check_listed(args, environment)
    custodian = Custodian(args.root)
    check_description(custodian, args.tenant, args)
    present = {entry.name for entry in custodian.envelope(args.tenant, environment).entries}
    with recorded(args.root, "canary.remove", tenant=args.tenant, environment=environment):
        if args.name in present:
            change = custodian.remove(args.tenant, environment, args.name)
            report(f"{args.tenant}/{environment}", change)
            forget(custodian, args.tenant, change)
        canaries.strike(args.root, args.tenant, environment, args.name)
    return 0


def _list(args: Arguments) -> int:
    tenants = [args.tenant] if args.tenant else Custodian(args.root).store.tenants()
    rows = [row for tenant in tenants for row in _rows(args.root, tenant)]
    if args.json:
        console.answer_json({"canaries": rows})
    elif rows:
        now = int(time.time())
        shown = [
            (
                f"{row['tenant']}/{row['environment']}", str(row["name"]), console.age(now - int(str(row["since"]))),
                str(row["touched"]), str(row["untold"]), str(row["last"] or "-"),
            )
            for row in rows
        ]  # fmt: skip
        console.table(("WHERE", "CANARY", "SINCE", "TOUCHED", "NOT TOLD", "LAST"), shown)
    else:
        console.say("no canary yet: sealproof canary add TENANT NAME")
    return 0


def _seen(args: Arguments) -> int:
    environment = arguments.environment_of(args)
    _check_listed(args, environment)
    if not args.where:
        message = "canary seen needs to know where"
        raise CallerError(message, hint='sealproof canary seen TENANT NAME --where "log-in at the mail service"')
    where = console.visible(args.where.replace("\n", " "))
    detail = f"the value of the canary {args.tenant}/{environment}/{args.name} turned up elsewhere: {where}"
    alert = alert_by_hand(Kind.SEEN, args.tenant, environment, args.name, detail)
    delivery = delivery_of(args.root, args.tenant)
    if not delivery.bring(alert):
        raise _untold(list(delivery.problems))
    console.answer("every sink was told, and the audit log has it")
    return 0


def _test(args: Arguments) -> int:
    sinks = sinks_of(settings_of(args.root), args.root)
    detail = "a drill: nobody touched anything, somebody tries whether alerts arrive"
    with recorded(args.root, "canary.test", tenant=PLATFORM) as numbers:
        problems = notify_all(sinks, alert_by_hand(Kind.DRILL, "", "", "", detail))
        numbers |= {"attempts": len(sinks)}
    if problems or not sinks:
        raise _untold(problems)
    console.answer(f"{console.counted(len(sinks), 'sink')} took the drill; look whether it arrived at a person, too")
    return 0


_ACTIONS = {"add": _add, "list": _list, "remove": _remove, "seen": _seen, "test": _test}


def _untold(problems: list[str]) -> TargetUnavailable:
    message = (
        f"not every sink was told: {'; '.join(dict.fromkeys(problems))}" if problems else "there is no sink to tell"
    )
    return TargetUnavailable(message, hint="set ALERT_WEBHOOK_URL or ALERT_LOG_PATH, then sealproof canary test")


def _is_listed(args: Arguments, environment: str) -> bool:
    return any(one[:2] == (environment, args.name) for one in canaries.listed(args.root, args.tenant))


def _check_listed(args: Arguments, environment: str) -> None:
    if not _is_listed(args, environment):
        message = f"{args.tenant}/{environment} has no canary {args.name!r:.80}"
        raise UnknownSecret(message, hint=f"sealproof canary list {args.tenant}", names=(args.name,))


def _rows(root: str, tenant: str) -> list[dict[str, object]]:
    present = canaries.listed(root, tenant)
    found: dict[Canary, list[Touch]] = {one: [] for one in present}
    for touch in touches(root, tenant, present, within_s=WITHIN_S):
        found[touch.canary].append(touch)
    return [
        {
            "tenant": tenant,
            "environment": one.environment,
            "name": one.name,
            "since": one.since,
            "touched": len(some),
            "untold": sum(not touch.is_told for touch in some),
            "last": _last(some),
        }
        for one, some in found.items()
    ]


def _last(some: list[Touch]) -> str:
    if not some:
        return ""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(some[-1].at // 1000))
    return f"{at} {some[-1].actor}"

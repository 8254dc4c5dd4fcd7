"""Give secrets new values, here and at what they unlock, while everyone goes on using them.

sealproof rotate --due                        all that is due, in every tenant; for cron and CI, safe to run twice
sealproof rotate NAME --tenant T [--force]    one secret, or on with its rotation; --force though it is not due
sealproof rotate NAME --tenant T --paste      hand over a value that a person made, from standard input or a prompt
sealproof rotate NAME --tenant T --abandon    give a rotation up: back where the old value is still valid
sealproof rotate --status                     what is under way, and what is due when

Targets stand in tenants/TENANT/rotation.toml (docs/rotation.md).
Exit codes: 0 rotated, waiting, given up as asked, or nothing to do; 1 rolled back by itself, or a person is needed;
else as for every command.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

from sealproof.cli import arguments, console
from sealproof.cli.everywhere import Place, places
from sealproof.cli.exits import OK, REFUSED, exit_code_of
from sealproof.cli.value_input import read_value
from sealproof.cli.waiting import Waiting
from sealproof.errors import CallerError, RotationRefused, SealproofError
from sealproof.rotation.configuration import Configuration
from sealproof.rotation.custody import AdvancedSecretManager
from sealproof.rotation.schedule import Schedule
from sealproof.rotation.scheduler import AutoRotationScheduler, Outcome, is_by_hand, outcome_of
from sealproof.rotation.states import state_of
from sealproof.rotation.strategies import Strategy
from sealproof.vault.store.local import LocalStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.cli.arguments import Arguments, Parser

_WORDS = {
    "rotated": "rotated",
    "waits": "waits",
    "rolled-back": "ROLLED BACK",
    "needs-human": "NEEDS A PERSON",
    "refused": "cannot be rotated",
    "failed": "FAILED",
    "busy": "busy elsewhere",
    "window": "waits",
    "told": "told",
    "untold": "not everyone could be told",
}


def configure(parser: Parser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("name", metavar="NAME", nargs="?", default="", help="the secret")
    add("--tenant", metavar="T", default="", help="default: SEALPROOF_TENANT, then the only tenant; --due: all")
    arguments.add_environment(parser)
    add("--due", action="store_true", help="everything that is due, and every rotation under way")
    add("--status", action="store_true", help="say what is under way and what is due when")
    add("--strategy", choices=[one.value for one in Strategy], default=None, help="default: rotation.toml, then target")
    add("--force", action="store_true", help="rotate NAME though it is not due")
    add("--abandon", action="store_true", help="give up the rotation of NAME that is under way")
    add("--paste", action="store_true", help="take the new value from standard input or a prompt")
    add("--unproven", action="store_true", help="go on though the present value does not open the target")
    add("--no-wait", action="store_true", help="return at the first pause; the next run goes on")
    arguments.add_json(parser)


def run(args: Arguments) -> int:
    """Do one of the actions."""
    if args.status:
        return _status(args)
    if args.due == bool(args.name):
        message = "say either which secret to rotate, or --due"
        raise CallerError(message, hint="sealproof rotate NAME --tenant T, or sealproof rotate --due")
    alone = [word for word in ("force", "abandon", "paste", "unproven", "strategy") if args.due and getattr(args, word)]
    if alone:
        message = f"--{alone[0]} is for one secret, and --due is for all that are due"
        raise CallerError(message, hint=f"sealproof rotate NAME --tenant T --{alone[0]}")
    outcomes = _due(args) if args.due else [_one(args)]
    if args.json:
        console.answer_json([_plain(outcome) for outcome in outcomes])
    else:
        for outcome in outcomes:
            console.answer(f"{outcome.name}: {_WORDS[outcome.did]}{f': {outcome.detail}' if outcome.detail else ''}")
            if outcome.error is not None and outcome.error.hint:
                console.say(f"sealproof: hint: {outcome.error.hint}")
        if not outcomes:
            console.answer("nothing is due")
    codes = [OK if args.abandon and one.did == "rolled-back" else _code(one) for one in outcomes]
    return max(codes, default=OK)


def _due(args: Arguments) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for place in _places(args):
        try:
            outcomes += _due_in(args, place)
        except SealproofError as exc:
            outcomes.append(Outcome(str(place), "failed", exc.message, error=exc))
    return outcomes


def _places(args: Arguments) -> Iterator[Place]:
    return places(args.root, args.tenant, arguments.environment_of(args) if args.environment else "")


def _due_in(args: Arguments, place: Place) -> list[Outcome]:
    """Rotate what is due in one file."""
    if place.error is not None:
        raise place.error
    scheduler = AutoRotationScheduler(place.tenant, environment=place.environment, root=args.root)
    try:
        found = asyncio.run(scheduler.run_due(wait=False))
    finally:
        scheduler.close()
    return [one._replace(name=f"{place}/{one.name}") for one in found]


def _one(args: Arguments) -> Outcome:
    manager = _manager(args)
    manager.on_pause = Waiting()
    try:
        if args.abandon:
            result = asyncio.run(manager.abandon_rotation(args.name))
        else:
            version = _due_version(args, manager)
            value = _pasted(args, manager.tenant_id) if args.paste else None
            result = asyncio.run(
                manager.rotate_secret(
                    args.name, value, args.strategy, wait=not args.no_wait, unproven=args.unproven, version=version
                )
            )
    finally:
        manager.close()
    outcome = outcome_of(result)
    return outcome._replace(name=f"{manager.tenant_id}/{manager.environment}/{args.name}")


def _pasted(args: Arguments, tenant: str) -> str:
    hint = f'printf %s "$VALUE" | sealproof rotate {args.name} --tenant {tenant} --paste'
    return read_value(args.name, hint=hint).decode()


def _due_version(args: Arguments, manager: AdvancedSecretManager) -> int | None:
    """Return the version that is due; 0 to go on only, None for any, as one that is forced or handed over.

    Raises RotationRefused where it is young enough.
    """
    engine = manager.engine()
    if args.force or args.paste:
        return None
    if engine.underway(args.name):
        return 0
    seen = engine.shelf.look(args.name)
    due = Schedule(manager.custodian, manager.tenant_id).due(
        manager.environment, Configuration(manager.custodian, manager.tenant_id)
    )
    at, version = next(((one.at, one.version) for one in due if one.name == args.name), (None, 0))
    if at is None or at > time.time():
        when = "no day to be rotated" if at is None else f"to be rotated on {_day(at)}"
        message = f"{args.name} (version {seen.version}) has {when}, so it was left alone"
        raise RotationRefused(message, hint=f"sealproof rotate {args.name} --tenant {manager.tenant_id} --force")
    return version


def _status(args: Arguments) -> int:
    rows: list[list[str]] = []
    codes = [OK]
    for place in _places(args):
        try:
            rows += _standing(args, place)
        except SealproofError as exc:
            rows.append([str(place), _WORDS["failed"], "", exc.message])
            codes.append(exit_code_of(exc))
    keys = ("secret", "state", "strategy", "why")
    if args.json:
        console.answer_json([dict(zip(keys, row, strict=True)) for row in rows])
    else:
        console.table(keys, rows)
    return max(codes)


def _standing(args: Arguments, place: Place) -> list[list[str]]:
    """Return what is under way in one file, and what is due when."""
    if place.error is not None:
        raise place.error
    manager = AdvancedSecretManager(place.tenant, environment=place.environment, root=args.root)
    try:
        engine = manager.engine()
        underway = {one.scope.rpartition("/")[2]: one for one in engine.underway()}
        rows = [
            [f"{place}/{name}", state_of(one).value, one.text("strategy"), engine.standing(one)]
            for name, one in underway.items()
        ]
        configuration = Configuration(manager.custodian, place.tenant)
        for due in Schedule(manager.custodian, place.tenant).due(place.environment, configuration):
            if due.name not in underway:
                state = "due" if due.at <= time.time() else f"on {_day(due.at)}"
                why = "by hand: rotation.toml names no target" if is_by_hand(due, configuration) else ""
                rows.append([f"{place}/{due.name}", state, "", why])
    finally:
        manager.close()
    return rows


def _manager(args: Arguments) -> AdvancedSecretManager:
    tenant = args.tenant or os.environ.get("SEALPROOF_TENANT") or ""
    if not tenant:
        known = LocalStore(args.root).tenants()
        if len(known) != 1:
            message = "the store has several tenants, and none was named" if known else "the store has no tenant"
            raise CallerError(message, hint=f"sealproof rotate {args.name} --tenant T")
        tenant = known[0]
    return AdvancedSecretManager(tenant, environment=arguments.environment_of(args), root=args.root)


def _code(outcome: Outcome) -> int:
    if outcome.did in ("rolled-back", "needs-human"):
        return REFUSED
    return exit_code_of(outcome.error) if outcome.error is not None else OK


def _plain(outcome: Outcome) -> dict[str, object]:
    found = outcome.result
    return {
        "secret": outcome.name,
        "did": outcome.did,
        "detail": outcome.detail,
        "rotation": found.rotation if found else "",
        "state": found.state.value if found else "",
        "strategy": found.strategy.value if found else "",
        "until": found.until if found else None,
    }


def _day(at: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(at))

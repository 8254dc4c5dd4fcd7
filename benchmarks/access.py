"""Decide on access with 10 to 4,000 rules: the cost of a decision, how it grows, and casbin beside it if it is there.

Two policies: rules spread over many subjects, and every rule for the one subject who asks.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from itertools import cycle
from statistics import median
from timeit import repeat

from sealproof.vault.access import Conditions, Operation, Policy, Rule, Subject
from sealproof.vault.access.index import Index
from sealproof.vault.audit.interface import Established

SIZES = (10, 100, 1000, 4000)
NOW = 1_795_564_800
TARGET = "about 1 µs with 1,000 rules"
MODEL = """
[request_definition]
r = sub, ten, obj, act
[policy_definition]
p = sub, ten, obj, act
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.sub == p.sub && r.ten == p.ten && keyMatch(r.obj, p.obj) && r.act == p.act
"""


def main() -> None:
    """Print microseconds a decision, and how many times the smallest policy's."""
    for spread in (True, False):
        print("rules over many subjects" if spread else "all rules for the one subject who asks")
        first = 0.0
        for size in SIZES:
            cost = _microseconds(_ours(size, spread=spread))
            first = first or cost
            print(
                f"  {size:5} rules: {cost:6.2f} µs a decision, {cost / first:.2f} times the smallest (target {TARGET})"
            )
    try:
        import casbin  # noqa: PLC0415 - the comparison is optional
    except ImportError:
        print("casbin: not measured (pip install casbin)")
        return
    for size in (10, 1000):
        theirs, ours = _microseconds(_casbin(casbin, size), number=5), _microseconds(_ours(size, spread=True))
        print(f"casbin, {size:4} rules: {theirs:8.0f} µs a decision, {theirs / ours:.0f} times ours")


def _ours(size: int, *, spread: bool) -> Callable[[], object]:
    index = Index(Policy(1, "", NOW, (), {}, tuple(_rule(number, spread=spread) for number in range(size))))
    subjects = [Subject(_subject(number, spread=spread), Established.UID) for number in range(size)]
    asked = cycle([(subjects[number], f"SERVICE_{number}_TOKEN") for number in range(0, size, max(size // 10, 1))])

    def decide() -> object:
        subject, name = next(asked)
        return index.decide(subject, "acme", "production", name, "read", NOW)

    assert decide()  # noqa: S101 - a benchmark of refusals would measure something else
    return decide


def _casbin(casbin: object, size: int) -> Callable[[], object]:
    with tempfile.TemporaryDirectory() as directory:
        model, rules = os.path.join(directory, "model.conf"), os.path.join(directory, "policy.csv")
        with open(model, "w", encoding="utf-8") as file:
            file.write(MODEL)
        with open(rules, "w", encoding="utf-8") as file:
            file.writelines(f"p, user-{number}, acme, SERVICE_{number}_*, read\n" for number in range(size))
        enforcer = casbin.Enforcer(model, rules)  # type: ignore[attr-defined]
    number = size // 2
    return lambda: enforcer.enforce(f"user-{number}", "acme", f"SERVICE_{number}_TOKEN", "read")


def _rule(number: int, *, spread: bool) -> Rule:
    return Rule(
        f"r{number}",
        allows=True,
        subject=_subject(number, spread=spread),
        tenant="acme",
        environment="production",
        name=f"SERVICE_{number}_*",
        operations=(Operation.LIST, Operation.READ),
        conditions=Conditions("uid"),
        created=NOW,
        by="bench",
    )


def _subject(number: int, *, spread: bool) -> str:
    return f"user-{number}" if spread else "alice"


def _microseconds(call: Callable[[], object], number: int = 2000) -> float:
    return median(repeat(call, number=number, repeat=9)) / number * 1e6


if __name__ == "__main__":
    main()

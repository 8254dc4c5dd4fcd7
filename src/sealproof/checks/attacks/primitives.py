"""Rows D8 to D10: the primitives themselves, signatures, and comparisons that take their time."""

from __future__ import annotations

import ast
import os
from typing import TYPE_CHECKING

from sealproof.checks.attacks._vectors import KNOWN, bad_signatures, spoilt
from sealproof.checks.attacks.interface import NotApplicable, Primitive, Sourced
from sealproof.checks.attacks.registry import attack

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealproof.checks.attacks.bench import Bench

_HIDDEN = "its cryptography cannot be called apart"
_SPEAKS = frozenset("mac hmac tag token password secret passphrase".split())


@attack("D8")
def published_vectors(bench: Bench) -> None:
    """Hold each primitive in use against published answers and their spoilt twins."""
    functions = bench.part(Primitive, _HIDDEN).primitives()
    for name, function in functions.items():
        known = KNOWN[name]
        answer = _called(function, known.arguments)
        right = _is_accepted(answer) if known.answer is None else answer == known.answer
        bench.holds(f"{name}: the published answer is not given", right)
        for what, arguments in spoilt(name):
            bench.holds(f"{name}: {what} is accepted", not _is_accepted(_called(function, arguments)))
    bench.notes.append(f"{len(functions)} primitives")


@attack("D9")
def bad_signatures_refused(bench: Bench) -> None:
    """Verify signatures by another key, of another message, cut, extended and malleated."""
    verify = bench.part(Primitive, _HIDDEN).primitives().get("ed25519-verify")
    if verify is None:
        message = "it uses no signatures"
        raise NotApplicable(message)
    bench.holds("a good signature is refused", _is_accepted(_called(verify, KNOWN["ed25519-verify"].arguments)))
    for what, arguments in bad_signatures():
        bench.holds(f"a signature {what} is accepted", not _is_accepted(_called(verify, arguments)))


def _called(function: Callable[..., object], arguments: tuple[object, ...]) -> object:
    try:
        return function(*arguments)
    except Exception as exc:  # noqa: BLE001 - a primitive refuses by whatever its library raises
        return exc


def _is_accepted(answer: object) -> bool:
    return answer is not False and not isinstance(answer, Exception)


@attack("D10")
def comparisons(bench: Bench) -> None:
    """Read the store's source for `==` and `!=` on tags, tokens and passwords."""
    store = bench.part(Sourced, "its source cannot be read")
    for path in store.sources():
        with open(path, encoding="utf-8") as file:
            tree = ast.parse(file.read())
        for line in equal_secrets(tree):
            bench.broke(f"{os.path.basename(path)}:{line} compares a secret with ==")
        bench.holds("read", condition=True)
    bench.notes.append("the measured part is `make bench`: it informs")


def equal_secrets(tree: ast.AST) -> list[int]:
    """Return the lines on which something named like a tag or token is compared by value.

    Comparisons with a constant, with a length, or with a name in capitals tell nothing about a secret.
    """
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        and any(isinstance(operator, (ast.Eq, ast.NotEq)) for operator in node.ops)
        and all(_could_be_secret(side) for side in (node.left, *node.comparators))
        and any(_speaks(side) for side in (node.left, *node.comparators))
    ]


def _could_be_secret(side: ast.expr) -> bool:
    if isinstance(side, (ast.Constant, ast.Tuple, ast.Dict, ast.List, ast.Set)):
        return False
    if isinstance(side, ast.Call):
        return not (isinstance(side.func, ast.Name) and side.func.id in ("len", "type"))
    return not _name(side).isupper()


def _speaks(side: ast.expr) -> bool:
    return bool(_SPEAKS.intersection(_name(side).lower().strip("_").split("_")))


def _name(side: ast.expr) -> str:
    if isinstance(side, ast.Attribute):
        return side.attr
    if isinstance(side, ast.Call):
        return _name(side.func)
    return side.id if isinstance(side, ast.Name) else ""

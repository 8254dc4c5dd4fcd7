"""Say what a check looks at, when it passes, and which controls its evidence supports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.checks.registry import registered
from sealproof.cli import arguments, console
from sealproof.compliance import catalogue
from sealproof.compliance.additions import extended, of_store
from sealproof.errors import CallerError, StoreNotFound

if TYPE_CHECKING:
    from sealproof.cli.arguments import Arguments, Parser
    from sealproof.compliance.catalogue import Catalogue, Check


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("check", metavar="CHECK", nargs="?", help="an id such as SEC-004; without one, all are listed")
    arguments.add_json(parser)


def run(args: Arguments) -> int:
    """Print one declaration, or the list."""
    known = _known(args.root)
    if not args.check:
        rows = [
            (check.id, check.severity.value, "yes" if check.id in registered() else "not yet", check.title)
            for check in known.checks.values()
        ]
        console.table(("CHECK", "SEVERITY", "RUNS", "TITLE"), rows)
        return 0
    check = known.checks.get(args.check.upper())
    if check is None:
        message = f"unknown check {args.check!r:.40}"
        raise CallerError(message, hint="sealproof explain")
    if args.json:
        console.answer_json(
            dict(_facts(check)) | {"controls": {name: list(ids) for name, ids in check.mappings.items()}}
        )
        return 0
    for label, text in _facts(check):
        console.answer(f"{label + ':':13} {text}")
    for framework, ids in check.mappings.items():
        if ids:
            console.answer(f"{'supports:':13} {known.frameworks[framework].title}: {', '.join(ids)}")
    return 0


def _known(root: str) -> Catalogue:
    """Return the catalogue, with what the overlay of the store adds where there is a store."""
    try:
        return extended(catalogue.load(), of_store(root))
    except StoreNotFound:
        return catalogue.load()


def _facts(check: Check) -> list[tuple[str, str]]:
    return [
        ("check", f"{check.id} {check.title}"),
        ("severity", check.severity.value),
        ("evidence", check.evidence.name.lower()),
        ("why", check.rationale),
        ("looks at", check.looks_at),
        ("passes when", check.pass_when),
        ("needs", ", ".join(check.needs) or "nothing but the store"),
        ("fix", check.command or check.remediation),
    ]

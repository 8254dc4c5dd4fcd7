"""What container builds and source distributions would take along: `.dockerignore` and its kin, MANIFEST.in."""

from __future__ import annotations

import os
from collections import defaultdict
from typing import TYPE_CHECKING

from sealproof.checks.scan.contexts import contexts
from sealproof.checks.scan.dockerignore import decide, parse_rules
from sealproof.checks.scan.files import list_files
from sealproof.checks.scan.manifest_in import parse_commands, shipped_by
from sealproof.checks.scan.openings import add_rules, keys_below, opening, shown, text_of, told
from sealproof.checks.scan.remedies import append, docker_rules, drop_line
from sealproof.checks.scan.samples import EXPORTS, KEYS, PLAIN, samples
from sealproof.findings import Finding, not_applicable, passed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.checks.scan.contexts import Context as BuildContext

_BUILDS, _PACKAGING = "container builds", "packaging"


def container_builds(ctx: Context, source: str, root: str) -> Iterator[Finding]:
    """Yield what each ignore file of a container build lets through."""
    listing = list_files(source, keys=os.path.join(root, "keys"))
    found = list(contexts(source, [entry.path for entry in listing.entries], root))
    if not found:
        yield not_applicable(_BUILDS, "no Dockerfile, Containerfile or compose file that builds")
    for context in found:
        yield from _context(ctx, context)


def _context(ctx: Context, context: BuildContext) -> Iterator[Finding]:
    file, text = context.ignore_file, text_of(context.ignore_file)
    rules = parse_rules(text)
    whole = True
    for kind, paths in samples(ctx.target, context.base, beside=context.recipes).items():
        open_ones: defaultdict[str, list[str]] = defaultdict(list)
        for path in paths:
            kept_out, rule = decide(rules, path)
            if not kept_out:
                open_ones[f"!{rule.pattern}" if rule is not None else ""].append(path)
        for pattern, found in open_ones.items():
            whole = False
            add = add_rules(ctx, file, docker_rules(keys_below(ctx, context.base)))
            fix = drop_line(shown(file), pattern) if pattern else add
            why = f"{pattern} lets them in" if pattern else ("no rule" if text else "no such file")
            yield opening(f"{told(ctx, file)}: {kind}", found, len(paths), why, fix)
    if whole:
        yield passed(_BUILDS, f"{told(ctx, file)} keeps every sample path out of the build context")


def packaging(ctx: Context, source: str, root: str) -> Iterator[Finding]:
    """Yield what the commands of MANIFEST.in ship."""
    file = os.path.join(source, "MANIFEST.in")
    if not os.path.lexists(file):
        yield not_applicable(_PACKAGING, "no MANIFEST.in")
        return
    commands = parse_commands(text_of(file))
    paths = samples(ctx.target, source)
    keys = os.path.relpath(os.path.join(root, "keys"), source)
    plain = sorted({os.path.basename(path) for path in paths[PLAIN]})
    remedies = {KEYS: f"prune {keys}", PLAIN: f"global-exclude {' '.join(plain)}", EXPORTS: "global-exclude *.key"}
    whole = True
    for kind, remedy in remedies.items():
        shipped = [(path, by) for path in paths[kind] if (by := shipped_by(commands, path)) is not None]
        if shipped:
            whole = False
            why = f"{shipped[0][1].text} (line {shipped[0][1].line}) ships them"
            fix = append(shown(file), [remedy])
            yield opening(f"{told(ctx, file)}: {kind}", [path for path, _ in shipped], len(paths[kind]), why, fix)
    if whole:
        yield passed(_PACKAGING, "no command of MANIFEST.in ships a sample path")

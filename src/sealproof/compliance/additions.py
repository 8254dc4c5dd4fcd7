"""What a store's overlay adds to the catalogue: frameworks of its own, and further controls for a check.

    overlay.toml
    [frameworks.house]                   an id in lower case, which no shipped framework has
    title = "House rules"
    edition = "2026-03"
    publisher = "Acme Ltd"
    outside = ["what people do"]         what it asks that software cannot show
    controls = { "H-1" = "Secrets are rotated", "H-2" = "Leavers lose access" }

    [mappings.ROT-001]                   a check, and the controls that it gives evidence for besides
    house = ["H-1"]
    gdpr = ["32(2)"]                     of a shipped framework: an id that its edition has

Nothing that is shipped can be taken away or altered. What is added travels in `results.json`, so that
whoever verifies a report renders it again without the store, and the page names it as the store's own.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sealproof.compliance import limits
from sealproof.compliance._frozen import FrozenMapping
from sealproof.compliance.frameworks import Framework
from sealproof.errors import ConfigurationError
from sealproof.findings import NOTHING_ADDED, AddedFramework, AddedMapping, Additions

if TYPE_CHECKING:
    from sealproof.compliance._table import Table
    from sealproof.compliance.catalogue import Catalogue, Check

_ID: Final = re.compile(r"[a-z][a-z0-9-]{1,30}")
_CONTROL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.()/-]{0,39}")
_COPIES: Final = "ids and titles as the store's overlay states them"


def of_store(root: str) -> Additions:
    """Return what the overlay of the store at `root` adds; nothing where there is no such file.

    Raises ConfigurationError naming what is wrong, StoreNotFound.
    """
    file = limits.overlay_table(root)
    if file is None:
        return NOTHING_ADDED
    frameworks, mappings = file.optional_table("frameworks"), file.optional_table("mappings")
    return Additions(
        tuple(_framework(frameworks.table(name), name) for name in frameworks.names()),
        tuple(mapping for check in mappings.names() for mapping in _mappings(mappings.table(check), check)),
    )


def extended(catalogue: Catalogue, added: Additions) -> Catalogue:
    """Return the catalogue with what a store adds to it; its digest stays that of what was shipped.

    Raises ConfigurationError on an id that is taken or malformed, an unknown check, framework or control, and a
    mapping that is there already.
    """
    if added == catalogue.added:
        return catalogue
    frameworks = dict(catalogue.frameworks)
    for framework in added.frameworks:
        if framework.id in frameworks or not _ID.fullmatch(framework.id):
            raise _wrong(f"frameworks.{framework.id}", "is no free id: lower case, digits and hyphens, and not shipped")
        frameworks[framework.id] = _whole(framework)
    checks = dict(catalogue.checks)
    for mapping in added.mappings:
        where = f"mappings.{mapping.check}"
        if mapping.check not in checks:
            raise _wrong(where, "is no check of the catalogue")
        if mapping.framework not in frameworks:
            raise _wrong(where, f"names no known framework: {mapping.framework}")
        frameworks[mapping.framework] = _titled(frameworks[mapping.framework], mapping, where)
        checks[mapping.check] = _mapped(checks[mapping.check], mapping, where)
    return replace(catalogue, checks=FrozenMapping(checks), frameworks=FrozenMapping(frameworks), added=added)


def _framework(table: Table, name: str) -> AddedFramework:
    controls = table.table("controls")
    framework = AddedFramework(
        id=name,
        title=table.text("title"),
        edition=table.text("edition"),
        publisher=table.text("publisher"),
        controls=tuple((control, controls.text(control)) for control in controls.names()),
        outside=table.texts("outside"),
    )
    table.done()
    return framework


def _mappings(table: Table, check: str) -> list[AddedMapping]:
    return [AddedMapping(check, framework, table.texts(framework)) for framework in table.names()]


def _whole(added: AddedFramework) -> Framework:
    where = f"frameworks.{added.id}"
    ids = tuple(control for control, _ in added.controls)
    malformed = [control for control in ids if not _CONTROL.fullmatch(control)]
    if malformed or not ids or len(set(ids)) < len(ids):
        raise _wrong(where, f"{malformed[0]!r:.40} is no control id" if malformed else "needs controls, each once")
    if not added.outside:
        raise _wrong(where, "must name something that software cannot show (outside)")
    return Framework(
        id=added.id,
        title=added.title,
        edition=added.edition,
        publisher=added.publisher,
        licence=_COPIES,
        checked="",
        ids=ids,
        titles=FrozenMapping(dict(added.controls)),
        unverified=(),
        outside=added.outside,
        reach_unit="controls",
        reach_series=(),
        reach_total=len(ids),
    )


def _titled(framework: Framework, mapping: AddedMapping, where: str) -> Framework:
    unknown = [control for control in mapping.controls if control not in framework.ids]
    if unknown:
        raise _wrong(where, f"{framework.title} {framework.edition} does not have {unknown[0]}")
    untitled = {control: control for control in mapping.controls if control not in framework.titles}
    return replace(framework, titles=FrozenMapping({**framework.titles, **untitled})) if untitled else framework


def _mapped(check: Check, mapping: AddedMapping, where: str) -> Check:
    present = check.mappings.get(mapping.framework, ())
    doubled = [control for control in mapping.controls if control in present]
    if doubled:
        raise _wrong(where, f"maps to {mapping.framework} {doubled[0]} already")
    controls = (*present, *mapping.controls)
    return replace(check, mappings=FrozenMapping({**check.mappings, mapping.framework: controls}))


def _wrong(where: str, message: str) -> ConfigurationError:
    return ConfigurationError(f"{limits.OVERLAY}: {where} {message}", hint="docs/compliance.md, Limits", names=(where,))

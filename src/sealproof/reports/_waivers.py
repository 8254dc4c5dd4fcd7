"""A waiver as it stands in `results.json`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sealproof.findings import Scope, Waiver
from sealproof.reports._reader import LARGEST

if TYPE_CHECKING:
    from sealproof.reports._reader import Node

_TEXTS = ("id", "resource", "reason", "owner", "approver", "created", "expires", "reference", "compensating", "refused")
_FIELDS = (*_TEXTS, "check", "scope", "days_left", "covers")
_CHECK = re.compile(r"[A-Z]{2,8}-[0-9]{3}")


def waiver_to_dict(waiver: Waiver) -> dict[str, object]:
    """Return a waiver as plain data."""
    return {name: getattr(waiver, name) for name in _TEXTS} | {
        "check": waiver.check,
        "scope": {"tenant": waiver.scope.tenant, "environment": waiver.scope.environment},
        "days_left": waiver.days_left,
        "covers": waiver.covers,
    }


def waiver_from(node: Node) -> Waiver:
    """Return the waiver that `waiver_to_dict` wrote. Raises EvidenceRejected, naming the field."""
    fields = node.fields(*_FIELDS)
    scope = fields["scope"].fields("tenant", "environment")
    return Waiver(
        **{name: fields[name].text() for name in _TEXTS},
        check=fields["check"].text(_CHECK, empty=False),
        scope=Scope(scope["tenant"].text(), scope["environment"].text()),
        days_left=fields["days_left"].integer(-LARGEST),
        covers=fields["covers"].integer(),
    )

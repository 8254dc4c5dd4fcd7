"""What a store's overlay adds to the catalogue, as it stands in `results.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.findings import AddedFramework, AddedMapping, Additions

if TYPE_CHECKING:
    from sealproof.reports._reader import Node

_TEXTS = ("id", "title", "edition", "publisher")


def additions_to_dict(added: Additions) -> dict[str, object]:
    """Return additions as plain data."""
    return {
        "frameworks": [
            {name: getattr(item, name) for name in _TEXTS}
            | {
                "controls": [{"id": control, "title": title} for control, title in item.controls],
                "outside": list(item.outside),
            }
            for item in added.frameworks
        ],
        "mappings": [
            {"check": item.check, "framework": item.framework, "controls": list(item.controls)}
            for item in added.mappings
        ],
    }


def additions_from(node: Node) -> Additions:
    """Return the additions that `additions_to_dict` wrote. Raises EvidenceRejected, naming the field."""
    fields = node.fields("frameworks", "mappings")
    return Additions(
        tuple(_framework(item) for item in fields["frameworks"].items()),
        tuple(_mapping(item) for item in fields["mappings"].items()),
    )


def _framework(node: Node) -> AddedFramework:
    fields = node.fields(*_TEXTS, "controls", "outside")
    controls = [item.fields("id", "title") for item in fields["controls"].items()]
    return AddedFramework(
        **{name: fields[name].text(empty=False) for name in _TEXTS},
        controls=tuple((item["id"].text(empty=False), item["title"].text(empty=False)) for item in controls),
        outside=tuple(item.text() for item in fields["outside"].items()),
    )


def _mapping(node: Node) -> AddedMapping:
    fields = node.fields("check", "framework", "controls")
    controls = tuple(item.text(empty=False) for item in fields["controls"].items())
    return AddedMapping(fields["check"].text(empty=False), fields["framework"].text(empty=False), controls)

"""What a run looked at, as in-toto resource descriptors."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sealproof.findings import RunResult


def assessed(run: RunResult) -> list[dict[str, object]]:
    """Return the public inputs of all checks, each once, by name."""
    inputs = {(item.name, item.sha256) for result in run.results for item in result.inputs}
    return [resource(name, digest) for name, digest in sorted(inputs)]


def resource(name: str, digest: str) -> dict[str, object]:
    """Return one thing by name and SHA-256."""
    return {"name": name, "digest": {"sha256": digest}}

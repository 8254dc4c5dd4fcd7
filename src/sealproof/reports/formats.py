"""The table of formats: a report's files by name, and the function that makes each.

A new format is one module with a `render` of this shape and one line here. Writing, signing and
verifying take it from the table.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from sealproof.compliance.additions import extended
from sealproof.reports import attestation, controls, html, junit, oscal, results, sarif, summary, testresult
from sealproof.signing import sha256

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealproof.compliance.catalogue import Catalogue
    from sealproof.findings import RunResult


class Renderer(Protocol):
    """Makes one file of a report: a pure function, the same bytes for the same run."""

    def __call__(self, run: RunResult, catalogue: Catalogue, *, signer: str) -> bytes:
        """Return the file. `signer` is the report key's fingerprint, or empty for an unsigned report."""


def _results(run: RunResult, catalogue: Catalogue, *, signer: str) -> bytes:  # noqa: ARG001 - the shape of a Renderer
    return results.encode(run, catalogue)


RENDERERS: Final[Mapping[str, Renderer]] = MappingProxyType(
    {
        results.NAME: _results,
        html.NAME: html.render,
        sarif.NAME: sarif.render,
        junit.NAME: junit.render,
        oscal.NAME: oscal.render,
        controls.NAME: controls.render,
        summary.NAME: summary.render,
    }
)
"""Every file that a report has, but for its attestation."""

SHORT_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "json": results.NAME,
        "html": html.NAME,
        "sarif": sarif.NAME,
        "junit": junit.NAME,
        "oscal": oscal.NAME,
        "csv": controls.NAME,
        "md": summary.NAME,
    }
)
"""What a format is called on the command line."""

ALWAYS: Final = frozenset({*RENDERERS, testresult.NAME})
"""What each signed report holds beside its attestation."""

KEPT: Final = frozenset({results.NAME, testresult.NAME, attestation.NAME})
"""What must be kept of a run: everything else is rendered from it again."""


def is_ours(name: str) -> bool:
    """Tell whether a file of this name may stand in a report's directory."""
    return name in ALWAYS or name == attestation.NAME or bool(html.PAGE_FILE.fullmatch(name))


def render_all(run: RunResult, catalogue: Catalogue, *, signer: str) -> dict[str, bytes]:
    """Return every file of a report that the results render to, by name; the page of a fleet is several."""
    catalogue = extended(catalogue, run.additions)
    source = results.encode(run, catalogue)
    files = {results.NAME: source} | html.pages(run, catalogue, signer=signer, digest=sha256(source).hex())
    others = {name: render for name, render in RENDERERS.items() if name not in files}
    return files | {name: render(run, catalogue, signer=signer) for name, render in others.items()}


def render_one(name: str, run: RunResult, catalogue: Catalogue) -> bytes:
    """Return one file of a report by its name, unsigned."""
    return RENDERERS[name](run, extended(catalogue, run.additions), signer="")

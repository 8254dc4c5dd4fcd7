"""`report.html`: the page for people. No script, no outside host, the same bytes each time.

One file, as long as that stays under `PAGE_MAX`. A larger run is an index, which shows of each check the
worst items, and pages with every result, a batch of tenants each; all of them are files of the report.

Every text of a run passes `visible` and is then escaped, both in one place: the environment's
`finalize` and its autoescape. The page's content policy allows its one style sheet, by digest, and
nothing else, so that markup which got through all the same would still not load or run.
"""

from __future__ import annotations

import binascii
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from sealproof.findings import Severity
from sealproof.reports import recipe
from sealproof.reports._charts import LIMIT_AT, SOON, TREND_HEIGHT, WAIVER_SOON
from sealproof.reports._checks import is_command, item_of
from sealproof.reports._extras import extra
from sealproof.reports._page import build, scope_views
from sealproof.reports._states import BAR, CLAIM_STATES, EVIDENCE_MEANINGS, EVIDENCE_WORDS, STATE_MEANINGS, STATE_WORDS
from sealproof.reports._times import readable, stamp
from sealproof.reports._visible import visible
from sealproof.reports.coverage import Claim
from sealproof.reports.results import encode
from sealproof.signing import sha256

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sealproof.compliance.catalogue import Catalogue
    from sealproof.findings import RunResult
    from sealproof.reports._page import ScopeView

NAME: Final = "report.html"
PAGE_FILE: Final = re.compile(r"report-[0-9]{4}\.html")
"""What the pages beside the index are called."""
PAGE_MAX: Final = 2_000_000
"""Bytes up to which a run is one page: what a browser lays out without a wait."""
WHOLE_MAX: Final = 4000
"""Results above which nobody tries: not even the shortest fit into one page."""
BATCH_RESULTS: Final = 4500
"""Results a page beside the index, some 2 MB."""
INDEX_ITEMS: Final = 5
"""Items that the index shows of one check, the worst first."""

_INDEX: Final = "report.html.j2"
_BATCH: Final = "batch.html.j2"
_STYLE: Final = "report.css"


def render(run: RunResult, catalogue: Catalogue, *, signer: str) -> bytes:
    """Return the page of `run`, or the index where there are several.

    `signer` is the report key's fingerprint, or empty: then it says UNSIGNED.

    Raises EvidenceRejected if the run has a check that the catalogue does not, MissingExtra without jinja2.
    """
    return pages(run, catalogue, signer=signer)[NAME]


def pages(run: RunResult, catalogue: Catalogue, *, signer: str, digest: str = "") -> dict[str, bytes]:
    """Return every page of `run` by file name, the index first; `digest` is that of its `results.json`.

    Raises as `render`.
    """
    digest = digest or sha256(encode(run, catalogue)).hex()
    views = scope_views(run, catalogue)
    if len(run.results) <= WHOLE_MAX:
        page = build(run, catalogue, signer=signer, digest=digest, scopes=views, batches={}, most=len(run.results))
        whole = _filled(_INDEX, page=page, run=run, catalogue=catalogue)
        if len(whole) <= PAGE_MAX:
            return {NAME: whole}
    batches = _batches(views)
    page = build(run, catalogue, signer=signer, digest=digest, scopes=views, batches=batches, most=INDEX_ITEMS)
    shared = {"page": page, "run": run, "catalogue": catalogue}
    return {NAME: _filled(_INDEX, **shared)} | {
        name: _filled(_BATCH, scopes=batch, name=name, **shared) for name, batch in batches.items()
    }


def _batches(views: Sequence[ScopeView]) -> dict[str, tuple[ScopeView, ...]]:
    """Return the scopes by the page that lists them; a scope is never cut."""
    batches: list[list[ScopeView]] = [[]]
    for view in views:
        if batches[-1] and sum(len(item.results) for item in batches[-1]) + len(view.results) > BATCH_RESULTS:
            batches.append([])
        batches[-1].append(view)
    return {f"report-{number:04d}.html": tuple(batch) for number, batch in enumerate(batches, 1)}


def _filled(template: str, **context: object) -> bytes:
    text: str = _environment().get_template(template).render(**context)
    return text.encode()


@cache
def _environment() -> Any:  # noqa: ANN401 - jinja2 is optional
    jinja2 = extra("jinja2")
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FunctionLoader(_template),
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    markup = extra("markupsafe")
    style = _template(_STYLE)
    environment.globals = {
        "style": markup.Markup(style),  # our own file
        "style_digest": binascii.b2a_base64(sha256(style.encode()), newline=False).decode(),
        "verify_command": recipe.VERIFY,
        "recipe": markup.escape(recipe.RECIPE),
        "items_shown": INDEX_ITEMS,
        "item_of": item_of,
        "limit_at": LIMIT_AT,
        "soon": SOON,
        "waiver_soon": WAIVER_SOON,
        "trend_height": TREND_HEIGHT,
        "bar_width": BAR,
        "claims": tuple(Claim),
        "severities": tuple(Severity),
        "claim_states": CLAIM_STATES,
        "state_words": STATE_WORDS,
        "state_meanings": STATE_MEANINGS,
        "evidence_words": EVIDENCE_WORDS,
        "evidence_meanings": EVIDENCE_MEANINGS,
    }
    environment.filters |= {"when": readable, "stamp": stamp, "day": _day}
    environment.tests |= {"command": is_command, "said": _said}
    return environment


def _template(name: str) -> str:
    return (files("sealproof.reports") / "templates" / name).read_text("utf-8")


def _day(milliseconds: int) -> str:
    return stamp(milliseconds)[:10]


def _said(check: str, claims: Mapping[str, Claim], said: Claim) -> bool:
    return claims.get(check, Claim.NONE) is said


def _shown(value: object) -> object:
    # NOTE: what is markup here came out of our own macros, escaped already; all else becomes text at this place.
    return value if hasattr(value, "__html__") else visible(str(value))

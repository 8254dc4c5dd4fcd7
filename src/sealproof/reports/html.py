"""`report.html`: the page for people. One file, no script, no outside host, the same bytes each time.

Every text of a run passes `visible` and is then escaped, both in one place: the environment's
`finalize` and its autoescape. The page's content policy allows its one style sheet, by digest, and
nothing else, so that markup which got through all the same would still not load or run.
"""

from __future__ import annotations

import binascii
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from sealproof.findings import Severity
from sealproof.reports import recipe
from sealproof.reports._checks import ITEMS_SHOWN, is_command
from sealproof.reports._extras import extra
from sealproof.reports._page import build
from sealproof.reports._states import BAR, CLAIM_STATES, EVIDENCE_MEANINGS, EVIDENCE_WORDS, STATE_MEANINGS, STATE_WORDS
from sealproof.reports._times import readable, stamp
from sealproof.reports._visible import visible
from sealproof.reports.coverage import Claim
from sealproof.reports.results import encode
from sealproof.signing import sha256

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealproof.compliance.catalogue import Catalogue
    from sealproof.findings import RunResult

NAME: Final = "report.html"
_TEMPLATE: Final = "report.html.j2"
_STYLE: Final = "report.css"


def render(run: RunResult, catalogue: Catalogue, *, signer: str) -> bytes:
    """Return the page of `run`; `signer` is the report key's fingerprint, or empty: then it says UNSIGNED.

    Raises EvidenceRejected if the run has a check that the catalogue does not, MissingExtra without jinja2.
    """
    digest = sha256(encode(run, catalogue)).hex()
    page = build(run, catalogue, signer=signer, digest=digest)
    text: str = _environment().get_template(_TEMPLATE).render(page=page, run=run, catalogue=catalogue)
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
        "items_shown": ITEMS_SHOWN,
        "bar_width": BAR,
        "claims": tuple(Claim),
        "severities": tuple(Severity),
        "claim_states": CLAIM_STATES,
        "state_words": STATE_WORDS,
        "state_meanings": STATE_MEANINGS,
        "evidence_words": EVIDENCE_WORDS,
        "evidence_meanings": EVIDENCE_MEANINGS,
    }
    environment.filters |= {"when": readable, "stamp": stamp}
    environment.tests |= {"command": is_command, "said": _said}
    return environment


def _template(name: str) -> str:
    return (files("sealproof.reports") / "templates" / name).read_text("utf-8")


def _said(check: str, claims: Mapping[str, Claim], said: Claim) -> bool:
    return claims.get(check, Claim.NONE) is said


def _shown(value: object) -> object:
    # NOTE: what is markup here came out of our own macros, escaped already; all else becomes text at this place.
    return value if hasattr(value, "__html__") else visible(str(value))

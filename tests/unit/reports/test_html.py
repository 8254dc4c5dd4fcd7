"""The page: inert whatever it is given, the same each time, honest about its signature, readable."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from sealproof.errors import EvidenceRejected
from sealproof.findings import Scope, Severity, Shard, Status, passed
from sealproof.reports import html, results
from sealproof.reports._page import scope_views
from sealproof.reports._visible import visible
from sealproof.reports.attestation import attest
from sealproof.reports.edition import edition
from sealproof.reports.verify import verify
from sealproof.reports.write import render_files, write_report

from .readers import of_batch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sealproof.compliance.catalogue import Catalogue
    from sealproof.findings import RunResult
    from sealproof.signing import SigningKey

SIGNER = "56475aa75463474c"
NASTY = {
    "markup": "<script>alert(1)</script><img src=x onerror=alert(1)><b>",
    "attribute": "\"'><svg/onload=alert(1)> ` {{7*7}}",
    "terminal": "\x1b[2J\x1b]8;;https://evil.example\x07click\x1b]8;;\x07",
    "formula": '=HYPERLINK("https://evil.example","x")',
    "line breaks": "one\r\ntwo\u2028three\u0085four",
    "bidi": "\u202egnp.exe\u2066\u2069\u200f",
    "comment": "--><style>*{display:none}</style><!--",
    "entity": "&lt;script&gt;&#x202e;&amp;",
    "surrogate": "caf\udce9\x00",
    "template": "{% include '/etc/passwd' %}{# #}",
}
VOID = {"meta", "link", "br", "rect", "path", "use"}


class Page(HTMLParser):
    """What a browser would make of the page."""

    def __init__(self, page: bytes) -> None:
        """Parse `page`; every tag must be closed."""
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.style = ""
        self.feed(page.decode())
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self.text.append(data)

    def values(self, name: str) -> list[str]:
        return [value or "" for _, attrs in self.tags for key, value in attrs if key == name]

    def shape(self) -> list[tuple[str, tuple[str, ...]]]:
        return [(tag, tuple(key for key, _ in attrs)) for tag, attrs in self.tags]


@pytest.fixture(scope="session")
def page(run: RunResult, catalogue: Catalogue) -> str:
    return html.render(run, catalogue, signer=SIGNER).decode()


def _words(page: str) -> str:
    return " ".join(" ".join(Page(page.encode()).text).split()).replace(" ,", ",")


def test_the_same_run_is_the_same_bytes(run: RunResult, catalogue: Catalogue, page: str) -> None:
    assert html.render(replace(run), catalogue, signer=SIGNER).decode() == page


def test_nothing_in_it_runs_or_loads(page: str) -> None:
    parsed = Page(page.encode())
    tags = {tag for tag, _ in parsed.tags}
    assert not tags & {
        "script",
        "iframe",
        "object",
        "embed",
        "form",
        "base",
        "img",
        "image",
        "video",
        "audio",
        "foreignobject",
    }
    names = {key for _, attrs in parsed.tags for key, _ in attrs}
    assert not {name for name in names if name.startswith("on")} | (
        names & {"src", "srcset", "style", "action", "xlink:href"}
    )
    assert all(link.startswith("#") or link == "data:," for link in parsed.values("href"))
    assert not re.search(r"url\(|@import|expression", parsed.style)


def test_its_policy_allows_its_own_style_and_nothing_else(page: str) -> None:
    parsed = Page(page.encode())
    digest = base64.b64encode(hashlib.sha256(parsed.style.encode()).digest()).decode()
    policy = next(
        dict(attrs)["content"] for tag, attrs in parsed.tags if ("http-equiv", "Content-Security-Policy") in attrs
    )
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert page.index("Content-Security-Policy") < page.index("<style>")


@pytest.mark.parametrize("name", NASTY)
def test_hostile_text_stays_text(
    run: RunResult, catalogue: Catalogue, hostile: Callable[[RunResult, str], RunResult], name: str
) -> None:
    harmless = Page(html.render(hostile(run, "harmless"), catalogue, signer=SIGNER))
    attacked = html.render(hostile(run, NASTY[name]), catalogue, signer=SIGNER)
    parsed = Page(attacked)
    assert Counter(parsed.shape()) == Counter(harmless.shape())  # tenants are sorted by name: the order may differ
    assert visible(NASTY[name]) in "".join(parsed.text)
    assert set(re.findall(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", attacked.decode())) <= {"\n"}


def test_unsigned_stands_across_its_head_and_nothing_claims_otherwise(run: RunResult, catalogue: Catalogue) -> None:
    page = html.render(run, catalogue, signer="").decode()
    words = _words(page)
    assert "(UNSIGNED)</title>" in page
    assert page.index("UNSIGNED</strong>") < page.index("<header")
    assert "No signature to verify" in words
    assert "Signed by nobody" in words
    for claim in ("Verify this report", "Verify it", "attestation.dsse.json", "openssl", "Signed by key"):
        assert claim not in words


def test_a_signed_page_does_not_vouch_for_itself(page: str) -> None:
    words = _words(page)
    assert "UNSIGNED" not in words
    assert f"Signed by key {SIGNER} stated here, proved only by verifying" in words
    assert "A page cannot vouch for itself" in words
    assert "sealproof report verify DIR --key PUBLIC_KEY_FILE" in words
    assert "openssl pkeyutl -verify -rawin" in words


def test_the_first_screen_says_what_an_auditor_asks_first(run: RunResult, catalogue: Catalogue, page: str) -> None:
    words = _words(page).partition("To act on")[2]
    for said in (
        "No verdict: a check broke",
        "57 of 61 items evaluated; 38 of 70 checks did not run",
        "Tenants aurora, borealis, cirrus",
        "2026-11-23 22:20:05 UTC to 2026-11-23 22:20:47 UTC",
        "not protected: no freshness anchor was set (SEALPROOF_STATE)",
        f"run 12, after the run attested by {run.previous}",
        "Evidence, not certification",
        "chmod 600 secrets/keys/tenant_keys/cirrus.key",
        hashlib.sha256(results.encode(run, catalogue)).hexdigest(),
        f"version {catalogue.version}, SHA-256 {catalogue.digest}",
    ):
        assert said in words.partition("By framework")[0], said


def test_it_never_says_compliant_or_certified(page: str) -> None:
    assert not re.search(r"\b(compliant|certified|guarantee)", _words(page), re.IGNORECASE)


def test_each_framework_lists_what_is_outside(catalogue: Catalogue, page: str) -> None:
    words = _words(page)
    for framework in catalogue.frameworks.values():
        for topic in framework.outside:
            assert topic in words
    assert "44 of 93 Annex A controls" in words


def test_each_result_and_each_check_not_run_is_on_it(run: RunResult, catalogue: Catalogue, page: str) -> None:
    ids = set(Page(page.encode()).values("id"))
    assert {result.check for result in run.results} <= ids
    words = _words(page).rpartition("Not looked at in this run")[2]
    for skipped in run.not_run:
        assert f"{skipped.check} {catalogue.checks[skipped.check].title}" in words


def test_a_waived_finding_has_its_section(page: str) -> None:
    words = _words(page).rpartition("Each of these checks ran and its result is kept.")[2]
    assert "waiver W-2026-014 of p.ferrand, to 2026-12-05 (12 days left)" in words


def test_every_link_leads_somewhere_and_every_id_is_one_of_a_kind(page: str) -> None:
    parsed = Page(page.encode())
    ids = parsed.values("id")
    assert len(ids) == len(set(ids))
    targets = {link[1:] for link in parsed.values("href") if link.startswith("#")}
    labels = {label for value in parsed.values("aria-labelledby") for label in value.split()}
    assert targets | labels <= set(ids)


def test_headings_leave_no_level_out(page: str) -> None:
    levels = [int(tag[1]) for tag, _ in Page(page.encode()).tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_every_table_has_a_caption_and_scoped_heads(page: str) -> None:
    parsed = Page(page.encode())
    tags = [tag for tag, _ in parsed.tags]
    assert tags.count("table") == tags.count("caption") > 5
    assert all(dict(attrs).get("scope") in {"col", "row"} for tag, attrs in parsed.tags if tag == "th")


def test_each_state_is_a_symbol_and_a_word(page: str) -> None:
    chips = re.findall(r'<span class="state s-(\w+)">(<svg[^>]*><use href="#i-\1"/></svg>)([^<]+)</span>', page)
    assert len(chips) == len(re.findall(r'class="state ', page)) > 100
    assert {word for _, _, word in chips} >= {"pass", "fail", "not evaluated", "error", "waived", "declared"}


def test_results_below_the_report_level_are_counted_and_not_listed(run: RunResult, catalogue: Catalogue) -> None:
    narrowed = html.render(replace(run, report_level=Severity.HIGH), catalogue, signer=SIGNER).decode()
    words = _words(narrowed)
    assert (
        "Below the report level (high), counted in the verdict but not listed here: 2 fail, 1 declared, 4 pass" in words
    )
    assert "57 of 61 items evaluated" in words
    assert 'id="SEC-014"' not in narrowed
    assert Page(narrowed.encode()).values("href").count("#SEC-014") == 0


def test_a_tenant_of_which_nothing_ran_is_named(run: RunResult, catalogue: Catalogue) -> None:
    words = _words(html.render(replace(run, tenants=(*run.tenants, "delta")), catalogue, signer=SIGNER).decode())
    assert "delta nothing was looked at No item ran over this tenant" in words


def test_a_check_without_result_and_without_reason_is_named(run: RunResult, catalogue: Catalogue) -> None:
    words = _words(html.render(replace(run, not_run=run.not_run[1:]), catalogue, signer=SIGNER).decode())
    assert f"The run gives no reason 1 check {run.not_run[0].check}" in words


@pytest.mark.parametrize("status", [Status.NOT_EVALUATED, Status.ERROR, Status.PASS])
def test_a_result_without_a_finding_renders(run: RunResult, catalogue: Catalogue, status: Status) -> None:
    bare = replace(run.results[0], status=status, findings=())
    words = _words(html.render(replace(run, results=(bare,)), catalogue, signer=SIGNER).decode())
    assert ("no finding was given" in words) is (status is not Status.PASS)


def test_parameters_that_differ_stand_with_their_item(run: RunResult, catalogue: Catalogue) -> None:
    failing = [result for result in run.results if result.check == "SEC-018" and result.status is Status.FAIL]
    differing = tuple(
        replace(result, parameters=(("min_entropy_bits", bits),)) for result, bits in zip(failing, "48", strict=True)
    )
    words = _words(html.render(replace(run, results=differing), catalogue, signer=SIGNER).decode())
    assert "min_entropy_bits 4 " in words
    assert "min_entropy_bits 8 " in words


def test_an_empty_run_renders(run: RunResult, catalogue: Catalogue) -> None:
    empty = replace(run, results=(), not_run=(), tenants=(), notes=(), previous="")
    words = _words(html.render(empty, catalogue, signer=SIGNER).decode())
    assert "Nothing was checked" in words
    assert "0 of 0 items evaluated" in words
    assert "it starts a chain, and names no predecessor" in words
    assert "no suite ran" in words


@pytest.fixture(scope="session")
def fleet(run: RunResult) -> RunResult:
    """Return a run of 300 tenants, some of whose items fail."""
    tenants = tuple(f"tenant-{number:04}" for number in range(300))
    sample = [result for result in run.results if result.scope.tenant == "aurora"]
    many = tuple(
        result if number % 50 == 7 else replace(result, findings=(passed(tenant, "fine"),), status=Status.PASS)
        for number, tenant in enumerate(tenants)
        for result in (replace(item, scope=Scope(tenant, "production")) for item in sample)
    )
    store = tuple(result for result in run.results if not result.scope.tenant)
    return replace(run, tenants=tenants, results=(*many, *store))


@pytest.fixture(scope="session")
def fleet_pages(fleet: RunResult, catalogue: Catalogue) -> dict[str, bytes]:
    return html.pages(fleet, catalogue, signer=SIGNER)


def test_a_fleet_is_an_index_and_pages_that_a_browser_can_hold(fleet: RunResult, fleet_pages: dict[str, bytes]) -> None:
    assert list(fleet_pages) == ["report.html", "report-0001.html", "report-0002.html"]
    assert max(map(len, fleet_pages.values())) < 1.5 * html.PAGE_MAX
    assert len(fleet_pages["report.html"]) < html.PAGE_MAX
    assert b"more items are not shown here: the worst 5 are" in fleet_pages["report.html"]
    told = {told for name, page in fleet_pages.items() if name != html.NAME for told in of_batch(page)}
    assert told == {
        (item.check, item.scope.tenant, item.scope.environment, item.status.value) for item in fleet.results
    }


def test_every_link_between_the_pages_leads_somewhere(fleet_pages: dict[str, bytes]) -> None:
    parsed = {name: Page(page) for name, page in fleet_pages.items()}
    ids = {name: set(page.values("id")) for name, page in parsed.items()}
    for name, page in parsed.items():
        for link in page.values("href"):
            if link != "data:,":
                file, _, anchor = link.partition("#")
                assert not anchor or anchor in ids[file or name], link


def test_a_fleet_s_report_is_written_whole_and_verified_whole(
    tmp_path: Path, fleet: RunResult, catalogue: Catalogue, key: SigningKey
) -> None:
    names = write_report(tmp_path / "report", fleet, catalogue, [key])
    assert {"report.html", "report-0001.html", "report-0002.html"} <= set(names)
    assert verify(tmp_path / "report", [key.public]) == fleet
    page = tmp_path / "report" / "report-0002.html"
    page.write_bytes(page.read_bytes().replace(b"fine", b"good", 1))
    with pytest.raises(EvidenceRejected, match=r"^step 3: report-0002.html is not the file that was signed"):
        verify(tmp_path / "report", [key.public])
    write_report(tmp_path / "report", replace(fleet, results=fleet.results[:100]), catalogue, [key])
    assert not page.exists()


def test_a_page_of_another_run_beside_the_index_is_refused(
    tmp_path: Path, run: RunResult, catalogue: Catalogue, key: SigningKey
) -> None:
    files = dict(render_files(run, catalogue, [key])) | {"report-0001.html": b"<p>fine</p>"}
    files.pop("attestation.dsse.json")
    target = tmp_path / "report"
    target.mkdir()
    for name, content in files.items():
        (target / name).write_bytes(content)
    (target / "attestation.dsse.json").write_bytes(attest(run, files, [key]))
    with pytest.raises(EvidenceRejected, match=r"^step 6: report-0001.html is nothing that results.json renders to"):
        verify(target, [key.public])


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_scope_is_never_cut_over_two_pages(
    count: int, monkeypatch: pytest.MonkeyPatch, fleet: RunResult, catalogue: Catalogue
) -> None:
    monkeypatch.setattr(html, "BATCH_RESULTS", count)
    batches = html._batches(scope_views(replace(fleet, results=fleet.results[:60]), catalogue))
    assert all(batch for batch in batches.values())
    assert sum(len(view.results) for batch in batches.values() for view in batch) == 60


@pytest.mark.parametrize("name", NASTY)
def test_hostile_text_stays_text_on_the_pages_of_a_fleet(
    run: RunResult,
    catalogue: Catalogue,
    hostile: Callable[[RunResult, str], RunResult],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    monkeypatch.setattr(html, "WHOLE_MAX", 10)
    harmless = html.pages(hostile(run, "harmless"), catalogue, signer=SIGNER)
    attacked = html.pages(hostile(run, NASTY[name]), catalogue, signer=SIGNER)
    assert list(attacked) == list(harmless)
    for file, page in attacked.items():
        assert Counter(Page(page).shape()) == Counter(Page(harmless[file]).shape())
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", page.decode())


def test_a_part_says_across_its_head_that_it_is_one(run: RunResult, catalogue: Catalogue) -> None:
    words = _words(html.render(replace(run, shard=Shard(2, 3, "0" * 64, 186)), catalogue, signer=SIGNER).decode())
    assert "PART 2/3 This run looked at 62 of the 186 items of its plan" in words


def test_an_edition_says_across_its_head_whose_it_is(run: RunResult, catalogue: Catalogue) -> None:
    words = _words(html.render(edition(run, "cirrus"), catalogue, signer=SIGNER).decode())
    assert "EDITION for tenant cirrus ." in words
    assert "it is one tenant's edition" in words


def test_waivers_that_end_are_on_the_first_screen(run: RunResult, catalogue: Catalogue) -> None:
    gone = replace(run.waivers[0], id="W-2", expires="2026-11-20", days_left=-3, refused="it expired")
    far = replace(run.waivers[0], id="W-3", expires="2027-01-20", days_left=58, covers=0)
    words = _words(html.render(replace(run, waivers=(far, *run.waivers, gone)), catalogue, signer=SIGNER).decode())
    first = words.partition("To act on At")[2] or words
    assert "2 of 3 apply, 2 end within 14 days W-2 ROT-001: expired 2026-11-20 W-2026-014 ROT-001: 2026-12-05," in first
    table = words.rpartition("The waiver file, each entry as it stands there")[2]
    assert "unused" in table
    assert "does not apply: it expired" in table
    assert "covers 1 finding" in table


def test_the_drawings_say_in_words_what_they_show(page: str) -> None:
    words = _words(page).partition("At a glance Coverage")[2].partition("Evidence, not certification")[0]
    for said in (
        "SOC 2 Trust Services Criteria 24 of 38",
        "Security 2 critical, 1 high, 2 medium",
        "cirrus/development/LEGACY_FTP_TOKEN 141 of 90 days",
        "1 past the limit",
        "From run 7 (2026-11-18) to run 12 (2026-11-23)",
        "6 fail the gate in run 12, 2026-11-23 22:20:47 UTC, 57 of 61 items evaluated",
    ):
        assert said in words, said


def _colours(css: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", css))


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_every_pair_of_ink_and_ground_can_be_read(scheme: str) -> None:
    css = (files("sealproof.reports") / "templates" / "report.css").read_text("utf-8")
    light = _colours(css[: css.index("@media")])
    dark = light | _colours(
        css[css.index("@media screen and (prefers-color-scheme: dark)") : css.index("* { box-sizing")]
    )
    colours = {"light": light, "dark": dark, "print": light | _colours(css[css.index("@media print") :])}[scheme]
    states = [name.removesuffix("-ground") for name in colours if name.endswith("-ground")]
    assert len(states) == 8
    pairs = [(ink, ground) for ink in ("ink", "soft", "link") for ground in ("paper", "panel")]
    pairs += [(state, ground) for state in states for ground in ("paper", f"{state}-ground")]
    poor = {pair: _contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    assert not {pair: ratio for pair, ratio in poor.items() if ratio < 4.5}


@pytest.mark.parametrize(
    "needed", ["prefers-color-scheme: dark", "@media print", "size: A4", ":focus-visible", ".skip:focus"]
)
def test_the_style_serves_dark_print_and_keyboard(needed: str, page: str) -> None:
    assert needed in Page(page.encode()).style

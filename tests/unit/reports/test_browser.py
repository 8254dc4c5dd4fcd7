"""The page in a real browser: read by axe-core, by keyboard, on a phone, on paper, without network or script."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from sealproof.findings import Scope, Shard
from sealproof.reports import html
from sealproof.reports.edition import edition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from sealproof.compliance.catalogue import Catalogue
    from sealproof.findings import RunResult

CHROMIUM = Path("/usr/bin/chromium")
SIGNER = "56475aa75463474c"
PHONE, SCREEN = {"width": 390, "height": 844}, {"width": 1240, "height": 900}

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        if os.environ.get("CI"):
            pytest.fail("chromium is missing: apt-get install chromium")
        pytest.skip("chromium is missing: apt-get install chromium")
    with sync_playwright() as play:
        launched = play.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def pages(run: RunResult, catalogue: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with every kind of page."""
    directory = tmp_path_factory.mktemp("pages")
    many = tuple(
        replace(item, scope=Scope(f"tenant-{number:03}", "production"))
        for number in range(30)
        for item in run.results
        if item.scope.tenant == "borealis"
    )
    fleet = replace(run, tenants=tuple(f"tenant-{number:03}" for number in range(30)), results=many)
    kinds = {
        "whole": (run, SIGNER),
        "unsigned-part": (replace(run, results=run.results[:9], shard=Shard(1, 3, "0" * 64, 27)), ""),
        "edition": (edition(replace(run, results=run.results[-9:]), "cirrus"), SIGNER),
    }
    for name, (told, signer) in kinds.items():
        (directory / f"{name}.html").write_bytes(html.render(told, catalogue, signer=signer))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(html, "WHOLE_MAX", 10)
        for name, content in html.pages(fleet, catalogue, signer=SIGNER).items():
            (directory / name).write_bytes(content)
    return directory


def _open(browser: Browser, page: Path, **options: Any) -> Page:
    """Open a page with the network off; whatever it asks for beyond its own files fails the test."""
    context = browser.new_context(offline=True, **{"viewport": SCREEN} | options)
    tab = context.new_page()
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    errors: list[str] = []
    tab.on("console", lambda message: errors.append(message.text))
    tab.goto(page.as_uri())
    assert asked == [page.as_uri()]
    assert not errors
    return tab


KINDS = ("whole", "unsigned-part", "edition", "report", "report-0001")


@pytest.mark.parametrize(
    ("kind", "scheme", "size"), [*((kind, "light", SCREEN) for kind in KINDS), ("whole", "dark", PHONE)]
)
def test_axe_finds_no_violation(browser: Browser, pages: Path, kind: str, scheme: str, size: dict[str, int]) -> None:
    tab = _open(browser, pages / f"{kind}.html", color_scheme=scheme, viewport=size)
    found = Axe().run(tab).response["violations"]
    tab.context.close()
    assert [(item["id"], [node["html"][:200] for node in item["nodes"][:3]]) for item in found] == []


def test_axe_would_find_one(browser: Browser, pages: Path) -> None:
    tab = _open(browser, pages / "edition.html")
    tab.evaluate("document.querySelector('.lede').style.color = '#ddd'")
    assert [item["id"] for item in Axe().run(tab).response["violations"]] == ["color-contrast"]
    tab.context.close()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_runs_over_the_side_of_a_phone(browser: Browser, pages: Path, kind: str) -> None:
    tab = _open(browser, pages / f"{kind}.html", viewport=PHONE)
    tab.evaluate("document.querySelectorAll('details').forEach(item => item.open = true)")
    width = tab.evaluate("document.documentElement.scrollWidth")
    tab.context.close()
    assert width <= PHONE["width"]


def test_it_needs_no_script(browser: Browser, pages: Path) -> None:
    tab = _open(browser, pages / "whole.html", java_script_enabled=False)
    folded = tab.locator("#SEC-002 .body")
    assert not folded.is_visible()
    tab.locator("#SEC-002 > summary").click()
    assert folded.is_visible()
    tab.context.close()


def test_the_keyboard_reaches_and_unfolds_everything(browser: Browser, pages: Path) -> None:
    tab = _open(browser, pages / "whole.html")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the verdict"
    assert tab.locator(".skip").bounding_box()["x"] >= 0
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "main"
    summary = tab.locator("#SEC-002 > summary")
    summary.focus()
    assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    tab.keyboard.press("Enter")
    assert tab.locator("#SEC-002").get_attribute("open") is not None
    tab.context.close()


def test_the_first_screen_says_the_verdict_and_begins_with_what_fails(browser: Browser, pages: Path) -> None:
    tab = _open(browser, pages / "whole.html")
    for text in ("No verdict: a check broke", "57 of 61", "Evidence, not certification.", "W-2026-014", "aurora"):
        box = tab.get_by_text(text).first.bounding_box()
        assert box["y"] + box["height"] <= SCREEN["height"], text
    assert tab.locator("#act-h").bounding_box()["y"] <= SCREEN["height"]
    tab.context.close()


_CLIPPED = """() => [...document.querySelectorAll(".problem, .framework, .check, .tenant, .leaf")]
  .filter(box => box.scrollWidth > box.clientWidth).map(box => box.id || box.className)"""


@pytest.mark.parametrize("size", [SCREEN, PHONE])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_cut_off_where_the_page_is_laid_out_late(
    browser: Browser, pages: Path, kind: str, size: dict[str, int]
) -> None:
    tab = _open(browser, pages / f"{kind}.html", viewport=size, bypass_csp=True)
    tab.evaluate("document.querySelectorAll('details').forEach(item => item.open = true)")
    tab.add_style_tag(content="* { content-visibility: visible !important }")
    clipped = tab.evaluate(_CLIPPED)
    tab.context.close()
    assert clipped == []


def test_a_link_into_what_is_not_laid_out_yet_arrives(browser: Browser, pages: Path) -> None:
    tab = _open(browser, pages / "report.html")
    last = "[...document.querySelectorAll('.check')].at(-1)"
    laid_out = f"{last}.querySelector('h4').checkVisibility({{contentVisibilityAuto: true}})"
    assert not tab.evaluate(laid_out)
    tab.evaluate(f"location.hash = {last}.id")
    tab.wait_for_function(laid_out)
    top = tab.evaluate(f"{last}.getBoundingClientRect().top")
    tab.context.close()
    assert 0 <= top < SCREEN["height"]


def test_on_paper_everything_is_unfolded(browser: Browser, pages: Path) -> None:
    tab = _open(browser, pages / "whole.html")
    tab.emulate_media(media="print")
    heights = [
        box["height"] for box in (tab.locator(f"#{check} .body").bounding_box() for check in ("SEC-002", "ROT-002"))
    ]
    paper = tab.pdf(prefer_css_page_size=True)
    tab.context.close()
    assert all(height > 40 for height in heights)
    assert paper.startswith(b"%PDF-")
    assert b"/MediaBox [0 0 594" in paper or b"/MediaBox [0 0 595" in paper  # A4 is 595 points wide

"""Take the pictures of the report that the README and docs/report.md show: always of the same made-up run.

python docs/images/make.py [DIRECTORY]

The same Chromium and the same fonts draw the same bytes. The run is the one that the tests of the reports use.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from sealproof.compliance import catalogue
from sealproof.reports import html

if TYPE_CHECKING:
    from playwright.sync_api import Page

HERE = Path(__file__).resolve().parent
SAMPLE = HERE.parents[1] / "tests" / "unit" / "reports" / "conftest.py"
CHROMIUM = "/usr/bin/chromium"
SIGNER = "56475aa75463474c"
SHOTS = (
    ("report-light.png", {"width": 1200, "height": 800}, "light", ""),
    ("report-glance-dark.png", {"width": 1200, "height": 800}, "dark", "glance"),
    ("report-phone.png", {"width": 390, "height": 800}, "light", ""),
)


def main() -> None:
    """Write every picture."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    known = catalogue.load()
    page = html.render(_sample().example(known), known, signer=SIGNER)
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as play:
        file = Path(directory) / "report.html"
        file.write_bytes(page)
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--force-color-profile=srgb"])
        for name, size, scheme, anchor in SHOTS:
            tab = browser.new_page(viewport=size, color_scheme=scheme)  # type: ignore[arg-type] # plain text
            tab.goto(file.as_uri() + (f"#{anchor}" if anchor else ""))
            _shoot(tab, target / name)
        browser.close()


def _shoot(tab: Page, path: Path) -> None:
    tab.screenshot(path=path, animations="disabled")
    print(f"{path.name} {path.stat().st_size // 1024} KiB")


def _sample():  # type: ignore[no-untyped-def] # noqa: ANN202 - a module
    spec = importlib.util.spec_from_file_location("sample", SAMPLE)
    assert spec  # noqa: S101 - the file is ours
    assert spec.loader  # noqa: S101 - as above
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()

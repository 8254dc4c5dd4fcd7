"""Render the report of a fleet, and open it: seconds and bytes for each format, and what Chromium needs for the page.

The index is opened in turn as it is, and as a copy that is laid out whole at once: the difference is what
`content-visibility` brings on this machine in this minute.

python benchmarks/report.py [--tenants 1000] [--checks 65]
"""

from __future__ import annotations

import argparse
import re
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sealproof.compliance import catalogue as shipped
from sealproof.findings import Age, CheckResult, Input, RunResult, Scope, Severity, aggregate, failed, passed
from sealproof.reports import html, results
from sealproof.reports.formats import RENDERERS
from sealproof.reports.verify import verify
from sealproof.reports.write import write_report
from sealproof.signing import SigningKey, sha256

if TYPE_CHECKING:
    from sealproof.compliance.catalogue import Catalogue, Check
    from sealproof.findings import Finding

CHROMIUM = "/usr/bin/chromium"
OPENED = 5  # times each
STARTED = 1_795_472_405_123  # unix milliseconds
FAILING = 97  # one result in so many fails


def main() -> None:
    """Print what each step costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tenants", type=int, default=1000)
    parser.add_argument("--checks", type=int, default=65)
    args = parser.parse_args()
    catalogue = shipped.load()
    run = fleet(catalogue, args.tenants, args.checks)
    print(f"{args.tenants} tenants x {args.checks} checks, {len(run.results)} results")
    source = _timed("results.json", lambda: results.encode(run, catalogue))
    run = results.decode(source)
    pages = _timed("html", lambda: html.pages(run, catalogue, signer="0" * 16))
    print(f"{'':18} {len(pages)} pages, the index {len(pages[html.NAME]) / 1e6:.2f} MB")
    for name, render in RENDERERS.items():
        if name not in {results.NAME, html.NAME}:
            _timed(name, lambda render=render: render(run, catalogue, signer="0" * 16))  # type: ignore[misc]
    with tempfile.TemporaryDirectory() as directory:
        key = SigningKey(bytes(range(32)))
        target = Path(directory) / "report"
        _timed("write, all signed", lambda: write_report(target, run, catalogue, [key]))
        _timed("verify, all again", lambda: verify(target, [key.public]))
        _open(target / html.NAME)


def fleet(catalogue: Catalogue, tenants: int, checks: int) -> RunResult:
    """Return a run in which each check ran over each tenant, and a few failed."""
    chosen = list(catalogue.checks.values())[:checks]
    names = [f"tenant-{number:04}" for number in range(tenants)]
    made = [
        _result(check, name, index * checks + at) for index, name in enumerate(names) for at, check in enumerate(chosen)
    ]
    return RunResult(
        run_id="benchmark",
        number=1,
        previous="",
        tool_version="0.1.0",
        catalogue_version=catalogue.version,
        catalogue_digest=catalogue.digest,
        profile="production",
        gate=Severity.HIGH,
        report_level=Severity.INFO,
        started=STARTED,
        ended=STARTED + 600_000,
        frameworks=(),
        tenants=tuple(names),
        rollback="not protected",
        results=tuple(made),
        not_run=(),
    )


def _result(check: Check, tenant: str, index: int) -> CheckResult:
    path = f"tenants/{tenant}/.env.production.enc"
    findings: tuple[Finding, ...] = (passed(path, f"{3 + index % 9} looked at, all meet the condition"),)
    if check.id == "ROT-001":
        findings = (passed(path, "24 secrets are within their limits", age=Age(index % 90, 90)),)
    if index % FAILING == 0:
        name = f"{tenant}/production/SESSION_SECRET"
        findings += (
            failed(
                name, "34 bits", expected="80 bits or more", fix=f"sealproof rotate SESSION_SECRET --tenant {tenant}"
            ),
        )
    status = aggregate(findings)
    inputs = (Input(path, sha256(path.encode()).hex()),)
    scope = Scope(tenant, "production")
    at = STARTED + index
    return CheckResult(
        check.id, check.version, scope, status, check.severity, check.evidence, at, at + 3, findings, inputs
    )


def _timed(name: str, work):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - whatever the work returns
    started, worked = time.perf_counter(), time.process_time()
    made = work()
    seconds, cpu = time.perf_counter() - started, time.process_time() - worked
    size = f"{len(made) / 1e6:8.1f} MB" if isinstance(made, bytes) else ""
    print(f"{name:18} {seconds:6.2f} s, {cpu:6.2f} s of one core {size}", flush=True)
    return made


def _open(page: Path) -> None:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - the benchmark's last step alone needs it

    at_once = page.with_name("at-once.html")
    text = page.read_text("utf-8").replace("content-visibility: auto", "content-visibility: visible")
    at_once.write_text(re.sub(r"style-src 'sha256-[^']+'", "style-src 'unsafe-inline'", text), "utf-8")
    seconds: dict[Path, list[float]] = {page: [], at_once: []}
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for _ in range(OPENED):
            for file, taken in seconds.items():
                with browser.new_context() as context:
                    tab = context.new_page()
                    started = time.perf_counter()
                    tab.goto(file.as_uri(), wait_until="load")
                    tab.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
                    taken.append(time.perf_counter() - started)
        browser.close()
    for name, file in (("Chromium opens", page), ("laid out at once", at_once)):
        taken = seconds[file]
        print(f"{name:18} {statistics.median(taken):6.2f} s (median of {OPENED}), {max(taken):.2f} s at most")


if __name__ == "__main__":
    main()

"""PEN-007: log and report injection fail.

Texts that are line breaks, terminal codes, markup, script, formulas and JSON go into every place of a finding,
and through every renderer: each file is parsed by what reads it, has as many rows as that of a harmless twin, and
none of the text has become structure. The same texts go into every field of an audit record, where each is refused
or stays one record. Then row G4: no report quotes a value that a finding is about.
"""

from __future__ import annotations

import csv
import io
import json
import re
from contextlib import suppress
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from sealproof import __version__
from sealproof.checks.attacks.evidence import row_findings
from sealproof.checks.isolation import run_apart
from sealproof.checks.registry import check
from sealproof.checks.scratch import ScratchStore
from sealproof.checks.trials import Trials, control, findings_of
from sealproof.compliance import catalogue
from sealproof.errors import SealproofError
from sealproof.findings import CheckResult, Evidence, Finding, RunResult, Scope, Severity, Status, failed
from sealproof.reports.formats import RENDERERS, render_all
from sealproof.vault.audit.home import pinned_key
from sealproof.vault.audit.interface import AuditRecord, Established, Outcome
from sealproof.vault.audit.log import AuditLog
from sealproof.vault.audit.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sealproof.checks.context import Context

TAG = "x-planted"
HOSTILE = (
    *("first\nsecond", "first\r\nsecond", "first\rsecond", "a\u2028b", "a\x0bb", "a\0b"),
    *("\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x9b31m", "\b\b\b", "\u202edesrever"),
    *(f"<{TAG} onload=alert(1)>", f"</td></tr><{TAG}>", f"<script><{TAG}></script>", f"--><{TAG}><!--", f"]]><{TAG}/>"),
    *("&lt;x&gt;", f"' onmouseover='{TAG}", f'" onmouseover="{TAG}', "javascript:alert(1)", "${7*7}{{7*7}}<%= 7*7 %>"),
    *("=HYPERLINK(1)", "+1+1", "-1+1", "@SUM(1)", "\t=1+1", '"=1+1', ",=1+1", '","=1+1', ";=1+1"),
    *('"}],"x":[{"', "\\", '\\"', "'", "`", "| a | b |", "\n## heading", "\n- [link](javascript:x)", "x" * 5000),
)
_HARMLESS = "harmless"
_EXPECTED = "one event stays one record, and every text stays a text in every format"
_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@check("PEN-007")
def injection_fails(ctx: Context) -> Iterator[Finding]:
    """Yield a finding for every format, one for the audit log, and one for the row."""
    for name, trials in _formats().items():
        yield trials.finding(name, expected=_EXPECTED)
    directory = ctx.scratch()
    yield from findings_of(run_apart(try_log, directory, {"directory": directory}).returned(), expected=_EXPECTED)
    yield from row_findings(ctx)


def _formats() -> dict[str, Trials]:
    """Render one run of all texts; the texts are told apart only where it differs from its harmless twin."""
    found = {name: Trials() for name in RENDERERS}
    if all(not faults for faults in _faults(HOSTILE).values()):
        for trials in found.values():
            trials.count += len(HOSTILE)
        return found
    for text in HOSTILE:
        for name, faults in _faults((text,)).items():
            found[name].count += 1
            found[name].broken += [f"{ascii(text)[:40]}: {what}" for what in faults]
    return found


def _faults(texts: tuple[str, ...]) -> dict[str, list[str]]:
    known = catalogue.load()
    twins = render_all(_run((_HARMLESS,) * len(texts)), known, signer="")
    rendered = render_all(_run(texts), known, signer="")
    control("every format was rendered", rendered.keys() >= RENDERERS.keys())
    judged = {name: _JUDGES.get(name.rpartition(".")[2], _lines) for name in RENDERERS}
    return {name: [*judge(rendered[name], twins[name]), *_controls(rendered[name])] for name, judge in judged.items()}


def _run(texts: tuple[str, ...]) -> RunResult:
    """Return a run with the texts in every place of its findings that something outside may fill."""
    findings = [
        finding
        for text in texts
        for finding in (
            failed(f"a/{text}", text, expected=text, fix=text, severity=Severity.LOW, reason=text),
            Finding(Status.NOT_EVALUATED, text, text, fix=text, reason=text),
        )
    ]
    result = CheckResult(
        check="SEC-012",
        version=1,
        scope=Scope(),
        status=Status.FAIL,
        severity=Severity.LOW,
        evidence=Evidence.ARTEFACT,
        started=1_767_225_600_000,
        ended=1_767_225_601_000,
        findings=tuple(findings),
    )
    known = catalogue.load()
    return RunResult(
        run_id="00000000-0000-4000-8000-000000000000",
        number=1,
        previous="",
        tool_version=__version__,
        catalogue_version=known.version,
        catalogue_digest=known.digest,
        profile="development",
        gate=Severity.HIGH,
        report_level=Severity.INFO,
        started=1_767_225_600_000,
        ended=1_767_225_601_000,
        frameworks=(),
        tenants=("scratch-a",),
        rollback="not protected",
        results=(result,),
        not_run=(),
        notes=texts,
    )


def _controls(data: bytes) -> Iterator[str]:
    text = data.decode(errors="replace")
    codes = {sign for sign in text if (ord(sign) < 0x20 and sign not in "\n\r\t") or 0x7F <= ord(sign) < 0xA0}  # noqa: PLR2004 - C0, DEL, C1
    if codes:
        yield f"control characters {', '.join(f'{ord(sign):02x}' for sign in sorted(codes))} stand in the file"


def _json(data: bytes, twin: bytes) -> Iterator[str]:
    try:
        parsed = json.loads(data)
    except ValueError:
        yield "it is no JSON any more"
        return
    if _shape(parsed) != _shape(json.loads(twin)):
        yield "the text became structure"


def _shape(value: object) -> object:
    """Return a document's structure without its texts."""
    if isinstance(value, dict):
        return {key: _shape(each) for key, each in value.items()}
    return [_shape(each) for each in value] if isinstance(value, list) else type(value).__name__


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.tags += [("script link", ())] * any((value or "").startswith("javascript:") for _, value in attrs)


def _html(data: bytes, twin: bytes) -> Iterator[str]:
    if _tags(data) != _tags(twin):
        yield "the text became markup"


def _tags(data: bytes) -> list[tuple[str, tuple[str, ...]]]:
    parser = _Tags()
    parser.feed(data.decode())
    return parser.tags


def _xml(data: bytes, twin: bytes) -> Iterator[str]:
    try:
        root = ET.fromstring(data)  # noqa: S314 - our own report
    except ET.ParseError:
        yield "it is no XML any more"
        return
    if [each.tag for each in root.iter()] != [each.tag for each in ET.fromstring(twin).iter()]:  # noqa: S314 - as above
        yield "the text became an element"


def _csv(data: bytes, twin: bytes) -> Iterator[str]:
    rows = list(csv.reader(io.StringIO(data.decode(), newline="")))
    if [len(row) for row in rows] != [len(row) for row in csv.reader(io.StringIO(twin.decode(), newline=""))]:
        yield "it has other rows or columns"
    if any(cell.startswith(_FORMULA) for row in rows for cell in row):
        yield "a cell begins as a formula"


def _lines(data: bytes, twin: bytes) -> Iterator[str]:
    text = data.decode()
    if len(text.splitlines()) != len(twin.decode().splitlines()):
        yield "one line became several"
    outside = _CODE_SPAN.sub("", text)  # what stands in a code span is shown as it is
    if f"<{TAG}" in outside or "](javascript:" in outside:
        yield "the text became markup"


_JUDGES: dict[str, Callable[[bytes, bytes], Iterator[str]]] = {
    "json": _json,
    "sarif": _json,
    "html": _html,
    "xml": _xml,
    "csv": _csv,
    "md": _lines,
}


def try_log(directory: str) -> dict[str, object]:
    """Put each text into each field of a record: refused, or one record more in a log that verifies.

    Runs in a child process.
    """
    trials, store = Trials(), ScratchStore(directory, ("scratch-a",))
    taken = 1
    with AuditLog(store.root, "scratch-a") as log:
        log.append([_record("subject", "somebody")])
        before = _size(store.root)
        for text in HOSTILE:
            for field in ("subject", "operation", "environment", "name", "request"):
                trials.count += 1
                with suppress(SealproofError):
                    log.append([_record(field, text)])
                    taken += 1
    trials.holds(f"{taken} events are not {taken} records", _size(store.root) == before + taken - 1)
    return {"audit log": trials.to_plain()}


def _record(field: str, text: str) -> AuditRecord:
    fields = {"subject": "somebody", "operation": "read", "environment": "development", "name": "API_TOKEN"}
    fields |= {"request": "r-1", field: text}
    return AuditRecord(
        subject=fields["subject"],
        established=Established.CLAIMED,
        operation=fields["operation"],
        outcome=Outcome.ALLOW,
        environment=fields["environment"],
        name=fields["name"],
        version=1,
        request=fields["request"],
    )


def _size(root: str) -> int:
    return verify(root, "scratch-a", pinned_key(root, "scratch-a")).size

"""PEN-007, on renderers that let a text become structure, and on a log that writes what it is told."""

from __future__ import annotations

import pytest

from sealproof.checks.penetration import injection
from sealproof.findings import Status
from sealproof.reports.formats import RENDERERS, render_all


def test_texts_stay_texts_everywhere(store, run_check):
    result = run_check(store, "PEN-007")
    assert result.status is Status.PASS
    assert [finding.resource for finding in result.findings] == [*RENDERERS, "audit log"]


def _spoilt(name, old, new):
    def render(run, catalogue, *, signer):
        files = render_all(run, catalogue, signer=signer)
        texts = [finding.observed for result in run.results for finding in result.findings]
        data = files[name]
        for text in texts:
            data = data.replace(old, new(text), 1)
        return {**files, name: data}

    return render


@pytest.mark.parametrize(
    ("name", "render"),
    [
        ("report.html", _spoilt("report.html", b"</body>", lambda text: text.encode() + b"</body>")),
        ("controls.csv", _spoilt("controls.csv", b"\n", lambda text: b"\n" + text.encode() + b",")),
        ("summary.md", _spoilt("summary.md", b"Evidence, not", lambda text: text.encode() + b" Evidence, not")),
        ("results.json", _spoilt("results.json", b"{", lambda text: b"{" + text.encode())),
        ("junit.xml", _spoilt("junit.xml", b"<testsuites", lambda text: b"<testsuites " + text.encode())),
    ],
)
def test_a_renderer_that_writes_texts_as_they_are_fails(store, run_check, failures, monkeypatch, name, render):
    monkeypatch.setattr(injection, "render_all", render)
    monkeypatch.setattr(injection, "HOSTILE", injection.HOSTILE[11:15])
    assert "attempts got through" in failures(run_check(store, "PEN-007"))[name].observed


DOUBLING = """
from sealproof.checks.penetration import injection
class Doubling(injection.AuditLog):
    def append(self, records):
        return super().append([*records, *records])
injection.AuditLog, injection.HOSTILE = Doubling, injection.HOSTILE[:3]
"""


def test_a_log_that_makes_two_records_of_one_event_fails(run_weakened, failures, monkeypatch):
    monkeypatch.setattr(injection, "HOSTILE", injection.HOSTILE[:3])
    assert "events are not" in failures(run_weakened("PEN-007", DOUBLING))["audit log"].observed

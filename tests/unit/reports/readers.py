"""Read each format back, with readers that know the format and nothing of how we write it."""

from __future__ import annotations

import csv
import io
import json
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import junitparser
from markdown_it import MarkdownIt

from sealproof.reports.controls import STORE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Told = tuple[str, str, str, str]
"""Check, tenant, environment, state."""


def of_results(data: bytes) -> Iterator[Told]:
    for result in json.loads(data)["results"]:
        yield result["check"], result["scope"]["tenant"], result["scope"]["environment"], result["status"]


def of_sarif(data: bytes) -> Iterator[Told]:
    for result in json.loads(data)["runs"][0]["results"]:
        said = result["properties"]
        yield result["ruleId"], said["tenant"], said["environment"], said["state"]


def of_junit(data: bytes) -> Iterator[Told]:
    for suite in junitparser.JUnitXml.fromstring(data.decode()):
        if suite.name != "sealproof.not-run":
            for case in suite:
                said = {item.name: item.value for found in case.iterchildren(junitparser.Properties) for item in found}
                yield tuple(said[f"sealproof.{name}"] for name in ("check", "tenant", "environment", "state"))


def of_oscal(data: bytes) -> Iterator[Told]:
    result = json.loads(data)["assessment-results"]["results"][0]
    components = {item["uuid"]: _props(item) for item in result.get("local-definitions", {}).get("components", ())}
    for observation in result.get("observations", ()):
        said = _props(observation)
        for subject in observation["subjects"]:
            scope = components[subject["subject-uuid"]]
            yield said["check"], scope.get("tenant", ""), scope.get("environment", ""), said["state"]


def of_controls(data: bytes) -> Iterator[Told]:
    for row in csv.DictReader(io.StringIO(data.decode(), newline="")):
        if row["state"] != "not_run":
            scopes = row["scope_list"].split(" ")
            assert len(scopes) == int(row["scopes"])
            for scope in scopes:
                yield (row["check"], *_scope(scope), row["state"])


def of_summary(data: bytes) -> Iterator[Told]:
    rows = MarkdownIt("commonmark").enable("table").parse(data.decode())
    cells = [token for token in rows if token.type == "inline"]
    start = next(index for index, token in enumerate(cells) if token.content == "where")
    for state, check, where in zip(*(cells[start + 1 + offset :: 3] for offset in range(3)), strict=False):
        for child in where.children or ():
            if child.type == "code_inline":
                yield (check.content, *_scope(child.content), state.content)


class Walk(HTMLParser):
    """A page read from its beginning, knowing at each text which elements it stands within."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.told: list[Told] = []
        self._within: list[tuple[str, str]] = []
        self._scope = self._state = self._check = ""
        self.feed(data.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "link", "br"}:
            self._within.append((tag, dict(attrs).get("class") or ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A shape of a drawing: it has no text."""

    def handle_endtag(self, tag: str) -> None:
        assert self._within.pop()[0] == tag


class Tenants(Walk):
    """The page's part by tenant: a heading, then states, each with its checks."""

    def handle_data(self, data: str) -> None:
        tags = [tag for tag, _ in self._within]
        if ("details", "tenant") not in self._within or not data.strip():
            return
        if "h3" in tags and "bdi" in tags:
            self._scope = data
        elif "dt" in tags and "span" in tags:
            self._state = data.replace(" ", "_")
        elif "dd" in tags and self._within[-1][1] == "id":
            self.told.append((data, *_scope(self._scope), self._state))


class Batch(Walk):
    """A page beside the index: a heading a scope, then a row a result."""

    def handle_data(self, data: str) -> None:
        tags = [tag for tag, _ in self._within]
        if tags[-2:] == ["h2", "bdi"]:
            self._scope = data
        elif tags[-2:] == ["th", "a"]:
            self._check = data
        elif self._within and self._within[-1][1].startswith("state ") and data.strip():
            self.told.append((self._check, *_scope(self._scope), data.replace(" ", "_")))


def of_batch(data: bytes) -> Iterator[Told]:
    yield from Batch(data).told


def of_html(data: bytes) -> Iterator[Told]:
    yield from Tenants(data).told


READERS: dict[str, Callable[[bytes], Iterator[Told]]] = {
    "results.json": of_results,
    "report.html": of_html,
    "results.sarif": of_sarif,
    "junit.xml": of_junit,
    "oscal-ar.json": of_oscal,
    "controls.csv": of_controls,
    "summary.md": of_summary,
}


def _props(item: dict[str, Any]) -> dict[str, str]:
    return {prop["name"]: prop["value"] for prop in item.get("props", ())}


def _scope(name: str) -> tuple[str, str]:
    if name in {STORE, "the store as a whole"}:
        return "", ""
    tenant, _, environment = name.partition("/")
    return tenant, environment

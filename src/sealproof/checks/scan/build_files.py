"""Secrets in image, compose and CI files, by what such a file does with them.

Names tell: a fixed text under a name that speaks of a secret is one, in `ENV`, `ARG`, `environment`, `env`
and `variables` alike. Some lines need no value to be wrong: a build argument becomes part of the image,
`set -x` prints what it is given, an artifact carries a plain file away, base64 gets past a log's mask.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_SPEAKS = r"[A-Za-z0-9_]*(?:PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|CREDENTIAL)S?"
_NO_SECRET = re.compile(r"_(?:FILE|PATH|NAME|ID|URL|TTL|DAYS|HOURS|LENGTH)S?$", re.IGNORECASE)
_ASSIGNED = re.compile(
    rf"\b(?P<name>{_SPEAKS}\w*)\b\s*(?:=|:\s)\s*(?P<value>\"[^\"\n]*\"|'[^'\n]*'|[^\s#]+)", re.IGNORECASE
)
_IMAGE_ENV = re.compile(rf"^\s*(?:ENV|ARG)\s+(?P<name>{_SPEAKS}\w*)\s+(?P<value>\"[^\"\n]*\"|\S+)", re.IGNORECASE)
_BEARER = re.compile(r"(?:Bearer|token|Basic)\s+(?P<value>[A-Za-z0-9+/=_.-]{16,})")
_REFERENCE = re.compile(r"^(?:\$|\{\{|<|%|\*+$|xxx|null$|true$|false$|\"\"$|''$)", re.IGNORECASE)
_ARG = re.compile(rf"^\s*ARG\s+(?P<name>{_SPEAKS}\w*)\s*$", re.IGNORECASE)
_ENV_OF_ARG = re.compile(r"^\s*ENV\s+(?P<name>\w+)=\$\{?(?P<of>\w+)\}?\s*$")
_TRACE = re.compile(r"\bset\s+-[a-z]*x|\bset\s+-o\s+xtrace")
_CI_SECRET = re.compile(rf"\$\{{\{{\s*secrets\.|\$\{{?{_SPEAKS}", re.IGNORECASE)
_ENCODED_OUT = re.compile(rf"(?:secrets\.\w+|\$\{{?{_SPEAKS}\w*\}}?).*\|\s*(?:base64|xxd|rev|od)\b", re.IGNORECASE)
_PLAIN_FILES = re.compile(r"(?:^|[\s/\"'])(?:\.env(?:\.(?!enc\b|example\b)\w+)?|[\w-]+\.(?:key|pem|p12))[\"']?\s*$")
_ARTIFACT = re.compile(r"upload-artifact|^\s*artifacts:", re.MULTILINE)
_BASE64 = re.compile(r"\b[A-Za-z0-9+/]{24,}={0,2}")
_VALUE_MIN = 8  # characters
_PRINTABLE_MIN = 12  # characters that a decoded text has to have

_IMAGE = re.compile(r"(?:^|/)(?:[\w.-]*Dockerfile[\w.-]*|[\w.-]+\.dockerfile|Containerfile)$", re.IGNORECASE)
_HISTORY = re.compile(r"(?:^|/)[\w.-]*history[\w.-]*\.(?:txt|log|json)$", re.IGNORECASE)
_COMPOSE = re.compile(r"(?:^|/)(?:docker-)?compose[\w.-]*\.ya?ml$", re.IGNORECASE)
_CI = re.compile(
    r"(?:^|/)(?:\.github/workflows/[^/]+\.ya?ml|\.gitlab-ci\.ya?ml|azure-pipelines\.ya?ml|bitbucket-pipelines\.ya?ml"
    r"|\.circleci/config\.ya?ml|\.travis\.ya?ml|Jenkinsfile)$",
    re.IGNORECASE,
)
_LOG = re.compile(r"(?:^|/)[\w.-]+\.log$", re.IGNORECASE)


class BuildSecret(NamedTuple):
    """A line of a build or CI file that holds or gives away a secret. Never the value."""

    line: int
    what: str


def is_build_file(path: str) -> bool:
    """Tell by its name whether a file describes, or is left by, a build."""
    return any(kind.search(path) for kind in (_IMAGE, _HISTORY, _COMPOSE, _CI, _LOG))


def build_secrets(path: str, data: bytes) -> list[BuildSecret]:
    """Return what is wrong in a build or CI file; nothing for any other file."""
    if not is_build_file(path):
        return []
    text = data.decode(errors="replace")
    lines = text.splitlines()
    found = list(_assigned(lines)) if not _LOG.search(path) else []
    if _IMAGE.search(path):
        found += _build_arguments(lines)
    if _CI.search(path):
        found += _workflow(text, lines)
    if _LOG.search(path) or _HISTORY.search(path):
        found += _decoded(lines)
    return sorted(set(found))


def _assigned(lines: list[str]) -> Iterator[BuildSecret]:
    for number, line in enumerate(lines, 1):
        for pattern in (_IMAGE_ENV, _ASSIGNED):
            for match in pattern.finditer(line):
                if _is_value(match["value"]) and not _NO_SECRET.search(match["name"]):
                    yield BuildSecret(number, f"{match['name'][:80]} is given a fixed value")
        for match in _BEARER.finditer(line):
            if _is_value(match["value"]):
                yield BuildSecret(number, "an authorization header has a fixed value")


def _is_value(text: str) -> bool:
    bare = text.strip("\"'")
    return len(bare) >= _VALUE_MIN and not _REFERENCE.match(bare) and "${" not in bare


def _build_arguments(lines: list[str]) -> Iterator[BuildSecret]:
    """Yield build arguments that become part of the image's environment, and so of its history."""
    arguments = {match["name"] for line in lines if (match := _ARG.match(line))}
    for number, line in enumerate(lines, 1):
        match = _ENV_OF_ARG.match(line)
        if match and match["of"] in arguments:
            yield BuildSecret(number, f"the build argument {match['of'][:80]} becomes part of the image")


def _workflow(text: str, lines: list[str]) -> Iterator[BuildSecret]:
    uses_secrets = bool(_CI_SECRET.search(text))
    uploads = bool(_ARTIFACT.search(text))
    for number, line in enumerate(lines, 1):
        if uses_secrets and _TRACE.search(line):
            yield BuildSecret(number, "`set -x` prints commands with the secrets they are given")
        if _ENCODED_OUT.search(line):
            yield BuildSecret(number, "a secret is printed in an encoding that the log does not mask")
        if uploads and _PLAIN_FILES.search(line):
            yield BuildSecret(number, "an artifact carries a plain environment or key file")


def _decoded(lines: list[str]) -> Iterator[BuildSecret]:
    """Yield base64 on a line that names a secret, where it decodes to text."""
    for number, line in enumerate(lines, 1):
        if re.search(_SPEAKS, line, re.IGNORECASE):
            for match in _BASE64.finditer(line):
                if _is_text(match[0]):
                    yield BuildSecret(number, "a value in base64 stands in a log")


def _is_text(token: str) -> bool:
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), validate=True)
    except binascii.Error:
        return False
    return len(raw) >= _PRINTABLE_MIN and raw.isascii() and raw.decode().isprintable()

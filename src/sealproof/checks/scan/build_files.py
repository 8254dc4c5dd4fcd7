"""Secrets in image, compose and CI files, by what such a file does with them.

Names tell: a fixed text under a name that speaks of a secret is taken for one, in `ENV`, `ARG`, `environment`, `env`
and `variables` alike, unless it is a placeholder or what a product ships with. Some lines need no value to be wrong: a
build argument stands in the image's history, `COPY .env` puts the plain file into a layer, `set -x` prints what it
is given, an artifact carries a plain file away, base64 gets past a log's mask.
"""

from __future__ import annotations

import base64
import binascii
import re
from enum import Enum
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from sealproof.checks.placeholders import is_placeholder, is_shipped_default

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORDS = (
    r"(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|CREDENTIAL|(?<![A-Z])PASS"
    r"|(?:API|PRIVATE|ACCESS|ENCRYPTION|SIGNING|MASTER|AUTH|JWT|SESSION)[-_]?KEY)S?"
)
# One way to match each tail, or a long one would take for ever: no repetition stands inside of the outer one.
_MORE = r"(?:[-_]?(?:ACCESS|KEY|BASE|SALT|VALUE|DEVELOPMENT|DEV|TEST|STAGING|PRODUCTION|PROD|LIVE|[0-9]))*"
_NAME = rf"(?P<name>[A-Z0-9_]*{_WORDS}{_MORE})"
_TEXT = r"(?P<value>\"[^\"\n]*\"|'[^'\n]*'|[^\s#]+)"
_ASSIGNED = re.compile(rf"\b{_NAME}\b[\"']?\s*(?:=|:\s)\s*{_TEXT}", re.IGNORECASE)
_IMAGE_ENV = re.compile(rf"^\s*(?:ENV|ARG)\s+{_NAME}\s+{_TEXT}", re.IGNORECASE)
_NAMED_ABOVE = re.compile(rf"^[\s-]*(?:name|key):\s*[\"']?{_NAME}[\"']?\s*$", re.IGNORECASE)
_VALUE_BELOW = re.compile(rf"^\s*value:\s*{_TEXT}", re.IGNORECASE)
_BEARER = re.compile(r"(?:Bearer|token|Basic)\s+(?P<value>[A-Za-z0-9+/=_.-]{16,})")
_ARG = re.compile(rf"^\s*ARG\s+{_NAME}\s*$", re.IGNORECASE)
_BUILD_ARG = re.compile(rf"--build-arg[= ]+[\"']?{_NAME}(?:=|\s|$)", re.IGNORECASE)
_BUILD_ARGS = re.compile(r"^(?P<indent>[\s-]*)build-args:", re.IGNORECASE)
_COMPOSE_ARGS = re.compile(r"^(?P<indent>\s*)args:\s*$")
_HANDED_ON = re.compile(rf"^\s*(?:-\s*)?[\"']?{_NAME}[\"']?\s*(?:=|:\s|:?$)", re.IGNORECASE)
_COPY = re.compile(r"^\s*(?:COPY|ADD)\s+(?P<what>.*\S)\s+\S+\s*$", re.IGNORECASE)
_REFERENCE = re.compile(r"^(?:\$|\{\{|<|%|@|\*+$|xxx|[\w.]+\(|null$|true$|false$|\"\"$|''$)", re.IGNORECASE)
_TRACE = re.compile(r"\bset\s+-[a-z]*x|\bset\s+-o\s+xtrace")
_SECRET = re.compile(rf"secrets\.\w+|\$\{{?(?:env:)?[A-Z0-9_]*{_WORDS}{_MORE}\b", re.IGNORECASE)
_COMMANDS = re.compile(r";|&&|\|\|")
_PRINTS = re.compile(r"\b(?:echo|printf)\b")
_ENCODES = re.compile(r"\|\s*(?:base64|xxd|rev|od)\b")
_GOES_ON = re.compile(r"[|>]")
_ALL_PRINTED = re.compile(r"^[\s-]*(?:run:\s*|script:\s*)?[\"']?(?:printenv|env|export -p|declare -x)[\"']?\s*$")
_PLAIN = r"(?:[\w./-]*/)?(?:\.env(?:\.(?!enc\b|example\b|\w+\.enc\b)\w+)?|[\w-]+\.(?:key|pem|p12|pfx))"
_PLAIN_FILE = re.compile(rf"^{_PLAIN}$")
_PLAIN_AT_END = re.compile(rf"(?:^|[\s\"']){_PLAIN}[\"']?\s*$")
_ARTIFACT = re.compile(r"upload-artifact|^\s*artifacts:|store_artifacts", re.MULTILINE)
_SPEAKS = re.compile(_WORDS, re.IGNORECASE)
_BASE64 = re.compile(r"\b[A-Za-z0-9+/]{24,}={0,2}")
_NAME_MAX = 80  # characters of a name that a report shows
_VALUE_MIN = 8  # characters
_PRINTABLE_MIN = 12  # characters that a decoded text has to have

_IMAGE = re.compile(r"(?:^|/)(?:[\w.-]*Dockerfile[\w.-]*|[\w.-]+\.dockerfile|Containerfile[\w.-]*)$", re.IGNORECASE)
_HISTORY = re.compile(r"(?:^|/)(?:docker|podman|image)[\w.-]*history[\w.-]*\.(?:txt|log|json)$", re.IGNORECASE)
_COMPOSE = re.compile(r"(?:^|/)(?:docker-)?compose[\w.-]*\.ya?ml$", re.IGNORECASE)
_CI = re.compile(
    r"(?:^|/)(?:\.(?:github|gitea|forgejo)/(?:workflows|actions)/(?:[^/]+/)*[^/]+\.ya?ml|[\w.-]*\.gitlab-ci\.ya?ml"
    r"|azure-pipelines[\w.-]*\.ya?ml|bitbucket-pipelines\.ya?ml|\.circleci/config\.ya?ml|\.travis\.ya?ml"
    r"|\.woodpecker\.ya?ml|\.drone\.ya?ml|Jenkinsfile[\w.-]*)$",
    re.IGNORECASE,
)
_LOG = re.compile(r"(?:^|/)[\w.-]+\.log$", re.IGNORECASE)


class Fault(Enum):
    """What a line does with a secret: what is said of it, and what to do instead. `{name}` is the variable's."""

    VALUE = (
        "{name} is given a fixed value",
        "hand the value over at run time: sealproof run --tenant TENANT -- COMMAND, with {name} left open in the file",
    )
    HEADER = (
        "an authorization header has a fixed value",
        "read it from the environment: sealproof run --tenant TENANT -- COMMAND",
    )
    LOGGED = (
        "a value in base64 stands in a log",
        "delete the log, and give the secret a new value: sealproof set TENANT NAME",
    )
    ARGUMENT = (
        "the build argument {name} stands in the image's history",
        "docker build --secret id={name},env={name} . and, in the image file, RUN --mount=type=secret,id={name}",
    )
    COPIED = (
        "a plain environment or key file is copied into the image, and stays in its layer",
        "seal it and copy that: sealproof seal TENANT FILE; start the image with: sealproof run --tenant TENANT",
    )
    TRACED = (
        "`set -x` prints commands with the secrets they are given",
        "set +x before the first command that is given one",
    )
    ENCODED = (
        "a secret is printed in an encoding that the log does not mask",
        "take the line out: logs are kept, and more people read them than may read the secret",
    )
    PRINTED = (
        "a secret is printed into the log, where only a mask hides it",
        'take the line out, or hand the value to a command\'s standard input: echo "$NAME" | COMMAND',
    )
    CARRIED = (
        "an artifact carries a plain environment or key file",
        "leave it out of the artifact's paths, or seal it first: sealproof seal TENANT FILE",
    )

    @property
    def shows_value(self) -> bool:
        """Tell whether a value stands there, which its name alone says is a secret."""
        return self in (Fault.VALUE, Fault.HEADER, Fault.LOGGED)


class BuildSecret(NamedTuple):
    """A line of a build or CI file that holds or gives away a secret. Never the value."""

    line: int
    fault: Fault
    name: str = ""
    """Of the variable, where there is one."""

    @property
    def what(self) -> str:
        """Return what is wrong with the line."""
        return self.fault.value[0].format(name=self.name)

    @property
    def fix(self) -> str:
        """Return what to do instead."""
        return self.fault.value[1].format(name=self.name or "NAME")


def is_build_file(path: str) -> bool:
    """Tell by its name whether a file describes, or is left by, a build."""
    return any(kind.search(path) for kind in (_IMAGE, _HISTORY, _COMPOSE, _CI, _LOG))


def build_secrets(path: str, data: bytes) -> list[BuildSecret]:
    """Return what is wrong in a build or CI file; nothing for any other file."""
    if not is_build_file(path):
        return []
    text = data.decode(errors="replace")
    lines = text.splitlines()
    found = set[BuildSecret]()
    if not _LOG.search(path):
        found |= {
            *_assigned(lines),
            *_named_above(lines),
            *_handed_on(lines, _COMPOSE_ARGS if _COMPOSE.search(path) else _BUILD_ARGS),
        }
    if _IMAGE.search(path):
        found |= {*_into_the_image(lines)}
    if _CI.search(path):
        found |= {*_workflow(text, lines)}
    if _LOG.search(path) or _HISTORY.search(path):
        found |= {*_decoded(lines)}
    return sorted(found, key=lambda each: (each.line, each.fault.name, each.name))


def _assigned(lines: list[str]) -> Iterator[BuildSecret]:
    for number, line in enumerate(lines, 1):
        for pattern in (_IMAGE_ENV, _ASSIGNED):
            for match in pattern.finditer(line):
                if _is_value(match["value"]):
                    yield BuildSecret(number, Fault.VALUE, match["name"][:_NAME_MAX])
        if any(_is_value(match["value"]) for match in _BEARER.finditer(line)):
            yield BuildSecret(number, Fault.HEADER)


def _named_above(lines: list[str]) -> Iterator[BuildSecret]:
    """Yield values that stand on the line below their name."""
    for number, (above, line) in enumerate(pairwise(lines), 2):
        named, value = _NAMED_ABOVE.match(above), _VALUE_BELOW.match(line)
        if named and value and _is_value(value["value"]):
            yield BuildSecret(number, Fault.VALUE, named["name"][:_NAME_MAX])


def _is_value(text: str) -> bool:
    bare = text.strip("\"',;")
    if len(bare) < _VALUE_MIN or _REFERENCE.match(bare) or "${" in bare or "$(" in bare:
        return False
    return not is_placeholder(bare) and not is_shipped_default(bare)


def _handed_on(lines: list[str], opens: re.Pattern[str]) -> Iterator[BuildSecret]:
    """Yield build arguments that whoever builds hands on: on a command line, or in a block of them."""
    block = -1  # the indent of the block that the line is in
    for number, line in enumerate(lines, 1):
        indent = len(line) - len(line.lstrip(" -"))
        if line.strip() and indent <= block:
            block = -1
        found = [*_BUILD_ARG.finditer(line), *(_HANDED_ON.finditer(line) if block >= 0 else ())]
        for match in found:
            yield BuildSecret(number, Fault.ARGUMENT, match["name"][:_NAME_MAX])
        if opened := opens.match(line):
            block = len(opened["indent"])


def _into_the_image(lines: list[str]) -> Iterator[BuildSecret]:
    for number, line in enumerate(lines, 1):
        if match := _ARG.match(line):
            yield BuildSecret(number, Fault.ARGUMENT, match["name"][:_NAME_MAX])
        copied = _COPY.match(line)
        sources = re.split(r"[\s,\[\]\"']+", copied["what"]) if copied else []
        if any(_PLAIN_FILE.match(source) for source in sources):
            yield BuildSecret(number, Fault.COPIED)


def _workflow(text: str, lines: list[str]) -> Iterator[BuildSecret]:
    uses_secrets = bool(_SECRET.search(text))
    uploads = bool(_ARTIFACT.search(text))
    for number, line in enumerate(lines, 1):
        if uses_secrets and _TRACE.search(line):
            yield BuildSecret(number, Fault.TRACED)
        if (fault := _prints(line)) is not None:
            yield BuildSecret(number, fault)
        elif uses_secrets and _ALL_PRINTED.match(line):
            yield BuildSecret(number, Fault.PRINTED)
        if uploads and _PLAIN_AT_END.search(line):
            yield BuildSecret(number, Fault.CARRIED)


def _prints(line: str) -> Fault | None:
    """Tell how one of the line's commands prints a secret; what it hands to another command or a file, it does not."""
    for command in _COMMANDS.split(line):
        secret, prints = _SECRET.search(command), _PRINTS.search(command)
        if secret and _ENCODES.search(command, secret.end()):
            return Fault.ENCODED
        if secret and prints and prints.end() < secret.start() and not _GOES_ON.search(command, prints.end()):
            return Fault.PRINTED
    return None


def _decoded(lines: list[str]) -> Iterator[BuildSecret]:
    """Yield base64 on a line that names a secret, where it decodes to text."""
    for number, line in enumerate(lines, 1):
        if _SPEAKS.search(line) and any(_is_text(match[0]) for match in _BASE64.finditer(line)):
            yield BuildSecret(number, Fault.LOGGED)


def _is_text(token: str) -> bool:
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), validate=True)
    except binascii.Error:
        return False
    return len(raw) >= _PRINTABLE_MIN and raw.isascii() and raw.decode().isprintable()

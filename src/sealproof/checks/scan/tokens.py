"""High-confidence tokens, by detect-secrets' own detectors: those that know a vendor's format, no others.

Left out are detectors by entropy or by keyword, public addresses, and formats that are any run of letters
behind a common word (Artifactory, Cloudant, IBM, SoftLayer). Filters, baselines, inline permissions and
verification over the network are parts of that tool's scan loop, which is not used: only `analyze_string`.

Its loop asks every detector about every line (some 0.3 MB/s). Here each of a detector's own expressions first
runs over the whole text, at hundreds of MB/s, and only lines with a match are given to the detector. The few
expressions that begin with no fixed text are slow over a whole file too; for exactly these a quicker one that
they imply goes first. An expression that a later release changes is none of these, and runs as it is.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from sealproof.checks.placeholders import is_placeholder, is_shipped_default

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    class Detector(Protocol):
        """What is used of a detect-secrets plugin."""

        secret_type: str
        denylist: tuple[re.Pattern[str], ...]

        def analyze_string(self, string: str) -> Iterator[str]:
            """Yield the tokens in a line."""


DETECTORS = (
    ("aws", "AWSKeyDetector"),
    ("azure_storage_key", "AzureStorageKeyDetector"),
    ("basic_auth", "BasicAuthDetector"),
    ("discord", "DiscordBotTokenDetector"),
    ("github_token", "GitHubTokenDetector"),
    ("gitlab_token", "GitLabTokenDetector"),
    ("jwt", "JwtTokenDetector"),
    ("mailchimp", "MailchimpDetector"),
    ("npm", "NpmDetector"),
    ("openai", "OpenAIDetector"),
    ("private_key", "PrivateKeyDetector"),
    ("pypi_token", "PypiTokenDetector"),
    ("sendgrid", "SendGridDetector"),
    ("slack", "SlackDetector"),
    ("square_oauth", "SquareOAuthDetector"),
    ("stripe", "StripeDetector"),
    ("telegram_token", "TelegramBotTokenDetector"),
    ("twilio", "TwilioKeyDetector"),
)
PRIVATE_KEY = "Private Key"
"""The detector that is content with a header line: whoever reports asks `keyfiles` for the key behind it."""
FOUND_MAX = 1000
"""Lines told a file; a file with more is one to throw away, not one to read about."""

_GATES = {
    r"aws.{0,20}?(?:key|pwd|pw|password|pass|token).{0,20}?[\'\"]([0-9a-zA-Z/+]{40})[\'\"]": r"[aA][wW][sS]",
    r"[MNO][a-zA-Z\d_-]{23,25}\.[a-zA-Z\d_-]{6}\.[a-zA-Z\d_-]{27}": r"\.[a-zA-Z\d_-]{6}\.[a-zA-Z\d_-]{27}",
    r"[0-9a-z]{32}-us[0-9]{1,2}": r"-us[0-9]",
    r"xox(?:a|b|p|o|s|r)-(?:\d+-)+[a-z0-9]+": r"[xX][oO][xX][a-zA-Z]-\d",
    r"https://hooks\.slack\.com/services/T[a-zA-Z0-9_]+/B[a-zA-Z0-9_]+/[a-zA-Z0-9_]+": r"(?i:://hooks\.slack)",
    r"(?:r|s)k_live_[0-9a-zA-Z]{24}": r"k_live_",
    r"\d{8,10}:[0-9A-Za-z_-]{35}": r":[0-9A-Za-z_-]{35}",
}
_CREDENTIALS = "Basic Auth Credentials"
_SAMPLES = (
    "eyJzdWIiOiIxMjM0NTY3ODkw",  # {"sub":"1234567890: the token that every introduction to JSON web tokens shows
    "1234567890",
    "0123456789",
    "abcdefghij",
    "ABCDEFGHIJ",
)
_REPEATED = re.compile(r"(.)\1{7}")
_VARIABLE = re.compile(r"[A-Z][A-Z_]+")
_TEMPLATED = re.compile(r"\{[^{}]*\}|<[^<>]*>|%[sd(]")
_TOKEN_MIN = 16  # characters
_CREDENTIAL_MIN = 4  # characters; `user:pw@host` is how documentation writes it


class Told(NamedTuple):
    """A line and a detector's name, as they go over the pipe."""

    line: int
    detector: str


class Tokens:
    """The detectors that this installation has."""

    def __init__(self) -> None:
        self.missing: list[str] = []
        self._detectors: list[tuple[Detector, list[_Gated]]] = []
        for module, name in DETECTORS:
            detector = self._load(module, name)
            if detector is not None:
                self._detectors.append((detector, [_Gated(pattern) for pattern in detector.denylist]))
        if not self._detectors:
            self.missing = ["detect-secrets"]

    def _load(self, module: str, name: str) -> Detector | None:
        try:
            made: Detector = getattr(import_module(f"detect_secrets.plugins.{module}"), name)()
        except (ImportError, AttributeError):
            self.missing.append(f"detect-secrets {name}")
            return None
        return made

    def scan(self, text: str) -> tuple[list[Told], list[Told]]:
        """Return what was found, and what looked alike but stands for a value to be filled in."""
        found: set[Told] = set()
        lookalikes: set[Told] = set()
        for detector, patterns in self._detectors:
            for number, line in _candidates(text, patterns):
                if any(detector.analyze_string(line)):
                    texts = [_token(match) for gated in patterns for match in gated.pattern.finditer(line)]
                    alike = all(is_stand_in(token, detector.secret_type) for token in texts)
                    (lookalikes if alike else found).add(Told(number, detector.secret_type))
                if len(found) + len(lookalikes) > FOUND_MAX:
                    break
        return sorted(found), sorted(lookalikes)


class _Gated:
    """An expression, behind a quicker one that must match first."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self.pattern = pattern
        self.gate = re.compile(_GATES[pattern.pattern]) if pattern.pattern in _GATES else None

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        if self.gate is None or self.gate.search(text):
            yield from (found.span() for found in self.pattern.finditer(text))


def is_stand_in(token: str, detector: str) -> bool:
    """Tell whether a token is a documented sample, a template or filler, which no random token looks like."""
    if is_placeholder(token) or _REPEATED.search(token) or _TEMPLATED.search(token):
        return True
    if any(sample in token for sample in _SAMPLES):
        return True
    if detector != _CREDENTIALS:
        return False
    plain = unquote(token)
    unfilled = len(plain) < _CREDENTIAL_MIN or is_placeholder(plain) or is_shipped_default(plain)
    return unfilled or _VARIABLE.fullmatch(plain) is not None


def _token(match: re.Match[str]) -> str:
    """Return the secret part of a match: what its expression sets apart, unless that is only a kind of token."""
    apart = [group for group in match.groups() if group]
    return apart[-1] if apart and (len(apart[-1]) >= _TOKEN_MIN or match[0].startswith("://")) else match[0]


def _candidates(text: str, patterns: list[_Gated]) -> Iterator[tuple[int, str]]:
    """Yield number and text of each line that any of the expressions touches, in order."""
    spans = sorted(span for pattern in patterns for span in pattern.spans(text))
    number, counted, told = 1, 0, 0
    for start, end in spans:
        number += text.count("\n", counted, start)
        counted = start
        if number <= told:
            continue
        # Over a whole text white space in an expression may have met a line end: every line that was touched is asked.
        first = text.rfind("\n", 0, start) + 1
        last = text.find("\n", end)
        for told, line in enumerate(text[first : last if last >= 0 else None].split("\n"), number):
            yield told, line

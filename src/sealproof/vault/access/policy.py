"""The policy: rules, roles and owners in one canonical text, signed, with a generation.

    {"policy": {…}, "signatures": [{"key": …, "signature": …}, …]}

The file is JSON in one spelling only: keys in order, one space of indent, ASCII, so that a change is a small
diff. What a policy key signs is F("sealproof/1/policy", SHA-256(the policy as canonical JSON)).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealproof.envelope.grammar import frame
from sealproof.errors import LimitExceeded
from sealproof.signing import PUBLIC_BYTES, SIGNATURE_BYTES, canonical, sha256, verifies
from sealproof.vault.access.text import (
    fields_of,
    hex_of,
    identifier_of,
    integer_of,
    list_of,
    malformed,
    parsed,
    read_any_rule,
    read_rule,
    require,
    rule_json,
    spelled,
    subject_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sealproof.signing import SigningKey
    from sealproof.vault.access.rules import Rule

FORMAT = "sealproof-policy/1"
FILE_MAX = 4 * 1024 * 1024  # bytes
RULES_MAX = 4096
ROLES_MAX = 256
MEMBERS_MAX = 1024
OWNERS_MAX = 4
SIGNATURES_MAX = 16
_POLICY = ("format", "generation", "owners", "previous", "roles", "rules", "saved")
_DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may do what. What no rule allows is denied; what any rule denies is denied."""

    generation: int
    previous: str
    """The digest of the policy that this one followed; empty for the first."""
    saved: int
    """Unix seconds."""
    owners: tuple[str, ...]
    """Operating-system users who hold the store's keys: they may do everything, unless a rule denies it."""
    roles: Mapping[str, tuple[str, ...]]
    """The members of each role, sorted."""
    rules: tuple[Rule, ...]
    """Ascending by id; their order means nothing."""

    def to_json(self) -> dict[str, object]:
        """Return the policy as it stands in the file."""
        return {
            "format": FORMAT,
            "generation": self.generation,
            "owners": list(self.owners),
            "previous": self.previous,
            "roles": {name: list(members) for name, members in self.roles.items()},
            "rules": [rule_json(rule) for rule in self.rules],
            "saved": self.saved,
        }

    def digest(self) -> bytes:
        """Return SHA-256 of the policy as canonical JSON. Signatures that are added leave it as it is."""
        return sha256(canonical(self.to_json()))

    def message(self) -> bytes:
        """Return what is signed."""
        return frame(b"sealproof/1/policy", self.digest())

    def rule(self, rule_id: str) -> Rule | None:
        """Return the rule of that id, or None."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)


@dataclass(frozen=True, slots=True)
class SignedPolicy:
    """A policy with signatures by public key. Nothing in it is to be believed before `valid_signers`."""

    policy: Policy
    signatures: Mapping[bytes, bytes]

    def to_bytes(self) -> bytes:
        """Return the file."""
        signatures = [
            {"key": public.hex(), "signature": self.signatures[public].hex()} for public in sorted(self.signatures)
        ]
        return spelled({"policy": self.policy.to_json(), "signatures": signatures})

    def signed_by(self, key: SigningKey) -> SignedPolicy:
        """Return it with one signature more."""
        return SignedPolicy(self.policy, {**self.signatures, key.public: key.sign(self.policy.message())})

    def valid_signers(self, pinned: Iterable[bytes]) -> list[bytes]:
        """Return which of the `pinned` public keys signed it."""
        message = self.policy.message()
        return [key for key in pinned if key in self.signatures and verifies(key, self.signatures[key], message)]


def parse(data: bytes, *, mending: bool = False) -> SignedPolicy:
    """Read a policy file: limits first, one spelling only. Its signatures are not looked at.

    With `mending` also one that has rules which none may hold any more. Raises LimitExceeded, MalformedFile.
    """
    if len(data) > FILE_MAX:
        message = f"an access policy of {len(data)} bytes is over the limit of {FILE_MAX}"
        raise LimitExceeded(message)
    parts = fields_of(parsed(data), ("policy", "signatures"), "the file")
    signatures = dict(_signature(item) for item in list_of(parts["signatures"], SIGNATURES_MAX, "the signatures"))
    signed = SignedPolicy(_policy(parts["policy"], read_any_rule if mending else read_rule), signatures)
    require(signed.to_bytes() == data, "not in its only spelling")
    return signed


def _policy(value: object, read: Callable[[object], Rule]) -> Policy:
    parts = fields_of(value, _POLICY, "the policy")
    require(parts["format"] == FORMAT, f"not of the format {FORMAT}")
    generation = integer_of(parts["generation"], "the generation")
    require(generation, "the generation is 0")
    rules = [read(item) for item in list_of(parts["rules"], RULES_MAX, "the rules")]
    ids = [rule.id for rule in rules]
    require(ids == sorted(set(ids)), "the rules are not each there once, in the order of their ids")
    return Policy(
        generation,
        "" if parts["previous"] == "" else hex_of(parts["previous"], _DIGEST_BYTES, "the previous digest").hex(),
        integer_of(parts["saved"], "the time"),
        _subjects(parts["owners"], OWNERS_MAX, "the owners"),
        _roles(parts["roles"]),
        tuple(rules),
    )


def _roles(value: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict) or len(value) > ROLES_MAX:
        raise malformed(f"the roles are no object of at most {ROLES_MAX}")
    return {
        identifier_of(name, "a role"): _subjects(members, MEMBERS_MAX, f"the members of {name}")
        for name, members in value.items()
    }


def _subjects(value: object, limit: int, what: str) -> tuple[str, ...]:
    subjects = [subject_of(item) for item in list_of(value, limit, what)]
    require(subjects == sorted(set(subjects)), f"{what} are not each there once, in order")
    return tuple(subjects)


def _signature(value: object) -> tuple[bytes, bytes]:
    parts = fields_of(value, ("key", "signature"), "a signature")
    return hex_of(parts["key"], PUBLIC_BYTES, "a key"), hex_of(parts["signature"], SIGNATURE_BYTES, "a signature")

"""The policy's text: one spelling, strict limits, signatures over exactly what stands there."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealproof.errors import LimitExceeded, MalformedFile
from sealproof.signing import SigningKey
from sealproof.vault.access import Conditions, Operation, Policy, Rule, SignedPolicy, Window
from sealproof.vault.access.interface import WHOLE
from sealproof.vault.access.policy import FILE_MAX, parse

KEY, OTHER = SigningKey(bytes(range(32))), SigningKey(bytes(32))
NAME = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)
SUBJECT = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.@:/+-]{0,20}", fullmatch=True).filter(
    lambda text: not text.startswith("role:")
)
TIME = st.integers(0, 2**53 - 1)


def windows():
    minutes = st.integers(0, 1439)
    days = st.sets(st.integers(1, 7), min_size=1).map(lambda found: tuple(sorted(found)))
    return st.builds(Window, days, minutes, minutes).filter(lambda window: window.start != window.end)


@st.composite
def rules(draw, rule_id):
    operations = draw(st.sets(st.sampled_from(list(Operation)), min_size=1))
    begins = draw(TIME.filter(lambda time: time < 2**53 - 1))
    conditions = Conditions(
        draw(st.sampled_from(["claimed", "uid", "peercred", "oidc"])),
        draw(st.booleans()),
        begins,
        draw(st.one_of(st.just(0), st.integers(begins + 1, 2**53 - 1))),
        draw(st.none() | windows()),
    )
    return Rule(
        rule_id,
        draw(st.booleans()),
        draw(st.one_of(SUBJECT, NAME.map(lambda role: f"role:{role}"), st.just("*"))),
        draw(NAME),
        draw(st.one_of(NAME, st.just("*"))),
        "*" if operations & WHOLE else draw(st.sampled_from(["*", "A", "DB_*", "*_KEY", "A*B"])),
        tuple(sorted(operations)),
        conditions,
        draw(TIME),
        draw(SUBJECT),
    )


@st.composite
def policies(draw):
    ids = sorted(draw(st.sets(NAME, max_size=4)))
    group = st.sets(SUBJECT, max_size=3).map(lambda found: tuple(sorted(found)))
    return Policy(
        draw(st.integers(1, 2**53 - 1)),
        draw(st.one_of(st.just(""), st.binary(min_size=32, max_size=32).map(bytes.hex))),
        draw(TIME),
        draw(group),
        dict(sorted(draw(st.dictionaries(NAME, group, max_size=3)).items())),
        tuple(draw(rules(rule_id)) for rule_id in ids),
    )


def file_of(policy: Policy | None = None) -> bytes:
    return SignedPolicy(policy or sample(), {}).signed_by(KEY).to_bytes()


def sample() -> Policy:
    conditions = Conditions("uid", True, 5, 10, Window((1, 5), 60, 120))
    rule = Rule("g2", True, "role:dev", "acme", "*", "DB_*", (Operation.LIST, Operation.READ), conditions, 4, "root")
    return Policy(2, "ab" * 32, 9, ("root",), {"dev": ("ann", "bob")}, (rule,))


@given(policies())
def test_what_is_written_reads_back_the_same(policy):
    signed = parse(file_of(policy))
    assert signed.policy == policy
    assert signed.valid_signers([KEY.public, OTHER.public]) == [KEY.public]


@settings(max_examples=300)
@given(st.data())
def test_one_changed_byte_is_refused_or_unsigned(data):
    text = bytearray(file_of())
    position = data.draw(st.integers(0, len(text) - 1))
    text[position] = data.draw(st.integers(0, 255).filter(lambda byte: byte != text[position]))
    try:
        signed = parse(bytes(text))
    except MalformedFile:
        return
    assert signed.valid_signers([KEY.public]) == []


@given(st.binary(max_size=300))
def test_noise_is_refused(noise):
    with pytest.raises(MalformedFile):
        parse(noise)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
PATHS = [
    ("policy",), ("signatures",), ("policy", "format"), ("policy", "generation"), ("policy", "owners"),
    ("policy", "previous"), ("policy", "roles"), ("policy", "roles", "dev"), ("policy", "rules"), ("policy", "saved"),
    ("policy", "rules", 0), ("signatures", 0), ("signatures", 0, "key"), ("signatures", 0, "signature"),
    *[("policy", "rules", 0, field) for field in (
        "by", "conditions", "created", "effect", "environment", "id", "name", "operations", "subject", "tenant")],
    *[("policy", "rules", 0, "conditions", field) for field in ("approval", "established", "from", "until", "window")],
    *[("policy", "rules", 0, "conditions", "window", field) for field in ("days", "start", "end")],
]  # fmt: skip


@settings(max_examples=400)
@given(st.sampled_from(PATHS), json_values)
def test_a_part_of_another_kind_is_refused_or_unsigned(path, value):
    file = json.loads(file_of())
    part = file
    for step in path[:-1]:
        part = part[step]
    if part[path[-1]] == value:
        return
    part[path[-1]] = value
    try:
        signed = parse(json.dumps(file, indent=1, sort_keys=True).encode() + b"\n")
    except MalformedFile:
        return
    assert signed.valid_signers([KEY.public]) == []


def changed(**parts: object) -> bytes:
    file = json.loads(file_of())
    rule = file["policy"]["rules"][0]
    for path, value in parts.items():
        target = rule["conditions"] if path in rule["conditions"] else rule if path in rule else file["policy"]
        target[path] = value
    return json.dumps(file, indent=1, sort_keys=True).encode() + b"\n"


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"tenant": "*"}, "over all tenants"),
        ({"tenant": "*", "operations": ["export"]}, "over all tenants"),
        *[({"operations": [one]}, f"{one} concerns none: name") for one in sorted(WHOLE)],
        ({"operations": ["audit.read", "list"], "effect": "deny"}, "audit.read concerns none: name"),
        ({"tenant": "Acme"}, "the tenant of rule g2"),
        ({"environment": "a b"}, "the environment of rule g2"),
        ({"name": "DB_*_*"}, "pattern with one \\*"),
        ({"name": "1ST"}, "pattern with one \\*"),
        ({"name": "A" * 129}, "pattern with one \\*"),
        ({"subject": "role:Dev"}, "is not a role"),
        ({"subject": "a b"}, "no subject"),
        ({"effect": "maybe"}, "neither allows nor denies"),
        ({"operations": []}, "each once, in order"),
        ({"operations": ["read", "list"]}, "each once, in order"),
        ({"operations": ["read", "read"]}, "each once, in order"),
        ({"operations": ["fly"]}, "no operation"),
        ({"established": "blood"}, "none of claimed"),
        ({"from": 10, "until": 10}, "ends before it begins"),
        ({"from": True}, "whole number"),
        ({"window": {"days": [], "start": "08:00", "end": "09:00"}}, "not 1 to 7"),
        ({"window": {"days": [2, 1], "start": "08:00", "end": "09:00"}}, "not 1 to 7"),
        ({"window": {"days": [8], "start": "08:00", "end": "09:00"}}, "not 1 to 7"),
        ({"window": {"days": [1], "start": "24:00", "end": "09:00"}}, "no time of day"),
        ({"window": {"days": [1], "start": "09:00", "end": "09:00"}}, "ends when it begins"),
        ({"generation": 0}, "generation is 0"),
        ({"generation": 2**53}, "whole number"),
        ({"format": "sealproof-policy/2"}, "not of the format"),
        ({"owners": ["b", "a"]}, "each there once, in order"),
        ({"owners": ["a", "b", "c", "d", "e"]}, "no list of at most 4"),
        ({"roles": {"Dev": []}}, "is not a role"),
    ],
)
def test_a_policy_that_no_program_writes_is_refused(parts, said):
    with pytest.raises(MalformedFile, match=said):
        parse(changed(**parts))


def test_two_rules_of_one_id_are_refused():
    file = json.loads(file_of())
    file["policy"]["rules"] *= 2
    with pytest.raises(MalformedFile, match="order of their ids"):
        parse(json.dumps(file, indent=1, sort_keys=True).encode() + b"\n")


@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"a": 1' + b"0" * 5000 + b"}", b'{"policy": NaN}', b"\xff\xfe{}"])
def test_hostile_json_is_refused(text):
    with pytest.raises(MalformedFile):
        parse(text)


def test_another_spelling_is_refused():
    for text in (file_of().replace(b"\n ", b"\n  "), file_of() + b"\n", json.dumps(json.loads(file_of())).encode()):
        with pytest.raises(MalformedFile, match="only spelling"):
            parse(text)


def test_a_field_given_twice_is_refused():
    text = file_of().replace(b'  "generation": 2,', b'  "generation": 3,\n  "generation": 2,')
    with pytest.raises(MalformedFile, match="only spelling"):
        parse(text)


def test_an_oversized_policy_is_refused_before_it_is_read():
    with pytest.raises(LimitExceeded):
        parse(b" " * (FILE_MAX + 1))


def test_a_signature_counts_only_under_a_pinned_key():
    signed = SignedPolicy(sample(), {}).signed_by(KEY).signed_by(OTHER)
    assert signed.valid_signers([KEY.public]) == [KEY.public]
    forged = SignedPolicy(sample(), {KEY.public: OTHER.sign(sample().message())})
    assert forged.valid_signers([KEY.public]) == []

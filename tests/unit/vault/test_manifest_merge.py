"""Manifests merge by their tables: nothing that either side wrote is lost, nothing that neither wrote appears."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealproof.vault.manifest import appended
from sealproof.vault.manifest_merge import merge

BASE = '# of all\n\n[A]\nowner = "a"\n\n# about B\n[B]\nowner = "b"  # [not a heading]\n'
names = st.sampled_from(["A", "B", "C", "D", "tenant", "locations.eu"])
manifests = st.dictionaries(names, st.sampled_from(["one", "two", "three"]), max_size=6)


def text_of(manifest):
    return "\n".join(f'[{name}]\nowner = "{owner}"\n' for name, owner in manifest.items()).encode()


def dict_of(text):
    """Return the owner by the table's heading."""
    flat = tomllib.loads(text.decode())
    eu = flat.pop("locations", {}).get("eu")
    return {name: table["owner"] for name, table in (flat | ({"locations.eu": eu} if eu else {})).items()}


@given(manifests, manifests, manifests)
def test_each_table_comes_from_the_side_that_changed_it(base, ours, theirs):
    merged = merge(text_of(base), text_of(ours), text_of(theirs))
    expected, conflicts = {}, set()
    for name in {*ours, *theirs, *base}:
        old, left, right = base.get(name), ours.get(name), theirs.get(name)
        chosen = left if right in (left, old) else right
        if left != right and old not in (left, right):
            conflicts.add(name)
        elif chosen is not None:
            expected[name] = chosen
    assert set(merged.conflicts) == conflicts
    if conflicts:
        assert merged.data.count(b"<<<<<<< ours\n") == merged.data.count(b">>>>>>> theirs\n") == len(conflicts)
    else:
        assert dict_of(merged.data) == expected


@given(manifests, manifests)
def test_a_side_that_changed_nothing_gives_way(base, ours):
    for sides in ((text_of(ours), text_of(base)), (text_of(base), text_of(ours))):
        merged = merge(text_of(base), *sides)
        assert (merged.conflicts, dict_of(merged.data)) == ((), ours)


def test_comments_and_every_byte_of_a_table_stay():
    ours, _ = appended(BASE.encode(), ["NEW_ONE"], owner="o", purpose="p", rotation_days=90)
    theirs = BASE.replace('owner = "a"', 'owner   = "z" # new').encode() + b'\n# last\n[Z]\nowner = "z"\n'
    merged = merge(BASE.encode(), ours, theirs)
    assert merged.conflicts == ()
    for kept in (
        b'# of all\n\n[A]\nowner   = "z" # new\n',
        b'# about B\n[B]\nowner = "b"  # [not a heading]\n',
        b"# last\n[Z]",
    ):
        assert kept in merged.data
    assert merged.data.endswith(b"\n")
    assert set(tomllib.loads(merged.data.decode())) == {"A", "B", "NEW_ONE", "Z"}


def test_what_stands_above_the_first_table_merges_too():
    merged = merge(b'x = 1\n[A]\nowner = "a"\n', b'x = 2\n[A]\nowner = "a"\n', b'x = 3\n[A]\nowner = "a"\n')
    assert merged.conflicts == ("",)
    assert merged.data.startswith(b"<<<<<<< ours\nx = 2\n=======\nx = 3\n>>>>>>> theirs\n")


def test_a_removed_table_that_the_other_side_changed_is_a_conflict():
    merged = merge(b'[A]\nowner = "a"\n', b"", b'[A]\nowner = "b"\n')
    assert merged.data == b'<<<<<<< ours\n=======\n[A]\nowner = "b"\n>>>>>>> theirs\n'


@pytest.mark.parametrize(
    "broken",
    [
        b"no toml",
        b"\xff",
        b'[A]\npurpose = """\n[B]\n"""\n',
        b'[A]\nlist = [\n["x"]\n]\n',
        b'["B"]\nowner = "another spelling"\n',
    ],
)
def test_what_cannot_be_cut_at_its_headings_is_left_to_git(broken):
    assert merge(b"", b'[B]\nowner = "b"\n', broken) is None
    assert merge(b"", broken, b'[B]\nowner = "b"\n') is None

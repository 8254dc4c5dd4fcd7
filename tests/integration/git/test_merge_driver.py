"""Two people, two branches, one real git repository."""

from __future__ import annotations

import shutil
import tomllib

import pytest

from tests.cli.shell import Shell

SEALED = "secrets/tenants/acme/.env.enc"
MANIFEST = "secrets/tenants/acme/manifest.toml"
ABSENT_DRIVER = "git config --remove-section merge.sealproof"


class Person(Shell):
    """Somebody with a clone of their own, and the store's keys in it."""

    def sets(self, name: str, value: str) -> None:
        """Set one secret and commit."""
        self.type(f"sealproof set acme {name} && git commit --quiet --all --message '{name}'", stdin=value)

    def drops(self, name: str) -> None:
        """Drop one secret and commit."""
        self.type(f"sealproof remove acme {name} && git commit --quiet --all --message 'no {name}'")


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A repository with three secrets, and the store's keys beside it."""
    origin = Shell(tmp_path_factory.mktemp("origin"))
    origin.type("git init --quiet --initial-branch main . && sealproof init")
    origin.type("sealproof seal acme", stdin="A=a\nB=b\nC=c\n")
    origin.type("git add --all && git commit --quiet --message start")
    return origin.path


@pytest.fixture
def people(repository, tmp_path):
    """Two clones; each holds the keys, and has run `sealproof init` once."""
    both = []
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
        person = Person(tmp_path / name)
        person.type(f"git clone --quiet {repository} .")
        shutil.copytree(repository / "secrets/keys", person / "secrets/keys")
        person.type("sealproof init")
        assert person.type("git status --porcelain") == ""
        both.append(person)
    return both


def fetch(ours, theirs):
    ours.type(f"git fetch --quiet {theirs.path} main")


def test_different_secrets_merge_cleanly_and_open(people):
    ours, theirs = people
    ours.sets("A", "from ours")
    ours.sets("NEW", "one more")
    theirs.sets("B", "from theirs")
    theirs.drops("C")
    fetch(ours, theirs)
    answer = ours.run("git merge --no-edit FETCH_HEAD")
    assert answer.code == 0, answer
    assert "sealproof: merged acme/development secret by secret" in answer.err
    assert ours.type("sealproof open acme") == "A='from ours'\nB='from theirs'\nNEW='one more'\n"
    assert ours.type("git status --porcelain") == ""
    assert "generation 4" in ours.run("sealproof list acme").err
    theirs.type(f"git pull --quiet --ff-only {ours.path} main")
    assert theirs.type("sealproof open acme") == ours.type("sealproof open acme")
    assert ours.run("sealproof check --check SEC-002 --check SEC-003 --check SEC-004").code == 0


def test_the_same_secret_is_refused_by_name_and_ours_stays(people):
    ours, theirs = people
    ours.sets("A", "from ours")
    theirs.sets("A", "from theirs")
    theirs.sets("B", "also")
    fetch(ours, theirs)
    before = (ours / SEALED).read_bytes()
    answer = ours.run("git merge --no-edit FETCH_HEAD")
    assert answer.code == 1
    assert "sealproof: error: both sides changed the secret A\n" in answer.err
    assert "sealproof: hint: keep one side, and set the other's values again" in answer.err
    assert "from" not in answer.err
    assert f"CONFLICT (content): Merge conflict in {SEALED}" in answer.out
    assert (ours / SEALED).read_bytes() == before
    assert ours.type("sealproof get acme A") == "from ours\n"
    # The way out that the hint names.
    ours.sets("B", "also")
    assert ours.type("sealproof open acme") == "A='from ours'\nB=also\nC=c\n"
    assert ours.type("git status --porcelain") == ""


def test_two_new_secrets_of_one_name_are_refused(people):
    ours, theirs = people
    ours.sets("NEW", "from ours")
    theirs.sets("NEW", "from theirs")
    fetch(ours, theirs)
    answer = ours.run("git merge --no-edit FETCH_HEAD")
    assert answer.code == 1
    assert "both sides changed the secret NEW" in answer.err


def test_an_edit_and_a_removal_are_refused(people):
    ours, theirs = people
    ours.drops("A")
    theirs.sets("A", "from theirs")
    fetch(ours, theirs)
    assert "both sides changed the secret A" in ours.run("git merge --no-edit FETCH_HEAD").err


def test_a_rebase_goes_through_the_driver_too(people):
    ours, theirs = people
    ours.sets("A", "from ours")
    theirs.sets("B", "from theirs")
    fetch(ours, theirs)
    ours.type("git rebase FETCH_HEAD")
    assert ours.type("sealproof open acme") == "A='from ours'\nB='from theirs'\nC=c\n"


def test_without_the_driver_git_stops_with_a_conflict(people):
    ours, theirs = people
    ours.type(ABSENT_DRIVER)
    assert "merge driver not installed" in ours.run("sealproof doctor").out
    ours.sets("A", "from ours")
    theirs.sets("B", "from theirs")
    fetch(ours, theirs)
    answer = ours.run("git merge --no-edit FETCH_HEAD")
    assert answer.code == 1
    assert "CONFLICT (content)" in answer.out
    assert ours.run("sealproof get acme A").code == 1, "a file with conflict marks opens for nobody"
    ours.type("git merge --abort && sealproof init && git merge --no-edit FETCH_HEAD")
    assert ours.type("sealproof open acme") == "A='from ours'\nB='from theirs'\nC=c\n"


def test_a_side_that_somebody_tampered_with_does_not_merge(people):
    ours, theirs = people
    ours.sets("A", "from ours")
    data = bytearray((theirs / SEALED).read_bytes())
    position = data.index(b'"sealed":"') + 40
    data[position] = ord("A") if data[position] != ord("A") else ord("B")
    (theirs / SEALED).write_bytes(data)
    theirs.type("git commit --quiet --all --message tampered")
    fetch(ours, theirs)
    before = (ours / SEALED).read_bytes()
    answer = ours.run("git merge --no-edit FETCH_HEAD")
    assert answer.code == 1
    assert "cannot open acme/development" in answer.err
    assert (ours / SEALED).read_bytes() == before


def test_a_clone_without_keys_cannot_merge_and_says_so(people):
    ours, theirs = people
    ours.sets("A", "from ours")
    theirs.sets("B", "from theirs")
    shutil.rmtree(ours / "secrets/keys")
    fetch(ours, theirs)
    answer = ours.run("git merge --no-edit FETCH_HEAD")
    assert answer.code == 1
    assert "secrets has no keys/ to work with" in answer.err


def test_no_key_is_ever_added(people):
    ours, _ = people
    ours.type("sealproof key export acme --output host.key && git add --all")
    assert "keys" not in ours.type("git ls-files")
    assert "host.key" not in ours.type("git ls-files")


def tables(person):
    return person.type("grep -c '^\\[' secrets/tenants/acme/manifest.toml").strip()


def test_two_people_each_add_a_secret_and_both_manifests_merge(people):
    ours, theirs = people
    ours.sets("FROM_OURS", "one more")
    theirs.sets("FROM_THEIRS", "another one")
    fetch(ours, theirs)
    answer = ours.run("git merge --no-edit FETCH_HEAD")
    assert answer.code == 0, answer
    assert f"sealproof: merged {MANIFEST} table by table" in answer.err
    assert ours.type("git status --porcelain") == ""
    manifest = tomllib.loads((ours / MANIFEST).read_text())
    assert set(manifest) == {"A", "B", "C", "FROM_OURS", "FROM_THEIRS"}
    assert all(entry["owner"] for entry in manifest.values())
    theirs.type(f"git pull --quiet --ff-only {ours.path} main")
    assert theirs.type("sealproof open acme") == ours.type("sealproof open acme")


def test_one_table_that_both_changed_is_marked_and_the_rest_is_merged(people):
    ours, theirs = people
    for person, purpose in ((ours, "the shop"), (theirs, "the warehouse")):
        text = (person / MANIFEST).read_text()
        start, end = text.index("[B]"), text.index("[C]")
        (person / MANIFEST).write_text(f'{text[:start]}[B]\nowner = "team"\npurpose = "{purpose}"\n\n{text[end:]}')
        person.sets(f"OF_{'US' if person is ours else 'THEM'}", "value")
    fetch(ours, theirs)
    answer = ours.run("git merge --no-edit FETCH_HEAD")
    assert answer.code == 1
    assert f"sealproof: both sides changed [B] of {MANIFEST}: both are marked there, keep one" in answer.err
    assert f"CONFLICT (content): Merge conflict in {MANIFEST}" in answer.out
    text = (ours / MANIFEST).read_text()
    marked = (
        '<<<<<<< ours\n[B]\nowner = "team"\npurpose = "the shop"\n=======\n'
        '[B]\nowner = "team"\npurpose = "the warehouse"\n>>>>>>> theirs\n'
    )
    assert text.count(marked) == 1
    rest = text.replace(marked, "")
    assert set(tomllib.loads(rest)) == {"A", "C", "OF_US", "OF_THEM"}
    (ours / MANIFEST).write_text(text.replace(marked, '[B]\nowner = "team"\n'))
    ours.type("git add --all && git commit --quiet --no-edit && sealproof list acme")


def test_a_manifest_that_is_no_toml_merges_by_lines_as_without_a_driver(people):
    ours, theirs = people
    for person in people:
        (person / MANIFEST).write_text("no toml at all\n" * 9)
    for person in people:
        person.type("git commit --quiet --all --message broken")
    theirs.type(f"git fetch --quiet {ours.path} main && git reset --quiet --hard FETCH_HEAD")
    for person, line in ((ours, 0), (theirs, 8)):
        lines = ["no toml at all\n"] * 9
        lines[line] = f"changed {line}\n"
        (person / MANIFEST).write_text("".join(lines))
        person.type("git commit --quiet --all --message more")
    fetch(ours, theirs)
    answer = ours.run("git merge --no-edit FETCH_HEAD")
    assert answer.code == 0, answer
    assert "cannot be told apart by its tables" in answer.err
    assert (ours / MANIFEST).read_text() == "changed 0\n" + "no toml at all\n" * 7 + "changed 8\n"
    (theirs / MANIFEST).write_text("theirs\n" * 9)
    (ours / MANIFEST).write_text("ours\n" * 9)
    for person in people:
        person.type("git commit --quiet --all --message rewritten")
    fetch(ours, theirs)
    assert ours.run("git merge --no-edit FETCH_HEAD").code == 1
    assert "<<<<<<< ours" in (ours / MANIFEST).read_text()


def test_a_store_from_before_gets_the_line_for_manifests(people):
    ours, _ = people
    (ours / "secrets/.gitattributes").write_text("*.enc -text merge=sealproof\n")
    assert "wrote .gitattributes: manifests merge table by table" in ours.run("sealproof init").err
    assert ours.run("sealproof init").err.count("gitattributes") == 0
    assert (ours / "secrets/.gitattributes").read_text().splitlines()[1] == "manifest.toml merge=sealproof"

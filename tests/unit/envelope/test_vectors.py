"""The committed vectors: reproduced byte for byte, opened or refused exactly as they say."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from vector_maker import large, store

import sealproof.errors
from sealproof.envelope.freshness import Freshness, Mark
from sealproof.envelope.keyfile import parse_keys
from sealproof.envelope.keytree import MasterFile, TenantFile
from sealproof.envelope.open import diagnose, open_values
from sealproof.envelope.parse import parse
from sealproof.signing import SigningKey, verifies

from .laboratory import NOW, VECTORS

NEGATIVE = json.loads((VECTORS / "negative.json").read_bytes())
POSITIVE = sorted(path.stem for path in (VECTORS / "positive").glob("*.json"))
RELEASED = sorted((VECTORS / "released").iterdir())
NOT_OURS = {"generate.py", ".gitattributes", "vector_maker", "primitives", "released", "__pycache__"}
NOT_OURS |= {"make_backup.py", "backup"}  # have a generator and a drift test of their own


def generator() -> object:
    spec = importlib.util.spec_from_file_location("sealproof_vectors_generate", VECTORS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] not in NOT_OURS
    }


def test_generator_writes_what_is_committed(tmp_path: Path) -> None:
    generator().main([str(tmp_path)])  # type: ignore[attr-defined]
    made, committed = files_below(tmp_path), files_below(VECTORS)
    assert made.keys() == committed.keys()
    assert [name for name in made if made[name] != committed[name]] == []


def test_generator_imports_nothing_of_the_product() -> None:
    for source in [VECTORS / "generate.py", *(VECTORS / "vector_maker").glob("*.py")]:
        assert not [
            line
            for line in source.read_text(encoding="utf-8").splitlines()
            if "import" in line.split() and "sealproof" in line
        ]


def ask(data: bytes, keys: bytes, question: dict[str, object]) -> dict[str, bytes]:
    tenant, environment = str(question["tenant"]), str(question["environment"])
    mark = question.get("mark")
    freshness = Freshness(
        now=question.get("now", NOW),  # type: ignore[arg-type]
        minimum=question.get("minimum", 0),  # type: ignore[arg-type]
        mark=Mark.parse(str(mark).encode(), tenant=tenant, environment=environment) if mark else None,
    )
    return open_values(data, tenant=tenant, environment=environment, keys=parse_keys(keys), freshness=freshness)


@pytest.mark.parametrize("name", POSITIVE)
def test_positive_opens_with_each_of_its_keys(name: str) -> None:
    expected = json.loads((VECTORS / f"positive/{name}.json").read_bytes())
    data = (VECTORS / f"positive/{name}.env.enc").read_bytes()
    assert (len(data), hashlib.sha256(data).hexdigest()) == (expected["bytes"], expected["sha256"])
    envelope = parse(data)
    for field in ("tenant", "environment", "epoch", "generation", "seals", "saved", "expires"):
        assert getattr(envelope, field) == expected[field]
    assert envelope.writer.hex() == expected["writer"]
    assert sorted(reader.public.hex() for reader in envelope.readers) == expected["readers"]
    assert [(entry.name, int(entry.version), int(entry.updated)) for entry in envelope.entries] == [
        (entry["name"], entry["version"], entry["updated"]) for entry in expected["entries"]
    ]
    for key in expected["keys"]:
        values = ask(data, (VECTORS / f"positive/{key}.key").read_bytes(), expected | {"now": expected["saved"]})
        assert values == {entry["name"]: entry["value"].encode() for entry in expected["entries"]}


def test_worked_example_is_the_documented_file() -> None:
    data = (VECTORS / "positive/worked_example.env.enc").read_bytes()
    assert len(data) == 1168
    assert hashlib.sha256(data).hexdigest() == "a6694b0831244de5fd50623715e5178edcf0ead8c53c1f66cb956b5069393cb5"
    document = (VECTORS.parents[1] / "docs/format.md").read_text(encoding="utf-8")
    assert data.decode() in document
    for key in ("worked_example", "worked_example.reader"):
        assert (VECTORS / f"positive/{key}.key").read_text(encoding="utf-8") in document


def test_there_are_many_negatives_and_each_is_listed() -> None:
    assert len(NEGATIVE["files"]) >= 70
    found = {path.name.removesuffix(".env.enc") for path in (VECTORS / "negative").glob("*.env.enc")}
    assert found == set(NEGATIVE["files"])
    for group in ("key_files", "master_files", "tenant_files", "marks"):
        assert {path.stem for path in (VECTORS / "negative" / group).iterdir()} == set(NEGATIVE[group])


@pytest.mark.parametrize("name", NEGATIVE["files"])
def test_negative_is_refused_with_exactly_its_error(name: str) -> None:
    question = NEGATIVE["files"][name]
    data = (VECTORS / f"negative/{name}.env.enc").read_bytes()
    keys = (VECTORS / question["key"]).read_bytes()
    with pytest.raises(sealproof.errors.DataError) as refused:
        ask(data, keys, question)
    assert type(refused.value).__name__ == question["error"]
    if question["error"] == "CannotOpen":
        step = diagnose(data, tenant=question["tenant"], environment=question["environment"], keys=parse_keys(keys))
        assert step == question["step"]


@pytest.mark.parametrize(
    ("name", "error", "data"), list(large.negatives()), ids=[name for name, _, _ in large.negatives()]
)
def test_large_negative_is_refused_with_exactly_its_error(name: str, error: str, data: bytes) -> None:
    del name
    keys = (VECTORS / "positive/worked_example.key").read_bytes()
    with pytest.raises(sealproof.errors.DataError) as refused:
        ask(data, keys, {"tenant": "acme", "environment": "production"})
    assert type(refused.value).__name__ == error


def read_key_file(text: bytes) -> None:
    parse_keys(text)


def read_master(text: bytes) -> None:
    master = MasterFile.parse(text)
    if master.is_passphrase:
        master.stretch(store.PASSPHRASE)


def read_tenant(text: bytes) -> None:
    tenant = TenantFile.parse(text, tenant="acme")
    kek = tenant.kek(store.MASTER)
    for record in tenant.epochs:
        tenant.unwrap(kek, record)


def read_mark(text: bytes) -> None:
    Mark.parse(text, tenant="acme", environment="production")


READERS = {"key_files": read_key_file, "master_files": read_master, "tenant_files": read_tenant, "marks": read_mark}
TEXTS = [(group, name) for group in READERS for name in NEGATIVE[group]]


@pytest.mark.parametrize(("group", "name"), TEXTS, ids=[f"{group}-{name}" for group, name in TEXTS])
def test_negative_text_is_refused_with_exactly_its_error(group: str, name: str) -> None:
    suffix = "mark" if group == "marks" else "key"
    text = (VECTORS / f"negative/{group}/{name}.{suffix}").read_bytes()
    with pytest.raises(sealproof.errors.DataError) as refused:
        READERS[group](text)
    assert type(refused.value).__name__ == NEGATIVE[group][name]["error"]


def test_positive_store_opens() -> None:
    folder = VECTORS / "positive/store"
    expected = json.loads((folder / "store.json").read_bytes())
    assert MasterFile.parse((folder / "master_random.key").read_bytes()).key.hex() == expected["master"]
    stretched = MasterFile.parse((folder / "master_passphrase.key").read_bytes()).stretch(expected["passphrase"])
    assert stretched.hex() == expected["passphrase_master"]
    tenant = TenantFile.parse((folder / "acme.key").read_bytes(), tenant="acme")
    kek = tenant.kek(bytes.fromhex(expected["master"]))
    assert kek.hex() == expected["kek"]
    assert [tenant.unwrap(kek, record).hex() for record in tenant.epochs] == [
        epoch["key"] for epoch in expected["epochs"]
    ]
    mark = Mark.parse((folder / "acme.production.mark").read_bytes(), tenant="acme", environment="production")
    data = (VECTORS / "positive/worked_example.env.enc").read_bytes()
    Freshness(now=NOW, mark=mark).check(parse(data))


@pytest.mark.parametrize("release", RELEASED, ids=lambda release: release.name)
def test_file_of_a_release_opens_for_ever(release: Path) -> None:
    expected = json.loads((release / "expected.json").read_bytes())
    for name, digest in expected["files"].items():
        assert hashlib.sha256((release / name).read_bytes()).hexdigest() == digest, "a released file never changes"
    for key in ("epoch.key", "reader.key"):
        values = ask((release / "production.env.enc").read_bytes(), (release / key).read_bytes(), expected)
        assert {name: value.decode() for name, value in values.items()} == expected["values"]
    master = MasterFile.parse((release / "master.key").read_bytes())
    tenant = TenantFile.parse((release / "tenant.key").read_bytes(), tenant=expected["tenant"])
    (record,) = tenant.epochs
    (line,) = parse_keys((release / "epoch.key").read_bytes())
    assert tenant.unwrap(tenant.kek(master.key), record) == line.key
    assert SigningKey.from_pem((release / "writer.pem").read_bytes(), name="writer.pem").public == line.writers[0]


def test_published_ed25519_vectors_hold() -> None:
    for vector in json.loads((VECTORS / "primitives/ed25519_rfc8032.json").read_bytes())["vectors"]:
        seed, public, message, signature = (
            bytes.fromhex(vector[name]) for name in ("seed", "public", "message", "signature")
        )
        key = SigningKey(seed)
        assert key.public == public == Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
        assert key.sign(message) == signature
        assert verifies(public, signature, message)

"""Verify a report's directory against keys that were pinned before, offline.

The steps are those of the documentation; each refusal says at which step, which file and why:

    1  the attestation is there and a pinned key signed it; a key found in the bundle is never trusted
    2  it is an in-toto statement of our predicate type and shape
    3  each file of a report is a subject, has the digest stated, and nothing else lies beside them
    4  results.json fits its schema and decodes
    5  the verdict is the one that the results add up to, there and in the predicate, and the
       predicate says of the run what the results say
    6  the catalogue is the one we have, and every file, rendered again, is the same byte for byte
    7  the predecessor, where the caller has its attestation, is the one that the run names

A signature says who and what, not when: times are as the signer's clock had them.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sealproof.compliance import catalogue as shipped
from sealproof.errors import EvidenceRejected
from sealproof.findings import verdict
from sealproof.reports import attestation, results, schema
from sealproof.reports._files import opened
from sealproof.reports._reader import FETCH_AGAIN, HEX_DIGEST, Node, parse
from sealproof.reports._verdicts import verdict_to_dict
from sealproof.reports._visible import visible
from sealproof.reports.formats import RENDERERS
from sealproof.signing import canonical, fingerprint, sha256, verify_dsse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from sealproof.compliance.catalogue import Catalogue
    from sealproof.findings import RunResult
    from sealproof.reports._files import Folder
    from sealproof.reports.results import Document


def verify(
    directory: Path,
    pinned: Sequence[bytes],
    *,
    previous: bytes | None = None,
    catalogue: Catalogue | None = None,
) -> RunResult:
    """Return the run whose report `directory` holds; `pinned` are raw Ed25519 public keys.

    `previous` is the attestation of the run before, where the caller has it; `catalogue` is the one
    shipped unless another is given.

    Raises EvidenceRejected at the first step that does not hold. FileUnavailable and MissingExtra mean
    that nothing was decided.
    """
    with opened(directory) as folder:
        # 1. The attestation is there and a pinned key signed it.
        with _step(1, attestation.NAME):
            payload, signers = _signed(folder, pinned)
        # 2. It is an in-toto statement of our predicate type and shape.
        with _step(2, attestation.NAME):
            subjects, predicate = _statement(payload)
        # 3. Each file is a subject, has the digest stated, and nothing else lies beside them.
        with _step(3):
            files = _covered(folder, subjects)
    # 4. results.json fits its schema and decodes.
    with _step(4, results.NAME):
        schema.validate(parse(files[results.NAME], "the document").value)
        document = results.read(files[results.NAME])
    # 5. Counts and verdict are what the results add up to, and the predicate says what the results say.
    with _step(5):
        recount(document)
        signer = _same(predicate, document.run, signers)
    # 6. The catalogue is ours, and every file, rendered again, is the same byte for byte.
    with _step(6):
        _rendered_again(document.run, files, shipped.load() if catalogue is None else catalogue, signer)
    # 7. The predecessor is the one that the run names.
    with _step(7):
        _linked(document.run, previous)
    return document.run


def recount(document: Document) -> None:
    """Hold the stated verdict against the results.

    Raises EvidenceRejected naming the first number that differs.
    """
    stated = verdict_to_dict(document.stated)
    counted = verdict_to_dict(verdict(document.run.results, document.run.gate))
    for name, number in counted.items():
        if stated[name] != number:
            message = f"{results.NAME}: verdict.{name} is not what its results add up to"
            raise EvidenceRejected(message, hint="trust nothing in it, and run the checks again", names=(name,))


def require_catalogue(run: RunResult, catalogue: Catalogue) -> None:
    """Refuse a run of another catalogue than `catalogue`.

    Raises EvidenceRejected naming both, and the release that has the run's.
    """
    if run.catalogue_digest != catalogue.digest:
        message = (
            f"{results.NAME} is of catalogue {run.catalogue_version} ({run.catalogue_digest[:16]}…),"
            f" here is {catalogue.version} ({catalogue.digest[:16]}…)"
        )
        raise EvidenceRejected(message, hint=_release(run), names=(results.NAME,))


@contextmanager
def _step(number: int, file: str = "") -> Iterator[None]:
    try:
        yield
    except EvidenceRejected as exc:
        place = f"step {number}, {file}" if file else f"step {number}"
        message = f"{place}: {exc.message}"
        raise EvidenceRejected(message, hint=exc.hint, names=exc.names) from exc


def _signed(folder: Folder, pinned: Sequence[bytes]) -> tuple[bytes, frozenset[str]]:
    if attestation.NAME not in folder.names():
        message = "is missing: this report is unsigned"
        raise EvidenceRejected(message, hint="run again with --sign-key", names=(attestation.NAME,))
    envelope = folder.read(attestation.NAME)
    for entry in parse(envelope, "the envelope").fields("payload", "payloadType", "signatures")["signatures"].items():
        entry.fields("keyid", "sig")
    payload = verify_dsse(envelope, pinned)
    return payload, frozenset(fingerprint(public) for public in pinned if _signs(envelope, public))


def _signs(envelope: bytes, public: bytes) -> bool:
    try:
        verify_dsse(envelope, [public])
    except EvidenceRejected:
        return False
    return True


def _statement(payload: bytes) -> tuple[Mapping[str, str], Mapping[str, Node]]:
    fields = parse(payload, "the statement").fields("_type", "subject", "predicateType", "predicate")
    if fields["_type"].text() != attestation.STATEMENT_TYPE:
        fields["_type"].refuse(f"is not {attestation.STATEMENT_TYPE}")
    if fields["predicateType"].text() != attestation.PREDICATE_TYPE:
        fields["predicateType"].refuse(f"is not {attestation.PREDICATE_TYPE}")
    subjects: dict[str, str] = {}
    for node in fields["subject"].items():
        entry = node.fields("name", "digest")
        name = entry["name"].text(empty=False)
        if name in subjects:
            entry["name"].refuse(f"names {visible(name)} a second time")
        subjects[name] = entry["digest"].fields("sha256")["sha256"].text(HEX_DIGEST, empty=False)
    return subjects, fields["predicate"].fields(*attestation.FIELDS)


def _covered(folder: Folder, subjects: Mapping[str, str]) -> Mapping[str, bytes]:
    _refuse_names(RENDERERS.keys() - subjects.keys(), "is covered by no signature: no subject names it")
    _refuse_names(subjects.keys() - RENDERERS.keys(), "is a subject that this release cannot render")
    _refuse_names(
        set(folder.names()) - subjects.keys() - {attestation.NAME},
        "lies in the report's directory, and the attestation does not cover it",
    )
    files = {name: folder.read(name) for name in subjects}
    _refuse_names(
        {name for name, content in files.items() if sha256(content).hex() != subjects[name]},
        "is not the file that was signed: its digest differs",
    )
    return files


def _refuse_names(names: set[str], reason: str) -> None:
    for name in sorted(names):
        message = f"{visible(name)} {reason}"
        raise EvidenceRejected(message, hint=FETCH_AGAIN, names=(name,))


def _same(predicate: Mapping[str, Node], run: RunResult, signers: frozenset[str]) -> str:
    signer = predicate["signer"].text()
    if signer not in signers:
        predicate["signer"].refuse(f"{visible(signer)} is no pinned key that signed")
    for name, value in attestation.predicate(run, signer=signer).items():
        if canonical(predicate[name].value) != canonical(value):
            predicate[name].refuse(f"says something else than {results.NAME}")
    return signer


def _rendered_again(run: RunResult, files: Mapping[str, bytes], catalogue: Catalogue, signer: str) -> None:
    require_catalogue(run, catalogue)
    for name, content in files.items():
        if RENDERERS[name](run, catalogue, signer=signer) != content:
            message = f"{name} was signed, but it is not what {results.NAME} renders to"
            raise EvidenceRejected(message, hint=_release(run), names=(name,))


def _linked(run: RunResult, previous: bytes | None) -> None:
    if previous is not None and sha256(previous).hex() != run.previous:
        named = f"{run.previous[:16]}…" if run.previous else "none: it starts a chain"
        message = f"the predecessor given is not the one that run {run.number} names ({named})"
        raise EvidenceRejected(message, hint="find the run between them", names=(attestation.NAME,))


def _release(run: RunResult) -> str:
    return f"if another release made it, verify with that one: pip install 'sealproof=={run.tool_version}'"

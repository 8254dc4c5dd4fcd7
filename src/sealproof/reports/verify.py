"""Verify a report's directory against keys that were pinned before, offline.

The steps are those of the documentation; each refusal says at which step, which file and why:

    1  the attestation is there and a pinned key signed it; a key found in the bundle is never trusted
    2  it is an in-toto statement of our predicate type and shape
    3  each file of a report is a subject, has the digest stated, and nothing else lies beside them
    4  results.json fits its schema and decodes
    5  the verdict is the one that the results add up to, there and in the predicate, the predicate
       says of the run what the results say, and the key that it names was valid on the run's day
    6  the catalogue is the one we have, and every file, rendered again, is the same byte for byte; the
       second statement is the one that the results make, signed by a pinned key
    7  the predecessor, where the caller has its attestation, is the one that the run names

A signature says who and what, not when: times are as the signer's clock had them.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sealproof.compliance import catalogue as shipped
from sealproof.errors import ConfigurationError, EvidenceRejected
from sealproof.findings import verdict
from sealproof.reports import attestation, results, schema, testresult
from sealproof.reports._files import opened
from sealproof.reports._reader import FETCH_AGAIN, HEX_DIGEST, Node, parse
from sealproof.reports._times import readable
from sealproof.reports._verdicts import verdict_to_dict
from sealproof.reports._visible import visible
from sealproof.reports.formats import ALWAYS, KEPT, is_ours, render_all
from sealproof.reports.trust import pinned_keys, signers
from sealproof.signing import canonical, fingerprint, sha256, verify_dsse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from sealproof.compliance.catalogue import Catalogue
    from sealproof.findings import RunResult
    from sealproof.reports._files import Folder
    from sealproof.reports.results import Document
    from sealproof.reports.trust import PinnedKey

FETCH_SIGNED: Final = "ask whoever made it for the signed report: anyone may have written or changed this one"


def verify(
    directory: Path,
    pinned: Sequence[bytes | PinnedKey],
    *,
    previous: bytes | None = None,
    catalogue: Catalogue | None = None,
    kept: bool = False,
) -> RunResult:
    """Return the run whose report `directory` holds; `pinned` are Ed25519 public keys, raw or with their days.

    `previous` is the attestation of the run before, where the caller has it; `catalogue` is the one
    shipped unless another is given. `kept`: the directory may hold the results and statements alone
    (`sealproof.reports.kept`); what it lacks is rendered and held against the digest that was signed.

    Raises EvidenceRejected at the first step that does not hold. FileUnavailable and MissingExtra mean
    that nothing was decided.
    """
    keys = pinned_keys(pinned)
    with opened(directory) as folder:
        # 1. The attestation is there and a pinned key signed it.
        with _step(1, attestation.NAME):
            payload, signed = _signed(folder, keys)
        # 2. It is an in-toto statement of our predicate type and shape.
        with _step(2, attestation.NAME):
            subjects, predicate = _statement(payload)
        # 3. Each file is a subject, has the digest stated, and nothing else lies beside them.
        with _step(3):
            files = _covered(folder, subjects, kept=kept)
    # 4. results.json fits its schema and decodes.
    with _step(4, results.NAME):
        schema.validate(parse(files[results.NAME], "the document").value)
        document = results.read(files[results.NAME])
    # 5. Counts and verdict are what the results add up to, and the predicate says what the results say.
    with _step(5):
        recount(document)
        signer = _same(predicate, document.run, signed)
    # 6. The catalogue is ours, and every file, rendered again, is the same byte for byte.
    with _step(6):
        _rendered_again(document.run, files, subjects, shipped.load() if catalogue is None else catalogue, signer)
        _second_statement(document.run, files, keys)
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
            raise EvidenceRejected(
                message, hint="trust nothing in it, and ask who signed it for a new run", names=(name,)
            )


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


def _signed(folder: Folder, keys: Sequence[PinnedKey]) -> tuple[bytes, Mapping[str, PinnedKey]]:
    if attestation.NAME not in folder.names():
        message = "is missing: this report is unsigned"
        raise EvidenceRejected(message, hint=FETCH_SIGNED, names=(attestation.NAME,))
    envelope = folder.read(attestation.NAME)
    for entry in parse(envelope, "the envelope").fields("payload", "payloadType", "signatures")["signatures"].items():
        entry.fields("keyid", "sig")
    payload = verify_dsse(envelope, [key.public for key in keys])
    return payload, {fingerprint(key.public): key for key in signers(envelope, keys)}


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


def _covered(folder: Folder, subjects: Mapping[str, str], *, kept: bool) -> Mapping[str, bytes]:
    _refuse_names(ALWAYS - subjects.keys(), "is covered by no signature: no subject names it")
    _refuse_names(
        {name for name in subjects if not is_ours(name)} | (subjects.keys() & {attestation.NAME}),
        "is a subject that this release cannot render",
    )
    present = set(folder.names())
    _refuse_names(
        present - subjects.keys() - {attestation.NAME},
        "lies in the report's directory, and the attestation does not cover it",
    )
    # What is missing where it must not be is read, and refused, by name.
    files = {name: folder.read(name) for name in subjects if name in present or not kept or name in KEPT}
    _refuse_names(
        {name for name, content in files.items() if sha256(content).hex() != subjects[name]},
        "is not the file that was signed: its digest differs",
    )
    return files


def _refuse_names(names: AbstractSet[str], reason: str) -> None:
    for name in sorted(names):
        message = f"{visible(name)} {reason}"
        raise EvidenceRejected(message, hint=FETCH_AGAIN, names=(name,))


def _same(predicate: Mapping[str, Node], run: RunResult, signed: Mapping[str, PinnedKey]) -> str:
    signer = predicate["signer"].text()
    if signer not in signed:
        predicate["signer"].refuse(f"{visible(signer)} is no pinned key that signed")
    for name, value in attestation.predicate(run, signer=signer).items():
        if canonical(predicate[name].value) != canonical(value):
            predicate[name].refuse(f"says something else than {results.NAME}")
    if not signed[signer].covers(run.ended):
        message = f"key {signed[signer]} was not valid when the run ended, {readable(run.ended)}"
        raise EvidenceRejected(message, hint="ask its owner which key signed on that day", names=(signer,))
    return signer


def _rendered_again(
    run: RunResult, files: Mapping[str, bytes], subjects: Mapping[str, str], catalogue: Catalogue, signer: str
) -> None:
    require_catalogue(run, catalogue)
    try:
        again = render_all(run, catalogue, signer=signer)
    except ConfigurationError as exc:
        message = f"{results.NAME} adds to the catalogue what does not fit it: {exc.message}"
        raise EvidenceRejected(message, hint=_release(run), names=exc.names) from exc
    _refuse_names(subjects.keys() - again.keys() - {testresult.NAME}, f"is nothing that {results.NAME} renders to")
    _refuse_names(again.keys() - subjects.keys(), f"is missing: {results.NAME} renders to it")
    for name, content in again.items():
        if files.get(name, content) != content or sha256(content).hex() != subjects[name]:
            message = f"{name} was signed, but it is not what {results.NAME} renders to"
            raise EvidenceRejected(message, hint=_release(run), names=(name,))


def _second_statement(run: RunResult, files: Mapping[str, bytes], keys: Sequence[PinnedKey]) -> None:
    payload = verify_dsse(files[testresult.NAME], [key.public for key in keys])
    if payload != testresult.statement(run, files[results.NAME]):
        message = f"{testresult.NAME} was signed, but it says something else than {results.NAME}"
        raise EvidenceRejected(message, hint=_release(run), names=(testresult.NAME,))


def _linked(run: RunResult, previous: bytes | None) -> None:
    if previous is not None and sha256(previous).hex() != run.previous:
        named = f"{run.previous[:16]}…" if run.previous else "none: it starts a chain"
        message = f"the predecessor given is not the one that run {run.number} names ({named})"
        raise EvidenceRejected(message, hint="find the run between them", names=(attestation.NAME,))


def _release(run: RunResult) -> str:
    return f"if another release made it, verify with that one: pip install 'sealproof=={run.tool_version}'"

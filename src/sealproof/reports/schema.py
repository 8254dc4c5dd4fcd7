"""The published JSON Schema of `results.json`, and validation against it."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from sealproof.errors import EvidenceRejected
from sealproof.reports._extras import extra
from sealproof.reports._reader import FETCH_AGAIN

FILE = "results.schema.json"


def text() -> bytes:
    """Return the schema as it is published."""
    return (files("sealproof.reports") / FILE).read_bytes()


def validate(document: object) -> None:
    """Hold a parsed `results.json` against the schema.

    Raises EvidenceRejected naming the first field that does not fit, MissingExtra without jsonschema.
    """
    error = next(_validator().iter_errors(document), None)
    if error is not None:
        message = f"{error.json_path} does not fit {FILE} ({error.validator})"
        raise EvidenceRejected(message, hint=FETCH_AGAIN, names=(error.json_path,))


@cache
def _validator() -> Any:  # noqa: ANN401 - jsonschema is optional and ships no types
    schema = json.loads(text())
    return extra("jsonschema").Draft202012Validator(_inlined(schema, schema["$defs"]))


def _inlined(schema: Any, shared: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    """Return a schema with what it refers to in place: looking each reference up takes half the time of a fleet."""
    if isinstance(schema, list):
        return [_inlined(entry, shared) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        schema = shared[schema["$ref"].removeprefix("#/$defs/")] | {key: schema[key] for key in schema if key != "$ref"}
        return _inlined(schema, shared)
    return {key: _inlined(schema[key], shared) for key in schema if key != "$defs"}

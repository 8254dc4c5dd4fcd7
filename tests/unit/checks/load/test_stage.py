"""What is laid out for the run: private, without a caller's key, without the store's own keys."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from sealproof.checks.load import _stage
from sealproof.envelope.keyfile import parse_keys

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_stage_holds_what_service_and_locust_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER_SECRET_KEY", "a caller's passphrase that the scratch store never sees")
    stage = _stage.lay(os.fspath(tmp_path))
    assert sorted(os.listdir(tmp_path)) == ["expected.json", "secrets", "service.key"]
    assert sorted(os.listdir(os.path.join(stage.root, "tenants"))) == list(_stage.TENANTS)
    assert "keys" not in os.listdir(stage.root)
    assert len(stage.canaries) == len(set(stage.canaries)) == 24
    for path in (stage.key_file, stage.expected):
        assert os.stat(path).st_mode & 0o777 == 0o600
    with open(stage.key_file, "rb") as file:
        assert sorted(line.tenant for line in parse_keys(file.read())) == list(_stage.TENANTS)


def test_no_canary_is_written_in_plain(tmp_path: Path) -> None:
    stage = _stage.lay(os.fspath(tmp_path))
    with open(stage.expected, encoding="ascii") as file:
        text = file.read()
    assert json.loads(text)["digests"].keys() == set(_stage.TENANTS)
    for directory, _, names in os.walk(tmp_path):
        for name in names:
            with open(os.path.join(directory, name), "rb") as file:
                data = file.read()
            assert not any(canary.encode() in data for canary in stage.canaries)
    assert not any(canary in repr(stage) for canary in stage.canaries)

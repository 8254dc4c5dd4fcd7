"""The data files as files: all there, all read, one digest for what they say."""

from __future__ import annotations

import re
import shutil
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sealproof.compliance import _data
from sealproof.errors import ConfigurationError

if TYPE_CHECKING:
    from .conftest import Data

PACKAGED = Path(str(resources.files("sealproof.compliance"))) / "data"
TEXTS = {path: (PACKAGED / path).read_text(encoding="utf-8") for path in _data.FILES}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a copy of the packaged data files."""
    return Path(shutil.copytree(PACKAGED, tmp_path / "data"))


def test_every_file_below_data_is_read() -> None:
    there = {path.relative_to(PACKAGED).as_posix() for path in PACKAGED.rglob("*") if path.is_file()}
    assert there == set(_data.FILES)


def test_a_missing_file_is_named(root: Path) -> None:
    (root / "checks" / "load.toml").unlink()
    with pytest.raises(ConfigurationError, match=r"checks/load\.toml") as caught:
        _data.read(root)
    assert caught.value.names == ("checks/load.toml",)


@pytest.mark.parametrize("content", [b"[SEC-001", b'a = "\xff"', b"[SEC-001]\n[SEC-001]\n"])
def test_a_file_that_is_no_toml_is_named(root: Path, content: bytes) -> None:
    (root / "checks" / "security.toml").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"checks/security\.toml is no TOML"):
        _data.read(root)


def test_digest_ignores_comments_and_order(root: Path) -> None:
    before = _data.digest(_data.read(root))
    path = root / "catalogue.toml"
    head, _, references = path.read_text(encoding="utf-8").partition("[references]\n")
    swapped = "\n".join(reversed(references.strip().splitlines()))
    path.write_text(f"# another remark\n{head}[references]\n{swapped}\n", encoding="utf-8")
    assert _data.digest(_data.read(root)) == before


@pytest.mark.parametrize("path", _data.FILES)
def test_digest_covers_every_file(data: Data, path: str) -> None:
    before = _data.digest(data)
    data[path]["added"] = "anything"
    assert _data.digest(data) != before


@pytest.mark.parametrize("path", _data.FILES)
def test_files_are_plain_and_tidy(path: str) -> None:
    text = TEXTS[path]
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert text.startswith("# ")
    assert not re.search(r"[ \t]\n|\t|\r", text)


@pytest.mark.parametrize("path", _data.FILES)
def test_files_point_at_no_machine(path: str) -> None:
    assert not re.search(r"(?:^|[\s\"'(=])(?:/[a-z]|[A-Z]:\\|~/)", TEXTS[path])

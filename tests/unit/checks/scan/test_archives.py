"""Archives are looked into within bounds, and what a bound kept from being looked at is said."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pytest

from sealproof.checks.scan import archives
from sealproof.checks.scan.archives import Archive, is_archive

LIMIT = 1 << 20
FILES = {"secrets/keys/master.key": b"the key", "notes.txt": b"nothing here"}


def tar(files=FILES, mode="w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def zipped(files=FILES) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def look(data: bytes, limit: int = LIMIT):
    archive = Archive(data, limit=limit)
    return dict(archive.members()), archive.gaps


@pytest.mark.parametrize("data", [tar(), tar(mode="w:gz"), tar(mode="w:bz2"), tar(mode="w:xz"), zipped()])
def test_every_member_is_had(data):
    assert is_archive(data)
    assert look(data) == (FILES, [])


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_single_compressed_file_is_had(pack):
    assert look(pack(b"DB_PASSWORD=x\n" * 100)) == ({"content": b"DB_PASSWORD=x\n" * 100}, [])


def test_an_archive_in_an_archive_is_looked_into():
    found, gaps = look(zipped({"inner.tgz": tar(mode="w:gz")}))
    assert found["inner.tgz!secrets/keys/master.key"] == b"the key"
    assert not gaps


def limits(gaps):
    return [gap.reason for gap in gaps if gap.is_limit]


def test_too_deep_is_said():
    data = b"the key"
    for _ in range(archives.DEPTH_MAX + 1):
        data = gzip.compress(data)
    found, gaps = look(data)
    assert b"the key" not in found.values()
    assert limits(gaps) == ["archives lie in it more than 3 deep"]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_bomb_is_cut_off_and_said(pack, monkeypatch):
    monkeypatch.setattr(archives, "RATIO_FROM", 1 << 20)
    assert limits(look(pack(bytes(8 << 20)), limit=16 << 20)[1]) == ["it unpacks to more than 200 times its size"]


@pytest.mark.parametrize("pack", [tar, zipped])
def test_too_many_bytes_are_said(pack, monkeypatch):
    monkeypatch.setattr(archives, "UNPACKED_MAX", 4 << 20)
    data = pack({f"{number}": bytes([number]) * LIMIT for number in range(6)})
    assert limits(look(data)[1])[-1].startswith("it unpacks to more than")


@pytest.mark.parametrize("pack", [tar, zipped])
def test_too_many_members_are_said(pack, monkeypatch):
    monkeypatch.setattr(archives, "MEMBERS_MAX", 3)
    assert limits(look(pack({f"{number}": b"" for number in range(5)}))[1]) == ["it has more than 3 members"]


@pytest.mark.parametrize("pack", [tar, zipped, lambda files: gzip.compress(files["a"])])
def test_a_large_member_is_looked_at_as_far_as_the_limit_and_said(pack):
    found, gaps = look(pack({"a": b"x" * 100}), limit=64)
    assert set(map(len, found.values())) == {64}
    assert limits(gaps) == ["a member is larger than 64 bytes"]


@pytest.mark.parametrize("cut", [20, 100, 200])
@pytest.mark.parametrize("data", [tar(mode="w:gz"), tar(mode="w:xz"), zipped()])
def test_a_broken_archive_is_said_to_be_no_limit_of_ours(data, cut):
    assert [gap.is_limit for gap in look(data[:-cut])[1]] in ([False], [])


@pytest.mark.parametrize("mark", [b"7z\xbc\xaf\x27\x1c", b"\x28\xb5\x2f\xfd", b"Rar!\x1a\x07\x01"])
def test_a_kind_that_is_not_looked_into_is_said(mark):
    (gap,) = look(mark + bytes(100))[1]
    assert gap.reason.endswith("archives are not looked into")
    assert not gap.is_limit


def test_what_is_no_archive_has_no_members():
    assert not is_archive(b"DB_PASSWORD=x\n")
    assert look(b"DB_PASSWORD=x\n") == ({}, [])

"""Where a pruned log begins: `start.jsonl` is proved from the pinned key, and every surgery on it is seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from audit_scenarios import DAY
from audit_workshop import TENANT, Clock, a_record, log_directory, make_store, patient
from hypothesis import given, settings
from hypothesis import strategies as st

from sealproof.errors import AuditLogBroken
from sealproof.signing import SigningKey
from sealproof.vault.audit.home import pinned_key
from sealproof.vault.audit.lines import checkpoint_line
from sealproof.vault.audit.log import AuditLog
from sealproof.vault.audit.notes import Checkpoint, Promise, origin_of, signature_field, signed_note
from sealproof.vault.audit.prune import prune
from sealproof.vault.audit.start import cut_of, start_text, trail_from
from sealproof.vault.audit.tree import CompactRange
from sealproof.vault.audit.verify import verify


@pytest.fixture(scope="module")
def pruned(tmp_path_factory):
    """A log of which four epochs were pruned: its root, its key, and the lines that it begins with."""
    root, clock = make_store(tmp_path_factory.mktemp("pruned")), Clock()
    with AuditLog(root, TENANT, clock=clock) as log:
        for day in range(6):
            log.append([a_record(request=f"d{day}")] * (day + 1))
            if day % 2:
                log.seal()
            clock.advance(DAY)
        log.append([a_record()])
        pinned = pinned_key(root, TENANT)
        assert prune(log, pinned, days=3, now=clock())
    lines = (log_directory(root) / "start.jsonl").read_bytes().splitlines()
    return root, pinned, lines


def surgery(pruned, lines: list[bytes]) -> None:
    """Put `lines` in place of what the log begins with; both the reader and the verifier must see it."""
    root, pinned, true = pruned
    with pytest.raises(AuditLogBroken):
        trail_from(lines, TENANT, pinned)
    path = log_directory(root) / "start.jsonl"
    try:
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        with pytest.raises(AuditLogBroken):
            verify(root, TENANT, pinned)
    finally:
        path.write_bytes(b"".join(line + b"\n" for line in true))


def test_what_it_begins_with_is_the_final_seal_of_every_epoch_and_the_tree(pruned):
    root, pinned, lines = pruned
    assert len(lines) == 4 + 1
    assert all(b"\\nnext " in line for line in lines[:-1])
    assert cut_of(lines) == trail_from(lines, TENANT, pinned).range.size == 6
    assert verify(root, TENANT, pinned).first == 6
    assert cut_of([]) == 0


def test_another_pinned_key_does_not_lead_to_it(pruned):
    _, _, lines = pruned
    with pytest.raises(AuditLogBroken, match="seal of epoch 1"):
        trail_from(lines, TENANT, b"k" * 32)
    with pytest.raises(AuditLogBroken, match="seal of epoch 1"):
        trail_from(lines, "other", pruned[1])


def test_a_missing_seal_is_seen(pruned):
    lines = pruned[2]
    for at in range(len(lines) - 1):
        surgery(pruned, lines[:at] + lines[at + 1 :])


def test_a_doubled_seal_is_seen(pruned):
    lines = pruned[2]
    for at in range(len(lines) - 1):
        surgery(pruned, [*lines[: at + 1], *lines[at:]])


def test_swapped_seals_are_seen(pruned):
    lines = pruned[2]
    for at in range(len(lines) - 2):
        surgery(pruned, [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]])


def test_a_missing_tree_is_seen(pruned):
    surgery(pruned, pruned[2][:-1])
    surgery(pruned, [*pruned[2][:-1], b""])


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"]}', b'",""]}'), (b'{"range":', b'{"Range":'), (b'["', b'["zz'), (b'["', b'["' + b"0" * 64 + b'","')],
)
def test_a_tree_in_another_spelling_is_seen(pruned, old, new):
    lines = pruned[2]
    surgery(pruned, [*lines[:-1], lines[-1].replace(old, new, 1)])


def test_a_tree_with_letters_that_are_no_hex_is_seen(pruned):
    lines = pruned[2]
    surgery(pruned, [*lines[:-1], b'{"range":["' + b"g" * 64 + b'","' + b"g" * 64 + b'"]}'])


def test_seals_that_go_back_are_seen(tmp_path):
    """Signed with the right key each, by whoever has them all: sizes and times must still go forward."""
    first, second, third = (SigningKey(bytes([number]) * 32) for number in (1, 2, 3))
    origin = origin_of(TENANT, first.public)

    def seal(epoch: int, size: int, start: int, key: SigningKey, promise: Promise) -> bytes:
        checkpoint = Checkpoint(origin, size, b"r" * 32, "ab" * 32, epoch, start, promise)
        text = checkpoint.text()
        return checkpoint_line(signed_note(text, origin, signature_field(origin, key, text)))

    good = seal(1, 2, 100, first, Promise(second.public, 200))
    for size, start, following in ((1, 200, 300), (2, 199, 300), (2, 200, 199)):
        lines = [good, seal(2, size, start, second, Promise(third.public, following)), b'{"range":[""]}']
        with pytest.raises(AuditLogBroken, match="the seal of epoch 2 does not follow"):
            trail_from(lines, TENANT, first.public)


def test_another_tree_is_seen(pruned):
    lines = pruned[2]
    tree = CompactRange(6, (b"a" * 32, b"b" * 32))
    other = start_text(lines[:-1], tree).splitlines()
    with pytest.raises(AuditLogBroken, match="is not the one that was sealed"):
        trail_from(other, TENANT, pruned[1])
    surgery(pruned, other)


def test_a_seal_that_is_no_note_is_seen(pruned):
    lines = pruned[2]
    for line in (b"{}", b'{"note":"x"}', b"\xff" * 40, b""):
        surgery(pruned, [line, *lines[1:]])
        surgery(pruned, [*lines[:-2], line, lines[-1]])


@given(data=st.data())
@settings(patient, max_examples=60)
def test_any_changed_byte_is_seen(pruned, data):
    _, pinned, lines = pruned
    at = data.draw(st.integers(0, len(lines) - 1))
    line = bytearray(lines[at])
    line[data.draw(st.integers(0, len(line) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(AuditLogBroken):
        trail_from([*lines[:at], bytes(line), *lines[at + 1 :]], TENANT, pinned)


def test_a_log_that_was_cut_without_a_record_of_it_is_seen(pruned, tmp_path):
    """Whoever holds the store but no key can compute a start file, and not the record that goes with it."""
    root, clock = make_store(tmp_path), Clock()
    with AuditLog(root, TENANT, clock=clock) as log:
        for _ in range(4):
            log.append([a_record()])
            clock.advance(DAY)
    pinned = pinned_key(root, TENANT)
    names = sorted(path for path in log_directory(root).iterdir())
    seals = [line for path in names[:2] for line in path.read_bytes().splitlines() if b"\\nnext " in line]
    tree = CompactRange()
    for path in names[:2]:
        for line in path.read_bytes().splitlines():
            if line.startswith(b'{"q":'):
                tree.append(line)
        path.unlink()
    start = log_directory(root) / "start.jsonl"
    start.write_bytes(start_text(seals, tree))
    start.chmod(0o600)
    with pytest.raises(AuditLogBroken, match="begins at record 2, and no record of it says that it was pruned"):
        verify(root, TENANT, pinned)


def test_a_missing_start_file_is_seen(pruned):
    root, pinned, true = pruned
    path = log_directory(root) / "start.jsonl"
    try:
        path.unlink()
        with pytest.raises(AuditLogBroken, match="does not go on"):
            verify(root, TENANT, pinned)
    finally:
        path.write_bytes(b"".join(line + b"\n" for line in true))
        Path(path).chmod(0o600)

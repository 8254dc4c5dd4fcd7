from __future__ import annotations

import os
import stat

import pytest

from sealproof.checks.gate import Gate
from sealproof.checks.runner import Selection
from sealproof.pytest_plugin.examiner import Examiner, node_id
from sealproof.pytest_plugin.sharing import examine_shared


class CountingExaminer(Examiner):
    """Notes what it really examines."""

    def __init__(self, root):
        super().__init__(Gate(root=str(root), selection=Selection(checks=("SEC-001", "SEC-008"))))
        self.examined = []

    def examine(self, item):
        self.examined.append(node_id(item))
        return super().examine(item)


@pytest.fixture
def shared(tmp_path):
    (tmp_path / "shared").mkdir(mode=0o700)
    return str(tmp_path / "shared")


def test_the_first_process_examines_all_and_the_others_take_their_results(project, shared):
    first, second = CountingExaminer(project.root), CountingExaminer(project.root)
    peers = list(first.items.values())
    results = [
        examine_shared(examiner, item, peers, shared)
        for examiner, item in zip((first, second, first), peers, strict=True)
    ]
    assert first.examined == [node_id(item) for item in peers]
    assert second.examined == []
    assert [(result.check, result.scope) for result in results] == [(item.check, item.scope) for item in peers]


def test_an_item_that_nobody_shared_is_examined_by_whoever_asks(project, shared):
    examiner = CountingExaminer(project.root)
    first, second, store = examiner.items.values()
    examine_shared(examiner, first, [first], shared)
    examine_shared(examiner, store, [second, store], shared)
    assert examiner.examined == [node_id(item) for item in (first, second, store)]


def test_the_workers_directory_is_private_and_gone_at_the_end(project):
    project.pytester.makeconftest(
        """
        import os
        def pytest_sessionfinish(session):
            directory = getattr(session.config, "workerinput", {}).get("sealproof_shared")
            if directory:
                with open("directory", "w") as file:
                    file.write(f"{directory} {os.stat(directory).st_mode}")
        """
    )
    project.check("-k", "SEC-001", "-n", "1", apart=True)
    directory, mode = (project.path / "directory").read_text().split()
    assert stat.S_IMODE(int(mode)) == 0o700
    assert not os.path.exists(directory)

"""Watch which files this process opens, makes, moves or removes. For child processes: an audit hook stays for life."""

from __future__ import annotations

import os
import sys

_EVENTS = frozenset(
    """
    open os.chmod os.chown os.link os.listdir os.mkdir os.mkfifo os.remove os.rename os.rmdir os.scandir os.symlink
    os.truncate os.utime shutil.copyfile shutil.copytree shutil.move shutil.rmtree
    """.split()
)
_PROGRAMS = frozenset(("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.startfile"))
_PATHS = 2  # arguments of an event that may be paths: os.rename and os.link have two


class FileWatch:
    """Records paths while it is on. Only one a process, because a hook cannot be taken out again."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.followed: list[str] = []
        """Relative paths that were opened in a way that would follow a link."""
        self.programs: list[str] = []
        self._on = False
        sys.addaudithook(self._hook)

    def start(self) -> None:
        """Forget what was seen, and watch."""
        self.paths, self.followed, self.programs = [], [], []
        self._on = True

    def stop(self) -> None:
        """Watch no more."""
        self._on = False

    def _hook(self, event: str, args: tuple[object, ...]) -> None:
        if not self._on:
            return
        if event in _PROGRAMS:
            self.programs.append(str(args[0]))
        elif event in _EVENTS:
            for path in args[:_PATHS]:
                if isinstance(path, (str, bytes)) and not (event == "open" and path is not args[0]):
                    self._saw(event, os.fsdecode(path), args)

    def _saw(self, event: str, path: str, args: tuple[object, ...]) -> None:
        self.paths.append(path)
        flags = args[-1]
        if event == "open" and not os.path.isabs(path) and not (isinstance(flags, int) and flags & os.O_NOFOLLOW):
            self.followed.append(path)

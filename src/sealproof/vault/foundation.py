"""Lay out a new store: directories, keys, settings, and what keeps version control off the keys."""

from __future__ import annotations

import os
import stat
import subprocess
from typing import TYPE_CHECKING

from sealproof.errors import StoreExists, ToolFailed, UnsafeFile
from sealproof.loader.files import Directory, open_root, unavailable
from sealproof.vault.access.editor import found_policy
from sealproof.vault.access.interface import POLICY_KEY, Subject
from sealproof.vault.keys.keyring import Keyring
from sealproof.vault.keys.strength import check_passphrase

if TYPE_CHECKING:
    from collections.abc import Callable

SETTINGS_TEXT = """\
# Settings of this store. Secrets never stand here. The environment wins over this file.
rotation_interval_days = 90
"""
IGNORE_BEGIN, IGNORE_END = "# sealproof: begin", "# sealproof: end"
IGNORED = (
    ".env",
    ".env.*",
    "!.env.example",
    "!.env.*.enc",
    "!.env.enc",
    "*.env.local",
    "*.key",
    ".*.sw?",
    "[#]*#",  # in brackets, or it would be a comment
    "*~",
)
_STORE = {"sealproof.toml", "tenants"}
"""What only a store has. A directory with neither, and with nothing besides `_AROUND`, may become one."""
_AROUND = {"keys", "policy.json", ".gitignore", ".gitattributes", "manifest.toml", "reports", "audit", "backups"}
_STORE_IGNORED = ("/keys/", "/audit/", "/reports/", "/consumers/", "/backups/", *IGNORED)
_ATTRIBUTES = {
    "*.enc -text merge=sealproof\n": "sealed files merge line by line",
    "manifest.toml merge=sealproof\n": "manifests merge table by table",
}
_GIT_SECONDS = 30


def lay_foundation(root: str, *, passphrase: str | None, iterations: int, clock: Callable[[], float]) -> list[str]:
    """Make a store at `root` and return what was done, a line each. An existing store keeps its keys.

    On a store that is there already, only what is missing around it is added: ignore rules,
    attributes and the merge driver, so that a fresh clone can be made ready by the same command.
    A call that was broken off is completed by the next: what makes a store, `sealproof.toml`, comes last.

    Raises StoreExists if the directory holds something else, WeakKey, ConfigurationError, FileUnavailable.
    """
    present = _present(root)
    new = not present & _STORE
    if new and passphrase is not None:
        check_passphrase(passphrase)
    _make_directories(root)
    with open_root(root) as directory:
        done = write_ignore_blocks(root)  # before there is a key to ignore
        for line, what in _ATTRIBUTES.items():
            if _append(directory, ".gitattributes", line, marker=line):
                done.append(f"wrote .gitattributes: {what}")
        if new:
            done += _make_keys(root, passphrase, iterations, clock)
        done += _found_policy(directory, clock)
        directory.make("tenants").__exit__()
        directory.make("reports").__exit__()  # where it is, each signed run is kept
        if "sealproof.toml" not in present:
            directory.replace("sealproof.toml", SETTINGS_TEXT.encode(), mode=0o644)
            done.append("wrote sealproof.toml")
    return done + install_merge_driver(root)


def write_ignore_blocks(root: str) -> list[str]:
    """Add the generated ignore block to the store's and the project's ignore files, where it is not yet."""
    done: list[str] = []
    with open_root(root) as directory:
        done += _add_block(directory, ".gitignore", _STORE_IGNORED)
    store, tree = os.path.realpath(root), work_tree(root)
    project = os.path.dirname(store) if tree is None else os.path.realpath(tree)
    inside = "" if store == project else os.path.relpath(store, project) + "/"
    keys = (f"{inside}keys/", f"{inside}reports/", f"{inside}audit/", f"{inside}backups/")
    with open_root(project) as directory:
        if tree is not None:
            done += _add_block(directory, ".gitignore", (*(f"/{path}" for path in keys), *IGNORED))
        done += _add_block(
            directory,
            ".dockerignore",
            (*keys, *(f"**/{rule}" if rule[0] != "!" else f"!**/{rule[1:]}" for rule in IGNORED)),
        )
    return done


def work_tree(path: str) -> str | None:
    """Return the root of the git work tree around `path`, or None where there is none or no git."""
    try:
        answer = subprocess.run(  # noqa: S603 - fixed program, no shell
            ["git", "-C", path, "rev-parse", "--show-toplevel"],  # noqa: S607 - the user's own git
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=False,
        )
    except OSError:
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def install_merge_driver(root: str) -> list[str]:
    """Name the merge driver in the clone's own configuration: it cannot travel with the repository."""
    if work_tree(root) is None:
        return []
    for key, value in (
        ("name", "sealproof: merge sealed files secret by secret"),
        ("driver", "sealproof merge %O %A %B %P"),
    ):
        setting = f"merge.sealproof.{key}"
        answer = subprocess.run(  # noqa: S603 - fixed program, no shell
            ["git", "-C", root, "config", setting, value],  # noqa: S607 - the user's own git
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=False,
        )
        if answer.returncode != 0:
            message = f"git would not set {setting}: {answer.stderr.strip()}"
            raise ToolFailed(message, hint=f"git -C {root} config {setting} '{value}'")
    return ["installed the git merge driver for this clone"]


def _present(root: str) -> set[str]:
    try:
        present = set(os.listdir(root))
    except FileNotFoundError:
        return set()
    except NotADirectoryError:
        message = f"{root} is no directory"
        raise StoreExists(message, hint="name another directory: sealproof init --root DIR") from None
    except OSError as exc:
        raise unavailable(root, exc) from exc
    if not present & _STORE and not present <= _AROUND:
        message = f"{root} is not empty and is no store"
        raise StoreExists(message, hint="name another directory: sealproof init --root DIR")
    return present


def _make_directories(path: str) -> None:
    """Make `path` and what is missing above it, each 0755 or less: `os.makedirs` leaves those above to the umask."""
    missing: list[str] = []
    path = os.path.abspath(path)
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for made in reversed(missing):
        try:
            os.mkdir(made, mode=0o755)
        except FileExistsError:
            continue  # somebody was faster; if it is no directory, opening it says so
        except OSError as exc:
            raise unavailable(made, exc) from exc


def _make_keys(root: str, passphrase: str | None, iterations: int, clock: Callable[[], float]) -> list[str]:
    keyring = Keyring(root, iterations=iterations, clock=clock)
    try:
        keyring.create(passphrase=passphrase)
    except StoreExists:  # left by a call that was broken off
        return _complete(keyring)
    _complete(keyring)
    kind = "stretched from MASTER_SECRET_KEY" if passphrase is not None else "drawn at random"
    return [f"made keys/ with a master {kind}, a writer key, a report key and a policy key"]


def _complete(keyring: Keyring) -> list[str]:
    present = keyring.signing_publics()
    made = [purpose for purpose in ("writer", "report", POLICY_KEY) if purpose not in present]
    for purpose in made:
        keyring.new_signing_key(purpose)
    return [f"made the {purpose} key" for purpose in made]


def _found_policy(directory: Directory, clock: Callable[[], float]) -> list[str]:
    """Give a store its first access policy, where it has keys to sign one and none yet; also a store from before."""
    present = directory.names()
    if "policy.json" in present or "keys" not in present:
        return []
    keyring = Keyring(directory.path, clock=clock)
    done = []
    if POLICY_KEY not in keyring.signing_publics():
        keyring.new_signing_key(POLICY_KEY)
        done.append("made the policy key")
    owner = Subject.this_user()
    found_policy(directory.path, owner, keyring.signing_key(POLICY_KEY), clock=clock)
    return [*done, f"wrote policy.json: {owner.name} may do everything, nobody else anything"]


def _add_block(directory: Directory, name: str, rules: tuple[str, ...]) -> list[str]:
    block = "\n".join((IGNORE_BEGIN, *rules, IGNORE_END)) + "\n"
    added = _append(directory, name, block, marker=IGNORE_BEGIN)
    return [f"added the ignore block to {directory.path}/{name}"] if added else []


def _append(directory: Directory, name: str, addition: str, *, marker: str) -> bool:
    """Append to a file of the project unless `marker` stands in it, and tell whether that was done.

    Unlike a sealed file it may be group-writable, as the project's umask has it.
    """
    path = f"{directory.path}/{name}"
    try:
        fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory.fd)
    except FileNotFoundError:
        directory.replace(name, os.fsencode(addition), mode=0o644)
        return True
    except OSError as exc:
        raise unavailable(path, exc) from exc
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            message = f"{path} is no regular file"
            raise UnsafeFile(message, hint=f"ls -la {path}")
        with open(fd, "rb", closefd=False) as file:
            text = file.read()
    finally:
        os.close(fd)
    if os.fsencode(marker) in text:
        return False
    separator = b"" if not text or text.endswith(b"\n") else b"\n"
    directory.replace(name, text + separator + os.fsencode(addition), mode=0o644)
    return True

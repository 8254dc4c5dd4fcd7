"""PEN-002: hostile tenant ids cannot escape.

Ids that climb, disguise themselves or collide go through every call that takes one, in a process
that records each file it opens: none may be touched but the store's own directories. Then links are
put where a tenant's directory or file is expected.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from sealproof.checks.attacks.evidence import row_findings
from sealproof.checks.attacks.strange_names import IDS
from sealproof.checks.isolation import run_apart
from sealproof.checks.penetration._file_watch import FileWatch
from sealproof.checks.registry import check
from sealproof.checks.scratch import ENVIRONMENT, ScratchStore
from sealproof.checks.trials import Trials, control
from sealproof.errors import InvalidName, UnsafeFile
from sealproof.loader.context import DevelopmentSecretLoader
from sealproof.loader.environment import load_environment_secrets
from sealproof.signing import sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sealproof.checks.context import Context
    from sealproof.findings import Finding

_TENANTS = ("scratch-a", "scratch-b")


@check("PEN-002")
def hostile_ids_cannot_escape(ctx: Context) -> Iterator[Finding]:
    """Yield a finding for the ids, one for links, and what the rows found, ids that look alike among it."""
    for resource, function in (
        (f"{len(IDS)} hostile ids", try_ids),
        ("links in the place of tenants", try_links),
    ):
        directory = ctx.scratch()
        trials = Trials()
        trials.add(run_apart(function, directory, {"directory": directory}).returned())
        yield trials.finding(resource, expected="refused, with nothing opened or made that the id names")
    yield from row_findings(ctx)


def try_ids(directory: str) -> dict[str, object]:
    """Pass each id to every call that takes one. Runs in a child process."""
    store, trials, watch = _store(directory), Trials(), FileWatch()
    harmless = {store.root, "tenants", "keys"}
    before = _tree(directory)
    for tenant in IDS:
        for how, call in _calls(store, tenant).items():
            what = f"{how} {ascii(tenant)[:32]}"
            watch.start()
            with trials.refuses(what, InvalidName):
                call()
            watch.stop()
            trials.holds(f"{what}: a path was opened", harmless.issuperset(watch.paths))
    trials.holds("files were changed or made", _tree(directory) == before)
    trials.control("the scratch store", lambda: _works(store))
    return trials.to_plain()


def _calls(store: ScratchStore, tenant: str) -> dict[str, Callable[[], object]]:
    custodian, root, value = store.custodian, store.root, {"API_TOKEN": b"x"}
    return {
        "load": lambda: load_environment_secrets(tenant, root=root),
        "open": lambda: DevelopmentSecretLoader(tenant, root=root).secure_context().__enter__(),
        "load the environment": lambda: load_environment_secrets("scratch-a", environment=tenant or "..", root=root),
        "seal": lambda: custodian.seal(tenant, ENVIRONMENT, value),
        "seal for the environment": lambda: custodian.seal("scratch-a", tenant, value),
        "list": lambda: custodian.store.environments(tenant),
        "read": lambda: custodian.store.read(tenant, ENVIRONMENT),
        "write": lambda: custodian.store.write(tenant, ENVIRONMENT, b"", expected=None),
        "export the key of": lambda: custodian.keyring.key_lines(tenant, ENVIRONMENT),
        "make a key for": lambda: custodian.keyring.ensure_epoch(tenant, ENVIRONMENT),
    }


def try_links(directory: str) -> dict[str, object]:
    """Put links where a tenant's directory, its file, or all tenants are expected. Runs in a child process."""
    store, trials, watch = _store(directory), Trials(), FileWatch()
    tenants = os.path.join(store.root, "tenants")
    for target, name in (("../../outside", "to-outside"), ("scratch-a", "to-another")):
        os.symlink(target, os.path.join(tenants, name))
    for name, link in (("linked-file", os.symlink), ("hard-linked-file", os.link)):
        os.mkdir(os.path.join(tenants, name))
        link(os.path.join(directory, "outside", ".env.enc"), os.path.join(tenants, name, ".env.enc"))
    before = _tree(directory)
    for tenant in ("to-outside", "to-another", "linked-file", "hard-linked-file"):
        _refused(trials, watch, store, tenant)
    os.rename(tenants, os.path.join(directory, "outside", "tenants"))
    os.symlink("../outside/tenants", tenants)
    _refused(trials, watch, store, "scratch-a")
    os.unlink(tenants)
    os.rename(os.path.join(directory, "outside", "tenants"), tenants)
    trials.holds("files were changed or made", _tree(directory) == before)
    shutil.rmtree(os.path.join(tenants, "hard-linked-file"))  # the file outside is now linked once
    trials.control("the scratch store", lambda: _works(store))
    return trials.to_plain()


def _refused(trials: Trials, watch: FileWatch, store: ScratchStore, tenant: str) -> None:
    watch.start()
    with trials.refuses(f"load {tenant}", UnsafeFile):
        load_environment_secrets(tenant, root=store.root)
    with trials.refuses(f"seal {tenant}", UnsafeFile):
        store.custodian.seal(tenant, ENVIRONMENT, {"API_TOKEN": b"x"})
    watch.stop()
    trials.holds(f"{tenant}: a link would be followed", not watch.followed)
    climbing = [path for path in watch.paths if not _stays(path, store.root)]
    trials.holds(f"{tenant}: a path outside the root was opened", not climbing)


def _stays(path: str, root: str) -> bool:
    if os.path.isabs(path):
        return path == root or path.startswith(f"{root}/")
    return "/" not in path and path not in (".", "..")


def _store(directory: str) -> ScratchStore:
    """Make a store, and a valid file outside of it that must stay out of reach."""
    store = ScratchStore(directory, _TENANTS)
    os.mkdir(os.path.join(directory, "outside"))
    shutil.copy(store.path("scratch-a"), os.path.join(directory, "outside", ".env.enc"))
    control("the scratch store", _works(store))
    return store


def _works(store: ScratchStore) -> bool:
    return all(_opened(store, tenant) == canaries for tenant, canaries in store.canaries.items())


def _opened(store: ScratchStore, tenant: str) -> dict[str, str]:
    with DevelopmentSecretLoader(tenant, root=store.root).secure_context(environ=False) as reader:
        return {name: reader.get_secret(name) for name in reader.list_secrets()}


def _tree(directory: str) -> dict[str, bytes]:
    """Return every path below `directory`, with a digest of what a file holds or where a link leads."""
    found: dict[str, bytes] = {}
    for folder, folders, names in os.walk(directory):
        for path in (os.path.join(folder, name) for name in (*folders, *names)):
            if os.path.islink(path):
                found[path] = os.readlink(path).encode()
            elif os.path.isfile(path):
                with open(path, "rb") as file:
                    found[path] = sha256(file.read())
            else:
                found[path] = b""
    return found

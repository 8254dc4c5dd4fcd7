"""What people would have declared and signed for the demo store, so that every check has its ground.

The approver is made up. Both keys are drawn, used once and dropped: nobody can sign anything more in these names.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

from sealproof.cli.private_file import write_private
from sealproof.envelope import cipher
from sealproof.envelope.grammar import KEY_BYTES
from sealproof.envelope.keyfile import KeyLine
from sealproof.loader.files import open_root
from sealproof.signing import SEED_BYTES, SigningKey
from sealproof.vault.access.interface import Subject
from sealproof.vault.audit.home import audited_tenants
from sealproof.vault.backup.create import create
from sealproof.vault.backup.header import WHOLE_STORE, Recipients
from sealproof.vault.backup.shelf import Shelf as Backups
from sealproof.vault.backup.shelf import name_of
from sealproof.vault.custodian import Custodian
from sealproof.vault.custody import AdvancedSecretManager
from sealproof.vault.declarations import FILE_MAX, FILE_NAME
from sealproof.vault.keys.keyring import Keyring
from sealproof.vault.records.drafts import access_review, approval, audit_review
from sealproof.vault.records.governed import contents
from sealproof.vault.records.interface import PERSON, POLICY_KEY, Record
from sealproof.vault.records.shelf import Shelf
from sealproof.vault.store.local import LocalStore
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

APPROVER = "sam.ortiz"
REGION = "eu-central"
_MODE = 0o644
_LOCATIONS = f"""\
# What holds for the whole store. Where things lie is declared here, and compared with each tenant's regions.

[locations]
data = "{REGION}"
keys = "{REGION}"
backups = "{REGION}"
logs = "{REGION}"
"""


def declare(root: str, tenant: str, purpose: str) -> None:
    """Write down of one tenant why data is processed and where it may lie."""
    declaration = _declaration(purpose).encode()
    LocalStore(root).rewrite_beside(tenant, FILE_NAME, lambda text: text + declaration, limit=FILE_MAX)


def sign(root: str) -> Iterator[str]:
    """Declare the locations, name the people and have the store's set-up approved; yield a line for each step."""
    with open_root(root) as store:
        if FILE_NAME not in store.names():
            store.replace(FILE_NAME, _LOCATIONS.encode(), mode=_MODE)
            yield f"declared that everything lies in {REGION}"
    shelf = Shelf(root)
    if shelf.people().names:
        yield "records/ is there already, and was left as it is"
        return
    now, owner = int(time.time()), Subject.this_user().name
    author, approver = _draw(), _draw()
    policy_key = Keyring(root).signing_key(POLICY_KEY)
    for name, key, duties in ((owner, author, ()), (APPROVER, approver, ("approver", "reviewer"))):
        fields = {"name": name, "key": key.public.hex(), "duties": duties}
        shelf.add(Record(PERSON, POLICY_KEY, now, fields), policy_key)
    for subject in contents(root):
        record = approval(root, subject, by=APPROVER, at=now, author=owner, reference="the demo's first set-up")
        shelf.add(record, approver)
    for tenant in LocalStore(root).tenants():
        asyncio.run(_use(root, tenant))
    for tenant in audited_tenants(root):
        record = audit_review(root, tenant, by=APPROVER, at=now, outcome="the log of the first set-up, nothing odd")
        shelf.add(record, approver)
    shelf.add(access_review(root, by=APPROVER, at=now, outcome="nobody but the owner has access"), approver)
    yield _back_up(root, now)
    yield f"named {owner} and {APPROVER}, who approved and reviewed the set-up; their keys were used once and dropped"


def _back_up(root: str, now: int) -> str:
    """Back the whole store up for an escrowed identity, which a real store keeps somewhere else."""
    private = os.urandom(KEY_BYTES)
    custodian = Custodian(root)
    writers = tuple(key for name, key in custodian.keyring.signing_publics().items() if name.startswith("writer"))
    write_private(os.path.join(root, "keys", "escrow.key"), KeyLine("x25519", private, writers).to_line() + "\n")
    shelf = Backups(os.path.join(root, "backups"))
    shelf.prepare()
    name = name_of(WHOLE_STORE, now, os.urandom(4).hex())
    recipients = Recipients((cipher.reader_public(private),))
    made = create(custodian, WHOLE_STORE, recipients, directory=shelf.directory, name=name)
    return f"backed {counted(len(made.manifest.files), 'file')} up for keys/escrow.key, which belongs somewhere else"


async def _use(root: str, tenant: str) -> None:
    """Read through the manager once, so that the tenant's audit log begins."""
    async with AdvancedSecretManager(tenant, root=root) as manager:
        names = await manager.list_secrets()
        await manager.get_secret(names[0])


def _draw() -> SigningKey:
    return SigningKey(os.urandom(SEED_BYTES))


def _declaration(purpose: str) -> str:
    return f"""
[tenant]
personal_data = true
regions = ["{REGION}"]

[tenant.processing]
controller = "the tenant's own company"
purposes = "{purpose}"
categories = "accounts and listening history of the tenant's users"
recipients = "the platform team, and the services named in this manifest"
transfers = "none"
erasure = "with the account, 30 days after it is closed at the latest"
measures = "sealed files, keys by tenant, rotation, a signed audit log"
dated = {time.strftime("%Y-%m-%d", time.gmtime())}
"""

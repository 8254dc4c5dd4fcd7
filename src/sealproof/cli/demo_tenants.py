"""Three sample tenants with the names that such services really have, and values drawn at random."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from sealproof.cli.demo_records import declare, sign
from sealproof.envelope.grammar import FILE_MAX
from sealproof.loader.files import open_root
from sealproof.monitoring.bait import draw
from sealproof.rotation import configuration as rotation
from sealproof.settings import FILE_NAME
from sealproof.vault import canaries
from sealproof.vault.custodian import Custodian
from sealproof.vault.dotenv_text import read_dotenv
from sealproof.vault.inventory import describe_missing
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

TENANTS = {"northwind": "music discovery", "bluefin": "podcast charts", "harbor": "radio monitoring"}
ENVIRONMENT = "development"
CANARY = "PAYOUT_ADMIN_TOKEN"
"""A secret that no application of the demo reads: whoever asks for it is told of."""
_ROTATION = f"""\
# How each secret is rotated (docs/rotation.md). What is not named here is left to a person.
[{ENVIRONMENT}.JWT_SECRET_KEY]
target = "none"

[{ENVIRONMENT}.{CANARY}]
target = "none"

[{ENVIRONMENT}.SPOTIFY_CLIENT_SECRET]
target = "manual"
where = "https://developer.spotify.com/dashboard"
"""
_ALERTS = "audit/alerts.jsonl"
_SETTINGS_MAX = 1024 * 1024  # bytes


def dotenv_of(tenant: str) -> str:
    """Return a realistic plain dotenv file of `tenant`, every secret new."""
    token, hexa = secrets.token_urlsafe, secrets.token_hex
    password = token(24)
    return f"""\
# {TENANTS[tenant]}
SPOTIFY_CLIENT_ID={hexa(16)}
SPOTIFY_CLIENT_SECRET={hexa(16)}
SPOTIFY_REDIRECT_URI=http://127.0.0.1:8888/callback

POSTGRES_HOST=127.0.0.1
POSTGRES_PORT=5432
POSTGRES_DB={tenant}
POSTGRES_USER={tenant}_app
POSTGRES_PASSWORD={password}
DATABASE_URL="postgresql://{tenant}_app:{password}@127.0.0.1:5432/{tenant}?sslmode=require"

REDIS_HOST=127.0.0.1
REDIS_PORT=6379
REDIS_PASSWORD={token(24)}

JWT_SECRET_KEY={token(48)}
JWT_ALGORITHM=HS256
JWT_EXPIRATION_HOURS=24

ML_MODEL_PATH=./models/{tenant}
ML_CACHE_DIR=./cache/{tenant}

LOG_LEVEL=INFO
AUDIT_LOG_PATH=./logs/{tenant}-audit.log
METRICS_ENABLED=true
PROMETHEUS_PORT=9090
GRAFANA_API_TOKEN=glsa_{token(24)}
{CANARY}={draw(CANARY)}
"""


def fill(root: str) -> Iterator[str]:
    """Seal the sample tenants into the store at `root`, and yield a line for each."""
    custodian = Custodian(root)
    yield from _name_a_sink(root)
    for tenant, purpose in TENANTS.items():
        if tenant in custodian.store.tenants():
            yield f"{tenant} is there already, and was left as it is"
            continue
        values = read_dotenv(dotenv_of(tenant).encode(), path=f"{tenant}.env").values
        canaries.enlist(root, tenant, canaries.Canary(ENVIRONMENT, CANARY, int(time.time())))
        custodian.seal(tenant, ENVIRONMENT, values)
        custodian.store.rewrite_beside(tenant, ".env.example", _example(values), limit=FILE_MAX)
        custodian.store.rewrite_beside(tenant, rotation.FILE_NAME, lambda _: _ROTATION.encode(), limit=FILE_MAX)
        describe_missing(
            custodian.store, tenant, values, owner=f"{tenant} platform team", purpose=purpose, rotation_days=90
        )
        declare(root, tenant, purpose)
        yield f"sealed {counted(len(values), 'value')} of {tenant}, one of them a canary"
    yield from sign(root)


def _name_a_sink(root: str) -> Iterator[str]:
    """Let alerts go to a file of the store, where its settings name none. A real store has a webhook."""
    with open_root(root) as directory:
        text = directory.read(FILE_NAME, limit=_SETTINGS_MAX, private=False) or b""
        if b"alert_" not in text:
            directory.replace(FILE_NAME, text + f'alert_log_path = "{_ALERTS}"\n'.encode(), mode=0o644)
            yield f"alerts go to {root}/{_ALERTS}"


def _example(names: Iterable[str]) -> Callable[[bytes], bytes]:
    text = "".join(f"{name}=\n" for name in names).encode()
    return lambda _: text

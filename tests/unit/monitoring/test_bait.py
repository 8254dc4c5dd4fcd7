"""What a canary's value looks like: what its name promises, and never twice the same."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from sealproof.checks.placeholders import is_placeholder
from sealproof.errors import CallerError
from sealproof.monitoring.bait import draw


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("BACKUP_ADMIN_PASSWORD", r"[A-Za-z0-9._~-]{43}"),
        ("BACKUP_ADMIN_TOKEN", r"[A-Za-z0-9_-]{43}"),
        ("ROOT_SIGNING_KEY", r"[0-9a-f]{64}"),
        ("LEGACY_DATABASE_URL", r"postgresql://legacy:[A-Za-z0-9._~-]{43}@legacy\.internal:5432/legacy"),
        ("ORDERS_ARCHIVE_REDIS_URL", r"redis://orders-archive:[A-Za-z0-9._~-]{43}@orders-archive\.internal:6379/.*"),
        ("MONGODB_URI", r"mongodb://app:[A-Za-z0-9._~-]{43}@app\.internal:27017/app"),
        ("REPORTING_MYSQL_DSN", r"mysql://reporting:[A-Za-z0-9._~-]{43}@reporting\.internal:3306/reporting"),
    ],
)
def test_a_value_is_of_the_kind_that_the_name_promises(name, form):
    first, second = draw(name), draw(name)
    assert re.fullmatch(form, first)
    assert first != second
    assert "canary" not in first.lower()
    assert not is_placeholder(first)


@pytest.mark.parametrize("name", ["_URL", "DB_URL", "A__B_URL", "X_" * 60 + "URL"])
def test_a_connection_is_a_url_whatever_the_name(name):
    parts = urlsplit(draw(name))
    assert parts.port == 5432
    assert parts.hostname.endswith(".internal")
    assert parts.username
    assert parts.password


@pytest.mark.parametrize("name", ["LOG_LEVEL", "SMTP_PORT", "SPOTIFY_CLIENT_ID", "TOKEN_TTL_SECONDS"])
def test_configuration_is_no_bait(name):
    with pytest.raises(CallerError, match=name):
        draw(name)

"""Draw a canary's value: what a secret of that name would look like, from the same generators, and good for nothing."""

from __future__ import annotations

import secrets

from sealproof.errors import CallerError
from sealproof.rotation.generators import Password
from sealproof.vault.generate import generate_secure_key
from sealproof.vault.manifest import SecretClass, classify

_SERVICES = {
    "REDIS": ("redis", 6379),
    "AMQP": ("amqp", 5672),
    "RABBITMQ": ("amqp", 5672),
    "MYSQL": ("mysql", 3306),
    "MONGO": ("mongodb", 27017),
    "MONGODB": ("mongodb", 27017),
}
"""Scheme and port by a word of the name (IANA service name and port number registry); PostgreSQL for any other."""
_POSTGRESQL = ("postgresql", 5432)
_PLAIN_WORDS = frozenset(("URL", "URI", "DSN", "DATABASE", "DB", *_SERVICES))


def draw(name: str) -> str:
    """Return a value of the class that `name` says. Raises CallerError for a name of configuration.

    A connection leads to a host under `.internal`, which is nobody's in the public name system (ICANN, 2024).
    """
    kind = classify(name)
    if kind is SecretClass.CONFIG:
        message = f"{name} sounds like configuration, which nobody steals"
        raise CallerError(message, hint="name it as what an intruder looks for: BACKUP_ADMIN_TOKEN", names=(name,))
    if kind is SecretClass.PASSWORD:
        return Password().draw()
    if kind is SecretClass.CONNECTION:
        return _connection(name)
    return secrets.token_hex(32) if kind is SecretClass.KEY else generate_secure_key()


def _connection(name: str) -> str:
    words = name.upper().split("_")
    scheme, port = next((_SERVICES[word] for word in words if word in _SERVICES), _POSTGRESQL)
    what = "-".join(word.lower() for word in words if word and word not in _PLAIN_WORDS) or "app"
    return f"{scheme}://{what}:{Password().draw()}@{what}.internal:{port}/{what}"

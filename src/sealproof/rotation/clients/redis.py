"""redis-py connections that log in with whatever credential holds when they are opened.

    consumer = Consumer("acme", consumer_id="web-1")
    client = Redis(connection_pool=connection_pool(consumer, "REDIS_URL"))

Each connection carries the mark of its credential as its client name, and one whose credential was replaced is opened
anew when the pool hands it out. So the server can end the old credential's sessions without touching the new one's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sealproof.errors import MissingExtra
from sealproof.rotation.credential import is_url, login_of
from sealproof.rotation.targets.redis_acl import mark_of

if TYPE_CHECKING:
    from redis import ConnectionPool

    from sealproof.rotation.consumers import Consumer, Lent


def connection_pool(
    consumer: Consumer,
    name: str,
    *,
    address: str = "",
    user: str = "",
    **options: Any,  # noqa: ANN401 - redis-py's own
) -> ConnectionPool:
    """Return a pool for the connection URL `name`.

    Where `name` is a bare password, `address` is the URL without it, and `user` whose password it is.
    Raises MissingExtra.
    """
    try:
        from redis import AuthenticationError, Connection, ConnectionPool  # noqa: PLC0415 - an extra
        from redis.connection import parse_url  # noqa: PLC0415 - an extra
    except ImportError as exc:
        message = "connections to Redis need redis-py"
        raise MissingExtra(message, hint="pip install 'sealproof[redis]'") from exc
    first = consumer.lend(name).value
    found: dict[str, Any] = {**parse_url(first.reveal() if is_url(first) else address)}  # type: ignore[no-untyped-call]
    plain: Any = found.pop("connection_class", Connection)
    kept = {key: value for key, value in found.items() if key not in ("username", "password")}

    class Rotating(plain):  # type: ignore[misc]  # plain or TLS, as the URL has it
        lent: Lent | None = None

        def connect(self) -> None:
            """Open the connection, anew if its credential was replaced; a refused one is looked up again once."""
            if self._sock is not None:
                if self.lent is not None and consumer.is_current(self.lent):
                    return
                self.disconnect()
            lent = self._take()
            try:
                super().connect()
            except AuthenticationError:
                consumer.served(lent, worked=False)
                consumer.refresh()
                if consumer.is_current(lent):
                    raise
                lent = self._take()
                super().connect()
            consumer.served(lent, worked=True)
            self.lent = lent

        def _take(self) -> Lent:
            lent = consumer.lend(name)
            login = login_of(lent.value)
            self.username, self.password = login.user or user or None, login.password.reveal()
            self.client_name = mark_of(login.password)
            return lent

    return ConnectionPool(connection_class=Rotating, **{**kept, **options})

"""psycopg connections that log in with whatever credential holds when they are opened.

    consumer = Consumer("acme", consumer_id="web-1")
    pool = connection_pool(consumer, "DATABASE_URL", min_size=2)

or `connection_class(consumer, "DATABASE_URL").connect()` for a connection of one's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sealproof.errors import MissingExtra
from sealproof.rotation.targets.postgres import says_no

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg_pool import ConnectionPool

    from sealproof.rotation.consumers import Consumer, Lent


def connection_class(consumer: Consumer, name: str) -> type[RotatingConnection]:
    """Return a connection class for the connection URL `name`. Raises MissingExtra."""
    try:
        import psycopg  # noqa: PLC0415 - an extra
    except ImportError as exc:
        message = "connections to PostgreSQL need psycopg"
        raise MissingExtra(message, hint="pip install 'sealproof[postgres]'") from exc

    class Rotating(psycopg.Connection[Any]):
        lent: Lent | None = None

        @classmethod
        def connect(cls, conninfo: str = "", **options: Any) -> Any:  # noqa: ANN401, ARG003 - psycopg's own signature
            """Log in; a refused credential is looked up again once, for whoever was a moment too late."""
            lent = consumer.lend(name)
            try:
                connection = super().connect(lent.value.reveal(), **options)
            except psycopg.OperationalError as exc:
                if not says_no(exc):
                    raise
                consumer.served(lent, worked=False)
                consumer.refresh()
                if consumer.is_current(lent):
                    raise
                lent = consumer.lend(name)
                connection = super().connect(lent.value.reveal(), **options)
            consumer.served(lent, worked=True)
            connection.lent = lent
            return connection

    return Rotating  # type: ignore[return-value]  # what type checkers are shown below


def connection_pool(consumer: Consumer, name: str, **options: Any) -> ConnectionPool[RotatingConnection]:  # noqa: ANN401
    """Return a psycopg pool of such connections; `options` are `ConnectionPool`'s. Raises MissingExtra.

    A connection whose credential was replaced is handed out once more at most, since that credential is still good for
    a while, and replaced when it comes back; idle ones are replaced at once. Nobody waits for it.
    """
    connections = connection_class(consumer, name)
    try:
        from psycopg_pool import ConnectionPool  # noqa: PLC0415 - an extra
    except ImportError as exc:
        message = "a pool of connections to PostgreSQL needs psycopg_pool"
        raise MissingExtra(message, hint="pip install 'sealproof[postgres]'") from exc

    def check(connection: RotatingConnection) -> None:
        if connection.lent is None or not consumer.is_current(connection.lent):
            pool.drain()
            ConnectionPool.check_connection(connection)

    pool: ConnectionPool[RotatingConnection] = ConnectionPool(connection_class=connections, check=check, **options)
    return pool


if TYPE_CHECKING:

    class RotatingConnection(Connection[Any]):
        """What `connection_class` returns, for type checkers."""

        lent: Lent | None

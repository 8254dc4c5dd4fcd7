"""psycopg connections that log in with whatever credential holds when they are opened.

    consumer = Consumer("acme", consumer_id="web-1")
    connections = connection_class(consumer, "DATABASE_URL")
    pool = ConnectionPool(connection_class=connections, check=connections.check_current)

A pool that checks with `check_current` lets go of connections of a credential that was replaced, so that nothing of the
application still depends on it when it ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sealproof.errors import MissingExtra
from sealproof.rotation.targets.postgres import says_no

if TYPE_CHECKING:
    from psycopg import Connection

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

        @staticmethod
        def check_current(connection: Rotating) -> None:
            """Close a connection whose credential was replaced, and raise: a pool then opens another."""
            if connection.lent is None or not consumer.is_current(connection.lent):
                connection.close()  # or the pool would keep it
                message = f"the credential {name} of this connection was replaced"
                raise psycopg.OperationalError(message)

    return Rotating  # type: ignore[return-value]  # what type checkers are shown below


if TYPE_CHECKING:

    class RotatingConnection(Connection[Any]):
        """What `connection_class` returns, for type checkers."""

        lent: Lent | None

        @staticmethod
        def check_current(connection: Connection[Any]) -> None:
            """Raise for a connection whose credential was replaced."""

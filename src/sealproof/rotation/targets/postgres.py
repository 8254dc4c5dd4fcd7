"""PostgreSQL: an owner role that nobody logs in as, and one or two login roles that act as it.

With two login roles a rotation alternates between them, so both credentials are valid during the overlap. Each has
`SET role` to the owner, so that whatever the application creates belongs to the owner and not to this month's login.
With one role there is no overlap: its old password ends the moment the new one is set.

The server only ever sees a SCRAM-SHA-256 verifier (RFC 5803) that libpq computes here: with statement logging on, a
clear password would stand in the server's log.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sealproof.errors import ConfigurationError, MissingExtra
from sealproof.rotation.credential import login_of
from sealproof.rotation.targets.interface import DEADLINE_S, Capabilities
from sealproof.rotation.targets.refusal import refused, unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import ModuleType

    from psycopg import Connection, OperationalError

    from sealproof.loader.secret import Secret

_NO_LOGIN = ("password authentication failed", "is not permitted to log in", "does not exist", "no password assigned")
"""What the server says of a login it will not have. Libpq gives no code for errors before the login is through."""


class PostgresTarget:
    """The login roles of one application.

    `admin` returns a connection URL that may alter the roles and end their sessions (CREATEROLE, or ADMIN OPTION on
    them, and pg_signal_backend). `probe` is one SQL statement that the application must be able to run.
    """

    def __init__(
        self,
        admin: Callable[[], Secret],
        *,
        owner: str,
        roles: Sequence[str],
        probe: str = "",
        connection_life_s: float = 0.0,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        if len(set(roles)) not in (1, 2) or owner in roles:
            message = "PostgreSQL needs one or two login roles, none of which is the owner"
            raise ConfigurationError(message, hint='roles = ["app_a", "app_b"]', names=("roles",))
        self._admin = admin
        self._owner = owner
        self._roles = tuple(roles)
        self._probe = probe
        self._life = connection_life_s
        self._deadline = deadline_s

    def __repr__(self) -> str:
        return f"PostgresTarget({self.describe()})"

    def describe(self) -> str:
        """Return the roles."""
        return f"PostgreSQL login roles {' and '.join(self._roles)} of {self._owner}"

    def capabilities(self) -> Capabilities:
        """Two roles overlap, one does not."""
        return Capabilities(overlap=len(self._roles), life_s=self._life)

    def is_effective(self, value: Secret) -> bool:
        """Tell whether the login works. A role that may not log in is not tried."""
        with self._administrator() as connection:
            query = "SELECT rolcanlogin FROM pg_catalog.pg_roles WHERE rolname = %s"
            row = connection.execute(query, (self._role(value),)).fetchone()
        if row is None or not row[0]:
            return False
        try:
            self._connect(value.reveal()).close()
        except _psycopg().OperationalError as exc:
            if says_no(exc):
                return False
            raise self._unavailable(exc) from None
        return True

    def set(self, value: Secret, *, current: Secret) -> None:
        """Let the role of `value` log in with it."""
        role, password = self._role(value), login_of(value).password
        if len(self._roles) > 1 and role == self._role(current):
            raise refused(self.describe(), f"{role} is in use, and its password would end at once")
        sql = _psycopg().sql
        with self._administrator() as connection:
            verifier = connection.pgconn.encrypt_password(password.reveal().encode(), role.encode(), b"scram-sha-256")
            statement = sql.SQL("ALTER ROLE {} WITH LOGIN PASSWORD {}")
            connection.execute(statement.format(sql.Identifier(role), sql.Literal(verifier.decode("ascii"))))

    def test(self, value: Secret) -> None:
        """Log in, be the owner, and run the probe."""
        psycopg = _psycopg()
        try:
            connection = self._connect(value.reveal())
        except psycopg.OperationalError as exc:
            if says_no(exc):
                raise refused(self.describe(), "the login does not work") from None
            raise self._unavailable(exc) from None
        with connection:
            try:
                acting = connection.execute("SELECT current_user").fetchone()
                if self._probe:
                    connection.execute(self._probe.encode())
            except (psycopg.ProgrammingError, psycopg.DataError, psycopg.IntegrityError) as exc:
                raise refused(self.describe(), f"the probe failed with SQLSTATE {exc.sqlstate}") from None
            except psycopg.Error as exc:
                raise self._unavailable(exc) from None
        if acting is None or (acting[0] != self._owner and len(self._roles) > 1):
            hint = f"ALTER ROLE {self._role(value)} SET role = '{self._owner}'"
            raise refused(self.describe(), f"the login does not act as {self._owner}", hint=hint)

    def revoke(self, value: Secret, *, current: Secret) -> None:
        """Take the login away from the role of `value`, and end its sessions. A role that is in use stays."""
        role = self._role(value)
        if role == self._role(current):
            return  # one role: setting the new password has ended the old one
        sql = _psycopg().sql
        with self._administrator() as connection:
            connection.execute(sql.SQL("ALTER ROLE {} WITH NOLOGIN PASSWORD NULL").format(sql.Identifier(role)))
            ending = "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE usename = %s"
            connection.execute(ending, (role,))

    def _role(self, value: Secret) -> str:
        user = login_of(value).user
        if user not in self._roles:
            raise refused(self.describe(), f"the value logs in as {user!r:.80}, which is no role of this target")
        return user

    @contextmanager
    def _administrator(self) -> Iterator[Connection]:
        psycopg = _psycopg()
        try:
            connection = self._connect(self._admin().reveal())
        except psycopg.OperationalError as exc:
            raise self._unavailable(exc) from None
        with connection:
            try:
                yield connection
            except psycopg.errors.InsufficientPrivilege:
                hint = f"GRANT {self._roles[0]} TO the administrator WITH ADMIN OPTION"
                raise refused(self.describe(), "the administrator may not alter it", hint=hint) from None
            except psycopg.ProgrammingError as exc:
                raise refused(self.describe(), f"SQLSTATE {exc.sqlstate}") from None
            except psycopg.Error as exc:
                raise self._unavailable(exc) from None

    def _connect(self, url: str) -> Connection:
        options = f"-c statement_timeout={int(self._deadline * 1000)}"
        return _psycopg().connect(  # type: ignore[no-any-return]  # the module is guarded, so its types are lost
            url, autocommit=True, connect_timeout=max(2, int(self._deadline)), options=options
        )

    def _unavailable(self, exc: Exception) -> Exception:
        state = getattr(exc, "sqlstate", None)
        return unavailable(self.describe(), f"SQLSTATE {state}" if state else type(exc).__name__)


def says_no(exc: OperationalError) -> bool:
    """Tell whether the server refused a login, rather than being busy or away. False where that is not sure."""
    return "FATAL" in str(exc) and any(text in str(exc) for text in _NO_LOGIN)


def _psycopg() -> ModuleType:
    try:
        import psycopg  # noqa: PLC0415 - an extra
    except ImportError as exc:
        message = "rotating a PostgreSQL login needs psycopg"
        raise MissingExtra(message, hint="pip install 'sealproof[postgres]'") from exc
    return psycopg

"""Redis: one access-list user who may have several passwords at once, so the overlap is the server's own.

The server is told a password's SHA-256 (`ACL SETUSER user #…`), never the password. Sessions outlive the password they
were opened with, so revoking ends them: all but those that carry the mark of the present credential, which only its
holder can make (`clients.redis` sets it).
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING

from sealproof.errors import MissingExtra
from sealproof.rotation.credential import login_of
from sealproof.rotation.targets.interface import DEADLINE_S, Capabilities
from sealproof.rotation.targets.refusal import refused, unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from redis import Redis

    from sealproof.loader.secret import Secret

_MARK_DIGITS = 24
_MARKING_S = 0.5  # seconds between a session's log-in and its mark, at most
_OVERLAP = 2  # Redis sets no limit; more than two at once would be a rotation that was never finished


def mark_of(password: Secret) -> str:
    """Return the client name of whoever logged in with `password`: told by the password, and not telling it."""
    return "sealproof:" + sha256(b"sealproof/1/redis-client\0" + password.reveal().encode()).hexdigest()[:_MARK_DIGITS]


class RedisTarget:
    """The passwords of one Redis user.

    `admin` returns a URL of a user with `+acl +client`. `probe` is a command, in words, that the application must be
    able to run. `save` also writes the server's access-list file.
    """

    def __init__(
        self,
        admin: Callable[[], Secret],
        *,
        user: str,
        probe: tuple[str, ...] = ("PING",),
        save: bool = True,
        connection_life_s: float = 0.0,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._admin = admin
        self._user = user
        self._probe = probe
        self._save = save
        self._life = connection_life_s
        self._deadline = deadline_s

    def __repr__(self) -> str:
        return f"RedisTarget({self.describe()})"

    def describe(self) -> str:
        """Return the user."""
        return f"Redis user {self._user}"

    def capabilities(self) -> Capabilities:
        """A user has as many passwords as it is given."""
        return Capabilities(overlap=_OVERLAP, life_s=self._life)

    def is_effective(self, value: Secret) -> bool:
        """Tell whether the login works."""
        redis = _redis()
        try:
            with self._as_user(value) as client:
                _run(client, "PING")
        except redis.AuthenticationError:
            return False
        except redis.exceptions.NoPermissionError:
            return True  # logged in; the right to ping is not the question here
        except redis.RedisError as exc:
            raise self._unavailable(exc) from None
        return True

    def set(self, value: Secret, *, current: Secret) -> None:
        """Add the password beside the ones that are there."""
        password = self._password(value)
        if password.reveal() == self._password(current).reveal():
            raise refused(self.describe(), "the new password is the present one")
        with self._administrator() as client:
            _run(client, "ACL", "SETUSER", self._user, f"#{_digest(password)}")
            self._write(client)

    def test(self, value: Secret) -> None:
        """Log in and run the probe."""
        redis = _redis()
        try:
            with self._as_user(value) as client:
                _run(client, *self._probe)
        except redis.AuthenticationError:
            raise refused(self.describe(), "the login does not work") from None
        except redis.ResponseError:  # a permission that is missing, too
            raise refused(self.describe(), f"the probe {self._probe[0]} failed") from None
        except redis.RedisError as exc:
            raise self._unavailable(exc) from None

    def revoke(self, value: Secret, *, current: Secret) -> None:
        """Take the password away, and end every session that does not carry the present one's mark."""
        password, present = self._password(value), self._password(current)
        if password.reveal() == present.reveal():
            raise refused(self.describe(), "the password to be ended is the present one")
        with self._administrator() as client:
            known = client.acl_getuser(self._user)
            if known is not None and _digest(password) in known["passwords"]:  # type: ignore[operator]  # a list of text
                _run(client, "ACL", "SETUSER", self._user, f"!{_digest(password)}")
                self._write(client)
            suspects = self._unmarked(client, present)
            if suspects:
                time.sleep(_MARKING_S)
            for session in suspects & self._unmarked(client, present):
                client.client_kill_filter(_id=session)

    def _unmarked(self, client: Redis, present: Secret) -> frozenset[str]:
        """Return the user's sessions that do not carry the mark of the present credential."""
        ours = (session for session in client.client_list() if session["user"] == self._user)
        return frozenset(session["id"] for session in ours if session["name"] != mark_of(present))

    def _password(self, value: Secret) -> Secret:
        login = login_of(value)
        if login.user not in ("", self._user):
            raise refused(self.describe(), f"the value logs in as {login.user!r:.80}")
        return login.password

    @contextmanager
    def _as_user(self, value: Secret) -> Iterator[Redis]:
        """Log in as the application does, at the administrator's address where the value has none."""
        client = self._client(self._admin(), self._user, self._password(value).reveal())
        try:
            yield client
        finally:
            client.close()

    @contextmanager
    def _administrator(self) -> Iterator[Redis]:
        redis = _redis()
        admin = self._admin()
        login = login_of(admin)
        client = self._client(admin, login.user, login.password.reveal())
        try:
            yield client
        except (redis.AuthenticationError, redis.exceptions.NoPermissionError):
            raise refused(self.describe(), "the administrator may not do that", hint="+acl +client") from None
        except redis.ResponseError as exc:
            raise refused(self.describe(), type(exc).__name__) from None
        except redis.RedisError as exc:
            raise self._unavailable(exc) from None
        finally:
            client.close()

    def _client(self, address: Secret, user: str, password: str) -> Redis:
        redis = _redis()
        options = redis.connection.parse_url(address.reveal())
        options |= {"username": user, "password": password, "decode_responses": True}
        timeouts = {"socket_timeout": self._deadline, "socket_connect_timeout": self._deadline}
        pool = redis.ConnectionPool(**options, **timeouts)
        return redis.Redis.from_pool(pool)  # type: ignore[no-any-return]  # the module is guarded

    def _write(self, client: Redis) -> None:
        if self._save:
            _run(client, "ACL", "SAVE")

    def _unavailable(self, exc: Exception) -> Exception:
        return unavailable(self.describe(), type(exc).__name__)


def _run(client: Redis, *words: str) -> object:
    return client.execute_command(*words)  # type: ignore[no-untyped-call]


def _digest(password: Secret) -> str:
    return sha256(password.reveal().encode()).hexdigest()


def _redis() -> ModuleType:
    try:
        import redis  # noqa: PLC0415 - an extra
    except ImportError as exc:
        message = "rotating a Redis password needs redis-py"
        raise MissingExtra(message, hint="pip install 'sealproof[redis]'") from exc
    return redis

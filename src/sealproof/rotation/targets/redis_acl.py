"""Redis: one access-list user who may have several passwords at once, so the overlap is the server's own.

The server is told a password's SHA-256 (`ACL SETUSER user #…`), never the password. Sessions outlive the password they
were opened with, so revoking ends them: all but those that carry the mark of the present credential, which only its
holder can make (`clients.redis` sets it).

What the server holds in memory alone is gone at its next start: the old password is back then, and the new one
refused. So nothing is changed before the server has shown that it can write its users down, and each change ends so.
"""

from __future__ import annotations

import re
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
_SAVES = {
    ("ACL", "SAVE"): "not configured to use an ACL file",
    ("CONFIG", "REWRITE"): "without a config file",
}
"""How a server writes its users down, and what it answers where it has no such file (redis, acl.c and config.c)."""
_NOWHERE = (
    "it keeps its users in no file, so its next start would bring the old password back: start it with an aclfile or "
    "a configuration file, or say save = false in rotation.toml"
)
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
_SAID_MAX = 200  # characters
_OVERLAP = 2  # Redis sets no limit; more than two at once would be a rotation that was never finished


def mark_of(password: Secret) -> str:
    """Return the client name of whoever logged in with `password`: told by the password, and not telling it."""
    return "sealproof:" + sha256(b"sealproof/1/redis-client\0" + password.reveal().encode()).hexdigest()[:_MARK_DIGITS]


class RedisTarget:
    """The passwords of one Redis user.

    `admin` returns a URL of a user with `+acl +client`, and `+config|rewrite` where the users stand in the server's
    configuration file. `probe` is a command, in words, that the application must be able to run. Without `save` the
    users are written down nowhere: for servers whose users come from elsewhere at each start.
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
        return Capabilities(overlap=_OVERLAP, life_s=self._life, saves=self._save)

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
            if not self._write(client):
                raise refused(self.describe(), _NOWHERE)
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
        except redis.ResponseError as exc:  # a permission that is missing, too
            raise refused(self.describe(), f"the probe {self._probe[0]} failed: {_said(exc)}") from None
        except redis.RedisError as exc:
            raise self._unavailable(exc) from None

    def revoke(self, value: Secret, *, current: Secret) -> None:
        """Take the password away, and end every session that does not carry the present one's mark."""
        password, present = self._password(value), self._password(current)
        if password.reveal() == present.reveal():
            raise refused(self.describe(), "the password to be ended is the present one")
        with self._administrator() as client:
            known = client.acl_getuser(self._user)
            accepted = known is not None and _digest(password) in known["passwords"]  # type: ignore[operator]  # a list
            if accepted:
                _run(client, "ACL", "SETUSER", self._user, f"!{_digest(password)}")
            if not self._write(client) and accepted:  # also where it was ended before a crash, and not written down
                raise refused(self.describe(), _NOWHERE)
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
        except (redis.AuthenticationError, redis.exceptions.NoPermissionError) as exc:
            message = f"the administrator may not do that: {_said(exc)}"
            raise refused(self.describe(), message, hint="+acl +client +config|rewrite") from None
        except redis.ResponseError as exc:
            raise refused(self.describe(), _said(exc)) from None
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

    def _write(self, client: Redis) -> bool:
        """Write the server's users down where it reads them at its next start; False where it reads them nowhere."""
        redis = _redis()
        for command, nowhere in _SAVES.items() if self._save else ():
            try:
                _run(client, *command)
            except redis.ResponseError as exc:
                if nowhere not in str(exc):
                    raise
            else:
                return True
        return not self._save

    def _unavailable(self, exc: Exception) -> Exception:
        return unavailable(self.describe(), type(exc).__name__)


def _said(exc: Exception) -> str:
    """Return the server's own words, without a password's digest and in one short line."""
    words = _DIGEST.sub("…", str(exc))[:_SAID_MAX]
    return "".join(char if char.isprintable() else " " for char in words)


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

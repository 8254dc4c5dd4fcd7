"""Real PostgreSQL and Redis servers for tests and benchmarks, on loopback ports from the operating system.

A missing server skips the test on a laptop and fails it where `CI` is set: a silent skip would count as a pass.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import psycopg
import redis
from psycopg import sql

ADMIN_PASSWORD = "admin-of-the-test-server"
_READY_S = 30


class ServerMissing(Exception):
    """The server's programs are not installed here."""


class Server:
    """A running server: where it listens, what it has logged, and accounts made for one test."""

    scheme: ClassVar[str]
    database: ClassVar[str]

    def __init__(self, port: int, log: Path) -> None:
        self.port = port
        self.log = log
        self._made = 0

    @property
    def admin_url(self) -> str:
        return self.url("admin", ADMIN_PASSWORD)

    def url(self, user: str, password: str) -> str:
        return f"{self.scheme}://{user}:{password}@127.0.0.1:{self.port}/{self.database}"

    def unused(self) -> str:
        """Return a name that no account has."""
        self._made += 1
        return f"app{self._made}_{os.getpid()}"


class Postgres(Server):
    """PostgreSQL, with roles for one test."""

    scheme, database = "postgresql", "postgres"

    def admin(self) -> psycopg.Connection:
        return psycopg.connect(self.admin_url, autocommit=True, connect_timeout=10)

    def owner_with_logins(self, *, first_password: str) -> tuple[str, str, str]:
        """Make an owner role and two login roles; the first may log in. Return their names."""
        owner = self.unused()
        roles = (owner, f"{owner}_a", f"{owner}_b")
        with self.admin() as connection:
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(owner)))
            connection.execute(sql.SQL("GRANT CREATE, USAGE ON SCHEMA public TO {}").format(sql.Identifier(owner)))
            for role in roles[1:]:
                names = {"role": sql.Identifier(role), "owner": sql.Identifier(owner), "name": sql.Literal(owner)}
                connection.execute(sql.SQL("CREATE ROLE {role} NOLOGIN IN ROLE {owner}").format(**names))
                connection.execute(sql.SQL("ALTER ROLE {role} SET role = {name}").format(**names))
            verifier = connection.pgconn.encrypt_password(first_password.encode(), roles[1].encode(), b"scram-sha-256")
            connection.execute(
                sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(
                    sql.Identifier(roles[1]), sql.Literal(verifier.decode())
                )
            )
        return roles

    def may_log_in(self) -> set[str]:
        with self.admin() as connection:
            return {name for (name,) in connection.execute("SELECT rolname FROM pg_roles WHERE rolcanlogin")}


class Redis(Server):
    """Redis with an access list, and users for one test."""

    scheme, database = "redis", "0"

    @contextmanager
    def admin(self) -> Iterator[redis.Redis]:
        client = redis.Redis.from_url(self.admin_url)
        try:
            yield client
        finally:
            client.close()

    def user(self, *, first_password: str) -> str:
        name = self.unused()
        with self.admin() as client:
            client.execute_command("ACL", "SETUSER", name, "on", f">{first_password}", "~*", "+@all", "-@admin")
        return name

    def passwords(self, user: str) -> set[str]:
        """The SHA-256 of every password that `user` has."""
        with self.admin() as client:
            answer = client.acl_getuser(user)
        return set(answer["passwords"])


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def running(
    argv: Sequence[str], log: Path, *, ready: Callable[[], bool], user: str | None = None, stop: int = signal.SIGTERM
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; fail with its log if it does not get ready."""
    home = str(log.parent)
    environ = {"PATH": os.environ["PATH"], "HOME": home, "LC_ALL": "C", "TZ": "UTC"}
    with log.open("ab") as output:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environ, cwd=home, user=user, group=user
        )
    try:
        deadline = time.monotonic() + _READY_S
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{argv[0]} did not get ready: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)
        yield process
    finally:
        process.send_signal(stop)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A throw-away PostgreSQL that logs every statement."""
    programs = _postgres_programs()
    user = "postgres" if os.geteuid() == 0 else None  # PostgreSQL refuses root
    directory = Path(tempfile.mkdtemp(prefix="sealproof-pg-"))
    try:
        (directory / "pw").write_text(ADMIN_PASSWORD)
        if user:
            _give(directory, user)
        data, log = str(directory / "d"), directory / "server.log"
        argv = [str(programs / "initdb"), "-D", data, "-U", "admin", "-A", "scram-sha-256", "--no-instructions"]
        argv += ["--pwfile", str(directory / "pw"), "-N", "-E", "UTF8"]
        subprocess.run(
            argv, check=True, capture_output=True, user=user, group=user, cwd=directory,
            env={"PATH": os.environ["PATH"], "HOME": str(directory), "LC_ALL": "C"},
        )  # fmt: skip
        server = Postgres(free_port(), log)
        settings = {
            "listen_addresses": "127.0.0.1", "unix_socket_directories": str(directory), "fsync": "off",
            "shared_buffers": "16MB", "max_connections": "120", "log_statement": "all", "log_connections": "on",
        }  # fmt: skip
        argv = [str(programs / "postgres"), "-D", data, "-p", str(server.port)]
        argv += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with running(argv, log, ready=lambda: _answers(server), user=user, stop=signal.SIGINT):
            yield server
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def redis_server() -> Iterator[Redis]:
    """A throw-away Redis with an access list and no default user."""
    directory = Path(tempfile.mkdtemp(prefix="sealproof-redis-"))
    try:
        users = directory / "users.acl"
        users.write_text(f"user default off\nuser admin on >{ADMIN_PASSWORD} ~* &* +@all\n")
        with redis_at(directory, "--aclfile", str(users)) as server:
            yield server
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def redis_at(directory: Path, *users: str, port: int = 0) -> Iterator[Redis]:
    """A Redis that keeps its files in `directory`, and its users as the options or configuration file `users` say."""
    program = shutil.which("redis-server")
    if program is None:
        raise ServerMissing("redis-server")
    server = Redis(port or free_port(), directory / "server.log")
    argv = [program, *users, "--bind", "127.0.0.1", "--port", str(server.port), "--dir", str(directory), "--save", ""]
    argv += ["--appendonly", "no", "--daemonize", "no", "--loglevel", "debug"]
    with running(argv, server.log, ready=lambda: _pings(server)):
        yield server


def _postgres_programs() -> Path:
    """Where initdb and postgres are: on the path, or where Debian keeps them by version."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not versions:
        raise ServerMissing("postgresql")
    return versions[-1].parent


def _give(directory: Path, user: str) -> None:
    entry = pwd.getpwnam(user)
    for path in (directory, *directory.iterdir()):
        os.chown(path, entry.pw_uid, entry.pw_gid)


def _answers(server: Postgres) -> bool:
    try:
        server.admin().close()
    except psycopg.OperationalError:
        return False
    return True


def _pings(server: Redis) -> bool:
    try:
        with server.admin() as client:
            return bool(client.ping())
    except redis.RedisError:
        return False

"""`DevelopmentSecretLoader`: a tenant's secrets for the length of one block, and not a moment longer."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sealproof.errors import AnotherTenantLoaded, CallerError, UnknownSecret
from sealproof.loader.environment import environment_lock, loaded_scope, put, restore
from sealproof.loader.files import open_root
from sealproof.loader.keys import take_keys
from sealproof.loader.names import refuse_dangerous
from sealproof.loader.tenant import Place, open_tenant

if TYPE_CHECKING:
    from collections.abc import Iterable


class DevelopmentSecretLoader:
    """Opens one tenant's file as often as asked. Needs no vault: whoever holds the key may open."""

    def __init__(
        self,
        tenant_id: str | None = None,
        *,
        environment: str | None = None,
        root: str | os.PathLike[str] | None = None,
    ) -> None:
        self._place = Place(tenant_id, environment, root)

    def __repr__(self) -> str:
        return f"DevelopmentSecretLoader({self._place.tenant}/{self._place.environment})"

    def secure_context(self, *, environ: bool = True, allow: Iterable[str] = ()) -> SecureContext:
        """Return a context manager, plain or async, that gives a reader and sets the environment meanwhile.

        With `environ=False` the process environment is left alone, and contexts of several tenants
        may be open side by side. `allow` names the dangerous variables that may be set.
        """
        return SecureContext(self._place, environ=environ, allow=tuple(allow))


class SecureContext:
    """One opening of one tenant: on leaving, the environment is exactly as before and buffers are wiped."""

    __slots__ = ("_allow", "_buffers", "_environ", "_place", "_scope", "_snapshot")

    def __init__(self, place: Place, *, environ: bool, allow: tuple[str, ...]) -> None:
        self._place = place
        self._environ = environ
        self._allow = allow
        self._buffers: Buffers | None = None
        self._snapshot: dict[str, str] | None = None
        self._scope: list[tuple[str, str]] = []

    def __repr__(self) -> str:
        return f"SecureContext({self.scope})"

    @property
    def scope(self) -> str:
        """Return the tenant and environment this opens."""
        return f"{self._place.tenant}/{self._place.environment}"

    def __enter__(self) -> PlainReader:
        return PlainReader(self._place, self._begin())

    def __exit__(self, *_: object) -> None:
        self._end()

    async def __aenter__(self) -> AsyncReader:
        return AsyncReader(self._place, self._begin())

    async def __aexit__(self, *_: object) -> None:
        self._end()

    def _begin(self) -> Buffers:
        if self._buffers is not None:
            message = "this secure context is open already"
            raise CallerError(message, hint="call secure_context() once a block")
        take_keys()
        with open_root(self._place.root) as root:
            opened = open_tenant(self._place, root).unlocked.buffers()
        # Values of a rotation under way are not read here, so they are wiped at once.
        Buffers({name: value for name, value in opened.items() if "." in name}).wipe()
        buffers = Buffers({name: value for name, value in opened.items() if "." not in name})
        try:
            refuse_dangerous(buffers.names(), allow=self._allow)
            if self._environ:
                self._set_environment(buffers)
        except BaseException:
            buffers.wipe()
            raise
        self._buffers = buffers
        return buffers

    def _set_environment(self, buffers: Buffers) -> None:
        with environment_lock:
            if _owner:
                held = _owner[0].scope
                message = f"the process environment is lent to {held} until its block ends"
                hint = "use secure_context(environ=False) to read several tenants side by side"
                raise AnotherTenantLoaded(message, hint=hint)
            self._scope = loaded_scope()
            snapshot = dict(os.environ)
            put(self._place, {name: buffers.text(name) for name in buffers.names()}, override=True)
            self._snapshot = snapshot
            _owner[:] = [self]

    def _end(self) -> None:
        if self._snapshot is not None:
            with environment_lock:
                restore(self._snapshot, self._scope)
                _owner.clear()
            self._snapshot = None
        if self._buffers is not None:
            self._buffers.wipe()
            self._buffers = None


_owner: list[SecureContext] = []
"""The context that the process environment is lent to: at most one."""


class Buffers:
    """Decrypted values in memory that can be overwritten, unlike `str` and `bytes`."""

    __slots__ = ("_values",)

    def __init__(self, values: dict[str, bytearray]) -> None:
        self._values: dict[str, bytearray] | None = values

    def __repr__(self) -> str:
        return "Buffers(wiped)" if self._values is None else f"Buffers({len(self._values)} secrets)"

    def __reduce__(self) -> str:
        message = "a secret does not travel between processes"
        raise TypeError(message)

    def names(self) -> list[str]:
        """Return the names, sorted. Raises CallerError once wiped."""
        return sorted(self._held())

    def text(self, name: str) -> str:
        """Return one value as text. Raises KeyError, and CallerError once wiped."""
        return self._held()[name].decode()

    def wipe(self) -> None:
        """Overwrite every value with zeros. Copies that were handed out as `str` are out of reach."""
        for buffer in (self._values or {}).values():
            buffer[:] = bytes(len(buffer))
        self._values = None

    def _held(self) -> dict[str, bytearray]:
        if self._values is None:
            message = "the secure context is closed, and its buffers are wiped"
            raise CallerError(message, hint="read inside the `with` block")
        return self._values


class SecretReader:
    """Reads the secrets of an open context, one at a time, by name."""

    __slots__ = ("_buffers", "_place")

    def __init__(self, place: Place, buffers: Buffers) -> None:
        self._place = place
        self._buffers = buffers

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._place.tenant}/{self._place.environment})"

    def _get(self, name: str) -> str:
        try:
            return self._buffers.text(name)
        except KeyError:
            message = f"{self._place.tenant}/{self._place.environment} has no secret {name!r:.80}"
            hint = f"sealproof list {self._place.tenant} --environment {self._place.environment}"
            raise UnknownSecret(message, hint=hint, names=(name,)) from None


class PlainReader(SecretReader):
    """The reader of a plain `with` block."""

    __slots__ = ()

    def get_secret(self, name: str) -> str:
        """Return the value of `name`. Raises UnknownSecret, CallerError after the block."""
        return self._get(name)

    def list_secrets(self) -> list[str]:
        """Return the names, sorted. Raises CallerError after the block."""
        return self._buffers.names()


class AsyncReader(SecretReader):
    """The reader of an `async with` block, with the vault manager's signatures."""

    __slots__ = ()

    async def get_secret(self, name: str) -> str:
        """Return the value of `name`. Raises UnknownSecret, CallerError after the block."""
        return self._get(name)

    async def list_secrets(self) -> list[str]:
        """Return the names, sorted. Raises CallerError after the block."""
        return self._buffers.names()

"""One tenant's sealed file with every key to it, made in memory: what attacks are tried on.

Unlike a `ScratchStore` it needs no `keys/`, stretches nothing and reads no environment, and it can
be forged as an insider would: by whoever holds the data key, a writer's key, or both.
"""

from __future__ import annotations

import os
import secrets
import time
from typing import TYPE_CHECKING

from sealproof.checks.scratch import ENVIRONMENT, NAMES
from sealproof.envelope import cipher
from sealproof.envelope.freshness import Freshness
from sealproof.envelope.grammar import KEY_BYTES, NONCE_BYTES, encode, frame
from sealproof.envelope.keyfile import KeyLine
from sealproof.envelope.open import open_values
from sealproof.envelope.seal import EpochKey, SealedValue, create
from sealproof.loader.tenant import file_name
from sealproof.signing import SEED_BYTES, SigningKey, sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_MAC = ',"mac":"'


class Specimen:
    """A sealed file, its data key, epoch key and writer. Its values are unique random canaries unless given."""

    def __init__(
        self,
        tenant: str = "scratch-a",
        environment: str = ENVIRONMENT,
        *,
        values: Mapping[str, str] | None = None,
        dek: bytes = b"",
        epoch: int = 1,
        writer: SigningKey | None = None,
        readers: Iterable[bytes] = (),
        expires: int = 0,
    ) -> None:
        self.tenant = tenant
        self.environment = environment
        self.now = int(time.time())
        self.values = canaries() if values is None else dict(values)
        self.dek = dek or os.urandom(KEY_BYTES)
        self.epoch_key = EpochKey(tenant, environment, epoch, os.urandom(KEY_BYTES))
        self.writer = writer or SigningKey(os.urandom(SEED_BYTES))
        self.data = create(
            self.epoch_key,
            {name: SealedValue(value.encode(), 1, self.now) for name, value in self.values.items()},
            writer=self.writer,
            now=self.now,
            generation=2,
            expires=expires,
            readers=readers,
            random=_beginning_with(self.dek),
        )

    def __repr__(self) -> str:
        return f"Specimen({self.tenant}/{self.environment})"

    @property
    def key_line(self) -> KeyLine:
        """Return what the tenant's host holds."""
        key = self.epoch_key
        return KeyLine("epoch", key.key, (self.writer.public,), self.tenant, self.environment, key.epoch)

    @property
    def lines(self) -> list[str]:
        """Return the file's lines but for its trailer."""
        return parts(self.data)[0]

    @property
    def mac(self) -> str:
        """Return the file's MAC as it stands there."""
        return self.data.decode().partition(_MAC)[2].partition('"')[0]

    def open(
        self, data: bytes | None = None, *, keys: Sequence[KeyLine] = (), tenant: str = "", environment: str = ""
    ) -> dict[str, str]:
        """Open `data` as this tenant's host would, and return its values. Raises as the library does."""
        opened = open_values(
            self.data if data is None else data,
            tenant=tenant or self.tenant,
            environment=environment or self.environment,
            keys=keys or (self.key_line,),
            freshness=Freshness(now=self.now),
        )
        return {name: value.decode() for name, value in opened.items()}

    def works(self) -> bool:
        """Tell whether the untouched file opens to its values: the positive control of every attack on it."""
        return self.open() == self.values

    def line(self, name: str, value: str) -> str:
        """Return an entry line as an insider seals it, under any name."""
        scope, nonce = self.epoch_key.scope, os.urandom(NONCE_BYTES)
        aad = cipher.entry_aad(cipher.entry_prefix(scope), name, "1", str(self.now))
        sealed = nonce + cipher.value_cipher(self.dek, scope).encrypt(nonce, cipher.pad(value.encode()), aad)
        return f'{{"t":"e","name":"{name}","version":1,"updated":{self.now},"sealed":"{encode(sealed)}"}}'

    def forge(
        self,
        lines: Sequence[str],
        *,
        trailer: str = "",
        mac: str = "",
        signer: SigningKey | None = None,
        scope: cipher.Scope | None = None,
    ) -> bytes:
        """Return a file of any `lines` with MAC and signature made anew, as an insider with all keys makes it.

        `mac` keeps a MAC that stands (a writer without the data key), `signer` signs with another key than the
        writer's (a reader without the writer's), `scope` is what a forged header states.
        """
        body = "\n".join([*lines, trailer or parts(self.data)[1]])
        tag = mac or encode(cipher.mac(cipher.mac_key(self.dek, scope or self.epoch_key.scope), body.encode()))
        body += f'{_MAC}{tag}"'
        signature = (signer or self.writer).sign(frame(b"sealproof/1/file", sha256(body.encode())))
        return f'{body},"signature":"{encode(signature)}"}}\n'.encode()

    def install(self, root: str, data: bytes | None = None) -> str:
        """Write the file, or `data` in its place, into a store at `root`, and return its path."""
        directory = os.path.join(root, "tenants", self.tenant)
        os.makedirs(directory, mode=0o700, exist_ok=True)
        path = os.path.join(directory, file_name(self.environment))
        write_private(path, self.data if data is None else data)
        return path

    def export(self, directory: str) -> str:
        """Write the host's key file and return its path."""
        path = os.path.join(directory, f"{self.tenant}.{self.environment}.key")
        write_private(path, key_text(self.key_line))
        return path


def parts(data: bytes) -> tuple[list[str], str]:
    """Return a file's lines but for its trailer, and the trailer's text before its MAC."""
    *lines, trailer, _ = data.decode().split("\n")
    return lines, trailer.partition(_MAC)[0]


def canaries(names: Iterable[str] = NAMES) -> dict[str, str]:
    """Return a unique random value for each name."""
    return {name: f"canary-{secrets.token_hex(16)}" for name in names}


def key_text(*lines: KeyLine) -> bytes:
    """Return the bytes of a key file."""
    return "".join(line.to_line() + "\n" for line in lines).encode()


def write_private(path: str, data: bytes) -> None:
    """Write a file that only this user can read, in the place of whatever is there."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as file:
        file.write(data)


def _beginning_with(first: bytes) -> cipher.Random:
    """Return a random source whose first answer is `first`: a new file draws its data key before all else."""
    given = [first]

    def random(size: int) -> bytes:
        return given.pop() if given else os.urandom(size)

    return random

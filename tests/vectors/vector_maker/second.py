"""One sealed file, built from the format document alone: JSON from `json`, base64 from `base64`, HKDF from `hmac`.

What a correct writer would never write is reached through the arguments of `SealedFile.close`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vector_maker import hpke


def run(start: int, count: int) -> bytes:
    """Bytes counting up from `start`."""
    return bytes(range(start, start + count))


def fixed(label: str, size: int = 32) -> bytes:
    """Bytes that only look random, one value a label."""
    return hpke.digest(b"sealproof vectors: " + label.encode())[:size]


def b64(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def line(**fields: object) -> str:
    """One flat JSON object in its only spelling."""
    return json.dumps(fields, separators=(",", ":"))


def frame(*fields: bytes) -> bytes:
    """F of the format document."""
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def hkdf(key: bytes, info: bytes) -> bytes:
    """HKDF-SHA256 without salt, 32 bytes."""
    return hpke.expand(hpke.extract(b"", key), info, 32)


def gcm(key: bytes, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """Nonce, ciphertext, tag."""
    return nonce + AESGCM(key).encrypt(nonce, plaintext, aad)


def pad(value: bytes) -> bytes:
    """Length, value, the fewest zeros up to a multiple of 32."""
    text = len(value).to_bytes(4, "big") + value
    return text + b"\0" * ((32 - len(text) % 32) % 32)


def writer_public(seed: bytes) -> bytes:
    """The Ed25519 public key of a seed."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


@dataclass(frozen=True)
class Secret:
    """One value on its way into a file."""

    name: str
    version: int
    updated: int
    value: bytes
    nonce: bytes


@dataclass(frozen=True)
class Recipient:
    """A reader's private key, and the ephemeral key that its wrap is made with."""

    private: bytes
    ephemeral: bytes

    @property
    def public(self) -> bytes:
        """What stands in the reader line."""
        return hpke.public_of(self.private)


@dataclass(frozen=True)
class SealedFile:
    """Everything that decides a file's bytes."""

    tenant: str
    environment: str
    epoch: int
    epoch_key: bytes
    dek: bytes
    key_nonce: bytes
    writer: bytes
    secrets: tuple[Secret, ...]
    recipients: tuple[Recipient, ...]
    generation: int
    seals: int
    saved: int
    expires: int

    def but(self, **changes: object) -> SealedFile:
        """The same with other parts."""
        return replace(self, **changes)  # type: ignore[arg-type]

    @property
    def scope(self) -> tuple[bytes, bytes, bytes]:
        """S of the format document."""
        return (self.tenant.encode(), self.environment.encode(), str(self.epoch).encode())

    @property
    def value_key(self) -> bytes:
        """K_value."""
        return hkdf(self.dek, frame(b"sealproof/1/value", *self.scope))

    @property
    def mac_key(self) -> bytes:
        """K_mac."""
        return hkdf(self.dek, frame(b"sealproof/1/mac", *self.scope))

    def header_line(self) -> str:
        """The first line."""
        return line(t="h", format="sealproof-env/1", tenant=self.tenant, environment=self.environment, epoch=self.epoch)

    def key_line(self) -> str:
        """The second line."""
        return line(
            t="k", wrapped=b64(gcm(self.epoch_key, self.key_nonce, self.dek, frame(b"sealproof/1/wrap", *self.scope)))
        )

    def reader_info(self, public: bytes) -> bytes:
        """The HPKE info of one reader."""
        return frame(b"sealproof/1/reader", *self.scope, b64(public).encode())

    def reader_line(self, recipient: Recipient) -> str:
        """One reader's line."""
        public = recipient.public
        wrapped = hpke.seal(public, recipient.ephemeral, self.reader_info(public), self.dek)
        return line(t="r", reader=b64(public), wrapped=b64(wrapped))

    def entry_aad(self, secret: Secret) -> bytes:
        """What a sealed value is bound to."""
        numbers = (str(secret.version).encode(), str(secret.updated).encode())
        return frame(b"sealproof/1/entry", *self.scope, secret.name.encode(), *numbers)

    def entry_line(
        self, secret: Secret, *, padded: bytes | None = None, key: bytes | None = None, aad: bytes | None = None
    ) -> str:
        """One entry's line; the arguments replace what a correct writer would use."""
        text = pad(secret.value) if padded is None else padded
        sealed = gcm(key or self.value_key, secret.nonce, text, self.entry_aad(secret) if aad is None else aad)
        return line(t="e", name=secret.name, version=secret.version, updated=secret.updated, sealed=b64(sealed))

    def lines(self) -> list[str]:
        """Every line but the trailer."""
        readers = sorted(self.reader_line(recipient) for recipient in self.recipients)
        return [self.header_line(), self.key_line(), *readers, *self.entry_lines()]

    def entry_lines(self) -> list[str]:
        """The entries, ascending by name."""
        return [self.entry_line(secret) for secret in sorted(self.secrets, key=lambda secret: secret.name)]

    def close(
        self,
        lines: list[str],
        *,
        head: str | None = None,
        mac_key: bytes | None = None,
        mac: bytes | None = None,
        signer: bytes | None = None,
        signature: bytes | None = None,
        tail: str = "}",
        end: str = "\n",
    ) -> bytes:
        """`lines` under a trailer that authenticates exactly them, but for what the arguments replace."""
        body = "".join(text + end for text in lines) + (self.trailer_head() if head is None else head)
        tag = hmac.digest(mac_key or self.mac_key, body.encode(), "sha256") if mac is None else mac
        body += f',"mac":"{b64(tag)}"'
        signed = self.sign(body.encode(), signer) if signature is None else signature
        return (body + f',"signature":"{b64(signed)}"' + tail + end).encode()

    def trailer_head(self, **changes: object) -> str:
        """The trailer up to its writer."""
        fields: dict[str, object] = {
            "t": "z",
            "generation": self.generation,
            "seals": self.seals,
            "saved": self.saved,
            "expires": self.expires,
            "writer": b64(writer_public(self.writer)),
        }
        return line(**(fields | changes))[:-1]

    def sign(self, body: bytes, signer: bytes | None = None) -> bytes:
        """The trailer's signature over `body`."""
        message = frame(b"sealproof/1/file", hashlib.sha256(body).digest())
        return Ed25519PrivateKey.from_private_bytes(signer or self.writer).sign(message)

    def to_bytes(self) -> bytes:
        """The file as a correct writer makes it."""
        return self.close(self.lines())

    def epoch_line(self, *writers: bytes) -> str:
        """The key-file line of this file's epoch."""
        return epoch_key_line(self.tenant, self.environment, self.epoch, self.epoch_key, *(writers or (self.writer,)))


def epoch_key_line(tenant: str, environment: str, epoch: int, key: bytes, *writers: bytes) -> str:
    """A key-file line of kind `epoch`; `writers` are seeds."""
    row = b64(b"".join(writer_public(seed) for seed in writers))
    return line(
        format="sealproof-key/1",
        kind="epoch",
        tenant=tenant,
        environment=environment,
        epoch=epoch,
        key=b64(key),
        writers=row,
    )


def x25519_key_line(private: bytes, *writers: bytes) -> str:
    """A key-file line of kind `x25519`; `writers` are seeds."""
    row = b64(b"".join(writer_public(seed) for seed in writers))
    return line(format="sealproof-key/1", kind="x25519", key=b64(private), writers=row)


def key_file(*lines: str) -> bytes:
    """Lines as a key file."""
    return "".join(text + "\n" for text in lines).encode()


SAVED = 1_700_000_200

EXAMPLE = SealedFile(
    tenant="acme",
    environment="production",
    epoch=1,
    epoch_key=run(0x00, 32),
    dek=run(0x20, 32),
    key_nonce=run(0xA0, 12),
    writer=run(0x40, 32),
    secrets=(
        Secret("DB_PASSWORD", 2, 1_700_000_000, b"correct horse", run(0xB0, 12)),
        Secret("DB_PASSWORD.pending", 1, 1_700_000_100, b"", run(0xC0, 12)),
        Secret("GREETING", 1, 1_700_000_000, 'héllo $x "q"\n'.encode() + b"z" * 20, run(0xD0, 12)),
    ),
    recipients=(Recipient(run(0x60, 32), run(0x80, 32)),),
    generation=7,
    seals=5,
    saved=SAVED,
    expires=0,
)
"""The worked example of the format document."""

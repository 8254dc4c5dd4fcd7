"""What a store's `keys/` holds, and a host's mark: built from the format document alone."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from vector_maker.second import SAVED, b64, fixed, frame, gcm, hkdf, line, run

ITERATIONS = 100_000
MASTER = run(0xF0, 16) * 2
"""`f0…ff` twice, the master of the worked example."""
PASSPHRASE = "seven brown owls count nine tin spoons\u00e9"
PASSPHRASE_SALT = fixed("passphrase salt", 16)
PASSPHRASE_ITERATIONS = 600_000


def master_random(created: int = SAVED) -> bytes:
    """`keys/master.key` with a random master."""
    return (line(format="sealproof-master/1", kind="random", created=created, key=b64(MASTER)) + "\n").encode()


def master_passphrase(iterations: int = PASSPHRASE_ITERATIONS) -> bytes:
    """`keys/master.key` with a passphrase's salt and cost."""
    fields = {"created": SAVED, "salt": b64(PASSPHRASE_SALT), "iterations": iterations}
    return (line(format="sealproof-master/1", kind="passphrase", **fields) + "\n").encode()


@dataclass(frozen=True)
class Epoch:
    """One epoch of a tenant's environment."""

    environment: str
    epoch: int
    created: int
    state: str
    key: bytes


@dataclass(frozen=True)
class Tenant:
    """A tenant's key file."""

    tenant: str = "acme"
    salt: bytes = run(0xE0, 16)
    iterations: int = ITERATIONS
    epochs: tuple[Epoch, ...] = (
        Epoch("production", 1, SAVED, "retired", run(0x00, 32)),
        Epoch("production", 2, SAVED + 1, "active", fixed("epoch 2")),
        Epoch("staging", 1, SAVED, "active", fixed("staging")),
    )

    @property
    def kek(self) -> bytes:
        """The tenant's key-encrypting key."""
        salt = frame(b"sealproof/1/kek", self.tenant.encode(), self.salt)
        return hashlib.pbkdf2_hmac("sha256", MASTER, salt, self.iterations, 32)

    def head(self, form: str = "sealproof-tenant/1") -> str:
        """The first line."""
        return line(format=form, tenant=self.tenant, created=SAVED, salt=b64(self.salt), iterations=self.iterations)

    def epoch_line(self, epoch: Epoch, *, scope_of: Epoch | None = None) -> str:
        """One epoch's line; `scope_of` binds the wrap to another epoch than it stands in."""
        bound = scope_of or epoch
        aad = frame(b"sealproof/1/epoch", self.tenant.encode(), bound.environment.encode(), str(bound.epoch).encode())
        nonce = fixed(f"epoch nonce {epoch.environment} {epoch.epoch}", 12)
        return line(
            environment=epoch.environment,
            epoch=epoch.epoch,
            created=epoch.created,
            state=epoch.state,
            wrapped=b64(gcm(self.kek, nonce, epoch.key, aad)),
        )

    def lines(self) -> list[str]:
        """Every line but the last."""
        return [self.head(), *(self.epoch_line(epoch) for epoch in self.epochs)]

    def close(self, lines: list[str]) -> bytes:
        """`lines` with the MAC that authenticates them."""
        body = "".join(text + "\n" for text in lines)
        key = hkdf(self.kek, frame(b"sealproof/1/tenant", self.tenant.encode()))
        return (body + line(mac=b64(hmac.digest(key, body.encode(), "sha256"))) + "\n").encode()

    def to_bytes(self) -> bytes:
        """The file as a correct writer makes it."""
        return self.close(self.lines())


def mark(tenant: str, environment: str, generation: int, data: bytes) -> bytes:
    """A host's mark of one sealed file."""
    digest = hashlib.sha256(data).hexdigest()
    fields = {"tenant": tenant, "environment": environment, "generation": generation, "sha256": digest}
    return (line(format="sealproof-mark/1", **fields) + "\n").encode()

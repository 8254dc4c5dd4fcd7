"""JWT signing keys: the target is the published key set (RFC 7517, 5), and every verifier that caches it.

`set` publishes the new public key while the old one goes on signing; only when every cache has it may the new key sign
(`Capabilities.settle_s`). `revoke` takes the old one out once the longest token signed with it has ended (`life_s`).
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from sealproof.errors import FileUnavailable, MalformedFile, SealproofError, StoreNotFound
from sealproof.loader.files import open_root
from sealproof.rotation import jwk
from sealproof.rotation.http import get_json
from sealproof.rotation.targets.interface import DEADLINE_S, Capabilities
from sealproof.rotation.targets.refusal import refused, unavailable

if TYPE_CHECKING:
    from sealproof.loader.secret import Secret
    from sealproof.rotation.jwk import Jwk

_SET_MAX = 1024 * 1024  # bytes
_MANY = 64  # keys in one set
_PUBLIC_MODE = 0o644


class KeySetTarget:
    """A key set in a file that a web server publishes.

    `url` is where verifiers fetch it; with it, the test asks what is really published. `cache_s` is how long they keep
    it, `token_s` the longest life of a token; clock skew is added to it.
    """

    def __init__(
        self,
        path: str,
        *,
        url: str = "",
        cache_s: float = 300.0,
        token_s: float = 3600.0,
        skew_s: float = 60.0,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._path = path
        self._url = url
        self._times = (cache_s, token_s + skew_s)
        self._deadline = deadline_s

    def __repr__(self) -> str:
        return f"KeySetTarget({self._path!r})"

    def describe(self) -> str:
        """Return where the set is."""
        return f"key set {self._url or self._path}"

    def capabilities(self) -> Capabilities:
        """Many keys verify at once, and verifiers are slow to hear of them."""
        return Capabilities(overlap=_MANY, settle_s=self._times[0], life_s=self._times[1])

    def is_effective(self, value: Secret) -> bool:
        """Tell whether the public half is in the file."""
        return jwk.public_half(value) in self._read()

    def set(self, value: Secret, *, current: Secret) -> None:
        """Publish the public half beside the others, the present one first of all."""
        present, new = jwk.public_half(current), jwk.public_half(value)
        keys = [key for key in self._read() if key["kid"] not in (present["kid"], new["kid"])]
        self._write([present, *keys, *([new] if new != present else [])])

    def test(self, value: Secret) -> None:
        """Sign a token and verify it against what is published."""
        token = jwk.sign(value, {"sub": "sealproof-rotation-test"})
        if not jwk.verify(token, self._published()):
            raise refused(self.describe(), "it does not verify a token that the key signed", hint=f"cat {self._path}")

    def revoke(self, value: Secret, *, current: Secret) -> None:
        """Take the public half out."""
        if jwk.key_id(value) == jwk.key_id(current):
            raise refused(self.describe(), "the key to be ended is the present one")
        keys = self._read()
        kept = [key for key in keys if key["kid"] != jwk.key_id(value)]
        if kept != keys:
            self._write(kept)

    def _published(self) -> list[Jwk]:
        return (
            self._keys(get_json(self._url, what=self.describe(), deadline_s=self._deadline))
            if self._url
            else self._read()
        )

    def _read(self) -> list[Jwk]:
        try:
            with open_root(os.path.dirname(self._path) or ".") as directory:
                text = directory.read(os.path.basename(self._path), limit=_SET_MAX, private=False)
        except (StoreNotFound, FileUnavailable) as exc:
            raise unavailable(self.describe(), exc.message, hint=exc.hint) from exc
        except SealproofError as exc:
            raise refused(self.describe(), exc.message, hint=exc.hint) from exc
        if text is None:
            return []
        try:
            return self._keys(json.loads(text))
        except ValueError:
            raise self._malformed() from None

    def _keys(self, document: object) -> list[Jwk]:
        keys = document.get("keys") if isinstance(document, dict) else None
        if not isinstance(keys, list) or not all(isinstance(key, dict) and "kid" in key for key in keys):
            raise self._malformed()
        return keys

    def _write(self, keys: list[Jwk]) -> None:
        text = json.dumps({"keys": keys}, indent=2, sort_keys=True) + "\n"
        with open_root(os.path.dirname(self._path) or ".") as directory:
            directory.replace(os.path.basename(self._path), text.encode(), mode=_PUBLIC_MODE)

    def _malformed(self) -> MalformedFile:
        return MalformedFile(f"{self.describe()} is no JSON Web Key Set", hint=f"cat {self._path}")

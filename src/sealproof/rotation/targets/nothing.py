"""No target: the secret is only a value in the file, such as a key that one application signs its cookies with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.rotation.targets.interface import Capabilities

if TYPE_CHECKING:
    from sealproof.loader.secret import Secret


class NoTarget:
    """Nothing outside knows this secret, as far as sealproof was told."""

    def __repr__(self) -> str:
        return "NoTarget()"

    def describe(self) -> str:
        """Return that there is none."""
        return "a secret without a target"

    def capabilities(self) -> Capabilities:
        """One value, and nobody to ask about it."""
        return Capabilities(overlap=1, verifiable=False)

    def is_effective(self, value: Secret) -> bool:  # noqa: ARG002 - there is nothing to ask
        """Whatever stands in the file is what counts."""
        return True

    def set(self, value: Secret, *, current: Secret) -> None:
        """Nothing outside changes."""

    def test(self, value: Secret) -> None:
        """Nothing outside can refuse it."""

    def revoke(self, value: Secret, *, current: Secret) -> None:
        """Nothing outside knew it."""

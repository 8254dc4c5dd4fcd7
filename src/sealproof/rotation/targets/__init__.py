"""What a rotated credential unlocks: one module each behind the `Target` protocol."""

from __future__ import annotations

from sealproof.rotation.targets.interface import Capabilities, Target

__all__ = ["Capabilities", "Target"]

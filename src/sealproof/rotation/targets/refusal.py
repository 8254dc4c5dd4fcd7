"""How targets say no, and how they say that nobody knows."""

from __future__ import annotations

from sealproof.errors import TargetRefused, TargetUnavailable


def refused(target: str, what: str, *, hint: str = "") -> TargetRefused:
    """Return the error for an answer that was no."""
    return TargetRefused(f"{target} refused: {what}", hint=hint or "sealproof rotate --status")


def unavailable(target: str, what: str, *, hint: str = "") -> TargetUnavailable:
    """Return the error for no answer, or one that says nothing about the credential."""
    return TargetUnavailable(f"{target} gave no answer: {what}", hint=hint or "run the command again when it is there")

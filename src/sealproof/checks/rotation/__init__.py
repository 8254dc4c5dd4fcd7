"""Checks of the rotation suite: one module each, found by the registry."""

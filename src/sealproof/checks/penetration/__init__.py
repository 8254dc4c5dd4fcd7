"""Checks of the penetration suite: one module each, found by the registry."""

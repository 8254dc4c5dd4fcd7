"""Checks of the security suite: one module each, found by the registry."""

"""Checks of the compliance suite: one module each, found by the registry."""

"""Checks of the load suite: one module each, found by the registry."""

"""Connections that take the credential of the moment: one module a driver."""

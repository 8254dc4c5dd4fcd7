"""Custody: who keeps tenants' files and keys, and how they change without loss."""

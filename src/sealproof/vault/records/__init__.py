"""Signed human records: who said what, when, and with which key. `records/` below a store's root."""

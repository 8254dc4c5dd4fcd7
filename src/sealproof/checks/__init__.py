"""Proof: what is looked at, how, and what it adds up to. One module a check, by suite."""

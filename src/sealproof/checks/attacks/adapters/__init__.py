"""Adapters that come with the package: its own store, plain dotenv files, SOPS."""

"""Start-up: find a tenant's file and key, open it, put it into the process environment.

Imports next to nothing, because every process of every tenant pays for it; the names to import
are in `sealproof` itself.
"""

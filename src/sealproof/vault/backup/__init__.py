"""Backups: encrypted containers of a tenant or of the whole store, made, verified, restored and let age out.

`docs/backup.md` is the normative text of the container's bytes.
"""

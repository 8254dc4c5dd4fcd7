"""Scanning a source tree: which files, what is looked for in them, and the scanners in their own process."""

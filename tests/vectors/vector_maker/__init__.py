"""A second implementation of `docs/format.md`, which writes the vectors and imports nothing of sealproof."""

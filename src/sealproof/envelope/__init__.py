"""The `.env.enc` format: parse, open, seal, merge. Bytes in, bytes out: no files, no clock, no environment."""

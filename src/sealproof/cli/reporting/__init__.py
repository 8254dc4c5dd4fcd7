"""What `sealproof report` does, an action or two a module."""

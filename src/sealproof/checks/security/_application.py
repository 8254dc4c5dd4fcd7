"""A program that starts on its tenant's secrets, as any application does: what SEC-020 runs in a child process."""

from __future__ import annotations

import json
import os
import sys

from sealproof.loader.environment import load_environment_secrets


def start(tenant: str, root: str, required: list[str]) -> None:
    """Load, and say on standard output which variables that changed, also where it fails."""
    before = dict(os.environ)
    try:
        load_environment_secrets(tenant, root=root, required=required or None)
    finally:
        changed = [name for name in {**before, **os.environ} if os.environ.get(name) != before.get(name)]
        sys.stdout.write(json.dumps(sorted(changed)))

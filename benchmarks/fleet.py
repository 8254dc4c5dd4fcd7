"""Scan a fleet: tenants a second for the checks that run once a tenant, in threads and in processes.

python benchmarks/fleet.py [--tenants 100]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from sealproof.checks.gate import Gate, run_gate
from sealproof.checks.runner import Selection
from sealproof.compliance import catalogue
from sealproof.vault.custodian import Custodian
from sealproof.vault.generate import generate_secure_key
from sealproof.vault.inventory import describe_missing

SECRETS = 20  # a tenant


def main() -> None:
    """Print tenants a second, side by side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tenants", type=int, default=100)
    tenants = parser.parse_args().tenants
    checks = tuple(check.id for check in catalogue.load().checks.values() if check.scope == "tenant")
    with tempfile.TemporaryDirectory() as directory:
        root = str(Path(directory) / "secrets")
        _fill(root, tenants)
        baseline = 0.0
        for name, workers in (("threads", 0), ("2 processes", 2)):
            started = time.perf_counter()
            run = run_gate(Gate(root, source=directory, selection=Selection(checks=checks), workers=workers))
            rate = tenants / (time.perf_counter() - started)
            baseline = baseline or rate
            each = len(run.results) // tenants
            print(f"{name:12} {rate:7.1f} tenants a second, {each} checks each, {rate / baseline:.2f} times threads")


def _fill(root: str, tenants: int) -> None:
    os.makedirs(root)
    custodian = Custodian(root)
    custodian.keyring.create(passphrase=None)
    custodian.keyring.new_signing_key("writer")
    names = [f"SERVICE_{number}_TOKEN" for number in range(SECRETS)]
    for number in range(tenants):
        tenant = f"tenant-{number:04}"
        custodian.seal(tenant, "development", {name: generate_secure_key().encode() for name in names})
        describe_missing(custodian.store, tenant, names, owner="bench", purpose="measured", rotation_days=90)


if __name__ == "__main__":
    main()

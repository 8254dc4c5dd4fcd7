"""Row G6: secrets in image, compose and CI files; each planted case found, each clean twin not."""

from __future__ import annotations

import os

from sealproof.checks.attacks.bench import Bench, write
from sealproof.checks.attacks.interface import Scanning
from sealproof.checks.attacks.registry import attack
from sealproof.checks.scan.build_samples import CLEAN, planted
from sealproof.checks.specimen import canaries


@attack("G6")
def build_and_ci(bench: Bench) -> None:
    """Plant a value in image instructions, compose files, workflows and build logs; and write their clean twins."""
    scanner = bench.part(Scanning, "it looks for no secrets in build files")
    value = canaries(("X",))["X"]
    for label, files in (("planted", planted(value)), ("clean", CLEAN)):
        for number, (name, text) in enumerate(files):
            place = os.path.join(bench.directory, f"{label}-{number}")
            path = os.path.join(place, name)
            os.makedirs(os.path.dirname(path), mode=0o700)
            write(path, text.encode())
            found = list(scanner.scan(place))
            what = f"{name}, {label} case {number}"
            bench.holds(
                f"{what}: {'found nothing' if label == 'planted' else 'an alarm'}", bool(found) == (label == "planted")
            )

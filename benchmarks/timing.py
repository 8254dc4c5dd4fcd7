"""How long refusals take, by where they differ: Welch's t over interleaved calls. It informs, and decides nothing.

A t beyond 4.5 is what side-channel test plans call a first sign (TVLA); on a shared machine it comes by chance, too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from math import sqrt

from cryptography.exceptions import InvalidSignature

from sealproof.checks.specimen import Specimen
from sealproof.envelope import cipher
from sealproof.errors import SealproofError

SIGN = 4.5


def main() -> int:
    """Print t for early against late differences of a MAC, and of whole files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000, help="of each kind (default: 20000)")
    calls = parser.parse_args().calls
    key, covered = os.urandom(32), os.urandom(1000)
    tag = cipher.mac(key, covered)
    early, late = bytes([tag[0] ^ 1]) + tag[1:], tag[:-1] + bytes([tag[-1] ^ 1])
    _say(
        "MAC, first byte against last byte", lambda: _mac(key, covered, early), lambda: _mac(key, covered, late), calls
    )
    _say("MAC, the same twice (what the machine does by itself)", *[lambda: _mac(key, covered, early)] * 2, calls)
    file = Specimen()
    place = file.data.index(b'"mac":"') + 7
    first, last = _flipped(file.data, place), _flipped(file.data, place + 40)
    _say(
        "file, MAC's first sign against a later one", lambda: _open(file, first), lambda: _open(file, last), calls // 10
    )
    other = Specimen(file.tenant)
    keys = (other.key_line,)
    _say(
        "file, a wrong key against a spoilt MAC",
        lambda: _open(file, file.data, keys),
        lambda: _open(file, first),
        calls // 10,
    )
    print("a wrong key is noticed before the MAC is computed: that it takes another time tells what its holder knows")
    return 0


def _say(what: str, one: Callable[[], None], other: Callable[[], None], calls: int) -> None:
    t, mean_one, mean_other = welch(one, other, calls)
    mark = "  a first sign" if abs(t) > SIGN else ""
    print(f"{what:58} {mean_one:9.2f} µs {mean_other:9.2f} µs   t = {t:7.2f}{mark}", flush=True)


def welch(one: Callable[[], None], other: Callable[[], None], calls: int) -> tuple[float, float, float]:
    """Return Welch's t and both means in µs, the slowest tenth of each left out: interrupts, not the code."""
    times: tuple[list[int], list[int]] = ([], [])
    pairs = ((times[0], one), (times[1], other))
    for number in range(calls):
        for kept, call in pairs if number % 2 else pairs[::-1]:
            started = time.perf_counter_ns()
            call()
            kept.append(time.perf_counter_ns() - started)
    samples = [sorted(kept)[: len(kept) * 9 // 10] for kept in times]
    means = [statistics.fmean(sample) for sample in samples]
    spread = sqrt(sum(statistics.variance(sample) / len(sample) for sample in samples))
    return (means[0] - means[1]) / spread, means[0] / 1000, means[1] / 1000


def _mac(key: bytes, covered: bytes, tag: bytes) -> None:
    try:
        cipher.verify_mac(key, covered, tag)
    except InvalidSignature:
        return


def _open(file: Specimen, data: bytes, keys: tuple = ()) -> None:  # type: ignore[type-arg]
    try:
        file.open(data, keys=keys)
    except SealproofError:
        return


def _flipped(data: bytes, place: int) -> bytes:
    other = b"A" if data[place : place + 1] != b"A" else b"B"
    return data[:place] + other + data[place + 1 :]


if __name__ == "__main__":
    sys.exit(main())

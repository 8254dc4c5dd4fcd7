"""LOD-001: service level is met.

Puts the profile's number of users on a local service that opens a sealed file on each request, and
judges the steady phase: how long answers took, how many requests failed, and whether there were
enough of them. Users wait for each answer before they ask again, so too few requests means stalls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.checks.fixes import command
from sealproof.checks.load._measurement import Measurement, measurement
from sealproof.checks.registry import check
from sealproof.findings import Finding, failed, passed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context

_US_PER_MS = 1000


@check("LOD-001")
def service_level(ctx: Context) -> Iterator[Finding]:
    """Yield one finding each for latency, errors and the number of samples."""
    run = measurement(ctx)
    again = command(ctx, "check", "--check", "LOD-001")
    yield _latency(run, ctx.limit("load_p95_ms"), fix=f"{again}  # on an idle machine; still slow: add processors")
    yield _errors(run, ctx.limit("load_error_per_mille"), fix=f"{again}  # on an idle machine")
    yield _samples(run, ctx.limit("load_min_samples"), fix=f"{again}  # on an idle machine")


def _latency(run: Measurement, limit_ms: int, *, fix: str) -> Finding:
    answered = run.samples - run.errors
    if not answered:
        return failed("load/latency", "not one request was answered", expected=f"95% within {limit_ms} ms", fix=fix)
    observed = (
        f"95% of {answered} answers to {run.users} users came within {_ms(run.p95_us)} ms "
        f"(median {_ms(run.p50_us)}, slowest {_ms(run.max_us)})"
    )
    if run.p95_us <= limit_ms * _US_PER_MS:
        return passed("load/latency", observed)
    return failed("load/latency", observed, expected=f"95% within {limit_ms} ms", fix=fix)


def _errors(run: Measurement, limit_per_mille: int, *, fix: str) -> Finding:
    observed = f"{run.errors} of {run.samples} requests failed"
    if run.errors * 1000 <= limit_per_mille * run.samples:
        return passed("load/errors", observed)
    return failed("load/errors", observed, expected=f"at most {limit_per_mille} of 1000", fix=fix)


def _samples(run: Measurement, least: int, *, fix: str) -> Finding:
    observed = f"{run.samples} requests in {run.steady_us / 1_000_000:.1f} s of steady load"
    if run.samples >= least:
        return passed("load/samples", observed)
    return failed("load/samples", observed, expected=f"at least {least}", fix=fix)


def _ms(microseconds: int) -> str:
    return f"{microseconds / _US_PER_MS:.1f}"

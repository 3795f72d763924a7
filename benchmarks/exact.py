"""The exact rate–distortion function, at two budgets and over a grid of points: gaps, CPU times, memory.

    python benchmarks/exact.py [--time-limit SECONDS] [--largest-d D] [--budgets-only]

First the budgets: twelve slopes at (50, 80) in three seconds at gaps of at most 5·10⁻⁵ nats; and (50, 51) at
thirty times the critical slope in ten seconds and 500 MB. Seconds are those of the processor, so that other
work on the machine counts little.

Then the grid: d from 1 to 2000, n/d from just above 1 to 100, slopes from 1.05 to 1000 times the critical
one. Every point must be certified (gap at most 0.001 nats and 1% of the rate) or enclosed by the closed
bracket. None may be infinite or NaN. Then the calls by distortion and by rate, at the ends of the range. The
exit status is 1 where something is unsound or over its budget.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time

import numpy as np

import ratedist as rd
from ratedist.theory import RateDistortionCurve

DIMENSIONS = (1, 2, 5, 20, 50, 55, 80, 100, 200, 500, 2000)
RATIOS = (1.05, 1.6, 10.0, 100.0)
MULTIPLES = (1.05, 3.0, 30.0, 1000.0)


def sound(model: rd.GaussianLinearModel, curve: RateDistortionCurve) -> bool:
    """Whether all numbers are finite, the bounds in order and within the closed ones, and reasons given."""
    numbers = np.array([curve.slopes, curve.distortion, curve.rate, curve.rate_lower])
    if not np.isfinite(numbers).all():
        return False
    bracket = rd.theory.rate_distortion_bracket(model, curve.distortion)
    slack = 1e-9 * (1 + curve.rate)
    ordered = curve.rate_lower <= curve.rate + 1e-6
    inside = (bracket.lower <= curve.rate_lower + slack) & (curve.rate <= bracket.upper + slack)
    said = np.array(
        [bool(reason) != good for reason, good in zip(curve.reason, curve.certified, strict=True)]
    )
    return bool(np.all(ordered & inside & said))


def peak_memory() -> float:
    """The most this process has held so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def budgets() -> bool:
    """Whether the two promised times, gaps and sizes are kept."""
    print(f"load {os.getloadavg()[0]:.1f}; {peak_memory():.0f} MB before the first point")
    kept = True
    for n, multiples, seconds_allowed, gap_allowed in (
        (80, np.geomspace(1, 10, 12), 3.0, 5e-5),
        (51, np.array([30.0]), 10.0, 1e-3),
    ):
        model = rd.GaussianLinearModel(n, np.zeros(50))
        start = time.process_time()
        slopes = rd.theory.critical_slope(model) * multiples
        critical = time.process_time() - start
        curve = rd.theory.rate_distortion(model, slopes)
        seconds = time.process_time() - start - critical
        good = curve.certified.all() and seconds <= seconds_allowed and np.max(curve.gap) <= gap_allowed
        kept &= bool(good) and peak_memory() <= 500
        print(
            f"(50, {n}), {slopes.size} slopes up to {multiples[-1]:g} times the critical one: "
            f"{seconds:.2f} CPU-seconds, {critical:.2f} for the critical slope, "
            f"largest gap {np.max(curve.gap):.1e}, peak {peak_memory():.0f} MB",
            flush=True,
        )
    return kept


def grid(largest: int, time_limit: float) -> bool:
    """The grid of points by slope; whether all are sound."""
    counts = {"certified": 0, "bracketed": 0, "unsound": 0}
    print("     d        n   times critical   seconds            D         rate        gap   of rate")
    for d in (d for d in DIMENSIONS if d <= largest):
        for ratio in RATIOS:
            n = max(d + 2, round(ratio * d)) if ratio == RATIOS[0] else round(ratio * d)
            model = rd.GaussianLinearModel(max(n, d), np.zeros(d))
            start = time.process_time()
            critical = rd.theory.critical_slope(model)
            print(
                f"{d:6d} {model.n:8d}   critical slope {critical:12.6g}  {time.process_time() - start:7.2f}"
            )
            for multiple in MULTIPLES:
                start = time.process_time()
                curve = rd.theory.rate_distortion(model, multiple * critical, time_limit=time_limit)
                seconds = time.process_time() - start
                good = sound(model, curve)
                kind = "unsound" if not good else "certified" if curve.certified[0] else "bracketed"
                counts[kind] += 1
                print(
                    f"{d:6d} {model.n:8d}   {multiple:14g}   {seconds:7.2f}   {curve.distortion[0]:10.5g} "
                    f"{curve.rate[0]:12.6g} {curve.gap[0]:10.2g} {curve.relative_gap[0]:9.1g}   "
                    f"{'' if kind == 'certified' else kind + ': ' + curve.reason[0]}",
                    flush=True,
                )
    print(", ".join(f"{count} {kind}" for kind, count in counts.items()))
    return counts["unsound"] == 0


def ends(time_limit: float) -> bool:
    """By distortion and by rate where it once took minutes, or did not end; whether all are sound."""
    calls = [
        ("distortion_at_rate", 50, 80, 0.01), ("distortion_at_rate", 50, 80, 1.0),
        ("distortion_at_rate", 50, 80, 100.0), ("distortion_at_rate", 50, 80, 180.0),
        ("distortion_at_rate", 50, 80, 400.0), ("distortion_at_rate", 50, 51, 90.0),
        ("distortion_at_rate", 50, 50, 90.0), ("distortion_at_rate", 100, 1000, 90.0),
        ("rate_at_distortion", 100, 1000, 0.05), ("distortion_at_rate", 2000, 3200, 2000.0),
        ("distortion_at_rate", 2000, 2002, 2000.0), ("rate_at_distortion", 3, 8, 0.9999 * 3 / 8),
        ("rate_at_distortion", 1, 10**12, 1e-13), ("rate_at_distortion", 100, 10**9, 1e-8),
        ("rate_at_distortion", 10**4, 10**9, 1e-6), ("distortion_at_rate", 5000, 8000, 5000.0),
    ]  # fmt: skip
    print("call                         d            n       at   seconds   certified        gap   of rate")
    good = True
    for name, d, n, target in calls:
        model = rd.GaussianLinearModel(n, np.zeros(d))
        start = time.process_time()
        curve = getattr(rd.theory, name)(model, target, time_limit=time_limit)
        seconds = time.process_time() - start
        good &= sound(model, curve)
        print(
            f"{name:20s} {d:9d} {n:12d} {target:8.3g}   {seconds:7.2f}   {curve.certified[0]!s:9s} "
            f"{curve.gap[0]:10.2g} {curve.relative_gap[0]:9.1g}   {curve.reason[0]}",
            flush=True,
        )
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description="Gaps and times of the exact rate–distortion function")
    parser.add_argument("--time-limit", type=float, default=60.0, help="seconds for a point or a call")
    parser.add_argument("--largest-d", type=int, default=max(DIMENSIONS), help="leave out larger d")
    parser.add_argument("--budgets-only", action="store_true", help="leave out the grid and the ends")
    arguments = parser.parse_args()
    good = budgets()
    if arguments.budgets_only:
        return 0 if good else 1
    good &= grid(arguments.largest_d, arguments.time_limit)
    good &= ends(arguments.time_limit)
    print(f"peak memory {peak_memory():.0f} MB")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

"""The exact rate–distortion function over a grid of a hundred and more points: gaps and times.

    python benchmarks/exact.py [--time-limit SECONDS] [--largest-d D]

d from 1 to 2000, n/d from just above 1 to 100, slopes from 1.05 to 1000 times the critical one. Every point
must be certified (gap at most 0.001 nats and 1% of the rate) or enclosed by the closed bracket. None may be
infinite or NaN. Otherwise the exit status is 1. Then the calls by distortion and by rate, at the ends of the
range.
"""

from __future__ import annotations

import argparse
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


def grid(largest: int, time_limit: float) -> bool:
    """The grid of points by slope; whether all are sound."""
    counts = {"certified": 0, "bracketed": 0, "unsound": 0}
    print("     d        n   times critical   seconds            D         rate        gap   of rate")
    for d in (d for d in DIMENSIONS if d <= largest):
        for ratio in RATIOS:
            n = max(d + 2, round(ratio * d)) if ratio == RATIOS[0] else round(ratio * d)
            model = rd.GaussianLinearModel(max(n, d), np.zeros(d))
            start = time.perf_counter()
            critical = rd.theory.critical_slope(model)
            print(
                f"{d:6d} {model.n:8d}   critical slope {critical:12.6g}  {time.perf_counter() - start:7.2f}"
            )
            for multiple in MULTIPLES:
                start = time.perf_counter()
                curve = rd.theory.rate_distortion(model, multiple * critical, time_limit=time_limit)
                seconds = time.perf_counter() - start
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
        start = time.perf_counter()
        curve = getattr(rd.theory, name)(model, target, time_limit=time_limit)
        seconds = time.perf_counter() - start
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
    arguments = parser.parse_args()
    good = grid(arguments.largest_d, arguments.time_limit)
    good &= ends(arguments.time_limit)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

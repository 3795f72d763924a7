"""Points of the exact curve in ball arithmetic: bounds, gaps and times, at (d, n) = (50, 80) by default.

    python benchmarks/rigorous.py [--d 50] [--n 80] [--slopes 12] [--highest 1000]

Slopes are spaced geometrically from the critical one to ``--highest``. For the numbers returned, of which
nine digits are printed, ``rate_lower <= R(D) <= rate`` holds with rounding included. Times are those of the
processor. The exit status is 1 if a gap is too large to be certified. Needs python-flint."""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

import ratedist as rd


def main() -> int:
    """Print one row a slope."""
    parser = argparse.ArgumentParser(description="Points of the exact curve in ball arithmetic.")
    parser.add_argument("--d", type=int, default=50, help="number of weights")
    parser.add_argument("--n", type=int, default=80, help="number of samples, at least d")
    parser.add_argument("--slopes", type=int, default=12, help="number of slopes")
    parser.add_argument("--highest", type=float, default=1000.0, help="largest slope, nats per distortion")
    options = parser.parse_args()
    model = rd.GaussianLinearModel(options.n, np.zeros(options.d))
    slopes = np.geomspace(rd.theory.critical_slope(model), options.highest, options.slopes)
    print(f"(d, n) = ({options.d}, {options.n}), noise variance 1")
    print("slope      D             rate (nats)     rate_lower      gap      float64 gap  seconds  float64")
    refused = 0
    for slope in slopes:
        start = time.process_time()
        plain = rd.theory.rate_distortion(model, slope)
        middle = time.process_time()
        curve = rd.theory.rate_distortion(model, slope, rigorous=True, time_limit=np.inf)
        end = time.process_time()
        refused += not curve.certified[0]
        print(
            f"{slope:<9.3f}  {curve.distortion[0]:<12.9f}  {curve.rate[0]:<14.9f}  "
            f"{curve.rate_lower[0]:<14.9f}  {curve.gap[0]:.1e}  {plain.gap[0]:.1e}      "
            f"{end - middle:<7.1f}  {middle - start:.1f}"
            + (f"  {curve.reason[0]}" if curve.reason[0] else ""),
            flush=True,
        )
    print(f"{slopes.size - refused} of {slopes.size} certified")
    return int(refused > 0)


if __name__ == "__main__":
    sys.exit(main())

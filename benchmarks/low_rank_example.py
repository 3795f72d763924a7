"""Excess risks of the two examples of low rank, for their W* and for others of its kind. About a minute.

``python benchmarks/low_rank_example.py [trials]``
"""

from __future__ import annotations

import sys

import numpy as np

from ratedist.estimate import Estimate
from ratedist.experiments import low_rank_example as example

OTHERS = 40  # true weights drawn anew
EXAMPLES = (
    ("20 × 50, unequal noise", example.unequal_noise, example.UNEQUAL_NOISE),
    ("30 × 50, correlated inputs", example.correlated_inputs, example.CORRELATED_INPUTS),
)


def main(num_trials: int) -> None:
    for name, model, given in EXAMPLES:
        print(f"{name}; given: {given}")
        found = example.excess_risks(model(), (1, 2, 3, 4), num_trials, seed=0)
        others = [
            example.excess_risks(model(seed), (1, 2, 3, 4), max(1, num_trials // OTHERS), seed)
            for seed in range(OTHERS)
        ]
        for key, values in found.items():
            sem = values.std(ddof=1) / num_trials**0.5
            spread = np.array([other[key].mean() for other in others])
            print(
                f"  {key!s:24} {Estimate(values.mean(), sem, num_trials)!s:20} "
                f"over W*: {spread.mean():.4g}, deviation {spread.std(ddof=1):.2g}"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)

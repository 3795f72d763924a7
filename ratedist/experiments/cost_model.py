"""What a simulation takes, before it starts: a model of a few constants, fitted by ``benchmarks/plan.py``."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ratedist.experiments.figure2_config import Figure2Config

# Processor seconds on one core of the machine that docs/plan.md names; `python benchmarks/plan.py` fits them.
START = 1.4
SHAPE = 3.7
TRIAL = 2.3e-6
WEIGHT_AND_CLUSTER = 2.5e-8
# Of more weights each pair counts.
PAIR_AND_CLUSTER = 2.1e-10
MOST_LINEAR = 256
# More are no longer quantised side by side, but for each number of clusters by the extra "fast".
LONG_WEIGHT_AND_CLUSTER = 4.1e-7
MOST_SIDE_BY_SIDE = 1024


@dataclasses.dataclass(frozen=True)
class Cost:
    """Processor seconds of all cores together: of the start, of compilations, and of the trials."""

    start: float
    compilation: float
    trials: float

    @property
    def total(self) -> float:
        """Their sum."""
        return self.start + self.compilation + self.trials


def predicted(points: Sequence[tuple[int, Figure2Config]]) -> Cost:
    """The cost of K-means up to some K on points of d weights each.

    Seconds are START + SHAPE · (shapes) + trials · (TRIAL + WEIGHT_AND_CLUSTER · d · K), with d² · K and a
    constant of its own in place of d · K beyond 256 weights, and another constant beyond 1024.
    """
    shapes = {(d, one.max_clusters, one.method, one.rate, one.center_bits, one.sampler) for d, one in points}
    seconds = sum(one.num_trials * of_trial(d, one.max_clusters * len(one.methods)) for d, one in points)
    return Cost(START, SHAPE * len(shapes), seconds)


def of_trial(d: int, num_clusters: int) -> float:
    """Seconds of one trial of d weights with K-means for every K up to ``num_clusters``."""
    if d <= MOST_LINEAR:
        return TRIAL + WEIGHT_AND_CLUSTER * d * num_clusters
    if d <= MOST_SIDE_BY_SIDE:
        return TRIAL + PAIR_AND_CLUSTER * d**2 * num_clusters
    return TRIAL + LONG_WEIGHT_AND_CLUSTER * d * num_clusters

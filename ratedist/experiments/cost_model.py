"""What a simulation takes, before it starts: a model of four constants, fitted by ``benchmarks/plan.py``."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ratedist.experiments.figure2_config import Figure2Config

# Processor seconds on one core of the machine that docs/plan.md names; `python benchmarks/plan.py` fits them.
START = 3.0
SHAPE = 6.0
TRIAL = 5e-6
WEIGHT_AND_CLUSTER = 40e-9


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

    Seconds are START + SHAPE · (shapes) + trials · (TRIAL + WEIGHT_AND_CLUSTER · d · K).
    """
    shapes = {(d, one.max_clusters, one.method, one.rate, one.center_bits, one.sampler) for d, one in points}
    seconds = sum(
        one.num_trials * (TRIAL + WEIGHT_AND_CLUSTER * d * one.max_clusters * len(one.methods))
        for d, one in points
    )
    return Cost(START, SHAPE * len(shapes), seconds)

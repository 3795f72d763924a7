"""The settings of the diameter experiment; it needs no JAX, so the command line can show them at once."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Literal, get_args

from ratedist import _checks
from ratedist.experiments.figure2 import Figure2Config, WStar
from ratedist.problem import GaussianLinearModel

Penalty = Literal["squared", "linear"]


@dataclasses.dataclass(frozen=True)
class DiameterConfig:
    """K-means, Hessian-weighted and diameter-regularised K-means of the same weights, for several w*."""

    d: int = 50
    """Number of weights."""
    n: int = 80
    """Number of training samples, above d + 1."""
    noise_variance: float = 1.0
    """Variance of the noise in the outputs."""
    covariance: str = "identity"
    """Covariance of the inputs: "identity", or "ar1:RHO" with correlation RHO between neighbours."""
    w_star: tuple[WStar, ...] = ("two-level", "gaussian", "sparse")
    """True weights, a column each: +1 and -1 in turn, standard normal, a fifth of them +-1 and the rest 0."""
    clusters: tuple[int, ...] = (2, 3, 4, 8, 16)
    """Numbers K of clusters."""
    diameter_penalties: tuple[float, ...] = (0.01, 0.03, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
    """Prices β on the diameter, above zero and ascending; zero is always run."""
    penalty: Penalty = "squared"
    """β times the squared diameter (the papers'), or β/2 times the diameter (their released code's)."""
    trials: int = 4_000
    """Monte Carlo trials for each w*."""
    certified_trials: int = 3
    """Trials for each w* in which the descent is compared with the certified global optimum; 0 for none."""
    centre_bits: int | None = 16
    """Bits of a centre in the description length; the centres are really rounded to them."""
    seed: int = 0
    """Seed of every random draw."""

    def check(self) -> None:
        """Raise ``ValueError``, in words, for a setting without a figure."""
        for name in ("w_star", "clusters", "diameter_penalties"):
            if not getattr(self, name):
                raise ValueError(f"{name} must name at least one value, got none")
        for kind in self.w_star:
            _checks.one_of("w_star", kind, get_args(WStar))
        _checks.one_of("penalty", self.penalty, get_args(Penalty))
        for K in self.clusters:
            if _checks.integer("clusters", K, 2) > _checks.integer("d", self.d, 1):
                raise ValueError(f"clusters must be at most d = {self.d}, got {K}")
        for beta in self.diameter_penalties:
            _checks.positive_number("diameter_penalties", beta)
        for name, values in (("clusters", self.clusters), ("diameter_penalties", self.diameter_penalties)):
            if any(later <= earlier for earlier, later in itertools.pairwise(values)):
                raise ValueError(f"{name} must ascend, got {', '.join(map(str, values))}")
        _checks.integer("trials", self.trials, 2)
        _checks.integer("certified_trials", self.certified_trials, 0)
        _checks.seed(self.seed)
        for model in self.models().values():
            model.require_finite_risk("the population risk")

    def models(self) -> dict[str, GaussianLinearModel]:
        """The linear model for each w*."""
        shared = {name: getattr(self, name) for name in ("d", "n", "noise_variance", "covariance", "seed")}
        return {kind: Figure2Config(**shared, w_star=kind).model() for kind in self.w_star}

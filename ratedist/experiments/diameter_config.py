"""The settings of the diameter experiment; it needs no JAX, so the command line can show them at once."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Literal, get_args

from ratedist import _checks
from ratedist.codes.rounding import MAXIMUM_BITS, MINIMUM_BITS
from ratedist.experiments.model_options import (
    MAX_TRIALS,
    CovarianceOption,
    NumTrials,
    WeightsOption,
    check_trials,
    linear_model,
    option_name,
)
from ratedist.linear_model.model import GaussianLinearModel

Penalty = Literal["squared", "linear"]


@dataclasses.dataclass(frozen=True, eq=False)
class DiameterConfig:
    """K-means, Hessian-weighted and diameter-regularised K-means of the same weights, for several w*.

    Attributes:
        d: Number of weights; if not given, 50 or as many as a file of true weights has.
        n: Number of training samples, above d + 1.
        noise_variance: Variance of the noise in the outputs.
        covariance: Covariance of the inputs: "identity", "ar1:RHO" with correlation RHO of neighbours, or
            a .npy file.
        w_star: True weights, a column each: "two-level" (+-1), "gaussian", "sparse" (a fifth +-1), or .npy
            files.
        clusters: Numbers K of clusters.
        diameter_penalties: Prices β on the diameter, above zero and ascending; zero is always run.
        penalty: β times the squared diameter (the papers'), or β/2 times the diameter (their released
            code's).
        num_trials: Monte Carlo trials for each w*; as many more, of their own, choose K and β.
        target_sem: Go on until no risk has a standard error above this; then --trials are the fewest.
        max_trials: Most trials for each w* of a run with --target-sem.
        certified_trials: Trials for each w* in which the descent is compared with the certified global
            optimum; 0 for none.
        center_bits: Bits of a centre in the description length; the centres are really rounded to them.
        seed: Seed of every random draw.
    """

    d: int | None = None
    n: int = 80
    noise_variance: float = 1.0
    covariance: CovarianceOption = "identity"
    w_star: tuple[WeightsOption, ...] = ("two-level", "gaussian", "sparse")
    clusters: tuple[int, ...] = (2, 3, 4, 8, 16)
    diameter_penalties: tuple[float, ...] = (0.01, 0.03, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
    penalty: Penalty = "squared"
    num_trials: NumTrials = 4_000
    target_sem: float | None = None
    max_trials: int = MAX_TRIALS
    certified_trials: int = 3
    center_bits: int = 16
    seed: int = 0

    def check(self) -> None:
        """Raise ``ValueError``, in words, for a setting without a figure."""
        for name in ("w_star", "clusters", "diameter_penalties"):
            if not getattr(self, name):
                raise ValueError(f"{name} must name at least one value, got none")
        _checks.one_of("penalty", self.penalty, get_args(Penalty))
        for K in self.clusters:
            _checks.integer("clusters", K, 2)
        for beta in self.diameter_penalties:
            _checks.positive_number("diameter_penalties", beta)
        for name, values in (("clusters", self.clusters), ("diameter_penalties", self.diameter_penalties)):
            if any(later <= earlier for earlier, later in itertools.pairwise(values)):
                raise ValueError(f"{name} must ascend, got {', '.join(map(str, values))}")
        check_trials(self.num_trials, self.target_sem, self.max_trials)
        _checks.integer("certified_trials", self.certified_trials, 0)
        _checks.integer("center_bits", self.center_bits, MINIMUM_BITS, MAXIMUM_BITS)
        _checks.seed(self.seed)
        models = self.models()
        d = next(iter(models.values())).d
        for name, model in models.items():
            model.require_finite_risk("the population risk")
            if model.d != d:
                raise ValueError(f"w_star must all have the same length, got {d} and {model.d} ({name})")
        if max(self.clusters) > d:
            raise ValueError(f"clusters must be at most d = {d}, got {max(self.clusters)}")

    def models(self) -> dict[str, GaussianLinearModel]:
        """The linear model for each w*, by the name of its option."""
        models: dict[str, GaussianLinearModel] = {}
        for index, w_star in enumerate(self.w_star):
            name = option_name(w_star, index)
            if name in models:
                raise ValueError(f"w_star must have different names, got {name!r} twice")
            models[name] = linear_model(
                w_star, self.covariance, self.d, self.n, self.noise_variance, self.seed
            )
        return models

"""The setting of Figure 2; it needs no JAX, so the command line can show its options at once."""

from __future__ import annotations

import dataclasses
from typing import Literal, get_args

from ratedist import _checks
from ratedist.experiments.model_options import (
    MAX_TRIALS,
    CovarianceOption,
    NumTrials,
    WeightsOption,
    check_trials,
    linear_model,
)
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.linear_model.quantities import SamplerName

Method = Literal["optimal", "lloyd", "both"]
Rate = Literal["assignment_entropy", "fixed_length", "description_length"]
CHOICES = {
    name: get_args(kind) for name, kind in {"method": Method, "sampler": SamplerName, "rate": Rate}.items()
}


@dataclasses.dataclass(frozen=True, eq=False)
class Figure2Config:
    """The setting of Figure 2; the defaults are the papers' where they say.

    Attributes:
        d: Number of weights; if not given, 50 or as many as a file of true weights has.
        n: Number of training samples, above d + 1.
        noise_variance: Variance of the noise in the outputs.
        covariance: Covariance of the inputs: "identity", "ar1:RHO" with correlation RHO of neighbours, or
            a .npy file.
        w_star: True weights: "two-level" (+1 and -1 in turn), "gaussian", "sparse" (a fifth +-1), or a .npy
            file.
        num_trials: Monte Carlo trials.
        target_sem: Go on until no risk has a standard error above this; then --trials are the fewest.
        max_trials: Most trials of a run with --target-sem.
        max_clusters: Largest number K of clusters; every K from 1 on is run.
        method: K-means by its global optimum, by Lloyd's iteration from one random start (the papers'), or
            both.
        sampler: What is drawn: data sets, their sufficient statistics, or the ERM weights alone (the
            fastest).
        rate: Which rate of K-means is the abscissa.
        center_bits: Bits of a centre in the description length, 32 if not given; the centres are really
            rounded to them. For --rate description_length only.
        seed: Seed of every random draw.
    """

    d: int | None = None
    n: int = 80
    noise_variance: float = 1.0
    covariance: CovarianceOption = "identity"
    w_star: WeightsOption = "two-level"
    num_trials: NumTrials = 10_000
    target_sem: float | None = None
    max_trials: int = MAX_TRIALS
    max_clusters: int = 16
    method: Method = "optimal"
    sampler: SamplerName = "auto"
    rate: Rate = "assignment_entropy"
    center_bits: int | None = None
    seed: int = 0

    def check(self) -> None:
        """Raise ``ValueError``, in words, for a setting that has no Figure 2."""
        for name, choices in CHOICES.items():
            _checks.one_of(name, getattr(self, name), choices)
        check_trials(self.num_trials, self.target_sem, self.max_trials)
        _checks.seed(self.seed)
        model = self.model()
        if _checks.integer("max_clusters", self.max_clusters, 1) > model.d:
            default = ", its default" if self.max_clusters == type(self).max_clusters else ""
            raise ValueError(f"max_clusters must be at most d = {model.d}, got {self.max_clusters}{default}")
        if self.center_bits is not None and self.rate != "description_length":
            raise ValueError(
                f"center_bits is for rate description_length, got {self.center_bits} with {self.rate}"
            )
        model.require_finite_risk("Figure 2")

    @property
    def methods(self) -> tuple[Literal["optimal", "lloyd"], ...]:
        """The ways of K-means that are run."""
        return ("optimal", "lloyd") if self.method == "both" else (self.method,)

    def model(self) -> GaussianLinearModel:
        """The linear model of this configuration."""
        return linear_model(self.w_star, self.covariance, self.d, self.n, self.noise_variance, self.seed)

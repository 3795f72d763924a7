"""The setting of the figure of description lengths; it needs no JAX, so that options are shown at once."""

from __future__ import annotations

import dataclasses

import numpy as np

from ratedist import _checks
from ratedist.experiments.model_options import (
    MAX_TRIALS,
    NumTrials,
    WeightsOption,
    check_trials,
    linear_model,
    require_ordinary_weights,
)
from ratedist.linear_model.model import GaussianLinearModel

# A curve that is drawn as a curve needs so many fitted weights.
SMALLEST_D = 4
# Below, ratios of variances that are formed leave the range of floating-point numbers.
LEAST_NOISE = 1e-100


@dataclasses.dataclass(frozen=True, eq=False)
class DescriptionLengthConfig:
    """The setting of the figure of description lengths; the defaults are those of Figure 2.

    Attributes:
        d: Number of weights; if not given, 50 or as many as a file of true weights has.
        n: Number of training samples, above d + 1.
        noise_variance: Variance of the noise in the outputs.
        w_star: True weights: "two-level" (+1 and -1 in turn), "gaussian", "sparse" (a fifth +-1), or a .npy
            file.
        scales: What the true weights are multiplied by, a panel each.
        posterior_scale: Standard deviation within which the data fix the one weight of panel (a), whose
            prior has standard deviation 1.
        num_trials: Monte Carlo trials.
        target_sem: Go on until no risk has a standard error above this; then --trials are the fewest.
        max_trials: Most trials at each scale of a run with --target-sem.
        max_clusters: Largest number K of clusters; every K from 1 on is run.
        seed: Seed of every random draw.
    """

    d: int | None = None
    n: int = 80
    noise_variance: float = 1.0
    w_star: WeightsOption = "two-level"
    scales: tuple[float, ...] = (1.0, 0.25)
    posterior_scale: float = 0.1
    num_trials: NumTrials = 1000
    target_sem: float | None = None
    max_trials: int = MAX_TRIALS
    max_clusters: int = 8
    seed: int = 0

    def check(self) -> None:
        """Raise ``ValueError``, in words, for a setting without a figure."""
        check_trials(self.num_trials, self.target_sem, self.max_trials)
        _checks.seed(self.seed)
        if not self.scales:
            raise ValueError("scales must be at least one number, got none")
        for scale in self.scales:
            _checks.positive_number("scales", scale)
        if not _checks.positive_number("posterior_scale", self.posterior_scale) < 1:
            raise ValueError(
                f"posterior_scale must be below 1, that of the prior, got {self.posterior_scale:g}"
            )
        for model in self.models():
            if model.d < SMALLEST_D:
                raise ValueError(f"d must be at least {SMALLEST_D}, got {model.d}")
            if _checks.integer("max_clusters", self.max_clusters, 2) > model.d:
                raise ValueError(f"max_clusters must be at most d = {model.d}, got {self.max_clusters}")
            model.require_finite_risk("the figure of description lengths")
            if model.noise_variance < LEAST_NOISE:
                raise ValueError(
                    f"noise_variance must be at least {LEAST_NOISE:g}: without noise W = w*, "
                    f"got {model.noise_variance:g}"
                )
            if not np.any(model.w_star):
                raise ValueError("w_star must not be all zero: no prior has that as its scale")
            try:
                require_ordinary_weights(model.w_star)
            except ValueError as error:
                raise ValueError(f"w_star times scales: {error}") from None

    def models(self) -> tuple[GaussianLinearModel, ...]:
        """The linear model at every scale of its true weights."""
        one = linear_model(self.w_star, "identity", self.d, self.n, self.noise_variance, self.seed)
        return tuple(
            GaussianLinearModel(one.n, scale * one.w_star, one.noise_variance) for scale in self.scales
        )

"""The setting of the comparison of all codes; it needs neither JAX nor SciPy for its options."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

from ratedist import _checks
from ratedist.experiments.model_options import (
    DEFAULT_D,
    NAMED_WEIGHTS,
    NumTrials,
    WeightsOption,
    linear_model,
    matrix_weights,
    require_ordinary_weights,
)
from ratedist.linear_model.multi_output_weights import planted_rank_weights

if TYPE_CHECKING:
    from ratedist.linear_model.base import LinearModel

LOW_RANK = "low-rank"
# Of the planted matrix, where nothing else is said.
DEFAULT_SHAPE, DEFAULT_RANK = (6, 12), 2
# Samples for each weight of an output: 80 for 50.
SAMPLES_PER_WEIGHT = 1.6
# A vector that is quantised to so many values, and drawn as a curve.
SMALLEST_D = 8
# Below, and above its inverse, ratios of variances leave the range of floating-point numbers.
LEAST_NOISE = 1e-100
# The tables of optimal K-means of more weights take minutes.
MOST_WEIGHTS = 256


@dataclasses.dataclass(frozen=True, eq=False)
class CompareConfig:
    """All codes for one fitted model on one axis of bits; the defaults are those of Figure 2.

    Attributes:
        w_star: True weights: "two-level" (+1 and -1 in turn), "gaussian", "sparse" (a fifth +-1), "low-rank"
            (a matrix), or a .npy file of one or two dimensions.
        d: Number of weights, of a matrix its columns; if not given, 50, 12 for "low-rank", or as a file has.
        o: Number of outputs for "low-rank", the rows of the matrix; 6 if not given.
        rank: Rank of the true weights for "low-rank"; 2 if not given.
        n: Number of training samples, above d + 1; if not given, 1.6 for each weight of an output.
        noise_variance: Variance of the noise in the outputs.
        rates: Rates in bits a weight at which a winner is named.
        num_trials: Monte Carlo trials.
        seed: Seed of every random draw.
    """

    w_star: WeightsOption = "two-level"
    d: int | None = None
    o: int | None = None
    rank: int | None = None
    n: int | None = None
    noise_variance: float = 1.0
    rates: tuple[float, ...] = (0.5, 1.0, 2.0)
    num_trials: NumTrials = 10_000
    seed: int = 0

    def check(self) -> None:
        """Raise ``ValueError``, in words, for a setting without a figure."""
        _checks.integer("num_trials", self.num_trials, 2)
        _checks.seed(self.seed)
        if not self.rates:
            raise ValueError("rates must be at least one number, got none")
        for rate in self.rates:
            _checks.positive_number("rates", rate)
        model = self.model()
        if not SMALLEST_D <= model.num_weights <= MOST_WEIGHTS:
            raise ValueError(
                f"w_star must have from {SMALLEST_D} to {MOST_WEIGHTS} weights, got {model.num_weights}"
            )
        model.require_finite_risk("the comparison")
        if self.noise_variance < LEAST_NOISE:
            raise ValueError(
                f"noise_variance must be at least {LEAST_NOISE:g}: without noise W = w*, "
                f"got {self.noise_variance:g}"
            )
        if self.noise_variance > 1 / LEAST_NOISE:
            raise ValueError(
                f"noise_variance must be at most {1 / LEAST_NOISE:g}, got {self.noise_variance:g}"
            )
        if not np.any(model.w_star):
            raise ValueError("w_star must not be all zero: no prior has that as its scale")
        require_ordinary_weights(model.w_star)

    @property
    def planted(self) -> bool:
        """Whether the true weights are the matrix of low rank."""
        return isinstance(self.w_star, str) and self.w_star == LOW_RANK

    def model(self) -> LinearModel:
        """The linear model of this configuration, of several outputs where the true weights are a matrix."""
        if not self.planted and (self.o, self.rank) != (None, None):
            raise ValueError(f'o and rank are for w_star "{LOW_RANK}", got o = {self.o}, rank = {self.rank}')
        W_star = self._planted_weights() if self.planted else matrix_weights(self.w_star)
        if W_star is None:
            self._require_known_name()
            n = self._num_samples(self.d or DEFAULT_D)
            return linear_model(self.w_star, "identity", self.d, n, self.noise_variance, self.seed)
        if self.d not in (None, W_star.shape[1]):
            raise ValueError(f"w_star has {W_star.shape[1]} columns, got d = {self.d}: leave d out")
        from ratedist.linear_model.multi_output import MultiOutputLinearModel

        noise = _checks.number("noise_variance", self.noise_variance, high=1 / LEAST_NOISE)
        return MultiOutputLinearModel(self._num_samples(W_star.shape[1]), W_star, noise)

    def _require_known_name(self) -> None:
        name, known = self.w_star, (*NAMED_WEIGHTS, LOW_RANK)
        if isinstance(name, str) and name not in known and not name.endswith(".npy"):
            raise ValueError(f"w_star must be one of {', '.join(known)} or a .npy file, got {name!r}")

    def _num_samples(self, d: int) -> int:
        return max(math.ceil(SAMPLES_PER_WEIGHT * d), d + 4) if self.n is None else self.n

    def _planted_weights(self) -> np.ndarray:
        o, d = (
            default if given is None else _checks.integer(name, given, 1)
            for name, given, default in zip("od", (self.o, self.d), DEFAULT_SHAPE, strict=True)
        )
        _checks.fits_in_memory(f"weights of {o} outputs and d = {d}", 8 * o * d)
        rank = min(DEFAULT_RANK, o, d) if self.rank is None else self.rank
        return planted_rank_weights(o, d, rank, seed=self.seed)

"""The setting of the figure of low rank; it needs neither JAX nor SciPy, so options are shown at once."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from ratedist import _checks
from ratedist.experiments.model_options import (
    NumTrials,
    WeightsOption,
    matrix_weights,
    require_ordinary_weights,
)
from ratedist.linear_model.model import ar1_covariance
from ratedist.linear_model.multi_output_weights import planted_rank_weights

if TYPE_CHECKING:
    from ratedist.linear_model.multi_output import MultiOutputLinearModel

ExampleName = Literal["unequal-noise", "correlated-inputs"]
PLANTED = "planted"
# Of the planted matrices of both examples.
RANK = 3
UNEQUAL_NOISE_SEED, CORRELATED_INPUTS_SEED = 460, 18
# Below, precisions of the noise leave the range of floating-point numbers.
LEAST_NOISE = 1e-100
# Above, rounding of what is projected is no longer far below the noise.
MOST_SIGNAL = 1e10
# Numbers of a batch of trials, for each weight and each pair of inputs.
NUMBERS_PER_WEIGHT = 5000


@dataclasses.dataclass(frozen=True)
class Example:
    """Sizes, inputs and noise of one of the two examples."""

    o: int
    d: int
    n: int
    correlation: float
    noise: tuple[float, float]
    scale: float
    seed: int
    per_output: bool


EXAMPLES: dict[str, Example] = {
    "unequal-noise": Example(20, 50, 80, 0.7, (0.2, 4.0), 0.167, UNEQUAL_NOISE_SEED, False),
    "correlated-inputs": Example(30, 50, 80, 0.9, (1.0, 1.0), 0.3, CORRELATED_INPUTS_SEED, True),
}


@dataclasses.dataclass(frozen=True, eq=False)
class LowRankConfig:
    """Projections of a fitted matrix on every rank; what is not given is as in the example.

    Attributes:
        example: "unequal-noise" (20 outputs, correlation 0.7) or "correlated-inputs" (30 outputs, 0.9).
        w_star: True weights: "planted", a random matrix of the given rank, or a .npy file of two dimensions.
        o: Number of outputs, the rows of the matrix.
        d: Number of inputs, its columns.
        n: Number of training samples, above d + 1.
        rank: Rank of the planted matrix; 3 if not given.
        scale: Standard deviation of an entry of the planted matrix.
        correlation: Correlation of neighbouring inputs.
        noise: Variances of the noise in the first and in the last output; those between lie in equal steps.
        num_trials: Monte Carlo trials.
        seed: Seed of the planted matrix, and of every random draw.
    """

    example: ExampleName = "unequal-noise"
    w_star: WeightsOption = PLANTED
    o: int | None = None
    d: int | None = None
    n: int | None = None
    rank: int | None = None
    scale: float | None = None
    correlation: float | None = None
    noise: tuple[float, float] | None = None
    num_trials: NumTrials = 2000
    seed: int | None = None

    def check(self) -> None:
        """Raise ``ValueError``, in words, for a setting without a figure."""
        _checks.one_of("example", self.example, get_args(ExampleName))
        _checks.integer("num_trials", self.num_trials, 2)
        model = self.model()
        if model.num_inputs < 2:
            raise ValueError(f"d must be at least 2 for ranks to choose from, got {model.num_inputs}")
        model.require_finite_risk("the figure of low rank")
        with np.errstate(over="ignore", invalid="ignore"):
            ratio = np.sqrt(float(model.squared_norm(model.w_star)) / model.bayes_risk)
        if not ratio <= MOST_SIGNAL:
            raise ValueError(
                f"w_star must be at most {MOST_SIGNAL:g} times the noise for double precision to project, "
                f"got {ratio:.3g} times"
            )
        if not np.any(model.w_star):
            raise ValueError("w_star must not be all zero: rank 0 is the truth then")
        require_ordinary_weights(model.w_star)

    @property
    def planted(self) -> bool:
        """Whether the true weights are drawn, and not those of a file."""
        return isinstance(self.w_star, str) and self.w_star == PLANTED

    @property
    def chosen_seed(self) -> int:
        """The seed, which the example has if none is given."""
        return _checks.seed(EXAMPLES[self.example].seed if self.seed is None else self.seed)

    def model(self) -> MultiOutputLinearModel:
        """The linear model of this configuration; its loss is weighted by the noise's precision.

        That of "correlated-inputs" is a mean over outputs, that of "unequal-noise" a sum.
        """
        from ratedist.linear_model.multi_output import MultiOutputLinearModel

        base = EXAMPLES[self.example]
        W_star = self._planted_weights(base) if self.planted else self._given_weights()
        o, d = W_star.shape
        first, last = (
            _checks.number("noise", one, high=np.finfo(np.float64).max)
            for one in (base.noise if self.noise is None else self.noise)
        )
        if min(first, last) < LEAST_NOISE:
            raise ValueError(f"noise must be at least {LEAST_NOISE:g}, got {min(first, last):g}")
        noise = np.linspace(first, last, o)
        return MultiOutputLinearModel(
            base.n if self.n is None else self.n,
            W_star,
            noise,
            ar1_covariance(d, base.correlation if self.correlation is None else self.correlation),
            1 / noise / (o if base.per_output else 1),
        )

    def _planted_weights(self, base: Example) -> np.ndarray:
        o, d = (
            default if given is None else _checks.integer(name, given, 1)
            for name, given, default in (("o", self.o, base.o), ("d", self.d, base.d))
        )
        _checks.fits_in_memory(f"a batch of trials at o = {o}, d = {d}", NUMBERS_PER_WEIGHT * d * (o + d))
        rank = min(RANK, o, d) if self.rank is None else _checks.integer("rank", self.rank, 1)
        scale = base.scale if self.scale is None else self.scale
        return planted_rank_weights(o, d, rank, scale, seed=self.chosen_seed)

    def _given_weights(self) -> np.ndarray:
        for name in ("rank", "scale"):
            if getattr(self, name) is not None:
                raise ValueError(f'{name} is for w_star "{PLANTED}", got {getattr(self, name)}')
        if isinstance(self.w_star, str) and not self.w_star.endswith(".npy"):
            raise ValueError(f'w_star must be "{PLANTED}" or a .npy file, got {self.w_star!r}')
        weights = matrix_weights(self.w_star)
        if weights is None:
            raise ValueError("w_star must be a matrix of two dimensions for a rank, got one of another shape")
        for name, given, size in zip("od", (self.o, self.d), weights.shape, strict=True):
            if given not in (None, size):
                raise ValueError(f"w_star has shape {weights.shape}, got {name} = {given}: leave it out")
        return weights

"""The evidence that claims are judged by, computed when first asked for and shared by all of them."""

from __future__ import annotations

import dataclasses
import functools
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ratedist import _checks
from ratedist.estimate import Estimate
from ratedist.linear_model.model import GaussianLinearModel, ar1_covariance
from ratedist.linear_model.weights import gaussian_weights, two_level_weights
from ratedist.theory.exact import curves

if TYPE_CHECKING:
    from ratedist.linear_model.quantities import SamplerName
    from ratedist.simulation.results import SimulationResult

DEFAULT_TRIALS = 10_000
DEFAULT_TABLES = Path("figures")
MIN_TRIALS = 10
# The oracles simulated, by α.
ALPHAS = (1.0, 0.75, 0.5, 0.25, 0.1, 0.02)
MAX_CLUSTERS = 16
# Hessian-weighted K-means at twice the K that suits w* = ±1, by its prices on the diameter.
DIAMETER_PENALTIES = (0.0, 0.3, 1.0)
CODEBOOK = (-1.0, 1.0)
# Of rounding with and without feedback, whose numbers were printed.
PRINTED_STEP = 0.15
# Rounding with feedback and sixteen paths at low rate: three words for 0 and ±STEP.
WORD_NATS = (2.36, 0.21, 2.36)
# λ from just above the critical slope of the model of Figure 2 to where the asymptote is near.
SLOPES = (101.0, 120.0, 200.0, 400.0, 1000.0, 4000.0)


@dataclasses.dataclass(frozen=True, eq=False)
class DataSets:
    """Many data sets of one model, drawn and fitted in NumPy with no identity from this package.

    Attributes:
        weights: the ERM solutions W, shape ``(trials, d)``.
        gram: A = XXᵀ, shape ``(trials, d, d)``.
        product: XY, shape ``(trials, d)``.
        outputs_squared: ‖Y‖², shape ``(trials,)``.
        noise_squared: ‖ε‖², shape ``(trials,)``.
        noise_product: Xε, shape ``(trials, d)``.
    """

    weights: np.ndarray
    gram: np.ndarray
    product: np.ndarray
    outputs_squared: np.ndarray
    noise_squared: np.ndarray
    noise_product: np.ndarray


class Evidence:
    """Simulations and exact curves that several claims share.

    Args:
        num_trials: of every simulation, at least 10. Too few leave claims undecided.
        seed: of everything random.
        tables: folder with the tables of trained networks, ``mnist/networks.csv`` and
            ``cifar10/networks.csv``, as ``ratedist mnist`` and ``ratedist cifar10`` write them. Where they
            are missing the claims about networks are undecided.
        own_model: to check what holds for every model on, in place of ``correlated_model``.

    Raises:
        ValueError: ``num_trials`` below 10, a negative seed, a model without finite risks or too large.
    """

    def __init__(
        self,
        num_trials: int = DEFAULT_TRIALS,
        seed: int = 0,
        tables: str | Path = DEFAULT_TABLES,
        own_model: GaussianLinearModel | None = None,
    ) -> None:
        self.num_trials = _checks.integer("num_trials", num_trials, MIN_TRIALS)
        self.seed = _checks.seed(seed)
        self.tables = Path(tables)
        self._own_model = own_model
        self._exact_points: dict[tuple[int, int, float], curves.RateDistortionCurve] = {}
        if own_model is not None:
            own_model.require_finite_risk("a check of the closed forms")
            if own_model.n <= own_model.d + 3:
                raise ValueError(
                    f"a check by standard errors needs n > d + 3 = {own_model.d + 3}, got n = {own_model.n}: "
                    "below that the variance of one trial is infinite, and a verdict would be an accident"
                )
            _checks.fits_in_memory(
                f"{num_trials} data sets", 8 * num_trials * own_model.d * (own_model.n + own_model.d)
            )

    @functools.cached_property
    def model(self) -> GaussianLinearModel:
        """The setting of Figure 2: d = 50, n = 80, Σ = I, σ² = 1, w* = ±1 in turn."""
        return GaussianLinearModel(n=80, w_star=two_level_weights(50))

    @functools.cached_property
    def correlated_model(self) -> GaussianLinearModel:
        """The user's own, or one with nothing special about it: d = 6, n = 20, correlated inputs, σ² = ½."""
        if self._own_model is not None:
            return self._own_model
        return GaussianLinearModel(
            n=20, w_star=gaussian_weights(6, seed=0), noise_variance=0.5, covariance=ar1_covariance(6, 0.6)
        )

    @functools.cached_property
    def figure2(self) -> SimulationResult:
        """ERM, K-means of every K, oracles and a fixed codebook at the setting of Figure 2.

        Only W is drawn; risks are averaged over the data given W.
        """
        from ratedist.compressors import ERM, FixedCodebook, KMeans, Oracle

        compressors = {f"kmeans {K}": KMeans(K) for K in range(1, MAX_CLUSTERS + 1)}
        compressors |= {f"oracle {alpha}": Oracle(alpha=alpha) for alpha in ALPHAS}
        compressors |= {"erm": ERM(), "codebook": FixedCodebook(CODEBOOK)}
        return self._simulate(self.model, compressors, "erm")

    @functools.cached_property
    def data_sets(self) -> SimulationResult:
        """The same from whole data sets, whose residuals give the risks: the slow way, with no identity."""
        from ratedist.compressors import ERM, FixedCodebook, KMeans, Oracle

        compressors = {f"oracle {alpha}": Oracle(alpha=alpha) for alpha in (1.0, 0.5, 0.1)}
        compressors |= {"erm": ERM(), "kmeans 2": KMeans(2), "codebook": FixedCodebook(CODEBOOK)}
        return self._simulate(self.model, compressors, "dataset")

    @functools.cached_property
    def hessian_weighted(self) -> SimulationResult:
        """Diameter-regularised Hessian-weighted K-means, optimal, at the setting of Figure 2."""
        from ratedist.compressors import HessianWeightedKMeans

        compressors = {f"K = 4, β = {beta:g}": HessianWeightedKMeans(4, beta) for beta in DIAMETER_PENALTIES}
        return self._simulate(self.model, compressors, "statistics")

    @functools.cached_property
    def rounding(self) -> SimulationResult:
        """Rounding of W − w* at the setting of Figure 2: plain, with feedback, and the best of 16 paths.

        A tenth of the trials: paths take time, and what is claimed of them is far from its limit.
        """
        from ratedist.compressors import CenteredRounding, FeedbackRounding

        compressors = {
            "plain": CenteredRounding(PRINTED_STEP),
            "feedback": FeedbackRounding(PRINTED_STEP),
            "paths": FeedbackRounding(0.3, multiplier=0.008, num_paths=16, code_lengths=WORD_NATS),
        }
        return self._simulate(self.model, compressors, "statistics", max(self.num_trials // 10, 2))

    @functools.cached_property
    def correlated(self) -> dict[str, SimulationResult]:
        """The small correlated model by each of the three samplers, independently."""
        from ratedist.compressors import ERM, FixedCodebook, Oracle

        compressors = {"erm": ERM(), "codebook": FixedCodebook(CODEBOOK)}
        results = {
            sampler: self._simulate(self.correlated_model, compressors, sampler)
            for sampler in ("erm", "statistics")
        }
        # The closed forms of the oracle are held against the data sets only.
        compressors = compressors | {"oracle 0.5": Oracle(alpha=0.5)}
        return results | {"dataset": self._simulate(self.correlated_model, compressors, "dataset")}

    @functools.cached_property
    def exact_curve(self) -> curves.RateDistortionCurve:
        """The exact R(D) at the setting of Figure 2, at ``SLOPES``."""
        return curves.rate_distortion(self.model, SLOPES)

    def exact_point(self, model: GaussianLinearModel, distortion: float) -> curves.RateDistortionCurve:
        """The exact R(D) where Σ = I and σ² = 1: true weights do not matter, and claims share points."""
        setting = model.d, model.n, distortion
        if setting not in self._exact_points:
            self._exact_points[setting] = curves.rate_at_distortion(model, distortion)
        return self._exact_points[setting]

    @functools.cached_property
    def numpy_data_sets(self) -> DataSets:
        """Data sets of the small correlated model, independent of the package's samplers."""
        return draw_data_sets(self.correlated_model, self.num_trials, self.generator("data sets"))

    def generator(self, name: str) -> np.random.Generator:
        """A stream of its own for everything that bears a name."""
        return np.random.default_rng([self.seed, zlib.crc32(name.encode())])

    def _simulate(
        self,
        model: GaussianLinearModel,
        compressors: dict,
        sampler: SamplerName,
        num_trials: int | None = None,
    ) -> SimulationResult:
        import jax

        from ratedist.simulation.runner import simulate

        # The samplers draw from streams of their own, so that their results are independent.
        key = jax.random.fold_in(jax.random.key(self.seed), zlib.crc32(sampler.encode()))
        return simulate(model, compressors, num_trials or self.num_trials, key, sampler)


def draw_data_sets(model: GaussianLinearModel, num_trials: int, generator: np.random.Generator) -> DataSets:
    """Draw X and ε of every trial, and solve for W by a general linear solver."""
    sigma = np.asarray(model.covariance)
    root = np.linalg.cholesky(sigma if sigma.ndim == 2 else np.diag(np.broadcast_to(sigma, model.d)))
    inputs = generator.standard_normal((num_trials, model.n, model.d)) @ root.T
    noise = model.noise_variance**0.5 * generator.standard_normal((num_trials, model.n))
    outputs = inputs @ model.w_star + noise
    gram = np.swapaxes(inputs, 1, 2) @ inputs
    product = np.einsum("tni,tn->ti", inputs, outputs)
    return DataSets(
        np.linalg.solve(gram, product[..., None])[..., 0],
        gram,
        product,
        np.sum(outputs**2, axis=1),
        np.sum(noise**2, axis=1),
        np.einsum("tni,tn->ti", inputs, noise),
    )


@dataclasses.dataclass(frozen=True)
class SampleMean(Estimate):
    """A mean whose trials were at hand, so that their skewness is known."""

    skewness: float = 0.0


def sample_mean(values: np.ndarray) -> SampleMean:
    """Mean of independent values, shape ``(trials,)``, with its standard error and their skewness."""
    centred = values - values.mean()
    spread = float(values.std(ddof=1))
    cubed = float(np.mean(centred**3))
    return SampleMean(
        float(values.mean()),
        spread / float(np.sqrt(values.size)),
        values.size,
        skewness=cubed / spread**3 if spread > 0 else 0.0,
    )

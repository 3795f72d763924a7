r"""The evidence of ridge regression: the penalty from the data, without a test set and without knowing w*.

If w* is drawn from N(0, τ²I) and λ = σ²/τ², the outputs Y of a data set have, given its inputs X, the density

    ln p(Y | X) = −½[n ln 2πσ² + ln det(I + A/λ) + (‖Y‖² − YᵀXᵀ(A + λI)⁻¹XY)/σ²],

which is the code length of the labels, in nats and up to their precision, once w* is integrated out. Its
maximum over λ is the evidence's penalty (empirical Bayes, MacKay 1992).
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from ratedist import _checks
from ratedist.linear_model.model import GaussianLinearModel, require_signal
from ratedist.theory.numerics import LARGEST_COUNT
from ratedist.theory.ridge import Spectrum, checked_penalty

# ln λ is searched this far below the smallest eigenvalue of A that is not 0, and above the largest.
SEARCH_MARGIN = math.log(1e10)
STEPS_PER_UNIT = 8
# Eigenvalues below this share of the largest are 0 but for rounding.
NO_EIGENVALUE = 1e-13
# A residual below this share of ‖Y‖² is rounding.
NO_RESIDUAL = 1e-12


@dataclasses.dataclass(frozen=True)
class RidgeEvidence:
    """The penalty under which a data set is most probable.

    Attributes:
        penalty: λ on the scale of A = XXᵀ; infinite where τ² = 0 is best.
        noise_variance: σ², as given or as found.
        prior_variance: τ² = σ²/λ.
        log_evidence: ``ln p(Y | X)`` there, in nats.
    """

    penalty: float
    noise_variance: float
    prior_variance: float
    log_evidence: float


def ridge_log_evidence(
    gram: ArrayLike,
    input_label_product: ArrayLike,
    squared_labels: float,
    num_samples: int,
    penalty: float,
    noise_variance: float,
) -> float:
    """``ln p(Y | X)`` in nats of one data set, w* ~ N(0, (σ²/λ)I) integrated out.

    Args:
        gram: A = XXᵀ of the data's inputs, shape ``(d, d)``.
        input_label_product: XY, the inputs times the labels, shape ``(d,)``.
        squared_labels: ``‖Y‖²``.
        num_samples: n ≥ 1.
        penalty: λ > 0, which makes the prior's variance σ²/λ; ``inf`` for w* = 0.
        noise_variance: σ² > 0.

    Raises:
        ValueError: shapes that disagree, numbers out of range, a ‖Y‖² below what W explains.

    Source: MacKay, Neural Computation 4 (1992) 415–447; docs/description-length.md.

    Example:
        >>> import ratedist as rd
        >>> gram, product = [[10.0, 0.0], [0.0, 5.0]], [10.0, -5.0]
        >>> evidence = rd.theory.ridge_log_evidence(gram, product, 20.0, 10, penalty=1.0, noise_variance=0.5)
        >>> round(evidence, 3)
        -14.561
    """
    data = _Data.of(gram, input_label_product, squared_labels, num_samples)
    lam = _checks.number("penalty", penalty, open_low=True)
    return data.log_evidence(lam, _checks.positive_number("noise_variance", noise_variance))


def ridge_evidence_penalty(
    gram: ArrayLike,
    input_label_product: ArrayLike,
    squared_labels: float,
    num_samples: int,
    noise_variance: float | None = None,
) -> RidgeEvidence:
    """The penalty λ of largest evidence ``ln p(Y | X)`` for one data set; also σ² if it is not given.

    Args:
        gram: A = XXᵀ of the data's inputs, shape ``(d, d)``.
        input_label_product: XY, the inputs times the labels, shape ``(d,)``.
        squared_labels: ``‖Y‖²``.
        num_samples: n ≥ 1; above the rank of A where σ² is not given.
        noise_variance: σ² > 0 if it is known; by default the one of largest evidence at each λ,
            ``(‖Y‖² − YᵀXᵀ(A + λI)⁻¹XY)/n``.

    Returns:
        :class:`RidgeEvidence`: the largest of the values on a grid of ln λ, with eight points a unit,
        refined; or λ = ∞, where that is larger still.

    Raises:
        ValueError: shapes that disagree, numbers out of range, a ‖Y‖² below what W explains; without a
            ``noise_variance`` also n at most the rank of A, or labels fitted exactly: nothing tells σ² then.

    Source: MacKay, Neural Computation 4 (1992) 415–447; docs/description-length.md.

    Example:
        >>> import ratedist as rd
        >>> gram, product = [[10.0, 0.0], [0.0, 5.0]], [10.0, -5.0]
        >>> found = rd.theory.ridge_evidence_penalty(gram, product, 20.0, 10, noise_variance=0.5)
        >>> round(found.penalty, 3), round(found.prior_variance, 3)
        (0.54, 0.926)
    """
    data = _Data.of(gram, input_label_product, squared_labels, num_samples)
    known = None if noise_variance is None else _checks.positive_number("noise_variance", noise_variance)
    if known is None:
        data.require_residual()
    if data.eigenvalues.size == 0:
        noise = data.noise(math.inf) if known is None else known
        return RidgeEvidence(math.inf, noise, 0.0, data.log_evidence(math.inf, noise))

    def value(log_penalty: float) -> float:
        lam = math.exp(log_penalty)
        return data.log_evidence(lam, data.noise(lam) if known is None else known)

    low = math.log(data.eigenvalues.min()) - SEARCH_MARGIN
    high = math.log(data.eigenvalues.max()) + SEARCH_MARGIN
    grid = np.linspace(low, high, int(np.ceil((high - low) * STEPS_PER_UNIT)) + 1)
    values = [value(x) for x in grid]
    best = int(np.argmax(values))
    interval = (grid[max(best - 1, 0)], grid[min(best + 1, grid.size - 1)])
    refined: Any = minimize_scalar(
        lambda x: -value(x), bounds=interval, method="bounded", options={"xatol": 1e-9}
    )
    lam = math.exp(refined.x)
    noises = {one: data.noise(one) if known is None else known for one in (lam, math.inf)}
    found = max(noises, key=lambda one: data.log_evidence(one, noises[one]))
    return RidgeEvidence(found, noises[found], noises[found] / found, data.log_evidence(found, noises[found]))


def ridge_expected_log_evidence(
    model: GaussianLinearModel, penalty: ArrayLike, num_samples: int | None = None
) -> np.ndarray:
    """``E ln p(Y | X)`` in nats over data sets of the model, σ² known, exactly, for Σ a multiple of I.

    Its derivative by λ is ``−½ E Σ_i a²(λ‖w*‖²/d − σ²)/(λσ²(a + λ)²)``. So it is largest where the population
    risk is least, at :func:`ridge_best_penalty`, although w* is fixed and not drawn from the prior.

    Args:
        model: the linear model, min(n, d) ≤ 5000, σ² > 0; its covariance one number.
        penalty: λ > 0 on the scale of A = XXᵀ, any shape.
        num_samples: n in place of the model's own. It may be below d.

    Raises:
        ValueError: a covariance that is no multiple of the identity, σ² = 0, λ ≤ 0 or not finite, n < 1.

    Source: docs/description-length.md.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> rd.theory.ridge_expected_log_evidence(model, [0.5, 1.0, 2.0]).round(3)
        array([-217.989, -213.358, -220.323])
    """
    require_signal(model)
    lam, noise = checked_penalty(penalty), model.noise_variance
    if np.any(lam == 0):
        raise ValueError("penalty must be above 0, got 0: the prior would be infinitely wide")
    if noise == 0:
        raise ValueError("the model must have noise for its labels to have a density, got noise_variance 0")
    spectrum = Spectrum.of(model, num_samples)
    a, shift = spectrum.eigenvalues, lam[..., None]
    kept = a / (a + shift)
    quadratic = noise * spectrum.num_samples + (kept * (shift * spectrum.signal - noise)) @ spectrum.weights
    log_determinant = np.log1p(a / shift) @ spectrum.weights
    constant = spectrum.num_samples * math.log(2 * math.pi * noise)
    return -(constant + log_determinant + quadratic / noise) / 2


@dataclasses.dataclass(frozen=True, eq=False)
class _Data:
    """A data set in the basis of A's eigenvectors, those of eigenvalue 0 left out."""

    eigenvalues: np.ndarray
    squared_products: np.ndarray
    squared_labels: float
    num_samples: int

    @classmethod
    def of(cls, gram: ArrayLike, product: ArrayLike, squared_labels: float, num_samples: int) -> _Data:
        A, b = _checks.real_array("gram", gram), _checks.real_array("input_label_product", product)
        if b.ndim != 1 or b.size == 0 or A.shape != (b.size, b.size):
            raise ValueError(
                f"gram and input_label_product must have shapes (d, d) and (d,), got {A.shape} and {b.shape}"
            )
        squared = _checks.number("squared_labels", squared_labels, high=np.finfo(np.float64).max)
        n = _checks.integer("num_samples", num_samples, 1, LARGEST_COUNT)
        values, vectors = np.linalg.eigh(A)
        kept = values > NO_EIGENVALUE * max(float(np.max(np.abs(values))), np.finfo(np.float64).tiny)
        if np.min(values) < -1e-9 * np.max(np.abs(values)):
            raise ValueError(f"gram must have no negative eigenvalue, got {np.min(values):g}")
        data = cls(values[kept], (vectors.T @ b)[kept] ** 2, squared, n)
        least = data.explained(0.0)
        if least > squared * (1 + 1e-9):
            raise ValueError(
                f"squared_labels must be at least what the fit explains, {least:g}, got {squared:g}"
            )
        return data

    def require_residual(self) -> None:
        rank = self.eigenvalues.size
        if self.num_samples <= rank:
            raise ValueError(
                f"num_samples must be above the rank {rank} of gram where noise_variance is not given, "
                f"got {self.num_samples}"
            )
        if self.squared_labels - self.explained(0.0) <= NO_RESIDUAL * self.squared_labels:
            raise ValueError("noise_variance must be given where squared_labels leaves no residual, got None")

    def explained(self, penalty: float) -> float:
        """``YᵀXᵀ(A + λI)⁻¹XY``."""
        return float(np.sum(self.squared_products / (self.eigenvalues + penalty)))

    def noise(self, penalty: float) -> float:
        """σ² of largest evidence at this λ."""
        return (self.squared_labels - self.explained(penalty)) / self.num_samples

    def log_evidence(self, penalty: float, noise: float) -> float:
        determinant = float(np.sum(np.log1p(self.eigenvalues / penalty)))
        quadratic = (self.squared_labels - self.explained(penalty)) / noise
        return -(self.num_samples * math.log(2 * math.pi * noise) + determinant + quadratic) / 2

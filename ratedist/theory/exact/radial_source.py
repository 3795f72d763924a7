r"""Law of the source radius in the exact rate–distortion problem, and its exact cell averages.

``U = Σ^{1/2}(W − w*)/σ`` is multivariate t with ν = n − d + 1 degrees of freedom and scale I/ν, whatever Σ,
w* and σ² are. Its radius is written ``‖U‖ = sinh x``, linear near 0 and logarithmic in the tail; with
``sinφ = tanh x`` and ``cosφ = 1/cosh x`` the averaged distortion is affine in (sin²φ, sinφ cosφ), so that its
mean over a cell of radii keeps its form. Derived in docs/exact-rate-distortion.md, section 1.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import special

from ratedist.theory.exact.log_gamma import log_beta


@dataclasses.dataclass(frozen=True)
class RadialSource:
    """Law of ``x = arcsinh ‖U‖``, density ``∝ tanh^{d−1}x · cosh^{−ν}x``; ``tanh²x ~ Beta(d/2, ν/2)``."""

    d: int
    n: int

    @property
    def degrees_of_freedom(self) -> int:
        """ν = n − d + 1."""
        return self.n - self.d + 1

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Log density of x > 0; concave in x."""
        d, nu = self.d, self.degrees_of_freedom
        # ν may be large where x is small, and multiplies what rounding leaves of ln cosh x.
        log_cosh = np.where(
            x < 1, np.log1p(np.sinh(np.minimum(x, 1)) ** 2) / 2, np.logaddexp(x, -x) - np.log(2)
        )
        log_tanh = np.log(np.tanh(x)) if d > 1 else 0.0
        return np.log(2) - log_beta(d / 2, nu / 2) + (d - 1) * log_tanh - nu * log_cosh

    def log_density_slope(self, x: np.ndarray) -> np.ndarray:
        """Derivative of ``log_density``: decreasing, +∞ at 0 when d > 1."""
        tanh = np.tanh(x)
        # 1/(sinh x cosh x) = (1 − tanh²x)/tanh x; sech²x is written so that it survives a large x.
        sech_squared = (2 * np.exp(-x) / (1 + np.exp(-2 * x))) ** 2
        rise = sech_squared / np.maximum(tanh, 1e-300)
        return (self.d - 1) * (rise if self.d > 1 else 0.0) - self.degrees_of_freedom * tanh

    def quantiles(self, tail_probability: float) -> tuple[float, float]:
        """``(x_low, x_high)``, each cutting off ``tail_probability``."""
        a, b = self.d / 2, self.degrees_of_freedom / 2
        low = np.arctanh(np.sqrt(special.betaincinv(a, b, tail_probability)))
        cosine_squared = special.betaincinv(b, a, tail_probability)
        if cosine_squared < 0.5:
            return float(low), float(np.arccosh(1 / np.sqrt(cosine_squared)))
        return float(low), float(np.arctanh(np.sqrt(special.betainccinv(a, b, tail_probability))))

    def cell_probabilities(self, edges: np.ndarray) -> np.ndarray:
        """Exact probabilities of the cells between ``edges``, shape ``(m + 1,)``; the last may be ∞."""
        return _beta_differences(self.d / 2, self.degrees_of_freedom / 2, edges)

    def tails(self, low: float, high: float) -> tuple[float, float]:
        """Probabilities of x < ``low`` and of x > ``high``."""
        below, above = _beta_probabilities(
            self.d / 2, self.degrees_of_freedom / 2, np.array([low, high], np.float64)
        )
        return float(below[0]), float(above[1])

    def cells(self, edges: np.ndarray) -> RadialCells:
        """Exact probabilities and mean coefficients of cells between ``edges``, by incomplete beta functions.

        Cells too improbable for float64 are dropped.
        """
        a, b = self.d / 2, self.degrees_of_freedom / 2
        probability = self.cell_probabilities(edges)
        kept = probability > 0
        half_product = _half_step(a) * _half_step(b) / (a + b)  # B(a + ½, b + ½)/B(a, b)
        means = (
            a / (a + b) * _beta_differences(a + 1, b, edges),
            b / (a + b) * _beta_differences(a, b + 1, edges),
            half_product * _beta_differences(a + 0.5, b + 0.5, edges),
        )
        return RadialCells(probability[kept], *(mean[kept] / probability[kept] for mean in means))


@dataclasses.dataclass(frozen=True, eq=False)
class RadialCells:
    """Source letters: probability and (mean) sin²φ, cos²φ, sinφ cosφ of each, shape ``(m,)``."""

    probability: np.ndarray
    sine_squared: np.ndarray
    cosine_squared: np.ndarray
    sine_cosine: np.ndarray


def _beta_differences(a: float, b: float, edges: np.ndarray) -> np.ndarray:
    """Probabilities of ``tanh²x ~ Beta(a, b)`` between edges in x, from the side that loses fewer digits."""
    below, above = _beta_probabilities(a, b, edges)
    return np.where(below[:-1] < 0.5, np.diff(below), -np.diff(above))


def _beta_probabilities(a: float, b: float, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """P(tanh²X < tanh²x) and P(tanh²X > tanh²x) for ``tanh²X ~ Beta(a, b)``, small ones to full accuracy."""
    with np.errstate(over="ignore"):
        sine_squared, cosine_squared = np.tanh(x) ** 2, np.cosh(x) ** -2.0
    # Of the two that add up to 1 the smaller is the more accurate.
    near = sine_squared < 0.5
    below = np.where(near, special.betainc(a, b, sine_squared), special.betaincc(b, a, cosine_squared))
    above = np.where(near, special.betaincc(a, b, sine_squared), special.betainc(b, a, cosine_squared))
    return below, above


def _half_step(z: float) -> float:
    """``Γ(z + ½)/Γ(z)``, from z = 32 on by its expansion in 1/z: differences of ln Γ lose digits there."""
    if z < 32:
        return float(np.exp(special.gammaln(z + 0.5) - special.gammaln(z)))
    terms = [1, -1 / 8, 1 / 128, 5 / 1024, -21 / 32768, -399 / 262144, 869 / 4194304]
    return float(np.sqrt(z) * np.polynomial.polynomial.polyval(1 / z, terms))


def points(x: np.ndarray, probability: np.ndarray) -> RadialCells:
    """Letters at single radii ``sinh x``."""
    sine, cosine = np.tanh(x), 1 / np.cosh(x)
    return RadialCells(probability, sine**2, cosine**2, sine * cosine)

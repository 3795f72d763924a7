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

NEAR_END = 1 / 16  # of 0 and 1: there a square is taken from the end that it is near to


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
        return _beta_differences(self.d / 2, self.degrees_of_freedom / 2, _squares(edges))

    def tails(self, low: float, high: float) -> tuple[float, float]:
        """Probabilities of x < ``low`` and of x > ``high``."""
        squares = _squares(np.array([low, high], np.float64))
        below, above = _beta_tails(
            self.d / 2, self.degrees_of_freedom / 2, squares, np.array([True, False])
        ).tolist()
        return below, above

    def cells(self, edges: np.ndarray) -> RadialCells:
        """Exact probabilities and mean coefficients of cells between ``edges``, by incomplete beta functions.

        Cells too improbable for float64 are dropped.
        """
        a, b = self.d / 2, self.degrees_of_freedom / 2
        squares = _squares(edges)
        probability = _beta_differences(a, b, squares)
        half_product = _half_step(a) * _half_step(b) / (a + b)  # B(a + ½, b + ½)/B(a, b)
        # Of the means of sin²φ and cos²φ, which add up to 1, the smaller one is evaluated.
        turn = int(np.count_nonzero(squares.sine[:-1] < 0.5))
        sine = a / (a + b) * _beta_differences(a + 1, b, squares.part(0, turn))
        cosine = b / (a + b) * _beta_differences(a, b + 1, squares.part(turn, probability.size))
        means = (
            np.concatenate([sine, probability[turn:] - cosine]),
            np.concatenate([probability[:turn] - sine, cosine]),
            half_product * _beta_differences(a + 0.5, b + 0.5, squares),
        )
        kept = probability > 0
        return RadialCells(probability[kept], *(mean[kept] / probability[kept] for mean in means))


@dataclasses.dataclass(frozen=True, eq=False)
class Squares:
    """``tanh²x`` and ``1/cosh²x`` at edges x of cells, either to full accuracy, shape ``(m + 1,)``."""

    sine: np.ndarray
    cosine: np.ndarray

    def part(self, start: int, stop: int) -> Squares:
        """Those of the cells ``start`` to ``stop − 1``."""
        return Squares(self.sine[start : stop + 1], self.cosine[start : stop + 1])


@dataclasses.dataclass(frozen=True, eq=False)
class RadialCells:
    """Source letters: probability and (mean) sin²φ, cos²φ, sinφ cosφ of each, shape ``(m,)``."""

    probability: np.ndarray
    sine_squared: np.ndarray
    cosine_squared: np.ndarray
    sine_cosine: np.ndarray


def _squares(x: np.ndarray) -> Squares:
    with np.errstate(over="ignore"):
        return Squares(np.tanh(x) ** 2, np.cosh(x) ** -2.0)


def _beta_differences(a: float, b: float, squares: Squares) -> np.ndarray:
    """Probabilities of ``tanh²X ~ Beta(a, b)`` between edges, from tails that are small to full accuracy."""
    low = b * squares.sine < a * squares.cosine  # below the mean
    tail = _beta_tails(a, b, squares, low)
    rise = np.diff(tail)
    return np.where(low[1:], rise, np.where(low[:-1], 1 - tail[:-1] - tail[1:], -rise))


def _beta_tails(a: float, b: float, squares: Squares, low: np.ndarray) -> np.ndarray:
    """P(tanh²X < tanh²x) where ``low`` holds and P(tanh²X > tanh²x) elsewhere, ``tanh²X ~ Beta(a, b)``.

    SciPy's complement is ten times dearer than the function itself. It is taken only where the number the
    function would need, a square near 1, has lost digits of its distance from 1.
    """
    tail = np.empty(low.shape)
    for side, function, parameters, argument in (
        (low & (squares.cosine >= NEAR_END), special.betainc, (a, b), squares.sine),
        (low & (squares.cosine < NEAR_END), special.betaincc, (b, a), squares.cosine),
        (~low & (squares.sine >= NEAR_END), special.betainc, (b, a), squares.cosine),
        (~low & (squares.sine < NEAR_END), special.betaincc, (a, b), squares.sine),
    ):
        tail[side] = function(*parameters, argument[side])
    return tail


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

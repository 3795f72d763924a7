r"""The exact rate I(W; Ŵ) of the oracle's test channel by quadrature, and the channel of a given rate."""

from __future__ import annotations

import functools
from typing import overload

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import root_scalar
from scipy.special import gammaln, logsumexp

from ratedist import _checks
from ratedist.linear_model.model import GaussianLinearModel, require_model
from ratedist.theory.numerics import chi_square_quantiles, exp_remainder
from ratedist.theory.oracle import oracle_gaussian_rate

# Quadrature in the logarithm of a χ² variable. Its tails beyond this probability are dropped.
TAIL_PROBABILITY = 1e-18
# Nodes per standard deviation of the narrowest factor: the trapezoidal rule converges geometrically, and
# at two the rates at d = 50, n = 80 already agree with those at twelve to all printed digits.
NODES_PER_WIDTH = 3
LARGEST_EXPONENT = 700.0


def oracle_rate(model: GaussianLinearModel, alpha: ArrayLike) -> np.ndarray:
    r"""The rate ``I(W; Ŵ) = h(Ŵ) − h(ξ)`` of the oracle's channel, by quadrature of unproved error.

    W is multivariate t: given ``g ~ χ²`` with ν = n − d + 1 degrees of freedom it is Gaussian. So Ŵ − w*
    is a Gaussian mixture over g with variance ``v(g) = (1 − α)²σ²/g + (1 − α)ασ²/n`` a coordinate (after
    whitening by Σ), and its log-density depends on a radius only.

    Args:
        model: the linear model, n ≥ d. The rate does not depend on σ², Σ or w*.
        alpha: α in [0, 1], any shape.

    Returns:
        Nats for the whole weight vector, the shape of ``alpha``; infinite at α = 0, zero at α = 1.
        Below :func:`oracle_gaussian_rate`, because the Gaussian maximises the rate at given covariance.
        Twice the nodes and wider tails changed it by 6e-7 nats or less, by 1e-9 or less from d = 2 on
        (ten models, six α). Where a proved bound on the rate is needed, take the Gaussian one.

    Raises:
        ValueError: α outside [0, 1].

    Source: docs/derivations.md §3.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> rd.theory.oracle_rate(model, [0.1, 0.643, 1.0]).round(2)
        array([80.96, 23.14,  0.  ])
    """
    require_model(model)
    a = _checks.in_range("alpha", alpha, high=1.0)
    return np.vectorize(lambda one: _exact_rate(model, float(one)), otypes=[np.float64])(a)


@overload
def oracle_alpha_at_rate(model: GaussianLinearModel, rate: float) -> float: ...
@overload
def oracle_alpha_at_rate(model: GaussianLinearModel, rate: ArrayLike) -> float | np.ndarray: ...
def oracle_alpha_at_rate(model: GaussianLinearModel, rate: ArrayLike) -> float | np.ndarray:
    """The parameter α in [0, 1] of the oracle's channel whose rate :func:`oracle_rate` is ``rate`` nats.

    Args:
        model: the linear model, n ≥ d.
        rate: R ≥ 0 in nats for the whole weight vector, any shape. An infinite one has α = 0.

    Returns:
        One float for one rate, else an array of the shape of ``rate``. A search for each: some ten
        evaluations of :func:`oracle_rate`.

    Raises:
        ValueError: a negative rate.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> round(rd.theory.oracle_alpha_at_rate(model, 20.0), 3)
        0.692
    """
    require_model(model)
    R = _checks.in_range("rate", rate)
    alphas = np.array([_alpha_at_rate(model, float(one)) for one in R.ravel()]).reshape(R.shape)
    return float(alphas) if R.ndim == 0 else alphas


def oracle_output_mixture(model: GaussianLinearModel, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """The law of the whitened output ``x = Σ^{1/2}(Ŵ − w*)/σ`` as a finite Gaussian mixture, 0 < α < 1.

    The log-density at x is ``logsumexp(offset − |x|²·precision)``: one node for each value of g.

    Returns:
        ``offset`` and ``precision``, both shape ``(num_nodes,)``: the logarithm of weight times
        normalisation, and 1/(2v(g)) with v as in :func:`oracle_rate` for σ² = 1.
    """
    require_model(model)
    return _output_mixture(model.n, model.d, alpha)


def _output_mixture(n: int, d: int, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    log_g, log_weight = _log_chi_square_nodes(n - d + 1, n + 1)
    variance = (1 - alpha) ** 2 * np.exp(-log_g) + (1 - alpha) * alpha / n
    return log_weight - d / 2 * np.log(2 * np.pi * variance), 1 / (2 * variance)


def _alpha_at_rate(model: GaussianLinearModel, R: float) -> float:
    if R == 0:
        return 1.0
    if 2 * R / model.d > LARGEST_EXPONENT:  # α would underflow; the channel passes W itself
        return 0.0

    def excess(log_alpha: float) -> float:
        return _exact_rate(model, float(np.exp(log_alpha))) - R

    # Where the Gaussian bound exists it lies above the exact rate, so its α lies above the one sought.
    m = max(model.n - model.d - 1, 0)
    highest = -float(np.log1p(m / model.n * np.expm1(2 * R / model.d)))
    lowest = highest - 1.0
    if excess(highest) > 0:  # the two rates agree to rounding; at α = 1 the rate is 0
        lowest, highest = highest, 0.0
    while excess(lowest) < 0:
        highest, lowest = lowest, lowest - 2.0
    return float(np.exp(root_scalar(excess, bracket=(lowest, highest), xtol=1e-14).root))


def _exact_rate(model: GaussianLinearModel, alpha: float) -> float:
    if alpha == 0:
        return np.inf
    if alpha == 1:
        return 0.0
    rate = _rate_by_quadrature(model.n, model.d, alpha)
    return min(rate, float(oracle_gaussian_rate(model, alpha))) if model.n > model.d + 1 else rate


# A simulation asks each oracle for its rate three times.
@functools.lru_cache(maxsize=4096)
def _rate_by_quadrature(n: int, d: int, alpha: float) -> float:
    offset, precision = _output_mixture(n, d, alpha)
    # |x|² given g is χ²_d/(2 precision); the outer quadrature runs over its logarithm.
    low, high = chi_square_quantiles(TAIL_PROBABILITY, d)
    log_square = _nodes(
        float(np.log(low / (2 * precision.max()))), float(np.log(high / (2 * precision.min()))), d
    )
    step = log_square[1] - log_square[0]
    entropy = total = 0.0
    for block in np.array_split(log_square, max(1, log_square.size * offset.size // 2_000_000)):
        log_density = logsumexp(offset - np.exp(block)[:, None] * precision, axis=1)
        # From the density of x to that of log |x|²: times π^{d/2}/Γ(d/2) |x|^d.
        log_mass = log_density + d / 2 * (np.log(np.pi) + block) - gammaln(d / 2)
        mass = step * np.exp(log_mass)
        total += np.sum(mass)
        entropy -= np.sum(mass * log_density)
    noise_entropy = d / 2 * np.log(2 * np.pi * np.e * (1 - alpha) * alpha / n)
    # Near α = 1 and for n far above d the rates differ by less than rounding.
    return max(float(entropy / total - noise_entropy), 0.0)


@functools.lru_cache(maxsize=16)
def _log_chi_square_nodes(degrees_of_freedom: int, sharpness: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes t and log-weights of the law of ``t = ln g``, g ~ χ², for integrands of width √(2/sharpness)."""
    nu = degrees_of_freedom
    low, high = chi_square_quantiles(TAIL_PROBABILITY, nu)
    x = _nodes(float(np.log(low / nu)), float(np.log(high / nu)), sharpness)
    # With x = ln(g/ν) the log-density is −(ν/2)(eˣ − 1 − x) and a constant: nothing large is subtracted.
    log_weight = -nu / 2 * exp_remainder(x)
    return x + np.log(nu), log_weight - np.asarray(logsumexp(log_weight))


def _nodes(low: float, high: float, sharpness: int) -> np.ndarray:
    """Equally spaced nodes for the trapezoidal rule on a factor of width √(2/sharpness)."""
    count = int(np.ceil(NODES_PER_WIDTH * (high - low) * np.sqrt(sharpness / 2))) + 2
    return np.linspace(low, high, count)

"""The conditional-CGF bound of the oracle's channel, whose loss variance has a law one can integrate."""

from __future__ import annotations

import math

import numpy as np

from ratedist import _checks
from ratedist.linear_model.model import GaussianLinearModel, require_model
from ratedist.theory.bounds.conditional_cgf import CgfBound, conditional_cgf_bound
from ratedist.theory.numerics import chi_square_quantiles
from ratedist.theory.oracle_information import oracle_rate

# Quadrature in the logarithm of a χ² variable: tails dropped, nodes per standard deviation.
TAIL_PROBABILITY = 1e-18
NODES_PER_WIDTH = 4
# Nodes whose share in the mean, and in the mean square, is below this are left out.
NEGLIGIBLE = 1e-22


def oracle_conditional_cgf_bound(model: GaussianLinearModel, alpha: float) -> CgfBound:
    """The conditional-CGF bound on the oracle's generalisation error, at its own rate, both by quadrature.

    A theorem but for the errors of the two quadratures, which are not bounded. Twice the nodes and wider
    tails changed the value by a share of 4e-7 or less, 5e-9 from d = 2 on (ten models, six α).

    Args:
        model: the linear model, n > d + 1.
        alpha: α in [0, 1], one number.

    Returns:
        :class:`~ratedist.theory.bounds.conditional_cgf.CgfBound` with ``sem`` 0. At (d, n) = (50, 80), σ² = 1
        its value is 2.3295 at α = 0.1 and 1.2769 at α = 0.5; the true errors are 2.0153 and 0.8998. With the
        Gaussian bound on the oracle's rate in place of that rate it is 2.3305 and 1.2782.

    Raises:
        ValueError: α outside [0, 1], or n <= d + 1.

    Source: docs/bounds.md §2.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> round(rd.theory.oracle_conditional_cgf_bound(model, 0.5).value, 4)
        1.2769
    """
    require_model(model)
    variance, weights = oracle_loss_variance(model, alpha)
    return conditional_cgf_bound(model, float(oracle_rate(model, alpha)), variance, weights)


def oracle_loss_variance(model: GaussianLinearModel, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """Quadrature for the law of the oracle's ``σ_ℓ² = σ² + v(g) q``, ``q ~ χ²_d``, ``g ~ χ²_ν`` independent.

    Given g the oracle's Ŵ is Gaussian, with ``v(g) = (1 − α)²σ²/g + (1 − α)ασ²/n`` and ν = n − d + 1.

    Args:
        model: the linear model, n > d + 1.
        alpha: α in [0, 1], one number.

    Returns:
        Nodes and their probabilities, both shape ``(num_nodes,)``. They are for means of functions that grow
        no faster than σ_ℓ², and of σ_ℓ⁴ where it is finite, for n > d + 3. Their errors are not bounded.

    Raises:
        ValueError: α outside [0, 1], or n <= d + 1.

    Source: docs/bounds.md §2.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> variance, weights = rd.theory.oracle_loss_variance(model, 0.5)
        >>> round(float(weights @ variance), 4), round(float(rd.theory.oracle_population_risk(model, 0.5)), 4)
        (1.5873, 1.5873)
    """
    require_model(model)
    a = _checks.number("alpha", alpha, high=1.0)
    model.require_finite_risk("the loss variance of the oracle")
    nu, n, s2 = model.degrees_of_freedom, model.n, model.noise_variance
    # Means of 1/g, or of its square where that is finite, come from smaller g than probabilities do.
    g, g_weights = _chi_square_quadrature(nu, lower_tail=nu - 4 if nu > 4 else nu - 2)
    q, q_weights = _chi_square_quadrature(model.d, lower_tail=model.d)
    spread = (1 - a) ** 2 * s2 / g + (1 - a) * a * s2 / n
    nodes, probabilities = (s2 + np.outer(spread, q)).ravel(), np.outer(g_weights, q_weights).ravel()
    squares = probabilities * (nodes / nodes.max()) ** 2
    kept = (probabilities > NEGLIGIBLE) | (squares > NEGLIGIBLE * squares.sum())
    return nodes[kept], probabilities[kept] / probabilities[kept].sum()


def _chi_square_quadrature(degrees_of_freedom: int, lower_tail: int) -> tuple[np.ndarray, np.ndarray]:
    """Trapezoidal rule for χ² in its logarithm, where the density is analytic and decays on both sides.

    ``lower_tail`` is the degrees of freedom of the χ² whose lower quantile starts the nodes.
    """
    low = math.log(chi_square_quantiles(TAIL_PROBABILITY, lower_tail)[0])
    high = math.log(chi_square_quantiles(TAIL_PROBABILITY, degrees_of_freedom + 4)[1])
    width = min(1.0, math.sqrt(2 / degrees_of_freedom))
    t = np.linspace(low, high, math.ceil(NODES_PER_WIDTH * (high - low) / width) + 1)
    log_weight = degrees_of_freedom / 2 * t - np.exp(t) / 2
    weight = np.exp(log_weight - log_weight.max())
    return np.exp(t), weight / weight.sum()

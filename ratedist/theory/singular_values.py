r"""Singular values of a matrix of low rank seen through white noise: thresholds, best shrinkage, errors.

``Y = X + σZ``, of shape m × n with m ≤ n, where entries of Z are independent with variance 1. As n → ∞ with
``m/n → β`` and r fixed, a singular value ``xσ√n`` of X is seen in Y as ``y(x)σ√n``. Those of noise alone
fill a bulk up to ``(1 + √β)σ√n``. Signals, observed values and thresholds are in units of σ√n here, errors
in units of nσ² for each singular value of X. These are limits, not bounds.

Source: Gavish & Donoho, IEEE Transactions on Information Theory 60 (2014) 5040–5053, for thresholds; the
same, 63 (2017) 2137–2152, for shrinkage.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.optimize
from numpy.typing import ArrayLike

from ratedist import _checks

METHODS = ("hard", "truncation", "bulk_edge", "soft", "shrinkage")
# Above this β the closed form of Marchenko–Pastur's distribution loses no digits; below, quadrature has all.
CLOSED_FORM_FROM = 0.25
NUM_NODES = 64


def singular_value_bulk_edge(aspect_ratio: ArrayLike = 1.0) -> np.ndarray:
    """``1 + √β``, where the singular values of noise alone end; units of σ√n.

    Args:
        aspect_ratio: β = m/n in (0, 1], the smaller dimension over the larger; any shape.

    Returns:
        The shape of ``aspect_ratio``.

    Raises:
        ValueError: β outside of (0, 1].

    Example:
        >>> import ratedist as rd
        >>> rd.theory.singular_value_bulk_edge([0.25, 1.0])
        array([1.5, 2. ])
    """
    return 1 + np.sqrt(_ratio(aspect_ratio))


def observed_singular_value(signal: ArrayLike, aspect_ratio: ArrayLike = 1.0) -> np.ndarray:
    """``y(x) = √((x + 1/x)(x + β/x))``, as which a signal x is seen; the bulk's edge for x ≤ β^{1/4}.

    Args:
        signal: x ≥ 0, a singular value of X in units of σ√n; any shape.
        aspect_ratio: β in (0, 1], of a shape that broadcasts.

    Returns:
        y, in units of σ√n.

    Raises:
        ValueError: x < 0 or not finite, β outside of (0, 1].

    Source: Gavish & Donoho 2014; x and y are those of the module's docstring.

    Example:
        >>> import ratedist as rd
        >>> rd.theory.observed_singular_value([0.5, 1.0, 2.0])
        array([2. , 2. , 2.5])
    """
    x, beta = _signal(signal, aspect_ratio)
    seen = np.where(x > beta**0.25, x, 1.0)
    y = seen * np.sqrt((1 + (1 / seen) ** 2) * (1 + beta * (1 / seen) ** 2))
    return np.where(x > beta**0.25, y, 1 + np.sqrt(beta))


def singular_value_hard_threshold(aspect_ratio: ArrayLike = 1.0) -> np.ndarray:
    """λ*(β), the hard threshold of least worst error where σ is known; 4/√3 for square matrices.

    ``λ*² = 2(β + 1) + 8β/(β + 1 + √(β² + 14β + 1))``. No other has a lower error in the limit, at any signal.

    Args:
        aspect_ratio: β in (0, 1]; any shape.

    Returns:
        λ*, in units of σ√n.

    Raises:
        ValueError: β outside of (0, 1].

    Source: Gavish & Donoho 2014, equation (11).

    Example:
        >>> import ratedist as rd
        >>> rd.theory.singular_value_hard_threshold([0.5, 1.0]).round(4)
        array([1.9786, 2.3094])
    """
    beta = _ratio(aspect_ratio)
    return np.sqrt(2 * (beta + 1) + 8 * beta / (beta + 1 + np.sqrt(beta**2 + 14 * beta + 1)))


def singular_value_median_threshold(aspect_ratio: ArrayLike = 1.0) -> np.ndarray:
    """ω(β) = λ*(β)/√μ_β, the same threshold in units of the median singular value of Y: for σ unknown.

    Args:
        aspect_ratio: β in (0, 1]; any shape.

    Returns:
        ω; 2.858 for square matrices.

    Raises:
        ValueError: β outside of (0, 1].

    Source: Gavish & Donoho 2014; their polynomial in β is not used.

    Example:
        >>> import ratedist as rd
        >>> rd.theory.singular_value_median_threshold([0.5, 1.0]).round(4)
        array([2.1712, 2.8584])
    """
    return singular_value_hard_threshold(aspect_ratio) / np.sqrt(marchenko_pastur_median(aspect_ratio))


def marchenko_pastur_median(aspect_ratio: ArrayLike = 1.0) -> np.ndarray:
    """μ_β, the median of Marchenko–Pastur's law: of the squared singular values of noise, in units of nσ².

    With ``t = 1 + β + 2√β cos φ`` the part of the law above t is ``(2/π)∫₀^φ sin²u/(1 + β + 2√β cos u) du``.

    Args:
        aspect_ratio: β in (0, 1]; any shape.

    Returns:
        μ_β, to about fourteen digits.

    Raises:
        ValueError: β outside of (0, 1].

    Source: Marchenko & Pastur, Math. USSR-Sbornik 1 (1967) 457–483.

    Example:
        >>> import ratedist as rd
        >>> rd.theory.marchenko_pastur_median([0.5, 1.0]).round(4)
        array([0.8305, 0.6528])
    """
    beta = _ratio(aspect_ratio)
    medians = np.array([_median(float(one)) for one in beta.ravel()])
    return medians.reshape(beta.shape)


def shrunk_singular_values(singular_values: ArrayLike, aspect_ratio: ArrayLike = 1.0) -> np.ndarray:
    """``√((y² − β − 1)² − 4β)/y`` above the bulk's edge, 0 up to it: the best shrinkage of singular values.

    Of all estimates that keep the singular vectors of Y it has the least squared error in the limit.

    Args:
        singular_values: y ≥ 0 in units of σ√n; any shape.
        aspect_ratio: β in (0, 1], of a shape that broadcasts.

    Returns:
        Shrunk values, in units of σ√n.

    Raises:
        ValueError: y < 0 or not finite, β outside of (0, 1].

    Source: Gavish & Donoho 2017, the shrinker for the Frobenius norm.

    Example:
        >>> import ratedist as rd
        >>> rd.theory.shrunk_singular_values([1.9, 2.5, 10.0]).round(4)
        array([0.   , 1.5  , 9.798])
    """
    y, beta = _signal(singular_values, aspect_ratio, "singular_values")
    above = y > 1 + np.sqrt(beta)
    size = np.where(above, y, 2.0)
    low, high = (1 - np.sqrt(beta)) / size, (1 + np.sqrt(beta)) / size
    shrunk = size * np.sqrt(
        (1 - high) * (1 + high) * (1 - low) * (1 + low), where=above, out=np.zeros_like(y)
    )
    return np.where(above, shrunk, 0.0)


def singular_value_error(signal: ArrayLike, method: str, aspect_ratio: ArrayLike = 1.0) -> np.ndarray:
    """``lim ‖X̂ − X‖²_F/(nσ²)`` for one singular value x of X; several add up.

    What is lost costs ``x²``, what is kept as it is ``1 + β + 3β/x²``. About one finite matrix in six has a
    value of noise alone above the bulk's edge. To keep it costs about ``(1 + √β)²`` more.

    Args:
        signal: x ≥ 0, in units of σ√n; any shape.
        method: "hard" for the threshold λ*(β), "truncation" for the true rank, "bulk_edge" for keeping what
            is above the bulk. "soft" for the soft threshold at the bulk's edge, "shrinkage" for the best.
        aspect_ratio: β in (0, 1], of a shape that broadcasts.

    Returns:
        Errors in units of nσ².

    Raises:
        ValueError: x < 0 or not finite, β outside of (0, 1], another method.

    Source: Gavish & Donoho 2014 and 2017. The limits of the products of singular
        vectors are ``c² = (x⁴ − β)/(x⁴ + βx²)`` and ``(x⁴ − β)/(x⁴ + x²)``.

    Example:
        >>> import ratedist as rd
        >>> methods = ("hard", "soft", "shrinkage")
        >>> [float(rd.theory.singular_value_error(3.0, method).round(4)) for method in methods]
        [2.3333, 3.6667, 1.8889]
    """
    x, beta = _signal(signal, aspect_ratio)
    _checks.one_of("method", method, METHODS)
    seen = np.maximum(x, beta**0.25)
    y, noise = observed_singular_value(seen, beta), beta * (1 / seen) ** 2
    kept = 1 + beta + 3 * noise
    edge = 1 + np.sqrt(beta)
    if method == "soft":
        error = kept + edge**2 - 2 * edge * (1 + beta + 2 * noise) / y
    elif method == "shrinkage":
        # x²(1 − c²c̃²) with y² taken out, so that nothing cancels.
        error = (1 + beta + 3 * noise - (noise / seen) ** 2) / ((1 + (1 / seen) ** 2) * (1 + noise))
    else:
        error = kept
    least = _hard_signal(beta) if method == "hard" else beta**0.25
    with np.errstate(over="ignore"):
        lost = x**2 + (edge**2 if method == "truncation" else 0.0)
    return np.where(x > least, error, lost)


def worst_singular_value_error(method: str, aspect_ratio: ArrayLike = 1.0) -> np.ndarray:
    """The supremum of :func:`singular_value_error` over all signals: 3, 5, 5, 6, 2 if square.

    Hard: ``x*²`` at the signal x* that is seen at the threshold, where keeping and losing it cost the same.
    Truncation and bulk edge: ``1 + β + 3√β``, next to the edge, which finite matrices approach slowly.
    Soft: ``(1 + √β)² + 1 + β``, for large signals, which it shortens. Shrinkage: ``1 + β``, for large ones.

    Args:
        method: "hard", "truncation", "bulk_edge", "soft" or "shrinkage".
        aspect_ratio: β in (0, 1]; any shape.

    Returns:
        Errors for each singular value, in units of nσ²: for rank r the error is at most r times that.

    Raises:
        ValueError: β outside of (0, 1], another method.

    Source: Gavish & Donoho 2014, abstract, for square matrices.

    Example:
        >>> import ratedist as rd
        >>> methods = ("hard", "truncation", "soft", "shrinkage")
        >>> [float(rd.theory.worst_singular_value_error(method).round(12)) for method in methods]
        [3.0, 5.0, 6.0, 2.0]
    """
    beta = _ratio(aspect_ratio)
    _checks.one_of("method", method, METHODS)
    if method == "hard":
        return _hard_signal(beta) ** 2
    if method in ("truncation", "bulk_edge"):
        return 1 + beta + 3 * np.sqrt(beta)
    return 1 + beta + ((1 + np.sqrt(beta)) ** 2 if method == "soft" else 0.0)


def _hard_signal(beta: np.ndarray) -> np.ndarray:
    """x* with ``y(x*) = λ*``: the root of ``x⁴ = (1 + β)x² + 3β``, where losing and keeping cost the same."""
    return np.sqrt((1 + beta + np.sqrt(beta**2 + 14 * beta + 1)) / 2)


def _median(beta: float) -> float:
    root = np.sqrt(beta)
    found: Any = scipy.optimize.brentq(lambda angle: _part_above(angle, beta) - 0.5, 0.5, 3.0, xtol=1e-15)
    angle = float(found)
    return 1 + beta + 2 * float(root) * float(np.cos(angle))


def _part_above(angle: float, beta: float) -> float:
    """The part of Marchenko–Pastur's law above ``1 + β + 2√β cos φ``."""
    if beta < CLOSED_FORM_FROM:
        nodes, weights = np.polynomial.legendre.leggauss(NUM_NODES)
        u = angle * (nodes + 1) / 2
        density = np.sin(u) ** 2 / (1 + beta + 2 * np.sqrt(beta) * np.cos(u))
        return float(angle / np.pi * (weights @ density))
    tangent = (1 - np.sqrt(beta)) / (1 + np.sqrt(beta)) * np.tan(angle / 2)
    both = (1 + beta) * angle - 2 * np.sqrt(beta) * np.sin(angle) - 2 * (1 - beta) * np.arctan(tangent)
    return float(both / (2 * np.pi * beta))


def _ratio(value: ArrayLike) -> np.ndarray:
    return _checks.in_range("aspect_ratio", value, 0.0, 1.0, open_low=True)


def _signal(value: ArrayLike, ratio: ArrayLike, name: str = "signal") -> tuple[np.ndarray, np.ndarray]:
    """Values of at least 0 and β, in one shape."""
    x, beta = _checks.in_range(name, _checks.real_array(name, value)), _ratio(ratio)
    try:
        x, beta = np.broadcast_arrays(x, beta)
    except ValueError:
        raise ValueError(f"{name} and aspect_ratio must broadcast, got {x.shape} and {beta.shape}") from None
    return x, beta

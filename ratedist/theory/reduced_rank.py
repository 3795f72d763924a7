r"""Excess risk of reduced-rank regression: the rank-r matrix of least information divergence from the fit.

``W | A = W* + Γ^½ Z A^{−½}``, so the fit in the metric of Γ⁻¹ and A is ``Γ^{−½}WA^½ = Γ^{−½}W*A^½ + Z``: a
matrix of low rank in white noise. Its singular vectors follow the spiked model's limits. Noise that is kept
costs ``1/(n − d − 1)`` a unit of its energy in new data, what lies along the truth ``1/n``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.optimize
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.theory.numerics import LARGEST_COUNT
from ratedist.theory.singular_values import observed_singular_value

NUM_ANGLES = 1 << 13
# Squares of signals times n are formed.
LARGEST = 1e140


def reduced_rank_excess_asymptotic(
    signals: ArrayLike, num_samples: int, num_outputs: int, num_inputs: int
) -> np.ndarray:
    r"""Excess population risk of reduced-rank regression at every rank, as n, o and d grow in proportion.

    The risk is that of the loss weighted by Γ⁻¹. A signal b, a singular value of ``Γ^{−½}W*Σ^½``, is seen in
    the noise of the fit if ``t = nb² > √(od)``. To keep it costs, in the limit,

    .. math:: \frac{1}{n}\left(o + \frac{od}{t} − \frac{o^2 d}{t^2}\right)
        + \frac{d}{n − d − 1}\left(1 + \frac{o}{t}\right)^2,

    and to lose it b². What is kept beyond is noise of the largest energy, by Marchenko–Pastur's law. At full
    rank the value is exact, ``od/(n − d − 1)``, and so it is at rank 0.

    Args:
        signals: b, at most min(o, d) numbers of at least 0, in any order.
        num_samples: n > d + 1, at most 2⁵³.
        num_outputs: o, at least 1.
        num_inputs: d, at least 1.

    Returns:
        Excess risks at ranks 0, …, min(o, d), shape ``(min(o, d) + 1,)``.

    Raises:
        ValueError: sizes out of range, or too many signals.

    Source: docs/low-rank.md; Benaych-Georges & Nadakuditi 2012 for singular vectors in noise.

    Example:
        >>> import ratedist as rd
        >>> rd.theory.reduced_rank_excess_asymptotic([12.0, 9.0, 7.0], 80, 20, 50)[[0, 3, 20]].round(2)
        array([274.  ,   5.96,  34.48])
    """
    n, o, d = _sizes(num_samples, num_outputs, num_inputs)
    count = min(o, d)
    b = np.sort(_checks.in_range("signals", signals, high=LARGEST).ravel())[::-1]
    if b.size > count:
        raise ValueError(f"signals must be at most min(o, d) = {count} numbers, got {b.size}")
    seen = b[n * b**2 > np.sqrt(o * d)]
    lost = np.cumsum(np.concatenate([[0.0], b[::-1] ** 2]))[::-1][: seen.size + 1]
    kept = np.cumsum(np.concatenate([[0.0], _kept(n * seen**2, n, o, d)]))
    noise = _noise_energy(o - seen.size, d - seen.size) / (n - d - 1)
    excess = np.concatenate([lost + kept, lost[-1] + kept[-1] + noise[1:]])
    excess[count] = o * d / (n - d - 1)
    return excess


def _sizes(num_samples: int, num_outputs: int, num_inputs: int) -> tuple[int, int, int]:
    """n, o and d, or ``ValueError``."""
    o, d = (
        _checks.integer(name, value, 1, LARGEST_COUNT - 2)
        for name, value in (("num_outputs", num_outputs), ("num_inputs", num_inputs))
    )
    return _checks.integer("num_samples", num_samples, d + 2, LARGEST_COUNT), o, d


def _kept(t: np.ndarray, n: int, o: int, d: int) -> np.ndarray:
    """What signals with ``t = nb²`` that are kept cost, in the limit."""
    along, beside = (o + o * (d / t) * (1 - o / t)) / n, d / (n - d - 1) * (1 + o / t) ** 2
    return along + beside


def _noise_energy(o: int, d: int) -> np.ndarray:
    """The largest 0, …, min(o, d) squared singular values of white noise, added up, in the limit.

    With ``t = 1 + β + 2√β cos φ`` the part of the law above t is ``(2/π)∫₀^φ sin²u/(1 + β + 2√β cos u) du``,
    and its share of the energy ``(φ − ½ sin 2φ)/π``.
    """
    count, large = min(o, d), max(o, d)
    if count == 0:
        return np.zeros(1)
    beta = count / large
    u = (np.arange(NUM_ANGLES) + 0.5) * np.pi / NUM_ANGLES
    part = np.concatenate([[0.0], np.cumsum(np.sin(u) ** 2 / (1 + beta + 2 * np.sqrt(beta) * np.cos(u)))])
    angle = np.interp(np.arange(count + 1) / count, part / part[-1], np.linspace(0, np.pi, NUM_ANGLES + 1))
    return count * large * (angle - np.sin(2 * angle) / 2) / np.pi


def reduced_rank_threshold(num_samples: int, num_outputs: int, num_inputs: int) -> float:
    """The singular value of ``Γ^{−½}WA^½`` from which on keeping its direction lowers the population risk.

    It is that as which the signal is seen whose loss costs as much as keeping it does
    (:func:`reduced_rank_excess_asymptotic`). For n far above d it is the threshold of Gavish & Donoho. For
    fewer samples it is higher, since noise costs more in new data than in the old.

    Args:
        num_samples: n > d + 1, at most 2⁵³.
        num_outputs: o, at least 1.
        num_inputs: d, at least 1.

    Returns:
        The threshold, above the largest singular value of noise alone, ``√o + √d``.

    Raises:
        ValueError: sizes out of range.

    Source: docs/low-rank.md.

    Example:
        >>> import ratedist as rd
        >>> round(rd.theory.reduced_rank_threshold(80, 20, 50), 3)
        16.367
        >>> round(float(rd.theory.singular_value_hard_threshold(0.4)) * 50**0.5, 3)
        13.416
    """
    n, o, d = _sizes(num_samples, num_outputs, num_inputs)

    def excess(theta: float) -> float:
        return n * float(_kept(np.array([theta**2]), n, o, d)[0]) - theta**2

    # Signals that are hardly seen are better lost, and those far above all noise kept.
    most = 100 * (np.sqrt(o) + np.sqrt(d)) * n
    found: Any = scipy.optimize.brentq(excess, (o * d) ** 0.25 * (1 + 1e-12), most, xtol=1e-12)
    large = np.sqrt(max(o, d))
    return float(large * observed_singular_value(float(found) / large, min(o, d) / max(o, d)))

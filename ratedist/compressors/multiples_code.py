"""Codes for multiples of a step, and for pivots, that follow from the law of W: tables of nats."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import chi2, t

from ratedist import _checks
from ratedist.linear_model.model import GaussianLinearModel

# Multiples of a step beyond those of this probability share the last codeword.
BEYOND = 1e-9
MOST_MULTIPLES = 1 << 14
# The length of the tables is a multiple of this: a sweep over steps then compiles a few times at most.
MULTIPLES_TOGETHER = 32
# Codewords for a pivot, in units of the spacing of their logarithms, on either side of the expected one.
PIVOT_CELLS = 32


def expected_pivots(model: GaussianLinearModel) -> np.ndarray:
    """Roots of the mean squares of the Cholesky pivots of A/n in the given order, shape ``(d,)``.

    With ``Σ = CCᵀ`` the factor of A is C times that of a Wishart matrix, whose squared pivots are χ² of
    n, n − 1, …, n − d + 1 degrees of freedom.
    """
    factor = np.asarray(model.covariance_cholesky)
    own = np.diag(factor) if factor.ndim == 2 else np.broadcast_to(factor, model.d)
    return own * np.sqrt((model.n - np.arange(model.d)) / model.n)


def checked_code(step: float, multiplier: float, code_lengths: ArrayLike | None) -> tuple[float, ...] | None:
    """``code_lengths`` as a tuple, or ``ValueError``: of these or of the numbers beside them."""
    _checks.positive_number("step", step)
    if _checks.in_range("multiplier", multiplier).ndim:
        raise ValueError(f"multiplier must be one number, got {multiplier!r}")
    if code_lengths is None:
        return None
    lengths = np.asarray(code_lengths, dtype=np.float64)
    if lengths.ndim != 1 or lengths.size % 2 == 0 or np.isnan(lengths).any() or np.any(lengths < 0):
        raise ValueError(
            "code_lengths must be an odd number of nats at least 0, for the multiples −K, …, K; got "
            f"shape {lengths.shape}"
        )
    if not np.all(np.isfinite(lengths)):
        raise ValueError("code_lengths must be finite: leave out multiples at the ends, got infinite ones")
    kraft = math.fsum(np.exp(-lengths))
    if kraft > 1 + 1e-9:
        raise ValueError(f"no code has code_lengths whose sum of e^-length is above 1, got {kraft:.6g}")
    return tuple(lengths.tolist())


def multiples_code(
    model: GaussianLinearModel, steps: np.ndarray, code_lengths: tuple[float, ...] | None
) -> np.ndarray:
    """Nats of the multiples −K, …, K of each weight, shape ``(d, 2K + 1)``, infinite beyond the code."""
    if code_lengths is None:
        lengths = _student_lengths(model, steps)
    else:
        lengths = np.broadcast_to(np.asarray(code_lengths), (model.d, len(code_lengths)))
    missing = -(lengths.shape[1] // 2) % MULTIPLES_TOGETHER
    return np.pad(lengths, ((0, 0), (missing, missing)), constant_values=np.inf)


def _student_lengths(model: GaussianLinearModel, steps: np.ndarray) -> np.ndarray:
    """−ln P(cell) of each weight's W − w*, the last cells with all that is beyond them."""
    nu = model.degrees_of_freedom
    sigma = np.asarray(model.covariance)
    inverse = np.diagonal(np.linalg.inv(sigma)) if sigma.ndim == 2 else np.broadcast_to(1 / sigma, model.d)
    # Without noise every multiple is 0.
    scales = np.sqrt(inverse * model.noise_variance / nu)
    ratio = np.divide(steps, scales, out=np.full(model.d, np.inf), where=scales > 0)
    largest = float(t.isf(BEYOND / 2, nu)) / ratio.min()
    if largest > MOST_MULTIPLES:
        raise ValueError(
            f"step must leave at most {MOST_MULTIPLES} multiples on either side, got {largest:.3g} for "
            f"n − d + 1 = {nu} degrees of freedom: take a larger step, or a code of your own"
        )
    k = np.arange(math.ceil(largest) + 1)
    with np.errstate(invalid="ignore"):
        beyond = t.sf((k - 0.5) * ratio[:, None], nu)  # column k: P(beyond the lower edge of cell k)
        inside = np.concatenate([beyond[:, :-1] - beyond[:, 1:], beyond[:, -1:]], axis=1)
    inside[:, 0] = 1 - 2 * beyond[:, 1] if k.size > 1 else 1.0
    with np.errstate(divide="ignore"):
        lengths = -np.log(inside)
    return np.concatenate([lengths[:, :0:-1], lengths], axis=1)


def pivots_code(model: GaussianLinearModel, spacing: float) -> np.ndarray:
    """−ln P of the rounded logarithms of pivots over expected ones, shape ``(d, 2·PIVOT_CELLS + 1)``."""
    freedom = (model.n - np.arange(model.d))[:, None]
    edges = np.arange(-PIVOT_CELLS, PIVOT_CELLS) + 0.5
    with np.errstate(over="ignore"):  # beyond the largest number nothing is left
        squares = freedom * np.exp(2 * spacing * edges)
    below, above = chi2.cdf(squares, freedom), chi2.sf(squares, freedom)
    inner = np.where(below[:, :-1] < 0.5, np.diff(below, axis=1), above[:, :-1] - above[:, 1:])
    masses = np.concatenate([below[:, :1], inner, above[:, -1:]], axis=1)
    return -np.log(np.maximum(masses, np.finfo(np.float64).tiny))

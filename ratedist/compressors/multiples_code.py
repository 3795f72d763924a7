"""Codes for multiples of a step, and for pivots, that follow from the law of W: tables of nats."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
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


def checked_code(step: float, multiplier: float, code_lengths: object, unions: int = 1) -> Any:
    """``code_lengths`` as tuples, or ``ValueError``: of these or of the numbers beside them.

    Args:
        step: δ.
        multiplier: λ.
        code_lengths: of multiples −K, …, K; with two unions a pair, of 0, ±2, … and of 0, ±1, ±3, …
        unions: 1 or 2.
    """
    _checks.positive_number("step", step)
    if not math.isfinite(_checks.number("multiplier", multiplier)):
        raise ValueError(f"multiplier must be one finite number at least 0, got {multiplier!r:.80}")
    if code_lengths is None:
        return None
    if unions == 1:
        return _checked_lengths("code_lengths", "the multiples −K, …, K", code_lengths)
    if not isinstance(code_lengths, list | tuple) or len(code_lengths) != 2:
        raise ValueError(
            "code_lengths along a trellis must be a pair: nats of 0, ±2, ±4, …, and nats of 0, ±1, ±3, …; "
            f"got {code_lengths!r:.80}"
        )
    names = "0, ±2, ±4, …", "0, ±1, ±3, …"
    return tuple(
        _checked_lengths(f"code_lengths[{union}]", f"the multiples {names[union]} in ascending order", one)
        for union, one in enumerate(code_lengths)
    )


def _checked_lengths(name: str, of_what: str, code_lengths: Any) -> tuple[float, ...]:
    try:
        lengths = np.asarray(code_lengths, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be numbers, nats for {of_what}; got {code_lengths!r:.80}") from None
    if lengths.ndim != 1 or lengths.size % 2 == 0 or np.isnan(lengths).any() or np.any(lengths < 0):
        raise ValueError(
            f"{name} must be an odd number of nats at least 0, for {of_what}; got shape {lengths.shape}"
        )
    if not np.all(np.isfinite(lengths)):
        raise ValueError(f"{name} must be finite: leave out multiples at the ends, got infinite ones")
    kraft = math.fsum(np.exp(-lengths))
    if kraft > 1 + 1e-9:
        raise ValueError(f"no code has {name} whose sum of e^-length is above 1, got {kraft:.6g}")
    return tuple(lengths.tolist())


def multiples_code(
    model: GaussianLinearModel, steps: np.ndarray, code_lengths: Any, unions: int = 1
) -> np.ndarray:
    """Nats of the multiples −K, …, K of each weight, shape ``(unions, d, 2K + 1)``, infinite beyond the code.

    One union has all multiples; of two the first has 0, ±2, ±4, … and the second 0, ±1, ±3, …
    """
    if code_lengths is None:
        codes = [_student_lengths(model, steps, _first(union, unions), unions) for union in range(unions)]
    else:
        codes = [np.asarray(one)[None] for one in (code_lengths if unions == 2 else (code_lengths,))]
    tables = []
    for union, lengths in enumerate(codes):
        reach = lengths.shape[1] // 2
        multiples = _one_side(reach, _first(union, unions), unions)
        table = np.full((model.d, 2 * int(multiples[-1]) + 1), np.inf)
        table[:, np.append(-multiples[:0:-1], multiples) + multiples[-1]] = lengths
        tables.append(table)
    most = max(table.shape[1] for table in tables) // 2
    most += -most % MULTIPLES_TOGETHER
    return np.stack(
        [
            np.pad(table, ((0, 0), (most - table.shape[1] // 2,) * 2), constant_values=np.inf)
            for table in tables
        ]
    )


def _first(union: int, unions: int) -> int:
    """The least multiple above zero."""
    return 2 - union if unions == 2 else 1


def _one_side(count: int, first: int, spacing: int) -> np.ndarray:
    """0, and so many multiples above it."""
    return np.append(0, first + spacing * np.arange(count))


def _student_lengths(model: GaussianLinearModel, steps: np.ndarray, first: int, spacing: int) -> np.ndarray:
    """−ln P(cell) of each weight's W − w* around 0, ±first, ±(first + spacing), …

    The last cells have all that is beyond them.
    """
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
    k = _one_side(math.ceil(largest / spacing), first, spacing)
    # The lower edge of the cell of each: midway to the one before.
    edges = np.append(-first / 2, (k[1:] + k[:-1]) / 2)
    with np.errstate(invalid="ignore"):
        beyond = t.sf(edges * ratio[:, None], nu)
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

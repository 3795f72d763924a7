"""Trellis-coded quantisation, the entry: what is asked, checked, and the path found as a result."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.quantizers.quantized import checked_weights, require_concrete
from ratedist.quantizers.trellis.codebook import CAPACITY, PIECE, usage
from ratedist.quantizers.trellis.convolutional import trellis_of
from ratedist.quantizers.trellis.header import LEVEL_BITS, header_bits, rounded_levels
from ratedist.quantizers.trellis.problem import Problem, problem_of, with_idle_ones_near
from ratedist.quantizers.trellis.result import TrellisQuantized
from ratedist.quantizers.trellis.search import at_price, at_target
from ratedist.quantizers.trellis.target import Target, Try

# Part of an error that a target may be missed by where sums are rounded.
ROUNDING = 1e-9


def quantize_trellis(
    weights: ArrayLike,
    num_states: int = 8,
    *,
    bits_per_weight: float | None = None,
    mean_squared_error: float | None = None,
    multiplier: float | None = None,
    importance: ArrayLike | None = None,
    diameter_penalty: float = 0.0,
) -> TrellisQuantized:
    r"""Quantise weights along a trellis, at the entropy of their labels: some 0.07 bit above Shannon's limit.

    .. math:: \min \sum_j h_j (w_j − ŵ_j)² + λ \sum_j \ell_j

    over the paths through the trellis, where ℓ_j are the nats of label j in its own union. At λ the path,
    the levels and the lengths are met by turns until they settle: a local minimum. For a Gaussian the labels
    take about 0.09 bit a weight more than R(D) with 4 states and 0.075 with 8. With 32 it is 0.055 and with
    256 it is 0.035 (``benchmarks/trellis.py``). Entropy-coded scalars take 0.25 more at high rate.

    Args:
        weights: w, shape ``(d,)``.
        num_states: S, a power of two from 4 to 256. Time is in proportion to it. Below some thousand weights
            many states are often worse than eight.
        bits_per_weight: target, at most so many bits a weight, labels and header counted at their entropy.
        mean_squared_error: target, ``Σ h (w − ŵ)² / Σ h`` at most. Exactly one of the three targets is given.
        multiplier: λ > 0 itself, the squared error that a nat has to save.
        importance: h of each weight, shape ``(d,)``, non-negative, not all zero; ``None`` for equal h.
        diameter_penalty: has to be 0. It is here to say why.

    Returns:
        ``TrellisQuantized``. A target is kept. What is left of it is mostly below 0.002 bit a weight, or 0.2%
        of the error. Few weights have few possible rates, and more may be left.

    Memory beyond the weights is about four times theirs in double precision, the result among it, for ten
    million of them (``benchmarks/trellis.py``). Passes over all weights are two to four, and more where these
    miss a target. Paths are searched on the processor, also beside an accelerator, which would be slower.

    Raises:
        ValueError: as ``kmeans``; another number of targets than one; one that cannot be met, or that needs
            more than 4,096 levels (some nine bits a weight); a diameter penalty.

    Source: Marcellin & Fischer 1990; Fischer & Wang 1992 (entropy-constrained); Ungerboeck 1982 (codes).

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> weights = np.random.default_rng(0).normal(size=20_000)
        >>> found = rd.quantize_trellis(weights, bits_per_weight=2.0)
        >>> found.bits_per_weight <= 2.0, 0.0625 < found.mean_squared_error < 0.075
        (True, True)
    """
    w, h = checked_weights(weights, importance)
    states = trellis_of(num_states).num_states
    target = _checked_target(bits_per_weight, mean_squared_error, multiplier)
    if _checks.number("diameter_penalty", diameter_penalty) > 0:
        raise ValueError(
            "diameter_penalty must be 0 for a trellis: levels are paid for by the bits of their labels, and "
            "a price on the outer two would only forbid outliers. Use kmeans for it"
        )
    w = with_idle_ones_near(w, h)
    problem = problem_of(w, h)
    if target is None:
        assert multiplier is not None
        found, tries = at_price(problem, problem.log_price(float(multiplier)), states), []
        return _result(w, h, problem, found, states) if found else _refused(None, problem, tries)
    found, tries = at_target(problem, _scaled(target, problem), states)
    return _result(w, h, problem, found, states) if found else _refused(target, problem, tries)


def _checked_target(bits_per_weight: Any, mean_squared_error: Any, multiplier: Any) -> Target | None:
    """The target, ``None`` for a given multiplier."""
    given = {
        "bits_per_weight": bits_per_weight,
        "mean_squared_error": mean_squared_error,
        "multiplier": multiplier,
    }
    named = [name for name, value in given.items() if value is not None]
    if len(named) != 1:
        raise ValueError(
            f"exactly one of {', '.join(given)} must be given, got {' and '.join(named) or 'none'}"
        )
    require_concrete(named[0], given[named[0]])
    value = _checks.positive_number(named[0], given[named[0]])
    if named[0] == "multiplier":
        return None
    return Target(**{"bits_per_weight": None, "mean_squared_error": None, named[0]: value})


def _scaled(target: Target, problem: Problem) -> Target:
    """The target in the units of the problem."""
    if target.mean_squared_error is None:
        return target
    mantissa, exponent = np.frexp(target.mean_squared_error)
    error = np.ldexp(mantissa, min(max(int(exponent) - 2 * problem.exponent, -1000), 1000))
    # What is rounded on the way must not miss it.
    return Target(None, float(error) * (1 - ROUNDING))


def _refused(target: Target | None, problem: Problem, tries: list[Try]) -> NoReturn:
    most = f"more than {4 * CAPACITY:,} levels, which is what a trellis may have here: ask for fewer bits"
    if target is None:
        raise ValueError(f"multiplier is so small that these weights need {most}")
    if target.bits_per_weight is None:
        raise ValueError(f"mean_squared_error {target.mean_squared_error:g} needs {most}")
    least = header_bits(np.array([problem.num_weights]), LEVEL_BITS[0]) / problem.num_weights
    if target.bits_per_weight < least:
        raise ValueError(
            f"bits_per_weight must be at least {least:.4g} for {problem.num_weights} weight(s), the header "
            f"of one level, got {target.bits_per_weight:g}"
        )
    if not tries:
        raise ValueError(f"bits_per_weight {target.bits_per_weight:g} needs {most}")
    nearest = min(one.bits_per_weight for one in tries)
    raise ValueError(
        f"bits_per_weight {target.bits_per_weight:g} was not met for these weights, {nearest:.4g} was"
    )


def _result(
    w: np.ndarray, h: np.ndarray | None, problem: Problem, found: Try, states: int
) -> TrellisQuantized:
    """Streams by union, and levels as a file has them."""
    symbols, counts = found.fit.symbols, found.fit.found.counts.ravel()
    stored = np.zeros(counts.size)
    stored[counts > 0] = rounded_levels(_means(w, h, problem, found)[counts > 0], found.level_bits)
    stored = np.ldexp(stored, problem.exponent)
    subset = np.arange(counts.size) // CAPACITY
    union = subset.astype(np.uint8)[symbols] & 1
    streams, levels, branches = [], [], []
    for one in range(2):
        used = np.flatnonzero((counts > 0) & (subset % 2 == one))
        used = used[np.argsort(stored[used], kind="stable")]
        label = np.zeros(counts.size, np.min_scalar_type(max(used.size - 1, 0)))
        label[used] = np.arange(used.size)
        streams.append(label[symbols[union == one]])
        levels.append(stored[used])
        branches.append((subset[used] >> 1).astype(np.uint8))
    reconstruction = stored[symbols]
    mean, total = _errors(w, h, reconstruction, problem)
    return TrellisQuantized(
        states,
        (streams[0], streams[1]),
        (levels[0], levels[1]),
        (branches[0], branches[1]),
        reconstruction,
        total,
        mean,
        problem.multiplier(found.log_price),
        found.level_bits,
    )


def _means(w: np.ndarray, h: np.ndarray | None, problem: Problem, found: Try) -> np.ndarray:
    """Means by symbol once more, of the weights as they are: steps and back again have rounded them."""
    levels = problem.scaled_offset + found.fit.found.centroids * found.step
    codebook = dataclasses.replace(found.fit.codebook, levels=levels)
    return usage(
        codebook, found.fit.symbols, w, problem.h, math.ldexp(1.0, problem.exponent)
    ).centroids.ravel()


def _errors(
    w: np.ndarray, h: np.ndarray | None, reconstruction: np.ndarray, problem: Problem
) -> tuple[float, float]:
    """Mean squared error and distortion, without squares of extreme numbers."""
    total = 0.0
    for start in range(0, w.size, PIECE):
        own = slice(start, start + PIECE)
        error = np.ldexp(w[own] - reconstruction[own], -problem.exponent)
        total += float(np.sum(error * error if problem.h is None else problem.h[own] * error * error))
    # Importances of the problem have mean 1.
    mean = float(np.ldexp(total / w.size, 2 * problem.exponent))
    mass = float(w.size) if h is None else float(np.sum(h))
    return mean, mean * mass

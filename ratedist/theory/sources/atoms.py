"""The discrete output law that is optimal for a symmetric source on a line: its atoms and their masses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logsumexp

from ratedist.theory.sources.discrete import optimal_output

# In units of the kernel's width 1/√(2λ): first atoms, search for maxima.
ATOM_SPACING, SEARCH_SPACING = 0.35, 0.05
# Nats: where exchange stops and Newton begins, and how finely the supremum of ln c is bounded.
EXCHANGE_TOLERANCE, TOLERANCE = 1e-6, 1e-10
NEWTON_STEPS = 8


class Atoms(NamedTuple):
    """A discrete output law: |y| of each atom and its mass, shape ``(k,)``."""

    places: np.ndarray
    masses: np.ndarray


def exchange(
    x: np.ndarray,
    p: np.ndarray,
    slope: float,
    search: np.ndarray,
    tolerance: float = EXCHANGE_TOLERANCE,
) -> tuple[Atoms, Atoms]:
    """The law found by exchange, and the same with the mass around each maximum of c put there.

    It ends where ln c is below ``tolerance`` everywhere on ``search``.
    """
    y = search[:: round(ATOM_SPACING / SEARCH_SPACING)]
    while True:
        log_kernel = log_folded_kernel(x, y, slope)
        offset = log_kernel.max(axis=1)
        kernel = np.exp(log_kernel - offset[:, None])
        q = optimal_output(p, kernel, np.full(y.size, 1 / y.size), tolerance / 10)
        log_z = np.log(kernel @ q) + offset
        maxima = local_maxima(search, log_c(search, x, p, log_z, slope))
        height = log_c(maxima, x, p, log_z, slope)
        if height.max() < tolerance:
            break
        kept = q > TOLERANCE * np.exp(-y)
        y = np.concatenate([y[kept], maxima[height > 0]])
    nearest = np.argmin(np.abs(y[:, None] - maxima), axis=1)
    grouped = np.bincount(nearest, weights=q, minlength=maxima.size)
    return Atoms(y, q), Atoms(maxima[grouped > 0], grouped[grouped > 0])


def newton(x: np.ndarray, p: np.ndarray, slope: float, start: Atoms, cut: float) -> Atoms:
    """Newton's method for c = 1, c′ = 0 at every atom: the minimum of ``−E ln Z + Σq`` over (ln q, y).

    Unknowns are scaled by √q, which gives atoms of very different mass the same weight in the equations.
    """
    y, q = start.places, start.masses
    free = np.flatnonzero((y > 0) & (y < cut))
    rows = q.size + np.arange(free.size)
    for _ in range(NEWTON_STEPS):
        log_kernel = log_folded_kernel(x, y, slope)
        log_z = np.asarray(logsumexp(log_kernel + np.log(q), axis=1))
        root = np.sqrt(q)
        share = root * np.exp(log_kernel - log_z[:, None])
        # K′/K and K″/K with respect to y; the two signs in the kernel have odds exp(−4λxy).
        far = expit(-4 * slope * x[:, None] * y)
        first = 2 * slope * (x[:, None] * (1 - 2 * far) - y)
        second = first**2 - 2 * slope + 4 * far * (1 - far) * (2 * slope * x[:, None]) ** 2
        c, c1, c2 = (p @ (share * factor) / root for factor in (1.0, first, second))
        jacobian = np.sqrt(p)[:, None] * np.concatenate([share, (share * first)[:, free]], axis=1)
        hessian = jacobian.T @ jacobian + np.diag(np.concatenate([1 - c, -c2[free]]))
        hessian[free, rows] -= c1[free]
        hessian[rows, free] -= c1[free]
        try:
            step = np.linalg.solve(hessian, np.concatenate([root * (c - 1), (root * c1)[free]]))
        except np.linalg.LinAlgError:  # two atoms have met
            return start
        q = q * np.exp(np.clip(step[: q.size] / root, -1, 1))
        y = y.copy()
        y[free] = np.clip(y[free] + step[q.size :] / root[free], 0.0, cut)
    return Atoms(y, q / q.sum())


def log_folded_kernel(x: np.ndarray, y: np.ndarray, slope: float) -> np.ndarray:
    """``ln ½(exp(−λ(x − y)²) + exp(−λ(x + y)²))``: the kernel for |X| = x and an output ±y."""
    x = x[:, None]
    return -slope * (x - y) ** 2 + np.log1p(np.exp(-4 * slope * x * y)) - math.log(2)


def squared_error(x: np.ndarray, y: np.ndarray, slope: float) -> np.ndarray:
    """Mean squared error given |X| = x and |X̂| = y under the channel: the far sign has odds exp(−4λxy)."""
    x = x[:, None]
    return (x - y) ** 2 + 4 * x * y * expit(-4 * slope * x * y)


def log_c(y: np.ndarray, x: np.ndarray, p: np.ndarray, log_z: np.ndarray, slope: float) -> np.ndarray:
    blocks = np.array_split(y, max(1, y.size * x.size // 4_000_000))
    with np.errstate(over="ignore"):  # a law that Newton spoiled has c = ∞ somewhere, and is discarded for it
        return np.log(
            np.concatenate([p @ np.exp(log_folded_kernel(x, one, slope) - log_z[:, None]) for one in blocks])
        )


def local_maxima(y: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Local maxima over the nodes ``y``, moved to the top of the parabola through three nodes."""
    padded = np.concatenate([[-np.inf], value, [-np.inf]])
    top = np.flatnonzero((padded[1:-1] >= padded[:-2]) & (padded[1:-1] > padded[2:]))
    inner = top[(top > 0) & (top < y.size - 1)]
    left, middle, right = value[inner - 1], value[inner], value[inner + 1]
    moved = y[inner] + (y[1] - y[0]) * (left - right) / (2 * (left - 2 * middle + right))
    return np.concatenate([y[top[(top == 0) | (top == y.size - 1)]], moved])


def supremum(
    log_c: Callable[[np.ndarray], np.ndarray], y: np.ndarray, slope: float, tolerance: float
) -> float:
    """Upper bound on sup ln c over [y_0, y_end], within ``tolerance`` of it.

    Since ln c + λy² is convex, between two points ln c is at most its chord plus λ(y − y_1)(y_2 − y), whose
    top is below the larger end value plus λ(y_2 − y_1)²/4. Intervals where that matters are halved.
    """
    low, high = y[:-1], y[1:]
    at = log_c(y)
    at_low, at_high = at[:-1], at[1:]
    best = float(at.max())
    while low.size:
        bound = np.maximum(at_low, at_high) + slope * (high - low) ** 2 / 4
        alive = bound > best + tolerance
        if not alive.any():
            break
        low, high, at_low, at_high = low[alive], high[alive], at_low[alive], at_high[alive]
        middle = (low + high) / 2
        at_middle = log_c(middle)
        best = max(best, float(at_middle.max()))
        low, high = np.concatenate([low, middle]), np.concatenate([middle, high])
        at_low, at_high = np.concatenate([at_low, at_middle]), np.concatenate([at_middle, at_high])
    return best + tolerance

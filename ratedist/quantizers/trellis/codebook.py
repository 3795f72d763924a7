"""Levels of the four subsets with their code lengths: two ways to begin, and how symbols refit them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

# Labels that a subset can have. All arrays of levels have this length, so that nothing is compiled twice.
CAPACITY = 1024
SYMBOLS = 4 * CAPACITY
# A level has to be offered in every subset, to either side of each weight.
REACH = 3
# How often a label is taken to occur that nobody uses: it may come back, at a price.
UNUSED = 0.5
ARRANGEMENTS = ("plain", "zero")
# Weights looked at together.
PIECE = 1 << 16
# Part of the error about old levels below which that about new ones is added up anew.
CANCELLED = 1e-3


@dataclasses.dataclass(frozen=True, eq=False)
class Codebook:
    """Levels in steps and code lengths in nats, ``(4, CAPACITY)``; lengths are infinite without a level."""

    levels: np.ndarray
    lengths: np.ndarray


def arranged(positions: np.ndarray, arrangement: str) -> np.ndarray:
    """Subsets 2b + u of the levels j of union u: shape ``(2, j)``, −1 where the union has no such level.

    "plain": even j in union 0, odd ones in union 1, subset j mod 4: the best at high rate. "zero": 0 is in
    both unions, so that both can be silent at low rate; b is the parity of the index within the union.

    Source: Marcellin & Fischer 1990 (plain); Joshi, Crump & Fischer 1995, and Schwarz et al. 2021 for this
    form of it (zero).
    """
    even, odd = np.mod(positions, 2) == 0, np.mod(positions, 2) == 1
    if arrangement == "plain":
        branch = np.mod(positions, 4) >= 2
        return np.stack([np.where(even, 2 * branch, -1), np.where(odd, 2 * branch + 1, -1)])
    size = np.abs(positions)
    first = np.where(even, 2 * (np.mod(size, 4) == 2), -1)
    second = np.where(odd | (size == 0), 2 * (np.mod(size, 4) == 1) + 1, -1)
    return np.stack([first, second])


def positions_near(weights: np.ndarray, step: float) -> np.ndarray | None:
    """All j near a weight divided by the step, ascending; ``None`` where they are too many."""
    near = np.zeros(0)
    for start in range(0, weights.size, PIECE):
        own = np.rint(weights[start : start + PIECE] / step)
        first, last = own.min(), own.max()
        if last - first <= SYMBOLS:  # sorted by their numbers
            own = first + np.flatnonzero(np.bincount((own - first).astype(np.int64)))
        near = np.union1d(near, own)
        if near.size > SYMBOLS:
            return None
    positions = np.unique(near[:, None] + np.arange(-REACH, REACH + 1))
    return positions if _most_in_a_subset(positions) <= CAPACITY else None


def _most_in_a_subset(positions: np.ndarray) -> int:
    subsets = np.stack([arranged(positions, name) for name in ARRANGEMENTS])
    return max(int((subsets == subset).sum(axis=2).max()) for subset in range(4))


def first_codebook(weights: np.ndarray, positions: np.ndarray, arrangement: str) -> Codebook:
    """Levels at the steps ``positions``, with lengths as if each weight took the nearest of each union."""
    levels, lengths = np.zeros((4, CAPACITY)), np.full((4, CAPACITY), np.inf)
    for union, subset in enumerate(arranged(positions, arrangement)):
        own, subset = positions[subset >= 0], subset[subset >= 0]
        nearest = np.searchsorted((own[1:] + own[:-1]) / 2, weights)
        counts = np.maximum(np.bincount(nearest, minlength=own.size), UNUSED)
        for one in (union, 2 + union):
            count = int((subset == one).sum())
            levels[one, :count] = own[subset == one]
            lengths[one, :count] = np.log(weights.size / counts[subset == one])
    return Codebook(levels, lengths)


@dataclasses.dataclass(frozen=True, eq=False)
class Usage:
    """What a path makes of a codebook: counts of symbols, their centroids, the cost of it.

    Attributes:
        counts: how often each symbol occurs, shape ``(4, CAPACITY)``.
        mass: importances of the weights of each symbol, of the same shape.
        centroids: weighted means, in steps; the levels as they were where there is no mass.
        nats: Σ over both unions of their weights times their entropy.
        distortion: ``Σ h (w − centroid)²``, in steps.
    """

    counts: np.ndarray
    mass: np.ndarray
    centroids: np.ndarray
    nats: float
    distortion: float


def usage(
    codebook: Codebook, symbols: np.ndarray, weights: np.ndarray, h: np.ndarray | None, step: float
) -> Usage:
    """Counts, centroids and costs of symbols, in double precision; weights are divided by ``step``."""
    before = codebook.levels.ravel()
    counts = np.zeros(SYMBOLS, np.int64)
    mass, moment, about_levels = np.zeros(SYMBOLS), np.zeros(SYMBOLS), 0.0
    for own, index, error in _errors(before, symbols, weights, step):
        counts += np.bincount(index, minlength=SYMBOLS)
        weighted = error if h is None else h[own] * error
        moment += np.bincount(index, weighted, SYMBOLS)
        about_levels += float(np.sum(weighted * error))
        if h is not None:
            mass += np.bincount(index, h[own], SYMBOLS)
    mass = counts.astype(np.float64) if h is None else mass
    shift = moment / np.where(mass > 0, mass, 1.0)
    centroids = before + shift
    distortion = about_levels - float(mass @ shift**2)
    if distortion < CANCELLED * about_levels:
        distortion = 0.0
        for own, _, error in _errors(centroids, symbols, weights, step):
            distortion += float(np.sum(error * error if h is None else h[own] * error * error))
    shape = 4, CAPACITY
    counts = counts.reshape(shape)
    return Usage(counts, mass.reshape(shape), centroids.reshape(shape), nats_of(counts), distortion)


def _errors(
    levels: np.ndarray, symbols: np.ndarray, weights: np.ndarray, step: float
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Pieces that a cache holds: where, their symbols, and ``w/step − c``."""
    for start in range(0, weights.size, PIECE):
        own = slice(start, start + PIECE)
        index = symbols[own].astype(np.intp)
        error = weights[own] / step
        error -= levels[index]
        yield own, index, error


def nats_of(counts: np.ndarray) -> float:
    """Nats of the labels, each coded by its share of its own union; counts of shape ``(4, …)``."""
    used, totals = counts[counts > 0], _totals(counts)
    return float(np.sum(totals * np.log(np.maximum(totals, 1))) - np.sum(used * np.log(used)))


def refitted(codebook: Codebook, found: Usage, level_nats: float) -> Codebook:
    """Centroids, and the lengths of an ideal code for these counts; labels that nobody used are kept.

    What a level costs in the header, ``level_nats``, is shared by those who use it: few do not keep one up.
    """
    totals = np.maximum(_totals(found.counts), 1)[np.arange(4) % 2, None]
    uses = np.maximum(found.counts, UNUSED)
    lengths = np.log(totals / uses) + level_nats / uses
    return Codebook(found.centroids, np.where(np.isfinite(codebook.lengths), lengths, np.inf))


def _totals(counts: np.ndarray) -> np.ndarray:
    by_subset = counts.sum(axis=1)
    return by_subset[:2] + by_subset[2:]

"""Digits of sums over many weights; the rows are printed by ``benchmarks/precision.py``."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flint import arb, ctx

import ratedist as rd
from ratedist.codes.traced import empirical_entropy as traced_entropy
from ratedist.tensors.config import QuantizationConfig
from ratedist.tensors.histogram import Histogram
from ratedist.tensors.tensor import measured, quantize_weights

SINGLE, DOUBLE = np.float32, np.float64
# What the rows allow: a few roundings of their type.
FEW_SINGLE, FEW_DOUBLE = 3e-6, 1e-14


CHUNK = 1 << 20
# Rows of what the package does not do, for comparison.
NONE = (math.inf, math.inf)


class Row(NamedTuple):
    """A quantity, the size or setting, its two relative errors (NaN where none is computed), the allowed."""

    quantity: str
    where: str
    single: float
    double: float
    allowed: tuple[float, float] = (FEW_SINGLE, FEW_DOUBLE)

    def holds(self) -> bool:
        errors = (self.single, self.double)
        return all(math.isnan(e) or e <= most for e, most in zip(errors, self.allowed, strict=True))


def exact_sum(values: Iterable[np.ndarray]) -> float:
    """Sum of the numbers of some arrays to the last digit, without a list of all of them."""
    return math.fsum(itertools.chain.from_iterable(one.tolist() for one in values))


def exact_dot(x: np.ndarray, y: np.ndarray) -> float:
    """Σxy to the last digit: products in two parts without error (Dekker), added by ``math.fsum``."""

    def parts() -> Iterator[np.ndarray]:
        for start in range(0, x.size, CHUNK):
            a, b = (np.asarray(one[start : start + CHUNK], DOUBLE) for one in (x, y))
            (a_high, a_low), (b_high, b_low) = _halves(a), _halves(b)
            product = a * b
            yield product
            yield a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)

    return exact_sum(parts())


def _halves(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    large = x * 134217729.0
    high = large - (large - x)
    return high, x - high


def error(found: Any, right: Any) -> float:
    """The largest relative error."""
    a, b = np.atleast_1d(np.asarray(found, DOUBLE)), np.atleast_1d(np.asarray(right, DOUBLE))
    return float(np.max(np.abs(a - b) / np.abs(b)))


# --- many weights ------------------------------------------------------------------------------------------


def prefix_rows(count: int) -> Iterator[Row]:
    """Means of 256 runs of equal length, as differences of plain running sums and as the package has them."""
    rng = np.random.default_rng(2)
    cases = {
        "N(0, 1)": np.sort(rng.normal(size=count)),
        "1000 + N(0, 1)": 1000 + np.sort(rng.normal(size=count)),
    }
    edges = np.linspace(0, count, 257).astype(int)
    for name, w in cases.items():
        narrow = w.astype(SINGLE)
        means = []
        for values in (narrow, w):
            sums = np.concatenate([[values.dtype.type(0)], np.cumsum(values)])
            means.append(np.diff(sums[edges]) / np.diff(edges))
        right = [math.fsum(w[a:b].tolist()) / (b - a) for a, b in itertools.pairwise(edges)]
        unit = np.max(np.abs(np.diff(right)))  # what neighbouring means differ by
        single, double = (float(np.max(np.abs(one - right)) / unit) for one in means)
        yield Row(
            f"means by plain running sums of {name}, not computed",
            f"{count:,} weights",
            single,
            double,
            (np.inf, np.inf),
        )


def kmeans_rows(count: int) -> Iterator[Row]:
    """Centres and objective of Lloyd's K-means of sorted weights, K = 16, against sums over its clusters."""
    rng = np.random.default_rng(3)
    z, h = rng.normal(size=count), rng.lognormal(sigma=2, size=count)
    cases: dict[str, tuple[np.ndarray, np.ndarray | None]] = {
        "N(0, 1)": (z, None),
        "N(0, 1), h lognormal": (z, h),
        "1000 + N(0, 1), h = 0.1": (1000 + z, np.full(count, 0.1)),
    }
    for name, (w, given) in cases.items():
        found = rd.kmeans(w, 16, given, method="lloyd")
        own = np.ones(count) if given is None else given
        centers, objective = [], []
        for label, center in enumerate(found.centers):
            inside = found.labels == label
            away = w[inside] - center
            centers.append(center + exact_dot(own[inside], away) / math.fsum(own[inside].tolist()))
            objective.append(exact_dot(own[inside] * away, away))
        spread = np.max(np.abs(np.diff(centers)))
        center_error = float(np.max(np.abs(found.centers - centers)) / spread)
        where = f"{count:,} weights, {name}"
        yield Row("centres of K-means, by their distances", where, math.nan, center_error, (0, 1e-9))
        yield Row("objective of K-means", where, math.nan, error(found.objective, math.fsum(objective)))


def histogram_rows(count: int) -> Iterator[Row]:
    """Cells of float32 weights of importance 0.1, a third of them at one value as of a mask."""
    w = np.random.default_rng(4).normal(size=count).astype(SINGLE)
    w[::3] = -3.0
    h = np.full(count, 0.1)
    cells = Histogram(w, h)
    mass = Fraction(0.1) * count
    where = f"{count:,} weights"
    yield Row("mass of all cells", where, math.nan, error(cells.mass.sum(), float(mass)), (0, 1e-10))
    first = float(np.ldexp(np.sum(cells.mass * cells.means), cells.exponent))
    exact = 0.1 * exact_sum(w[start : start + CHUNK] for start in range(0, count, CHUNK))
    yield Row("sum of the weights by cells", where, math.nan, error(first, exact), (0, 1e-10))
    tensor = quantize_weights(w, h, QuantizationConfig(num_clusters=16), 16, w.shape)
    away = w.astype(DOUBLE) - tensor.reconstruction().astype(DOUBLE)
    right = 0.1 * exact_dot(away, away) / count
    yield Row(
        "distortion of a quantised tensor",
        where,
        math.nan,
        error(measured(tensor, w, h).distortion, right),
        (0, 1e-12),
    )


def length_rows(count: int) -> Iterator[Row]:
    rng = np.random.default_rng(5)
    w, prior = rd.theory.round_to_grid(rng.normal(size=count), 0.1), rd.theory.GaussianPrior(1.0)
    lengths = rd.theory.code_length(w, 0.1, prior)
    right = math.fsum(lengths.tolist())
    running = np.cumsum(lengths.astype(SINGLE))[-1]
    where = f"{count:,} weights"
    found = rd.tree_code_length({"a": w}, 0.1)
    law = found.layers["a"].prior
    assert law is not None
    own = math.fsum(rd.theory.code_length(w, 0.1, law).tolist())
    spikes = rng.choice([-1.0, 1.0], count) * (1 + 1e-5 * rng.normal(size=count))
    size = math.fsum(np.abs(spikes).tolist()) / count
    width = math.sqrt(exact_dot(np.abs(spikes) - size, np.abs(spikes) - size) / count)
    prior_of_spikes = rd.theory.empirical_bayes_prior(spikes, "two_spike")
    assert isinstance(prior_of_spikes, rd.theory.TwoSpikePrior)
    narrow = "10⁻⁵ of their distance from zero"
    yield Row("width of two spikes", narrow, math.nan, error(prior_of_spikes.spike_scale, width), (0, 1e-4))
    yield Row("code length of all weights", where, math.nan, error(found.nats, own))
    yield Row(
        "the same, added one by one, not computed",
        where,
        error(running, right),
        error(np.cumsum(lengths)[-1], right),
        (np.inf, np.inf),
    )
    ctx.prec = 200
    counts = rng.multinomial(10**8, rng.dirichlet(np.full(65_536, 0.5)))
    total = arb(int(counts.sum()))
    entropy = float(
        -sum((c / total * (c / total).log() for c in map(arb, counts[counts > 0].tolist())), arb(0)).mid()
    )
    where = "10⁸ labels of 65,536 kinds"
    single = jax.jit(traced_entropy)
    with jax.enable_x64(False):
        narrow = float(single(jnp.asarray(counts, jnp.int32)))
    yield Row(
        "entropy of labels", where, error(narrow, entropy), error(rd.codes.empirical_entropy(counts), entropy)
    )

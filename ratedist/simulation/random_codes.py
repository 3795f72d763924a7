r"""Random block codes approaching R(D): the coding theorem by experiment (Entropy 2021, Definition 1).

The rate–distortion function is a limit: it is met by codes that describe m symbols together, m → ∞. A
random code of ``M = ⌊exp(mR)⌋`` words, the nearest of which reproduces each block, gets there. A compressor
applied once to one weight vector (as in Figure 2) has m = 1, and nothing says it must be near the curve.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import binom

from ratedist import _checks
from ratedist.estimate import Estimate

SOURCES = ("bernoulli", "gaussian")
# Codewords of a code at most: time and memory are proportional.
MAX_CODEWORDS = 2**20
# Comparisons of a block with a codeword held in memory at once.
MAX_COMPARISONS = 4_000_000


def random_code_distortion(
    generator: np.random.Generator,
    source: str,
    block_length: int,
    rate: float,
    num_codes: int = 200,
    blocks_per_code: int = 50,
) -> Estimate:
    """Mean distortion a symbol of random codes of one block length, over codes and blocks.

    Args:
        generator: NumPy generator that all draws come from.
        source: ``"bernoulli"`` (fair bits, Hamming distortion, fair codewords) or ``"gaussian"`` (unit
            variance, squared error, codewords N(0, 1 − D(R))).
        block_length: m ≥ 1 symbols that are coded together; at most 64 for ``"bernoulli"``.
        rate: R > 0 in nats a symbol, with exp(mR) ≤ 2²⁰.
        num_codes: how many independent random codes are drawn, at least 2.
        blocks_per_code: how many blocks of the source each code reproduces, at least 1.

    Returns:
        :class:`~ratedist.estimate.Estimate` with one trial a code: blocks that share a code are dependent.

    Raises:
        ValueError: an unknown source, or sizes and rates out of range.

    Source: Entropy 2021, Definitions 1 and 2; CT06, section 10.5.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> generator = np.random.default_rng(0)
        >>> found = rd.random_code_distortion(generator, "gaussian", block_length=8, rate=0.5, num_codes=50)
        >>> exact = rd.theory.gaussian_distortion(1.0, 0.5)  # what no code goes below
        >>> bool(exact < found.mean < 1.5 * exact)
        True
    """
    _checks.one_of("source", source, SOURCES)
    m = _checks.integer("block_length", block_length, 1)
    num_words = num_codewords(m, rate)
    trials, blocks = (
        _checks.integer("num_codes", num_codes, 2),
        _checks.integer("blocks_per_code", blocks_per_code, 1),
    )
    if source == "bernoulli":
        if m > 64:
            raise ValueError(f"block_length must be at most 64 for the bernoulli source, got {m}")
        code_means = [_bernoulli_code(generator, m, num_words, blocks) for _ in range(trials)]
    else:
        reproduction_scale = math.sqrt(-math.expm1(-2 * rate))
        code_means = [
            _gaussian_code(generator, m, num_words, blocks, reproduction_scale) for _ in range(trials)
        ]
    means = np.array(code_means)
    return Estimate(float(means.mean()), float(means.std(ddof=1) / math.sqrt(trials)), trials)


def bernoulli_random_code_distortion(block_length: int, rate: float) -> float:
    """Exact mean over all random codes, fair bits: ``(1/m) Σ_{j<m} P(B > j)^M``, B ~ Binomial(m, ½).

    A block differs from each of the M independent codewords in B places; the nearest one reproduces it.

    Args:
        block_length: m ≥ 1 symbols that are coded together.
        rate: R > 0 in nats a symbol, with exp(mR) ≤ 2²⁰.

    Raises:
        ValueError: m < 1, or a rate out of range.

    Example:
        >>> import ratedist as rd
        >>> [round(rd.bernoulli_random_code_distortion(m, 0.6), 3) for m in (2, 8, 16)]
        [0.219, 0.079, 0.051]
    """
    m = _checks.integer("block_length", block_length, 1)
    return float(np.sum(binom.sf(np.arange(m), m, 0.5) ** num_codewords(m, rate)) / m)


def num_codewords(block_length: int, rate: float) -> int:
    """``M = ⌊exp(mR)⌋``, the size of the largest code of rate at most R nats a symbol.

    Raises:
        ValueError: a rate that is not above zero, or M > 2²⁰.
    """
    exponent = block_length * _checks.positive_number("rate", rate)
    if exponent > math.log(MAX_CODEWORDS) * (1 + 1e-12):
        raise ValueError(
            f"block_length × rate must be at most {math.log2(MAX_CODEWORDS):g} bits (2^20 codewords), "
            f"got {exponent / math.log(2):.4g} bits"
        )
    return math.floor(math.exp(exponent) * (1 + 1e-12))


def _bernoulli_code(generator: np.random.Generator, m: int, num_words: int, blocks: int) -> float:
    """Blocks and codewords as the bits of one machine word each: Hamming distance is a population count."""
    high = np.iinfo(np.uint64).max >> np.uint64(64 - m)
    words = generator.integers(high, size=num_words, dtype=np.uint64, endpoint=True)
    total = 0
    for part in _parts(generator.integers(high, size=blocks, dtype=np.uint64, endpoint=True), num_words):
        total += int(np.bitwise_count(part[:, None] ^ words).min(axis=1).sum())
    return total / (blocks * m)


def _gaussian_code(
    generator: np.random.Generator, m: int, num_words: int, blocks: int, scale: float
) -> float:
    words = scale * generator.standard_normal((num_words, m))
    energy = np.sum(words**2, axis=1)
    total = 0.0
    for part in _parts(generator.standard_normal((blocks, m)), num_words):
        total += float(np.sum(part**2)) + float(np.min(energy - 2 * part @ words.T, axis=1).sum())
    return total / (blocks * m)


def _parts(blocks: np.ndarray, num_words: int) -> list[np.ndarray]:
    return np.array_split(blocks, math.ceil(len(blocks) * num_words / MAX_COMPARISONS))

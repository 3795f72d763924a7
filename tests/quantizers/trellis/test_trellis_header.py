"""What is counted beside the labels of a trellis is what a file takes, in no more bits a level than pay."""

import dataclasses

import numpy as np
import pytest

from ratedist.container.trellis_tensor import TrellisTensor
from ratedist.quantizers import TrellisQuantized, quantize_trellis
from ratedist.quantizers.trellis.header import (
    LEVEL_BITS,
    NUMBERS_BITS,
    cheapest_level_bits,
    header_bits,
    rounded_levels,
)

N = 250
w = np.random.default_rng(0).normal(size=N)


@pytest.mark.parametrize(("level_bits", "dtype"), [(16, np.float16), (32, np.float32), (64, np.float64)])
def test_levels_are_numbers_of_their_type_at_ordinary_scales(level_bits: int, dtype: type) -> None:
    rng = np.random.default_rng(level_bits)
    for exponent in range(-5, 16):
        levels = np.ldexp(rng.uniform(-1, 1, 300) ** 5, exponent)
        levels[0] = np.ldexp(0.6, exponent)
        rounded = rounded_levels(levels, level_bits)
        assert np.array_equal(rounded.astype(dtype), rounded)
        # Half precision by NumPy itself is no nearer than by a part of the steps of the largest.
        by_numpy = levels.astype(dtype).astype(np.float64)
        assert np.abs(rounded - levels).max() <= max(
            np.abs(by_numpy - levels).max(), np.ldexp(1.0, exponent - 19)
        )


@pytest.mark.parametrize("level_bits", LEVEL_BITS)
def test_levels_are_rounded_alike_at_every_scale(level_bits: int) -> None:
    levels = np.random.default_rng(1).normal(size=100)
    for exponent in (-900, -1, 400):
        scaled = rounded_levels(np.ldexp(levels, exponent), level_bits)
        assert np.array_equal(scaled, np.ldexp(rounded_levels(levels, level_bits), exponent))


def test_bits_of_levels_are_those_of_the_least_sum() -> None:
    """Beside the two others, by the error of NumPy's own types."""
    levels, mass = np.random.default_rng(2).uniform(1, 2, 50), np.full(50, 20.0)
    chosen = []
    for distortion in 10.0 ** -np.arange(0, 40, 2):
        costs = []
        for bits, dtype in zip(LEVEL_BITS, (np.float16, np.float32, np.float64), strict=True):
            added = mass @ (levels.astype(dtype) - levels) ** 2
            costs.append(50 * bits + N / 2 * np.log2(1 + added / distortion))
        chosen.append(cheapest_level_bits(levels, mass, distortion, N))
        assert chosen[-1] == LEVEL_BITS[int(np.argmin(costs))]
    assert set(chosen) == set(LEVEL_BITS)
    assert cheapest_level_bits(levels, mass, 0.0, N) == 64
    assert cheapest_level_bits(np.ones(3), np.ones(3), 0.0, N) == 16


def coded(found: TrellisQuantized) -> int:
    """Bits of the parts of a file beside coded labels and filling."""
    shape = found.reconstruction.shape
    whole = TrellisTensor.of(found, shape, np.dtype(np.float64))
    tensor = whole.rounded(whole.levels.astype(found.level_dtype))
    assert np.array_equal(tensor.reconstruction(), found.reconstruction)
    return 8 * sum(map(len, tensor.stored("huffman").parts[3:]))


@pytest.mark.parametrize(
    "scale", [2.0**-6, *(pytest.param(scale, marks=pytest.mark.slow) for scale in (1.0, 1000.0))]
)
def test_the_header_is_what_a_file_takes(scale: float) -> None:
    for bits in (0.5, 3.0):
        found = quantize_trellis(scale * w, bits_per_weight=bits)
        assert found.level_bits == 8 * found.level_dtype.itemsize == 16
        # A file fills up the byte of the last branch.
        assert 0 <= coded(found) - (found.header_bits - NUMBERS_BITS) < 8


def test_levels_that_need_them_get_more_bits() -> None:
    """Small steps beside a large mean; a file has all of them."""
    found = quantize_trellis(1.0 + w * 2.0**-12, bits_per_weight=3.0)
    assert found.level_bits == 8 * found.level_dtype.itemsize == 32
    # Half precision has steps of 2⁻¹⁰ there: more than the error.
    assert found.mean_squared_error < (2.0**-10) ** 2 / 12
    assert 0 <= coded(found) - (found.header_bits - NUMBERS_BITS) < 8
    # Beyond the range of half and single precision levels are exact in double alone.
    far = dataclasses.replace(found, levels=(found.levels[0] * 2.0**200, found.levels[1]))
    assert far.level_dtype == np.float64


def test_counts_take_seven_bits_a_byte() -> None:
    for count, size in ((1, 1), (127, 1), (128, 2), (2**14 - 1, 2), (2**14, 3), (2**40, 6)):
        assert header_bits(np.array([count]), 16) == 16 + 1 + 8 * size + NUMBERS_BITS

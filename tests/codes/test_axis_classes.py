"""Classes of weights by their rows and columns, against loops, enumeration and what they are for."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist.codes import axis_classes
from ratedist.codes.axis_classes import AxisClasses, choose_classes

NONE = np.zeros(0, np.uint8)


def laplace(shape, *scales, seed=0):
    """Labels 0, 1, … of rounded weights whose slices have these scales, and the levels."""
    weights = np.random.default_rng(seed).laplace(size=shape)
    for axis, scale in enumerate(scales):
        weights *= np.reshape(scale, [-1 if one == axis else 1 for one in range(len(shape))])
    rounded = np.rint(weights).astype(int).reshape(-1)
    levels, symbols = np.unique(rounded, return_inverse=True)
    return symbols.astype(np.uint16), levels.astype(float)


def entropy_bits(counts):
    counts = counts[counts > 0]
    return float(-(counts @ np.log2(counts / counts.sum()))) if counts.size else 0.0


def bits(symbols, num_symbols, num_first, classes):
    """Ideal bits of labels in unions and classes, by counting alone."""
    total = 0.0
    for one in np.unique(classes):
        counts = np.bincount(symbols[classes == one], minlength=num_symbols)
        total += entropy_bits(counts[:num_first]) + entropy_bits(counts[num_first:])
    return total


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_classes_of_weights_by_loops(seed, shape):
    rng = np.random.default_rng(seed)
    numbers = tuple(rng.integers(0, 31, n).astype(np.uint8) if rng.random() < 0.7 else NONE for n in shape)
    most = sum(int(own.max()) for own in numbers if own.size)
    borders = tuple(sorted(rng.permutation(np.arange(1, most + 1))[: rng.integers(1, 16)].tolist()))
    if not borders:
        return
    classes = AxisClasses(numbers, borders)
    expected = [
        sum(sum(int(own[i]) for own, i in zip(numbers, place, strict=True) if own.size) >= b for b in borders)
        for place in itertools.product(*map(range, shape))
    ]
    found = classes.of_weights(tuple(shape))
    assert found.dtype == np.uint8
    assert found.tolist() == expected
    assert classes.num_classes == len(borders) + 1


def test_numbers_are_logarithms_of_mean_squares():
    scales = 2.0 ** np.array([5, 5.5, 6, 8, 11])
    symbols, levels = laplace((5, 4000), scales)
    (rows, _) = axis_classes._numbers(axis_classes._whole(levels, symbols)[symbols].reshape(5, 4000))
    means = np.mean(levels[symbols].reshape(5, 4000) ** 2, axis=1)
    np.testing.assert_allclose(rows - rows.min(), 2 * np.log2(means / means.min()), atol=1.01)


@pytest.mark.parametrize("num_first", [pytest.param(3, marks=pytest.mark.slow), 40])
def test_borders_are_the_best_of_all(num_first, monkeypatch):
    """Every way to cut the sums into up to four classes, by bits and bytes that are counted here."""
    monkeypatch.setattr(axis_classes, "MOST_CLASSES", 4)
    scales = np.repeat([1.0, 1.6, 2.0, 4.0, 9.0, 11.0], 5)
    symbols, levels = laplace((30, 300), scales, seed=1)
    K = levels.size
    found = choose_classes(symbols, levels, num_first, (30, 300))
    assert found is not None
    sums = axis_classes._sums(found.numbers, (30, 300))
    values = np.unique(sums)

    def cost(borders):
        classes = np.searchsorted(borders, sums, side="right")
        total = bits(symbols, K, num_first, classes) + axis_classes.CLASS_BITS * len(borders)
        for one in np.unique(classes):
            counts = np.bincount(symbols[classes == one], minlength=K)
            for own in (counts[:num_first], counts[num_first:]):
                used = np.flatnonzero(own)
                inside = own[used[0] : used[-1] + 1] if used.size else own[:0]
                total += 8 * (2 + sum(max(1, math.ceil(int(n).bit_length() / 7)) for n in inside))
        return total

    every = [borders for size in range(1, 4) for borders in itertools.combinations(values[1:].tolist(), size)]
    assert cost(found.borders) == pytest.approx(min(map(cost, every)), abs=1)
    assert cost(found.borders) < cost(())


def test_scales_of_both_axes_are_used():
    """Bits come near those of the weights given their scales."""
    rng = np.random.default_rng(2)
    scales = 2.0 ** rng.uniform(0, 5, 300), 2.0 ** rng.uniform(-1, 1, 200)
    symbols, levels = laplace((300, 200), *scales)
    found = choose_classes(symbols, levels, levels.size // 2, (300, 200))
    assert found is not None
    assert all(own.size for own in found.numbers)
    pooled = bits(symbols, levels.size, levels.size // 2, np.zeros(symbols.size))
    chosen = bits(symbols, levels.size, levels.size // 2, found.of_weights((300, 200)))
    # Classes of the true scales, at whatever cost.
    true = np.add.outer(*map(np.log2, scales)).reshape(-1)
    ideal = bits(symbols, levels.size, levels.size // 2, np.rint(true))
    # The rest is less than counts of more classes would take.
    assert pooled - chosen > 0.8 * (pooled - ideal)


@pytest.mark.parametrize(
    "shape", [(), (1,), (2000,), (1, 2000), (2000, 1), (40, 50), (3, 3, 16, 16), (2,) * 11]
)
def test_weights_that_are_alike_have_no_classes(shape):
    symbols, levels = laplace(shape, seed=3)
    assert choose_classes(symbols, levels, levels.size // 2 + 1, shape) is None


def test_extreme_levels():
    scales = np.repeat([1.0, 30.0], 50)
    symbols, levels = laplace((100, 100), scales)
    for scaled in (levels * 1e-300, levels * 2.0**1015, levels + 2.0**40):
        found = choose_classes(symbols, scaled, levels.size // 2, (100, 100))
        assert found is not None
        # Whatever the scale, rows of one size are together.
        assert len(np.unique(found.of_weights((100, 100)).reshape(100, 100)[:50])) == 1
    # One level far from all others leaves nothing to tell of them.
    far = np.where(np.arange(levels.size) == 0, -1e30, levels)
    choose_classes(symbols, far, levels.size // 2, (100, 100))


@pytest.mark.parametrize(
    ("numbers", "borders", "message"),
    [
        ((np.arange(5),), (1,), "uint8"),
        ((np.full(5, 31, np.uint8),), (1,), "at most 30"),
        ((np.ones(5, np.uint8),) * 5, (1,), "at most 4 axes"),
        ((np.arange(5, dtype=np.uint8),), (), "ascending borders"),
        ((np.arange(5, dtype=np.uint8),), (0, 1), "ascending borders"),
        ((np.arange(5, dtype=np.uint8),), (2, 2), "ascending borders"),
        ((np.arange(5, dtype=np.uint8),), (5,), "largest sum of numbers, 4"),
        ((np.arange(20, dtype=np.uint8),), tuple(range(1, 17)), "ascending borders"),
        ((NONE,), (1,), "ascending borders"),
    ],
)
def test_what_is_no_classes(numbers, borders, message):
    with pytest.raises(ValueError, match=message):
        AxisClasses(numbers, borders)


def test_another_shape():
    classes = AxisClasses((np.arange(5, dtype=np.uint8), NONE), (2,))
    classes.require_shape((5, 7))
    for shape in ((7, 5), (5,), (5, 7, 1)):
        with pytest.raises(ValueError, match="not those of a tensor of shape"):
            classes.require_shape(shape)

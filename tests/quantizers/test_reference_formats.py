"""The formats of the benchmarks against published errors, integrals and enumeration."""

import importlib
import itertools
import pathlib

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

BENCHMARKS = pathlib.Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def formats():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("formats")


@pytest.fixture(scope="module")
def vectors(formats):
    return importlib.import_module("vector_formats")  # which formats.py has imported


@pytest.fixture(scope="module")
def gaussian():
    weights = np.random.default_rng(0).normal(size=1 << 18)
    return weights / np.sqrt(np.mean(weights**2))


def compare(weights, found, expected, rounding=0.0, cap=0.02):
    """Within four standard errors, which are a small part of the error itself."""
    squares = (weights - found.reconstruction) ** 2
    error = squares.std() / np.sqrt(squares.size)
    assert error < cap * expected
    assert abs(squares.mean() - expected) < 4 * error + rounding


def error_by_integral(levels, group):
    """Mean squared error of a unit Gaussian rounded to ``levels`` times the largest size of its group.

    That size is one of the weights and met without error; the others are Gaussians cut off there.
    """
    between = np.concatenate([[-1.0], (levels[1:] + levels[:-1]) / 2, [1.0]])

    def moment(power, at):
        return {0: norm.cdf(at), 1: -norm.pdf(at), 2: norm.cdf(at) - at * norm.pdf(at)}[power]

    def given(size):
        zero, one, two = (np.diff(moment(power, between * size)) for power in range(3))
        cells = two - 2 * levels * size * one + (levels * size) ** 2 * zero
        return np.sum(cells) / (2 * norm.cdf(size) - 1)

    def density(size):
        return group * 2 * norm.pdf(size) * (2 * norm.cdf(size) - 1) ** (group - 1)

    return (group - 1) / group * quad(lambda size: given(size) * density(size), 0.5, 7.0, epsrel=1e-8)[0]


def test_levels_of_nf4_are_normal_quantiles(formats):
    # QLoRA: eight quantiles above zero and seven below, with zero itself, over the largest.
    above = norm.ppf(np.linspace(0.9677083, 0.5, 9)[:-1])
    below = -norm.ppf(np.linspace(0.9677083, 0.5, 8)[:-1])
    expected = np.sort(np.concatenate([above, [0.0], below])) / above.max()
    np.testing.assert_allclose(formats.NF4_LEVELS, expected, atol=2e-7)


@pytest.mark.parametrize(("name", "bits"), [("int4", 4.25), ("nf4", 4.5)])
def test_error_of_formats_with_a_largest_size(formats, gaussian, name, bits):
    levels = np.arange(-7, 8) / 7 if name == "int4" else formats.NF4_LEVELS
    found = getattr(formats, name)(gaussian)
    assert found.bits_per_weight == bits
    compare(gaussian, found, error_by_integral(levels, 64))


def test_scales_in_eight_bits_and_best_scales(formats, gaussian):
    part = gaussian[: 1 << 16]
    plain, double = formats.nf4(part), formats.nf4(part, double=True)
    assert double.bits_per_weight == 4 + 8 / 64 + 64 / (64 * 256)
    compare(part, double, error_by_integral(formats.NF4_LEVELS, 64), cap=0.03)
    assert np.mean((double.reconstruction - plain.reconstruction) ** 2) < 1e-3

    int4, best = formats.int4(part), formats.int4(part, best_scale=True)
    assert best.bits_per_weight == int4.bits_per_weight

    def errors(found):
        return np.sum((part - found.reconstruction).reshape(-1, 64) ** 2, axis=1)

    assert np.all(errors(best) <= errors(int4))
    assert np.mean((part - best.reconstruction) ** 2) < 0.8 * np.mean((part - int4.reconstruction) ** 2)


@pytest.mark.parametrize("low", [0, -8, -15])
def test_zero_points_meet_a_grid(formats, low):
    weights = (np.arange(low, low + 16) * 0.25).repeat(4)
    found = formats.int4_with_zero(weights)
    np.testing.assert_array_equal(found.reconstruction, weights)
    assert found.bits_per_weight == 4 + 20 / 64


# Max 1960, to ten digits.
@pytest.mark.parametrize(("bits", "error"), [(2, 0.1174818478), (3, 0.0345477608), (4, 0.0095010080)])
def test_lloyd_max(formats, gaussian, bits, error):
    found = formats.lloyd_max(gaussian, bits)
    assert found.bits_per_weight == bits + 32 * 2**bits / gaussian.size
    compare(gaussian, found, error)


def test_e8_points(vectors):
    points = vectors.e8_points()
    assert np.unique(points, axis=0).shape == (1 << 16, 8)
    # Moved back they are of D8 + 1/2 (odd halves with an even sum), within the ball of squared length 12.
    for moved, part in zip((0.25, -0.25), np.split(points, 2), strict=True):
        halves = 2 * (part - moved)
        assert np.all(halves % 2 == 1)
        assert np.all(np.sum(part - moved, axis=1) % 2 == 0)
        lengths, counts = np.unique(np.sum((part - moved) ** 2, axis=1), return_counts=True)
        # Eight odd halves: ones of 3/2 among them give lengths 2, 4, …, one of 5/2 gives 8 and more.
        assert dict(zip(lengths, counts // 128, strict=True)) == {2: 1, 4: 8, 6: 28, 8: 64, 10: 126, 12: 29}


def test_e8_codebook(formats, vectors, gaussian):
    part = gaussian[: 1 << 13]
    part = part / np.sqrt(np.mean(part**2))
    found = formats.FORMATS["E8 codebook, 2 bits"](part)
    assert found.bits_per_weight == 2 + 32 / part.size
    # As printed by scripts/plot_lattice.py of QuIP#.
    compare(part, found, 0.0915, rounding=5e-5)


def test_nearest_point_of_e8(vectors):
    blocks = np.random.default_rng(0).normal(size=(64, 8)) * np.linspace(0.5, 2.0, 64)[:, None]
    found = np.sum((blocks - vectors.nearest_points(blocks)) ** 2, axis=1)
    every = [np.sum((block - vectors.e8_points()) ** 2, axis=1).min() for block in blocks]
    np.testing.assert_allclose(found, every, rtol=1e-12)


def test_path_is_the_best_of_all(vectors):
    rng = np.random.default_rng(0)
    for bits, state_bits, length in ((1, 3, 6), (2, 4, 4)):
        values, weights = rng.normal(size=1 << state_bits), rng.normal(size=length)
        path = vectors.best_path(weights, values, bits)
        mask = (1 << state_bits) - 1
        assert np.all((path[1:] >> bits) == (path[:-1] & (mask >> bits)))
        least = np.inf
        for first in range(1 << state_bits):
            for labels in itertools.product(range(1 << bits), repeat=length - 1):
                states = [first]
                for label in labels:
                    states.append((states[-1] << bits & mask) | label)
                least = min(least, np.sum((weights - values[states]) ** 2))
        assert np.sum((weights - values[path]) ** 2) == pytest.approx(least, rel=1e-5)


def test_bitshift_trellis(formats, gaussian):
    part = gaussian[: 1 << 11]
    part = part / np.sqrt(np.mean(part**2))
    found = formats.FORMATS["bitshift trellis, 2 bits"](part)
    assert found.bits_per_weight == 2 + (14 + 32) / part.size
    # QTIP, table 1: .068 for permuted Gaussian values, .069 for those it computes, 16 bits of state.
    compare(part, found, 0.0685, rounding=1e-3, cap=0.03)
    assert np.mean((part - found.reconstruction) ** 2) > 2**-4


def test_any_shape_and_zeros(formats):
    ragged = np.random.default_rng(0).normal(size=(3, 37))
    for name, quantise in formats.FORMATS.items():
        if name == "bitshift trellis, 2 bits":
            continue
        found = quantise(ragged)
        assert found.reconstruction.shape == ragged.shape
        assert np.mean((ragged - found.reconstruction) ** 2) < 0.2
        if not name.startswith("Lloyd"):  # which wants as many values as levels
            np.testing.assert_array_equal(quantise(np.zeros(70)).reconstruction, 0.0)
    # Two groups, though the second is not full.
    assert formats.int4(ragged).bits_per_weight == 4 + 2 * 16 / ragged.size

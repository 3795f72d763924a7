"""How few bits an error needs: brackets of R(D) and D(R) for named sources and for numbers at hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ratedist as rd
from ratedist.theory.sources import limits
from ratedist.theory.sources.brackets import Limit
from ratedist.theory.sources.limits import distortion_limit, gaussian_channel_rate, rate_limit
from ratedist.theory.sources.numbers import numbers_distortion_limit, numbers_rate_limit, values_entropy

BIT = math.log(2)
# R = 1 and 2 bits by another program, with certificates (4e-5 bit for the Laplace source).
KNOWN = [("uniform", 1, 0.20723545), ("uniform", 2, 0.04744910), ("laplace", 1, 0.21712240)]


@pytest.mark.parametrize(("source", "bits", "distortion"), KNOWN)
def test_brackets_hold_what_another_program_found(source: str, bits: float, distortion: float) -> None:
    rate = rate_limit(source, distortion)
    assert rate.width <= 1e-4 * BIT
    assert rate.lower - 4e-5 * BIT <= bits * BIT <= rate.upper + 4e-5 * BIT
    inverse = distortion_limit(source, bits * BIT)
    assert inverse.width <= 2e-4 * distortion
    assert inverse.lower * (1 - 6e-5) <= distortion <= inverse.upper * (1 + 6e-5)


def test_the_gaussian_is_exact() -> None:
    assert rate_limit("gaussian", 0.0625) == Limit(2 * BIT, 2 * BIT)
    assert distortion_limit("gaussian", 2 * BIT).upper == pytest.approx(0.0625, rel=1e-14)


@pytest.mark.parametrize("source", ["laplace", "uniform"])
def test_near_the_variance_nearly_nothing_is_needed(source: str) -> None:
    limit = rate_limit(source, 0.999)
    assert 0 <= limit.lower <= limit.upper < 1e-3
    assert rate_limit(source, 1.0).upper == 0


@pytest.mark.parametrize(
    ("source", "distortion", "width"), [("laplace", 1e-3, 1e-4), ("uniform", 1e-6, 4e-4)]
)
def test_where_slopes_are_too_steep_the_bracket_says_its_width(
    source: str, distortion: float, width: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_point", None)  # no point is asked for
    limit = rate_limit(source, distortion)
    entropy = rd.theory.laplace_entropy(0.5**0.5) if source == "laplace" else math.log(12**0.5)
    assert limit.lower == rd.theory.shannon_lower_bound(entropy, distortion)
    assert 0 <= limit.width <= width * BIT
    back = distortion_limit(source, limit.lower)
    assert back.lower <= distortion * (1 + 1e-12)
    assert distortion <= back.upper * (1 + 1e-12)


@pytest.mark.parametrize("source", ["laplace", "uniform"])
def test_the_gaussian_channel_by_sums_over_a_grid(source: str) -> None:
    """At noise of variance 0.09: error and information by plain sums, with kink and edges on the grid."""
    s, b, half = 0.3, math.sqrt(0.5), math.sqrt(3)
    reach = 24.0 if source == "laplace" else half
    x, step = np.linspace(-reach, reach, 9601, retstep=True)
    p = np.exp(-np.abs(x) / b) / (2 * b) if source == "laplace" else np.full(x.size, 1 / (2 * half))
    p = p * step * np.where(np.abs(x) == reach, 0.5, 1.0)
    y, y_step = np.linspace(-reach - 3, reach + 3, 601, retstep=True)
    kernel = np.exp(-(((y[:, None] - x) / s) ** 2) / 2) / math.sqrt(2 * math.pi) / s
    f, m = kernel @ p, kernel @ (p * x)
    used = f > 1e-100
    error = float(p @ x**2) - y_step * float(np.sum(m[used] ** 2 / f[used]))
    entropy = -y_step * float(np.sum(f[used] * np.log(f[used])))
    information = entropy - math.log(2 * math.pi * math.e * s**2) / 2
    assert gaussian_channel_rate(source, error) == pytest.approx(information, abs=2e-5)


@pytest.mark.parametrize("source", ["laplace", "uniform"])
@pytest.mark.parametrize("distortion", [1e-300, 1e-30, 1e-12, 1e-4])
def test_however_small_the_error_the_bracket_closes(source: str, distortion: float) -> None:
    """By the square root of D for the uniform source, whose edges are seen at the width of the noise."""
    limit = rate_limit(source, distortion)
    assert -1e-12 * limit.upper <= limit.width <= 0.3 * math.sqrt(distortion) + 1e-12 * limit.upper


@pytest.mark.parametrize("source", ["gaussian", "laplace", "uniform"])
def test_next_to_no_rate_the_error_is_next_to_the_variance(source: str) -> None:
    assert distortion_limit(source, 1e-12).upper == pytest.approx(1, abs=1e-6)
    assert 0 <= rate_limit(source, 1 - 1e-12).upper <= 6e-5  # the width that is promised, nearly
    with pytest.raises(ValueError, match="rate must leave a distortion"):
        distortion_limit("uniform", 400.0)


@pytest.mark.parametrize("bad", [0.0, -1.0, 1.5, math.nan, math.inf])
def test_distortions_out_of_range_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="distortion must lie in"):
        rate_limit("uniform", bad)


def test_other_sources_are_refused() -> None:
    with pytest.raises(ValueError, match="source must be one of gaussian, laplace, uniform"):
        rate_limit("cauchy", 0.1)
    with pytest.raises(ValueError, match="rate must be one number above zero"):
        distortion_limit("laplace", 0.0)


def test_two_values_by_blahut_and_arimoto_on_a_fine_grid() -> None:
    """Numbers −1 and 1: an optimal output lies within, where only a grid over the interval finds it."""
    outputs = np.linspace(-1, 1, 401)
    point = rd.theory.blahut_arimoto([0.5, 0.5], (np.array([[-1.0], [1.0]]) - outputs) ** 2, 0.8)
    limit = numbers_rate_limit([-1.0, 1.0, 1.0, -1.0], point.distortion)
    assert limit.lower - 1e-9 <= point.rate
    assert point.rate_lower <= limit.upper + 1e-5
    assert limit.width <= 2e-4


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.sampled_from(["normal", "lumps", "heavy"]))
def test_no_quantiser_of_the_numbers_takes_fewer_bits_than_their_limit(seed: int, K: int, kind: str) -> None:
    """Its entropy is a rate that is achieved. Bins are few, so that their loss would be seen."""
    generator = np.random.default_rng(seed)
    numbers = {
        "normal": lambda: generator.normal(3.0, 1e-3, size=400),
        "lumps": lambda: (
            generator.integers(-2, 3, size=400).astype(float) + 1e-3 * generator.normal(size=400)
        ),
        "heavy": lambda: generator.standard_t(2, size=400) * 1e6,
    }[kind]()
    best = rd.quantizers.kmeans(numbers, K, key=0)
    if np.bincount(best.labels, minlength=1).max() == numbers.size:
        return
    distortion = float(np.mean((numbers - best.reconstruction) ** 2))
    counts = np.bincount(best.labels)
    entropy = float(-np.sum(counts / 400 * np.log(np.maximum(counts, 1) / 400)))
    coarse = numbers_rate_limit(numbers, distortion, num_bins=48)
    assert coarse.lower <= entropy + 1e-9
    fine = numbers_rate_limit(numbers, distortion)  # every number for itself
    assert coarse.lower <= fine.upper + 1e-9
    assert fine.lower <= coarse.upper + 1e-9
    assert fine.width <= 2e-3


def test_numbers_of_a_law_have_its_limit() -> None:
    """Midpoints of equal cells of the uniform law of unit variance, and both directions."""
    numbers = (np.arange(4000) + 0.5) / 4000 * 12**0.5
    for bits, distortion in ((1, 0.20723545), (2, 0.04744910)):
        limit = numbers_rate_limit(numbers, distortion)
        assert limit.lower - 3e-4 <= bits * BIT <= limit.upper + 3e-4
        inverse = numbers_distortion_limit(numbers, bits * BIT)
        assert inverse.lower * (1 - 1e-3) <= distortion <= inverse.upper * (1 + 1e-3)


def test_numbers_are_exact_from_the_entropy_of_their_values_on() -> None:
    assert values_entropy([1.0, 1.0, 2.0, 3.0]) == pytest.approx(1.5 * BIT)
    assert numbers_distortion_limit([1.0, 1.0, 2.0, 3.0], 1.6 * BIT) == Limit(0.0, 0.0)


@pytest.mark.parametrize(
    ("numbers", "distortion", "words"),
    [
        ([], 0.1, "at least two that differ"),
        ([2.0, 2.0], 0.1, "at least two that differ"),
        ([1.0, math.nan], 0.1, "numbers must be finite"),
        ([0.0, 1.0], 0.25, "below the variance"),
        ([0.0, 1.0], 0.0, "distortion must be one number above zero"),
        ([0.0, 1e200], 0.1, "variance in the range of float64"),
    ],
)
def test_numbers_without_a_limit_are_refused(numbers, distortion: float, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        numbers_rate_limit(numbers, distortion)

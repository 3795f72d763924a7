"""Textbook rate–distortion functions against printed values and against their definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratedist.theory.sources.gaussian_schemes import (
    gaussian_successive_refinement,
    remote_gaussian_distortion,
    remote_gaussian_rate,
)
from ratedist.theory.sources.textbook import (
    bernoulli_rate,
    gaussian_distortion,
    gaussian_entropy,
    gaussian_rate,
    laplace_entropy,
    laplace_rate,
    shannon_lower_bound,
    shannon_lower_bound_distortion,
    uniform_entropy,
)
from ratedist.units import bits_to_nats, nats_to_bits

ONE_BIT = bits_to_nats(1.0)


def test_printed_values():
    assert nats_to_bits(bernoulli_rate(0.5, 0.1)) == pytest.approx(0.5310044064, abs=1e-10)
    assert nats_to_bits(bernoulli_rate(0.3, 0.1)) == pytest.approx(0.4122953056, abs=1e-10)
    assert gaussian_distortion(1.0, ONE_BIT) == pytest.approx(0.25, rel=1e-14)
    assert nats_to_bits(laplace_rate(2.0, 0.5)) == pytest.approx(2.0, rel=1e-14)
    assert remote_gaussian_distortion(1.0, 1.0, ONE_BIT) == pytest.approx(0.625, rel=1e-14)
    slb = shannon_lower_bound_distortion
    assert slb(laplace_entropy(math.sqrt(0.5)), ONE_BIT) == pytest.approx(0.2163140, abs=5e-8)
    assert slb(uniform_entropy(math.sqrt(12)), ONE_BIT) == pytest.approx(0.1756495, abs=5e-8)


@given(st.floats(0, 1), st.floats(0, 1))
def test_bernoulli_is_symmetric_and_zero_beyond_the_rarer_letter(p, distortion):
    rate = bernoulli_rate(p, distortion)
    assert rate == pytest.approx(bernoulli_rate(1 - p, distortion), abs=1e-14)
    assert rate == 0 if distortion >= min(p, 1 - p) else rate >= 0


@given(st.floats(1e-3, 1e3), st.floats(0, 20))
def test_inverse_pairs(variance, rate):
    assert gaussian_rate(variance, gaussian_distortion(variance, rate)) == pytest.approx(rate, abs=1e-9)
    entropy = gaussian_entropy(variance)
    assert shannon_lower_bound_distortion(entropy, rate) == pytest.approx(gaussian_distortion(variance, rate))
    assert shannon_lower_bound(entropy, variance / 3) == pytest.approx(gaussian_rate(variance, variance / 3))


@given(st.floats(1e-2, 1e2), st.floats(0, 1e2), st.floats(0.01, 5))
def test_remote_source(source, noise, rate):
    distortion = remote_gaussian_distortion(source, noise, rate)
    assert distortion >= gaussian_distortion(source, rate) * (1 - 1e-12)
    slope = source / (source + noise) * math.exp(-2 * rate)
    assert remote_gaussian_rate(source, noise, distortion) == pytest.approx(rate, abs=1e-12 / slope)


def test_ends():
    np.testing.assert_array_equal(gaussian_rate(2.0, [0.0, 2.0, 5.0]), [np.inf, 0.0, 0.0])
    np.testing.assert_array_equal(laplace_rate(2.0, [0.0, 2.0, 5.0]), [np.inf, 0.0, 0.0])
    np.testing.assert_array_equal(remote_gaussian_rate(1.0, 1.0, [0.4, 1.0]), [np.inf, 0.0])
    np.testing.assert_array_equal(bernoulli_rate(0.0, [0.0, 0.5]), [0.0, 0.0])


def test_entropies_by_quadrature():
    x = np.linspace(-60, 60, 2_000_001)
    for density, entropy in (
        (np.exp(-np.abs(x) / 1.3) / 2.6, laplace_entropy(1.3)),
        (np.exp(-(x**2) / 5) / math.sqrt(5 * math.pi), gaussian_entropy(2.5)),
    ):
        positive = density[density > 0]
        assert -np.sum(positive * np.log(positive)) * (x[1] - x[0]) == pytest.approx(entropy, abs=1e-6)


@given(st.floats(0.1, 10), st.lists(st.floats(0.01, 3), min_size=1, max_size=5))
def test_successive_refinement_loses_nothing(variance, rates):
    """I(X; X̂_1, …, X̂_k) of the constructed Gaussian vector, from its covariance alone."""
    refinement = gaussian_successive_refinement(variance, rates)
    total = np.cumsum(rates)
    np.testing.assert_allclose(refinement.distortions, gaussian_distortion(variance, total))
    C = refinement.covariance
    for k in range(1, len(rates) + 1):
        explained = C[0, 1 : k + 1] @ np.linalg.lstsq(C[1 : k + 1, 1 : k + 1], C[0, 1 : k + 1], rcond=None)[0]
        assert -0.5 * math.log(1 - explained / variance) == pytest.approx(
            total[k - 1], rel=1e-6, abs=1e-15 * math.exp(2 * total[-1])
        )
        error = C[0, 0] - 2 * C[0, k] + C[k, k]
        assert error == pytest.approx(refinement.distortions[k - 1], abs=1e-12 * variance)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: bernoulli_rate(1.1, 0.1), "probability"),
        (lambda: gaussian_rate(0.0, 0.1), "variance"),
        (lambda: gaussian_rate(1.0, -0.1), "distortion"),
        (lambda: laplace_rate(-1.0, 0.1), "scale"),
        (lambda: shannon_lower_bound(math.nan, 0.1), "differential_entropy"),
        (lambda: remote_gaussian_distortion(1.0, -1.0, 0.1), "noise_variance"),
        (lambda: gaussian_successive_refinement(1.0, []), "rates"),
    ],
)
def test_bad_input_is_refused_in_words(call, name):
    with pytest.raises(ValueError, match=name):
        call()

"""Random block codes: simulation against the exact mean, and the approach to the rate–distortion function."""

import math

import numpy as np
import pytest

from ratedist.estimate import Estimate
from ratedist.simulation.random_codes import (
    bernoulli_random_code_distortion,
    num_codewords,
    random_code_distortion,
)
from ratedist.theory.sources.textbook import bernoulli_rate, gaussian_rate
from ratedist.units import bits_to_nats
from tests.statistics import assert_agrees, assert_same

HALF_BIT = bits_to_nats(0.5)


@pytest.mark.parametrize("block_length", [2, 5, 12, 20])
def test_bernoulli_codes_against_their_exact_mean(block_length):
    estimate = random_code_distortion(np.random.default_rng(1), "bernoulli", block_length, HALF_BIT)
    assert_agrees(estimate, bernoulli_random_code_distortion(block_length, HALF_BIT), max_sem=0.02)


def test_longer_blocks_approach_the_curve_and_no_block_length_beats_it():
    exact = [bernoulli_random_code_distortion(m, HALF_BIT) for m in (2, 4, 8, 16, 32, 40)]
    assert np.all(np.diff(exact) < 0)
    rates = bernoulli_rate(0.5, exact)
    assert np.all(rates <= HALF_BIT)
    assert HALF_BIT - rates[-1] < 0.2 * HALF_BIT


def test_gaussian_codes_approach_the_curve_from_above():
    estimates = [
        random_code_distortion(np.random.default_rng(2), "gaussian", m, HALF_BIT, 300) for m in (2, 6, 18)
    ]
    for estimate in estimates:
        assert estimate.sem < 0.02
        assert float(gaussian_rate(1.0, estimate.mean + 4 * estimate.sem)) <= HALF_BIT
    for longer, shorter in zip(estimates[1:], estimates[:-1], strict=True):
        assert longer.mean + 4 * math.hypot(longer.sem, shorter.sem) < shorter.mean


def test_gaussian_code_of_two_words_against_scalars_drawn_one_by_one():
    rng = np.random.default_rng(5)
    x, words = rng.standard_normal(100_000), math.sqrt(0.75) * rng.standard_normal((2, 100_000))
    nearest = np.min((x - words) ** 2, axis=0)
    plain = Estimate(
        float(nearest.mean()), float(nearest.std(ddof=1) / math.sqrt(nearest.size)), nearest.size
    )
    assert_same(random_code_distortion(rng, "gaussian", 1, math.log(2), 5000), plain, max_sem=0.01)


def test_one_codeword_reproduces_half_of_the_bits_and_adds_its_own_energy():
    one = random_code_distortion(np.random.default_rng(3), "bernoulli", 64, 1e-3)
    assert_agrees(one, 0.5, max_sem=0.005)
    assert bernoulli_random_code_distortion(64, 1e-3) == pytest.approx(0.5)
    gaussian = random_code_distortion(np.random.default_rng(3), "gaussian", 20, 0.03)
    assert_agrees(gaussian, 2 - math.exp(-0.06), max_sem=0.01)


def test_the_code_never_exceeds_its_rate():
    assert [num_codewords(m, HALF_BIT) for m in (1, 2, 3, 4, 40)] == [1, 2, 2, 4, 2**20]


def test_same_generator_state_same_numbers():
    first, second = (
        random_code_distortion(np.random.default_rng(4), "gaussian", 4, 0.5, 5) for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("laplace", 4, 0.5), "source"),
        (("gaussian", 0, 0.5), "block_length"),
        (("gaussian", 4, 0.0), "rate"),
        (("gaussian", 40, 1.0), "20 bits"),
        (("bernoulli", 65, 0.01), "at most 64"),
        (("gaussian", 4, 0.5, 1), "num_codes"),
        (("gaussian", 4, 0.5, 2, 0), "blocks_per_code"),
    ],
)
def test_bad_input_is_refused_in_words(arguments, name):
    with pytest.raises(ValueError, match=name):
        random_code_distortion(np.random.default_rng(0), *arguments)

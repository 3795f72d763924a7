"""Quantisers designed from laws: known limits, the integrals done again, and no better neighbour."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

import ratedist as rd
from ratedist.quantizers.designed import DesignedQuantizer

MixturePrior, design = rd.theory.MixturePrior, rd.quantizers.entropy_constrained_design
SHANNON_GAP = 0.5 * np.log2(2 * np.pi * np.e / 12)


def again(prior: MixturePrior, v: float, one: DesignedQuantizer) -> tuple[np.ndarray, float]:
    """Cell probabilities and the distortion, by integrals of the density over each cell."""
    parts = list(zip(prior.probabilities, prior.means, prior.variances, strict=True))

    def bell(W: float, m: float, variance: float) -> float:
        return math.exp(-((W - m) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)

    def density(W: float) -> float:
        return sum(pi * bell(W, m, s + v) for pi, m, s in parts)

    def first_moment(W: float) -> float:
        return sum(pi * bell(W, m, s + v) * (m + s / (s + v) * (W - m)) for pi, m, s in parts)

    edges = np.concatenate([[-12.0], one.thresholds, [12.0]])
    probabilities, distortion = [], prior.second_moment
    for low, high, level in zip(edges[:-1], edges[1:], one.levels, strict=True):
        probabilities.append(integrate.quad(density, low, high, epsabs=1e-12)[0])
        # E(w* − c)² = E w*² − 2c E[w*; cell] + c²P
        moment = integrate.quad(first_moment, low, high, epsabs=1e-12)[0]
        distortion += level**2 * probabilities[-1] - 2 * level * moment
    return np.array(probabilities), distortion


@pytest.mark.parametrize(
    ("prior", "v", "price"),
    [
        (MixturePrior.gaussian(1.0), 0.3, 0.2),
        (MixturePrior.two_level(0.25), 0.04, 0.01),
        (MixturePrior.sparse(0.2, 1.0), 0.05, 0.05),
    ],
)
def test_its_rate_and_distortion_are_integrals(prior: MixturePrior, v: float, price: float) -> None:
    one = design(prior, v, price)
    probabilities, distortion = again(prior, v, one)
    np.testing.assert_allclose(np.exp(-one.code_lengths), probabilities, rtol=1e-7, atol=1e-11)
    assert one.distortion == pytest.approx(distortion, rel=1e-6)
    assert one.rate == pytest.approx(-np.sum(probabilities * np.log(probabilities)), rel=1e-6)
    assert np.exp(-one.code_lengths).sum() == pytest.approx(1, rel=1e-12)
    assert np.all(np.diff(one.levels) > 0)
    assert np.all(np.diff(one.thresholds) > 0)


def test_at_high_rate_it_misses_the_limit_by_a_quarter_bit() -> None:
    """Of a Gaussian hardly seen remotely: ½log₂(2πe/12) bit above R(D), at low rate less."""
    gaps = []
    for price in (0.7, 0.3, 0.05):
        one = design(MixturePrior.gaussian(1.0), 1e-9, price)
        gaps.append(rd.units.nats_to_bits(one.rate) - 0.5 * np.log2(1 / one.distortion))
    assert gaps[-1] == pytest.approx(SHANNON_GAP, abs=5e-4)
    assert np.all(np.diff(gaps) > -1e-4)
    assert 0 < gaps[0] < 0.24


@pytest.mark.parametrize("price", [pytest.param(0.01, marks=pytest.mark.slow), 0.1, 0.3])
def test_no_design_beats_the_remote_limit_of_its_law(price: float) -> None:
    one = design(MixturePrior.gaussian(1.0), 0.2, price)
    limit = rd.theory.remote_gaussian_distortion(1.0, 0.2, one.rate)
    assert one.distortion > limit


def test_the_extremes_send_one_bit_or_nothing() -> None:
    prior = MixturePrior.two_level(1.0)
    two = design(prior, 0.05, 0.2)
    assert two.thresholds == pytest.approx([0.0], abs=1e-9)
    # E[w*| W > 0] = 2Φ(c/√v) − 1.
    assert two.levels[1] == pytest.approx(2 * stats.norm.cdf(1 / 0.05**0.5) - 1, rel=1e-12)
    assert rd.units.nats_to_bits(two.rate) == pytest.approx(1, rel=1e-12)
    nothing = design(prior, 0.05, 3.0)
    assert nothing.levels.size == 1
    assert (nothing.rate, nothing.distortion) == (0.0, pytest.approx(1.0))


def test_a_moved_threshold_is_no_better() -> None:
    prior, v, price = MixturePrior.gaussian(1.0), 0.2, 0.15
    one = design(prior, v, price)
    best = one.distortion + price * one.rate
    for k in range(one.thresholds.size):
        for shift in (-0.02, 0.02):
            moved = np.array(one.thresholds)
            moved[k] += shift
            edges = np.concatenate([[-np.inf], moved, [np.inf]]) / (1 + v) ** 0.5
            # Differences of Φ on the side where it is small.
            mass = np.where(edges[1:] < 0, np.diff(stats.norm.cdf(edges)), -np.diff(stats.norm.sf(edges)))
            levels = -np.diff(stats.norm.pdf(edges)) / (1 + v) ** 0.5 / mass
            cost = 1 - mass @ levels**2 - price * mass @ np.log(mass)
            assert cost > best - 1e-7


def test_narrow_spikes_far_apart_leave_no_empty_cells() -> None:
    prior = MixturePrior((0.2, 0.3, 0.5), (-2.0, 0.5, 11.0), (0.0, 0.0, 1e-6))
    one = design(prior, 1e-6, 0.1)
    np.testing.assert_allclose(np.exp(-one.code_lengths), [0.2, 0.3, 0.5], rtol=1e-9)
    np.testing.assert_allclose(one.levels, prior.means, atol=1e-9)


def test_bad_arguments_are_refused() -> None:
    prior = MixturePrior.gaussian(1.0)
    for arguments, words in (
        ((prior, 0.0, 0.1), "noise_variance must be"),
        ((prior, 0.1, -0.1), "multiplier must be"),
        ((prior, 0.1, 1e-9), "multiplier must be at least"),
    ):
        with pytest.raises(ValueError, match=words):
            design(*arguments)

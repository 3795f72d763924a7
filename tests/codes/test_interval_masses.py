"""Masses of intervals against ball arithmetic, at any width, distance and scale; lengths obey Kraft."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist.codes.interval_masses import gaussian_log_mass, laplace_log_mass
from ratedist.theory.priors import GaussianPrior, LaplacePrior, TwoSpikePrior

WIDTHS = (1e-300, 1e-30, 1e-12, 1e-5, 0.002, 0.01, 0.02, 0.2, 0.999, 1.0, 1.001, 3.0, 16.0, 100.0, 1e5, 1e300)
DISTANCES = (0.0, 1e-9, 0.3, 1.0, 3.0, 7.9, 8.1, 20.0, 40.0, 200.0)


def gaussian_in_balls(flint, low, high):
    root = flint.arb(2).sqrt()
    if low < 0 and high > 0:
        return (1 - ((-low / root).erfc() + (high / root).erfc()) / 2).log()
    low, high = (low, high) if high > 0 else (-high, -low)
    return (((low / root).erfc() - (high / root).erfc()) / 2).log()


def laplace_in_balls(flint, low, high):
    if low < 0 and high > 0:
        return (1 - (low.exp() + (-high).exp()) / 2).log()
    low, high = (low, high) if high > 0 else (-high, -low)
    return (((-low).exp() - (-high).exp()) / 2).log()


@pytest.mark.parametrize(
    "scale", [0.37, 1e-150, *(pytest.param(one, marks=pytest.mark.slow) for one in (1.0, 1e150))]
)
@pytest.mark.parametrize(
    ("log_mass", "in_balls"),
    [(gaussian_log_mass, gaussian_in_balls), (laplace_log_mass, laplace_in_balls)],
)
def test_logarithms_to_rounding(log_mass, in_balls, scale) -> None:
    flint = pytest.importorskip("flint")
    cases = [
        (scale * m, scale * h)
        for m, h in itertools.product(DISTANCES, WIDTHS)
        if 1e-307 < scale * h < 1e307  # widths that float64 holds to all its digits
    ]
    found = log_mass(*np.array(cases).T, scale)
    assert np.array_equal(log_mass(-np.array(cases)[:, 0], np.array(cases)[:, 1], scale), found)
    with flint.ctx.workprec(4000):
        for (center, width), one in zip(cases, found, strict=True):
            c, half, tau = flint.arb(center), flint.arb(width) / 2, flint.arb(scale)
            truth = in_balls(flint, (c - half) / tau, (c + half) / tau)
            assert one == pytest.approx(float(truth.mid()), rel=3e-13, abs=1e-300), (center, width)


def test_lengths_beyond_the_range_of_numbers_are_infinite_and_nothing_is_nan() -> None:
    for log_mass in (gaussian_log_mass, laplace_log_mass):
        assert log_mass(1e300, 1e-300, 1e-300) == -np.inf
        assert log_mass(0.0, 1e300, 1e-300) == 0.0
        assert np.isfinite(log_mass(0.0, 5e-324, 1e300))
    assert gaussian_log_mass(1e10, 1.0, 1.0) == pytest.approx(-((1e10 - 0.5) ** 2) / 2, rel=1e-12)
    assert laplace_log_mass(1e300, 1.0, 1.0) == pytest.approx(-1e300)


NUMBERS = st.floats(-3, 3).map(lambda x: 10.0**x)
PRIORS = st.one_of(
    NUMBERS.map(GaussianPrior), NUMBERS.map(LaplacePrior), st.builds(TwoSpikePrior, NUMBERS, NUMBERS)
)


@settings(deadline=None, max_examples=40)
@given(PRIORS, st.floats(-2.5, 2.5), st.floats(-0.5, 0.5))
def test_kraft_is_an_equality_on_every_grid(prior, log_ratio, offset) -> None:
    """Cells out to where 1e−17 of the mass is left; the grid may lie anywhere."""
    if isinstance(prior, TwoSpikePrior):
        narrowest, reach = prior.spike_scale, prior.center + 9 * prior.spike_scale
    else:
        narrowest, reach = prior.scale, 40 * prior.scale
    step = max(narrowest * 10.0**log_ratio, reach / 2e5)
    count = int(reach / step) + 2
    weights = (np.arange(-count, count + 1) + offset) * step
    lengths = -prior.log_mass(weights, step)
    assert lengths.min() >= 0
    assert np.exp(-lengths).sum() == pytest.approx(1.0, abs=1e-12)


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(PRIORS, st.floats(-50, 50), st.floats(-6, 4), st.integers(2, 9))
def test_cells_that_make_up_a_cell_have_its_mass(prior, place, log_width, pieces) -> None:
    """The three formulas for narrow, wide and far cells meet where one follows the other."""
    size = prior.spike_scale if isinstance(prior, TwoSpikePrior) else prior.scale
    center, width = place * size, size * 10.0**log_width
    parts = center + width * ((np.arange(pieces) + 0.5) / pieces - 0.5)
    whole = prior.log_mass(center, width)
    sizes = np.abs(prior.log_mass(parts, width / pieces))
    together = np.logaddexp.reduce(prior.log_mass(parts, width / pieces))
    assert together == pytest.approx(float(whole), rel=1e-9, abs=1e-12 * (1 + sizes.max()))


@pytest.mark.parametrize(
    "prior", [GaussianPrior(0.7), LaplacePrior(0.7), TwoSpikePrior(1.0, 0.3)], ids=lambda one: str(one)
)
def test_masses_against_scipy(prior) -> None:
    stats = pytest.importorskip("scipy.stats")
    if isinstance(prior, GaussianPrior):
        cdf, pdf = stats.norm(0, 0.7).cdf, stats.norm(0, 0.7).pdf
    elif isinstance(prior, LaplacePrior):
        cdf, pdf = stats.laplace(0, 0.7).cdf, stats.laplace(0, 0.7).pdf
    else:
        spikes = [stats.norm(c, 0.3) for c in (-1.0, 1.0)]
        cdf = lambda w: (spikes[0].cdf(w) + spikes[1].cdf(w)) / 2  # noqa: E731
        pdf = lambda w: (spikes[0].pdf(w) + spikes[1].pdf(w)) / 2  # noqa: E731
    weights = np.linspace(-2, 2, 41)
    for step in (0.1, 0.5, 3.0):
        masses = np.exp(prior.log_mass(weights, step))
        np.testing.assert_allclose(masses, cdf(weights + step / 2) - cdf(weights - step / 2), rtol=1e-11)
    np.testing.assert_allclose(np.exp(prior.log_density(weights)), pdf(weights), rtol=1e-12)


def test_lengths_far_out_are_finite_where_both_ends_have_one_logarithm() -> None:
    # −ln of φ(x)/x·(1 − e^−xδ) at x = c − δ/2, which is the mass to 1/x².
    for center, width in (
        (1e10, 1e-6),
        (1e12, 1e-10),
        (1e17, 1.0),
        (1e100, 1e-5),
        (1e150, 1e-140),
        (1e150, 1e-300),
    ):
        assert gaussian_log_mass(center, width, 1.0) == pytest.approx(-(center**2) / 2, rel=1e-12)
    assert gaussian_log_mass(1e300, 1e-9, 1e150) == pytest.approx(-5e299, rel=1e-12)

"""Compressors that see the data: printed numbers, balls, simulated matrices, and the order of the bounds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_t

import ratedist as rd
from ratedist.estimate import Estimate
from tests.statistics import assert_agrees


def the_model(d, n, noise_variance=1.0):
    return rd.GaussianLinearModel(n=n, w_star=np.ones(d), noise_variance=noise_variance)


def mean_of(samples):
    return Estimate(samples.mean(), samples.std(ddof=1) / len(samples) ** 0.5, len(samples))


def test_numbers_known_beforehand():
    model, distortion = the_model(50, 80), [0.402018, 0.234472, 0.025664]
    np.testing.assert_allclose(
        rd.theory.rate_given_gram(model, distortion), [11.031, 24.510, 79.817], atol=6e-4
    )
    # A grid of slopes and variances had 12.228, 28.79 and 92.90: the best of each slope is a little lower.
    bound = rd.theory.data_aware_rate_bound(model, distortion)
    assert np.all(bound <= [12.228, 28.79, 92.90])
    assert np.all(bound >= [12.225, 28.78, 92.89])
    assert rd.theory.gram_information(model) == pytest.approx(14.4711, abs=6e-5)


@pytest.mark.parametrize(
    ("d", "n", "gain"), [(50, 80, 10.352), (50, 500, 1.317), (10, 30, 1.007), (1, 5, 0.0879)]
)
def test_what_seeing_the_data_is_worth(d, n, gain):
    assert rd.theory.data_aware_gain(the_model(d, n)) == pytest.approx(gain, abs=6e-4)


@pytest.mark.parametrize(
    ("d", "n"), [(1, 1), (5, 5), (50, 50), (3, 79), (3, 82), (50, 80), (7, 10**6), (2, 10**9), (200, 10**7)]
)
def test_information_in_balls(d, n):
    flint = pytest.importorskip("flint")
    before, flint.ctx.prec = flint.ctx.prec, 300
    try:
        half, total = flint.arb(1) / 2, flint.arb(0)
        for i in range(d):
            total += ((n - i) * half).digamma()
        a, b = (n - d + 1) * half, (n + 1) * half
        entropy = a.lgamma() - b.lgamma() + d * half * flint.arb.pi().log()
        entropy += b * (b.digamma() - a.digamma())
        noise = d * half * ((2 * flint.arb.pi()).log() + 1)
        expected = float(entropy - noise + (total + d * flint.arb(2).log()) / 2)
    finally:
        flint.ctx.prec = before
    assert rd.theory.gram_information(the_model(d, n)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("d", "n"), [(1, 1), (5, 5), (50, 80), (3, 80), (50, 10**9), (1, 10**15)])
def test_gain_in_balls(d, n):
    """h(U) − ½E ln(1 + ‖U‖²) − (d/2) ln(2πe/(n + 1)) at D₀, less the information: above zero always."""
    flint = pytest.importorskip("flint")
    before, flint.ctx.prec = flint.ctx.prec, 300
    try:
        half, pi, total = flint.arb(1) / 2, flint.arb.pi(), flint.arb(0)
        for i in range(d):
            total += ((n - i) * half).digamma()
        a, b = (n - d + 1) * half, (n + 1) * half
        mean_log = b.digamma() - a.digamma()
        entropy = a.lgamma() - b.lgamma() + d * half * pi.log() + b * mean_log
        markov = entropy - mean_log / 2 - d * half * ((2 * pi / (n + 1)).log() + 1)
        information = entropy - d * half * ((2 * pi).log() + 1) + (total + d * flint.arb(2).log()) / 2
        expected = float(markov - information)
    finally:
        flint.ctx.prec = before
    assert rd.theory.data_aware_gain(the_model(d, n)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("d", "n"), [(50, 10**9), (2000, 10**8)])
@pytest.mark.parametrize(
    "below", [1e-12, *(pytest.param(one, marks=pytest.mark.slow) for one in (1e-9, 1e-6))]
)
def test_near_the_largest_distortion(d, n, below):
    """Where both sides of the bracket agree to seven digits, so does what is between them."""
    share = 1 - below
    bound = float(rd.theory.data_aware_rate_bound(the_model(d, n), share * d / n))
    lower = float(rd.theory.rate_given_gram(the_model(d, n), share * d / n))
    assert lower <= bound
    assert bound == pytest.approx(d / 2 * below, rel=1e-4)


def test_information_by_simulation():
    """The mean of ln p(u | A) − ln p(u), both densities written out."""
    d, n, trials = 3, 6, 40_000
    generator = np.random.default_rng(5)
    X = generator.normal(size=(trials, d, n))
    A = X @ X.transpose(0, 2, 1)
    U = np.linalg.solve(np.linalg.cholesky(A).transpose(0, 2, 1), generator.normal(size=(trials, d, 1)))[
        ..., 0
    ]
    given_gram = (
        np.linalg.slogdet(A)[1] / 2 - np.einsum("ti,tij,tj->t", U, A, U) / 2 - d / 2 * np.log(2 * np.pi)
    )
    nu = n - d + 1
    marginal = multivariate_t(shape=np.eye(d) / nu, df=nu).logpdf(U)
    assert_agrees(mean_of(given_gram - marginal), rd.theory.gram_information(the_model(d, n)), 0.02)


@pytest.mark.parametrize("slope_over_critical", [pytest.param(1.5, marks=pytest.mark.slow), 6.0])
def test_rate_of_the_channel_by_simulation(slope_over_critical):
    """Reproductions are drawn from the best channel of each matrix; the best variance is searched."""
    d, n, trials = 3, 6, 40_000
    slope = slope_over_critical * n / 2
    generator = np.random.default_rng(7)
    X = generator.normal(size=(trials, d, n))
    A = X @ X.transpose(0, 2, 1) / n
    factor = np.linalg.cholesky(A * n)
    U = np.linalg.solve(factor.transpose(0, 2, 1), generator.normal(size=(trials, d, 1)))[..., 0]

    def rate_and_distortion(variance, draws, A=A, U=U):
        # Posterior of û under the prior N(0, τ²I) and the weight exp(−λ (u − û)ᵀA(u − û)).
        precision = np.eye(d) / variance + 2 * slope * A
        mean = np.linalg.solve(precision, 2 * slope * A @ U[..., None])
        inner = np.linalg.cholesky(precision).transpose(0, 2, 1)
        reproduction = (mean + np.linalg.solve(inner, draws))[..., 0]
        distortion = np.einsum("ti,tij,tj->t", U - reproduction, A, U - reproduction)
        # ln of the channel's density over the prior's, at the reproduction: its mean is ≥ I(S; Ŵ).
        centred = reproduction - mean[..., 0]
        log_channel = (
            np.linalg.slogdet(precision)[1] / 2 - np.einsum("ti,tij,tj->t", centred, precision, centred) / 2
        )
        log_prior = -d / 2 * np.log(variance) - np.sum(reproduction**2, axis=1) / 2 / variance
        return log_channel - log_prior, distortion

    draws = generator.normal(size=(trials, d, 1))
    variances, some = np.geomspace(0.02, 2.0, 25), 4000
    values = [
        np.mean(r + slope * D)
        for r, D in (rate_and_distortion(v, draws[:some], A[:some], U[:some]) for v in variances)
    ]
    rates, distortions = rate_and_distortion(variances[int(np.argmin(values))], draws)
    mean_distortion = float(np.mean(distortions))
    bound = float(rd.theory.data_aware_rate_bound(the_model(d, n), mean_distortion))
    # Along its tangent of slope −λ the curve does not feel the error of the mean distortion.
    estimate = mean_of(rates + slope * (distortions - mean_distortion))
    # Of 25 variances none is the best; what they lose is far below the error.
    assert_agrees(estimate, bound, 0.02)


@settings(max_examples=25)
@given(
    d=st.integers(1, 40),
    excess=st.integers(0, 60),
    noise_variance=st.sampled_from([1e-150, 0.3, 1e150]),
    shares=st.lists(st.floats(1e-12, 1.2), min_size=3, max_size=3),
)
def test_order_of_the_bounds(d, excess, noise_variance, shares):
    model = the_model(d, d + excess, noise_variance)
    limit = d * noise_variance / model.n
    distortion = limit * np.sort(shares)
    lower, upper = rd.theory.data_aware_bracket(model, distortion)
    assert np.all(lower <= upper)
    assert np.all(upper <= rd.theory.rate_distortion_bracket(model, distortion).upper * (1 + 1e-12))
    if excess > 1:
        closed = d / 2 * np.log1p(model.n / (excess - 1) * (limit / np.minimum(distortion, limit) - 1))
        assert np.all(upper <= closed * (1 + 1e-12))
    assert np.all(np.diff(rd.theory.data_aware_rate_bound(model, distortion)) <= 1e-12)


@pytest.mark.parametrize(("d", "n"), [(1, 1), (5, 5), (50, 51), (50, 80), (30, 1000)])
def test_the_bound_is_convex(d, n):
    """So that time sharing between its points has nothing to give."""
    shares = np.geomspace(1e-6, 1, 60)
    rates = rd.theory.data_aware_rate_bound(the_model(d, n), shares * d / n)
    slopes = np.diff(rates) / np.diff(shares)
    assert np.all(np.diff(slopes) > 0)


def test_limits():
    model = the_model(50, 80)
    limit = 50 / 80
    high_rate = rd.theory.data_aware_rate_bound(model, 1e-9) - rd.theory.rate_given_gram(model, 1e-9)
    # The reproductions are Gaussian and W is not: that is what the bound loses.
    loss = rd.theory.erm_gaussian_divergence(model)
    assert high_rate == pytest.approx(rd.theory.gram_information(model) + loss, abs=1e-6)
    np.testing.assert_array_equal(rd.theory.data_aware_rate_bound(model, [limit, 2 * limit]), 0)
    tiny = rd.theory.data_aware_rate_bound(model, [1e-280, 1e-295, 5e-324])
    np.testing.assert_allclose(
        tiny - rd.theory.rate_given_gram(model, [1e-280, 1e-295, 5e-324]), float(high_rate), atol=1e-6
    )


def test_what_is_refused():
    with pytest.raises(ValueError, match="noise_variance must be above zero"):
        rd.theory.gram_information(the_model(3, 9, 0.0))
    for function in (
        rd.theory.rate_given_gram,
        rd.theory.data_aware_rate_bound,
        rd.theory.data_aware_bracket,
    ):
        with pytest.raises(ValueError, match="distortion"):
            function(the_model(3, 9), [0.1, 0.0])
        with pytest.raises(ValueError, match="distortion"):
            function(the_model(3, 9), np.nan)
    with pytest.raises(ValueError, match="5000"):
        rd.theory.data_aware_rate_bound(the_model(5001, 6000), 0.1)

"""KL divergences against quadrature in many digits and samples; empirical Bayes against searches."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from ratedist import theory
from ratedist.theory import GaussianPrior, LaplacePrior, TwoSpikePrior

NODES, SHARES = np.polynomial.legendre.leggauss(60)


def by_quadrature(mean, scale, prior) -> float:
    """E ln q(w)/p(w) over w ~ N(μ, s²), panel by panel."""
    # The density has a kink at 0, or bends within σ²/c of it.
    bend = prior.spike_scale**2 / prior.center / scale if isinstance(prior, TwoSpikePrior) else 1.0
    bends = -mean / scale + bend * np.array([-64, -16, -4, -1, 0, 1, 4, 16, 64])
    kinks = sorted({*np.linspace(-12, 12, 13), *np.clip(bends, -12, 12)})
    halves = np.diff(kinks)[:, None] / 2
    z = np.array(kinks)[:-1, None] + halves * (1 + NODES)
    log_ratio = -z * z / 2 - np.log(2 * np.pi) / 2 - np.log(scale) - prior.log_density(mean + scale * z)
    return float(np.sum(halves * SHARES * np.exp(-z * z / 2) / np.sqrt(2 * np.pi) * log_ratio))


PRIORS = [
    GaussianPrior(0.8), LaplacePrior(0.8), TwoSpikePrior(1.0, 0.8), TwoSpikePrior(1.0, 0.05),
    TwoSpikePrior(0.01, 0.8), TwoSpikePrior(3.0, 1.0),
]  # fmt: skip


@pytest.mark.parametrize("prior", PRIORS, ids=str)
@pytest.mark.parametrize(
    "scale", [1e-3, 0.3, 5.0, *(pytest.param(s, marks=pytest.mark.slow) for s in (0.04, 0.8))]
)
def test_divergence_by_quadrature(prior, scale) -> None:
    for mean in (0.0, 0.02, -0.5, 1.0, 6.0):
        found = float(theory.bits_back_cost(mean, scale, prior))
        assert found == pytest.approx(by_quadrature(mean, scale, prior), rel=1e-9, abs=1e-9), mean


def test_the_gaussian_formula() -> None:
    mean, scale, tau = 0.3, 0.2, 1.5
    truth = np.log(tau / scale) + (scale**2 + mean**2) / (2 * tau**2) - 0.5
    assert float(theory.bits_back_cost(mean, scale, GaussianPrior(tau))) == pytest.approx(truth, rel=1e-14)
    assert float(theory.bits_back_cost(0.0, tau, GaussianPrior(tau))) == 0.0


@settings(deadline=None, max_examples=50)
@given(
    st.sampled_from(PRIORS), st.floats(-5, 5), st.floats(-4, 2).map(lambda x: 10.0**x), st.integers(-150, 150)
)
def test_divergence_is_at_least_zero_and_knows_no_unit(prior, mean, scale, exponent) -> None:
    found = float(theory.bits_back_cost(mean, scale, prior))
    assert found >= 0
    unit = 10.0**exponent
    fields = {name: unit * value for name, value in vars(prior).items()}
    other = float(theory.bits_back_cost(unit * mean, unit * scale, type(prior)(**fields)))
    assert other == pytest.approx(found, rel=1e-9, abs=1e-10)


def test_narrow_spikes_are_two_centres() -> None:
    """Near a spike the cost is that of a Gaussian around its centre, and ln 2 for which one."""
    spike, scale = 1e-6, 3e-7
    means = np.array([1.0 + 2e-6, -1.0 + 1e-6])
    near = theory.bits_back_cost(np.array([2e-6, 1e-6]), scale, GaussianPrior(spike))
    found = theory.bits_back_cost(means, scale, TwoSpikePrior(1.0, spike))
    np.testing.assert_allclose(found, near + np.log(2), rtol=1e-8)


def test_the_cost_is_what_a_sample_pays_on_average() -> None:
    """Mean over draws of ln q(w)/p(w), within four standard errors."""
    generator = np.random.default_rng(0)
    for prior in PRIORS:
        mean, scale = 0.6, 0.25
        draws = mean + scale * generator.standard_normal(40_000)
        ratio = -(((draws - mean) / scale) ** 2) / 2 - np.log(scale * np.sqrt(2 * np.pi))
        paid = ratio - prior.log_density(draws)
        error = paid.std(ddof=1) / len(draws) ** 0.5
        assert error < 0.25  # of 4,000 nats where the spikes are narrow
        assert abs(paid.mean() - float(theory.bits_back_cost(mean, scale, prior))) <= 4 * error


WEIGHTS = np.concatenate([sign + 0.2 * np.random.default_rng(1).standard_normal(400) for sign in (-1.0, 1.0)])


@pytest.mark.parametrize("scales", [0.0, 0.15])
@pytest.mark.parametrize("kind", ["gaussian", "laplace", "two_spike"])
def test_empirical_bayes_makes_the_weights_shortest(kind, scales) -> None:
    """Against a search over the prior's numbers."""
    kinds = {"gaussian": GaussianPrior, "laplace": LaplacePrior, "two_spike": TwoSpikePrior}
    prior = theory.empirical_bayes_prior(WEIGHTS, kind, scales)

    def nats(logs: np.ndarray) -> float:
        candidate = kinds[kind](*np.exp(logs))
        if scales:
            return float(np.mean(theory.bits_back_cost(WEIGHTS, scales, candidate)))
        return float(np.mean(-candidate.log_density(WEIGHTS)))

    found = np.log(list(vars(prior).values()))
    best = minimize(nats, found + 0.1, method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-13})
    assert nats(found) <= best.fun + 1e-9
    np.testing.assert_allclose(np.exp(found), np.exp(best.x), rtol=1e-4)


def test_expectation_maximisation_becomes_k_means() -> None:
    """Far from each other in units of their width, the spikes are the means of the weights by sign."""
    weights = np.where(WEIGHTS > 0, 1.0, -1.0) + 0.01 * (WEIGHTS - np.sign(WEIGHTS))
    prior = theory.empirical_bayes_prior(weights, "two_spike")
    centres = np.abs(weights).mean()
    assert prior.center == pytest.approx(centres, rel=1e-9)
    assert prior.spike_scale == pytest.approx(np.sqrt(np.mean((np.abs(weights) - centres) ** 2)), rel=1e-6)


def test_scale_of_any_size_and_shape() -> None:
    assert theory.empirical_bayes_scale([[3.0, 4.0]]) == pytest.approx(12.5**0.5)
    assert theory.empirical_bayes_scale([3.0, 4.0], [1.0, 2.0]) == pytest.approx(15.0**0.5)
    assert theory.empirical_bayes_scale([0.0, 0.0], 0.1) == pytest.approx(0.1)
    assert theory.empirical_bayes_scale([3e200, 4e200]) == pytest.approx(12.5**0.5 * 1e200)
    assert theory.empirical_bayes_scale([3e-200, 4e-200]) == pytest.approx(12.5**0.5 * 1e-200)
    assert theory.empirical_bayes_prior([3e200, -4e200], "laplace").scale == pytest.approx(3.5e200)


def test_two_spikes_without_two_modes_come_to_an_end() -> None:
    weights = np.random.default_rng(2).standard_normal(2000)
    spikes = theory.empirical_bayes_prior(weights, "two_spike")
    gaussian = theory.empirical_bayes_prior(weights)
    assert spikes.log_density(weights).sum() >= gaussian.log_density(weights).sum() - 0.1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: theory.empirical_bayes_scale([0.0, 0.0]), r"more than zeros, got 2 zero"),
        (lambda: theory.empirical_bayes_scale([]), r"more than zeros, got 0 zero"),
        (lambda: theory.empirical_bayes_scale([1.0], -1.0), "posterior_scale must lie in"),
        (lambda: theory.empirical_bayes_prior([1.0], "cauchy"), "kind must be one of"),
        (lambda: theory.empirical_bayes_prior([1.0, -1.0], "two_spike"), "more than one size"),
    ],
)
def test_bad_input_is_refused_in_words(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("ratio", [1e2, 1e4, 1e6, 1e9])
def test_a_posterior_inside_one_narrow_spike(ratio) -> None:
    # The other spike has no share there: the divergence from this one, and ln 2.
    spike, s = 1 / ratio, 1e-3 / ratio**2
    expected = theory.bits_back_cost(0.0, s, GaussianPrior(spike)) + np.log(2.0)
    assert theory.bits_back_cost(1.0, s, TwoSpikePrior(1.0, spike)) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("unit", [1e-290, 1e-150, 1e150, 1e290])
def test_units_that_nothing_shares(unit) -> None:
    """A prior and a posterior hundreds of decades apart: the leading terms are the whole, and never NaN."""
    with np.errstate(over="ignore"):
        square = np.float64(unit) ** 2
    half = np.log(2 * np.pi) / 2
    # A point and a wide prior, or a wide posterior and a narrow prior.
    laplace = np.log(2 * unit) - 0.5 - half + np.sqrt(2 / np.pi) / unit
    assert float(LaplacePrior(unit).divergence(0.0, 1.0)) == pytest.approx(laplace, rel=1e-12)
    spikes = np.log(unit) - 0.5 + 1 / (2 * square) if square else np.inf
    assert float(TwoSpikePrior(unit * 1e-9, unit).divergence(0.0, 1.0)) == pytest.approx(spikes, rel=1e-12)
    # At the centre of one of two spikes that are far apart: ln 2 and the Gaussian divergence of that spike.
    if unit > 1:
        assert float(TwoSpikePrior(unit, 1.0).divergence(unit, 1.0)) == pytest.approx(np.log(2))
        assert float(TwoSpikePrior(unit, 1 / unit).divergence(-unit, 1 / unit)) == pytest.approx(np.log(2))
    for prior in (
        GaussianPrior(unit),
        LaplacePrior(unit),
        TwoSpikePrior(unit, 1.0),
        TwoSpikePrior(1.0, unit),
    ):
        for mean in (0.0, 1e-300, 1.0, 1e300):
            assert np.all(prior.divergence(mean, [1e-300, 1e-150, 1.0, 1e150, 1e300]) >= 0)


def test_two_spikes_in_pieces(monkeypatch) -> None:
    weights = np.random.default_rng(0).normal([[-1.0], [1.0]], 0.3, (2, 50)).ravel()
    whole = theory.empirical_bayes_prior(weights, "two_spike", 0.1)
    monkeypatch.setattr("ratedist.theory.bits_back.CHUNK", 7)
    pieces = theory.empirical_bayes_prior(weights, "two_spike", 0.1)
    assert pieces.center == pytest.approx(whole.center, rel=1e-12)
    assert pieces.spike_scale == pytest.approx(whole.spike_scale, rel=1e-12)

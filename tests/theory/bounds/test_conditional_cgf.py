"""The conditional-CGF bound: quadrature against brute force, samples against quadrature, ordering."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist.linear_model.model import GaussianLinearModel
from ratedist.linear_model.weights import two_level_weights
from ratedist.theory.bounds.conditional_cgf import (
    conditional_cgf_bound,
    conditional_cgf_relaxation,
    product_cgf_bound,
)
from ratedist.theory.bounds.generalization import exact_cgf_bound
from ratedist.theory.bounds.oracle_cgf import oracle_conditional_cgf_bound, oracle_loss_variance
from ratedist.theory.oracle import (
    oracle_gaussian_rate,
    oracle_generalization_error,
    oracle_population_risk,
)
from ratedist.theory.oracle_information import oracle_rate

FIGURE2 = GaussianLinearModel(80, two_level_weights(50))
NOISELESS = GaussianLinearModel(80, two_level_weights(50), 0.0)


@pytest.mark.parametrize(
    ("alpha", "truth", "conditional", "product", "relaxation"),
    [(0.1, 2.0153, 2.3305, 2.3315, 5.04), (0.5, 0.8998, 1.2782, 1.2789, 2.05)],
)
def test_oracle_golden_values_at_the_gaussian_rate(alpha, truth, conditional, product, relaxation):
    rate = float(oracle_gaussian_rate(FIGURE2, alpha))
    law = oracle_loss_variance(FIGURE2, alpha)
    assert float(oracle_generalization_error(FIGURE2, alpha)) == pytest.approx(truth, abs=5e-5)
    assert conditional_cgf_bound(FIGURE2, rate, *law).value == pytest.approx(conditional, abs=5e-5)
    assert product_cgf_bound(FIGURE2, rate, *law).value == pytest.approx(product, abs=5e-5)
    assert conditional_cgf_relaxation(FIGURE2, rate, *law).value == pytest.approx(relaxation, abs=5e-3)


def test_oracle_bound_at_its_exact_rate_is_a_little_tighter():
    assert oracle_conditional_cgf_bound(FIGURE2, 0.1).value == pytest.approx(2.3295, abs=5e-5)
    assert oracle_conditional_cgf_bound(FIGURE2, 0.5).value == pytest.approx(1.2769, abs=5e-5)


@pytest.mark.parametrize(("d", "n"), [(1, 3), (1, 6), (2, 5), (10, 12), (50, 80), (500, 800)])
@pytest.mark.parametrize("alpha", [0.0, 0.1, 0.7])
def test_oracle_loss_variance_has_the_known_moments(d, n, alpha):
    model = GaussianLinearModel(n, two_level_weights(d), 2.0)
    nodes, weights = oracle_loss_variance(model, alpha)
    assert weights.sum() == pytest.approx(1.0, rel=1e-13)
    assert weights @ nodes == pytest.approx(float(oracle_population_risk(model, alpha)), rel=1e-10)
    if n > d + 3:  # E v(g)², with E g⁻¹ = 1/(ν−2), E g⁻² = 1/((ν−2)(ν−4))
        m, fresh = n - d - 1, (1 - alpha) * alpha / n
        square = (1 - alpha) ** 4 / (m * (m - 2)) + 2 * (1 - alpha) ** 2 * fresh / m + fresh**2
        assert weights @ (nodes - 2.0) ** 2 == pytest.approx(4 * square * d * (d + 2), rel=1e-10)


@settings(max_examples=30)
@given(
    d=st.integers(1, 12),
    excess=st.integers(2, 30),
    noise=st.floats(1e-3, 1e3),
    alpha=st.floats(0.0, 1.0),
)
def test_oracle_bound_holds_at_every_model(d, excess, noise, alpha):
    model = GaussianLinearModel(d + excess, two_level_weights(d), noise)
    bound = oracle_conditional_cgf_bound(model, alpha)
    truth = float(oracle_generalization_error(model, alpha))
    assert truth <= bound.value * (1 + 1e-9)
    assert bound.value <= float(oracle_population_risk(model, alpha)) * (1 + 1e-9)
    assert bound.sem == 0


@st.composite
def laws(draw):
    size = draw(st.integers(1, 6))
    variance = draw(st.lists(st.floats(1e-6, 1e6), min_size=size, max_size=size))
    mass = np.array(draw(st.lists(st.floats(1e-3, 1.0), min_size=size, max_size=size)))
    return np.array(variance), mass / mass.sum()


@settings(max_examples=25)
@given(law=laws(), log_rate=st.floats(-35, 8))
def test_ordering_of_the_bounds_for_any_law(law, log_rate):
    """The conditional form is below the product form, the relaxation, the exact-CGF bound and the mean."""
    variance, weights = law
    rate = math.exp(log_rate)
    conditional = conditional_cgf_bound(NOISELESS, rate, variance, weights).value
    tolerance = 1 + 1e-9
    assert 0 < conditional <= (weights @ variance) * tolerance
    assert conditional <= product_cgf_bound(NOISELESS, rate, variance, weights).value * tolerance
    assert conditional <= conditional_cgf_relaxation(NOISELESS, rate, variance, weights).value * tolerance
    assert conditional <= float(exact_cgf_bound(NOISELESS, rate, math.sqrt(variance.max()))) * tolerance


@settings(max_examples=20)
@given(law=laws(), log_rate=st.floats(-6, 7), log_scale=st.floats(-8, 8))
def test_infimum_against_a_grid_of_slopes_at_any_scale(law, log_rate, log_scale):
    variance, weights = law[0] * 10**log_scale, law[1]
    eta = math.exp(log_rate) / NOISELESS.n
    slopes = np.geomspace(1e-9, 1e12, 20_001) / variance.max()
    t = 2 * slopes[:, None] * variance
    conditional = (eta + (t - np.log1p(t)) @ weights / 2) / slopes
    product = (eta + t @ weights / 2 + np.log((1 + t) ** -0.5 @ weights)) / slopes
    rate = math.exp(log_rate)
    for function, grid in ((conditional_cgf_bound, conditional), (product_cgf_bound, product)):
        found = function(NOISELESS, rate, variance, weights)
        assert found.value == pytest.approx(grid.min(), rel=1e-5)
        assert found.value <= grid.min() * (1 + 1e-9)


def test_a_single_loss_variance_gives_the_exact_cgf_bound():
    for rate in (1e-13, 1e-3, 5.0, 400.0, 1e5):
        found = conditional_cgf_bound(NOISELESS, rate, [2.5], [1.0])
        assert found.value == pytest.approx(
            float(exact_cgf_bound(NOISELESS, rate, math.sqrt(2.5))), rel=1e-12
        )


@pytest.mark.parametrize("alpha", [0.1, 0.5])
def test_sample_splitting_agrees_with_quadrature(alpha):
    rng = np.random.default_rng(3)
    g, q = rng.chisquare(FIGURE2.degrees_of_freedom, 200_000), rng.chisquare(50, 200_000)
    samples = 1 + ((1 - alpha) ** 2 / g + (1 - alpha) * alpha / 80) * q
    rate = float(oracle_rate(FIGURE2, alpha))
    law = oracle_loss_variance(FIGURE2, alpha)
    for function, cap in ((conditional_cgf_bound, 2e-3), (conditional_cgf_relaxation, 1e-2)):
        exact, estimated = function(FIGURE2, rate, *law), function(FIGURE2, rate, samples)
        assert 0 < estimated.sem < cap
        assert abs(estimated.value - exact.value) < 4 * estimated.sem
        assert estimated.slope == pytest.approx(exact.slope, rel=0.02)


def test_splitting_keeps_the_bound_from_being_biased_low():
    """All 16 equally likely samples of size four from a fair two-point law, so that both means are exact."""
    law, rate = [0.01, 1.0], 0.8
    exact = conditional_cgf_bound(NOISELESS, rate, law, [0.5, 0.5]).value
    samples = list(itertools.product(law, repeat=4))
    split = np.mean([conditional_cgf_bound(NOISELESS, rate, one).value for one in samples])
    same = np.mean([conditional_cgf_bound(NOISELESS, rate, one, np.full(4, 1 / 4)).value for one in samples])
    assert same < exact < split


def test_ends():
    for function in (conditional_cgf_bound, conditional_cgf_relaxation):
        for weights in (None, [0.1, 0.2, 0.3, 0.4]):
            nothing = function(FIGURE2, 0.0, [1.0, 2.0, 3.0, 4.0], weights)
            assert (nothing.value, nothing.slope, nothing.sem) == (0.0, 0.0, 0.0)
            assert function(NOISELESS, 3.0, np.zeros(4), weights).value == 0.0
    everything = conditional_cgf_bound(FIGURE2, math.inf, [1.0, 2.0], [0.5, 0.5])
    assert (everything.value, everything.slope) == (1.5, math.inf)
    assert product_cgf_bound(FIGURE2, math.inf, [1.0, 2.0], [0.5, 0.5]).value == 1.5
    assert conditional_cgf_relaxation(FIGURE2, math.inf, [1.0, 2.0], [0.5, 0.5]).value == math.inf
    # With mass at σ_ℓ² = 0 the product form has its infimum at infinite slope.
    assert product_cgf_bound(NOISELESS, 80.0, [0.0, 1.0], [0.5, 0.5]).value == pytest.approx(0.5, rel=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: conditional_cgf_bound(FIGURE2, np.ones(2), [1.0], [1.0]),  # type: ignore[arg-type]
            "one number",
        ),
        (lambda: conditional_cgf_bound(FIGURE2, -1.0, [1.0], [1.0]), "rate"),
        (lambda: conditional_cgf_bound(FIGURE2, 1.0, [0.9, 2.0, 2.0, 2.0]), "noise variance 1, got 0.9"),
        (lambda: conditional_cgf_bound(FIGURE2, 1.0, [1.0, 2.0, 3.0]), "at least 4 samples"),
        (lambda: conditional_cgf_bound(FIGURE2, 1.0, [1.0, math.inf], [0.5, 0.5]), "finite"),
        (lambda: conditional_cgf_bound(FIGURE2, 1.0, [1.0, 2.0], [0.5, 0.6]), "summing to 1"),
        (lambda: conditional_cgf_bound(FIGURE2, 1.0, [1.0, 2.0], [1.5, -0.5]), "weights"),
        (lambda: conditional_cgf_bound(FIGURE2, 1.0, [[1.0]], [[1.0]]), r"shape \(m,\)"),
        (lambda: product_cgf_bound(FIGURE2, 1.0, [1.0, 2.0, 3.0, 4.0], None), "weights must be given"),  # type: ignore[arg-type]
        (lambda: oracle_loss_variance(FIGURE2, 1.1), "alpha"),
        (lambda: oracle_loss_variance(GaussianLinearModel(51, two_level_weights(50)), 0.5), "n > d"),
    ],
)
def test_bad_input_is_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call()

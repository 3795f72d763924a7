"""Posteriors over parameters: the linear model, where all is known, quadrature, and brute force."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

import ratedist as rd
from ratedist.networks import diagonal_posterior, variational_posterior
from ratedist.networks.losses import cross_entropy
from tests.networks.drawn import drawn
from tests.networks.models import PARAMETERS, TRAIN, logits_fn
from tests.statistics import assert_agrees

SIGMA, TAU = 0.7, 0.4


def linear_problem(orthogonal):
    """Inputs, outputs, A = XᵀX and the mean of Bayes' posterior under N(0, τ²)."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(30, 4)) * [1.0, 0.3, 2.0, 0.5]
    if orthogonal:
        x = np.linalg.qr(x)[0] * [1.0, 4.0, 9.0, 0.2]
    y = x @ (TAU * rng.normal(size=4)) + SIGMA * rng.normal(size=30)
    A = x.T @ x
    precision = A / SIGMA**2 + np.eye(4) / TAU**2
    return x, y, A, np.linalg.solve(precision, x.T @ y / SIGMA**2), precision


def of_linear_model(A, mean):
    # The loss of a sample is (y − xw)²/2σ² nats; A/n is half the Hessian of the mean squared error.
    curvature = {"w": np.diag(A) / 30 / SIGMA**2}
    return diagonal_posterior({"w": mean}, curvature, 30, weight_decay=1 / (30 * TAU**2))


def expected_nats(x, y, mean, scale):
    """``E −ln p(y | x, w)`` for independent w: the mean of squares in closed form."""
    squares = np.sum((y - x @ mean) ** 2) + np.sum(x**2 @ scale**2)
    return len(y) * math.log(2 * math.pi * SIGMA**2) / 2 + squares / (2 * SIGMA**2)


def test_weights_and_data_are_the_evidence_where_the_posterior_is_exact():
    x, y, A, mean, precision = linear_problem(orthogonal=True)
    posterior = of_linear_model(A, mean)
    np.testing.assert_allclose(posterior.scale["w"], np.diag(precision) ** -0.5, rtol=1e-12)
    marginal = stats.multivariate_normal(np.zeros(30), SIGMA**2 * np.eye(30) + TAU**2 * x @ x.T)
    total = posterior.cost.nats + expected_nats(x, y, mean, posterior.scale["w"])
    assert total == pytest.approx(-marginal.logpdf(y), rel=1e-12)
    # What rises when weights are drawn is half of the degrees of freedom, tr A(A + λI)⁻¹.
    determined = np.trace(np.linalg.solve(A + SIGMA**2 / TAU**2 * np.eye(4), A))
    assert posterior.num_determined == pytest.approx(determined)
    rise = expected_nats(x, y, mean, posterior.scale["w"]) - expected_nats(x, y, mean, np.zeros(4))
    assert posterior.predicted_rise == pytest.approx(rise)


def test_for_correlated_inputs_it_is_the_best_diagonal_one():
    x, y, A, mean, precision = linear_problem(orthogonal=False)
    posterior = of_linear_model(A, mean)
    marginal = stats.multivariate_normal(np.zeros(30), SIGMA**2 * np.eye(30) + TAU**2 * x @ x.T)

    def total(scale):
        weights = rd.theory.bits_back_cost(mean, scale, rd.theory.GaussianPrior(TAU)).sum()
        return weights + expected_nats(x, y, mean, scale)

    least = total(posterior.scale["w"])
    excess = (np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1]) / 2
    assert least == pytest.approx(excess - marginal.logpdf(y), rel=1e-12)
    found = optimize.minimize(lambda logs: total(np.exp(logs)), np.log(np.full(4, 0.1)), tol=1e-10)
    assert least == pytest.approx(found.fun, abs=1e-8)


def test_the_best_prior_is_found_by_brute_force_too():
    rng = np.random.default_rng(0)
    mu, h = rng.normal(size=12), np.append(rng.exponential(size=9) ** 4, np.zeros(3))
    posterior = diagonal_posterior([mu], [h], 50)

    def total(tau):
        def one(log_s, m, curvature):
            s = math.exp(log_s)
            return math.log(tau / s) + (s * s + m * m) / (2 * tau * tau) - 0.5 + 25 * curvature * s * s

        return sum(
            optimize.minimize_scalar(one, (-9.0, 3.0), args=pair, tol=1e-12).fun
            for pair in zip(mu, h, strict=True)
        )

    taus = np.geomspace(0.05, 20, 60)
    totals = [total(tau) for tau in taus]
    place = int(np.argmin(totals))
    assert 0 < place < 59
    found = optimize.minimize_scalar(
        lambda t: total(math.exp(t)), np.log(taus[[place - 1, place, place + 1]]), tol=1e-12
    )
    assert posterior.cost.layers["0"].prior.scale == pytest.approx(math.exp(found.x), rel=1e-5)
    assert posterior.cost.nats + posterior.predicted_rise == pytest.approx(found.fun, rel=1e-10)


@given(
    st.lists(st.tuples(st.floats(-20, 20), st.floats(-40, 40)), min_size=1, max_size=8),
    st.floats(-60, 60),
    st.integers(0, 2**32 - 1),
)
def test_the_prior_is_a_fixed_point_over_eighty_decades(exponents, scale, seed):
    unit = 10.0**scale
    signs = np.random.default_rng(seed).choice([-1, 1], len(exponents))
    mu = signs * unit * 10.0 ** np.array([one for one, _ in exponents])
    h = 10.0 ** np.array([other for _, other in exponents]) / unit**2
    h = np.clip(h, 0, 1e149)
    posterior = diagonal_posterior([mu], [h], 1)
    s, tau = posterior.scale[0], posterior.cost.layers["0"].prior.scale
    assert tau == pytest.approx(math.hypot(*np.append(mu, s)) / math.sqrt(mu.size), rel=1e-6)
    np.testing.assert_allclose(1 / np.sqrt(h + 1 / tau**2), s, rtol=1e-6)
    assert 0 <= posterior.num_determined <= mu.size * (1 + 1e-12)
    # In other units of the weights it is the same code.
    other = diagonal_posterior([mu * 8], [h / 64], 1)
    assert other.cost.nats == pytest.approx(posterior.cost.nats, rel=1e-6, abs=1e-9)


def test_more_samples_or_more_weight_of_the_data_cost_more_weights():
    curvature = jax.tree.map(lambda leaf: np.full(leaf.shape, 0.01), PARAMETERS)
    costs = [diagonal_posterior(PARAMETERS, curvature, n).cost.nats for n in (10, 100, 1000)]
    weighted = [diagonal_posterior(PARAMETERS, curvature, 10, data_weight=w) for w in (1, 10, 100)]
    assert costs == pytest.approx([one.cost.nats for one in weighted])
    assert sorted(costs) == costs
    own = [
        diagonal_posterior(PARAMETERS, curvature, 10, weight_decay=0.01, data_weight=w) for w in (1, 10, 100)
    ]
    for posterior in own:
        scales = [one.prior.scale for one in posterior.cost.layers.values()]
        assert scales == pytest.approx([10**0.5] * len(scales))
    # The number of determined parameters is of the data as they are, once.
    assert own[0].num_determined > own[1].num_determined


def test_zeros_cost_nothing_and_other_leaves_stay():
    tree = {"w": np.array([0.5, -0.2], np.float32), "b": np.zeros(3), "steps": 7, "kind": np.arange(2)}
    h = tree | {"w": np.array([1.0, 0.0]), "b": np.ones(3)}
    posterior = diagonal_posterior(tree, h, 100)
    zeros = posterior.cost.layers["b"]
    assert (zeros.prior, zeros.nats) == (None, 0)
    assert list(posterior.cost.layers) == ["b", "w"]
    assert posterior.cost.num_weights == 5
    drawn = posterior.draw(jax.random.key(0))
    assert drawn["steps"] == 7
    assert drawn["kind"] is tree["kind"]
    assert drawn["w"].dtype == np.float32
    np.testing.assert_array_equal(drawn["b"], 0)


def test_draws_have_the_moments_that_they_should():
    mu, h = np.linspace(-1, 1, 4000), np.geomspace(1e-3, 1, 4000)
    posterior = diagonal_posterior({"v": mu, "w": mu}, {"v": h, "w": h}, 40)
    drawn = [posterior.draw(key) for key in jax.random.split(jax.random.key(1), 2)]
    z = np.concatenate([(one[name] - mu) / posterior.scale[name] for one in drawn for name in "vw"])
    # Four standard errors each.
    assert abs(z.mean()) < 4 / math.sqrt(16_000)
    assert abs(z.var() - 1) < 4 * math.sqrt(2 / 16_000)
    # Neither draws nor arrays share their chance.
    assert np.abs(np.corrcoef(z.reshape(4, -1)) - np.eye(4)).max() < 4 / math.sqrt(4000)


def test_the_curvature_of_a_network_is_in_the_right_units():
    """Draws and their mirror images: ``mean of L(μ + e) + L(μ − e) − 2L(μ)`` is ``Σ h s²`` a sample."""
    network = rd.networks.mlp(6, (5,), 3)
    parameters = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), drawn(network))
    images, labels = np.random.default_rng(1).normal(size=(7, 6)), np.arange(7) % 3
    curvature = rd.networks.gauss_newton_diagonal(network, parameters, images)
    # A prior so tight that no activation changes its sign.
    posterior = diagonal_posterior(parameters, curvature, len(images), weight_decay=1e10)

    rng, draws = np.random.default_rng(0), 1000
    errors = jax.tree.map(lambda s: s * rng.normal(size=(draws, *s.shape)), posterior.scale)

    @jax.jit
    @jax.vmap
    def rise(error):
        sides = (jax.tree.map(lambda m, e, k=k: m + k * e, parameters, error) for k in (-1, 0, 1))
        outputs = (rd.networks.logits(network, side, images) for side in sides)
        first, mean, second = (cross_entropy(z, labels).sum() for z in outputs)
        return (first + second) / 2 - mean

    found = np.asarray(rise(errors)) / posterior.predicted_rise
    sem = found.std(ddof=1) / math.sqrt(draws)
    assert_agrees(rd.Estimate(found.mean(), sem, draws), 1.0, 0.05)


# One input that is 1, two classes: all depends on one sum of two weights and two biases with signs.
TINY = rd.networks.mlp(1, (), 2)
TINY_PARAMETERS = {"dense1": {"weight": jnp.array([[0.4, -0.2]]), "bias": jnp.array([-0.3, 0.1])}}
ONES, LABELS, DIFFERENCE = np.ones((12, 1)), np.array([0] * 9 + [1] * 3), 0.2
NODES, SHARES = np.polynomial.hermite_e.hermegauss(80)
SHARES = SHARES / SHARES.sum()


def tiny_length(scales):
    """``E −ln p`` of the labels by quadrature."""
    v = DIFFERENCE + np.linalg.norm(scales) * NODES
    return SHARES @ (9 * np.logaddexp(0, -v) + 3 * np.logaddexp(0, v))


def test_the_length_of_the_data_is_that_of_draws():
    h = {"dense1": {"weight": np.array([[0.05, 0.2]]), "bias": np.ones(2)}}
    posterior = diagonal_posterior(TINY_PARAMETERS, h, 12)
    found = posterior.data_length(TINY, (ONES, LABELS), jax.random.key(0), 200)
    expected = tiny_length(np.concatenate([one.ravel() for one in jax.tree.leaves(posterior.scale)]))
    assert_agrees(found, expected, 0.1 * expected)
    assert found.num_trials == 200


def test_the_variational_posterior_is_where_the_length_is_least():
    """Against quadrature: the fixed point of its equation, which is where the length is least."""
    tau2 = 1 / (12 * 0.05)

    def equation(s2):
        p = 1 / (1 + np.exp(-DIFFERENCE - 2 * math.sqrt(s2) * NODES))
        return 1 / s2 - 12 * (SHARES @ (p * (1 - p))) - 1 / tau2

    s = math.sqrt(optimize.brentq(equation, 1e-3, 10))

    def length(logs):
        prior = rd.theory.GaussianPrior(math.sqrt(tau2))
        return tiny_length(np.exp(logs)) + rd.theory.bits_back_cost(0.0, np.exp(logs), prior).sum()

    best = optimize.minimize(length, np.log(np.full(4, 0.5)), tol=1e-10)
    np.testing.assert_allclose(np.exp(best.x), s, rtol=1e-4)
    found = [
        variational_posterior(
            TINY, TINY_PARAMETERS, ONES, key, weight_decay=0.05, num_rounds=25
        ).scale["dense1"]["bias"][0]
        for key in jax.random.split(jax.random.key(2), 5)
    ]  # fmt: skip
    sem = np.std(found, ddof=1) / math.sqrt(5)
    assert_agrees(rd.Estimate(np.mean(found), sem, 5), s, 0.02 * s)
    # The curvature at the parameters is another one: this test can fail.
    p = 1 / (1 + math.exp(-DIFFERENCE))
    assert abs((12 * p * (1 - p) + 1 / tau2) ** -0.5 - s) > 4 * sem


def test_the_variational_posterior_of_any_model():
    """By hand: the curvature at the parameters, and a third of the way to that at a draw."""
    inputs, key = TRAIN[0][:24], jax.random.key(0)
    posterior = variational_posterior(logits_fn, PARAMETERS, inputs, key, num_rounds=1)
    first = rd.networks.gauss_newton_diagonal(logits_fn, PARAMETERS, inputs)
    drawn = diagonal_posterior(PARAMETERS, first, 24).draw(jax.random.fold_in(key, 0))
    second = rd.networks.gauss_newton_diagonal(logits_fn, drawn, inputs)
    expected = diagonal_posterior(
        PARAMETERS, jax.tree.map(lambda one, other: one + (other - one) / 3, first, second), 24
    )
    assert posterior.cost.nats == pytest.approx(expected.cost.nats)
    # The receiver, who has the key, finds the same to the last digit.
    one, other = (variational_posterior(TINY, TINY_PARAMETERS, ONES, key) for _ in range(2))
    jax.tree.map(np.testing.assert_array_equal, one.scale, other.scale)


def test_what_makes_no_sense_is_refused_in_words():
    w, h = {"w": np.ones(3)}, {"w": np.ones(3)}
    for arguments, options, words in (
        ((w, {"v": np.ones(3)}, 5), {}, "structure of parameters"),
        ((w, {"w": np.ones(4)}, 5), {}, r"shape \(3,\), got \(4,\)"),
        ((w, {"w": -np.ones(3)}, 5), {}, "curvature, w must lie in"),
        ((w, {"w": np.zeros(3)}, 5), {}, "curvature, w is zero throughout"),
        ((w, {"w": np.full(3, np.nan)}, 5), {}, "curvature, w must lie in"),
        (({"w": np.array([1.0, np.inf])}, {"w": np.ones(2)}, 5), {}, "parameters, w must be finite"),
        ((w, h, 0), {}, "num_samples must be at least 1"),
        ((w, h, 5), {"weight_decay": 0.0}, "weight_decay must be one number above zero"),
        ((w, h, 5), {"data_weight": 0.0}, "data_weight must be one number above zero"),
        (({"k": np.arange(3)}, {"k": np.arange(3)}, 5), {}, "at least one floating-point array"),
    ):
        with pytest.raises(ValueError, match=words):
            diagonal_posterior(*arguments, **options)
    assert diagonal_posterior(w, {"w": np.zeros(3)}, 5, weight_decay=0.1).num_determined == 0
    posterior = diagonal_posterior(TINY_PARAMETERS, jax.tree.map(np.ones_like, TINY_PARAMETERS), 5)
    with pytest.raises(ValueError, match="pair"):
        posterior.data_length(TINY, ONES, jax.random.key(0))
    with pytest.raises(ValueError, match="num_draws"):
        posterior.data_length(TINY, (ONES, np.zeros(12, int)), jax.random.key(0), 0)

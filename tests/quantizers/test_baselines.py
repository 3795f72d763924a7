import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist import codes, units
from ratedist.quantizers import Lloyd, entropy_constrained_quantizer, kmeans, uniform_quantizer
from ratedist.quantizers.baselines import lower_envelope


def test_uniform_quantizer():
    weights = np.array([0.0, 0.9, 1.1, 2.4, 4.0])
    result = uniform_quantizer(weights, 4, importance=[1.0, 0.0, 2.0, 1.0, 1.0])
    np.testing.assert_allclose(result.centers, [0.5, 1.5, 2.5, 3.5])
    np.testing.assert_array_equal(result.labels, [0, 0, 1, 2, 3])
    assert result.objective == pytest.approx(0.25 + 2 * 0.16 + 0.01 + 0.25)


def test_uniform_quantizer_of_constant_weights():
    result = uniform_quantizer(np.full(3, 2.0), 5)
    np.testing.assert_array_equal(result.reconstruction, 2.0)


def test_uniform_quantizer_at_high_rate_loses_a_twelfth_of_the_squared_step():
    weights = np.random.default_rng(0).uniform(size=10**5)
    result = uniform_quantizer(weights, 64)
    assert result.objective / weights.size == pytest.approx(1 / (12 * 64**2), rel=0.01)


@settings(max_examples=50)
@given(st.integers(0, 2**32), st.integers(1, 12))
def test_lower_envelope(seed, size):
    rng = np.random.default_rng(seed)
    centers, offsets = np.sort(rng.normal(size=size)), rng.exponential(size=size) * rng.choice([0.01, 1.0])
    if seed % 3 == 0:
        centers = np.sort(np.round(centers))
    kept, thresholds = lower_envelope(centers, offsets)
    x = np.linspace(-5, 5, 2001)
    values = (x[:, None] - centers) ** 2 + offsets
    chosen = kept[np.searchsorted(thresholds, x, side="left")]
    np.testing.assert_allclose(values[np.arange(x.size), chosen], values.min(axis=1), atol=1e-9)
    assert np.all(np.diff(thresholds) > 0)


@pytest.mark.parametrize("weighted", [False, True])
def test_entropy_constrained_quantizer_never_ascends(weighted):
    rng = np.random.default_rng(1)
    weights = rng.laplace(size=400)
    importance = rng.exponential(size=400) if weighted else None
    for price in (0.0, 0.05, 1.0):
        objectives = [
            entropy_constrained_quantizer(weights, 12, price, importance, max_iterations=t).objective
            for t in range(1, 15)
        ]
        assert np.all(np.diff(objectives) <= 1e-10)


def test_entropy_constrained_quantizer_at_price_zero_is_k_means():
    weights = np.random.default_rng(2).normal(size=500)
    ours = entropy_constrained_quantizer(weights, 5, 0.0)
    np.testing.assert_allclose(
        ours.centers, kmeans(weights, 5, method=Lloyd(init="linear")).centers, rtol=1e-12
    )


def test_equal_importances_change_nothing():
    weights = np.random.default_rng(3).normal(size=500)
    interval = entropy_constrained_quantizer(weights, 9, 0.05)
    general = entropy_constrained_quantizer(weights, 9, 0.05, np.ones(500))
    np.testing.assert_allclose(general.centers, interval.centers, rtol=1e-9)
    np.testing.assert_array_equal(general.labels, interval.labels)
    assert general.objective == pytest.approx(interval.objective, rel=1e-12)


def test_objective_is_distortion_plus_price_times_entropy():
    rng = np.random.default_rng(4)
    weights, importance = rng.normal(size=300), rng.exponential(size=300)
    result = entropy_constrained_quantizer(weights, 10, 0.1, importance)
    assert np.all(result.counts > 0)
    rate = 300 * codes.empirical_entropy(result.counts)
    distortion = np.sum(importance * (weights - result.reconstruction) ** 2)
    assert result.objective == pytest.approx(distortion + 0.1 * rate, rel=1e-12)


def test_high_price_leaves_one_centre():
    weights = np.random.default_rng(5).normal(size=300)
    for importance in (None, np.ones(300)):
        result = entropy_constrained_quantizer(weights, 10, 100.0, importance)
        np.testing.assert_allclose(result.reconstruction, weights.mean())


# Distortion of the best entropy-coded scalar quantiser of a unit-variance source, by its entropy in bits.
ECSQ = {"gaussian": {1: 0.348261, 2: 0.0889235}, "laplace": {1: 0.2617764, 2: 0.0729277}}


@pytest.mark.parametrize(
    ("source", "bits"),
    [
        ("gaussian", 1),
        pytest.param("laplace", 2, marks=pytest.mark.slow),
        pytest.param("gaussian", 2, marks=pytest.mark.slow),
        pytest.param("laplace", 1, marks=pytest.mark.slow),
    ],
)
def test_ecsq_at_given_entropy(source, bits):
    size = 200_000
    rng = np.random.default_rng(6)
    weights = rng.normal(size=size) if source == "gaussian" else rng.laplace(scale=2**-0.5, size=size)
    target = ECSQ[source][bits]
    # At the optimum the price of a nat is −dD/dR, near 2D. Bisection on it, on a sixth of the sample.
    low, high = 0.5 * target, 4 * target
    for _ in range(12):
        price = (low * high) ** 0.5
        trial = entropy_constrained_quantizer(weights[: size // 6], 41, price)
        too_long = units.nats_to_bits(codes.empirical_entropy(trial.counts)) > bits
        low, high = (price, high) if too_long else (low, price)
    result = entropy_constrained_quantizer(weights, 41, (low * high) ** 0.5)
    errors = (weights - result.reconstruction) ** 2
    # The pair (H, D) of the sample lies on the curve through (bits, target) of slope −price per nat, to
    # first order; what varies is the mean of price·ℓ + error over the sample.
    excess_nats = codes.empirical_entropy(result.counts) - units.bits_to_nats(float(bits))
    price = (low * high) ** 0.5
    lengths = -np.log(result.counts / size)[result.labels]
    sem = np.std(errors + price * lengths) / np.sqrt(size)
    assert sem < 0.005 * target
    assert abs(excess_nats) < 0.02
    assert abs(errors.mean() + price * excess_nats - target) < 4 * sem


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: uniform_quantizer([1.0], 0), "num_clusters"),
        (lambda: uniform_quantizer([], 1), "weights must have shape"),
        (lambda: entropy_constrained_quantizer([1.0, 2.0], 2, -0.1), "rate_penalty"),
        (lambda: entropy_constrained_quantizer([1.0, 2.0], 2, 0.1, [1.0, -1.0]), "importance"),
        (lambda: entropy_constrained_quantizer([1.0, 2.0], 2, 0.1, max_iterations=0), "max_iterations"),
    ],
)
def test_bad_input_of_baselines(call, match):
    with pytest.raises(ValueError, match=match):
        call()

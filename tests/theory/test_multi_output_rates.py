"""Rates of several outputs' weights: against one output, searches over channels, and the law of the loss."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

import ratedist as rd

T = rd.theory


def several(n: int, d: int, noise) -> rd.MultiOutputLinearModel:
    return rd.MultiOutputLinearModel(n, np.zeros((len(noise), d)), noise)


@pytest.mark.parametrize(("n", "d"), [(80, 50), (120, 50), (52, 50), (4, 2), (1000, 1)])
def test_one_output_has_the_curve_of_the_model_of_one(n: int, d: int) -> None:
    one, other = rd.GaussianLinearModel(n, np.zeros(d), 0.7), several(n, d, [0.7])
    D = np.geomspace(1e-12, 2.0, 200) * d * 0.7 / n
    R = np.concatenate([[0.0], np.geomspace(1e-6, 1e5, 60)])
    for model in (one, other):
        envelope = T.rate_distortion_envelope(one, D)
        np.testing.assert_allclose(T.multi_output_rate_bound(model, D), envelope, rtol=1e-9, atol=1e-9)
        envelope = T.distortion_rate_envelope(one, R)
        np.testing.assert_allclose(
            T.multi_output_distortion_bound(model, R), envelope, rtol=1e-8, atol=1e-300
        )
        lower = d / 2 * np.maximum(np.log(d * 0.7 / (n * D)), 0.0)
        np.testing.assert_allclose(T.multi_output_rate_lower_bound(model, D), lower, atol=1e-9)


def test_equal_noise_has_the_oracles_channel_for_all() -> None:
    model, a = several(200, 50, [2.0, 2.0, 2.0]), np.array([0.1, 0.5, 0.9])
    D = T.oracle_distortion(model, a)
    np.testing.assert_allclose(
        T.multi_output_rate_bound(model, D), T.oracle_gaussian_rate(model, a), rtol=1e-9
    )
    excess = T.multi_output_excess_risk(model, T.oracle_gaussian_rate(model, a))
    np.testing.assert_allclose(excess, T.oracle_population_risk(model, a) - model.bayes_risk, rtol=1e-9)


@pytest.mark.parametrize(
    ("n", "d"), [(60, 50), *(pytest.param(*one, marks=pytest.mark.slow) for one in ((120, 50), (60, 5)))]
)
def test_no_other_shares_need_less(n: int, d: int) -> None:
    """All shares on a grid, and mixtures of two: none is below the bound, and the best come near it."""
    noise = np.array([1.0, 0.3, 0.02])
    model, c = several(n, d, noise), n / (n - d - 1)
    grid = np.concatenate([np.geomspace(1e-3, 0.9, 20), np.linspace(0.91, 1.0, 5)])
    shares = np.array(list(itertools.product(grid, repeat=3)))
    D = d / n * shares @ noise
    rates = d / 2 * np.sum(np.log1p(c * (1 / shares - 1)), axis=1)
    assert np.all(T.multi_output_rate_bound(model, D) <= rates + 1e-9)
    order = np.argsort(D)
    hull: list[tuple[float, float]] = []  # lower convex hull of all points: time sharing
    for x, y in zip(D[order].tolist(), rates[order].tolist(), strict=True):
        while len(hull) > 1:
            (x0, y0), (x1, y1) = hull[-2:]
            if (x1 - x0) * (y - y0) > (y1 - y0) * (x - x0):
                break
            hull.pop()
        hull.append((x, y))
    distortion, rate = np.array(hull).T
    inside = (distortion > 0.02 * D.max()) & (distortion < 0.98 * D.max())
    bound = T.multi_output_rate_bound(model, distortion[inside])
    assert np.all(bound <= rate[inside] + 1e-9)
    np.testing.assert_allclose(bound, rate[inside], rtol=0.05, atol=0.1)


def test_no_other_water_level_needs_less() -> None:
    """The lower bound is the least of Gaussian rates over how the distortion is spread, on a grid."""
    noise, n, d = np.array([1.0, 0.3]), 10, 4
    model = several(n, d, noise)
    for D in (0.05, 0.2, 0.5, 0.6):
        spread = np.linspace(1e-6, 1, 200_001)
        parts = np.stack([spread * D, (1 - spread) * D]) / d  # of each weight
        rates = d / 2 * np.sum(np.maximum(np.log(noise[:, None] / n / np.maximum(parts, 1e-300)), 0), axis=0)
        found = float(T.multi_output_rate_lower_bound(model, D))
        assert rates.min() - 1e-4 < found <= rates.min() + 1e-12


NOISES = st.lists(st.floats(1e-8, 1e4), min_size=1, max_size=6)


@settings(max_examples=20)
@given(NOISES, st.integers(1, 9), st.integers(2, 40), st.floats(1e-6, 0.999))
def test_bounds_are_ordered_convex_and_each_others_inverse(noise, d: int, more: int, share: float) -> None:
    model = several(d + more, d, noise)
    largest = d * sum(noise) / model.n
    D = largest * share * np.array([0.5, 0.75, 1.0])
    rate, lower = T.multi_output_rate_bound(model, D), T.multi_output_rate_lower_bound(model, D)
    assert np.all(lower <= rate * (1 + 1e-9) + 1e-9)
    assert rate[0] >= rate[1] >= rate[2] >= 0
    assert rate[0] + rate[2] >= 2 * rate[1] * (1 - 1e-9) - 1e-9
    np.testing.assert_allclose(T.multi_output_distortion_bound(model, rate), D, rtol=1e-6)
    excess = T.multi_output_excess_risk(model, np.append(rate[::-1], np.inf))
    erm = T.erm_population_risk(model) - model.bayes_risk
    assert np.all(np.diff(excess) >= -1e-9 * erm)
    assert excess[-1] == pytest.approx(erm, rel=1e-9)


def test_ends_of_the_curve() -> None:
    model = several(80, 50, [1.0, 0.25])
    largest = 50 * 1.25 / 80
    np.testing.assert_array_equal(
        T.multi_output_rate_bound(model, [0.0, largest, 5.0, np.inf]), [np.inf, 0, 0, 0]
    )
    np.testing.assert_array_equal(T.multi_output_rate_lower_bound(model, [0.0, largest]), [np.inf, 0])
    np.testing.assert_allclose(T.multi_output_distortion_bound(model, [0.0, np.inf]), [largest, 0.0])
    assert T.multi_output_rate_bound(model, 1e-300) > 1e4
    silent = rd.MultiOutputLinearModel(80, np.zeros((2, 50)), 0.0)
    assert T.multi_output_rate_bound(silent, 0.5) == T.multi_output_distortion_bound(silent, 3.0) == 0.0
    assert T.multi_output_rate_lower_bound(silent, 0.0) == 0.0
    partly = several(80, 50, [1.0, 0.0])
    np.testing.assert_allclose(
        T.multi_output_rate_bound(partly, 0.2), T.multi_output_rate_bound(several(80, 50, [1.0]), 0.2)
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: T.multi_output_rate_bound(m, -1.0), "distortion must lie in"),
        (lambda m: T.multi_output_distortion_bound(m, np.nan), "rate must lie in"),
        (lambda m: T.multi_output_rate_bound(several(51, 50, [1.0]), 0.1), r"needs n > d \+ 1 = 51"),
        (lambda m: T.multi_output_rate_bound("model", 0.1), "model must be a GaussianLinearModel"),
        (lambda m: T.multi_output_cgf_bound(m, 1.0, [3.0] * 3), "m >= 4"),
        (lambda m: T.multi_output_cgf_bound(m, 1.0, [0.1] * 8), "at least that of the true weights, 1.25"),
        (
            lambda m: T.multi_output_cgf_bound(m, [1.0] * 3, [3.0] * 8),
            "rate must be one number or have shape",
        ),
        (lambda m: T.multi_output_cgf_bound(m, -1.0, [3.0] * 8), "rate must lie in"),
    ],
)
def test_bad_input_is_refused_in_words(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call(several(80, 50, [1.0, 0.25]))


def losses(o: int, d: int, count: int = 400) -> tuple[rd.MultiOutputLinearModel, np.ndarray, np.ndarray]:
    """A model, population risks of reconstructions, and eigenvalues of the loss of each, ``(count, o)``."""
    rng = np.random.default_rng(o)
    G = rng.standard_normal((o, 2 * o)) / o**0.5
    M = np.diag(rng.uniform(0.5, 2.0, o))
    model = rd.MultiOutputLinearModel(40, rng.standard_normal((o, d)), G @ G.T, None, M)
    E = 0.3 * rng.standard_normal((count, o, d)) * rng.uniform(0.2, 2, (count, 1, 1))
    inner = G @ G.T + E @ E.transpose(0, 2, 1)
    root = np.sqrt(M)
    eigenvalues = np.linalg.eigvalsh(root @ inner @ root)
    risks = model.bayes_risk + model.squared_norm(E.reshape(count, -1))
    np.testing.assert_allclose(eigenvalues.sum(axis=1), risks)
    return model, risks, eigenvalues


@pytest.mark.parametrize(("o", "d"), [(1, 3), (2, 5), (5, 3)])
@pytest.mark.parametrize("rate", [1e-3, 2.0, 60.0])
def test_the_bound_from_risks_alone_is_above_the_one_from_the_law_of_the_loss(o, d, rate) -> None:
    model, risks, eigenvalues = losses(o, d)
    found = T.multi_output_cgf_bound(model, rate, risks)

    def by_law(log_t: float) -> float:
        t = np.exp(log_t)
        gain = np.sum(eigenvalues - np.log1p(2 * t * eigenvalues) / (2 * t), axis=1)
        return float(rate / model.n / t + gain[len(gain) // 2 :].mean())

    exact = minimize_scalar(by_law, bounds=(-14, 14), method="bounded").fun
    assert exact <= found.value * (1 + 1e-3)
    if o == 1:
        assert found.value == pytest.approx(T.conditional_cgf_bound(single(model), rate, risks / 1.0).value)
    # At the slope that was chosen it is the sum written out, and below what the trace alone would give.
    t, largest = found.slope, model.noise_spectrum[0] + risks - model.bayes_risk
    written = largest - np.log1p(2 * t * largest) / (2 * t)
    others = np.sum(model.noise_spectrum[1:] - np.log1p(2 * t * model.noise_spectrum[1:]) / (2 * t))
    assert found.value == pytest.approx(
        rate / model.n / t + written[len(risks) // 2 :].mean() + others, rel=1e-7
    )
    trace = risks - np.log1p(2 * t * risks) / (2 * t)
    assert found.value <= rate / model.n / t + trace[len(risks) // 2 :].mean() + 1e-12


def single(model: rd.MultiOutputLinearModel) -> rd.GaussianLinearModel:
    return rd.GaussianLinearModel(model.n, np.zeros(model.num_inputs), model.bayes_risk)

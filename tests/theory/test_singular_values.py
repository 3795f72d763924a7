"""Thresholds and errors of singular values: constants, maxima, integrals, and matrices that are drawn."""

import math

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
from flint import acb, ctx
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.linalg import svds

from ratedist import theory
from ratedist.theory.singular_values import METHODS

RATIOS = [1.0, 0.6, 0.25, 0.05, 1e-4]
WORST = {"hard": 3.0, "truncation": 5.0, "bulk_edge": 5.0, "soft": 6.0, "shrinkage": 2.0}


def error_of(x, beta, shrink):
    """As the papers have it, by the limits of y and of the cosines: ``η² + x² − 2ηx c c̃``."""
    if x <= beta**0.25:
        return shrink(1 + math.sqrt(beta)) ** 2 + x**2
    y = math.sqrt((x + 1 / x) * (x + beta / x))
    cosines = (x**4 - beta) / math.sqrt((x**4 + beta * x**2) * (x**4 + x**2))
    return shrink(y) ** 2 + x**2 - 2 * shrink(y) * x * cosines


def shrinkers(beta):
    edge, hard = 1 + math.sqrt(beta), float(theory.singular_value_hard_threshold(beta))
    return {
        "hard": lambda y: y if y > hard else 0.0,
        "truncation": lambda y: y,
        "bulk_edge": lambda y: y if y > edge else 0.0,
        "soft": lambda y: max(y - edge, 0.0),
        "shrinkage": lambda y: math.sqrt(max((y**2 - beta - 1) ** 2 - 4 * beta, 0)) / y if y > edge else 0.0,
    }


def test_the_constants_of_the_paper() -> None:
    assert theory.singular_value_hard_threshold(1.0) == pytest.approx(4 / math.sqrt(3), rel=1e-15)
    assert theory.singular_value_median_threshold(1.0) == pytest.approx(2.858, abs=5e-4)
    # Their polynomial, which is said to be off by 0.02 at most.
    beta = np.linspace(0.01, 1, 100)
    polynomial = 0.56 * beta**3 - 0.95 * beta**2 + 1.82 * beta + 1.43
    assert np.max(np.abs(theory.singular_value_median_threshold(beta) - polynomial)) < 0.02


@pytest.mark.parametrize("beta", [1.0, 0.9, 0.5, 0.2501, 0.2499, 0.1, 1e-3, 1e-8])
def test_the_median_halves_the_law(beta: float) -> None:
    """Marchenko–Pastur's density itself, integrated in ball arithmetic."""
    with ctx.workprec(200):
        median, b = float(theory.marchenko_pastur_median(beta)), acb(beta)
        low, high = (1 - b.sqrt()) ** 2, (1 + b.sqrt()) ** 2
        # t = high − v² takes the root out of the upper end.
        end = (high - median).sqrt()
        part = acb.integral(
            lambda v, _: 2 * v**2 * (high - v**2 - low).sqrt() / (2 * acb.pi() * b * (high - v**2)),
            acb(0),
            end,
        )
        density = ((high - median) * (median - low)).sqrt() / (2 * acb.pi() * b * median)
        assert abs(float(((part - acb(0.5)) / density).real.mid())) < 1e-14 * median


@pytest.mark.parametrize("beta", RATIOS)
def test_no_other_threshold_is_better(beta: float) -> None:
    """λ* is the best for every single signal, hence in the worst case; and the signal there is a tie."""
    best = theory.singular_value_hard_threshold(beta)
    x = np.linspace(0.01, 4, 1000)
    y, kept = theory.observed_singular_value(x, beta), 1 + beta + 3 * beta / x**2
    for threshold in np.linspace(1 + math.sqrt(beta), 3.5, 50):
        other = np.where(y > threshold, kept, x**2)
        assert np.all(theory.singular_value_error(x, "hard", beta) <= other + 1e-12)
    tie = math.sqrt(float(theory.worst_singular_value_error("hard", beta)))
    assert theory.observed_singular_value(tie, beta) == pytest.approx(float(best), rel=1e-14)
    assert 1 + beta + 3 * beta / tie**2 == pytest.approx(tie**2, rel=1e-14)


@pytest.mark.parametrize("beta", RATIOS)
def test_shrinkage_is_the_best_of_all(beta: float) -> None:
    """At every signal the least of ``η² + x² − 2ηx c c̃`` over η, which no other method attains."""
    x = np.concatenate([np.linspace(0.05, 3, 60), [10.0, 1e3]])
    best = theory.singular_value_error(x, "shrinkage", beta)
    for method in METHODS:
        assert np.all(best <= theory.singular_value_error(x, method, beta) * (1 + 1e-12))
    for one, error in zip(x, best, strict=True):
        least = scipy.optimize.minimize_scalar(
            lambda eta, one=one: error_of(one, beta, lambda _: eta), bounds=(0, 1.2 * one), method="bounded"
        )
        assert error == pytest.approx(least.fun, rel=1e-6)
        if one > beta**0.25:
            y = theory.observed_singular_value(one, beta)
            shrunk = theory.shrunk_singular_values(y, beta)
            assert shrunk == pytest.approx(least.x, rel=1e-3, abs=1e-6)


@given(beta=st.floats(1e-6, 1.0), x=st.floats(1e-3, 1e2))
def test_errors_are_those_of_the_cosines(beta: float, x: float) -> None:
    near = abs(x / math.sqrt(float(theory.worst_singular_value_error("hard", beta))) - 1)
    for method, shrink in shrinkers(beta).items():
        if min(near, abs(x / beta**0.25 - 1)) > 1e-9:
            expected = error_of(x, beta, shrink)
            found = float(theory.singular_value_error(x, method, beta))
            assert found == pytest.approx(expected, rel=1e-9, abs=1e-10 * x**2)


@pytest.mark.parametrize("beta", RATIOS)
@pytest.mark.parametrize("method", METHODS)
def test_the_worst_case_is_the_supremum(beta: float, method: str) -> None:
    """By maximisation over signals from 1e−4 to 1e14, and refined where the largest is."""
    worst = float(theory.worst_singular_value_error(method, beta))
    corner, tie = beta**0.25, math.sqrt(float(theory.worst_singular_value_error("hard", beta)))
    x = np.concatenate(
        [np.logspace(-4, 14, 200_001), *[c * (1 + np.array([-1, 1]) * 1e-12) for c in (corner, tie)]]
    )
    errors = theory.singular_value_error(x, method, beta)
    assert errors.max() <= worst * (1 + 1e-11)
    assert errors.max() == pytest.approx(worst, rel=1e-9)
    if beta == 1:
        assert worst == pytest.approx(WORST[method], rel=1e-15)


def test_signals_of_any_size() -> None:
    x = np.array([0.0, 1e-300, 1e-20, 1e20, 1e200, 1e308])
    for method in METHODS:
        errors = theory.singular_value_error(x, method, 0.5)
        limit = {"soft": (1 + math.sqrt(0.5)) ** 2, "shrinkage": 0.0}.get(method, 0.0) + 1.5
        np.testing.assert_allclose(errors[3:], limit, rtol=1e-12)
        np.testing.assert_allclose(
            errors[:3], (1 + math.sqrt(0.5)) ** 2 * (method == "truncation"), atol=1e-39
        )
    np.testing.assert_allclose(theory.observed_singular_value(x[3:]), x[3:], rtol=1e-15)
    np.testing.assert_allclose(theory.shrunk_singular_values(x[3:]), x[3:], rtol=1e-15)
    assert theory.shrunk_singular_values(2.0) == 0
    assert theory.marchenko_pastur_median(5e-324) == 1


def drawn_errors(shape, x, reps: int, seed: int) -> dict[str, tuple[float, float]]:
    """Mean and standard error of ``‖X̂ − X‖²/(nrσ²)`` over matrices of rank r, all signals at x."""
    (m, n), rng, r, errors = shape, np.random.default_rng(seed), 4, []
    beta, sigma = m / n, 0.37
    for _ in range(reps):
        left, right = (np.linalg.qr(rng.normal(size=(size, r)))[0] for size in (m, n))
        X = sigma * math.sqrt(n) * x * left @ right.T
        U, s, Vt = np.linalg.svd(X + sigma * rng.normal(size=shape), full_matrices=False)
        y = s / (sigma * math.sqrt(n))
        kept = {
            "hard": np.where(y > theory.singular_value_hard_threshold(beta), y, 0.0),
            "median": np.where(s > theory.singular_value_median_threshold(beta) * np.median(s), y, 0.0),
            "truncation": np.where(np.arange(m) < r, y, 0.0),
            "soft": np.maximum(y - theory.singular_value_bulk_edge(beta), 0.0),
            "shrinkage": theory.shrunk_singular_values(y, beta),
        }
        unit = n * r * sigma**2
        errors.append(
            [np.sum(((U * (t * sigma * math.sqrt(n))) @ Vt - X) ** 2) / unit for t in kept.values()]
        )
    mean, sem = np.mean(errors, axis=0), np.std(errors, axis=0, ddof=1) / math.sqrt(reps)
    return {name: (float(mean[k]), float(sem[k])) for k, name in enumerate(kept)}


@pytest.mark.parametrize("shape", [pytest.param((400, 400), marks=pytest.mark.slow), (200, 400)])
def test_matrices_that_are_drawn_have_these_errors(shape: tuple[int, int]) -> None:
    """Signals that are lost, at the tie, kept and large: within 5% of the limit, and the worst of them."""
    beta = shape[0] / shape[1]
    tie = math.sqrt(float(theory.worst_singular_value_error("hard", beta)))
    worst: dict[str, float] = {}
    for x in (0.6, tie, 1.25 * tie, 200.0):
        for method, (mean, sem) in drawn_errors(shape, x, 4, seed=0).items():
            limit = float(theory.singular_value_error(x, {"median": "hard"}.get(method, method), beta))
            assert sem < 0.03 * limit
            if method != "truncation" or x > tie / 1.01:  # noise's own values approach their limit slowly
                assert abs(mean - limit) <= 0.05 * limit, (x, method)
            worst[method] = max(worst.get(method, 0.0), mean)
    for method in ("hard", "soft", "shrinkage"):
        assert worst[method] == pytest.approx(
            float(theory.worst_singular_value_error(method, beta)), rel=0.05
        )


def test_truncation_next_to_the_edge_approaches_five() -> None:
    """The square of the largest singular value of noise is below 4 by a multiple of n^{−2/3}."""
    short = []
    for n, reps in ((100, 60), (800, 10)):
        rng, errors = np.random.default_rng(n), []
        for _ in range(reps):
            u, v = (a / np.linalg.norm(a) for a in rng.normal(size=(2, n)))
            U, s, Vt = svds(
                0.95 * np.outer(u, v) + rng.normal(size=(n, n)) / math.sqrt(n), k=1, v0=np.ones(n)
            )
            errors.append(float(s[0] ** 2 + 0.95**2 - 2 * 0.95 * s[0] * (U[:, 0] @ u) * (Vt[0] @ v)))
        sem = np.std(errors, ddof=1) / math.sqrt(reps)
        assert sem < 0.08
        short.append(float(theory.singular_value_error(0.95, "truncation")) - np.mean(errors))
        assert short[-1] > 2 * sem
    assert 0.1 * short[0] < short[1] < 0.6 * short[0]
    assert short[1] < 0.05 * 5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: theory.singular_value_hard_threshold(0.0), "aspect_ratio must lie in"),
        (lambda: theory.marchenko_pastur_median([0.5, 1.5]), "aspect_ratio must lie in"),
        (lambda: theory.singular_value_error(-1.0, "hard"), "signal must lie in"),
        (lambda: theory.singular_value_error(1.0, "firm"), "method must be one of hard, truncation"),
        (lambda: theory.worst_singular_value_error("firm"), "method must be one of hard, truncation"),
        (lambda: theory.shrunk_singular_values(np.inf), "singular_values must be finite"),
        (lambda: theory.observed_singular_value([1.0, 2.0], [0.1, 0.2, 0.3]), "must broadcast"),
    ],
)
def test_bad_input(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()

"""The law of χ² draws: exact moments, Kolmogorov–Smirnov, the stated chances of rejection, any batch."""

import math
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ndtr, polygamma
from scipy.stats import chi2, kstest

from ratedist.linear_model import variates

DEGREES = np.array([1, 1.5, 2, 2.5, 3, 5, 10.5, 31, 1000, 1e6])
DRAWS = 50_000
KEY = jax.random.key(3)


@jax.jit
def draws_of(indices: jax.Array) -> tuple[jax.Array, jax.Array]:
    draw = lambda i: variates.normals_and_chi_squares(jax.random.fold_in(KEY, i), 5, jnp.asarray(DEGREES))  # noqa: E731
    return jax.vmap(draw)(indices)


@pytest.fixture(scope="module", params=[True, False], ids=["double", "single"])
def drawn(request) -> tuple[np.ndarray, np.ndarray]:
    with jax.enable_x64(request.param):
        normals, squares = draws_of(np.arange(DRAWS))
        assert normals.dtype == squares.dtype == (jnp.float64 if request.param else jnp.float32)
    return np.asarray(normals, float), np.asarray(squares, float)


@pytest.fixture(scope="module")
def uniforms(drawn) -> np.ndarray:
    """The χ² draws by their distribution functions."""
    return chi2(DEGREES).cdf(drawn[1])


def test_the_law_is_that_of_chi_square(uniforms) -> None:
    """Ten tests in each precision: a true one has a p-value under 1e-4 once in a thousand runs."""
    for nu, uniform in zip(DEGREES, uniforms.T, strict=True):
        assert kstest(uniform, "uniform").pvalue > 1e-4, nu
        assert kstest(uniform[uniform > 0.99], lambda u: (u - 0.99) / 0.01).pvalue > 1e-4, nu
        assert kstest(uniform[uniform < 0.01], lambda u: u / 0.01).pvalue > 1e-4, nu


def test_the_moments_are_exact(drawn) -> None:
    """E log χ²_ν is digamma(ν/2) + log 2 with variance trigamma(ν/2): it sees the lower tail."""
    squares = drawn[1]
    for power in (1, 2, 3):
        moments = [np.exp(_log_moment(DEGREES, k)) for k in (power, 2 * power)]
        errors = np.sqrt((moments[1] - moments[0] ** 2) / DRAWS)
        assert np.all(np.abs(np.mean(squares**power, axis=0) - moments[0]) < 4 * errors)
    mean, variance = polygamma(0, DEGREES / 2) + np.log(2), polygamma(1, DEGREES / 2)
    assert np.all(np.abs(np.mean(np.log(squares), axis=0) - mean) < 4 * np.sqrt(variance / DRAWS))


def _log_moment(nu: np.ndarray, power: int) -> np.ndarray:
    """log E (χ²_ν)^p = Σ_{i<p} log(ν + 2i)."""
    return np.sum(np.log(nu[:, None] + 2 * np.arange(power)), axis=1)


def test_what_is_drawn_together_is_independent(drawn, uniforms) -> None:
    of_normals = ndtr(drawn[0])
    assert kstest(of_normals.reshape(-1), "uniform").pvalue > 1e-4
    together = np.concatenate([of_normals, uniforms], axis=1)
    correlations = np.corrcoef(np.concatenate([together, np.abs(together - 0.5)], axis=1).T)
    assert np.max(np.abs(correlations - np.eye(len(correlations)))) < 5 / np.sqrt(DRAWS)


def test_a_draw_does_not_depend_on_its_batch(drawn) -> None:
    few = draws_of(np.arange(70, 77))
    if drawn[1][70, 0] == few[1][0, 0]:  # the tests run in double precision
        for whole, part in zip(drawn, few, strict=True):
            np.testing.assert_array_equal(whole[70:77], part)


def density(x: float) -> float:
    """Of a standard normal number."""
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def rejection(nu: float) -> float:
    """The chance that a proposal fails its test: E(1 − e^{x²/2 + s(1 − v + log v)})₊, as published."""
    scale = nu / 2 + 2 / 3

    def share(x: float) -> float:
        v = (1 + x / np.sqrt(9 * scale)) ** 3
        return density(x) * (1 if v <= 0 else -np.expm1(min(x * x / 2 + scale * (1 - v + np.log(v)), 0.0)))

    edge = -3 * np.sqrt(scale)
    ends = sorted({-12.0, max(edge, -12.0), 0.0, 3.0, 12.0})
    return sum(quad(share, a, b, limit=200)[0] for a, b in pairwise(ends))


def distance(nu: float) -> float:
    """Total variation between the law of an untested proposal and the gamma law of shape ν/2 + 1."""
    scale = nu / 2 + 2 / 3

    def difference(t: float) -> float:
        root = np.cbrt(t / scale)
        slope = root * np.sqrt(scale) / t
        proposal = sum(density(3 * np.sqrt(scale) * (sign * root - 1)) for sign in (1, -1)) * slope
        return abs(proposal - math.exp(nu / 2 * math.log(t) - t - log_gamma)) / 2

    middle = nu / 2 + 1
    log_gamma = math.lgamma(middle)
    return quad(difference, 0, middle, limit=200)[0] + quad(difference, middle, 20 * middle, limit=200)[0]


def test_the_stated_chances_are_right() -> None:
    rejections = [rejection(nu) for nu in DEGREES[:-1]]
    assert rejections == sorted(rejections, reverse=True)
    assert rejections[0] == pytest.approx(0.0269, abs=1e-4)
    assert rejection(31) == pytest.approx(0.0018, abs=1e-4)
    all_fail = rejections[0] ** variates.NUM_ATTEMPTS
    assert all_fail == pytest.approx(2e-16, rel=0.1)
    assert distance(1) < 0.02
    assert all_fail * distance(1) < 4e-18
    assert 1e12 * 50 * all_fail * distance(1) < 2e-4


def test_untested_proposals_are_seen() -> None:
    """What the law's test accepts, it does not accept of proposals of which none is rejected."""
    rng = np.random.default_rng(0)
    proposals = rng.standard_normal((variates.NUM_PROPOSALS, 4 * DRAWS))
    logs = np.log(rng.random(proposals.shape))
    untested = np.where(np.arange(variates.NUM_PROPOSALS)[:, None] < variates.NUM_ATTEMPTS, -np.inf, logs)
    chi_squares = jax.jit(variates._chi_squares)
    right, wrong = (chi_squares(proposals, values, np.ones(4 * DRAWS)) for values in (logs, untested))
    # Of so many draws the exact chance takes long, and the limit's is near.
    assert kstest(right, chi2(1).cdf, method="asymp").pvalue > 1e-4
    assert kstest(wrong, chi2(1).cdf, method="asymp").pvalue < 1e-6


@pytest.mark.parametrize("margin", [1e-9, -1e-9])
def test_a_proposal_is_accepted_as_published(margin: float) -> None:
    """Just under the published bound log u accepts the proposal, just above it the next one is taken."""
    x, nu = (grid.reshape(-1) for grid in np.meshgrid(np.linspace(-6, 6, 40), DEGREES[:-2]))
    scale = nu / 2 + 2 / 3
    with np.errstate(invalid="ignore"):
        v = (1 + x / np.sqrt(9 * scale)) ** 3
        bound = x * x / 2 + scale * (1 - v + np.log(v))
    proposals = np.stack([x, *np.ones((variates.NUM_ATTEMPTS, x.size))])
    logs = np.stack([bound - margin, *np.full((variates.NUM_ATTEMPTS, x.size), -np.inf)])
    logs[-1] = 0
    found = np.asarray(jax.jit(variates._chi_squares)(proposals, logs, nu))
    taken = v if margin > 0 else np.nan
    expected = np.where((v > 0) & (taken > 0), taken, (1 + 1 / np.sqrt(9 * scale)) ** 3)
    np.testing.assert_allclose(found, 2 * scale * expected, rtol=1e-12)


@jax.jit
def draws_where_all_uniforms_are(uniform: jax.Array) -> tuple[jax.Array, jax.Array]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax.random, "uniform", lambda key, shape, dtype: jnp.full(shape, uniform, dtype))
        return variates.normals_and_chi_squares(KEY, 2, jnp.asarray([1.0, 31.0, 1e6]))


@pytest.mark.parametrize("uniform", [0.0, 1 - 2.0**-23])
def test_the_ends_of_the_uniforms_are_numbers(uniform: float) -> None:
    with jax.enable_x64(False):
        normals, squares = draws_where_all_uniforms_are(np.float32(uniform))
    assert np.all(np.isfinite(normals))
    assert np.all((squares > 0) & np.isfinite(squares))

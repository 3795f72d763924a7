"""The line below the curve through its zero-rate point: its coefficients, and what rests on them."""

import numpy as np
import pytest
from scipy.special import gammaln, roots_jacobi

import ratedist as rd
from ratedist.theory.exact.criticality import local_critical_slope, unit_critical_slope
from ratedist.theory.exact.radial_source import RadialSource
from ratedist.theory.exact.zero_rate_tangent import _log_terms, number_to_check, proved_slope

SOURCES = [RadialSource(d, n) for d, n in ((1, 1), (1, 5), (3, 4), (3, 8), (5, 10), (20, 40))]


def coefficients(source: RadialSource, slope: float, count: int) -> np.ndarray:
    """b_0 = 1, b_1 … b_count."""
    log_scale = np.log(slope * (source.n + 1) / source.n)
    terms = np.exp(_log_terms(source, count) + np.arange(count + 1) * log_scale)
    return np.concatenate([[1.0], np.sum(terms, axis=1)])


def beta_rule(a: float, b: float, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of a mean under Beta(a, b); the point 1 where b is 0."""
    if b == 0:
        return np.ones(1), np.ones(1)
    nodes, weights = roots_jacobi(size, b - 1, a - 1)
    return (1 + nodes) / 2, weights / weights.sum()


@pytest.mark.parametrize("source", SOURCES)
def test_the_mean_of_the_coefficients_is_the_integral(source: RadialSource) -> None:
    """c(ρ) as section 8 defines it, by Gauss quadrature over radius and angle."""
    d, n, nu = source.d, source.n, source.degrees_of_freedom
    slope = 1.1 * unit_critical_slope(source)
    L = slope * (n + 1) / n
    (s2, p), (t2, q) = beta_rule(d / 2, nu / 2, 150), beta_rule(0.5, (d - 1) / 2, 150)
    s2, t2 = s2[:, None], t2[None, :]
    b = coefficients(source, slope, 400)
    m = np.arange(b.size)
    for rho in (0.01, 0.1, 0.5, 1.0, 1.5):
        exponent = 2 * L * rho * np.sqrt(s2 * (1 - s2) * t2)
        integral = p @ (np.cosh(exponent) * np.exp(-L * rho**2 * (1 - s2 * t2))) @ q
        x = L * rho**2
        mean = np.exp(m * np.log(x) - x - gammaln(m + 1)) @ b
        assert mean == pytest.approx(integral, rel=1e-10)


@pytest.mark.parametrize("source", SOURCES)
def test_what_is_not_looked_at_is_small(source: RadialSource) -> None:
    slope = unit_critical_slope(source)
    count = number_to_check(source, slope)
    assert count is not None
    assert np.all(coefficients(source, slope, 3 * count)[count + 1 :] < 1)


@pytest.mark.parametrize("source", [*SOURCES, RadialSource(50, 120)])
def test_the_slope_is_just_below_the_critical_one(source: RadialSource) -> None:
    """And above it the same check fails."""
    slope, critical = proved_slope(source), unit_critical_slope(source)
    assert 0.99 * critical < slope <= critical * (1 + 1e-9)
    count = number_to_check(source, 1.01 * critical)
    assert count is not None
    assert np.max(coefficients(source, 1.01 * critical, count)[1:]) > 1


def test_where_the_table_would_be_too_large_the_slope_of_the_closed_bracket() -> None:
    for source in (RadialSource(50, 51), RadialSource(2, 10**9), RadialSource(300, 300)):
        assert number_to_check(source, local_critical_slope(source)) is None
        assert proved_slope(source) == source.n / 2


@pytest.mark.parametrize(
    "source", [*SOURCES, RadialSource(2, 3), RadialSource(50, 51), RadialSource(50, 120)]
)
def test_the_line_is_below_what_is_achievable(source: RadialSource) -> None:
    zero = source.d / source.n
    one = rd.GaussianLinearModel(source.n, np.zeros(source.d))
    distortion = zero * (1 - np.geomspace(1e-9, 0.9, 40))
    line = proved_slope(source) * (zero - distortion)
    assert np.all(line <= rd.theory.rate_distortion_bracket(one, distortion).upper * (1 + 1e-6))


@pytest.mark.parametrize(
    "share", [*(pytest.param(one, marks=pytest.mark.slow) for one in (0.999, 1 - 1e-6)), 1 - 1e-8]
)
def test_rates_near_zero_are_certified(share: float) -> None:
    one = rd.GaussianLinearModel(8, np.zeros(3))
    curve = rd.theory.rate_at_distortion(one, share * 3 / 8)
    assert curve.certified.all(), curve.reason
    # The tangent at the zero-rate point, n²(n + 3)/(2ν(n + 1)) = 6.5185: the curve is convex.
    tangent = 64 * 11 / (2 * 6 * 9) * (3 / 8 - float(curve.distortion[0]))
    assert tangent * (1 - 1e-6) <= curve.rate[0] <= tangent * 1.03
    back = rd.theory.distortion_at_rate(one, float(curve.rate[0]))
    assert back.certified.all(), back.reason
    assert back.distortion[0] == pytest.approx(curve.distortion[0], rel=0.02 * (1 - share))

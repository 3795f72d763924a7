"""Eigenvalues of a real Wishart matrix: known moments, closed densities, and a simulation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from ratedist.estimate import Estimate
from ratedist.theory.wishart import wishart_eigenvalue_quadrature
from tests.statistics import assert_agrees


@settings(max_examples=30)
@given(d=st.integers(1, 60), excess=st.integers(0, 60))
def test_moments(d, excess):
    """E tr A⁰, A, A², A³ and A⁻¹, A⁻² of Wishart_d(n, I)."""
    n = d + excess
    x, weights = wishart_eigenvalue_quadrature(d, n)
    cubic = d * n * (n**2 + 3 * n * d + d**2 + 3 * n + 3 * d + 4)
    for power, expected in ((0, d), (1, n * d), (2, d * n * (n + d + 1)), (3, cubic)):
        assert weights @ x**power == pytest.approx(expected, rel=1e-11)
    m = n - d - 1
    if m > 0:
        assert weights @ (1 / x) == pytest.approx(d / m, rel=1e-6 if m == 1 else 1e-10)
    if m > 2:
        assert weights @ x**-2.0 == pytest.approx(
            d * (n - 1) / (m * (m - 2) * (m + 1)), rel=1e-6 if m == 3 else 1e-9
        )


@pytest.mark.parametrize(("d", "n"), [(500, 501), (1999, 2000), (2000, 4000), (50, 10**8), (3, 10**12)])
def test_moments_of_large_matrices(d, n):
    x, weights = wishart_eigenvalue_quadrature(d, n)
    assert np.all(weights >= 0)
    for power, expected in ((0, d), (1, n * d), (2, d * n * (n + d + 1))):
        assert weights @ x**power == pytest.approx(expected, rel=1e-11)
    if n > d + 1:
        assert weights @ (1 / x) == pytest.approx(d / (n - d - 1), rel=1e-11)


@pytest.mark.parametrize("n", [2, 3, 6])
def test_two_dimensions_by_their_joint_density(n):
    """∝ |x − y| (xy)^{(n−3)/2} e^{−(x+y)/2}, integrated over the sum and the share of the smaller one."""
    u, du = np.polynomial.legendre.leggauss(200)
    r, dr = 100 * (1 + u), 100 * du
    share, dshare = (1 + u) ** 2 / 8, (1 + u) / 4 * du  # √share from 0 to √½
    x, y = r[:, None] * share, r[:, None] * (1 - share)
    density = (y - x) * (x * y) ** ((n - 3) / 2) * np.exp(-r / 2)[:, None] * r[:, None]
    density *= dr[:, None] * dshare
    nodes, weights = wishart_eigenvalue_quadrature(2, n)
    for shift in (0.3, 5.0):
        expected = np.sum(density * (1 / (shift + x) + 1 / (shift + y))) / np.sum(density)
        assert weights @ (1 / (shift + nodes)) == pytest.approx(expected, rel=1e-8)


def test_one_dimension_is_chi_square():
    x, weights = wishart_eigenvalue_quadrature(1, 7)
    t = np.linspace(0, 120, 400_001)
    expected = np.sum(chi2.pdf(t, 7) / (0.3 + t)) * (t[1] - t[0])
    assert weights @ (1 / (0.3 + x)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("d", "n"), [(4, 4), (5, 8)])
def test_resolvent_by_simulation(d, n):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((30_000, d, n))
    values = np.sum(1 / (0.5 + np.linalg.eigvalsh(X @ X.swapaxes(1, 2))), axis=1)
    estimate = Estimate(float(values.mean()), float(values.std(ddof=1) / math.sqrt(values.size)), values.size)
    x, weights = wishart_eigenvalue_quadrature(d, n)
    assert_agrees(estimate, float(weights @ (1 / (0.5 + x))), max_sem=0.005)


@pytest.mark.parametrize(
    ("arguments", "name"), [((0, 3), "dimension"), ((4, 3), "degrees"), ((5001, 6000), "at most 5000")]
)
def test_bad_input_is_refused_in_words(arguments, name):
    with pytest.raises(ValueError, match=name):
        wishart_eigenvalue_quadrature(*arguments)

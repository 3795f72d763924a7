"""What the certificate of the exact curve may not rest on, and how it holds at the ends of its range."""

import math
from fractions import Fraction

import numpy as np
import pytest

import ratedist as rd
from ratedist.theory.exact import achievable, certified_curve, curves, points, radial_source, search
from ratedist.theory.exact.radial_source import RadialSource


def test_nothing_is_certified_by_a_wrong_critical_slope(monkeypatch: pytest.MonkeyPatch) -> None:
    """The critical slope comes from a search: whatever it finds, the bounds are bounds."""
    model = rd.GaussianLinearModel(20, np.zeros(10))
    truth = curves.rate_at_distortion(model, 0.4)
    assert truth.certified.all()
    found = curves.unit_critical_slope(RadialSource(10, 20))
    for factor in (0.9, 1.5):
        for module in (search, points):
            monkeypatch.setattr(module, "unit_critical_slope", lambda source, check: factor * found)  # noqa: B023
        curve = curves.rate_at_distortion(model, 0.4)
        assert curve.rate_lower[0] <= truth.rate[0]
        assert curve.rate[0] >= truth.rate_lower[0]
        assert curve.certified[0] == (curve.gap[0] <= points.CERTIFIED_GAP) == (factor < 1)


@pytest.mark.parametrize("n", [10**9, 10**12])
def test_bounds_enclose_the_limit_of_many_samples(n: int) -> None:
    """At d = 1 and n → ∞ W is Gaussian and d a square: ½ ln(1/nD), in spite of ν = n in exponents."""
    point = points.point_at_slope(RadialSource(1, n), 5.0 * n)
    limit = 0.5 * np.log(1 / (n * point.distortion))
    lower = point.intercept_lower - point.slope * point.distortion
    assert lower <= limit <= point.rate
    assert point.rate - lower < 1e-4


@pytest.mark.parametrize("k", [1, 10, 31, 32, 33, 100, 1000])
def test_half_step_of_the_gamma_function(k: int) -> None:
    """Γ(k + ½) = (2k)! √π/(4^k k!), in whole numbers."""
    exact_ratio = Fraction(math.factorial(2 * k), 4**k * math.factorial(k) * math.factorial(k - 1))
    assert radial_source._half_step(float(k)) == pytest.approx(
        math.sqrt(math.pi) * float(exact_ratio), rel=1e-13
    )


def test_a_lower_bound_above_the_rate_is_not_certified() -> None:
    curve = certified_curve.curve_of([search.Answer(1.0, 1.0, 1.0, 1.1, "reason")], 1.0)
    assert not curve.certified[0]
    assert "reason" in curve.reason[0]


def test_a_rule_too_coarse_for_the_energy_is_refused() -> None:
    """Where 7(Ē + 1)r > 1 the bound on the energy's error does not hold, and the point is not achievable."""
    source = RadialSource(3, 6)
    rule = points.radial_kernel.angular_rule(3, 5.0, 3.0)
    scale, radius = 20.0 * 7 / 6, np.array([0.5, 1.0])
    cells = source.cells(achievable.cell_edges(source, scale))
    achieved = achievable.achievable_point(cells, 20.0, scale, rule, radius, np.full(2, 0.5))
    assert achieved.distortion == achieved.rate == achieved.error == np.inf


@pytest.mark.slow
@pytest.mark.parametrize(("d", "n", "slope"), [(3, 6, 1e3), (50, 80, 2e4)])
def test_term_of_first_order_in_the_distortion_at_high_rate(d: int, n: int, slope: float) -> None:
    """R = asymptote − (d + 1)nD/(2(n + 1)) + O(D²): the coefficient between what the certificate leaves."""
    curve = curves.rate_distortion(rd.GaussianLinearModel(n, np.zeros(d)), slope)
    assert curve.certified[0]
    asymptote = curves.high_rate_asymptote(rd.GaussianLinearModel(n, np.zeros(d)), curve.distortion)
    least, most = (
        (asymptote - curve.rate) / curve.distortion,
        (asymptote - curve.rate_lower) / curve.distortion,
    )
    coefficient = (d + 1) * n / (2 * (n + 1))
    assert most[0] - least[0] < 0.05 * coefficient
    assert least[0] < coefficient < most[0]

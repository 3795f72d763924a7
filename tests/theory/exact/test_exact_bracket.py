"""The closed bracket of the exact curve, and the differences of ln Γ it rests on, against slow oracles."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

import ratedist as rd
from ratedist.theory.exact import closed_bracket, log_gamma


def model(d: int, n: int, noise_variance: float = 1.0) -> rd.GaussianLinearModel:
    return rd.GaussianLinearModel(n, np.zeros(d), noise_variance)


@pytest.mark.parametrize(("d", "n"), [(50, 80), (3, 8), (50, 500)])
@pytest.mark.parametrize("share", [0.99, 0.5, 1e-2, 1e-6])
def test_formulas_as_printed(d: int, n: int, share: float) -> None:
    """(d/2) ln(D₀/D) ≤ R ≤ (d/2) ln(1 + (n/(n−d−1))(D₀/D − 1)), in units of σ² = 2."""
    bracket = rd.theory.rate_distortion_bracket(model(d, n, 2.0), share * 2 * d / n)
    assert bracket.lower == pytest.approx(d / 2 * math.log(1 / share), rel=1e-9)
    assert bracket.lower <= bracket.upper
    assert bracket.upper <= d / 2 * math.log1p(n / (n - d - 1) * (1 / share - 1)) * (1 + 1e-12)


@pytest.mark.parametrize(("n", "alpha"), [(1, 0.05), (1, 0.3), (2, 0.1), (5, 0.02), (5, 0.2), (40, 0.01)])
def test_the_second_channel_in_one_dimension(n: int, alpha: float) -> None:
    """I(U; V) of the oracle's channel and its distortion by plain quadrature, n ≤ d + 1 included: d = 1."""
    distortion = alpha / n
    u = np.sinh(np.linspace(-60, 60, 6001) / 3) / np.sqrt(n)
    source = stats.t(n, scale=1 / np.sqrt(n))  # ν = n
    noise = (1 - alpha) * distortion
    # d(u, v) averaged over the noise: κ[(v − u)² − u²(v − u)²/(1 + u²)] = κ(v − u)²/(1 + u²).
    energy = (n + 1) / n * (alpha**2 * u**2 + noise) / (1 + u**2)
    assert np.trapezoid(source.pdf(u) * energy, u) == pytest.approx(distortion, rel=1e-4)
    v = np.sinh(np.linspace(-40, 40, 1001) / 3) / np.sqrt(n)
    mass = source.pdf(u) * np.gradient(u)
    density = np.array(
        [mass @ np.exp(-((y - (1 - alpha) * u) ** 2) / (2 * noise)) / np.sqrt(2 * np.pi * noise) for y in v]
    )
    # Beyond its width the noise changes nothing: there V is (1 − α)U.
    wide = np.abs(v) > 1e3 * np.sqrt(noise)
    density[wide] = source.pdf(v[wide] / (1 - alpha)) / (1 - alpha)
    information = -np.trapezoid(special.xlogy(density, density), v) - 0.5 * np.log(2 * np.pi * np.e * noise)
    bound = float(closed_bracket._student(1, n, np.array(distortion)))
    assert information <= bound + 1e-4
    assert bound - information < 0.3


@pytest.mark.parametrize(("d", "n"), [(50, 50), (50, 51), (50, 80), (1, 2)])
def test_distance_from_the_asymptote(d: int, n: int) -> None:
    """As D → 0 the upper bound is ½E ln(1 + ‖U‖²) − (d/2) ln(1 + 1/n) above it, the price of white noise."""
    distortion = 1e-9 * d / n
    upper = rd.theory.rate_distortion_bracket(model(d, n), distortion).upper
    price = (special.psi((n + 1) / 2) - special.psi((n - d + 1) / 2)) / 2 - d / 2 * math.log1p(1 / n)
    asymptote = rd.theory.high_rate_asymptote(model(d, n), distortion)
    assert upper - asymptote == pytest.approx(price, abs=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 300), st.integers(0, 300), st.floats(1e-9, 1.2), st.floats(1.0, 3.0))
def test_order_and_monotony(d: int, extra: int, share: float, factor: float) -> None:
    one = model(d, d + extra)
    near, far = share * d / (d + extra) * np.array([1.0, 1.0 / factor])
    bracket = rd.theory.rate_distortion_bracket(one, np.array([near, far]))
    slack = 1e-12 * (1 + bracket.upper[1])
    assert np.isfinite(bracket).all()
    assert np.all((bracket.lower >= 0) & (bracket.lower <= bracket.upper + slack))
    assert bracket.lower[0] <= bracket.lower[1] + slack
    assert bracket.upper[0] <= bracket.upper[1] + slack
    if extra > 1:
        assert bracket.upper[0] <= rd.theory.rate_distortion_envelope(one, near) + 1e-6 * (
            1 + bracket.upper[0]
        )


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 300), st.integers(0, 300), st.floats(1e-3, 2e3), st.floats(1.0, 1e6))
def test_by_rate_and_by_slope_lie_on_it(d: int, extra: int, rate: float, multiple: float) -> None:
    n, rate = d + extra, min(rate, 300.0 * d)  # beyond, D is not a normal number
    distortion = closed_bracket.upper_at_rate(d, n, rate)
    assert closed_bracket.lower_at_rate(d, n, rate) <= distortion * (1 + 1e-12)
    assert float(closed_bracket.unit_upper(d, n, np.array(distortion))) <= rate + 1e-4 * (1 + rate)
    slope = multiple * n / 2
    distortion, rate = closed_bracket.upper_at_slope(d, n, slope)
    intercept = rate + slope * distortion
    others = d / n * np.geomspace(1e-9, 1, 200)
    assert intercept <= np.min(closed_bracket.unit_upper(d, n, others) + slope * others) + 1e-6 * intercept


def test_without_noise_or_distortion_there_is_no_bracket() -> None:
    with pytest.raises(ValueError, match="noise_variance"):
        rd.theory.rate_distortion_bracket(model(2, 5, 0.0), 0.1)
    with pytest.raises(ValueError, match="distortion"):
        rd.theory.rate_distortion_bracket(model(2, 5), 0.0)


@pytest.mark.parametrize("b", [0.5, 3.0, 31.5, 32.0, 500.0, 499995000.5, 5e11])
@pytest.mark.parametrize("a", [1, 7, 40, 5000])
def test_differences_of_the_gamma_function(a: int, b: float) -> None:
    """Γ(b + a)/Γ(b) = b(b + 1)…(b + a − 1), and ψ(b + a) − ψ(b) = Σ 1/(b + i), summed without rounding."""
    rising = math.fsum(math.log(b + i) for i in range(a))
    assert log_gamma.log_rising(b, a) == pytest.approx(rising, rel=1e-13, abs=1e-14)
    log_beta = math.fsum([math.log(i) for i in range(1, a)] + [-math.log(b + i) for i in range(a)])
    assert log_gamma.log_beta(a, b) == pytest.approx(log_beta, rel=1e-13, abs=1e-14)
    assert log_gamma.log_beta(b, a) == log_gamma.log_beta(a, b)
    assert log_gamma.digamma_rise(b, a) == pytest.approx(math.fsum(1 / (b + i) for i in range(a)), rel=2e-14)


@pytest.mark.parametrize("n", [10**9, 10**12])
def test_asymptote_of_many_samples(n: int) -> None:
    """At n → ∞ it is (d/2) ln(D₀/D); SciPy's ln Γ alone would be wrong by 10⁻³ nats."""
    for d in (1, 100):
        distortion = 1e-6 * d / n
        found = rd.theory.high_rate_asymptote(model(d, n), distortion)
        assert found == pytest.approx(d / 2 * math.log(1e6), rel=1e-13, abs=d * (d + 3) / n)

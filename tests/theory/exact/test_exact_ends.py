"""The exact curve where it once broke: large d, large n, both ends of the rate, limits of time and memory."""

import functools

import numpy as np
import pytest

import ratedist as rd
from ratedist.theory.exact import achievable, certified_curve, curves, effort, points, radial_kernel, search


def model(d: int, n: int) -> rd.GaussianLinearModel:
    return rd.GaussianLinearModel(n, np.zeros(d))


def is_sound(one: rd.GaussianLinearModel, curve: curves.RateDistortionCurve) -> bool:
    bracket = rd.theory.rate_distortion_bracket(one, curve.distortion)
    return bool(
        np.isfinite([curve.slopes, curve.distortion, curve.rate, curve.rate_lower]).all()
        and np.all(bracket.lower <= curve.rate_lower + 1e-9)
        and np.all(curve.rate <= bracket.upper + 1e-9)
        and np.all(curve.rate_lower <= curve.rate + 1e-6)
    )


# Large d


@pytest.mark.parametrize(
    ("d", "n", "multiple"),
    [
        (55, 5500, 30),
        pytest.param(80, 800, 10, marks=pytest.mark.slow),
        pytest.param(100, 1000, 5, marks=pytest.mark.slow),
        (100, 1000, 10),
        pytest.param(200, 2000, 2, marks=pytest.mark.slow),
        (300, 480, 1.05),
    ],
)
def test_certified_beyond_fifty_weights(d: int, n: int, multiple: float) -> None:
    one = model(d, n)
    curve = curves.rate_distortion(one, multiple * curves.critical_slope(one))
    assert curve.certified.all(), curve.reason
    assert is_sound(one, curve)
    # The expansion of section 9 shares nothing with the numerics; its next term is of order D².
    distortion = float(curve.distortion[0])
    expansion = curves.high_rate_asymptote(one, distortion) - (d + 1) * n * distortion / (2 * (n + 1))
    assert curve.rate[0] == pytest.approx(float(expansion), abs=3 * d * (n * distortion / d) ** 2)


@pytest.mark.slow
@pytest.mark.parametrize(("d", "n"), [(2000, 3200), (5000, 8000), (10_000, 10**9)])
def test_certified_at_thousands_of_weights(d: int, n: int) -> None:
    one = model(d, n)
    curve = curves.rate_distortion(one, 2 * curves.critical_slope(one))
    assert curve.certified.all(), curve.reason
    assert is_sound(one, curve)


@pytest.mark.slow
def test_by_distortion_and_by_rate_at_a_hundred_weights() -> None:
    one = model(100, 1000)
    by_rate = curves.distortion_at_rate(one, 90.0)
    assert by_rate.certified.all(), by_rate.reason
    back = curves.rate_at_distortion(one, float(by_rate.distortion[0]))
    assert back.certified.all(), back.reason
    assert back.rate_lower[0] - 1e-9 <= 90.0 <= back.rate[0] + 1e-3
    assert curves.rate_at_distortion(one, 0.05).certified.all()


# Ends


@pytest.mark.parametrize(
    "rate",
    [0.3, *(pytest.param(rate, marks=pytest.mark.slow) for rate in (3.0, 100.0, 180.0))],
)
def test_few_points_are_enough(rate: float, monkeypatch: pytest.MonkeyPatch) -> None:
    slopes = []

    def counted(source, slope, **options):
        slopes.append(slope)
        return points.point_at_slope(source, slope, **options)

    monkeypatch.setattr(search, "point_at_slope", counted)
    curve = curves.distortion_at_rate(model(50, 80), rate)
    assert curve.certified.all(), curve.reason
    assert len(slopes) <= 8


@pytest.mark.parametrize("n", [10**9, pytest.param(10**12, marks=pytest.mark.slow), 2**53])
def test_many_samples(n: int) -> None:
    """At n → ∞ R = (d/2) ln(D₀/D); the critical slope is n/2 and the local one."""
    d = 5
    for share in (0.9999, 0.5, 1e-3):
        curve = curves.rate_at_distortion(model(d, n), share * d / n)
        assert curve.certified.all(), curve.reason
        assert curve.rate[0] == pytest.approx(d / 2 * np.log(1 / share), rel=1e-6)
    assert curves.distortion_at_rate(model(d, n), 2.0).distortion[0] == pytest.approx(d / n * np.exp(-0.8))
    assert curves.critical_slope(model(d, n)) == pytest.approx(n / 2, rel=1e-7)
    curve = curves.rate_distortion(model(d, n), 5.0 * n)
    assert curve.certified.all(), curve.reason
    assert curve.distortion[0] == pytest.approx(d / (10 * n), rel=1e-3)


def test_lower_bound_near_rate_zero_is_not_empty() -> None:
    """(d/2) ln(D₀/D), where the certificate's own errors exceed the rate; and the gap is judged beside it."""
    curve = curves.rate_at_distortion(model(3, 8), 0.9999 * 3 / 8)
    assert curve.rate_lower[0] >= 1.5 * np.log(1 / 0.9999) * (1 - 1e-9)
    assert curve.rate[0] <= 3e-4  # (d/2) ln(1 + (n/(n−d−1))(D₀/D − 1))
    assert curve.certified[0] == (curve.relative_gap[0] <= points.CERTIFIED_RELATIVE_GAP)
    assert curve.certified[0] or "of the rate" in curve.reason[0]


@pytest.mark.parametrize(
    ("rate", "lower", "certified"),
    [
        (1e-3, 0.0, False),
        (1e-3, 0.985e-3, False),
        (1e-3, 0.995e-3, True),
        (100.0, 99.998, False),
        (0, 0, True),
    ],
)
def test_certified_is_absolute_and_relative(rate: float, lower: float, certified: bool) -> None:
    curve = certified_curve.curve_of([search.Answer(1.0, 1.0, rate, lower, "because")], 1.0)
    assert curve.certified[0] == certified
    assert certified or "because" in curve.reason[0]


# Limits


def test_too_large_a_kernel_gives_the_bracket() -> None:
    one = model(50, 80)
    curve = curves.rate_distortion(one, [200.0, 1e9])
    assert curve.certified.tolist() == [True, False]
    assert is_sound(one, curve)
    assert "kernel entries" in curve.reason[1]
    # The bracket's point has the slope that was asked for.
    steeper, flatter = rd.theory.rate_distortion_bracket(
        one, curve.distortion[1] * np.array([0.99, 1.01])
    ).upper
    assert (steeper - flatter) / (0.02 * curve.distortion[1]) == pytest.approx(1e9, rel=1e-3)


@pytest.mark.parametrize("n", [8, 3, 4])
def test_time_limit_gives_the_bracket_and_says_so(n: int) -> None:
    one = model(3, n)
    for curve in (
        curves.rate_distortion(one, [30.0, 60.0], time_limit=1e-9),
        curves.rate_at_distortion(one, 0.1, time_limit=1e-9),
        curves.distortion_at_rate(one, 2.0, time_limit=1e-9),
    ):
        assert is_sound(one, curve)
        assert not curve.certified.any()
        assert all("time_limit" in reason for reason in curve.reason)
    with pytest.raises(ValueError, match="time_limit"):
        curves.rate_distortion(one, 30.0, time_limit=0.0)
    # n/2 and n²(n + 3)/(2ν(n + 1))
    with pytest.raises(ValueError, match=r"it lies from 17\.5 to 22\.2941"):
        curves.critical_slope(model(7, 35), time_limit=1e-9)


def test_points_that_say_nothing_never_reach_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cause of the old failure: a rule too coarse for the atoms. It must be named, and do no harm."""

    def coarse(cells, radius, energy_scale, d):
        return radial_kernel.angular_rule(d, 5.0, 3.0)

    monkeypatch.setattr(points, "cell_rule", coarse)
    one = model(50, 80)
    for curve in (
        curves.rate_distortion(one, 300.0),
        curves.rate_at_distortion(one, 0.05),
        curves.distortion_at_rate(one, 90.0),
    ):
        assert is_sound(one, curve)
        assert not curve.certified.any()
        assert "angular quadrature of the achievable point" in curve.reason[0]


def test_rate_beyond_float64_is_refused() -> None:
    with pytest.raises(ValueError, match="rate"):
        curves.distortion_at_rate(model(1, 5), 1e4)


# Progress


def test_a_bar_only_where_it_takes_longer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = functools.partial(curves.rate_distortion, model(1, 5), [5.0, 10.0])
    assert effort.SILENT_SECONDS == 2.0
    monkeypatch.setattr(effort, "SILENT_SECONDS", 1e3)
    quick(progress=True)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(effort, "SILENT_SECONDS", 0.0)
    quick(progress=True)
    assert "point" in capsys.readouterr().err
    quick()
    assert capsys.readouterr().err == ""


def test_the_achievable_rule_serves_its_own_atoms() -> None:
    """At (100, 1000) the cells reach further than the certificate's rule was made for."""
    point = points.point_at_slope(curves.RadialSource(100, 1000), 2780.0)
    made = point.construction
    assert made is not None
    cells = made.source.cells(made.cell_edges)
    achieved = achievable.achievable_point(
        cells, point.slope, made.energy_scale, made.cell_rule, made.radius, made.weights
    )
    assert (achieved.distortion, achieved.rate) == (point.distortion, point.rate)
    assert achieved.error < 1e-5
    borrowed = achievable.achievable_point(
        cells, point.slope, made.energy_scale, made.rule, made.radius, made.weights
    )
    assert borrowed.error > 1e-5

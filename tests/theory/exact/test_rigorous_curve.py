"""``rate_distortion(…, rigorous=True)``: what is returned, in which units, and what happens at the limits."""

import functools
import sys
from fractions import Fraction

import numpy as np
import pytest

import ratedist as rd
from ratedist.theory.exact import closed_bracket
from ratedist.theory.exact.radial_source import RadialSource

MODEL = rd.GaussianLinearModel(5, np.zeros(1))
TRIPLED = rd.GaussianLinearModel(5, np.zeros(1), noise_variance=3.0)


@functools.cache
def two_points() -> rd.theory.RateDistortionCurve:
    return rd.theory.rate_distortion(TRIPLED, [0.5, 10.0 / 3], rigorous=True)


def test_rigorous_points_are_certified() -> None:
    """The zero-rate point below the critical slope, and one above it: float64 agrees to a millionth."""
    pytest.importorskip("flint")
    plain = rd.theory.rate_distortion(TRIPLED, [0.5, 10.0 / 3])
    curve = two_points()
    assert curve.certified.all()
    assert curve.reason == ("", "")
    np.testing.assert_array_equal(curve.slopes, [0.5, 10.0 / 3])
    np.testing.assert_allclose(curve.distortion, plain.distortion, rtol=1e-6)
    np.testing.assert_allclose(curve.rate, plain.rate, atol=1e-6)
    np.testing.assert_allclose(curve.rate_lower, plain.rate_lower, atol=3e-6)
    assert (curve.rate[0], curve.rate_lower[0]) == (0.0, 0.0)
    assert Fraction(curve.distortion[0]) >= Fraction(3, 5)


@pytest.mark.slow
def test_rigorous_points_in_units_of_the_model() -> None:
    """Three times the noise variance: a third of the slope, three times the distortion, the same rates."""
    pytest.importorskip("flint")
    one, three = rd.theory.rate_distortion(MODEL, 10.0, rigorous=True), two_points()
    assert 10.0 / 3 * 3 == 10.0  # the same problem to the last place
    np.testing.assert_allclose(three.distortion[1:], 3 * one.distortion, rtol=1e-15)
    np.testing.assert_array_equal(three.rate[1:], one.rate)
    np.testing.assert_allclose(three.rate_lower[1:], one.rate_lower, atol=1e-14)


@pytest.mark.parametrize(("d", "n"), [(50, 80), (3, 3), (3, 4)])
def test_without_time_the_closed_bracket_in_balls(d: int, n: int) -> None:
    pytest.importorskip("flint")
    model = rd.GaussianLinearModel(n, np.zeros(d))
    slope = 2 * n**2
    curve = rd.theory.rate_distortion(model, slope, rigorous=True, time_limit=1e-9)
    assert not curve.certified[0]
    assert "time_limit" in curve.reason[0]
    assert np.isfinite([curve.rate[0], curve.rate_lower[0], curve.distortion[0]]).all()
    source = RadialSource(d, n)
    assert curve.rate_lower[0] == pytest.approx(closed_bracket.lower(source, curve.distortion[0]), rel=1e-12)
    assert curve.rate[0] >= closed_bracket.upper(source, curve.distortion[0]) - 1e-9


def clock_that_stops(monkeypatch: pytest.MonkeyPatch, stage: str, share: float) -> None:
    """All time is over once a stage of the ball arithmetic is this far; before, none has passed."""
    from ratedist.theory.exact import effort

    watch, now = effort.Effort.watch, [0.0]
    monkeypatch.setattr(effort.time, "monotonic", lambda: now[0])

    def watched(self: effort.Effort, current: str, done: float) -> None:
        if current == stage and done >= share:
            now[0] = 1e9
        watch(self, current, done)

    monkeypatch.setattr(effort.Effort, "watch", watched)


@pytest.mark.parametrize("share", [pytest.param(0.0, marks=pytest.mark.slow), 0.5])
@pytest.mark.parametrize("stage", ["achievable point in balls", "lower bound in balls"])
def test_time_over_in_ball_arithmetic_leaves_bounds_and_the_reason(
    monkeypatch: pytest.MonkeyPatch, stage: str, share: float
) -> None:
    pytest.importorskip("flint")
    plain = rd.theory.rate_distortion(MODEL, 10.0)
    clock_that_stops(monkeypatch, stage, share)
    curve = rd.theory.rate_distortion(MODEL, 10.0, rigorous=True, time_limit=100.0)
    assert not curve.certified[0]
    assert "time_limit = 100 seconds were over in ball arithmetic" in curve.reason[0]
    source = RadialSource(1, 5)
    # The true rate at the distortion reported is that of the certified curve, but for its gap.
    assert curve.distortion[0] == pytest.approx(plain.distortion[0], rel=1e-6)
    assert curve.rate_lower[0] <= plain.rate[0] + 1e-6
    assert plain.rate_lower[0] - 1e-6 <= curve.rate[0]
    assert curve.rate_lower[0] == pytest.approx(closed_bracket.lower(source, curve.distortion[0]), rel=1e-12)
    # What was done in time is kept.
    kept = stage.startswith("lower")
    assert (curve.rate[0] == pytest.approx(plain.rate[0], abs=1e-6)) == kept


def test_progress_inside_a_point(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("flint")
    shown: list[str] = []
    # What is drawn of it depends on the clock.
    monkeypatch.setattr("tqdm.tqdm.set_postfix_str", lambda bar, text, refresh: shown.append(text))
    clock_that_stops(monkeypatch, "achievable point in balls", 0.9)
    rd.theory.rate_distortion(MODEL, 10.0, rigorous=True, progress=True)
    assert any("in balls" in text for text in shown)


@pytest.mark.parametrize(("d", "n"), [(1, 1), (3, 3), (3, 4), (3, 5), (50, 80), (500, 800)])
def test_closed_bounds_agree_with_float64(d: int, n: int) -> None:
    flint = pytest.importorskip("flint")
    from ratedist.theory.exact.rigorous.evaluation import closed_bounds

    source = RadialSource(d, n)
    for share in (1e-9, 0.01, 0.4, 0.9, 1.0, 1.5):
        distortion = share * d / n
        with flint.ctx.workprec(96):
            lower, upper = closed_bounds(source, flint.arb(distortion))
        expected = closed_bracket.unit_lower(d, n, np.array(distortion))
        assert max(0.0, float(lower)) == pytest.approx(float(expected), rel=1e-12, abs=1e-15)
        formulas = min(
            float(formula(d, n, np.array(min(distortion, d / n))))
            for formula in (closed_bracket._gaussian, closed_bracket._student)
        )
        assert float(upper) == pytest.approx(formulas, rel=1e-11, abs=1e-12)


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    room = ("ratedist.theory.exact.rigorous.", "flint")
    for name in [name for name in sys.modules if name.startswith(room)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "flint", None)
    with pytest.raises(
        ModuleNotFoundError, match=r"^rigorous=True needs the package python-flint: pip install"
    ):
        rd.theory.rate_distortion(MODEL, 10.0, rigorous=True)
    assert rd.theory.rate_distortion(MODEL, 10.0).certified[0]

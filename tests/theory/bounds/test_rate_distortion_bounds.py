import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_t

import ratedist as rd
from ratedist import theory

MODEL = rd.GaussianLinearModel(80, rd.two_level_weights(50))


@st.composite
def models(draw) -> rd.GaussianLinearModel:
    d = draw(st.integers(1, 60))
    return rd.GaussianLinearModel(d + draw(st.integers(2, 200)), np.zeros(d), draw(st.floats(1e-3, 1e3)))


def test_golden_values() -> None:
    assert theory.distortion_rate_bound(MODEL, 0.0) == pytest.approx(1.72414, abs=5e-6)
    assert theory.distortion_rate_tight(MODEL, 0.0) == 0.625
    assert theory.remark2_lower_bound(MODEL, 0.402019) == pytest.approx(36.03, abs=5e-3)
    assert theory.rate_distortion_tight(MODEL, 0.402019) == pytest.approx(23.21, abs=5e-3)
    assert theory.erm_gaussian_divergence(MODEL) == pytest.approx(0.36530, abs=5e-6)


@pytest.mark.parametrize(("n", "excess"), [(80, 25.0), (500, 2.69), (5000, 0.26)])
def test_remark_2_exceeds_the_truth_at_rate_zero(n: int, excess: float) -> None:
    model = rd.GaussianLinearModel(n, np.zeros(50))
    at_zero = float(theory.remark2_lower_bound(model, theory.zero_rate_distortion(model)))
    assert at_zero == pytest.approx(excess, abs=6e-3 if n > 80 else 6e-2)


@given(models(), st.floats(0, 500))
def test_tight_is_never_above_the_papers(model: rd.GaussianLinearModel, rate: float) -> None:
    envelope, tight, paper = (
        float(curve(model, rate))
        for curve in (
            theory.distortion_rate_envelope, theory.distortion_rate_tight, theory.distortion_rate_bound,
        )
    )  # fmt: skip
    assert envelope <= tight * (1 + 1e-12)
    assert tight <= paper * (1 + 1e-12)
    assert tight <= theory.zero_rate_distortion(model) * (1 + 1e-12)


@given(models(), st.floats(1e-6, 200))
def test_curves_invert_each_other(model: rd.GaussianLinearModel, rate: float) -> None:
    tight = theory.rate_distortion_tight(model, theory.distortion_rate_tight(model, rate))
    assert float(tight) == pytest.approx(rate, rel=1e-6, abs=1e-9)
    envelope = theory.rate_distortion_envelope(model, theory.distortion_rate_envelope(model, rate))
    assert float(envelope) == pytest.approx(rate, rel=1e-6, abs=1e-9)
    paper = theory.rate_distortion_bound(model, theory.distortion_rate_bound(model, rate))
    assert float(paper) == pytest.approx(rate, rel=1e-6, abs=1e-9)


@given(models())
def test_envelope_is_convex_and_decreasing(model: rd.GaussianLinearModel) -> None:
    rates = np.linspace(0, 4 * model.d, 200)
    curve = theory.distortion_rate_envelope(model, rates)
    slack = 1e-12 * curve[0]
    assert np.all(np.diff(curve) <= slack)
    assert np.all(np.diff(curve, 2) >= -slack)


def test_envelope_is_the_convex_hull_of_the_tight_curve() -> None:
    rates = np.linspace(0, 60, 2001)
    tight = theory.distortion_rate_tight(MODEL, rates)
    hull = []
    for point in zip(rates, tight, strict=True):  # lower hull by the monotone chain
        while len(hull) > 1 and np.cross(
            np.append(np.subtract(hull[-1], hull[-2]), 0), np.append(np.subtract(point, hull[-2]), 0)
        )[2] <= 0:  # fmt: skip
            hull.pop()
        hull.append(point)
    expected = np.interp(rates, *zip(*hull, strict=True))
    np.testing.assert_allclose(theory.distortion_rate_envelope(MODEL, rates), expected, rtol=1e-5)
    inflection = 25 * np.log(51 / 29)
    assert inflection == pytest.approx(14.11, abs=5e-3)
    curvature = np.diff(theory.distortion_rate_tight(MODEL, np.array([-0.1, 0.0, 0.1]) + inflection), 2)
    assert abs(curvature[0]) < 1e-7


@given(models(), st.floats(1e-3, 1e3), st.floats(0, 100))
def test_distortion_scales_with_the_noise(model: rd.GaussianLinearModel, factor: float, rate: float) -> None:
    scaled = rd.GaussianLinearModel(model.n, model.w_star, model.noise_variance * factor)
    for curve in (theory.distortion_rate_bound, theory.distortion_rate_tight):
        assert float(curve(scaled, rate)) == pytest.approx(factor * float(curve(model, rate)), rel=1e-12)
    assert theory.erm_gaussian_divergence(scaled) == theory.erm_gaussian_divergence(model)


def test_divergence_from_gaussian_against_sampling() -> None:
    d, n = 3, 9
    nu = n - d + 1
    law = multivariate_t(shape=np.eye(d) / nu, df=nu, seed=5)
    sample = law.rvs(200_000)
    gaussian = -0.5 * np.sum(sample**2, axis=1) * (nu - 2) + d / 2 * np.log((nu - 2) / (2 * np.pi))
    ratio = law.logpdf(sample) - gaussian
    sem = ratio.std(ddof=1) / len(ratio) ** 0.5
    assert sem < 0.003
    divergence = theory.erm_gaussian_divergence(rd.GaussianLinearModel(n, np.zeros(d)))
    assert abs(ratio.mean() - divergence) < 4 * sem


def test_without_noise_nothing_needs_to_be_sent() -> None:
    model = rd.GaussianLinearModel(80, np.zeros(50), 0.0)
    assert theory.rate_distortion_bound(model, 0.0) == 0
    assert theory.rate_distortion_tight(model, 0.0) == 0
    assert theory.distortion_rate_tight(model, 3.0) == 0


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="rate must lie in"):
        theory.distortion_rate_tight(MODEL, -1.0)
    with pytest.raises(ValueError, match="distortion must lie in"):
        theory.rate_distortion_bound(MODEL, np.array([0.1, np.nan]))
    with pytest.raises(ValueError, match=r"n > d \+ 1"):
        theory.rate_distortion_tight(rd.GaussianLinearModel(51, np.zeros(50)), 0.1)

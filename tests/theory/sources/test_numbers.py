"""R(D) of numbers at hand: against known laws and brute force, for every output, with importances."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri

import ratedist as rd
from ratedist.theory.sources import line_dual
from ratedist.theory.sources.cells import cells_of, joined
from ratedist.theory.sources.line_dual import line_at
from ratedist.theory.sources.numbers import numbers_rate_limit, rate_limit_of, values_entropy

BIT = math.log(2)
MIDDLES = (np.arange(200_000) + 0.5) / 200_000
LAWS = {
    "gaussian": ndtri(MIDDLES),
    "laplace": -np.sign(MIDDLES - 0.5) * np.log(1 - 2 * np.abs(MIDDLES - 0.5)) * math.sqrt(0.5),
    "uniform": (MIDDLES - 0.5) * math.sqrt(12),
}


@pytest.mark.parametrize(
    ("name", "distortion"),
    [
        *((name, 0.9) for name in ("gaussian", "uniform")),
        *(pytest.param(name, 0.25, marks=pytest.mark.slow) for name in LAWS),
        # Its own limit takes longest.
        *(pytest.param("laplace", D, marks=pytest.mark.slow) for D in (0.9, 0.0625)),
        *((name, 0.0625) for name in ("gaussian", "uniform")),
    ],
)
def test_many_numbers_of_a_law_have_its_limit(name: str, distortion: float) -> None:
    """Middles of 200,000 cells of equal probability: their variance falls short by what the tails miss."""
    numbers = LAWS[name] / LAWS[name].std()
    exact = rd.theory.rate_limit(name, distortion)
    found = numbers_rate_limit(numbers, distortion)
    assert found.width <= 8e-4
    assert found.lower - 1e-3 <= exact.upper
    assert exact.lower - 1e-3 <= found.upper
    quick = rate_limit_of(numbers, distortion, tolerance=2e-3, upper=False)
    assert quick is not None
    assert found.upper - 4e-3 <= quick.lower <= found.upper + 1e-9


def test_drawn_numbers_have_it_too() -> None:
    """At D in units of their own variance, half a relative error of which is the standard error of R."""
    numbers = np.random.default_rng(0).normal(size=100_000)
    found = numbers_rate_limit(numbers, numbers.var() / 256)
    assert found.lower <= 4 * BIT <= found.upper + 3e-3  # overfitting: 2⁴ cells and more for 10⁵ numbers


@settings(max_examples=6, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-20, 20), st.integers(1, 30)), min_size=2, max_size=7),
    st.floats(-4, 4),
)
def test_any_few_values_by_blahut_and_arimoto(pairs: list[tuple[int, int]], log_slope: float) -> None:
    """On a grid of outputs, which loses of second order in its step."""
    values, counts = np.array([pair[0] for pair in pairs]) / 10, np.array([pair[1] for pair in pairs])
    numbers = np.repeat(values, counts)
    if numbers.min() == numbers.max():
        return
    outputs = np.linspace(values.min(), values.max(), 401)
    slope = math.exp(log_slope) / numbers.var()
    p = counts / counts.sum()
    point = rd.theory.blahut_arimoto(p, (values[:, None] - outputs) ** 2, slope)
    if point.distortion > 0.999 * numbers.var() or point.distortion < 1e-12:
        return
    found = numbers_rate_limit(numbers, point.distortion)
    step = outputs[1] - outputs[0]
    assert found.lower <= point.rate + 1e-9
    assert point.rate_lower <= found.upper + slope * step**2 / 4 + 1e-9
    assert found.lower <= found.upper <= values_entropy(numbers) + 1e-9
    assert found.width <= 2e-3


@settings(max_examples=2, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 0.9))
def test_a_bad_output_law_gives_a_bad_bound_and_never_a_false_one(seed: int, part: float) -> None:
    """The certificate holds for every q: here one that is drawn, for cells as wide as they may be."""
    generator = np.random.default_rng(seed)
    numbers = np.concatenate([generator.normal(size=300), generator.choice([-3.0, 0.5], size=300)])
    D = part * float(numbers.var())
    truth = numbers_rate_limit(numbers, D)
    cells = cells_of(numbers, math.sqrt(D) / 16)
    slope = 1 / (2 * D) * generator.uniform(0.3, 1)

    def drawn(p, kernel, start, tolerance):
        return generator.dirichlet(np.ones(start.size))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_dual, "optimal_output", drawn)
        patch.setattr(line_dual, "ROUNDS", 1)
        line = line_at(cells, slope, 1e-3)
    assert line.at(D) <= truth.upper + 1e-9
    other = numbers_rate_limit(numbers, line.distortion) if line.distortion < numbers.var() else None
    assert other is None or line.rate >= other.lower - 1e-9


def test_five_per_cent_of_the_error_turn_the_verdict() -> None:
    numbers = np.random.default_rng(1).laplace(size=20_000)
    D = 0.05 * numbers.var()
    enough = numbers_rate_limit(numbers, D).upper
    assert enough < numbers_rate_limit(numbers, 0.95 * D).lower
    assert enough > numbers_rate_limit(numbers, 1.05 * D).upper


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(-6, 6), st.floats(0.01, 1), st.floats(1, 1.2)), min_size=1, max_size=8))
def test_the_cubic_errs_by_less_than_is_counted(bells: list[tuple[float, float, float]]) -> None:
    at = np.linspace(-10, 10, 8001)

    def value(y: np.ndarray, order: int = 0) -> np.ndarray:
        total = np.zeros(y.shape)
        for center, weight, width in bells:
            bell = weight * np.exp(-(((y - center) / width) ** 2) / 2)
            total += bell if order == 0 else -(y - center) / width**2 * bell
        return total

    nodes = np.arange(-10, 10, line_dual.SEGMENT)
    f, d = value(nodes), value(nodes, 1)
    top, _ = line_dual._cubic_maximum(f[:-1], d[:-1], f[1:], d[1:])
    supremum = value(at).max()
    inside = np.floor((at[:-1] + 10) / line_dual.SEGMENT).astype(int)
    counted = inside < top.size
    excess = value(at[:-1])[counted] - top[inside[counted]]
    assert excess.max() <= line_dual.CUBIC_ERROR * supremum + 1e-12


def by_class(values: np.ndarray, slope: float, importances: list[float]) -> tuple[float, float]:
    """D and R by Blahut and Arimoto for each importance, of equal shares, at one slope of the whole."""
    outputs = np.linspace(values.min(), values.max(), 401)
    p = np.full(values.size, 1 / values.size)
    points = [rd.theory.blahut_arimoto(p, (values[:, None] - outputs) ** 2, slope * h) for h in importances]
    distortion = np.mean([h * one.distortion for h, one in zip(importances, points, strict=True)])
    return float(distortion), float(np.mean([one.rate for one in points]))


@pytest.mark.parametrize("slope", [0.3, 2.0, 20.0])
def test_two_importances_share_one_slope(slope: float) -> None:
    values = np.array([-1.0, -0.2, 0.3, 1.4])
    D, rate = by_class(values, slope, [1.0, 6.0])
    numbers, h = np.tile(values, 100), np.repeat([1.0, 6.0], 200)
    found = numbers_rate_limit(numbers, D, importance=h)
    assert found.lower - 1e-6 <= rate <= found.upper + 2e-3
    assert found.width <= 2e-3


@pytest.mark.parametrize("slope", [pytest.param(1.0, marks=pytest.mark.slow), 8.0])
def test_importances_that_vary_are_bounded_for_a_decoder_without_them(slope: float) -> None:
    """The encoder alone knows h: Blahut and Arimoto over letters (x, h)."""
    values, h = np.array([-1.0, -0.2, 0.3, 1.4]), np.geomspace(0.1, 10, 40)
    x, weight = np.meshgrid(values, h, indexing="ij")
    outputs = np.linspace(-1, 1.4, 121)
    d = weight.ravel()[:, None] * (x.ravel()[:, None] - outputs) ** 2
    point = rd.theory.blahut_arimoto(np.full(160, 1 / 160), d, slope)
    found = numbers_rate_limit(np.repeat(x.ravel(), 40), point.distortion, importance=np.repeat(weight, 40))
    assert 0.5 * point.rate < found.lower <= point.rate + 1e-9


def test_equal_importances_are_none_and_zeros_cost_nothing() -> None:
    numbers = np.random.default_rng(2).normal(size=5000)
    plain = numbers_rate_limit(numbers, 0.1)
    assert numbers_rate_limit(numbers, 0.3, importance=np.full(5000, 3.0)).lower == pytest.approx(
        plain.lower, abs=1e-3
    )
    twice = np.concatenate([numbers, 100 * numbers])
    half = numbers_rate_limit(twice, 0.05, importance=np.repeat([1.0, 0.0], 5000))
    assert half.lower == pytest.approx(plain.lower / 2, abs=1e-3)


def test_cells_in_parts_are_cells_of_all() -> None:
    numbers = np.random.default_rng(3).standard_cauchy(size=4000)
    whole, parts = cells_of(numbers, 0.3), joined([cells_of(one, 0.3) for one in np.split(numbers, 4)])
    assert np.array_equal(whole.index, parts.index)
    assert whole.mass.sum() == 4000
    np.testing.assert_allclose(parts.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(parts.variance, whole.variance, atol=1e-12)
    wide, direct = whole.merged(4.0), cells_of(numbers, 1.2)
    np.testing.assert_allclose(wide.mean, direct.mean, rtol=1e-9)
    np.testing.assert_allclose(wide.variance, direct.variance, atol=1e-9)
    assert whole.spread == pytest.approx(numbers.var())
    assert np.all(np.abs(numbers - whole.mean[np.searchsorted(whole.index, np.floor(numbers / 0.3))])
                  <= whole.reach[np.searchsorted(whole.index, np.floor(numbers / 0.3))] + 1e-9)  # fmt: skip

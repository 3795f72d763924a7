"""Ball arithmetic: each part against exact or longer arithmetic, and the whole against false worlds."""

import dataclasses
import functools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist.theory.exact import closed_bracket, effort, points, radial_kernel
from ratedist.theory.exact.points import Point
from ratedist.theory.exact.radial_source import RadialSource
from ratedist.theory.exact.search import Answer

flint = pytest.importorskip("flint")

from ratedist.theory.exact.rigorous import angle, ball_source, balls, evaluation, lower, mean, upper  # noqa: E402

arb = flint.arb
SMALL, SMALL_SLOPE = RadialSource(1, 5), 10.0
LARGE, LARGE_SLOPE = RadialSource(5, 50), 100.0
UNLIMITED = effort.unlimited()


@pytest.fixture(autouse=True)
def precision():
    with flint.ctx.workprec(balls.PRECISION):
        yield


@functools.cache
def solved(source: RadialSource, slope: float) -> Point:
    return points.point_at_slope(source, slope)


@functools.cache
def in_balls(source: RadialSource, slope: float) -> Answer:
    with flint.ctx.workprec(balls.PRECISION):
        return evaluation.rigorous_bounds(source, solved(source, slope), 1.0)


def exactly(x: "flint.arb") -> Fraction:
    """The midpoint of a ball as a fraction."""
    rational = x.mid().fmpq()
    return Fraction(int(rational.p), int(rational.q))


@pytest.mark.parametrize("value", [1 / 3, -1 / 3, 0.0, 1e308, -1e308, 5e-324, 1e-320, 12345.678])
def test_floats_enclose_a_ball(value: float) -> None:
    """Also where the ball has more digits than a float, or lies beyond all of them."""
    for ball in (arb(value), arb(value) * 3 / 7, arb(value) * arb(value), arb(value) + arb(1) / 3):
        low, high = balls.at_least(ball), balls.at_most(ball)
        middle = exactly(ball)
        assert low == -math.inf or Fraction(low) <= middle
        assert high == math.inf or middle <= Fraction(high)
        assert abs(value) > 1e307 or high - low <= 4 * np.spacing(abs(low)) + 3 * float(ball.rad())
    assert balls.at_least(arb(value)) == value == balls.at_most(arb(value))
    assert balls.at_least(arb.nan()) == -math.inf
    assert balls.at_most(arb.nan()) == math.inf


@pytest.mark.parametrize(("a", "b"), [(2, 3), (25, 16), (1, 60)])
def test_incomplete_beta_in_whole_numbers(a: int, b: int) -> None:
    """``I_x(a, b) = Σ_{j ≥ a} C(a+b−1, j) x^j (1 − x)^{a+b−1−j}`` in rational arithmetic."""
    m = a + b - 1
    for x in (0.0, 1e-6, 0.03125, 0.3, 0.75, 1.0):
        rational = Fraction(x)
        truth = sum(math.comb(m, j) * rational**j * (1 - rational) ** (m - j) for j in range(a, m + 1))
        ball = ball_source._incomplete(arb(a), arb(b), arb(x))
        assert ball.contains(flint.fmpq(truth.numerator, truth.denominator))
        assert truth == 0 or ball.rel_accuracy_bits() > 60


@pytest.mark.parametrize("source", [SMALL, LARGE, RadialSource(50, 80)])
def test_cells_and_density_agree_with_float64(source: RadialSource) -> None:
    rigorous = ball_source.BallSource(source.d, source.n)
    edges = np.concatenate([[0.0], np.linspace(*source.quantiles(1e-6), 9), [np.inf]])
    cells, floats = rigorous.cells([arb(edge) for edge in edges]), source.cells(edges)
    for field in dataclasses.fields(floats):
        found = [float(getattr(cell, field.name)) for cell in cells]
        np.testing.assert_allclose(found, getattr(floats, field.name), rtol=1e-9)
    assert float(balls.total(cell.probability for cell in cells)) == pytest.approx(1.0, abs=1e-15)
    x = edges[1:-1]
    functions = [(arb(one).tanh(), arb(one).cosh()) for one in x]
    density = [float(rigorous.log_density(*pair)) for pair in functions]
    np.testing.assert_allclose(density, source.log_density(x), rtol=1e-11)
    slopes = [float(rigorous.log_density_slope(*pair)) for pair in functions]
    np.testing.assert_allclose(slopes, source.log_density_slope(x), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("d", [1, 2, 5, 50])
def test_angular_rule_and_its_errors_agree_with_float64(d: int) -> None:
    rule = radial_kernel.angular_rule(d, 40.0, -16.0)
    balls = angle.ball_rule(rule)
    order = np.argsort(-rule.one_minus)
    np.testing.assert_allclose([float(w) for w in balls.weight], np.exp(rule.log_weight[order]), rtol=1e-11)
    np.testing.assert_allclose([float(t) for t in balls.cosine], 1 - rule.one_minus[order], atol=1e-15)
    for log_range in (1.0, 20.0, 38.0):
        found = float(balls.error(arb(log_range)))
        assert found == pytest.approx(float(rule.error(np.array(log_range))), rel=1e-9)
        found = float(balls.energy_error(arb(log_range)))
        assert found == pytest.approx(float(rule.energy_error(np.array(log_range))), rel=1e-9)
        laplace = float(balls.log_laplace(arb(log_range)))
        assert laplace == pytest.approx(
            float(radial_kernel.log_laplace(np.array([log_range]), rule)[0]), rel=1e-11
        )


@functools.cache
def long_rule(rule: angle.BallRule) -> list[np.ndarray]:
    """Squares, cosines and weights of all nodes of the rule, in 80 bits."""
    return [
        np.array([float(one) for one in field], np.longdouble)
        for field in (rule.square, rule.cosine, rule.weight)
    ]


def long_kernel(c2, s2, sc, energy_scale, rho, rule) -> tuple[np.longdouble, np.longdouble]:
    """``Σ w e^{−λd}`` and ``Σ w λd e^{−λd}`` over all nodes of the rule, in 80 bits."""
    square, cosine, weight = long_rule(rule)
    rho = np.longdouble(rho)
    energy = energy_scale * (rho**2 * (c2 + s2 * square) - 2 * rho * sc * cosine + s2)
    terms = weight * np.exp(-energy)
    return np.sum(terms), np.sum(terms * energy)


@pytest.mark.parametrize(
    ("source", "slope"),
    [pytest.param(SMALL, SMALL_SLOPE, marks=pytest.mark.slow), (LARGE, LARGE_SLOPE)],
)
def test_sums_on_the_grid_count_every_node(source: RadialSource, slope: float) -> None:
    """All source nodes and all angular nodes, those that are only bounded too."""
    made = solved(source, slope).construction
    assert made is not None
    rule = angle.ball_rule(made.rule)
    heights = [arb(float(height)).exp() for height in made.lower.log_heights]
    energy_scale = arb(slope) * (source.n + 1) / source.n
    sums = lower._sums_on_grid(made.grid, energy_scale, rule, heights)
    nodes = made.grid.step * (np.arange(made.grid.highest + 3 * made.grid.reach) + 0.5)
    carriers = made.grid.step * (np.arange(made.grid.lowest, made.grid.highest + 1) + 0.5)
    gaussians = sum(
        np.exp(-(((nodes[:, None] - sign * carriers) / made.grid.step) ** 2) / 2) for sign in (1, -1)
    ) / np.sqrt(2 * np.pi)
    mass = made.grid.step * gaussians @ np.exp(made.lower.log_heights)
    s, c = np.tanh(nodes), 1 / np.cosh(nodes)
    for j in range(0, made.grid.z_count, 23):
        rho = np.sinh(made.grid.z_step * j)
        terms = [
            m * long_kernel(c2, s2, sc, float(energy_scale), rho, rule)[0]
            for m, c2, s2, sc in zip(mass, c**2, s**2, s * c, strict=True)
        ]
        assert float(sums[j].mid()) == pytest.approx(float(np.sum(terms)), rel=1e-9, abs=1e-9)
        assert float(sums[j].rad()) < 1e-8


@pytest.mark.parametrize(("source", "slope"), [(SMALL, SMALL_SLOPE), (LARGE, LARGE_SLOPE)])
def test_rows_of_the_achievable_point_count_every_angle(source: RadialSource, slope: float) -> None:
    made = solved(source, slope).construction
    assert made is not None
    rule = angle.ball_rule(made.cell_rule)
    energy_scale = arb(slope) * (source.n + 1) / source.n
    edges = made.cell_edges[:: max(1, made.cell_edges.size // 6)]
    cells = ball_source.BallSource(source.d, source.n).cells([arb(float(edge)) for edge in edges])
    radii = [arb(float(rho)) for rho in made.radius]
    weights = [arb(float(weight)) for weight in made.weights]
    plan = upper._Plan(cells, float(energy_scale), rule, made.radius, made.weights)
    for index, cell in enumerate(cells):
        chosen = plan.row(index)
        normalizer, energy, _ = upper._row(cell, chosen, energy_scale, rule, radii, weights)
        coefficients = (float(cell.cosine_squared), float(cell.sine_squared), float(cell.sine_cosine))
        pairs = [
            (made.weights[j], *long_kernel(*coefficients, float(energy_scale), made.radius[j], rule))
            for j, _, _ in chosen
        ]
        assert float(normalizer) == pytest.approx(float(sum(q * v for q, v, _ in pairs)), rel=1e-10)
        assert float(energy) == pytest.approx(float(sum(q * e for q, _, e in pairs)), rel=1e-9)
        everything = sum(
            q * long_kernel(*coefficients, float(energy_scale), rho, rule)[0]
            for q, rho in zip(made.weights, made.radius, strict=True)
        )
        assert float(normalizer) == pytest.approx(float(everything), rel=1e-9)


def test_interpolation_between_the_nodes() -> None:
    """An even function whose sixteenth derivatives are far below the tolerance: cosh(z/10), everywhere."""
    values = lower._between([(arb(j) / 10).cosh() for j in range(30)])
    z = np.arange(len(values)) / 128
    np.testing.assert_allclose([float(value) for value in values], np.cosh(z / 10), rtol=1e-14)
    assert max(float(value.rad()) for value in values) < 1e-20


@pytest.mark.parametrize("slope", [-3.0, -0.2, -1e-9, 0.0, 1e-9, 0.3, 5.0])
def test_mean_of_an_exponential_on_a_cell(slope: float) -> None:
    half = 0.7
    x, w = np.polynomial.legendre.leggauss(40)
    density = w * np.exp(slope * half * x)
    ball = mean._exponential_mean(arb(slope), arb(half))
    assert float(ball) == pytest.approx(float(half * (density @ x) / density.sum()), abs=1e-10)
    assert float(ball.rad()) < 1e-9


@pytest.mark.parametrize(("left", "right"), [(5.0, -3.0), (-0.2, -8.0), (1e-9, -1e-9), (None, 2.0)])
def test_spread_on_a_cell(left: float | None, right: float) -> None:
    """That of the exponential with the steeper slope, the half width where a slope is infinite."""
    half = 0.7
    x, w = np.polynomial.legendre.leggauss(40)
    ball = mean._largest_spread(None if left is None else arb(left), arb(right), arb(half))
    if left is None:
        assert float(ball) == pytest.approx(half**2, rel=1e-15)
        return
    density = w * np.exp(max(abs(left), abs(right)) * half * x)
    spread = float(half**2 * (density @ x**2) / density.sum())
    assert spread * (1 - 1e-12) <= float(ball) <= spread * 1.01
    assert float(ball.rad()) < 1e-9


@pytest.mark.slow
@pytest.mark.parametrize(("source", "slope"), [(SMALL, SMALL_SLOPE), (LARGE, LARGE_SLOPE)])
def test_bounds_agree_with_float64_and_certify(source: RadialSource, slope: float) -> None:
    point, found = solved(source, slope), in_balls(source, slope)
    assert found.distortion == pytest.approx(point.distortion, rel=1e-6)
    assert found.rate == pytest.approx(point.rate, abs=1e-6)
    lower = point.intercept_lower - point.slope * point.distortion
    assert found.rate_lower == pytest.approx(lower, abs=3e-6)
    assert 0 < found.rate - found.rate_lower < 1e-4


@pytest.mark.slow
def test_noise_variance_is_the_unit_of_distortion() -> None:
    point = solved(SMALL, SMALL_SLOPE)
    one, other = in_balls(SMALL, SMALL_SLOPE), evaluation.rigorous_bounds(SMALL, point, 1e-3)
    assert Fraction(other.distortion) >= Fraction(1e-3) * Fraction(point.distortion) * (
        1 - Fraction(1, 10**9)
    )
    assert other.distortion == pytest.approx(1e-3 * one.distortion, rel=1e-15)
    assert other.rate == one.rate
    assert other.rate_lower == pytest.approx(one.rate_lower, abs=1e-14)


@pytest.mark.parametrize("noise_variance", [1.0, 0.1, 3e-5])
def test_zero_rate_point_is_no_smaller_than_the_truth(noise_variance: float) -> None:
    source = RadialSource(50, 80)
    found = evaluation.rigorous_bounds(source, points.point_at_slope(source, 50.0), noise_variance)
    assert (found.rate, found.rate_lower) == (0.0, 0.0)
    assert Fraction(found.distortion) >= Fraction(50, 80) * Fraction(noise_variance)
    assert found.distortion == pytest.approx(0.625 * noise_variance, rel=1e-15)


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size=st.sampled_from([1e-6, 0.05, 2.0, 30.0]))
def test_whatever_was_chosen_the_bounds_do_not_cross(seed: int, size: float) -> None:
    _check_moved(seed, size)


def test_what_was_chosen_badly_the_bounds_do_not_cross() -> None:
    _check_moved(1, 0.05)


def _check_moved(seed: int, size: float) -> None:
    """Heights, tails and weights moved at random: the bounds part, and neither passes the certified curve."""
    rng = np.random.default_rng(seed)
    truth = solved(SMALL, SMALL_SLOPE)
    made = truth.construction
    assert made is not None
    lower = dataclasses.replace(
        made.lower,
        log_heights=made.lower.log_heights + size * rng.normal(size=made.lower.log_heights.size),
        log_tails=tuple(tail + size * rng.normal() for tail in made.lower.log_tails),
    )
    weights = made.weights * np.exp(size * rng.normal(size=made.weights.size))
    moved = dataclasses.replace(truth, construction=dataclasses.replace(made, lower=lower, weights=weights))
    with flint.ctx.workprec(balls.PRECISION):
        found = evaluation.rigorous_bounds(SMALL, moved, 1.0)
    assert found.rate_lower <= found.rate
    assert found.rate >= truth.intercept_lower - truth.slope * found.distortion - 1e-9
    # R(D) is at most the closed bound, and beyond the solver's point at most its rate.
    assert found.rate_lower <= closed_bracket.upper(SMALL, found.distortion) + 1e-9
    assert found.distortion < truth.distortion or found.rate_lower <= truth.rate + 1e-9


def test_a_peak_between_two_nodes_of_the_grid_is_seen() -> None:
    """One Gaussian raised by five nats: c rises near its radius by more than ``E ln s`` gains."""
    made = solved(SMALL, SMALL_SLOPE).construction
    assert made is not None
    before = solved(SMALL, SMALL_SLOPE).intercept_lower
    heights = made.lower.log_heights.copy()
    heights[heights.size // 3] += 5.0
    raised = dataclasses.replace(made, lower=dataclasses.replace(made.lower, log_heights=heights))
    assert evaluation._intercept(SMALL_SLOPE, raised, UNLIMITED) < before - 0.5


def test_rules_too_coarse_prove_nothing() -> None:
    """Error bounds that exceed one: no line, no achievable point, and the closed bracket in their place."""
    point = solved(LARGE, LARGE_SLOPE)
    made = point.construction
    assert made is not None
    coarse = radial_kernel.angular_rule(5, 5.0, 3.0)
    spoiled = dataclasses.replace(made, rule=coarse, cell_rule=coarse)
    assert balls.at_least(evaluation._intercept(LARGE_SLOPE, spoiled, UNLIMITED)) == -math.inf
    assert not evaluation._achieved(LARGE_SLOPE, spoiled, UNLIMITED)[1].is_finite()
    found = evaluation.rigorous_bounds(LARGE, dataclasses.replace(point, construction=spoiled), 1.0)
    scale = 50 / (50 - 5 - 1) * (5 / 50 / found.distortion - 1)
    assert found.rate == pytest.approx(2.5 * np.log1p(scale), rel=1e-14)
    assert found.rate_lower == pytest.approx(2.5 * np.log(5 / 50 / found.distortion), rel=1e-14)
    assert found.rate_lower <= point.rate <= found.rate


def test_a_grid_that_ends_too_early_proves_nothing() -> None:
    made = solved(SMALL, SMALL_SLOPE).construction
    assert made is not None
    short = dataclasses.replace(made, grid=dataclasses.replace(made.grid, z_count=made.grid.z_count - 4))
    assert balls.at_least(evaluation._intercept(SMALL_SLOPE, short, UNLIMITED)) == -math.inf

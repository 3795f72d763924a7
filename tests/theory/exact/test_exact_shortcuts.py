"""What the exact curve leaves out to be quick, against the whole sum; cells against the truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from ratedist.theory.exact import achievable, multipliers, points, radial_grid, radial_kernel, radial_source
from ratedist.theory.exact.radial_source import RadialCells, RadialSource
from ratedist.theory.exact.reproduction_law import Lowering

DEPTH = 50.0


def whole_kernel(letters: RadialCells, radius, scale, rule) -> tuple[np.ndarray, np.ndarray]:
    """``ln K`` and the mean energy of every entry, from every node of the rule."""
    s2, c2, sc = (
        column[:, None, None]
        for column in (letters.sine_squared, letters.cosine_squared, letters.sine_cosine)
    )
    rho = radius[:, None]
    aligned = np.maximum(rho**2 * c2 - 2 * rho * sc + s2, 0.0)
    energy = scale * (aligned + rho**2 * s2 * rule.one_minus_square + 2 * rho * sc * rule.one_minus)
    terms = rule.log_weight - energy
    largest = np.max(terms, axis=2, keepdims=True)
    weights = np.exp(terms - largest)
    total = np.sum(weights, axis=2)
    return np.log(total) + largest[..., 0], np.sum(weights * energy, axis=2) / total


@pytest.mark.parametrize("by_cells", [False, True])
@pytest.mark.parametrize(
    ("d", "n", "slope"),
    [(50, 80, 400.0), pytest.param(50, 51, 2000.0, marks=pytest.mark.slow), (3, 4, 90.0), (1, 5, 300.0)],
)
def test_only_negligible_entries_and_angles_are_left_out(
    d: int, n: int, slope: float, by_cells: bool
) -> None:
    source, scale = RadialSource(d, n), slope * (n + 1) / n
    low, high = source.quantiles(1e-9)
    radius = np.sinh(np.concatenate([[0.0], np.linspace(low / 2, high + 0.3, 59)]))
    if by_cells:
        edges = achievable.cell_edges(source, scale)
        letters = source.cells(np.concatenate([edges[:-1:250], [np.inf]]))
        rule, log_scale = achievable.cell_rule(letters, radius, scale, d), None
    else:
        letters = radial_source.points(np.linspace(low, high, 45), np.ones(45))
        rule = radial_kernel.angular_rule(d, 30.0 + 5 * d, -16.0)
        log_scale = radial_kernel.log_peak(letters, scale, rule)
    found = radial_kernel.kernel(letters, radius, scale, rule, DEPTH, log_scale, with_energies=True)
    log_kernel, mean_energy = whole_kernel(letters, radius, scale, rule)
    assert np.all(np.max(log_kernel, axis=1) <= found.log_scale + 1e-9)
    kept = np.zeros(log_kernel.shape, bool)
    row = np.repeat(np.arange(kept.shape[0]), np.diff(found.values.indptr))
    kept[row, found.values.indices] = True
    assert not np.any(~kept & (log_kernel > found.log_scale[:, None] - DEPTH + 1e-9))
    assert 0 < np.mean(kept) < 0.6
    whole = np.exp(log_kernel[kept] - found.log_scale[row])
    np.testing.assert_allclose(found.values.data, whole, rtol=1e-9)
    np.testing.assert_allclose(found.energies.data, whole * mean_energy[kept], rtol=1e-9, atol=1e-250)


@pytest.mark.parametrize(
    ("d", "n"),
    [
        (1, 1),
        (1, 5),
        (50, 80),
        (50, 51),
        (50, 5000),
        pytest.param(10_000, 10**9, marks=pytest.mark.slow),
        (1, 10**12),
    ],
)
def test_narrow_cells_lose_no_digits(d: int, n: int) -> None:
    """Against ball arithmetic: nothing but the last places of tails of order one."""
    flint = pytest.importorskip("flint")
    from ratedist.theory.exact.rigorous.ball_source import BallSource

    source = RadialSource(d, n)
    edges = np.concatenate([[0.0], np.linspace(*source.quantiles(1e-12), 2000), [np.inf]])
    cells = source.cells(edges)
    assert cells.probability.size == edges.size - 1
    with flint.ctx.workprec(160):
        for k in [0, *range(1, edges.size - 1, 113), edges.size - 2] if n < 10**6 else [700, 1300]:
            (true,) = BallSource(d, n).cells([flint.arb(float(edge)) for edge in edges[k : k + 2]])
            probability = float(true.probability)
            assert cells.probability[k] == pytest.approx(probability, abs=2e-14, rel=1e-11)
            for name in ("sine_squared", "cosine_squared", "sine_cosine"):
                # An error of a mean counts with the probability of its cell.
                wrong = getattr(cells, name)[k] / float(getattr(true, name)) - 1
                assert abs(wrong) * probability < 2e-14, name


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(-40, 40), min_size=2, max_size=6),
    st.floats(1e-3, 2.0),
)
def test_spread_of_log_concave_densities_on_a_cell(slopes: list[float], half: float) -> None:
    """Piecewise exponential densities with falling slopes: no mean of x² is above that of cosh."""
    x = np.linspace(-half, half, 6001)
    falling = np.sort(slopes)[::-1]
    piece = np.minimum((np.arange(x.size) * falling.size) // x.size, falling.size - 1)
    log_density = np.concatenate([[0.0], np.cumsum(falling[piece][:-1] * np.diff(x))])
    density = np.exp(log_density - np.max(log_density))
    second = np.trapezoid(density * x**2, x) / np.trapezoid(density, x)
    y = np.array([max(half * np.max(np.abs(slopes)), 1e-2)])
    bound = half**2 * (1 - 2 * multipliers._langevin(y) / y)[0]
    assert second <= bound * (1 + 1e-4)
    assert bound <= half**2
    # No number below it would do: the exponential with the steepest slope reaches it.
    steepest = np.exp(y[0] / half * (x - half))
    reached = np.trapezoid(steepest * x**2, x) / np.trapezoid(steepest, x)
    assert bound == pytest.approx(reached, rel=1e-3)


@pytest.mark.parametrize("roughness", [0.0, 0.5, 4.0])
@pytest.mark.parametrize(("d", "n"), [(1, 5), (3, 6), (50, 80)])
def test_mean_of_the_log_multiplier_from_below(d: int, n: int, roughness: float) -> None:
    """However rough the heights are; and with smooth ones it is close."""
    source = RadialSource(d, n)
    grid = radial_grid.radial_grid(source, 300.0, 20.0, (1e-9, 1e-7), -16.0)
    nodes = grid.x[grid.inner]
    noise = np.random.default_rng(1).normal(size=nodes.size)
    heights = source.log_density(nodes) + roughness * noise
    bound = multipliers.mean_log_multiplier(source, grid, heights)
    # Gauss–Legendre with six nodes on each quarter of a step; near 0 the density of the radius is a power.
    edges = np.linspace(*grid.ends, 4 * nodes.size + 1)
    rule, weight = np.polynomial.legendre.leggauss(6)
    x = ((edges[1:] + edges[:-1])[:, None] / 2 + np.diff(edges)[:, None] / 2 * rule).ravel()
    mass = (np.diff(edges)[:, None] / 2 * weight).ravel() * np.exp(source.log_density(x))
    log_s = multipliers.mixture_at(grid, x).log_values(heights) - source.log_density(x)
    truth = float(mass @ log_s)
    assert bound <= truth + 1e-9
    assert truth - bound < 2e-5


def test_the_step_is_the_coarsest_that_will_do() -> None:
    for start, most in ((1.0, 0.999), (3.0, 3.0), (1.0, 1e-6), (2.0, 0.11)):
        step = radial_grid.coarsest_step(start, lambda step, most=most: step <= most)
        assert step <= most
        assert step == start or step / radial_grid.SHRINKAGE > most


def test_lowering_by_the_formula() -> None:
    """``ln(1 + max_j √(K_kj / max K_k) (c_j − 1)⁺)``, and nothing in a row without entries."""
    rng = np.random.default_rng(2)
    dense = np.where(rng.random((30, 40)) < 0.2, rng.exponential(size=(30, 40)), 0.0)
    dense[7] = 0.0
    columns = rng.uniform(0.5, 1.5, 40)
    peak = np.maximum(dense.max(axis=1, keepdims=True), 1e-300)
    expected = np.log1p(np.max(np.sqrt(dense / peak) * np.maximum(columns - 1, 0.0), axis=1))
    lowering = Lowering(sparse.csr_array(dense))
    np.testing.assert_allclose(lowering(columns), expected, rtol=1e-14)
    np.testing.assert_array_equal(lowering(np.ones(40)), 0.0)


def test_the_certificate_needs_fewer_angles_than_the_energies() -> None:
    rule = points.radial_kernel.angular_rule(50, 100.0, -16.0)
    plain = points.radial_kernel.angular_rule(50, 100.0, -16.0, with_energies=False)
    assert plain.log_weight.size < rule.log_weight.size
    assert plain.error(np.array(100.0)) <= np.exp(-15.9)
    assert rule.energy_error(np.array(100.0)) <= np.exp(-15.9)

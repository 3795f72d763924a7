"""The certificate of the exact rate–distortion function and the kernel under it, against slow oracles."""

import numpy as np
import pytest
from scipy import integrate

import ratedist as rd
from ratedist.estimate import Estimate
from ratedist.theory.exact import certificate, multipliers, points, radial_grid, radial_kernel, radial_source
from ratedist.theory.exact.radial_source import RadialSource
from tests.statistics import assert_agrees
from tests.theory.oracles import averaged_distortion

MODEL = rd.GaussianLinearModel(80, np.zeros(50))


class EnoughError(Exception):
    """The lower bound was seen: what the solver does with it is not looked at."""


@pytest.mark.parametrize(
    ("d", "n", "slope", "balancing"),
    [
        *(pytest.param(50, 80, slope, 12, marks=pytest.mark.slow) for slope in (110.0, 1000.0)),
        (50, 80, 1000.0, 0),
        pytest.param(3, 6, 12.0, 12, marks=pytest.mark.slow),
        (1, 5, 10.0, 12),
    ],
)
def test_supremum_holds_at_ten_times_the_resolution(
    d: int, n: int, slope: float, balancing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """c from other source nodes, a finer angular rule, ten times the reproduction radii, and farther out.

    Without balancing the supremum is well above one.
    """
    monkeypatch.setattr(certificate, "BALANCING_STEPS", balancing)
    seen = []
    original = certificate.lower_bound

    def spy(*args):
        seen.append((args, original(*args)))
        raise EnoughError

    monkeypatch.setattr(certificate, "lower_bound", spy)
    with pytest.raises(EnoughError):
        points.point_at_slope(RadialSource(d, n), slope)
    (source, grid, energy_scale, *_), bound = seen[0]
    # Half the step: on the whole line, m(−x) folded into m(x), none of the nodes coincides with the solver's.
    x = grid.step / 2 * (np.arange(2 * grid.first, 2 * (grid.highest + grid.reach)) + 0.5)
    mass = np.exp(multipliers.mixture_at(grid, x).log_values(bound.log_heights)) * grid.step / 2
    rule = radial_kernel.angular_rule(d, 10.0 + 6 * d, -16.0)
    letters = radial_source.points(x, mass)
    z = np.concatenate([np.arange(0, grid.z[-1], grid.z_step / 10), grid.z[-1] + np.linspace(0.1, 3, 30)])
    fine = radial_kernel.kernel(letters, np.sinh(z), energy_scale, rule, 50.0)
    c = fine.values.T @ (mass * np.exp(fine.log_scale))
    assert np.log(np.max(c)) <= bound.log_supremum
    assert np.log(np.max(c)) >= bound.log_supremum - 1e-4
    if balancing == 0:
        assert np.log(np.max(c)) > 5e-3
    # E ln s by the midpoint rule on a fine grid, derivatives not needed: the certified value is close to it.
    edges = np.linspace(grid.ends[0], grid.ends[1], 20001)
    middle = (edges[1:] + edges[:-1]) / 2
    log_s = multipliers.mixture_at(grid, middle).log_values(bound.log_heights) - source.log_density(middle)
    direct = float(np.exp(source.log_density(middle)) @ log_s) * (edges[1] - edges[0])
    assert bound.mean_log_multiplier == pytest.approx(direct, abs=1e-4)


def test_growth_of_the_energy_off_the_real_axes() -> None:
    """The three inequalities the quadrature and interpolation errors rest on, at random complex points."""
    rng = np.random.default_rng(7)
    x, z = rng.exponential(1.5, (2, 200_000))
    tau, eta = rng.normal(0, 2, x.size), rng.uniform(0, 0.45, x.size)
    b = np.exp(rng.normal(0, 1.5, x.size))

    def energy(x: np.ndarray, z: np.ndarray, tau: np.ndarray) -> np.ndarray:
        """λd/L in the three variables, complex if they are."""
        radius, t, s, c = np.sinh(z), np.tanh(tau), np.tanh(x), 1 / np.cosh(x)
        return (radius * c * t - s) ** 2 + radius**2 / np.cosh(tau) ** 2

    real, slack = energy(x, z, tau), 1e-9 * (1 + np.sinh(z) ** 2)
    sigma = 4 * np.sin(eta / 2) ** 2
    chi = 2.25 * (1 + 1 / b) * sigma
    lower = (1 - chi) * real - sigma * (1 + b) / np.cos(eta) ** 4
    assert np.all((np.real(energy(x + 1j * eta, z, tau)) >= lower - slack) | (chi > 1))
    lower = (1 - (2 + 2.25 / b) * sigma) * real - sigma * (2 + b)
    assert np.all(np.real(energy(x, z + 1j * eta, tau)) >= lower - slack)
    aligned = (np.sinh(z) / np.cosh(x) - np.tanh(x)) ** 2
    moved, chi = energy(x, z, tau + 1j * eta), 2 * np.sin(eta) ** 2 / np.cos(eta) ** 4
    assert np.all(np.real(moved) >= aligned + (1 - chi) * (real - aligned) - slack)
    assert np.all(np.abs(moved - aligned) <= (real - aligned) / np.cos(eta) ** 2 + slack)


def test_error_bounds_cover_the_errors() -> None:
    """Coarse steps: the trapezoidal rule in x and the interpolation in z err, by less than is claimed."""
    energy_scale, width = 50.0, 0.1
    x = np.linspace(-3, 3, 6001)  # the rule errs by far less than rounding there
    z = np.linspace(0, 2, 41)
    m = np.exp(-((x - 0.7) ** 2) / (2 * width**2)) / (width * np.sqrt(2 * np.pi))

    def kernel_at(x: np.ndarray, z: np.ndarray) -> np.ndarray:
        return np.exp(-energy_scale * (np.sinh(z) / np.cosh(x[:, None]) - np.tanh(x[:, None])) ** 2)

    true = (x[1] - x[0]) * (m @ kernel_at(x, z))
    for step in (0.08, 0.1, 0.12):
        nodes = step * (np.arange(-60, 60) + 0.5)
        weight = step * np.exp(-((nodes - 0.7) ** 2) / (2 * width**2)) / (width * np.sqrt(2 * np.pi))
        error = np.max(np.abs(weight @ kernel_at(nodes, z) - true))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(radial_grid, "WIDTH", width / step)
            claimed = np.exp(radial_grid.source_error(step, energy_scale, 0.0))
        assert 1e-12 < error <= claimed
    for z_step in (0.05, 0.08, 0.1):
        coarse = z_step * np.arange(int(3.5 / z_step))
        values = (x[1] - x[0]) * (m @ kernel_at(x, coarse))
        found = np.max(radial_grid.interpolated_maxima(values))
        dense = np.linspace(0, 2, 2001)
        actual = np.max((x[::2][1] - x[::2][0]) * (m[::2] @ kernel_at(x[::2], dense)))
        assert abs(found - actual) <= np.exp(radial_grid.interpolation_error(z_step, energy_scale, 0.0))


# The kernel


def test_averaged_distortion_against_simulated_data() -> None:
    """Rao–Blackwell: A by Bartlett's decomposition, W given A, and d_S itself; differences have mean zero."""
    d, n, trials = 3, 8, 40_000
    rng = np.random.default_rng(5)
    factor = np.zeros((trials, d, d))
    for i in range(d):
        factor[:, i, i] = np.sqrt(rng.chisquare(n - i, trials))
        factor[:, i, :i] = rng.normal(size=(trials, i))
    u = np.linalg.solve(np.swapaxes(factor, 1, 2), rng.normal(size=(trials, d, 1)))[..., 0]
    radius = np.linalg.norm(u, axis=1)
    for v in (0.6 * u, 0.3 + 0.0 * u, u / (1 + radius[:, None]) + np.array([0.0, 0.2, -0.4])):
        e = np.einsum("tji,tj->ti", factor, v - u)
        difference = np.sum(e**2, axis=1) / n - averaged_distortion(u, v, n)
        for chosen in (np.ones(trials), radius > np.median(radius), u[:, 0] * np.exp(-radius)):
            values = difference * chosen
            scale = float(np.mean(np.abs(averaged_distortion(u, v, n) * chosen)))
            sem = float(np.std(values, ddof=1) / np.sqrt(trials))
            assert_agrees(Estimate(float(np.mean(values)), sem, trials), 0.0, 0.02 * scale)


def test_conditional_law_of_the_scatter_matrix() -> None:
    """``A | W ~ Wishart(n + 1, (I + uuᵀ)⁻¹)``, drawn by Bartlett: its mean distortion is the kernel's."""
    d, n, trials = 4, 9, 20_000
    rng = np.random.default_rng(6)
    u, v = np.array([0.5, -1.0, 0.2, 0.7]), np.array([0.1, -0.2, 0.6, 0.3])
    root = np.linalg.cholesky(np.linalg.inv(np.eye(d) + np.outer(u, u)))
    factor = np.zeros((trials, d, d))
    for i in range(d):
        factor[:, i, i] = np.sqrt(rng.chisquare(n + 1 - i, trials))
        factor[:, i, :i] = rng.normal(size=(trials, i))
    e = np.einsum("tji,j->ti", factor, root.T @ (v - u))
    values = np.sum(e**2, axis=1) / n
    sem = float(np.std(values, ddof=1) / np.sqrt(trials))
    assert_agrees(Estimate(float(np.mean(values)), sem, trials), float(averaged_distortion(u, v, n)), 0.02)


@pytest.fixture(scope="module")
def gauss_legendre() -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(600)


@pytest.mark.parametrize(("d", "n"), [(1, 3), (2, 5), (3, 3), (50, 80)])
@pytest.mark.parametrize("slope", [2.0, 200.0])
def test_kernel_against_adaptive_quadrature(d: int, n: int, slope: float, gauss_legendre) -> None:
    nodes, weights = gauss_legendre
    x, radius = np.array([0.05, 0.9, 3.0]), np.array([0.0, 0.4, 1.1, 9.0])
    scale = slope * (n + 1) / n
    rule = radial_kernel.angular_rule(d, 30.0 + 5 * d, -25.0)
    found = radial_kernel.kernel(
        radial_source.points(x, np.ones(3)), radius, scale, rule, 600.0, with_energies=True
    )
    for i, r in enumerate(np.sinh(x)):
        for j, rho in enumerate(radius):

            def energy(t: np.ndarray | float, r: float = r, rho: float = rho) -> np.ndarray:
                u = np.stack([np.asarray(r), np.asarray(0.0)])
                t = np.asarray(t)
                v = rho * np.stack([t, np.sqrt(np.maximum(1 - t**2, 0))], axis=-1)
                return slope * averaged_distortion(u, v, n)

            if d == 1:
                mean = np.mean(np.exp(-energy(np.array([-1.0, 1.0]))))
                weighted = np.mean(energy(np.array([-1.0, 1.0])) * np.exp(-energy(np.array([-1.0, 1.0]))))
            else:
                theta = np.pi * (nodes + 1) / 2
                weight = weights * np.sin(theta) ** (d - 2)
                weight /= np.sum(weight)
                mean = weight @ np.exp(-energy(np.cos(theta)))
                weighted = weight @ (energy(np.cos(theta)) * np.exp(-energy(np.cos(theta))))
            ours = found.values[i, j] * np.exp(found.log_scale[i])
            ours_weighted = found.energies[i, j] * np.exp(found.log_scale[i])
            assert ours == pytest.approx(mean, rel=1e-8, abs=1e-250)
            assert ours_weighted == pytest.approx(weighted, rel=1e-8, abs=1e-250)
            assert (
                np.log(max(mean, 1e-250))
                <= radial_kernel.log_peak(radial_source.points(x, np.ones(3)), scale, rule)[i] + 1e-9
            )


@pytest.mark.parametrize("d", [2, 3, 10])
def test_angular_error_bound_covers_the_error(d: int) -> None:
    exact_rule = radial_kernel.angular_rule(d, 100.0, -35.0)
    letters, radius = radial_source.points(np.array([0.8, 1.5]), np.ones(2)), np.array([0.5, 1.0, 2.0])
    true = radial_kernel.kernel(letters, radius, 60.0, exact_rule, 400.0)
    for tolerance in (-1.5, -3.0, -6.0):
        rule = radial_kernel.angular_rule(d, 5.0, tolerance)
        found = radial_kernel.kernel(letters, radius, 60.0, rule, 400.0)
        ratio = (found.values.toarray() / true.values.toarray()) * np.exp(found.log_scale - true.log_scale)[
            :, None
        ]
        bound = rule.error(radial_kernel.log_range(true.steepest, exact_rule))
        assert np.all(np.abs(ratio - 1) <= bound[:, None])


@pytest.mark.parametrize(("d", "n"), [(1, 1), (3, 4), (50, 80)])
def test_cells_are_exact(d: int, n: int) -> None:
    source = RadialSource(d, n)
    edges = np.array([0.0, 0.3, 0.8, 1.4, np.inf])
    cells = source.cells(edges)
    for k, (low, high) in enumerate(zip(edges[:-1], np.minimum(edges[1:], 60.0), strict=True)):

        def mean(function, low: float = low, high: float = high) -> float:
            return integrate.quad(
                lambda x: function(x) * np.exp(source.log_density(np.array(x))),
                low,
                high,
                epsabs=1e-15,
                limit=400,
            )[0]

        p = mean(lambda x: 1.0)
        assert cells.probability[k] == pytest.approx(p, rel=1e-8, abs=1e-13)
        if p > 1e-9:
            assert cells.sine_squared[k] == pytest.approx(mean(lambda x: np.tanh(x) ** 2) / p, rel=1e-6)
            assert cells.cosine_squared[k] == pytest.approx(mean(lambda x: np.cosh(x) ** -2) / p, rel=1e-6)
            assert cells.sine_cosine[k] == pytest.approx(
                mean(lambda x: np.tanh(x) / np.cosh(x)) / p, rel=1e-6
            )

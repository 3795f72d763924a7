"""What claims compute for themselves, against enumeration, other algorithms and published values."""

import itertools
import math

import numpy as np
import pytest
from scipy.integrate import dblquad

from ratedist import codes
from ratedist.claims.bounds import oracle_radius_quantile
from ratedist.claims.coding import _kraft, _least_cost, counted_algorithm1
from ratedist.claims.empirical_design import gaussian_distortion, optimal_centers
from ratedist.claims.exact_curve import _log_ratios
from ratedist.claims.information import _random_code_distortion
from ratedist.claims.two_centers import cross_validated_penalty, two_centers
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.linear_model.weights import two_level_weights
from ratedist.quantizers import kmeans
from ratedist.simulation.random_codes import bernoulli_random_code_distortion

FIGURE2 = GaussianLinearModel(n=80, w_star=two_level_weights(50))


@pytest.mark.parametrize("penalty", [0.0, 0.1, 3.0])
def test_two_centers_by_all_assignments(penalty: float) -> None:
    generator = np.random.default_rng(0)
    weights, importance = generator.standard_normal((4, 7)), generator.exponential(size=(4, 7)) + 0.05
    found = two_centers(weights, importance, penalty)
    for w, h, r in zip(weights, importance, found, strict=True):
        best = np.inf
        for bits in itertools.product([False, True], repeat=6):
            high = np.array([*bits, True])
            if high.all():
                continue
            # The normal equations of (34) for the two centres.
            A, B = h[~high].sum(), h[high].sum()
            matrix = np.array([[A + penalty, -penalty], [-penalty, B + penalty]])
            low, up = np.linalg.solve(matrix, [(h * w)[~high].sum(), (h * w)[high].sum()])
            cost = h @ (w - np.where(high, up, low)) ** 2 + penalty * (up - low) ** 2
            best = min(best, cost)
        cost = h @ (w - r) ** 2 + penalty * np.ptp(r) ** 2
        assert cost == pytest.approx(best, rel=1e-12)


def test_two_centers_are_those_of_the_optimal_quantiser() -> None:
    generator = np.random.default_rng(1)
    weights, importance = generator.standard_normal((3, 50)), generator.exponential(size=(3, 50)) + 0.05
    for w, h, r in zip(weights, importance, two_centers(weights, importance, 0.5), strict=True):
        assert r == pytest.approx(
            kmeans(w, 2, h, method="optimal", diameter_penalty=0.5).reconstruction, abs=1e-9
        )


def test_cross_validation_by_a_loop() -> None:
    """Each fold fitted by least squares on the rows that are left."""
    generator, model = np.random.default_rng(2), GaussianLinearModel(n=20, w_star=two_level_weights(4))
    inputs = generator.standard_normal((2, 20, 4))
    outputs = inputs @ model.w_star + generator.standard_normal((2, 20))
    penalties = np.array([0.0, 5.0])
    chosen = cross_validated_penalty(model, inputs, outputs, penalties, 3)
    for x, y, choice in zip(inputs, outputs, chosen, strict=True):
        losses = np.zeros(2)
        for part in np.array_split(np.arange(20), 3):
            rest = np.setdiff1d(np.arange(20), part)
            w = np.linalg.lstsq(x[rest], y[rest], rcond=None)[0]
            h = np.sum(x[rest] ** 2, axis=0) / rest.size
            for k, penalty in enumerate(penalties):
                r = kmeans(w, 2, h, method="optimal", diameter_penalty=penalty).reconstruction
                losses[k] += np.sum((y[part] - x[part] @ r) ** 2)
        assert choice == penalties[np.argmin(losses)]


def test_krafts_sum_by_every_sequence() -> None:
    for K, d in ((2, 6), (3, 6)):
        total = 0.0
        for labels in itertools.product(range(K), repeat=d):
            counts = np.bincount(labels, minlength=K)
            total += 2.0 ** -float(codes.huffman_payload_bits(counts))
        assert _kraft(K, d, 0.0) == pytest.approx(total, rel=1e-12)
    assert _kraft(3, 6, 6.0) == pytest.approx(total / 64, rel=1e-12)


def test_least_cost_by_every_code() -> None:
    """Four symbols have two shapes of tree: all lengths 2, or 1, 2, 3, 3."""
    generator = np.random.default_rng(3)
    for counts in generator.integers(1, 50, (20, 4)):
        ordered = np.sort(counts)[::-1]
        assert _least_cost(counts) == min(2 * counts.sum(), int(ordered @ [1, 2, 3, 3]))


def test_operations_by_hand() -> None:
    """d′ = 8, K = 4, m = 2, one iteration: distances, sums and labels, means; then pairs and one solution."""
    blocks = np.random.default_rng(4).standard_normal((8, 2))
    plain = 2 * 8 * 4 * 2 + 8 * 2 + 8 + 2 * 4 * 2
    assert counted_algorithm1(blocks, 4, 0.0, iterations=1) == plain
    assert counted_algorithm1(blocks, 4, 1.0, iterations=1) == plain + 2 * 6 * 2 + 4 * 2 + 8


def test_lloyd_max_quantisers_of_the_normal_law() -> None:
    """Max 1960: 0.3634, 0.1175, 0.03454."""
    for K, published in ((2, 0.3634), (4, 0.1175), (8, 0.03454)):
        assert gaussian_distortion(optimal_centers(K)) == pytest.approx(published, abs=5e-5)
    assert gaussian_distortion(np.zeros(1)) == pytest.approx(1.0)
    x = np.random.default_rng(5).standard_normal(400_000)
    centers = np.array([-2.0, 0.1, 0.5])
    simulated = np.min((x[:, None] - centers) ** 2, axis=1)
    error = simulated.std() / np.sqrt(x.size)
    assert gaussian_distortion(centers) == pytest.approx(simulated.mean(), abs=4 * error)


def test_random_codes_by_the_formula_for_few_words() -> None:
    for m in (8, 16, 40):
        exact = bernoulli_random_code_distortion(m, np.log(2) / 2)
        assert _random_code_distortion(m) == pytest.approx(exact, rel=1e-12)


def chi_square_density(x: float, k: int) -> float:
    return math.exp((k / 2 - 1) * math.log(x) - x / 2 - k / 2 * math.log(2) - math.lgamma(k / 2))


def test_quantiles_of_the_oracles_radius() -> None:
    """Against draws at 1%, and against a two-fold integral at one in a million."""
    generator, alpha, trials = np.random.default_rng(6), 0.5, 400_000
    g = generator.chisquare(31, trials)
    squared = ((1 - alpha) ** 2 / g + alpha * (1 - alpha) / 80) * generator.chisquare(50, trials)
    share = np.mean(squared > oracle_radius_quantile(FIGURE2, alpha, 0.01))
    assert share == pytest.approx(0.01, abs=4 * (0.01 / trials) ** 0.5)
    radius = oracle_radius_quantile(FIGURE2, alpha, 1e-6)
    scale = lambda g: (1 - alpha) ** 2 / g + alpha * (1 - alpha) / 80  # noqa: E731
    passed, _ = dblquad(
        lambda x, g: chi_square_density(g, 31) * chi_square_density(x, 50),
        0.5, 120, lambda g: min(radius / scale(g), 400.0), lambda g: 400.0, epsabs=1e-9, epsrel=1e-4,
    )  # fmt: skip
    assert passed == pytest.approx(1e-6, rel=1e-2)


def test_the_condition_at_the_critical_slope_by_draws() -> None:
    """c(ρ) = E exp(−λ(d(U, v) − d(U, 0))), by draws of U and one v of length ρ."""
    generator, slope, rho, trials = np.random.default_rng(7), 20.0, 0.3, 100_000
    u = generator.standard_normal((trials, 50)) / np.sqrt(generator.chisquare(31, (trials, 1)))
    v = np.zeros(50)
    v[0] = rho
    difference = np.zeros(trials)
    for point, sign in ((v, 1.0), (np.zeros(50), -1.0)):
        e = point - u
        seen = np.sum(u * e, axis=1) ** 2 / (1 + np.sum(u**2, axis=1))
        difference += sign * 81 / 80 * (np.sum(e**2, axis=1) - seen)
    ratio = np.exp(-slope * difference)
    error = ratio.std() / np.sqrt(trials)
    assert error < 0.005
    found = np.exp(_log_ratios(FIGURE2, slope, np.array([rho]))[0])
    assert found == pytest.approx(ratio.mean(), abs=4 * error)

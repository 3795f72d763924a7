"""Exact and high-resolution lengths, the two-part code and its best step, against sums and searches."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import laplace, norm

from ratedist import theory
from ratedist.theory import GaussianPrior, LaplacePrior, TwoSpikePrior

TAU = 0.7
PRIORS = [GaussianPrior(TAU), LaplacePrior(TAU), TwoSpikePrior(1.5 * TAU, TAU)]


def density_grid(prior, points=20_001) -> tuple[np.ndarray, np.ndarray]:
    """Weights all over a prior, and their shares by its density."""
    weights = np.linspace(-40 * TAU, 40 * TAU, points)
    shares = np.exp(prior.log_density(weights))
    return weights, shares / shares.sum()


@pytest.mark.parametrize("prior", PRIORS, ids=str)
def test_the_mean_length_is_near_the_approximation_up_to_a_tenth_of_the_scale(prior) -> None:
    """The entropy of the rounded weight, a sum over cells, against h(w) − ln δ: E(ln p)′²δ²/24 more."""
    weights, shares = density_grid(prior)
    logs = prior.log_density(weights)
    information = shares @ np.gradient(logs, weights) ** 2
    for step in (TAU / 1000, TAU / 100, TAU / 10):
        cells = step * np.arange(-int(40 * TAU / step), int(40 * TAU / step) + 1)
        lengths = theory.code_length(cells, step, prior)
        exact, near = np.exp(-lengths) @ lengths, -shares @ logs - np.log(step)
        assert near == pytest.approx(exact, rel=2e-4)
        assert exact - near == pytest.approx(step**2 * information / 24, rel=0.05, abs=1e-5)


@pytest.mark.parametrize("prior", PRIORS, ids=str)
def test_each_length_is_within_a_hundredth_up_to_a_tenth_of_the_scale(prior) -> None:
    """However far out: a part of (δ/τ)²/12 of a length that is at least ln(τ/δ) + ½ ln 2π."""
    for ratio in (1e-9, 1e-3, 0.1):
        weights = np.concatenate([np.linspace(-20, 20, 4001), np.geomspace(20, 1e6, 400)]) * TAU
        exact = theory.code_length(weights, ratio * TAU, prior)
        near = theory.high_resolution_code_length(weights, ratio * TAU, prior)
        bound = 0.01 if isinstance(prior, LaplacePrior) else 2e-3
        np.testing.assert_allclose(near, exact, rtol=bound)


def test_how_far_the_length_is_from_the_approximation() -> None:
    """Of a Gaussian ``(δ/τ)²(w²/τ² − 1)/24`` nats."""
    weights = np.linspace(-5, 5, 401) * TAU
    for ratio in (0.01, 0.1):
        exact = theory.code_length(weights, ratio * TAU, PRIORS[0])
        near = theory.high_resolution_code_length(weights, ratio * TAU, PRIORS[0])
        error = ratio**2 * ((weights / TAU) ** 2 - 1) / 24
        np.testing.assert_allclose(near - exact, error, atol=(5 * ratio) ** 4 / 1000 + 1e-13)


def test_the_length_of_a_cell_is_minus_the_logarithm_of_its_probability() -> None:
    weights = np.linspace(-3, 3, 25).reshape(5, 5)
    for law, prior in ((norm(0, TAU), GaussianPrior(TAU)), (laplace(0, TAU), LaplacePrior(TAU))):
        truth = -np.log(law.cdf(weights + 0.125) - law.cdf(weights - 0.125))
        np.testing.assert_allclose(theory.code_length(weights, 0.25, prior), truth, rtol=1e-10)


@pytest.mark.parametrize("prior", PRIORS[:2], ids=str)
@pytest.mark.parametrize("ratio", [10, 30])
def test_the_best_step_of_exact_rounding_is_root_twelve_posterior_scales(prior, ratio) -> None:
    """Mean over all weights of the prior, by midpoints of forty parts of every cell."""
    scale, reach = TAU / ratio, TAU * (9 if isinstance(prior, GaussianPrior) else 30)
    offsets = (np.arange(40) + 0.5) / 40 - 0.5

    def mean_total(step: float) -> float:
        cells = step * np.arange(-int(reach / step), int(reach / step) + 1)
        weights = (cells[:, None] + step * offsets).ravel()
        shares = np.exp(prior.log_density(weights)) * step / offsets.size
        lengths = theory.two_part_length(weights, scale, step, prior)
        return float(shares @ lengths.total)

    best = minimize_scalar(
        mean_total, bounds=(2 * scale, 6 * scale), method="bounded", options={"xatol": 1e-3 * scale}
    )
    assert best.x == pytest.approx(float(theory.optimal_step(scale)), rel=0.01 if ratio < 30 else 1e-3)
    # Bits back moves the data by half a nat too, by drawing the weight: what it has less is the refund.
    weights, shares = density_grid(prior)
    drawn = shares @ prior.divergence(weights, scale) + 0.5
    assert best.fun - drawn == pytest.approx(theory.BITS_BACK_REFUND, abs=2 / ratio**2)


def test_the_refund_is_a_quarter_bit_and_approached() -> None:
    assert pytest.approx(0.2546, abs=5e-5) == theory.BITS_BACK_REFUND / np.log(2)
    prior, gaps = GaussianPrior(1.0), []
    scales = np.array([0.3, 0.1, 0.03, 0.01])
    for scale in scales:
        step = theory.optimal_step(scale)
        two_part = theory.high_resolution_code_length(0.8, step, prior) + theory.rounding_cost(scale, step)
        gaps.append(float(two_part - prior.divergence(0.8, scale) - 0.5) - theory.BITS_BACK_REFUND)
    # KL has s²/2τ² that the two-part code has not.
    np.testing.assert_allclose(gaps, -(scales**2) / 2, rtol=1e-6)


def test_rounding_to_a_grid() -> None:
    values = np.array([0.0, 0.24, 0.25, 0.75, -0.26, 1e300, -1e308])
    rounded = theory.round_to_grid(values, 0.5)
    np.testing.assert_array_equal(rounded, [0.0, 0.0, 0.0, 1.0, -0.5, 1e300, -1e308])
    np.testing.assert_array_equal(theory.round_to_grid(values, 1e-300)[-2:], values[-2:])
    assert theory.round_to_grid([], 1.0).shape == (0,)


def test_shapes_go_together() -> None:
    weights, steps = np.ones((3, 4)), np.full(4, 0.1)
    prior = GaussianPrior(1.0)
    assert theory.code_length(weights, steps, prior).shape == (3, 4)
    length = theory.two_part_length(weights, 0.1, steps, prior)
    assert length.weight.shape == length.data.shape == length.total.shape == (3, 4)
    assert theory.two_part_length(1.0, 0.1, steps, prior).total.shape == (4,)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: GaussianPrior(0.0), "scale must be one number above zero"),
        (lambda: LaplacePrior(np.nan), "scale must be finite"),
        (lambda: TwoSpikePrior(-1.0, 1.0), "center must be one number above zero"),
        (lambda: theory.code_length([np.nan], 1.0, PRIORS[0]), "weights must be finite"),
        (lambda: theory.code_length([1.0], 0.0, PRIORS[0]), "step must lie in"),
        (lambda: theory.code_length([1.0], np.inf, PRIORS[0]), "step must lie in"),
        (lambda: theory.two_part_length([1.0], -1.0, 1.0, PRIORS[0]), "posterior_scale must lie in"),
        (lambda: theory.optimal_step(0.0), "posterior_scale must lie in"),
        (lambda: theory.bits_back_cost([0.0], 0.0, PRIORS[1]), "scale must lie in"),
    ],
)
def test_bad_input_is_refused_in_words(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()

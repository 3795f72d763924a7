"""Every function of ``ratedist.theory`` given what it cannot use: one sentence that names the argument."""

import inspect
import math
from collections.abc import Callable

import numpy as np
import pytest

import ratedist as rd
from ratedist import theory

MODEL = rd.GaussianLinearModel(12, rd.two_level_weights(4))
SAMPLES = np.array([1.0, 1.5, 2.0, 3.0, 2.5])
PROBABILITIES = np.full(5, 0.2)
GRAM = 12 * np.eye(4)
PRIOR = theory.MixturePrior.two_level(1.0)
SEVERAL = rd.MultiOutputLinearModel(12, np.ones((2, 3)))

VALID = {
    "bernoulli_rate": (0.3, 0.1),
    "bits_back_cost": ([0.5, 1.0], 0.1, theory.GaussianPrior(1.0)),
    "blahut_arimoto": ([0.3, 0.7], 1 - np.eye(2), 1.0, 1e-6),
    "code_length": ([0.5, 1.0], 0.1, theory.GaussianPrior(1.0)),
    "codebook_radius": (MODEL, [-1.0, 1.0], "euclidean"),
    "codebook_squared_radius": (MODEL, [-1.0, 1.0], "euclidean"),
    "conditional_cgf_bound": (MODEL, 1.0, SAMPLES, PROBABILITIES),
    "conditional_cgf_relaxation": (MODEL, 1.0, SAMPLES, PROBABILITIES),
    "corollary1_bound": (MODEL, 1.0, 1.0, "paper", "proposition1", "euclidean"),
    "corollary1_minimizer": (MODEL, 1.0, "paper", "proposition1", "euclidean"),
    "corollary1_stationary_rate": (MODEL, 1.0, "euclidean"),
    "critical_slope": (MODEL,),
    "data_aware_bracket": (MODEL, 0.1),
    "data_aware_gain": (MODEL,),
    "data_aware_rate_bound": (MODEL, 0.1),
    "distortion_at_rate": (MODEL, 0.0),
    "distortion_limit": ("gaussian", 1.0),
    "distortion_rate_bound": (MODEL, 1.0),
    "distortion_rate_envelope": (MODEL, 1.0),
    "distortion_rate_tight": (MODEL, 1.0),
    "empirical_bayes_prior": ([0.5, -1.0, 0.7], "two_spike", 0.1),
    "empirical_bayes_scale": ([0.5, -1.0, 0.7], 0.1),
    "erm_empirical_risk": (MODEL,),
    "erm_gaussian_divergence": (MODEL,),
    "erm_generalization_error": (MODEL,),
    "erm_population_risk": (MODEL,),
    "erm_weight_variance": (MODEL,),
    "exact_cgf_bound": (MODEL, 1.0, 1.0, "euclidean"),
    "exact_cgf_factor": (0.1,),
    "gaussian_distortion": (1.0, 1.0),
    "gaussian_entropy": (1.0,),
    "gaussian_mean_generalization_error": (3, 10, 1.0),
    "gaussian_mean_individual_bound": (3, 10, 1.0),
    "gaussian_mean_individual_information": (3, 10),
    "gaussian_rate": (1.0, 0.5),
    "gaussian_successive_refinement": (1.0, [0.5, 0.5]),
    "gibbs_generalization_error": (MODEL, 1.0, 1.0),
    "gibbs_generalization_given_gram": (MODEL, GRAM, 1.0, 1.0),
    "gibbs_posterior": (GRAM, np.ones(4), 12, 1.0, 1.0),
    "gibbs_symmetrized_information": (MODEL, 1.0, 1.0),
    "gibbs_symmetrized_information_given_gram": (MODEL, GRAM, 1.0, 1.0),
    "gram_information": (MODEL,),
    "high_rate_asymptote": (MODEL, 0.01),
    "numbers_distortion_limit": ([0.5, 1.0, -0.2, 0.1], 0.5),
    "numbers_rate_limit": ([0.5, 1.0, -0.2, 0.1], 0.05, 100, [2.0, 2.0, 2.0, 2.0]),
    "rate_limit": ("gaussian", 0.5),
    "high_resolution_code_length": ([0.5, 1.0], 0.1, theory.GaussianPrior(1.0)),
    "laplace_entropy": (1.0,),
    "laplace_rate": (1.0, 0.5),
    "laplace_rate_distortion": (1.0, 0.6),
    "log_marginal_density": (PRIOR, [0.5, 1.0], 0.1),
    "marchenko_pastur_median": (0.5,),
    "marchenko_pastur_resolvent": (0.5, 1.0),
    "multi_output_cgf_bound": (SEVERAL, 1.0, SAMPLES + 2),
    "multi_output_distortion_bound": (SEVERAL, 1.0),
    "multi_output_excess_risk": (SEVERAL, 1.0),
    "multi_output_rate_bound": (SEVERAL, 0.1),
    "multi_output_rate_lower_bound": (SEVERAL, 0.1),
    "observed_singular_value": (2.0, 0.5),
    "optimal_step": (0.1,),
    "oracle_alpha": (MODEL, 0.1),
    "oracle_alpha_at_rate": (MODEL, 1.0),
    "oracle_conditional_cgf_bound": (MODEL, 0.5),
    "oracle_distortion": (MODEL, 0.5),
    "oracle_gaussian_rate": (MODEL, 0.5),
    "oracle_generalization_error": (MODEL, 0.5),
    "oracle_loss_variance": (MODEL, 0.5),
    "oracle_population_risk": (MODEL, 0.5),
    "oracle_rate": (MODEL, 0.5),
    "point_at_rate": (lambda slope: theory.blahut_arimoto([0.3, 0.7], 1 - np.eye(2), slope, 1e-4), 0.2, 1.0),
    "posterior_mean": (PRIOR, [0.5, 1.0], 0.1),
    "product_cgf_bound": (MODEL, 1.0, SAMPLES, PROBABILITIES),
    "proposition1_bound": (MODEL, 1.0, 1.0, "euclidean"),
    "rate_at_distortion": (MODEL, 10.0),
    "rate_distortion": (MODEL, 0.1),
    "rate_distortion_bound": (MODEL, 0.1),
    "rate_distortion_bracket": (MODEL, 0.1),
    "rate_given_gram": (MODEL, 0.1),
    "rate_distortion_envelope": (MODEL, 0.1),
    "rate_distortion_tight": (MODEL, 0.1),
    "reduced_rank_excess_asymptotic": ([3.0, 2.0], 40, 4, 6),
    "reduced_rank_threshold": (40, 4, 6),
    "remark2_lower_bound": (MODEL, 0.1),
    "remote_gaussian_distortion": (1.0, 1.0, 1.0),
    "remote_gaussian_rate": (1.0, 1.0, 0.7),
    "remote_population_risk": (MODEL, 1.0, 1.0),
    "remote_posterior_mean": (MODEL, np.ones(4), PRIOR),
    "reverse_water_filling": ([4.0, 1.0, 0.25], 0.5),
    "ridge_bayes_information": (MODEL, 1.0, 12),
    "ridge_best_penalty": (MODEL,),
    "ridge_evidence_penalty": (GRAM, np.ones(4), 12.0, 12, 1.0),
    "ridge_expected_log_evidence": (MODEL, 1.0, 12),
    "ridge_information_bound": (MODEL, 1.0, 1.0, 1.0, 12),
    "ridge_information_bound_given_gram": (MODEL, GRAM, 1.0, 1.0, 1.0),
    "ridge_log_evidence": (GRAM, np.ones(4), 12.0, 12, 1.0, 1.0),
    "ridge_risks": (MODEL, 1.0, 1.0, 12),
    "ridge_risks_asymptotic": (MODEL, 1.0, 1.0, 12),
    "ridge_risks_given_gram": (MODEL, GRAM, 1.0, 1.0, 12),
    "round_to_grid": ([0.5, 1.0], 0.1),
    "rounding_cost": (0.1, 0.1),
    "shannon_lower_bound": (0.5, 0.1),
    "shannon_lower_bound_distortion": (0.5, 1.0),
    "shrinkage_factor": (MODEL,),
    "shrunk_singular_values": ([3.0, 1.0], 0.5),
    "shrunk_population_risk": (MODEL, 0.5),
    "singular_value_bulk_edge": (0.5,),
    "singular_value_error": (2.0, "hard", 0.5),
    "singular_value_hard_threshold": (0.5,),
    "singular_value_median_threshold": (0.5,),
    "soft_kmeans_step": ([0.5, 1.0], [0.0, 1.0], 0.1),
    "sub_gaussian_bound": (1.0, 1.0, 10),
    "time_sharing_rate": (MODEL,),
    "two_part_length": ([0.5, 1.0], 0.1, 0.1, theory.GaussianPrior(1.0)),
    "uniform_entropy": (1.0,),
    "uniform_rate_distortion": (1.0, 0.6),
    "water_filling_at_distortion": ([4.0, 1.0, 0.25], 1.0),
    "water_filling_at_rate": ([4.0, 1.0, 0.25], 1.0),
    "worst_singular_value_error": ("hard", 0.5),
    "worst_loss_variance": (MODEL, 1.0, "euclidean"),
    "zero_rate_distortion": (MODEL,),
}
# What is handed over in the place of each argument. The exact curve may take its time over numbers, so that
# only shapes and types are tried there.
WRONG = [
    None, "0.5", b"1", 1j, object(), {}, {1.0}, [1.0, 2.0], [[0.1, 0.2, 0.3]], [[1.0], [1.0, 2.0]], [],
    [None], ["1"], math.nan, [math.nan], -1.0, -math.inf, math.inf, 10**400, np.eye(3),
    np.datetime64("2020-01-01"),
]  # fmt: skip
FUNCTIONS = sorted(name for name in theory.__all__ if inspect.isfunction(getattr(theory, name)))
CURVE = {"rate_distortion", "rate_at_distortion", "distortion_at_rate", "high_rate_asymptote"}


def test_every_function_is_tried() -> None:
    assert set(FUNCTIONS) <= set(VALID)


def outcome(function: Callable[..., object], arguments: list[object]) -> str | None:
    """What the function says if it refuses; any exception but ``ValueError`` ends the test."""
    try:
        with np.errstate(all="ignore"):
            function(*arguments)
    except ValueError as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", FUNCTIONS)
def test_wrong_arguments_are_refused_in_words(name: str) -> None:
    """Whatever stands in an argument's place, it works or a ``ValueError`` names the argument."""
    function, valid = getattr(theory, name), VALID[name]
    function(*valid)
    parameters = list(inspect.signature(function).parameters)[: len(valid)]
    for position, parameter in enumerate(parameters):
        for wrong in WRONG:
            if name in CURVE and isinstance(wrong, list) and wrong == [1.0, 2.0]:
                continue
            message = outcome(function, [*valid[:position], wrong, *valid[position + 1 :]])
            # Where two arguments disagree either may be named.
            assert message is None or any(other in message for other in parameters), (parameter, message)
            assert message is None or len(message) < 300


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if VALID[name][0] is MODEL])
def test_what_is_no_model_is_named(name: str) -> None:
    for wrong in (80, None, "model", np.ones(4), rd.GaussianLinearModel):
        with pytest.raises(ValueError, match=r"^model must be a GaussianLinearModel, such as .*, got "):
            getattr(theory, name)(wrong, *VALID[name][1:])


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if VALID[name][0] is SEVERAL])
def test_what_is_no_model_of_several_outputs_is_named(name: str) -> None:
    for wrong in (80, None, "model", np.ones(4), rd.MultiOutputLinearModel):
        with pytest.raises(ValueError, match=r"^model must be a .*MultiOutputLinearModel.*, got "):
            getattr(theory, name)(wrong, *VALID[name][1:])


def test_inverses_take_arrays() -> None:
    """One call with many values is many calls with one."""
    rates = np.array([[0.0, 1.0, 2.0], [5.0, 30.0, np.inf]])
    alphas = theory.oracle_alpha_at_rate(MODEL, rates)
    assert alphas.shape == rates.shape
    assert isinstance(theory.oracle_alpha_at_rate(MODEL, 1.0), float)
    np.testing.assert_allclose(theory.oracle_rate(MODEL, alphas), rates, rtol=1e-9, atol=1e-12)
    variances = [4.0, 1.0, 0.0, 0.25]
    for call, values in (
        (theory.reverse_water_filling, [[0.1, 0.5], [1.0, 7.0]]),
        (theory.water_filling_at_distortion, [[0.1, 1.25], [3.0, 7.0]]),
        (theory.water_filling_at_rate, [[0.0, 0.7], [2.0, 1e6]]),
    ):
        together = call(variances, values)
        assert together.component_distortions.shape == (2, 2, 4)
        for index in np.ndindex(2, 2):
            alone = call(variances, values[index[0]][index[1]])
            assert isinstance(alone.rate, float)
            assert together.water_level[index] == alone.water_level
            assert together.distortion[index] == alone.distortion
            assert together.rate[index] == alone.rate
            np.testing.assert_array_equal(together.component_distortions[index], alone.component_distortions)


def test_the_exact_curve_at_many_distortions_and_rates() -> None:
    model = rd.GaussianLinearModel(5, np.zeros(1))
    for call, values in (
        (theory.rate_at_distortion, [0.1, 0.3]),
        (theory.distortion_at_rate, [0.0, 0.8]),
    ):
        together = call(model, values)
        for index, value in enumerate(values):
            alone = call(model, value)
            for name in ("slopes", "distortion", "rate", "rate_lower", "certified"):
                assert getattr(together, name).shape == (len(values),)
                assert getattr(together, name)[index] == getattr(alone, name)[0]


def test_radius_and_its_square() -> None:
    """The bounds take √C, and the function named after it returns that; C = d(1 + 1)² = 16 by hand."""
    assert theory.codebook_squared_radius(MODEL, [-1.0, 1.0]) == 16.0
    assert theory.codebook_radius(MODEL, [-1.0, 1.0]) == 4.0
    bound = theory.proposition1_bound(MODEL, 3.0, theory.codebook_radius(MODEL, [-1.0, 1.0]))
    assert float(bound) == pytest.approx(2 * (16 + 1) * math.sqrt(3.0 / 12), rel=1e-15)

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ratedist as rd
from ratedist import theory
from tests.statistics import assert_agrees


def test_golden_values_at_d_50_n_80() -> None:
    model = rd.GaussianLinearModel(80, rd.two_level_weights(50))
    assert theory.erm_generalization_error(model) == pytest.approx(2.34914, abs=5e-6)
    assert theory.erm_population_risk(model) == pytest.approx(2.72414, abs=5e-6)
    assert theory.erm_empirical_risk(model) == 0.375
    assert theory.erm_weight_variance(model) == 1 / 29


@given(st.integers(1, 60), st.integers(2, 200), st.floats(0, 1e3))
def test_population_minus_empirical_is_lemma_3(d: int, surplus: int, noise_variance: float) -> None:
    model = rd.GaussianLinearModel(d + surplus, np.zeros(d), noise_variance)
    gap = theory.erm_population_risk(model) - theory.erm_empirical_risk(model)
    assert gap == pytest.approx(theory.erm_generalization_error(model), rel=1e-12, abs=1e-300)


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["erm", "statistics", "dataset"])
def test_closed_forms_against_simulation(sampler: str) -> None:
    model = rd.GaussianLinearModel(16, rd.gaussian_weights(6, seed=0), 0.7, rd.ar1_covariance(6, 0.6))
    result = rd.simulate(model, {"erm": rd.ERM()}, 20_000, jax.random.key(1), sampler)["erm"]  # type: ignore[arg-type]
    assert_agrees(result.population_risk, theory.erm_population_risk(model), 0.01)
    assert_agrees(result.generalization_error, theory.erm_generalization_error(model), 0.01)
    if sampler == "erm":
        assert result.empirical_risk.mean == pytest.approx(theory.erm_empirical_risk(model), rel=1e-12)
    else:
        assert_agrees(result.empirical_risk, theory.erm_empirical_risk(model), 0.01)


@pytest.mark.parametrize(
    "function", [theory.erm_population_risk, theory.erm_generalization_error, theory.erm_weight_variance]
)
def test_infinite_expectations_are_refused(function) -> None:
    with pytest.raises(ValueError, match=r"needs n > d \+ 1 = 6, got n = 6"):
        function(rd.GaussianLinearModel(6, np.zeros(5)))

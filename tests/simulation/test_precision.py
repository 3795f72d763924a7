"""Single precision: where it gives other numbers than the closed forms, a warning says so, and only there."""

import warnings

import jax
import numpy as np
import pytest

import ratedist as rd
from ratedist.simulation import trials

KEY = jax.random.key(0)


def model(n: int, d: int = 4) -> rd.GaussianLinearModel:
    return rd.GaussianLinearModel(n, rd.two_level_weights(d, 0.1))


def test_what_is_lost_beside_the_noise_raises_a_warning_and_the_generalisation_error_is_kept() -> None:
    with jax.enable_x64(False):
        with pytest.warns(UserWarning, match=r"d/n = 4e-08 of itself.*float32 rounds to 1e-07.*x64"):
            result = rd.simulate(model(10**8), {"erm": rd.ERM()}, 2048, KEY)
        assert result.precision == "float32"
        assert "float32" in repr(result)
        added = rd.theory.erm_population_risk(model(10**8)) - 1
        assert abs(result["erm"].population_risk.mean - 1 - added) > 0.1 * added  # it is not for nothing
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            few = rd.simulate(model(10**5), {"erm": rd.ERM()}, 2048, KEY)
        for n, one in ((10**8, result), (10**5, few)):
            found, expected = one["erm"].generalization_error, rd.theory.erm_generalization_error(model(n))
            assert abs(found.standard_errors_from(expected)) < 4
            assert found.sem < 0.02 * expected


@pytest.mark.parametrize(("d", "n"), [(50, 52), (50, 80), (4, 6), (1, 3), (50, 10**6)])
def test_no_warning_where_no_digit_is_lost(d: int, n: int) -> None:
    with jax.enable_x64(False), warnings.catch_warnings():
        warnings.simplefilter("error")
        trials.warn_of_few_digits(model(n, d))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trials.warn_of_few_digits(model(10**12, d))  # in double precision
        without_noise = rd.GaussianLinearModel(10**12, np.ones(d), 0.0)
        with jax.enable_x64(False):
            trials.warn_of_few_digits(without_noise)

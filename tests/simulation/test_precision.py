"""Precision: where it gives other numbers than the closed forms, a warning says so, and only there."""

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


def test_weights_that_the_precision_cannot_tell_apart_raise_a_warning() -> None:
    model = rd.GaussianLinearModel(9, rd.two_level_weights(6, 1e9), 1e-12)
    with pytest.warns(UserWarning, match="resolves them to"):
        rd.simulate(model, {"erm": rd.ERM()}, 256, KEY)


def test_covariances_that_the_precision_cannot_hold_raise_a_warning() -> None:
    """At a condition of 10¹² single precision gave a risk of 32 ± 3 for one of 1.267, and said nothing."""
    root = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))[0]

    def model(condition: float) -> rd.GaussianLinearModel:
        covariance = (root * np.geomspace(1 / condition, 1, 6)) @ root.T
        return rd.GaussianLinearModel(20, rd.two_level_weights(6), 1.0, (covariance + covariance.T) / 2)

    with jax.enable_x64(False):
        trials.warn_of_few_digits(model(1e4))
        trials.warn_of_few_digits(rd.GaussianLinearModel(20, np.ones(4), 1.0, np.geomspace(1e-6, 1e6, 4)))
        with pytest.warns(
            UserWarning, match=r"condition number of about .e\+12, and float32 rounds to 1e-07"
        ):
            trials.warn_of_few_digits(model(1e12))
    trials.warn_of_few_digits(model(1e12))  # measured: the numbers of Σ = I to four digits
    with pytest.warns(UserWarning, match="and float64 rounds to 2e-16"):
        rd.simulate(model(1e16), {"erm": rd.ERM()}, 256, KEY)


def test_risks_given_the_weights_keep_their_digits_in_single_precision() -> None:
    """At n = d the weights spread over many sizes, and ‖e‖² less what the data saw must not cancel."""
    from ratedist.linear_model import risks
    from ratedist.linear_model.sampling import ErmDraw, ModelArrays

    arrays = jax.tree.map(np.asarray, ModelArrays.of(rd.GaussianLinearModel(5, np.ones(5), 100.0)))
    rng = np.random.default_rng(0)
    deviations = rng.normal(size=(300, 5)) * 10 ** rng.uniform(0, 3, size=(300, 1))

    def distortions(dtype: type) -> np.ndarray:
        model = jax.tree.map(lambda leaf: leaf.astype(dtype), arrays)

        def distortion(draw: ErmDraw, levels: jax.Array) -> jax.Array:
            return risks.erm_risks(model, draw, levels).distortion

        v = deviations.astype(dtype)
        weights = np.ones_like(v) + 10 * v
        levels = np.where(weights > 0, 1, -1).astype(dtype)
        return np.asarray(jax.jit(jax.vmap(distortion))(ErmDraw(weights, v), levels))

    single, double = distortions(np.float32), distortions(np.float64)
    assert np.all(single > 0)
    np.testing.assert_allclose(single, double, rtol=2e-2)

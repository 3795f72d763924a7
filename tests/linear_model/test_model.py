import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ratedist as rd


def test_two_level_weights_alternate() -> None:
    np.testing.assert_array_equal(rd.two_level_weights(5), [1, -1, 1, -1, 1])
    np.testing.assert_array_equal(rd.two_level_weights(2, separation=0.5), [0.25, -0.25])


def test_gaussian_weights_are_standard_normal() -> None:
    weights = rd.gaussian_weights(100_000, scale=2.0, seed=1)
    assert abs(weights.mean()) < 4 * 2 / 100_000**0.5
    assert abs(weights.var() - 4) < 4 * 4 * (2 / 100_000) ** 0.5
    np.testing.assert_array_equal(weights, rd.gaussian_weights(100_000, scale=2.0, seed=1))


def test_sparse_weights() -> None:
    weights = rd.sparse_weights(50, seed=3)
    assert np.count_nonzero(weights) == 10
    assert set(np.unique(weights)) == {-1.0, 0.0, 1.0}
    assert np.count_nonzero(rd.sparse_weights(50, 0, seed=3)) == 0
    with pytest.raises(ValueError, match="num_nonzero must be at most d = 5, got 6"):
        rd.sparse_weights(5, 6, seed=0)


@given(st.integers(1, 12), st.floats(-0.95, 0.95))
def test_ar1_covariance_is_positive_definite(d: int, correlation: float) -> None:
    sigma = rd.ar1_covariance(d, correlation)
    model = rd.GaussianLinearModel(d, np.zeros(d), covariance=sigma)
    assert np.linalg.eigvalsh(np.asarray(model.covariance))[0] > 0
    if d > 2:
        assert sigma[0, 2] == pytest.approx(correlation**2)


@pytest.mark.parametrize("form", ["scalar", "diagonal", "matrix"])
def test_forms_of_the_covariance_agree(form: str) -> None:
    w_star = rd.gaussian_weights(4, seed=0)
    diagonal = np.array([0.5, 1.0, 2.0, 3.0]) if form != "scalar" else np.full(4, 1.7)
    covariance = {"scalar": 1.7, "diagonal": diagonal, "matrix": np.diag(diagonal)}[form]
    model = rd.GaussianLinearModel(9, w_star, covariance=covariance)
    assert model.covariance_norm == pytest.approx(diagonal.max())
    vectors = rd.gaussian_weights(12, seed=1).reshape(3, 4)
    np.testing.assert_allclose(model.squared_norm(vectors), np.sum(vectors**2 * diagonal, axis=1))
    factor = model.covariance_cholesky
    full = factor if factor.ndim == 2 else np.diag(np.broadcast_to(factor, 4))
    np.testing.assert_allclose(full @ full.T, np.diag(diagonal), rtol=1e-14)


def test_the_record_is_read_only_and_normalised() -> None:
    model = rd.GaussianLinearModel(np.int64(80), [1, -1])  # type: ignore[arg-type]
    assert (model.n, model.d, model.degrees_of_freedom) == (80, 2, 79)
    assert model.w_star.dtype == np.float64
    with pytest.raises(ValueError, match="read-only"):
        model.w_star[0] = 5


def test_the_callers_array_stays_writable() -> None:
    weights = np.ones(3)
    rd.GaussianLinearModel(8, weights)
    weights[0] = 2.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 1, "w_star": [1.0, 2.0]}, "n must be at least d = 2"),
        ({"n": 8.5, "w_star": [1.0]}, "n must be an integer"),
        ({"n": 8, "w_star": []}, "w_star must have shape"),
        ({"n": 8, "w_star": [[1.0]]}, "w_star must have shape"),
        ({"n": 8, "w_star": [1.0, np.nan]}, "w_star must be finite"),
        ({"n": 8, "w_star": ["a"]}, "w_star must be real numbers"),
        ({"n": 8, "w_star": [1j]}, "w_star must be real numbers"),
        (
            {"n": 8, "w_star": [1.0], "noise_variance": -1.0},
            "noise_variance must be one number of at least 0",
        ),
        ({"n": 8, "w_star": [1.0], "noise_variance": np.nan}, "noise_variance must be finite"),
        ({"n": 8, "w_star": [1.0], "noise_variance": [1.0]}, "noise_variance must be one number"),
        ({"n": 8, "w_star": [1.0], "covariance": 0.0}, "covariance must be positive"),
        ({"n": 8, "w_star": [1.0, 1.0], "covariance": [1.0, -1.0]}, "covariance must be positive"),
        (
            {"n": 8, "w_star": [1.0, 1.0], "covariance": np.ones(3)},
            "covariance must be a number or have shape",
        ),
        (
            {"n": 8, "w_star": [1.0, 1.0], "covariance": [[1.0, 0.5], [0.4, 1.0]]},
            "covariance must be symmetric",
        ),
        ({"n": 8, "w_star": [1.0, 1.0], "covariance": [[1.0, 2.0], [2.0, 1.0]]}, "positive definite"),
        ({"n": 8, "w_star": [1.0, 1.0], "covariance": np.full((2, 2), np.inf)}, "covariance must be finite"),
    ],
)
def test_bad_models_are_refused_in_words(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rd.GaussianLinearModel(**arguments)


@pytest.mark.parametrize("correlation", [1.0, -1.0, 2.0, np.nan])
def test_ar1_refuses_what_is_not_a_correlation(correlation: float) -> None:
    with pytest.raises(ValueError, match="correlation"):
        rd.ar1_covariance(5, correlation)

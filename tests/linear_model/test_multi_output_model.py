"""The record of the model of several outputs: its forms, what it refuses, and true weights to try it with."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ratedist as rd
from ratedist.linear_model.multi_output import single_output

W_STAR = np.arange(6.0).reshape(2, 3)
NOISE = np.array([[1.0, 0.3], [0.3, 0.5]])
LOSS = np.array([[2.0, -0.4], [-0.4, 0.7]])
SIGMA = rd.ar1_covariance(3, 0.6)


def test_sizes_and_the_order_of_weights() -> None:
    model = rd.MultiOutputLinearModel(7, W_STAR, NOISE, SIGMA, LOSS)
    sizes = (model.num_outputs, model.num_inputs, model.num_weights, model.degrees_of_freedom)
    assert sizes == (2, 3, 6, 5)
    np.testing.assert_array_equal(model.w_star, [0, 1, 2, 3, 4, 5])
    one = rd.GaussianLinearModel(7, [1.0, 2.0])
    assert (one.num_outputs, one.num_inputs, one.num_weights, one.bayes_risk) == (1, 2, 2, 1.0)


def test_arrays_are_read_only_and_the_callers_stay_as_they_are() -> None:
    mine = W_STAR.copy()
    model = rd.MultiOutputLinearModel(7, mine, NOISE, SIGMA, LOSS)
    mine[0, 0] = 5.0
    assert model.W_star[0, 0] == 0.0
    for array in (model.W_star, model.w_star, model.noise_covariance, model.covariance, model.loss_matrix):
        with pytest.raises(ValueError, match="read-only"):
            np.asarray(array)[...] = 1.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.n = 8  # type: ignore[misc]


@pytest.mark.parametrize("noise", [None, 0.5, np.array([1.0, 0.25]), NOISE, np.ones((2, 2)), 0.0])
@pytest.mark.parametrize("loss", [None, 3.0, np.array([0.5, 2.0]), LOSS])
def test_every_form_says_the_same_as_its_matrix(noise, loss) -> None:
    full = [np.eye(2), np.eye(2)]
    for place, one in enumerate((noise, loss)):
        if one is not None:
            full[place] = one if np.ndim(one) == 2 else np.diag(np.broadcast_to(one, 2))
    model = rd.MultiOutputLinearModel(7, W_STAR, noise, 2.0, loss)
    C, B = np.asarray(model.noise_factor), np.asarray(model.loss_factor)
    C = C if C.ndim == 2 else np.diag(np.broadcast_to(C, 2))
    B = B if B.ndim == 2 else np.diag(np.broadcast_to(B, 2))
    np.testing.assert_allclose(C @ C.T, full[0], atol=1e-15)
    np.testing.assert_allclose(B @ B.T, full[1], rtol=1e-14)
    assert model.bayes_risk == pytest.approx(np.trace(full[1] @ full[0]), rel=1e-14, abs=1e-15)
    eigenvalues = np.sort(np.linalg.eigvals(full[1] @ full[0]).real)[::-1]
    np.testing.assert_allclose(model.noise_spectrum, eigenvalues, atol=1e-14)
    V = np.random.default_rng(0).standard_normal((5, 2, 3))
    expected = np.einsum("kia,ij,kja->k", V, full[1], 2.0 * V)
    np.testing.assert_allclose(model.squared_norm(V.reshape(5, 6)), expected, rtol=1e-13)


def test_the_noise_precision_keeps_every_direction_of_a_badly_conditioned_noise() -> None:
    Q = np.linalg.qr(np.random.default_rng(1).standard_normal((6, 6)))[0]
    noise = Q * 10.0 ** np.linspace(0, -12, 6) @ Q.T
    model = rd.MultiOutputLinearModel(9, np.zeros((6, 4)), (noise + noise.T) / 2, None, "noise_precision")
    np.testing.assert_allclose(model.noise_spectrum, 1.0, rtol=1e-9)
    assert model.bayes_risk == pytest.approx(6.0, rel=1e-10)
    given = rd.MultiOutputLinearModel(9, np.zeros((2, 4)), NOISE, None, np.linalg.inv(NOISE))
    assert given.bayes_risk == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"W_star": [1.0, 2.0]},
            r"W_star must have shape \(o, d\), one row for each output.*got shape \(2,\)",
        ),
        ({"W_star": np.zeros((0, 3))}, "o, d >= 1"),
        ({"W_star": [[1.0, np.nan, 0.0]]}, "W_star must be finite"),
        ({"W_star": [["a"]]}, "W_star must be real numbers"),
        ({"n": 2}, "n must be at least d = 3 for ERM to be unique, got n = 2"),
        ({"n": 7.5}, "n must be an integer"),
        ({"noise_covariance": [1.0, 1.0, 1.0]}, r"noise_covariance must be a number or have shape \(2,\)"),
        ({"noise_covariance": -1.0}, "noise_covariance must be at least zero, its smallest entry is -1"),
        ({"noise_covariance": [[1.0, 2.0], [2.0, 1.0]]}, "noise_covariance must be positive semidefinite"),
        ({"noise_covariance": [[1.0, 0.5], [0.0, 1.0]]}, "noise_covariance must be symmetric"),
        ({"covariance": np.ones((3, 3))}, "covariance must be positive definite"),
        ({"covariance": np.ones(2)}, r"covariance must be a number or have shape \(3,\) or \(3, 3\)"),
        ({"loss_matrix": [1.0, 0.0]}, "loss_matrix must be positive, its smallest entry is 0"),
        ({"loss_matrix": np.ones((2, 2))}, "loss_matrix must be positive definite"),
        ({"loss_matrix": "fisher"}, "must be one of noise_precision; got 'fisher'"),
        ({"loss_matrix": "noise_precision", "noise_covariance": 0.0}, "needs a noise_covariance above zero"),
        ({"loss_matrix": "noise_precision", "noise_covariance": np.ones((2, 2))}, "that is not singular"),
        ({"loss_matrix": 1e300, "noise_covariance": 1e300}, "a product that floating point holds"),
        ({"loss_matrix": 1e300 * LOSS, "noise_covariance": 1e300}, "a product that floating point holds"),
        ({"loss_matrix": "noise_precision", "noise_covariance": 1e-320}, "whose inverse floats hold"),
        ({"loss_matrix": True}, "loss_matrix must be real numbers"),
    ],
)
def test_what_is_no_model_is_refused_in_words(changes, message) -> None:
    with pytest.raises(ValueError, match=message):
        rd.MultiOutputLinearModel(**{"n": 7, "W_star": W_STAR, **changes})


def test_functions_of_one_output_refuse_several_in_words() -> None:
    several = rd.MultiOutputLinearModel(9, W_STAR)
    for function in (
        rd.theory.rate_distortion_tight,
        rd.theory.ridge_risks,
        rd.theory.shrunk_population_risk,
    ):
        with pytest.raises(ValueError, match="model must be a GaussianLinearModel"):
            function(several, 0.5)
    with pytest.raises(ValueError, match="this is known for one output only, got a model of 2"):
        single_output("this", several)
    one = single_output("this", rd.MultiOutputLinearModel(9, W_STAR[:1], [0.5], SIGMA, [[3.0]]))
    assert (one.noise_variance, one.d) == (0.5, 3)


@given(st.integers(1, 8), st.integers(1, 8), st.data())
def test_planted_weights_have_their_rank(o: int, d: int, data) -> None:
    rank = data.draw(st.integers(0, min(o, d)))
    W_star = rd.planted_rank_weights(o, d, rank, 2.0, seed=3)
    assert W_star.shape == (o, d)
    assert np.linalg.matrix_rank(W_star) == rank


def test_scale_of_the_weights() -> None:
    entries = rd.planted_rank_weights(300, 300, 200, 0.5, seed=0)
    assert np.std(entries) == pytest.approx(0.5, rel=0.02)
    decaying = rd.decaying_spectrum_weights(5, 9, 1.5, 0.5, seed=0)
    assert np.mean(decaying**2) == pytest.approx(0.25, rel=1e-12)
    values = np.linalg.svd(decaying, compute_uv=False)
    np.testing.assert_allclose(values / values[0], np.arange(1, 6) ** -1.5, rtol=1e-12)
    flat = np.linalg.svd(rd.decaying_spectrum_weights(4, 3, 0.0, seed=1), compute_uv=False)
    np.testing.assert_allclose(flat, flat[0], rtol=1e-12)
    assert np.isfinite(rd.decaying_spectrum_weights(40, 30, 1e308, seed=1)).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rd.planted_rank_weights(3, 4, 4, seed=0), "rank must be at most 3, got 4"),
        (lambda: rd.planted_rank_weights(3, 4, 1, 0.0, seed=0), "scale must be one number above zero"),
        (lambda: rd.planted_rank_weights(0, 4, 0, seed=0), "num_outputs must be at least 1"),
        (lambda: rd.decaying_spectrum_weights(3, 4, -1.0, seed=0), "decay must lie in"),
        (lambda: rd.decaying_spectrum_weights(3, 4, seed=-1), "seed must be at least 0"),
    ],
)
def test_weights_that_do_not_exist(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()

"""The law of A given W: its scale as a product, against NumPy, in both precisions and at any size."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ratedist as rd
from ratedist.linear_model.multi_output_risks import erm_risks
from ratedist.linear_model.multi_output_sampling import MultiOutputArrays, MultiOutputErmDraw, sweep

swept, risks_of = jax.jit(sweep), jax.jit(erm_risks)


def inverse_by_sweep(U: np.ndarray) -> np.ndarray:
    directions, shares = swept(jnp.asarray(U))
    F = np.eye(U.shape[1])
    for q, t in zip(np.asarray(directions, float), np.asarray(shares, float), strict=True):
        F = F @ (np.eye(U.shape[1]) - (1 - t) * np.outer(q, q))
    return F @ F.T


@pytest.mark.parametrize("shape", [(1, 4), (3, 5), (4, 4), (7, 3)])
@pytest.mark.parametrize("spread", [0, 3, 6])
def test_the_product_is_the_inverse(shape, spread) -> None:
    rng = np.random.default_rng(0)
    U = 10.0 ** np.linspace(-spread, spread, shape[0])[:, None] * rng.standard_normal(shape)
    # By the singular values, which lose nothing to rows of many sizes.
    _, values, V = np.linalg.svd(U, full_matrices=True)
    scale = np.ones(shape[1])
    scale[: values.size] = 1 / (1 + values**2)
    np.testing.assert_allclose(inverse_by_sweep(U), V.T @ np.diag(scale) @ V, atol=1e-8 if spread else 1e-14)


def test_nothing_was_drawn() -> None:
    np.testing.assert_array_equal(inverse_by_sweep(np.zeros((3, 4))), np.eye(4))


def dense_distortion(model: rd.MultiOutputLinearModel, W: np.ndarray, reconstruction: np.ndarray) -> float:
    """``((n + o)/n) tr ME(Σ − ΣV(I + VᵀΣV)⁻¹VᵀΣ)Eᵀ`` as it is written, V = (W − W*)ᵀΓ^{−½}."""
    n, o, sigma = model.n, model.num_outputs, np.asarray(model.covariance)
    values, vectors = np.linalg.eigh(np.asarray(model.noise_covariance))
    V = (W - model.W_star).T @ (vectors / np.sqrt(values)) @ vectors.T
    scale = sigma - sigma @ V @ np.linalg.solve(np.eye(o) + V.T @ sigma @ V, V.T @ sigma)
    E = reconstruction - W
    return (n + o) / n * float(np.trace(np.asarray(model.loss_matrix) @ E @ scale @ E.T))


@pytest.mark.parametrize(("o", "d"), [(1, 3), (3, 5), pytest.param(4, 4, marks=pytest.mark.slow), (6, 2)])
def test_the_distortion_given_the_weights_is_the_formula(o: int, d: int) -> None:
    rng = np.random.default_rng(o)
    G, M = (rng.standard_normal((o, 2 * o)) for _ in range(2))
    model = rd.MultiOutputLinearModel(
        d + 1, rng.standard_normal((o, d)), G @ G.T, rd.ar1_covariance(d, 0.5), M @ M.T
    )
    arrays = MultiOutputArrays.of(model)
    for size in (0.1, 1.0, 30.0):
        W = model.W_star + size * rng.standard_normal((o, d))
        Vhat = rng.standard_normal((o, d))
        U = np.linalg.solve(np.asarray(model.noise_factor), W - model.W_star) @ model.covariance_cholesky
        draw = MultiOutputErmDraw(jnp.asarray(W.reshape(-1)), *swept(jnp.asarray(U)))
        found = risks_of(arrays, draw, jnp.asarray(Vhat.reshape(-1)))
        expected = dense_distortion(model, W, Vhat)
        np.testing.assert_allclose(found.distortion, expected, rtol=1e-9)
        excess = Vhat - model.W_star
        population = model.bayes_risk + np.trace(
            np.asarray(model.loss_matrix) @ excess @ np.asarray(model.covariance) @ excess.T
        )
        np.testing.assert_allclose(found.population_risk, population, rtol=1e-12)
        if size != 1.0:
            continue
        # A wrong noise covariance gives another number: the formula sees it.
        wrong = rd.MultiOutputLinearModel(
            model.n, model.W_star, 2 * np.asarray(model.noise_covariance), model.covariance, model.loss_matrix
        )
        assert abs(dense_distortion(wrong, W, Vhat) / expected - 1) > 1e-6


def test_heavy_weights_in_single_precision() -> None:
    """W far from W* in one direction, as at n = d: the distortion of W* is bounded, and keeps its digits."""
    model = rd.MultiOutputLinearModel(6, np.zeros((3, 6)))
    rng = np.random.default_rng(2)
    U = rng.standard_normal((3, 6))
    U[2] += 1e4 * rng.standard_normal(6)
    expected = dense_distortion(
        rd.MultiOutputLinearModel(6, np.zeros((3, 6)), np.eye(3), np.eye(6), np.eye(3)), U, 0 * U
    )
    with jax.enable_x64(False):
        arrays = MultiOutputArrays.of(model)
        one = jnp.asarray(U, jnp.float32)
        found = risks_of(arrays, MultiOutputErmDraw(one.reshape(-1), *sweep(one)), jnp.zeros(18))
    assert found.distortion.dtype == np.float32
    np.testing.assert_allclose(found.distortion, expected, rtol=2e-3)

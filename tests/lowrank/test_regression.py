"""Least squares as a quadratic: the loss of any weights, dead features, few samples, iterations on data."""

import numpy as np
import pytest

import ratedist as rd
from ratedist.lowrank.regression import least_squares


@pytest.mark.parametrize("n", [3, 40])
@pytest.mark.parametrize("decades", [0.0, 20.0])
def test_the_loss_of_any_weights(n: int, decades: float) -> None:
    rng = np.random.default_rng(n)
    units = 10 ** np.linspace(-decades, decades, 5)
    x, y = rng.normal(size=(n, 5)) * units, rng.normal(size=(n, 2))
    x[:, 2] = 0
    fit = least_squares(x, y)
    for other in (fit.weights, fit.weights + rng.normal(size=(2, 5)) / units, np.zeros((2, 5))):
        loss = np.mean(np.sum((y - x @ other.T) ** 2, axis=1))
        E = (fit.weights - other) * units
        S = fit.input_moment / units / units[:, None]
        assert fit.residual + np.trace(E @ S @ E.T) == pytest.approx(loss, rel=1e-9)
    assert np.all(fit.weights[:, 2] == 0)


def test_iterations_on_data_are_those_on_the_quadratic() -> None:
    """Proximal gradient on ``mean ‖y − Xw‖²/2`` itself, with fewer samples than features."""
    rng = np.random.default_rng(0)
    x, y, penalty = rng.normal(size=(5, 8)), rng.normal(size=(5, 3)), rd.lowrank.NuclearNorm(0.1)
    fit = least_squares(x, y)
    eta = 1 / np.linalg.eigvalsh(fit.input_moment)[-1]
    X = fit.weights
    for _ in range(20):
        U, s, Vt = np.linalg.svd(X - eta * (X @ x.T - y.T) @ x / 5, full_matrices=False)
        X = (U * np.maximum(s - eta * 0.1, 0)) @ Vt
    with pytest.warns(UserWarning, match="not converged in 20 iterations"):
        found = rd.lowrank.thresholding(fit.weights, penalty, right=fit.input_moment, max_iterations=20)
    np.testing.assert_allclose(found.weights, X, atol=1e-12)
    loss = np.mean(np.sum((y - x @ X.T) ** 2, axis=1)) / 2 + 0.1 * np.linalg.norm(X, "nuc")
    assert found.objective[-1] + fit.residual / 2 == pytest.approx(loss, rel=1e-10)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.ones((3, 2)), np.ones((4, 1)), "must have shapes"),
        (np.ones(3), np.ones((3, 1)), "must have shapes"),
        (np.ones((0, 2)), np.ones((0, 1)), "must have shapes"),
        (np.full((3, 2), np.inf), np.ones((3, 1)), "inputs must be finite"),
        (np.full((3, 2), 1e200), np.ones((3, 1)), "must be of another scale"),
        (np.full((3, 2), 1e-310), np.ones((3, 1)), "must be of another scale"),
        (np.ones((3, 2)), 1e200 * np.arange(3.0)[:, None], "must be of another scale"),
    ],
)
def test_bad_input(x: np.ndarray, y: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        least_squares(x, y)

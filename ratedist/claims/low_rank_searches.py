"""What claims about low rank are held against: searches, integrals and descents that use no closed form."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq

from ratedist.linear_model.covariances import as_matrix
from ratedist.linear_model.multi_output import MultiOutputLinearModel
from ratedist.lowrank import Factors, Metric, Penalty

STARTS, SWEEPS = 20, 300


def searched_distortion(
    W: np.ndarray, rank: int, L: np.ndarray, R: np.ndarray, generator: np.random.Generator
) -> float:
    """Least ``tr L(W − AB)R(W − AB)ᵀ`` over starts of alternating least squares; metrics may be singular."""
    P, Q = (vectors * np.sqrt(np.maximum(values, 0)) for values, vectors in map(np.linalg.eigh, (L, R)))
    B = generator.standard_normal((STARTS, rank, W.shape[1]))
    A = np.zeros((STARTS, len(W), rank))
    for _ in range(SWEEPS):
        A = W @ Q @ np.linalg.pinv(B @ Q)
        B = np.linalg.pinv(P.T @ A) @ P.T @ W
    return float(np.min(np.sum((P.T @ (W - A @ B) @ Q) ** 2, axis=(1, 2))))


def most_likely(
    X: np.ndarray, Y: np.ndarray, noise: np.ndarray, rank: int, generator: np.random.Generator
) -> np.ndarray:
    """The estimate of rank r of most likelihood, from data as they are: either factor is raised in turn."""
    precision, moment, product = np.linalg.inv(noise), X @ X.T, Y @ X.T
    A = generator.standard_normal((STARTS, len(Y), rank))
    B = np.zeros((STARTS, rank, len(X)))
    for _ in range(SWEEPS):
        weighed = np.swapaxes(A, 1, 2) @ precision
        B = np.linalg.solve(weighed @ A, weighed @ product) @ np.linalg.inv(moment)
        transposed = np.swapaxes(B, 1, 2)
        A = product @ transposed @ np.linalg.inv(B @ moment @ transposed)
    found = A @ B
    return min(found, key=lambda one: minus_log_likelihood(X, Y, noise, one))


def minus_log_likelihood(X: np.ndarray, Y: np.ndarray, noise: np.ndarray, W: np.ndarray) -> float:
    """``½ Σ (y − Wx)ᵀΓ⁻¹(y − Wx)``, but for a constant."""
    residual = Y - W @ X
    return float(np.sum(residual * np.linalg.solve(noise, residual)) / 2)


def worst_of_hard(threshold: float, beta: float) -> float:
    """The worst error of a hard threshold, over nσ²: of the signal lost last, and of that kept first."""
    found: Any = brentq(lambda x: (x + 1 / x) * (x + beta / x) - threshold**2, beta**0.25, 10.0, xtol=1e-14)
    return max(found**2, 1 + beta + 3 * beta / found**2)


def below(point: float, beta: float) -> float:
    """The part of Marchenko–Pastur's law below a point, its density integrated."""
    low, high = (1 - beta**0.5) ** 2, (1 + beta**0.5) ** 2

    def density(root: float) -> float:
        t = root**2
        return ((high - t) * (t - low)) ** 0.5 / (np.pi * beta * root)

    return float(quad(density, low**0.5, point**0.5, epsabs=1e-12, epsrel=1e-12)[0])


def low_rank_errors(
    signal: float, size: int, num_trials: int, generator: np.random.Generator
) -> dict[str, np.ndarray]:
    """``‖X̂ − X‖²/(nσ²)`` of square matrices of rank one seen through noise, by three functions of values."""
    truth = np.zeros((size, size))
    truth[0, 0] = signal
    noisy = truth + generator.standard_normal((num_trials, size, size)) / size**0.5
    U, sizes, Vt = np.linalg.svd(noisy)
    functions = {
        "hard": np.where(sizes > 4 / 3**0.5, sizes, 0.0),
        "soft": np.maximum(sizes - 2, 0.0),
        "shrinkage": np.sqrt(np.maximum(sizes**2 - 4, 0.0)),
    }
    return {
        name: np.sum(((U * values[:, None]) @ Vt - truth) ** 2, axis=(1, 2))
        for name, values in functions.items()
    }


def objectives(
    W: np.ndarray, L: np.ndarray, R: np.ndarray, penalty: Penalty, step: float, iterations: int = 200
) -> np.ndarray:
    """``½ tr L(W − X)R(W − X)ᵀ + pen(X)`` after each step of proximal gradient, from rank 2 on."""
    U, sizes, Vt = np.linalg.svd(W, full_matrices=False)
    sizes[2:] = 0
    found = []
    for _ in range(iterations):
        X = U * sizes @ Vt
        found.append(np.sum((L @ (W - X) @ R) * (W - X)) / 2 + penalty.value(sizes))
        U, sizes, Vt = np.linalg.svd(X + step * L @ (W - X) @ R, full_matrices=False)
        sizes = penalty.prox(sizes, step)
    return np.array(found)


def excess_risks(
    model: MultiOutputLinearModel, ranks: tuple[int, ...], num_trials: int, generator: np.random.Generator
) -> dict[tuple[str, int], np.ndarray]:
    """Excess population risk of least squares, ``("erm", 0)``, and of its projections, trial by trial.

    From data sets as they are, by truncated decompositions between Cholesky factors.
    """
    (o, d), n = model.W_star.shape, model.n
    noise = as_matrix(np.asarray(model.noise_factor), o)
    X = as_matrix(np.asarray(model.covariance_cholesky), d) @ generator.standard_normal((num_trials, d, n))
    E = noise @ generator.standard_normal((num_trials, o, n))
    moment = X @ np.swapaxes(X, 1, 2)
    W = model.W_star + np.swapaxes(np.linalg.solve(moment, X @ np.swapaxes(E, 1, 2)), 1, 2)
    root = np.linalg.cholesky(moment)

    def excess(weights: np.ndarray) -> np.ndarray:
        return model.squared_norm((weights - model.W_star).reshape(num_trials, -1))

    found = {("erm", 0): excess(W)}
    for name, left, right in (
        ("plain", np.eye(o), None), ("inputs", np.eye(o), root), ("information", noise, root)
    ):  # fmt: skip
        weighted = np.linalg.solve(left, W if right is None else W @ right)
        U, sizes, Vt = np.linalg.svd(weighted, full_matrices=False)
        # Vᵀ R^{−½} by a solve with the transposed factor.
        back = Vt if right is None else np.swapaxes(
            np.linalg.solve(np.swapaxes(right, 1, 2), np.swapaxes(Vt, 1, 2)), 1, 2
        )  # fmt: skip
        for rank in ranks:
            found[name, rank] = excess(left @ (U[..., :rank] * sizes[:, None, :rank]) @ back[:, :rank])
    return found


def fine_tuned(W: np.ndarray, metric: Metric, start: Factors, steps: tuple[int, ...]) -> np.ndarray:
    """The distortion before and after so many steps of gradient descent on both factors, steps rising."""
    assert metric.left is not None
    assert metric.right is not None
    A, B, L, R = start.left.copy(), start.right.copy(), metric.left[:, None], metric.right
    largest = max(np.linalg.norm(A, 2), np.linalg.norm(B, 2)) ** 2
    rate = 0.5 / (L.max() * np.linalg.norm(R, 2) * largest)
    found = [metric.distortion(W, A @ B)]
    for step in range(1, steps[-1] + 1):
        slope = L * ((W - A @ B) @ R)
        A, B = A + rate * slope @ B.T, B + rate * A.T @ slope
        if step in steps:
            found.append(metric.distortion(W, A @ B))
    return np.array(found)

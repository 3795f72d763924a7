"""Projections of fitted matrices in one metric or another: excess risk at every rank, trial by trial."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from ratedist.linear_model.multi_output import MultiOutputLinearModel

# Trials whose matrices are held at once.
BATCH = 100


@dataclasses.dataclass(frozen=True)
class Projection:
    """One way to choose the nearest matrix of low rank: by which of noise and inputs it weighs an error."""

    weighs_noise: bool
    weighs_inputs: bool
    words: str


PROJECTIONS = {
    "plain": Projection(False, False, "truncated singular value decomposition of W itself"),
    "noise": Projection(True, False, "outputs weighed by the noise's precision, as FWSVD does by its Fisher"),
    "inputs": Projection(False, True, "inputs weighed by A/n, as SVD-LLM does"),
    "information": Projection(True, True, "both: least information divergence, reduced-rank regression"),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Fits:
    """Least-squares fits of several trials, with noise that is independent from output to output.

    Attributes:
        weights: W, shape ``(trials, o, d)``.
        factor: lower triangular T with A = TTᵀ, shape ``(trials, d, d)``.
    """

    weights: np.ndarray
    factor: np.ndarray


def draw_fits(model: MultiOutputLinearModel, num_trials: int, seed: int | list[int]) -> Iterator[Fits]:
    """Fits in batches: A by Bartlett's decomposition, then ``W | A = W* + Γ^½ Z T⁻¹``."""
    generator = np.random.default_rng(seed)
    o, d = model.W_star.shape
    below = np.tril_indices(d, -1)
    for start in range(0, num_trials, BATCH):
        count = min(BATCH, num_trials - start)
        T = np.zeros((count, d, d))
        T[:, np.arange(d), np.arange(d)] = np.sqrt(generator.chisquare(model.n - np.arange(d), (count, d)))
        T[:, below[0], below[1]] = generator.standard_normal((count, len(below[0])))
        T = _times(model.covariance_cholesky, T)
        Z = generator.standard_normal((count, o, d))
        noise = np.swapaxes(np.linalg.solve(np.swapaxes(T, 1, 2), np.swapaxes(Z, 1, 2)), 1, 2)
        yield Fits(model.W_star + _times(model.noise_factor, noise), T)


def excess_risks(
    model: MultiOutputLinearModel, fits: Fits, projection: Projection
) -> tuple[np.ndarray, np.ndarray]:
    """Excess population risk at every rank, and the singular values that were truncated.

    With ``[PᵀWQ] = Σ s_i u_i v_iᵀ`` the reconstruction of rank r is ``Σ_{i≤r} s_i (P⁻ᵀu_i)(v_iᵀQ⁻¹)``.

    Returns:
        Shapes ``(trials, min(o, d) + 1)``, from rank 0, and ``(trials, min(o, d))``.
    """
    W, T = fits.weights, fits.factor
    precision = 1 / np.reshape(model.noise_factor, (-1, 1)) if projection.weighs_noise else 1.0
    weighted = precision * W
    if projection.weighs_inputs:
        weighted = weighted @ T / np.sqrt(model.n)
    U, sizes, Vt = np.linalg.svd(weighted, full_matrices=False)
    left, right = np.swapaxes(U / precision, 1, 2) * sizes[:, :, None], Vt
    if projection.weighs_inputs:
        right = np.swapaxes(np.linalg.solve(np.swapaxes(T, 1, 2), np.swapaxes(Vt, 1, 2)), 1, 2)
        right *= np.sqrt(model.n)
    # In the coordinates in which the excess risk is a sum of squares.
    left = _times(np.asarray(model.loss_factor).T, np.swapaxes(left, 1, 2))
    right = _from_right(right, model.covariance_cholesky)
    truth = _from_right(_times(np.asarray(model.loss_factor).T, model.W_star), model.covariance_cholesky)
    error = np.broadcast_to(-truth, W.shape).copy()
    excess = np.empty((len(W), sizes.shape[1] + 1))
    excess[:, 0] = np.sum(truth**2)
    # Rank by rank as it is: squares of sums, multiplied out, would lose a large truth's digits.
    for rank in range(sizes.shape[1]):
        error += left[:, :, rank, None] * right[:, rank, None, :]
        excess[:, rank + 1] = np.sum(error**2, axis=(1, 2))
    return excess, sizes


def _times(factor: np.ndarray, matrices: np.ndarray) -> np.ndarray:
    """A factor of shape ``()``, ``(k,)`` (diagonal) or ``(k, k)`` times matrices ``(..., k, l)``."""
    return factor @ matrices if np.ndim(factor) == 2 else np.reshape(factor, (-1, 1)) * matrices


def _from_right(matrices: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Matrices ``(..., k, l)`` times a factor of shape ``()``, ``(l,)`` (diagonal) or ``(l, l)``."""
    return matrices @ factor if np.ndim(factor) == 2 else matrices * factor

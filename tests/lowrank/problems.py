"""Matrices and metrics to try projections with, and the distortion as its definition has it."""

import numpy as np

# Kinds of metrics; the last four are singular.
KINDS = ("none", "number", "diagonal", "full", "graded", "dead", "few samples", "dead and few", "nothing")


def metric(kind: str, size: int, rng: np.random.Generator):
    """A positive semidefinite metric as a user may give it."""
    samples = rng.standard_normal((size + 3, size))
    few = samples[: max(1, size // 2)]
    alive = (np.arange(size) % 3 != 1).astype(float)
    return {
        "none": None,
        "number": rng.uniform(0.1, 9),
        "diagonal": rng.exponential(size=size),
        "full": samples.T @ samples,
        "graded": (samples.T @ samples) * np.outer(*[10.0 ** np.linspace(-3, 3, size)] * 2),
        "dead": rng.exponential(size=size) * alive,
        "few samples": few.T @ few,
        "dead and few": (few * alive).T @ (few * alive),
        "nothing": np.zeros(size),
    }[kind]


def full(given, size: int) -> np.ndarray:
    """The metric as a matrix."""
    array = np.asarray(1.0 if given is None else given)
    return array if array.ndim == 2 else np.diag(np.broadcast_to(array, size))


def distortion(W: np.ndarray, reconstruction: np.ndarray, left=None, right=None) -> float:
    """tr L(W − Ŵ)R(W − Ŵ)ᵀ, from the definition."""
    error = W - reconstruction
    return float(np.trace(full(left, len(W)) @ error @ full(right, W.shape[1]) @ error.T))

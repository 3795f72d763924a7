"""Vectors side by side whose digits are hard to keep."""

import numpy as np

TRIALS = 6
KINDS = ["plain", "near one", "mask", "ties", "importances", "both", "tiny", "huge"]


def problem(kind, dtype, size):
    """Weights and importances, shape ``(TRIALS, size)``."""
    rng = np.random.default_rng(3)
    weights, importance = rng.normal(size=(TRIALS, size)), np.ones((TRIALS, size))
    if kind == "near one":
        weights = 1 + 1e-4 * weights if dtype == np.float32 else 1 + 1e-13 * weights
    if kind == "mask":
        weights[:, 3] = -1e9
    if kind == "ties":
        weights = np.round(2 * weights)
    if kind in ("importances", "both"):
        importance = 10.0 ** rng.uniform(-12, 12, weights.shape)
    if kind == "both":
        weights = np.sign(weights) * 10.0 ** rng.uniform(-4, 4, weights.shape)
    if kind == "tiny":
        weights, importance = 1e-22 * weights, 1e-30 * importance
    if kind == "huge":
        weights, importance = 1e25 * weights, 1e30 * importance
    return weights.astype(dtype), importance.astype(dtype)


def beside_a_far_one(size):
    """Weights of which one is far from all others, importances, and how far; in single precision."""
    rng = np.random.default_rng(0)
    weights, importance = rng.normal(size=(TRIALS, size)), 0.5 + rng.random((TRIALS, size))
    far = np.array([0.0, 1e4, -3e4, 0.0, 1e4, -3e4])
    weights[:, 7] += far
    return weights.astype(np.float32), importance.astype(np.float32), far

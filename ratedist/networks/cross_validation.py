"""Choosing the diameter penalty on training data that was held out, never on the test set."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks


@dataclasses.dataclass(frozen=True, eq=False)
class ChosenBeta:
    """The outcome of a selection of β.

    Attributes:
        beta: the candidate of least mean held-out loss; the smallest of them, if several have it.
        one_standard_error: the largest candidate whose mean is at most one standard error (of the least mean)
            above the least: the most regularised model that is not clearly worse; Hastie, Tibshirani &
            Friedman, "The Elements of Statistical Learning", Section 7.10.
        candidates: all of them, rising.
        means: of their held-out losses, shape ``(candidates,)``.
        standard_errors: of these means; NaN if there is one loss a candidate.
    """

    beta: float
    one_standard_error: float
    candidates: np.ndarray
    means: np.ndarray
    standard_errors: np.ndarray


def choose_beta(
    candidates: ArrayLike, held_out_losses: ArrayLike | Callable[[float], ArrayLike]
) -> ChosenBeta:
    """Choose β by the loss on samples that were held out.

    The samples have to be training samples that the network itself was not trained on. Either it is one
    split, with the loss of each of its samples. Or it is K folds, with a network trained for each, and the
    mean loss of each fold.
    A β chosen on the test set would make the test loss an estimate of nothing.

    Args:
        candidates: values of β, shape ``(candidates,)``.
        held_out_losses: losses of F folds, or of the F samples of a single split, shape ``(candidates, F)``,
            the columns in one order. Or a function from β to its F losses, such as
            ``lambda beta: sample_losses(…)``.

    Raises:
        ValueError: no candidates, two that are equal, negative ones; losses of another shape, not finite.

    Example:
        >>> import ratedist as rd
        >>> losses = [[1.0, 1.2, 0.9], [0.8, 0.9, 0.7], [0.85, 0.9, 0.8]]
        >>> chosen = rd.networks.choose_beta([0.0, 1.0, 10.0], losses)
        >>> chosen.beta, chosen.one_standard_error
        (1.0, 10.0)
    """
    betas = np.atleast_1d(_checks.real_array("candidates", candidates))
    _checks.in_range("candidates", betas)
    if betas.ndim != 1 or betas.size == 0 or np.unique(betas).size < betas.size:
        raise ValueError(f"candidates must be different numbers, at least one, got {betas.tolist()}")
    given: Any = held_out_losses
    if callable(held_out_losses):
        given = [held_out_losses(beta) for beta in betas.tolist()]
    losses = _checks.real_array("held_out_losses", given, indicator=True)
    if losses.ndim != 2 or losses.shape[0] != betas.size or losses.shape[1] == 0:
        raise ValueError(f"held_out_losses must have shape ({betas.size}, folds), got {losses.shape}")
    order = np.argsort(betas)
    betas, losses = betas[order], losses[order]
    F = losses.shape[1]
    means = losses.mean(axis=1)
    errors = losses.std(axis=1, ddof=1) / math.sqrt(F) if F > 1 else np.full(betas.size, math.nan)
    best = int(np.argmin(means))
    margin = float(errors[best]) if F > 1 else 0.0
    largest = np.flatnonzero(means <= means[best] + margin)[-1]
    return ChosenBeta(float(betas[best]), float(betas[largest]), betas, means, errors)


def folds(num_samples: int, num_folds: int, key: jax.Array) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split samples at random into K folds whose sizes differ by one at most.

    Args:
        num_samples: how many there are.
        num_folds: K, from 2 to as many.
        key: JAX PRNG key that decides what is random here.

    Returns:
        Per fold the rows to train on and the rows held out, each rising.

    Raises:
        ValueError: fewer than two folds, more folds than samples.

    Example:
        >>> import jax
        >>> import ratedist as rd
        >>> for train, held_out in rd.networks.folds(6, 3, jax.random.key(0)):
        ...     print(len(train), len(held_out))
        4 2
        4 2
        4 2
    """
    N, K = _checks.integer("num_samples", num_samples, 2), _checks.integer("num_folds", num_folds, 2)
    if K > N:
        raise ValueError(f"num_folds must be at most the {N} samples, got {K}")
    parts = np.array_split(np.asarray(jax.random.permutation(_checks.random_key(key), N)), K)
    return [(np.setdiff1d(np.arange(N), held_out), np.sort(held_out)) for held_out in parts]

"""Diagonals of curvature of any model: parameters in any pytree, logits by any function of them.

The same quantities as in ``ratedist.networks.curvature.architectures``, by one gradient for each sample and
each row of B. That module is faster by an order of magnitude where the network is an ``Architecture``.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.networks import losses
from ratedist.networks.curvature import checks
from ratedist.networks.curvature.architectures import SamplingError, sampling_error
from ratedist.networks.curvature.tree_moments import Outputs, num_samples, tree_moments
from ratedist.tensors.leaves import named_leaves


@dataclasses.dataclass(frozen=True, eq=False)
class SampledTree:
    """A diagonal measured on a random subset of samples.

    Attributes:
        diagonal: tree of the structure of the parameters, unbiased for the diagonal over all samples.
        errors: name of a leaf, as ``ratedist.tensors.leaves`` has it, → ``SamplingError``.
        samples: positions of the subset.
    """

    diagonal: Any
    errors: dict[str, SamplingError]
    samples: np.ndarray


def gauss_newton_diagonal(
    logits_fn: Outputs,
    parameters: Any,
    inputs: Any,
    *,
    chunk: int = 8,
    leaf_by_leaf: bool = False,
    progress: bool = False,
) -> Any:
    """Diagonal of the Gauss–Newton matrix ``mean_n Jᵀ(diag p − ppᵀ)J`` of the mean cross-entropy.

    J is the derivative of the logits, p their softmax. It is the diagonal of the Hessian, almost everywhere,
    for networks that are piecewise linear in each single weight, and positive semidefinite for all others.

    Args:
        logits_fn: ``logits_fn(parameters, inputs)``, of shape ``(batch, classes)``; it must treat each sample
            by itself (no dropout, normalisation by running averages).
        parameters: any pytree. Leaves that are no floating-point arrays are held fixed.
        inputs: array, or pytree of arrays, with samples along the first axis.
        chunk: samples at a time; memory is needed for ``chunk × classes`` gradients.
        leaf_by_leaf: differentiate in one leaf after the other: memory for the gradients of the largest leaf
            alone, for as many passes as there are leaves.
        progress: show a bar.

    Returns:
        Tree of the same structure; float64 arrays in place of what was differentiated, other leaves as they
        were.

    Raises:
        ValueError: no samples, arrays of different lengths, logits of another shape, nothing to
            differentiate.
    """
    labels = np.zeros(num_samples(inputs), np.int32)
    return tree_moments(
        logits_fn, losses.hessian_root, parameters, inputs, labels, chunk, leaf_by_leaf, progress
    ).diagonal


def squared_loss_hessian_diagonal(
    logits_fn: Outputs,
    parameters: Any,
    inputs: Any,
    labels: ArrayLike,
    *,
    chunk: int = 8,
    leaf_by_leaf: bool = False,
    progress: bool = False,
) -> Any:
    """Diagonal of the Hessian of the mean *squared* cross-entropy, the papers' released code's importance.

    ``mean_n Jᵀ[2gg'ᵀ + 2ℓ_n(diag p − ppᵀ)]J``, see ``ratedist.networks.curvature.architectures``.

    Args:
        logits_fn: as in ``gauss_newton_diagonal``.
        parameters: the parameters of the network, any pytree.
        inputs: samples along the first axis.
        labels: integers of shape ``(samples,)``.
        chunk: samples at a time.
        leaf_by_leaf: as in ``gauss_newton_diagonal``.
        progress: show a bar.

    Raises:
        ValueError: as ``gauss_newton_diagonal``; labels that are no classes.
    """
    return tree_moments(
        logits_fn, losses.squared_loss_root, parameters, inputs, labels, chunk, leaf_by_leaf, progress
    ).diagonal


def empirical_fisher_diagonal(
    loss_fn: Outputs,
    parameters: Any,
    samples: Any,
    *,
    chunk: int = 32,
    leaf_by_leaf: bool = False,
    progress: bool = False,
) -> Any:
    """Mean over samples of the squared gradient of any loss.

    Args:
        loss_fn: ``loss_fn(parameters, samples)``, the loss of each sample, shape ``(batch,)``.
        parameters: the parameters of the network, any pytree.
        samples: array or pytree of arrays, such as ``(inputs, labels)``, with samples along the first axis.
        chunk: samples at a time; memory is needed for as many gradients.
        leaf_by_leaf: as in ``gauss_newton_diagonal``.
        progress: show a bar.

    Returns:
        As ``gauss_newton_diagonal``.

    Raises:
        ValueError: as ``gauss_newton_diagonal``.
    """
    labels = np.zeros(num_samples(samples), np.int32)
    return tree_moments(loss_fn, None, parameters, samples, labels, chunk, leaf_by_leaf, progress).diagonal


def sample_diagonal(
    function: Outputs,
    parameters: Any,
    samples: Any,
    size: int,
    key: jax.Array,
    *,
    returns: str = "logits",
    chunk: int = 8,
    leaf_by_leaf: bool = False,
    progress: bool = False,
) -> SampledTree:
    """A diagonal over all samples, estimated on a random subset, and the error that makes.

    The subset is drawn without replacement; for what its standard errors miss see
    ``ratedist.networks.curvature.architectures.sample_gauss_newton_diagonal``.

    Args:
        function: ``function(parameters, samples)``.
        parameters: the parameters of the network, any pytree.
        samples: all of them, along the first axis.
        size: of the subset, from 2 to as many as there are.
        key: JAX PRNG key, decides the subset.
        returns: what the function does: "logits", for ``gauss_newton_diagonal``, or "loss", the loss of each
            sample, for ``empirical_fisher_diagonal``.
        chunk: samples at a time.
        leaf_by_leaf: as in ``gauss_newton_diagonal``.
        progress: show a bar.

    Raises:
        ValueError: as these; a subset of fewer than two samples, or more than there are.
    """
    root = None if _checks.one_of("returns", returns, ("logits", "loss")) == "loss" else losses.hessian_root
    checks.numbers("inputs", samples)
    pool, n = num_samples(samples), _checks.integer("size", size, 2)
    if n > pool:
        raise ValueError(f"size must be at most the {pool} samples there are, got {n}")
    chosen = np.sort(np.asarray(jax.random.choice(key, pool, (n,), replace=False)))
    subset = jax.tree.map(lambda leaf: np.asarray(leaf)[chosen], samples)
    moments = tree_moments(
        function, root, parameters, subset, np.zeros(n, np.int32), chunk, leaf_by_leaf, progress, True
    )
    left, names = (1 - n / pool) / (n - 1), list(named_leaves(parameters)[0])
    diagonals, errors = jax.tree.leaves(moments.diagonal), {}
    for place, squares in moments.squares.items():
        h = diagonals[place]
        standard_error = np.sqrt(left * (squares - h**2).clip(0))  # rounding
        errors[names[place]] = sampling_error(h, standard_error, moments.totals[place], left)
    return SampledTree(moments.diagonal, errors, chosen)

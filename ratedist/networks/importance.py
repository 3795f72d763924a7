"""Importances for quantisers: a diagonal of curvature on a scale of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ratedist import _checks
from ratedist.tensors.leaves import is_array, named_leaves

# Layer means of 1 make this far less than any weight that matters, and keep all of them above zero.
FLOOR = 1e-6
# What losing an array would cost is taken for this part of what it would cost elsewhere at most.
LEAST_PROPORTION = 1e-6


def normalized_importance(diagonal: Any, floor: float = FLOOR) -> Any:
    """Importances of mean 1 in each array, ``h / mean h + floor``.

    A diameter penalty β is in the units of h. The curvature of a trained network may be 10⁻⁴. A β then
    presses ten thousand times harder than with importances of mean 1. This is the convention under which the
    β = 50 of Entropy 2021, Section 7, acts as its figures show.

    Args:
        diagonal: pytree of arrays, none negative; leaves that are no floating-point arrays stay as they are.
        floor: added to all; without it weights of no curvature are all put into one cluster, whatever they
            are.

    Returns:
        The tree with float64 arrays. An array of zeros only, which says nothing, becomes ``1 + floor``.

    Raises:
        ValueError: entries that are negative or not finite, a negative floor.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> rd.networks.normalized_importance({"layer": np.array([1.0, 3.0])})
        {'layer': array([0.500001, 1.500001])}
    """
    leaves, structure = named_leaves(diagonal)
    return jax.tree.unflatten(structure, list(normalized(leaves, floor).values()))


def normalized(diagonal: Mapping[str, Any], floor: float = FLOOR) -> dict[str, Any]:
    """``normalized_importance`` of leaves that have names already, in their order."""
    _checks.in_range("floor", floor, high=np.finfo(np.float64).max)
    scaled = {}
    for name, leaf in diagonal.items():
        scaled[name] = leaf
        if is_array(leaf) and jnp.issubdtype(leaf.dtype, jnp.floating):
            h = _checks.real_array(f"diagonal of {name}", leaf)
            _checks.in_range(f"diagonal of {name}", h)
            scaled[name] = (h / h.mean() if h.any() else np.ones_like(h)) + floor
    return scaled


def in_proportion(
    importance: Mapping[str, Any], diagonal: Mapping[str, Any], weights: Mapping[str, Any]
) -> dict[str, Any]:
    """Importances with the means of the curvature in place of 1, so that arrays can be weighed up.

    An array with hardly any gets so much that losing all its weights costs a millionth of what it costs
    elsewhere at most. So the proportions are the same in other units of the weights of an array.

    Args:
        importance: of ``normalized``.
        diagonal: the curvature it was made of.
        weights: name → array, those of not finite weights among them.
    """
    # In float64: NumPy adds bfloat16 one by one in bfloat16, and a sum of many stays where it is.
    means = {
        name: float(np.asarray(leaf, np.float64).mean())
        for name, leaf in diagonal.items()
        if is_array(leaf) and jnp.issubdtype(leaf.dtype, jnp.floating)
    }
    variances = {name: _variance(weights[name]) for name in means}
    least = LEAST_PROPORTION * max((means[name] * variances[name] for name in means), default=0.0)
    floors = {name: least / variance if variance > 0 else 0.0 for name, variance in variances.items()}
    return {
        name: h * (max(means[name], floors[name]) or 1.0) if name in means else h
        for name, h in importance.items()
    }


def _variance(weights: Any) -> float:
    """In float64; 0 where weights are not finite, and are not quantised."""
    w = np.asarray(weights, np.float64)
    return float(np.var(w)) if np.isfinite(w).all() else 0.0

"""Importances for quantisers: a diagonal of curvature on a scale of its own."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ratedist import _checks
from ratedist.tensors.tree import is_array, named_leaves

# Layer means of 1 make this far less than any weight that matters, and keep all of them above zero.
FLOOR = 1e-6


def normalized_importance(diagonal: Any, floor: float = FLOOR) -> Any:
    """Importances of mean 1 in each array, ``h / mean h + floor``.

    A diameter penalty β is in the units of h: with the curvature of a trained network, which may be 10⁻⁴,
    the same β presses ten thousand times harder than with importances of mean 1. This is the convention
    under which the β = 50 of Entropy 2021, Section 7, acts as its figures show.

    Args:
        diagonal: pytree of arrays, none negative; leaves that are no floating-point arrays stay as they are.
        floor: added to all; without it weights of no curvature are all put into one cluster, whatever they
            are.

    Returns:
        The tree with float64 arrays. An array of zeros only, which says nothing, becomes ``1 + floor``.

    Raises:
        ValueError: entries that are negative or not finite, a negative floor.
    """
    _checks.in_range("floor", floor, high=np.finfo(np.float64).max)
    leaves, structure = named_leaves(diagonal)
    scaled = []
    for name, leaf in leaves.items():
        if not is_array(leaf) or not jnp.issubdtype(leaf.dtype, jnp.floating):
            scaled.append(leaf)
            continue
        h = _checks.real_array(f"diagonal of {name}", leaf)
        _checks.in_range(f"diagonal of {name}", h)
        scaled.append((h / h.mean() if h.any() else np.ones_like(h)) + floor)
    return jax.tree.unflatten(structure, scaled)

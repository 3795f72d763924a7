"""Matrices of a model under a penalty on their singular values: which, and their proximal maps."""

from __future__ import annotations

import dataclasses
import fnmatch
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ratedist.lowrank.penalties import Penalty, require_penalty
from ratedist.tensors.leaves import named_leaves

Arrays = dict[str, jax.Array]
Schedule = Callable[[int], Penalty]
Penalties = Mapping[str, Penalty | Schedule]


@dataclasses.dataclass(frozen=True)
class Skeleton:
    """A model without the arrays that are trained: hashable, so that a compiled function is found again.

    Attributes:
        structure: of the tree.
        names: of its leaves.
        others: name and leaf of what is not trained, in pairs: functions and numbers of Python.
    """

    structure: Any
    names: tuple[str, ...]
    others: tuple[tuple[str, Any], ...]

    def rebuild(self, arrays: Mapping[str, Any]) -> Any:
        """The model with these arrays."""
        leaves = dict(self.others) | dict(arrays)
        return jax.tree.unflatten(self.structure, [leaves[name] for name in self.names])


def split(parameters: Any) -> tuple[Arrays, Arrays, Skeleton]:
    """Arrays of floating point by name, which are trained, the other arrays, and the rest of the model.

    Raises:
        ValueError: nothing to train, weights that are not finite, two leaves of one name.
    """
    leaves, structure = named_leaves(parameters)
    arrays = {
        name: leaf for name, leaf in leaves.items() if hasattr(leaf, "dtype") and hasattr(leaf, "shape")
    }
    trained = {
        name: jnp.asarray(leaf) for name, leaf in arrays.items() if jnp.issubdtype(leaf.dtype, jnp.floating)
    }
    if not trained:
        raise ValueError("parameters must have at least one array of floating point, got none")
    for name, leaf in trained.items():
        if not np.isfinite(np.asarray(leaf)).all():
            raise ValueError(f"parameters must be finite, {name!r} is not")
    fixed = {name: jnp.asarray(leaf) for name, leaf in arrays.items() if name not in trained}
    others = tuple((name, leaf) for name, leaf in leaves.items() if name not in arrays)
    return trained, fixed, Skeleton(structure, tuple(leaves), others)


def chosen(trained: Mapping[str, jax.Array], penalties: Penalties) -> dict[str, Penalty | Schedule]:
    """The penalty of each matrix that a pattern chooses, by name.

    Args:
        trained: arrays by name, ``dense1.weight``.
        penalties: pattern of names (``*`` and ``?``) → penalty, or a function of the number of iterations
            done that returns one. Biases and other vectors are never chosen.

    Raises:
        ValueError: a pattern that chooses nothing, a matrix that two patterns choose, what is no penalty.
    """
    if not isinstance(penalties, Mapping) or not penalties:
        raise ValueError(f"penalties must map patterns of names to penalties, got {penalties!r:.80}")
    matrices = [name for name, leaf in trained.items() if leaf.ndim >= 2 and leaf.size]
    found: dict[str, Penalty | Schedule] = {}
    for pattern, penalty in penalties.items():
        if isinstance(penalty, Penalty) or not callable(penalty) or isinstance(penalty, type):
            require_penalty(f"penalties[{pattern!r}]", penalty)
        names = fnmatch.filter(matrices, pattern)
        if not names:
            raise ValueError(f"{pattern!r} is like the name of no matrix; there are {', '.join(matrices)}")
        for name in names:
            if name in found:
                raise ValueError(f"{name!r} is chosen by two patterns, {pattern!r} is the second")
            found[name] = penalty
    return found


def at(penalty: Penalty | Schedule, iteration: int) -> Penalty:
    """The penalty itself, or what its schedule says after so many iterations."""
    if isinstance(penalty, Penalty):
        return penalty
    return require_penalty(f"the penalty at iteration {iteration}", penalty(iteration))


def as_matrix(leaf: Any) -> np.ndarray:
    """A dense layer's weights as they are, those of a convolution with all axes but the last as one."""
    array = np.asarray(leaf)
    return array.astype(np.promote_types(array.dtype, np.float32)).reshape(-1, array.shape[-1])


def singular_values(leaf: Any) -> np.ndarray:
    """Of the matrix of a leaf, in float64."""
    return np.linalg.svd(as_matrix(leaf), compute_uv=False).astype(np.float64)


def prox_leaf(leaf: jax.Array, penalty: Penalty, step: float) -> tuple[jax.Array, np.ndarray, float]:
    """The proximal map of a leaf, its singular values, and which part of ‖W‖² it took away.

    What has fallen away is exactly 0 among the singular values; in the leaf it is 0 up to rounding.
    """
    U, s, Vt = np.linalg.svd(as_matrix(leaf), full_matrices=False)
    new = penalty.prox(s.astype(np.float64), step)
    kept = np.flatnonzero(new)
    matrix = (U[:, kept] * new[kept].astype(s.dtype)) @ Vt[kept]
    relative, change = s / (s[0] or 1), (s - new) / (s[0] or 1)
    part = float(np.sum(change**2) / np.sum(relative**2)) if s[0] > 0 else 0.0
    return jnp.asarray(matrix.reshape(leaf.shape), leaf.dtype), new, part


def length(arrays: Mapping[str, Any]) -> float:
    """The Euclidean length of all entries together, in float64; not a number where they are not finite."""
    wide = [np.asarray(leaf, np.float64).ravel() for leaf in arrays.values()]
    largest = max(float(np.max(np.abs(one), initial=0.0)) for one in wide)
    if not 0 < largest < math.inf:
        return largest if largest == 0 else math.nan
    return largest * math.hypot(*(float(np.linalg.norm(one / largest)) for one in wide))

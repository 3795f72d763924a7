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

from ratedist.lowrank.convolution import kernel_from_matrix, kernel_matrix
from ratedist.lowrank.penalties import Penalty, require_penalty
from ratedist.lowrank.projection import svd
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
            done that returns one. Only arrays of two axes are chosen, and of four: kernels of convolutions.

    Raises:
        ValueError: a pattern that chooses nothing, a matrix that two patterns choose, what is no penalty.
    """
    if not isinstance(penalties, Mapping) or not penalties:
        raise ValueError(f"penalties must map patterns of names to penalties, got {penalties!r:.80}")
    matrices = [name for name, leaf in trained.items() if leaf.ndim in (2, 4) and leaf.size]
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


@dataclasses.dataclass(frozen=True)
class Kernels:
    """How a convolution's kernel is a matrix.

    Attributes:
        form: "channels" or "spatial", as in ``rd.lowrank.kernel_matrix``.
        layout: order of the kernel's axes, as there.
    """

    form: str = "channels"
    layout: str = "hwio"

    def check(self) -> None:
        """Raise ``ValueError`` for an unknown form or layout."""
        kernel_matrix(np.ones((1, 1, 1, 1)), self.form, self.layout)

    def as_matrix(self, leaf: Any) -> np.ndarray:
        """The matrix of a leaf, in float32 at least."""
        array = np.asarray(leaf)
        wide = np.promote_types(array.dtype, np.float32)
        if array.ndim == 2:
            return array.astype(wide)
        return kernel_matrix(array.astype(wide), self.form, self.layout).astype(wide)

    def singular_values(self, leaf: Any) -> np.ndarray:
        """Of the matrix of a leaf, in float64."""
        return svd(self.as_matrix(leaf))[1].astype(np.float64)

    def prox(self, leaf: jax.Array, penalty: Penalty, step: float) -> tuple[jax.Array, np.ndarray, float]:
        """The proximal map of a leaf, its singular values, and which part of ‖W‖² it took away.

        What has fallen away is exactly 0 among the singular values; in the leaf it is 0 up to rounding.
        """
        U, s, Vt = svd(self.as_matrix(leaf))
        new = penalty.prox(s.astype(np.float64), step)
        kept = np.flatnonzero(new)
        matrix = (U[:, kept] * new[kept].astype(s.dtype)) @ Vt[kept]
        if leaf.ndim == 4:
            a, b, c, d = leaf.shape
            matrix = kernel_from_matrix(matrix, (a, b, c, d), self.form, self.layout)
        relative, change = s / (s[0] or 1), (s - new) / (s[0] or 1)
        part = float(np.sum(change**2) / np.sum(relative**2)) if s[0] > 0 else 0.0
        return jnp.asarray(matrix, leaf.dtype), new, part


def length(arrays: Mapping[str, Any]) -> float:
    """The Euclidean length of all entries together, in float64; not a number where they are not finite."""
    wide = [np.asarray(leaf, np.float64).ravel() for leaf in arrays.values()]
    largest = max(float(np.max(np.abs(one), initial=0.0)) for one in wide)
    if not 0 < largest < math.inf:
        return largest if largest == 0 else math.nan
    return largest * math.hypot(*(float(np.linalg.norm(one / largest)) for one in wide))

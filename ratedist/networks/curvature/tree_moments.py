"""Sums over samples of squared gradients of any function of any pytree, of which diagonals are made."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike
from tqdm import tqdm

from ratedist import _checks
from ratedist.networks.curvature import checks
from ratedist.networks.curvature.moments import wide

Outputs = Callable[[Any, Any], jax.Array]
Root = Callable[[jax.Array, jax.Array], jax.Array]


def num_samples(samples: Any) -> int:
    """Length of the arrays of a pytree.

    Raises:
        ValueError: no arrays, arrays of different lengths or of length zero.
    """
    lengths = {np.shape(leaf)[:1] for leaf in jax.tree.leaves(samples)}
    if len(lengths) != 1 or () in lengths or (0,) in lengths:
        raise ValueError(
            f"samples must be arrays of one length above zero, got lengths {sorted(lengths)} in "
            f"{checks.described(samples)}"
        )
    return lengths.pop()[0]


@dataclasses.dataclass(frozen=True, eq=False)
class TreeMoments:
    """Of n samples' squared gradients h: their mean, and by number of leaf what errors are made of.

    ``squares`` has the mean of h² and ``totals`` the sum of each sample's h over the leaf, shape ``(n,)``;
    both are empty unless they were asked for.
    """

    diagonal: Any
    squares: dict[int, np.ndarray]
    totals: dict[int, np.ndarray]


def tree_moments(
    function: Outputs,
    root: Root | None,
    parameters: Any,
    samples: Any,
    labels: ArrayLike,
    chunk: int,
    leaf_by_leaf: bool,
    progress: bool,
    with_errors: bool = False,
) -> TreeMoments:
    """Moments of a function of logits and the root of its loss, or, without one, of the loss itself."""
    length, y = num_samples(samples), np.asarray(labels)
    leaves, structure = jax.tree.flatten(parameters)
    places = [place for place, leaf in enumerate(leaves) if checks.is_floating(leaf)]
    if not places:
        raise ValueError(
            f"parameters must have at least one floating-point array, got {checks.described(parameters)}"
        )
    for name, tree in (("parameters", parameters), ("inputs", samples), ("labels", labels)):
        checks.numbers(name, tree)
    columns = checks.traced_columns(function, parameters, samples, loss=root is None)
    if y.shape != (length,) or y.dtype.kind not in "iu" or y.min() < 0 or y.max() >= columns:
        raise ValueError(f"labels must be {length} integers from 0 to {columns - 1}, got shape {y.shape}")
    outputs_fn, root = (_column(function), _one) if root is None else (function, root)

    def step(chosen: dict[int, jax.Array], xs: Any, ys: jax.Array, valid: jax.Array) -> Any:
        def of_sample(x: Any, y: jax.Array, weight: jax.Array) -> dict[int, jax.Array]:
            def outputs(chosen: dict[int, jax.Array]) -> jax.Array:
                tree = jax.tree.unflatten(structure, [chosen.get(i, leaf) for i, leaf in enumerate(leaves)])
                return outputs_fn(tree, jax.tree.map(lambda leaf: leaf[None], x))

            values, pullback = jax.vjp(outputs, chosen)
            (gradients,) = jax.vmap(pullback)(root(values, y[None]))
            return {i: weight * jnp.sum(wide(g) ** 2, axis=0) for i, g in gradients.items()}

        h = jax.vmap(of_sample)(xs, ys, valid)
        sums = {i: jnp.sum(leaf, axis=0) for i, leaf in h.items()}
        if not with_errors:
            return sums, {}, {}
        squares = {i: jnp.sum(leaf**2, axis=0) for i, leaf in h.items()}
        return sums, squares, {i: jnp.sum(leaf.reshape(len(leaf), -1), axis=1) for i, leaf in h.items()}

    step = jax.jit(step)
    groups = [[place] for place in places] if leaf_by_leaf else [places]
    size = min(_checks.integer("chunk", chunk, 1), length)
    sums = {place: np.zeros(leaves[place].shape) for place in places}
    squares = {place: np.zeros(leaves[place].shape) for place in places} if with_errors else {}
    totals: dict[int, list[np.ndarray]] = {place: [] for place in squares}
    with tqdm(total=length, unit="sample", disable=not progress, leave=False) as bar:
        for start in range(0, length, size):
            # The last chunk repeats the last sample with weight zero: one shape, one compilation.
            rows = np.minimum(np.arange(start, start + size), length - 1)
            valid = (np.arange(start, start + size) < length).astype(np.float32)
            xs = jax.tree.map(lambda leaf, rows=rows: np.asarray(leaf)[rows], samples)
            for group in groups:
                parts = step({i: leaves[i] for i in group}, xs, y[rows], valid)
                for place in group:
                    sums[place] += np.asarray(parts[0][place], np.float64)
                for place in squares.keys() & group:
                    squares[place] += np.asarray(parts[1][place], np.float64)
                    totals[place].append(np.asarray(parts[2][place], np.float64))
            bar.update(int(valid.sum()))
    checks.finite_diagonal(list(sums.values()))
    diagonal = jax.tree.unflatten(
        structure, [sums[i] / length if i in sums else leaf for i, leaf in enumerate(leaves)]
    )
    return TreeMoments(
        diagonal,
        {place: square / length for place, square in squares.items()},
        {place: np.concatenate(parts)[:length] for place, parts in totals.items()},
    )


def _column(loss_fn: Outputs) -> Outputs:
    """The loss of each sample as a column, the outputs that B = 1 is multiplied with."""
    return lambda tree, batch: jnp.asarray(loss_fn(tree, batch))[:, None]


def _one(outputs: jax.Array, labels: jax.Array) -> jax.Array:
    del labels
    return jnp.ones_like(outputs)[None]

"""What diagonals of curvature are refused for: arguments, functions of another kind, NaN."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ratedist import _checks


def described(value: Any) -> str:
    """What came, in few words."""
    if value is None:
        return "None"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"an array of {value.dtype} of shape {tuple(value.shape)}"
    if isinstance(value, tuple | list | dict):
        return f"a {type(value).__name__} of {len(value)}"
    return f"{type(value).__name__} {' '.join(repr(value).split()):.60}"


def numbers(name: str, tree: Any) -> None:
    """Raise ``ValueError`` for NaN, masked entries or text in the arrays of a pytree.

    Infinite entries pass, for a mask of −∞ is no mistake: what they spoil is seen in the diagonal.
    """
    for leaf in jax.tree.leaves(tree):
        if not (hasattr(leaf, "dtype") and hasattr(leaf, "shape")):
            continue
        _checks.unmasked(name, leaf)
        if isinstance(leaf, np.ndarray) and leaf.dtype.kind in "OSUmM":
            raise ValueError(f"{name} must be arrays of numbers, got {described(leaf)}")
        if is_floating(leaf):
            count = int(np.isnan(np.asarray(leaf)).sum())
            if count:
                raise ValueError(f"{name} must not have NaN, got {count} in {described(leaf)}")


def is_floating(leaf: Any) -> bool:
    """Whether a leaf is an array of floating-point numbers."""
    return hasattr(leaf, "dtype") and hasattr(leaf, "shape") and jnp.issubdtype(leaf.dtype, jnp.floating)


def traced_columns(function: Callable[[Any, Any], Any], parameters: Any, samples: Any, *, loss: bool) -> int:
    """How many logits a function returns for a sample, 1 for a loss, traced without computing anything.

    Raises:
        ValueError: what the function raised, or what is wrong with its output for a batch of two.
    """
    leaves, structure = jax.tree.flatten(parameters)
    arrays = {place: leaf for place, leaf in enumerate(leaves) if is_floating(leaf)}
    two = jax.tree.map(lambda leaf: np.asarray(leaf)[[0, 0]], samples)
    found: list[tuple[str, tuple[int, ...] | None, Any]] = []

    def traced(arrays: dict[int, jax.Array], batch: Any) -> None:
        tree = jax.tree.unflatten(structure, [arrays.get(i, leaf) for i, leaf in enumerate(leaves)])
        output = function(tree, batch)
        is_array = hasattr(output, "shape") and hasattr(output, "dtype")
        shape, dtype = (tuple(output.shape), output.dtype) if is_array else (None, None)
        found.append((described(output), shape, dtype))

    try:
        jax.eval_shape(traced, arrays, two)
    except Exception as error:
        reason = str(error).split("\n", 1)[0]
        raise ValueError(
            f"the function fails when JAX traces it as function(parameters, inputs): {type(error).__name__}: "
            f"{reason} (values must neither be branched on nor given to NumPy; parameters came as "
            f"{type(parameters).__name__}, inputs as {type(samples).__name__})"
        ) from error
    came, shape, dtype = found[-1]
    what = "the loss of each sample, shape (batch,)" if loss else "logits, shape (batch, classes)"
    right = shape is not None and shape[:1] == (2,) and len(shape) == (1 if loss else 2)
    if shape is None or not right:
        raise ValueError(f"the function must return {what}, got {came} for a batch of two")
    if not jnp.issubdtype(dtype, jnp.floating):
        raise ValueError(f"the function must return {what}, in floating-point numbers, got {came}")
    if not loss:
        at_least_two_classes(shape[1])
    return 1 if loss else shape[1]


def at_least_two_classes(classes: int) -> None:
    """Raise ``ValueError`` for logits whose softmax is 1 whatever they are."""
    if classes < 2:
        raise ValueError(
            f"logits must have at least 2 classes, got {classes}: for a single output z give (0, z), "
            "or a loss to empirical_fisher_diagonal"
        )


def finite_diagonal(arrays: list[np.ndarray]) -> None:
    """Raise ``ValueError`` for a diagonal that is NaN or infinite, of inputs and parameters without NaN."""
    count = sum(int(array.size - np.isfinite(array).sum()) for array in arrays)
    if count:
        raise ValueError(
            "the function's output or its derivative is NaN or infinite, though inputs and parameters have "
            f"no NaN: so are {count} of {sum(array.size for array in arrays)} entries of the diagonal"
        )


def warned_if_zero(diagonal: Any) -> Any:
    """The diagonal, with a warning to the caller's caller if it is zero throughout."""
    arrays = [leaf for leaf in jax.tree.leaves(diagonal) if is_floating(leaf)]
    if not any(np.any(np.asarray(array)) for array in arrays):
        warnings.warn(
            "the diagonal is zero throughout: the output does not depend on the parameters at these inputs, "
            "or it is certain or fitted to rounding",
            UserWarning,
            stacklevel=3,
        )
    return diagonal

"""Tensors of other libraries as NumPy arrays, or a refusal: none is overlooked."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from ratedist import _checks


def as_array(name: str, leaf: Any) -> Any:
    """A leaf of a model as a NumPy array, if it is a tensor of another library such as PyTorch.

    Gradients are left behind, and devices. What NumPy has no dtype for (bfloat16) comes through DLPack. The
    other library is not imported. Data are shared with the tensor where they lie in this machine's memory.

    Args:
        name: path of the leaf, for messages.
        leaf: anything. Arrays of NumPy and JAX, and what is no array, are returned as they are; but NumPy's
            in the other byte order are converted to the native one.

    Raises:
        ValueError: a tensor that cannot be converted (sparse, quantised, without data), a whole module, a
            NumPy array with masked entries.
    """
    _checks.unmasked(repr(name), leaf)
    if isinstance(leaf, np.ndarray | np.generic):
        return leaf if leaf.dtype.isnative else leaf.astype(leaf.dtype.newbyteorder("="))
    if isinstance(leaf, jax.Array | jax.ShapeDtypeStruct):
        return leaf
    if callable(getattr(leaf, "state_dict", None)):
        raise ValueError(f"{name!r} is a module, {_kind(leaf)}: give its state_dict() in its place")
    if not (hasattr(leaf, "dtype") and hasattr(leaf, "shape")):
        return leaf
    try:
        plain = leaf
        # PyTorch: without gradient, on the host, conjugations and signs carried out.
        for step in ("detach", "cpu", "resolve_conj", "resolve_neg"):
            plain = getattr(plain, step)() if hasattr(plain, step) else plain
        array = _converted(plain)
        size = getattr(plain, "element_size", lambda: array.itemsize)()
        if array.shape != tuple(leaf.shape) or array.dtype == object or array.itemsize != size:
            raise ValueError(f"what comes out has dtype {array.dtype} and shape {array.shape}")
    except Exception as error:  # whatever another library throws
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"{name!r} is a {_kind(leaf)} of {leaf.dtype}, which cannot be converted to NumPy: {reason}"
        ) from None
    return array


def is_array_like(leaf: Any) -> bool:
    """Whether a leaf is an array of any dtype."""
    return hasattr(leaf, "dtype") and hasattr(leaf, "shape")


def _converted(tensor: Any) -> np.ndarray:
    try:
        return tensor.numpy() if hasattr(tensor, "numpy") else np.asarray(tensor)
    except (TypeError, RuntimeError):  # a dtype that NumPy does not have, a bridge to NumPy that is not there
        if not hasattr(tensor, "__dlpack__"):
            raise
    try:
        return np.from_dlpack(tensor)
    except (TypeError, RuntimeError, BufferError):
        return np.asarray(jax.dlpack.from_dlpack(tensor))


def _kind(leaf: Any) -> str:
    return f"{type(leaf).__module__}.{type(leaf).__qualname__}"

"""A convolution's kernel as a matrix, in the two usual ways, and a matrix of low rank as two convolutions.

In ``channels`` the matrix is out × (in · height · width): r kernels of the full size and a 1 × 1 convolution
after them. In ``spatial`` it is (out · height) × (in · width): a row of r kernels 1 × width, and a column,
height × 1, after it. Between the two there is neither bias nor activation. Zero padding is for each its own
directions', and so are strides in ``spatial``; in ``channels`` the first has the stride.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks

FORMS = ("channels", "spatial")


def kernel_matrix(kernel: ArrayLike, form: str, layout: str = "hwio") -> np.ndarray:
    """A convolution's kernel as the matrix that is projected on a low rank.

    Args:
        kernel: shape in the order of ``layout``.
        form: "channels" for out × (in · height · width), "spatial" for (out · height) × (in · width).
        layout: what the kernel's axes are, the letters h, w, i (inputs) and o (outputs) in their order:
            "hwio" in JAX, "oihw" in PyTorch.

    Returns:
        The matrix, float64; its rows and columns count in the order just given, the last one fastest.

    Raises:
        ValueError: a kernel without four axes, values that are not finite, an unknown form or layout.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> kernel = np.arange(3 * 3 * 2 * 5.0).reshape(3, 3, 2, 5)
        >>> matrices = [rd.lowrank.kernel_matrix(kernel, form) for form in ("channels", "spatial")]
        >>> [matrix.shape for matrix in matrices]
        [(5, 18), (15, 6)]
    """
    values = _checks.real_array("kernel", kernel)
    if values.ndim != 4 or values.size == 0:
        raise ValueError(
            f"kernel must have the four axes {_checked_layout(layout)}, got shape {values.shape}"
        )
    o, i, h, w = _oihw(values, layout).shape
    if _checks.one_of("form", form, FORMS) == "channels":
        return _oihw(values, layout).reshape(o, i * h * w)
    return _oihw(values, layout).transpose(0, 2, 1, 3).reshape(o * h, i * w)


def kernel_from_matrix(
    matrix: ArrayLike, shape: tuple[int, int, int, int], form: str, layout: str = "hwio"
) -> np.ndarray:
    """The kernel that a matrix of ``kernel_matrix`` stands for.

    Args:
        matrix: as ``kernel_matrix`` returns it for ``shape``.
        shape: the kernel's, in the order of ``layout``.
        form: "channels" or "spatial".
        layout: order of the kernel's axes, as in ``kernel_matrix``.

    Returns:
        The kernel, float64 of shape ``shape``.

    Raises:
        ValueError: shapes that disagree, values that are not finite, an unknown form or layout.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> kernel = np.arange(3 * 3 * 2 * 5.0).reshape(3, 3, 2, 5)
        >>> matrix = rd.lowrank.kernel_matrix(kernel, "spatial")
        >>> bool(np.all(rd.lowrank.kernel_from_matrix(matrix, kernel.shape, "spatial") == kernel))
        True
    """
    values = _checks.real_array("matrix", matrix)
    o, i, h, w = _sizes(shape, layout)
    channels = _checks.one_of("form", form, FORMS) == "channels"
    expected = (o, i * h * w) if channels else (o * h, i * w)
    if values.shape != expected:
        raise ValueError(f"matrix must have shape {expected} for a kernel of {shape}, got {values.shape}")
    kernel = values.reshape(o, i, h, w) if channels else values.reshape(o, h, i, w).transpose(0, 2, 1, 3)
    return _in_layout(kernel, layout)


def factored_kernels(
    left: ArrayLike, right: ArrayLike, shape: tuple[int, int, int, int], form: str, layout: str = "hwio"
) -> tuple[np.ndarray, np.ndarray]:
    """The two kernels, one after the other, that compute the convolution with the kernel of ``left @ right``.

    Args:
        left: left factor of the kernel's matrix, of r columns.
        right: right factor, of r rows.
        shape: the kernel's, in the order of ``layout``.
        form: "channels" or "spatial", that of the matrix.
        layout: order of the axes of all kernels, as in ``kernel_matrix``.

    Returns:
        The kernel of the first convolution, from the inputs to r channels, and that of the second, from these
        to the outputs. For "channels" they are height × width and 1 × 1; the first has stride and padding.
        For "spatial" they are 1 × width and height × 1, each with stride and padding of its own direction.

    Raises:
        ValueError: shapes that disagree, values that are not finite, an unknown form or layout.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> kernel = np.random.default_rng(0).normal(size=(3, 3, 2, 5))
        >>> factors = rd.lowrank.project(rd.lowrank.kernel_matrix(kernel, "spatial"), rank=2)
        >>> pair = rd.lowrank.factored_kernels(factors.left, factors.right, kernel.shape, "spatial")
        >>> [part.shape for part in pair]
        [(1, 3, 2, 2), (3, 1, 2, 5)]
    """
    a, b = _checks.real_array("left", left), _checks.real_array("right", right)
    o, i, h, w = _sizes(shape, layout)
    channels = _checks.one_of("form", form, FORMS) == "channels"
    rows, columns = (o, i * h * w) if channels else (o * h, i * w)
    if a.ndim != 2 or b.ndim != 2 or (len(a), b.shape[1]) != (rows, columns) or a.shape[1] != len(b):
        raise ValueError(
            f"left and right must have shapes ({rows}, r) and (r, {columns}), got {a.shape} and {b.shape}"
        )
    rank = len(b)
    first = b.reshape(rank, i, *((h, w) if channels else (1, w)))
    second = a[:, :, None, None] if channels else a.reshape(o, h, rank).transpose(0, 2, 1)[..., None]
    return _in_layout(first, layout), _in_layout(second, layout)


def _checked_layout(layout: str) -> str:
    if not isinstance(layout, str) or sorted(layout) != sorted("hwio"):
        raise ValueError(f"layout must be the letters h, w, i and o in an order, got {layout!r:.80}")
    return layout


def _oihw(kernel: np.ndarray, layout: str) -> np.ndarray:
    return kernel.transpose([_checked_layout(layout).index(axis) for axis in "oihw"])


def _in_layout(kernel: np.ndarray, layout: str) -> np.ndarray:
    return kernel.transpose(["oihw".index(axis) for axis in _checked_layout(layout)])


def _sizes(shape: tuple[int, int, int, int], layout: str) -> list[int]:
    """Outputs, inputs, height and width."""
    if not isinstance(shape, tuple | list) or len(shape) != 4:
        raise ValueError(f"shape must have four sizes, those of the kernel, got {shape!r:.80}")
    _checked_layout(layout)
    return [_checks.integer("a size in shape", shape[layout.index(axis)], 1) for axis in "oihw"]

"""Quantising one tensor of any floating-point dtype, with memory for little more than the tensor."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.container import FactoredTensor, PrunedTensor, QuantizedTensor, TrellisTensor
from ratedist.container.codebook import rounded_codebook, without_spares
from ratedist.container.dtypes import CODEBOOK_DTYPES, NAMES, WEIGHT_DTYPES
from ratedist.quantizers import kmeans
from ratedist.quantizers.scalar.cells import number_below
from ratedist.tensors.bulk import Bulk
from ratedist.tensors.config import QuantizationConfig, described
from ratedist.tensors.histogram import centers_of_many

Tensor = TypeVar("Tensor", QuantizedTensor, FactoredTensor, PrunedTensor, TrellisTensor)
# Weights above which centres are fitted to cells of them.
LARGE = 1 << 20
# Weights converted to double precision at once.
CHUNK = 1 << 20


def quantize_tensor(
    tensor: np.ndarray,
    config: QuantizationConfig,
    *,
    num_clusters: int | None = None,
    importance: ArrayLike | None = None,
) -> QuantizedTensor:
    """Quantise one tensor by ``ratedist.kmeans``.

    Scalars of half precision, and more than a million scalars of any precision, are first counted in cells
    (``centers_of_many``), which follow the weights. The centres then minimise the objective
    for whole cells: the objective itself for half precision, otherwise within about a ten-thousandth. Labels
    are nearest centres either way.

    Args:
        tensor: float16, bfloat16, float32 or float64, of any shape that is not empty.
        config: the options, ``rd.QuantizationConfig(...)``. Those that choose among tensors, ``coder`` and a
            budget do not matter for one tensor.
        num_clusters: K, in place of the one in ``config``.
        importance: h, of the shape of ``tensor``, non-negative, not all zero.

    Returns:
        ``QuantizedTensor`` with distortion, energy and the error of the bulk. K is smaller where fewer
            centres are in use or differ in the codebook. It is one for a constant tensor.

    Raises:
        ValueError: options that are no record, another dtype, no weights, masked entries, as
            ``ratedist.kmeans``, centres too large or too small for the codebook's dtype, init "random" where
            there are more than a million weights.

    Example:
        >>> import numpy as np
        >>> import ratedist as rd
        >>> weights = np.array([[-1.1, -0.9], [1.0, 1.2]], np.float32)
        >>> found = rd.tensors.quantize_tensor(weights, rd.QuantizationConfig(num_clusters=2))
        >>> found.codebook, found.labels
        (array([-1. ,  1.1], dtype=float32), array([0, 0, 1, 1], dtype=uint8))
    """
    array, h = checked_tensor(tensor, config, importance)
    flat = array.reshape(-1)
    K = config.clusters if num_clusters is None else num_clusters
    return measured(quantize_weights(flat, h, config, K, array.shape), flat, h)


def checked_tensor(
    tensor: np.ndarray, config: QuantizationConfig, importance: ArrayLike | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """The tensor, and its importances of shape ``(d,)``; raises as ``quantize_tensor`` before it computes."""
    if not isinstance(config, QuantizationConfig):
        raise ValueError(f"config must be an rd.QuantizationConfig, got {described(config)}")
    _checks.unmasked("a tensor to quantise", tensor)
    _checks.unmasked("importance", importance)
    array = np.asarray(tensor)
    if NAMES.get(array.dtype) not in WEIGHT_DTYPES:
        raise ValueError(f"a tensor to quantise must be floating-point of 16 to 64 bits, got {array.dtype}")
    if array.size == 0:
        raise ValueError(f"a tensor to quantise must hold weights, its shape is {array.shape}")
    h = None
    if importance is not None:
        h = np.asarray(importance)
        if h.shape != array.shape:
            raise ValueError(f"importance must have the shape {array.shape} of the tensor, got {h.shape}")
        h = h.reshape(-1)
    check_start(config, array.dtype, array.size)
    return array, h


def quantize_weights(
    flat: np.ndarray,
    h: np.ndarray | None,
    config: QuantizationConfig,
    num_clusters: int,
    shape: tuple[int, ...],
) -> QuantizedTensor:
    """``quantize_tensor`` of checked weights and importances of shape ``(d,)``, its errors not measured."""
    method = config.kmeans_method
    dtype_of_codebook = config.codebook_dtype or default_codebook(flat.dtype)
    beta = config.diameter_penalty
    if config.relative_penalty:
        beta *= flat.size if h is None else float(np.sum(h, dtype=np.float64))
    if config.block_length == 1 and (flat.itemsize == 2 or flat.size > LARGE):
        centers = centers_of_many(flat, h, num_clusters, beta, method, config.key)
        labels = _nearest(flat, centers)
    else:
        found = kmeans(
            flat.astype(np.float64),
            num_clusters,
            None if h is None else h.astype(np.float64),
            method=method,
            diameter_penalty=beta,
            block_length=config.block_length,
            key=config.key,
        )
        centers, labels = found.centers, found.labels
    labels, codebook = without_spares(labels, rounded_codebook(centers, dtype_of_codebook, flat.dtype))
    return QuantizedTensor(labels, codebook, shape, flat.dtype)


def measured(
    tensor: Tensor,
    flat: np.ndarray,
    h: np.ndarray | None,
    reconstruction: np.ndarray | None = None,
    bulk: Bulk | None = None,
) -> Tensor:
    """A compressed tensor with its errors against the weights before, and their energy.

    Args:
        tensor: without errors.
        flat: the weights before, shape ``(d,)``.
        h: their importances, or ``None``.
        reconstruction: ŵ of any shape, if it is known; else it is made in pieces, twice.
        bulk: of the weights before, if it is known.
    """

    def pieces() -> Iterable[np.ndarray]:
        return tensor.pieces() if reconstruction is None else [reconstruction.reshape(-1)]

    distortion, energy = _distortion_and_energy(flat, h, pieces())
    bulk = Bulk.of(flat, h) if bulk is None else bulk
    return dataclasses.replace(
        tensor,
        distortion=distortion,
        energy=energy,
        weighted=h is not None,
        bulk_error=bulk.error(flat, h, pieces()),
    )


def check_start(config: QuantizationConfig, dtype: np.dtype, size: int) -> None:
    """Raise ``ValueError`` for a start at weights drawn at random where weights are counted in cells.

    Cells of half precision are the distinct weights, which such a start draws from; others are narrower the
    nearer they are to zero.
    """
    if config.block_length > 1 or size <= LARGE or np.dtype(dtype).itemsize == 2:
        return
    if getattr(config.kmeans_method, "init", None) == "random":
        raise ValueError(
            f'init "random" is for tensors of at most {LARGE:,} weights, or of half precision: others are '
            f'counted in cells, which are not equally likely; got {size:,} of {dtype}: take "kmeans++"'
        )


def named(name: str, function: Any, *arguments: Any, **options: Any) -> Any:
    """Call a function, with the name of the tensor in front of its complaint."""
    try:
        return function(*arguments, **options)
    except ValueError as error:
        raise ValueError(f"tensor {name!r}: {error}") from None


def default_codebook(dtype: np.dtype) -> str:
    """The type of the centres of a tensor of a dtype, if none is asked for."""
    own = {value: key for key, value in CODEBOOK_DTYPES.items()}
    return own.get(dtype, "float32")


def _nearest(flat: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Label of the nearest of ascending centres for every weight."""
    cuts = (centers[1:] + centers[:-1]) / 2
    labels = np.empty(flat.size, np.min_scalar_type(centers.size - 1))
    for rows in _chunks(flat.size):
        labels[rows] = number_below(cuts, flat[rows].astype(np.float64))
    return labels


def _distortion_and_energy(
    flat: np.ndarray, h: np.ndarray | None, pieces: Iterable[np.ndarray]
) -> tuple[float, float]:
    """``Σ_j h_j (w_j − ŵ_j)² / d`` and ``Σ_j h_j w_j² / d``."""
    sums, position = np.zeros(2), 0
    for piece in pieces:
        rows = slice(position, position + piece.size)
        w = flat[rows].astype(np.float64)
        squares = np.stack([(w - piece.astype(np.float64)) ** 2, w**2])
        sums += np.sum(squares if h is None else squares * h[rows].astype(np.float64), axis=1)
        position += piece.size
    distortion, energy = sums / flat.size
    return float(distortion), float(energy)


def _chunks(size: int) -> Iterator[slice]:
    return (slice(start, start + CHUNK) for start in range(0, size, CHUNK))

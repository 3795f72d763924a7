"""Quantising one tensor of any floating-point dtype, with memory for little more than the tensor."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.allocation import allocate
from ratedist.codes.ans import require_constriction
from ratedist.container import QuantizedTensor
from ratedist.container.dtypes import CODEBOOK_DTYPES, NAMES, WEIGHT_DTYPES
from ratedist.container.rdz_format import CODERS
from ratedist.quantizers import kmeans

# Weights above which centres are fitted to a histogram.
LARGE = 1 << 20
# Weights converted to double precision at once.
CHUNK = 1 << 20
# Leading bits of a float32 that number the bins: sign, exponent, and one bit more than float16's mantissa.
BIN_BITS = 20
# Codebook sizes that a budget is spent on: powers of √2.
BUDGET_CLUSTERS = (1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128, 181, 256)


@dataclasses.dataclass(frozen=True)
class QuantizationConfig:
    """How the tensors of a model are quantised, and which.

    Attributes:
        num_clusters: K.
        bits_per_weight: in place of K, mean bits of label and codebook that a weight of a quantised tensor
            takes at most; each tensor gets its own K.
        diameter_penalty: β.
        block_length: m.
        codebook_dtype: "float32", "float16" or "bfloat16"; ``None``: as the tensor, float32 for float64.
        coder: "huffman" or "ans".
        include: patterns with ``*`` and ``?``; a tensor is quantised if its name is like one of them
        exclude: and like none of these.
        min_size: tensors with fewer weights, or fewer blocks than K, stay as they are.
        seed: of the random start where m > 1.
        relative_penalty: whether β is in units of a tensor's total importance, Σh. Then it means the same
            whatever the scale of the importances and the number of weights.
    """

    num_clusters: int = 16
    bits_per_weight: float | None = None
    diameter_penalty: float = 0.0
    block_length: int = 1
    codebook_dtype: str | None = None
    coder: str = "huffman"
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    min_size: int = 1024
    seed: int = 0
    relative_penalty: bool = False

    def check(self) -> None:
        """Raise ``ValueError`` for values that make no sense, before anything is read."""
        for name in ("num_clusters", "block_length", "min_size"):
            _checks.integer(name, getattr(self, name), 1)
        _checks.integer("seed", self.seed, 0)
        _checks.in_range("diameter_penalty", self.diameter_penalty, high=np.finfo(np.float64).max)
        if self.bits_per_weight is not None:
            _checks.positive_number("bits_per_weight", self.bits_per_weight)
        if self.codebook_dtype is not None:
            _checks.one_of("codebook_dtype", self.codebook_dtype, tuple(CODEBOOK_DTYPES))
        if _checks.one_of("coder", self.coder, CODERS) == "ans":
            require_constriction()

    def selects(self, name: str, dtype: np.dtype, size: int) -> bool:
        """Whether a tensor of this name, dtype and number of weights is to be quantised."""
        least = self.block_length * (1 if self.bits_per_weight is not None else self.num_clusters)
        return (
            NAMES.get(dtype) in WEIGHT_DTYPES
            and size >= max(self.min_size, least)
            and any(fnmatch.fnmatchcase(name, pattern) for pattern in self.include)
            and not any(fnmatch.fnmatchcase(name, pattern) for pattern in self.exclude)
        )


def quantize_tensor(
    tensor: np.ndarray,
    config: QuantizationConfig,
    num_clusters: int | None = None,
    importance: ArrayLike | None = None,
) -> QuantizedTensor:
    """Quantise one tensor by ``ratedist.kmeans``.

    Scalars of half precision, and scalars of any precision where there are more than a million, are
    first counted in bins: floats with the same sign, exponent and 11 leading bits of mantissa. The centres
    then minimise the objective for whole bins, which is the objective itself for half precision; otherwise
    it moves each weight by less than 2^−11 of its size. Labels are nearest centres either way.

    Args:
        tensor: float16, bfloat16, float32 or float64, of any shape that is not empty.
        config: of which K, β, m, ``codebook_dtype`` and ``seed`` matter here.
        num_clusters: K, in place of the one in ``config``.
        importance: h, of the shape of ``tensor``, non-negative, not all zero.

    Returns:
        ``QuantizedTensor`` with its distortion; K is smaller where there are fewer bins.

    Raises:
        ValueError: another dtype, no weights, as ``ratedist.kmeans``, a codebook beyond its dtype.
    """
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
    flat = array.reshape(-1)
    K = config.num_clusters if num_clusters is None else num_clusters
    dtype_of_codebook = config.codebook_dtype or _default_codebook(array.dtype)
    beta = config.diameter_penalty
    if config.relative_penalty:
        beta *= flat.size if h is None else float(np.sum(h, dtype=np.float64))
    if config.block_length == 1 and (array.itemsize == 2 or array.size > LARGE):
        centers, labels = _fitted_to_bins(flat, h, K, beta)
    else:
        found = kmeans(
            flat.astype(np.float64),
            K,
            None if h is None else h.astype(np.float64),
            beta,
            block_length=config.block_length,
            key=config.seed,
        )
        centers, labels = found.centers, found.labels
    with np.errstate(over="ignore"):
        codebook = centers.astype(CODEBOOK_DTYPES[dtype_of_codebook])
    quantized = QuantizedTensor(labels, codebook, array.shape, array.dtype)
    return dataclasses.replace(quantized, distortion=_distortion(flat, h, quantized))


def clusters_within_budget(
    names: Iterable[str],
    load: Callable[[str], tuple[np.ndarray, np.ndarray | None]],
    config: QuantizationConfig,
    done: Callable[[], Any] = lambda: None,
) -> dict[str, int]:
    """K of each tensor such that together they keep to ``config.bits_per_weight``.

    Args:
        names: of the tensors.
        load: ``load(name)`` gives a tensor and its importance, or ``None``.
        config: the budget, and how tensors are quantised.
        done: called after each tensor.

    Raises:
        ValueError: a budget below what one cluster a tensor takes.
    """
    names, points, num_weights = list(names), {}, 0
    for name in names:
        tensor, h = load(name)
        num_weights += tensor.size
        most = -(-tensor.size // config.block_length)
        points[name] = []
        for K in (K for K in BUDGET_CLUSTERS if most >= K):
            quantized = named(name, quantize_tensor, tensor, config, K, h)
            labels = quantized.sizes.huffman if config.coder == "huffman" else quantized.sizes.entropy
            points[name].append((K, labels + quantized.sizes.codebook, quantized.distortion * tensor.size))
        done()
    curves = [([bits for _, bits, _ in points[n]], [loss for _, _, loss in points[n]]) for n in names]
    budget = (config.bits_per_weight or 0.0) * num_weights
    least = sum(min(bits) for bits, _ in curves)
    if budget < least:
        raise ValueError(
            f"bits_per_weight must be at least {least / num_weights:.3g} for these tensors, "
            f"got {config.bits_per_weight:g}"
        )
    choices = allocate(curves, budget).choices
    return {name: points[name][choice][0] for name, choice in zip(names, choices, strict=True)}


def named(name: str, function: Any, *arguments: Any) -> Any:
    """Call a function, with the name of the tensor in front of its complaint."""
    try:
        return function(*arguments)
    except ValueError as error:
        raise ValueError(f"tensor {name!r}: {error}") from None


def _default_codebook(dtype: np.dtype) -> str:
    own = {value: key for key, value in CODEBOOK_DTYPES.items()}
    return own.get(dtype, "float32")


def _fitted_to_bins(
    flat: np.ndarray, h: np.ndarray | None, num_clusters: int, diameter_penalty: float
) -> tuple[np.ndarray, np.ndarray]:
    """Centres fitted to a histogram, and the nearest of them for every weight."""
    K = _checks.integer("num_clusters", num_clusters, 1)
    if flat.size < K:
        raise ValueError(f"num_clusters must be at most the number of weights, {flat.size}, got {K}")
    mass, first = np.zeros(1 << BIN_BITS), np.zeros(1 << BIN_BITS)
    for rows in _chunks(flat.size):
        w = _checks.real_array("weights", flat[rows])
        with np.errstate(over="ignore"):
            bins = w.astype(np.float32).view(np.uint32) >> np.uint32(32 - BIN_BITS)
        weight = (
            None if h is None else _checks.in_range("importance", _checks.real_array("importance", h[rows]))
        )
        mass += np.bincount(bins, weight, minlength=mass.size)
        first += np.bincount(bins, w if weight is None else weight * w, minlength=mass.size)
    filled = mass > 0
    if not filled.any():
        raise ValueError("importance must be positive for at least one weight, got all zero")
    mass, means = mass[filled], first[filled] / mass[filled]
    centers = kmeans(means, min(K, means.size), mass, diameter_penalty).centers
    cuts = (centers[1:] + centers[:-1]) / 2
    labels = np.empty(flat.size, np.min_scalar_type(centers.size - 1))
    for rows in _chunks(flat.size):
        labels[rows] = np.searchsorted(cuts, flat[rows].astype(np.float64))
    return centers, labels


def _distortion(flat: np.ndarray, h: np.ndarray | None, quantized: QuantizedTensor) -> float:
    """``Σ_j h_j (w_j − ŵ_j)² / d``."""
    total, position = 0.0, 0
    for piece in quantized.pieces():
        rows = slice(position, position + piece.size)
        errors = (flat[rows].astype(np.float64) - piece.astype(np.float64)) ** 2
        total += float(np.sum(errors if h is None else errors * h[rows].astype(np.float64)))
        position += piece.size
    return total / flat.size


def _chunks(size: int) -> Iterator[slice]:
    return (slice(start, start + CHUNK) for start in range(0, size, CHUNK))

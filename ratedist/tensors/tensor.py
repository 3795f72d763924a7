"""Quantising one tensor of any floating-point dtype, with memory for little more than the tensor."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.codes.ans import require_constriction
from ratedist.container import QuantizedTensor
from ratedist.container.codebook import rounded_codebook, without_spares
from ratedist.container.dtypes import CODEBOOK_DTYPES, NAMES, WEIGHT_DTYPES
from ratedist.container.rdz_format import CODERS
from ratedist.quantizers import kmeans
from ratedist.quantizers.clustering import METHODS
from ratedist.quantizers.scalar.cells import number_below
from ratedist.tensors.histogram import centers_of_many

# Weights above which centres are fitted to cells of them.
LARGE = 1 << 20
# Weights converted to double precision at once.
CHUNK = 1 << 20
# K where neither it nor a budget is given.
CLUSTERS = 16
# Fewest and most clusters of a tensor that a budget is spent on.
LEAST_CLUSTERS, MOST_CLUSTERS = 2, 256


@dataclasses.dataclass(frozen=True)
class QuantizationConfig:
    """How the tensors of a model are quantised, and which.

    ``None`` means not given: an option that nothing depends on is refused.

    Attributes:
        num_clusters: K, 16 if neither it nor a budget is given.
        bits_per_weight: in place of K, a budget: the file takes at most so many bits for each weight of a
            quantised tensor, codebooks, counts and header included, beside the data of the tensors that stay
            as they are. Each tensor gets its own K, at most 256 and at most its number of blocks.
        diameter_penalty: β.
        block_length: m.
        codebook_dtype: "float32", "float16" or "bfloat16"; ``None``: as the tensor, float32 for float64.
        coder: "huffman" or "ans".
        include: names, or patterns with ``*`` and ``?``; a tensor is quantised if its name is like one of
            them
        exclude: and like none of these.
        min_size: tensors with fewer weights, or fewer blocks than K, stay as they are.
        seed: of the random start where m > 1, 0 if not given.
        relative_penalty: whether β is in units of a tensor's total importance, Σh. Then it means the same
            whatever the scale of the importances and the number of weights.
        method: how ``ratedist.kmeans`` looks for the centres: "lloyd" (if not given), "optimal" or
            "algorithm1".
        min_clusters: fewest clusters that a budget may give a tensor, 2 if not given. One makes a constant.
    """

    num_clusters: int | None = None
    bits_per_weight: float | None = None
    diameter_penalty: float = 0.0
    block_length: int = 1
    codebook_dtype: str | None = None
    coder: str = "huffman"
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    min_size: int = 1024
    seed: int | None = None
    relative_penalty: bool = False
    method: str | None = None
    min_clusters: int | None = None

    @property
    def clusters(self) -> int:
        """K of every tensor, where there is no budget."""
        return CLUSTERS if self.num_clusters is None else self.num_clusters

    def check(self) -> None:
        """Raise ``ValueError`` for values that make no sense, before anything is read."""
        for name in ("block_length", "min_size"):
            _checks.integer(name, getattr(self, name), 1)
        for name in ("include", "exclude"):
            patterns = getattr(self, name)
            several = isinstance(patterns, Collection) and not isinstance(patterns, str)
            if not several or not all(isinstance(one, str) for one in patterns):
                raise ValueError(f"{name} must be a tuple of patterns, got {patterns!r:.80}")
        if self.num_clusters is not None:
            _checks.integer("num_clusters", self.num_clusters, 1)
        _checks.in_range("diameter_penalty", self.diameter_penalty, high=np.finfo(np.float64).max)
        if self.codebook_dtype is not None:
            _checks.one_of("codebook_dtype", self.codebook_dtype, tuple(CODEBOOK_DTYPES))
        if self.method is not None:
            _checks.one_of("method", self.method, METHODS)
        self._check_budget()
        self._check_dependence()
        if _checks.one_of("coder", self.coder, CODERS) == "ans":
            require_constriction()

    def _check_budget(self) -> None:
        if self.bits_per_weight is not None:
            _checks.positive_number("bits_per_weight", self.bits_per_weight)
            if self.num_clusters is not None:
                raise ValueError(
                    "num_clusters must not be given beside bits_per_weight, which chooses K for each tensor; "
                    f"got {self.num_clusters} and {self.bits_per_weight:g}"
                )
        if self.min_clusters is not None:
            if _checks.integer("min_clusters", self.min_clusters, 1) > MOST_CLUSTERS:
                raise ValueError(f"min_clusters must be at most {MOST_CLUSTERS}, got {self.min_clusters}")
            if self.bits_per_weight is None:
                raise ValueError("min_clusters needs bits_per_weight: without a budget K is num_clusters")

    def _check_dependence(self) -> None:
        """Refuse what would be ignored."""
        if self.relative_penalty and self.diameter_penalty == 0:
            raise ValueError("relative_penalty is a unit of diameter_penalty, and needs one above zero")
        if self.block_length == 1 and self.seed is not None:
            raise ValueError("seed is for block_length above 1: with one weight a block nothing is random")
        if self.seed is not None:
            _checks.seed(self.seed)
        if self.block_length > 1 and self.method == "optimal":
            raise ValueError('method "optimal" is for block_length 1: no efficient algorithm is known beyond')

    def check_patterns(self, names: Collection[str]) -> None:
        """Raise ``ValueError`` for a pattern that is like none of the names: it would be ignored."""
        for option, patterns in (("include", self.include), ("exclude", self.exclude)):
            for pattern in patterns:
                if pattern != "*" and not any(_is_like(name, pattern) for name in names):
                    raise ValueError(f"{option}: no tensor has a name like {pattern!r}")

    def selects(self, name: str, dtype: np.dtype, size: int) -> bool:
        """Whether a tensor of this name, dtype and number of weights is to be quantised."""
        return self.reason_to_leave(name, dtype, size) is None

    def reason_to_leave(self, name: str, dtype: np.dtype | str, size: int) -> str | None:
        """Why a tensor is to stay as it is, in words; ``None`` if it is to be quantised."""
        if isinstance(dtype, str) or NAMES.get(dtype) not in WEIGHT_DTYPES:
            return f"{dtype}, not floating-point of 16 to 64 bits"
        for pattern in self.exclude:
            if _is_like(name, pattern):
                return f"excluded by {pattern!r}"
        if not any(_is_like(name, pattern) for pattern in self.include):
            return "not included"
        if size < self.min_size:
            return f"fewer than {self.min_size} weights (min_size)"
        K = 1 if self.bits_per_weight is not None else self.clusters
        if size < self.block_length * K:
            return f"fewer than {K} blocks of {self.block_length}, one for each cluster"
        return None


def quantize_tensor(
    tensor: np.ndarray,
    config: QuantizationConfig,
    num_clusters: int | None = None,
    importance: ArrayLike | None = None,
) -> QuantizedTensor:
    """Quantise one tensor by ``ratedist.kmeans``.

    Scalars of half precision, and scalars of any precision where there are more than a million, are first
    counted in cells (``centers_of_many``), which follow the weights. The centres then minimise the objective
    for whole cells: the objective itself for half precision, otherwise within about a ten-thousandth. Labels
    are nearest centres either way.

    Args:
        tensor: float16, bfloat16, float32 or float64, of any shape that is not empty.
        config: of which K, β, m, ``codebook_dtype``, ``seed`` and ``method`` matter here.
        num_clusters: K, in place of the one in ``config``.
        importance: h, of the shape of ``tensor``, non-negative, not all zero.

    Returns:
        ``QuantizedTensor`` with distortion and energy; K is smaller where fewer centres are in use or
            differ in the codebook: one for a constant tensor.

    Raises:
        ValueError: another dtype, no weights, masked entries, as ``ratedist.kmeans``, centres too large or
            too small for the codebook's dtype.
    """
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
    flat = array.reshape(-1)
    K = config.clusters if num_clusters is None else num_clusters
    method = config.method or "lloyd"
    dtype_of_codebook = config.codebook_dtype or _default_codebook(array.dtype)
    beta = config.diameter_penalty
    if config.relative_penalty:
        beta *= flat.size if h is None else float(np.sum(h, dtype=np.float64))
    if config.block_length == 1 and (array.itemsize == 2 or array.size > LARGE):
        centers = centers_of_many(flat, h, K, beta, method)
        labels = _nearest(flat, centers)
    else:
        found = kmeans(
            flat.astype(np.float64),
            K,
            None if h is None else h.astype(np.float64),
            beta,
            method,
            block_length=config.block_length,
            key=(config.seed or 0) if config.block_length > 1 else None,
        )
        centers, labels = found.centers, found.labels
    labels, codebook = without_spares(labels, rounded_codebook(centers, dtype_of_codebook, array.dtype))
    quantized = QuantizedTensor(labels, codebook, array.shape, array.dtype)
    distortion, energy = _distortion_and_energy(flat, h, quantized)
    return dataclasses.replace(quantized, distortion=distortion, energy=energy, weighted=h is not None)


def named(name: str, function: Any, *arguments: Any) -> Any:
    """Call a function, with the name of the tensor in front of its complaint."""
    try:
        return function(*arguments)
    except ValueError as error:
        raise ValueError(f"tensor {name!r}: {error}") from None


def _is_like(name: str, pattern: str) -> bool:
    """Whether a name is like a pattern, or is it: names can have ``*``, ``?`` and ``[`` in them."""
    return name == pattern or fnmatch.fnmatchcase(name, pattern)


def _default_codebook(dtype: np.dtype) -> str:
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
    flat: np.ndarray, h: np.ndarray | None, quantized: QuantizedTensor
) -> tuple[float, float]:
    """``Σ_j h_j (w_j − ŵ_j)² / d`` and ``Σ_j h_j w_j² / d``."""
    sums, position = np.zeros(2), 0
    for piece in quantized.pieces():
        rows = slice(position, position + piece.size)
        w = flat[rows].astype(np.float64)
        squares = np.stack([(w - piece.astype(np.float64)) ** 2, w**2])
        sums += np.sum(squares if h is None else squares * h[rows].astype(np.float64), axis=1)
        position += piece.size
    distortion, energy = sums / flat.size
    return float(distortion), float(energy)


def _chunks(size: int) -> Iterator[slice]:
    return (slice(start, start + CHUNK) for start in range(0, size, CHUNK))

"""Blocks of weights laid out in pieces, coordinate by coordinate, as the compiled programmes take them."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np

from ratedist.quantizers.blocks.small import FEW_BLOCKS

# Blocks treated at once, few enough for the cache; the rest that is left over is filled up to a number of
# three leading bits, so that few programmes have to be compiled.
SLAB, LEADING_BITS = 1 << 17, 3


@dataclasses.dataclass(frozen=True, eq=False)
class Piece:
    """Up to ``SLAB`` blocks of m weights, filled up with zeros at the end.

    Attributes:
        values: w, shape ``(m, n)``.
        importance: h >= 0 by which clusters sum, shape ``(m, n)``; ``None`` for 1.
        metric: a >= 0 of the distance ``Σ_i a_i (w_i − c_i)²``, shape ``(m, n)``; ``None`` for 1.
        size: how many of the n are blocks.

    Few blocks are arrays of NumPy, and others on the CPU where JAX has them.
    """

    values: jax.Array | np.ndarray
    importance: jax.Array | np.ndarray | None
    metric: jax.Array | np.ndarray | None
    size: int

    @property
    def blocks(self) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        """Values, importance and metric of the blocks alone, in NumPy."""
        h, a = (None if one is None else self._own(one) for one in (self.importance, self.metric))
        return self._own(self.values), h, a

    def _own(self, array: jax.Array | np.ndarray) -> np.ndarray:
        return np.asarray(array)[:, : self.size]

    @property
    def compiled(self) -> tuple[jax.Array, jax.Array | None, jax.Array | None]:
        """Values, importance and metric as compiled programmes take them."""
        h = None if self.importance is None else on_cpu(self.importance)
        same = self.metric is self.importance
        a = None if self.metric is None else h if same else on_cpu(self.metric)
        return on_cpu(self.values), h, a


def pieces_of(
    values: np.ndarray, metric: np.ndarray | None = None, importance: np.ndarray | None = None
) -> list[Piece]:
    """Pieces of N blocks with ``values`` of shape ``(m, N)``, and the like for what may be ``None``."""
    pieces = []
    for start in range(0, values.shape[1], SLAB):
        rows = slice(start, start + SLAB)
        h, a = (None if array is None else array[:, rows] for array in (importance, metric))
        pieces.append(_piece(values[:, rows], h, h if metric is importance else a))
    return pieces


def laid_out(
    weights: np.ndarray, importance: np.ndarray | None, block_length: int, hessian_metric: bool
) -> tuple[list[Piece], np.ndarray]:
    """Pieces of the blocks of ``weights`` (d,) minus a mean block, and that block, shape ``(m,)``.

    Nothing is as large as the weights but the pieces themselves. If m does not divide d, the last block is
    filled up with coordinates that count nowhere.

    Args:
        weights: shape ``(d,)``.
        importance: h, shape ``(d,)``, or ``None`` for 1.
        block_length: m.
        hessian_metric: whether distances are weighted by h as well; a block that costs nothing anywhere goes
            to the centre nearest in the ordinary sense.
    """
    m, num_whole = block_length, weights.size // block_length
    whole = weights[: num_whole * m].reshape(num_whole, m)
    shift = whole.mean(axis=0) if num_whole else np.full(m, weights.mean())
    pieces = []
    for start in range(0, weights.size, SLAB * m):
        part = weights[start : start + SLAB * m]
        padding = -part.size % m
        values = np.pad(part, (0, padding), mode="edge").reshape(-1, m).T - shift[:, None]
        h = None
        if importance is not None or padding:
            own = np.ones(part.size) if importance is None else importance[start : start + part.size]
            h = np.pad(own, (0, padding)).reshape(-1, m).T
        pieces.append(_piece(values, h, _metric(h, padding, hessian_metric)))
    return pieces, shift


def _metric(h: np.ndarray | None, padding: int, hessian_metric: bool) -> np.ndarray | None:
    if h is None or not (hessian_metric or padding):
        return None
    weighted = np.any(h > 0, axis=0) & hessian_metric
    if weighted.all():
        return h
    counted = np.ones_like(h)
    if padding:
        counted[-padding:, -1] = 0.0
    return np.where(weighted, h, counted)


def _piece(values: np.ndarray, importance: np.ndarray | None, metric: np.ndarray | None) -> Piece:
    size = values.shape[1]
    w, h = _filled(values), None if importance is None else _filled(importance)
    a = h if metric is importance else None if metric is None else _filled(metric)
    piece = Piece(w, h, a, size)
    return piece if size <= FEW_BLOCKS else Piece(*piece.compiled, size)


def _filled(array: np.ndarray) -> np.ndarray:
    """``array`` (m, n) filled up with zeros, in its precision."""
    filled = np.zeros((len(array), padded_size(array.shape[1])), array.dtype)
    filled[:, : array.shape[1]] = array
    return filled


def on_cpu(array: jax.Array | np.ndarray) -> jax.Array:
    """``array`` where JAX computes on the CPU, if it may."""
    if isinstance(array, jax.Array):
        return array
    try:
        device = jax.local_devices(backend="cpu")[0]
    except RuntimeError:
        device = jax.local_devices()[0]
    with jax.enable_x64(True):  # in this thread, for these lines
        return jax.device_put(array, device)


def padded_size(size: int) -> int:
    """The next number of which only the three leading bits differ from 0: at most a quarter more."""
    unit = 1 << max(size.bit_length() - LEADING_BITS, 0)
    return -(-size // unit) * unit

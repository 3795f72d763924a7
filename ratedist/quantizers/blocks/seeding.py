"""k-means++ for blocks of weights."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ratedist.kept_programs import few_kept
from ratedist.quantizers.blocks.layout import Piece
from ratedist.quantizers.blocks.small import costs_of_few


class BlockSeeding:
    """N blocks to draw initial centres from among them."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        """Take the blocks; their metric does not matter here."""
        self._pieces = pieces
        self._ends = np.cumsum([piece.size for piece in pieces])

    def block(self, index: int) -> np.ndarray:
        """One block, shape ``(m,)``."""
        number = int(np.searchsorted(self._ends, index, side="right"))
        piece = self._pieces[number]
        return np.asarray(piece.values[:, index - (self._ends[number] - piece.size)])

    def uniform(self, num_clusters: int, rng: np.random.Generator) -> np.ndarray:
        """Different blocks, equally likely, shape ``(K, m)``."""
        return np.stack(
            [self.block(index) for index in rng.choice(self._ends[-1], num_clusters, replace=False)]
        )

    def plus_plus(self, num_clusters: int, rng: np.random.Generator) -> np.ndarray:
        """Blocks drawn one by one with probability proportional to their cost under those drawn before.

        Returns:
            centres of shape ``(K, m)``; the first is drawn by importance.
        """
        pieces = self._pieces
        centers = np.empty((num_clusters, len(pieces[0].values)))
        weights = [_importance(piece) for piece in pieces]
        for k in range(num_clusters):
            cumulative = np.cumsum([weight.sum() for weight in weights])
            level = rng.random() * cumulative[-1]
            # Where every block is a centre already (duplicates) any block will do.
            number = min(int(np.searchsorted(cumulative, level, side="right")), len(pieces) - 1)
            level -= cumulative[number] - weights[number].sum()
            drawn = int(np.searchsorted(np.cumsum(weights[number]), level, side="right"))
            centers[k] = pieces[number].values[:, min(drawn, pieces[number].size - 1)]
            for i, piece in enumerate(pieces):
                least = weights[i] if k else np.full(piece.size, np.inf)
                weights[i] = _least_cost(piece, least, centers[k])
        return centers


def _importance(piece: Piece) -> np.ndarray:
    if piece.importance is None:
        return np.broadcast_to(1.0, piece.size)
    return np.asarray(piece.importance)[:, : piece.size].sum(axis=0)


def _least_cost(piece: Piece, least: np.ndarray, center: np.ndarray) -> np.ndarray:
    """Cost of each block under the centres so far, shape ``(size,)``, after one more."""
    if isinstance(piece.values, np.ndarray):
        values, importance, _ = piece.blocks
        return np.minimum(costs_of_few(values, importance, center), least)
    with jax.enable_x64(True):  # in this thread, for these lines
        costs = np.asarray(_cost(*piece.compiled[:2], center))
    return np.minimum(costs[: piece.size], least)


@few_kept
@jax.jit
def _cost(values: jax.Array, importance: jax.Array | None, center: jax.Array) -> jax.Array:
    h = 1.0 if importance is None else importance
    return jnp.ones(len(values)) @ (h * (values - center[:, None]) ** 2)

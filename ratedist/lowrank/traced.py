"""Weighted projections on low rank inside a mapped trial: a singular value decomposition in traced code.

One-sided Jacobi on the shorter side, the disjoint pairs of a round at once. Everything is products and sums,
so that it maps over trials; the routines of LAPACK behind ``jax.numpy.linalg`` can hang there on CPU.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

MAX_SWEEPS = 100  # 64 × 64 graded over 40 decades needs 40


class SVD(NamedTuple):
    """Singular value decomposition ``M = left · diag(singular_values) · rightᵀ``, k = min(o, d).

    Attributes:
        left: shape ``(o, k)``, orthonormal columns; zero where a singular value is, if o > d.
        singular_values: shape ``(k,)``, descending.
        right: shape ``(d, k)``, orthonormal columns; zero where a singular value is, if d ≥ o.
        converged: whether all columns were orthogonal to rounding within :data:`MAX_SWEEPS` sweeps.
    """

    left: jax.Array
    singular_values: jax.Array
    right: jax.Array
    converged: jax.Array


class Decomposition(NamedTuple):
    """Projections of one W on every rank: the first r columns of ``left`` and rows of ``right``.

    Attributes:
        weights: W, shape ``(o, d)``.
        left: shape ``(o, k)``, k = min(o, d).
        right: shape ``(k, d)``.
        singular_values: of the weighted matrix, descending, shape ``(k,)``.
        converged: as in :class:`SVD`.
    """

    weights: jax.Array
    left: jax.Array
    right: jax.Array
    singular_values: jax.Array
    converged: jax.Array

    def matrix(self, rank: int | jax.Array) -> jax.Array:
        """Ŵ of rank r, which may be traced, shape ``(o, d)``; W itself from k on."""
        projected = jnp.where(self._kept(rank)[None, :], self.left, 0) @ self.right
        return jnp.where(rank >= len(self.right), self.weights, projected)

    def distortion(self, rank: int | jax.Array) -> jax.Array:
        """``tr L(W − Ŵ)R(W − Ŵ)ᵀ`` at rank r, which may be traced."""
        return jnp.sum(jnp.where(self._kept(rank), 0, self.singular_values**2))

    def _kept(self, rank: int | jax.Array) -> jax.Array:
        return jnp.arange(len(self.right)) < rank


def decompose(
    weights: jax.Array, left_factor: jax.Array | None = None, right_factor: jax.Array | None = None
) -> Decomposition:
    """As :func:`ratedist.lowrank.project`, for every rank at once, in JAX and in the dtype of the weights.

    With ``L = PPᵀ``, ``R = QQᵀ`` and ``PᵀWQ = UΣVᵀ``, Ŵ of rank r is ``(WQV_r)Σ_r⁻¹(U_rᵀPᵀW)``. Where no
    directions of the weighted matrix are left, beyond its numerical rank, factors are zero.

    Args:
        weights: W, shape ``(o, d)``.
        left_factor: P of the metric of outputs, ``None`` for the identity, shape ``(o,)`` (square roots of a
            diagonal) or ``(o, o)``, such as the lower Cholesky factor. Its scale may be any; zeros may be.
        right_factor: Q of the metric of inputs, in the same forms with d.

    Raises:
        ValueError: shapes that disagree.

    Cost: some ten sweeps of k²/2 rotations of vectors of o + d numbers.
    """
    if weights.ndim != 2 or weights.size == 0:
        raise ValueError(f"weights must have shape (o, d) with o, d >= 1, got shape {weights.shape}")
    W, w_scale = _scaled(weights)
    P, p_scale = _checked_factor("left_factor", left_factor, W.shape[0], W.dtype)
    Q, q_scale = _checked_factor("right_factor", right_factor, W.shape[1], W.dtype)
    # Columns of Wᵀ are outputs, as those of W are inputs.
    U, sizes, V, converged = svd(_times(_times(W.T, P).T, Q))
    if P is None:
        left, right = U, U.T @ W
    elif Q is None:
        left, right = W @ V, V.T
    else:
        numerical = sizes > max(W.shape) * jnp.finfo(W.dtype).eps * sizes[0]
        inverse = jnp.where(numerical, 1 / jnp.where(numerical, sizes, 1), 0)
        left, right = _times(W, Q) @ V * inverse[None, :], (_times(W.T, P) @ U).T
    return Decomposition(weights, left, right * w_scale, sizes * (w_scale * p_scale * q_scale), converged)


def svd(matrix: jax.Array) -> SVD:
    """Singular value decomposition of one real matrix, without NaN for zeros, ties and deficient ranks.

    Args:
        matrix: shape ``(o, d)``, of any scale.

    Returns:
        :class:`SVD`; singular values to some ten roundings of the largest. Those below 10⁻¹⁵ of the largest
        are zero in single precision, below 10⁻¹⁴⁵ in double. Entries below the smallest normal number are
        zero, as in XLA.
    """
    M, scale = _scaled(matrix)
    wide = M.shape[0] <= M.shape[1]
    short, long = min(M.shape), max(M.shape)
    # Rows are the vectors to be made orthogonal, and behind each the combination of rows of M that it is.
    vectors = jnp.concatenate([M if wide else M.T, jnp.eye(short, dtype=M.dtype)], axis=1)
    half = (short + 1) // 2
    vectors = jnp.pad(vectors, ((0, 2 * half - short), (0, 0)))
    rounding = long * jnp.finfo(M.dtype).eps

    def sweep(state: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        top, bottom, _, count = state
        rounds = jax.lax.fori_loop(0, 2 * half - 1, turn, (top, bottom, jnp.zeros((), M.dtype)))
        return *rounds, count + 1

    def turn(_: int, state: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        top, bottom, largest = state
        top, bottom, cosine = _rotated(top, bottom, long)
        # A round robin: the first stays, all others move on by one place.
        moved = jnp.concatenate([top[:1], bottom[:1], top[1:-1]]) if half > 1 else top
        bottom = jnp.concatenate([bottom[1:], top[-1:]]) if half > 1 else bottom
        return moved, bottom, jnp.maximum(largest, cosine)

    def unfinished(state: tuple[jax.Array, ...]) -> jax.Array:
        return (state[2] > rounding) & (state[3] < MAX_SWEEPS)

    start = (vectors[:half], vectors[half:], jnp.full((), jnp.inf, M.dtype), jnp.zeros((), jnp.int32))
    top, bottom, largest, _ = jax.lax.while_loop(unfinished, sweep, start)
    vectors = jnp.concatenate([top, bottom])[:short]
    sizes = jnp.sqrt(jnp.sum(vectors[:, :long] ** 2, axis=1))
    # Sorted by a product with a permutation: a gather under ``vmap`` is slower on CPU.
    before = (sizes[None, :] > sizes[:, None]) | (
        (sizes[None, :] == sizes[:, None]) & (jnp.arange(short)[None, :] < jnp.arange(short)[:, None])
    )
    place = jnp.sum(before, axis=1, dtype=jnp.int32)
    vectors = (place[None, :] == jnp.arange(short)[:, None]).astype(M.dtype) @ vectors
    squares = jnp.sum(vectors[:, :long] ** 2, axis=1)
    sizes = jnp.where(squares <= _least_square(M.dtype), 0, jnp.sqrt(squares))  # of NaN it stays NaN
    rotated = jnp.where(
        (sizes == 0)[None, :], 0, vectors[:, :long].T / jnp.where(sizes == 0, 1, sizes)[None, :]
    )
    combination = vectors[:, long:].T
    left, right = (combination, rotated) if wide else (rotated, combination)
    return SVD(left, sizes * scale, right, largest <= rounding)


def _rotated(top: jax.Array, bottom: jax.Array, long: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Each pair of vectors made orthogonal in its first ``long`` entries, and the largest cosine before."""
    first, second = top[:, :long], bottom[:, :long]
    alpha, beta, gamma = jnp.sum(first**2, 1), jnp.sum(second**2, 1), jnp.sum(first * second, 1)
    least = _least_square(top.dtype)
    seen = jnp.minimum(alpha, beta) > least
    cosine = jnp.abs(gamma) / (jnp.sqrt(jnp.maximum(alpha, least)) * jnp.sqrt(jnp.maximum(beta, least)))
    turned = seen & (gamma != 0)
    zeta = (beta - alpha) / jnp.where(turned, 2 * gamma, 1)
    size = jnp.abs(zeta)
    inverse = 1 / jnp.maximum(size, 1)
    root = jnp.where(size > 1, size * jnp.sqrt(1 + inverse**2), jnp.sqrt(1 + jnp.minimum(size, 1) ** 2))
    tangent = jnp.where(turned, jnp.where(zeta >= 0, 1, -1) / (size + root), 0)
    c = 1 / jnp.sqrt(1 + tangent**2)
    s = c * tangent
    return (
        c[:, None] * top - s[:, None] * bottom,
        s[:, None] * top + c[:, None] * bottom,
        jnp.max(jnp.where(seen, cosine, 0)),
    )


def _least_square(dtype: jnp.dtype) -> float:
    """Squares of vectors below it are rounding, where the largest entry is 1: less may be lost to XLA."""
    return float(jnp.finfo(dtype).tiny / jnp.finfo(dtype).eps)


def _scaled(array: jax.Array) -> tuple[jax.Array, jax.Array]:
    """With entries up to 1, and the scale."""
    largest = jnp.max(jnp.abs(array))
    scale = jnp.where(largest > 0, largest, 1)
    return array / scale, scale


def _checked_factor(
    name: str, factor: jax.Array | None, size: int, dtype: jnp.dtype
) -> tuple[jax.Array | None, jax.Array | float]:
    if factor is None:
        return None, 1.0
    if factor.shape not in ((size,), (size, size)):
        raise ValueError(f"{name} must have shape ({size},) or ({size}, {size}), got {factor.shape}")
    return _scaled(factor.astype(dtype))


def _times(matrix: jax.Array, factor: jax.Array | None) -> jax.Array:
    if factor is None:
        return matrix
    return matrix * factor[None, :] if factor.ndim == 1 else matrix @ factor

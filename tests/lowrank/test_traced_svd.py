"""The singular value decomposition in traced code, against LAPACK's, on matrices that break such routines."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ratedist.lowrank import project
from ratedist.lowrank.traced import decompose, svd
from tests.lowrank.problems import distortion, metric

RNG = np.random.default_rng(0)
SHAPES = [(8, 16), (7, 5), (1, 4)]
EXACT = {np.float64: 1e-14, np.float32: 5e-6}
SMALLEST = {np.float64: 1e-290, np.float32: 1e-30}


def hostile(o: int, d: int, dtype: type) -> np.ndarray:
    """Matrices stacked: of all scales, graded, of deficient rank, with ties, with dead rows, zero."""
    A, k = RNG.standard_normal((o, d)), min(o, d)
    double = dtype == np.float64
    wide, large, small = (20, 1e300, 1e-300) if double else (6, 1e30, 1e-30)
    dead = A.copy()
    dead[0], dead[:, -1] = 0, 0
    orthogonal = np.linalg.qr(RNG.standard_normal((max(o, d), k)))[0]
    stack = [
        A, large * A, small * A, 0 * A, np.ones_like(A), np.eye(o, d), dead,
        A * 10.0 ** np.linspace(-wide, wide, d),
        A * 10.0 ** np.linspace(-wide, wide, o)[:, None],
        A * 10.0 ** RNG.uniform(-wide, wide, (o, d)),
        np.outer(A[:, 0], A[0]),
        RNG.standard_normal((o, 3)) @ RNG.standard_normal((3, d)),
        orthogonal if o >= d else orthogonal.T,
        1 / (1 + np.arange(o)[:, None] + np.arange(d)),
    ]  # fmt: skip
    return np.stack(stack).astype(dtype)


svds = jax.jit(jax.vmap(svd))


@functools.cache
def compiled(shape: tuple[int, int], dtype: type) -> tuple[np.ndarray, list[np.ndarray]]:
    M = hostile(*shape, dtype)
    return M.astype(np.float64), [np.asarray(part) for part in svds(jnp.asarray(M))]


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        *((shape, np.float64) for shape in SHAPES),
        (SHAPES[0], np.float32),
        *(pytest.param(shape, np.float32, marks=pytest.mark.slow) for shape in SHAPES[1:]),
    ],
)
def test_svd_is_that_of_lapack(shape: tuple[int, int], dtype: type) -> None:
    M, (left, sizes, right, converged) = compiled(shape, dtype)
    assert converged.all()
    assert left.dtype == sizes.dtype == right.dtype == dtype
    expected = np.linalg.svd(M, compute_uv=False)
    # Relative to the largest, and 0 only for 0.
    unit = np.where(expected[:, :1] > 0, expected[:, :1], 1)
    assert np.max(np.abs(sizes - expected) / unit) < EXACT[dtype]
    assert np.all(np.diff(sizes, axis=1) <= 0)
    scaled = M / unit[..., None]
    product = np.einsum("tik,tk,tjk->tij", left.astype(float), sizes / unit, right.astype(float))
    assert np.max(np.abs(product - scaled)) < EXACT[dtype]
    short, long = (left, right) if shape[0] <= shape[1] else (right, left)
    gram = np.einsum("tik,til->tkl", short.astype(float), short.astype(float))
    assert np.max(np.abs(gram - np.eye(min(shape)))) < EXACT[dtype]
    # Those of the longer side are orthonormal where there is a singular value.
    gram = np.einsum("tik,til->tkl", long.astype(float), long.astype(float))
    nonzero = (sizes > 0).astype(float)
    assert np.max(np.abs(gram - np.eye(min(shape)) * nonzero[:, None])) < 10 * EXACT[dtype]


def test_nan_comes_out_as_nan_and_ends() -> None:
    M = hostile(8, 16, np.float64)
    M[3, 2, 5] = np.nan
    _, sizes, _, _ = svds(jnp.asarray(M))
    assert np.isnan(sizes[3]).all()
    assert np.isfinite(np.delete(sizes, 3, axis=0)).all()


def metric_pairs() -> dict[str, tuple[np.ndarray | None, np.ndarray | None]]:
    L, R = (X @ X.T for X in (RNG.standard_normal((8, 12)), RNG.standard_normal((16, 20))))
    singular = RNG.standard_normal((16, 6))
    dead = np.r_[0.0, RNG.uniform(0.1, 1, 15)]
    return {
        "plain": (None, None),
        "R": (None, R),
        "L": (L, None),
        "L R": (L, R),
        "diagonal dead": (np.diagonal(L), dead),
        "R singular": (None, singular @ singular.T),
    }


def root(metric: np.ndarray | None) -> jax.Array | None:
    """A factor: lower Cholesky where there is one, else a symmetric square root; of a diagonal, its root."""
    if metric is None:
        return None
    if metric.ndim == 1:
        return jnp.sqrt(jnp.asarray(metric))
    values, vectors = np.linalg.eigh(metric)
    if values[0] > 1e-6:
        return jnp.asarray(np.linalg.cholesky(metric))
    return jnp.asarray(vectors * np.sqrt(np.where(values > 1e-10, values, 0)))


@pytest.mark.parametrize(
    "pair",
    [
        pytest.param(pair, marks=pytest.mark.slow if name in ("plain", "R", "L") else (), id=name)
        for name, pair in metric_pairs().items()
    ],
)
def test_projections_are_those_of_numpy_at_every_rank(pair) -> None:
    W = np.random.default_rng(1).standard_normal((8, 16))

    @jax.jit
    def every_rank(weights: jax.Array) -> tuple[jax.Array, jax.Array]:
        found = decompose(weights, root(pair[0]), root(pair[1]))
        return jax.vmap(found.matrix)(jnp.arange(10)), jax.vmap(found.distortion)(jnp.arange(10))

    matrices, distortions = every_rank(jnp.asarray(W))
    singular = pair[1] is not None and pair[1].ndim == 2 and np.linalg.matrix_rank(pair[1]) < 16
    for rank in range(10):
        expected = project(W, rank, *pair)
        # Beyond the rank that is seen, what is left of W is spent otherwise.
        if not (singular and 6 < rank < 8):
            np.testing.assert_allclose(matrices[rank], expected.matrix(), atol=1e-11)
        np.testing.assert_allclose(distortions[rank], expected.distortion, rtol=1e-9, atol=1e-12)


def test_single_precision_attains_the_distortion_with_graded_metrics_and_deficient_rank() -> None:
    rng = np.random.default_rng(2)
    stack = rng.standard_normal((4, 8, 3)) @ rng.standard_normal((4, 3, 16))
    stack[1] = rng.standard_normal((8, 16))
    stack[2] = 0
    L = metric("full", 8, rng) * np.outer(*[10.0 ** np.linspace(-2, 2, 8)] * 2)
    R = metric("graded", 16, rng)
    factors = [jnp.asarray(np.linalg.cholesky(one), jnp.float32) for one in (L, R)]

    @jax.jit
    def every_rank(weights: jax.Array) -> tuple[jax.Array, jax.Array]:
        found = decompose(weights, *factors)
        return jax.vmap(found.matrix)(jnp.arange(9)), found.converged

    matrices, converged = jax.vmap(every_rank)(jnp.asarray(stack, jnp.float32))
    assert converged.all()
    for W, found in zip(stack, np.asarray(matrices, np.float64), strict=True):
        whole = distortion(W, 0 * W, L, R)
        for rank in range(9):
            expected = project(W, rank, L, R).distortion
            assert abs(distortion(W, found[rank], L, R) - expected) <= 1e-5 * whole


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match=r"weights must have shape \(o, d\).*got shape \(3,\)"):
        decompose(jnp.ones(3))
    with pytest.raises(ValueError, match=r"right_factor must have shape \(3,\) or \(3, 3\), got \(2,\)"):
        decompose(jnp.ones((2, 3)), None, jnp.ones(2))

"""Matrices of low rank: which tensors, at which rank, and what a budget buys."""

import dataclasses
import itertools
import re

import ml_dtypes
import numpy as np
import pytest

import ratedist as rd
from ratedist.container import FactoredTensor, QuantizedTensor
from ratedist.tensors import compress_tensor
from ratedist.tensors.rank_budget import given_ranks
from ratedist.tensors.ranks import factors, largest_rank, matrix_shape

pytestmark = pytest.mark.usefixtures("some_limit")

RNG = np.random.default_rng(0)


def decaying(o, d, power, dtype=np.float32):
    """Singular values k^−power between random orthonormal columns."""
    U, V = (np.linalg.qr(RNG.normal(size=(n, min(o, d))))[0] for n in (o, d))
    return ((U * np.arange(1, min(o, d) + 1.0) ** -power) @ V.T).astype(dtype)


def options(**given):
    return rd.QuantizationConfig(**{"min_size": 1} | given)


@pytest.mark.parametrize(
    ("shape", "matrix"),
    [
        ((64, 32, 3, 3), (64, 288)),  # outputs first, as in PyTorch
        ((3, 3, 32, 64), (288, 64)),  # outputs last, as in Flax
        ((8, 5, 5), (8, 25)),
        ((12, 48, 48), (576, 48)),
        ((7, 1), (7, 1)),
        ((5, 9), (5, 9)),
        ((9,), None),
        ((), None),
        ((0, 3), None),
    ],
)
def test_tensors_as_matrices(shape, matrix):
    assert matrix_shape(shape) == matrix


@pytest.mark.parametrize(
    "shape", [(1, 9), (9, 1), (2, 2), (2, 3), (3, 3), (4, 4), (5, 9), (40, 3), (6, 3, 2)]
)
def test_the_largest_rank_of_fewer_numbers(shape):
    o, d = matrix_shape(shape)
    assert largest_rank(shape) == max(r for r in range(100) if r == 0 or r * (o + d) < o * d)


def test_factors_are_the_nearest_for_importances_of_rank_one():
    """h_ij = a_i b_j is where two metrics say all: the weighted SVD is the optimum, by Eckart–Young."""
    w = RNG.normal(size=(12, 9))
    a, b = RNG.exponential(size=12), RNG.exponential(size=9)
    a[3] = 0.0  # a dead output
    found = factors(w, np.outer(a, b).reshape(-1), 3)
    scaled = np.sqrt(a)[:, None] * w * np.sqrt(b)
    tail = np.sum(np.linalg.svd(scaled, compute_uv=False)[3:] ** 2)
    error = np.sum(np.outer(a, b) * (w - found.left @ found.right) ** 2)
    np.testing.assert_allclose(error, tail, rtol=1e-10)
    assert factors(w, None, 3).rank == 3
    assert factors(np.outer(a, b), None, 3).rank == 1
    assert factors(np.zeros((4, 5)), None, 1) is None


def test_importances_help_where_they_are_uneven():
    """Any h, no product: less weighted error than without them."""
    w = decaying(60, 40, 0.5)
    h = RNG.exponential(size=(60, 1)) ** 3 * RNG.exponential(size=40) * RNG.uniform(0.5, 2, size=(60, 40))
    config = options(rank=5, num_clusters=64)
    plain, weighted = (
        compress_tensor(w, config, importance=given).reconstruction().astype(float) for given in (None, h)
    )
    assert np.sum(h * (w - weighted) ** 2) < 0.7 * np.sum(h * (w - plain) ** 2)
    found = compress_tensor(w, config, importance=h)
    np.testing.assert_allclose(found.distortion, np.mean(h * (w - weighted) ** 2), rtol=1e-9)
    assert found.weighted


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
def test_many_clusters_leave_the_error_of_the_rank(dtype):
    w = decaying(40, 30, 1.0).astype(dtype)
    found = compress_tensor(w, options(rank=6, num_clusters=256, codebook_dtype="float32"))
    assert isinstance(found, FactoredTensor)
    assert (found.rank, found.dtype, found.shape) == (6, w.dtype, (40, 30))
    tail = np.sum(np.linalg.svd(w.astype(float), compute_uv=False)[6:] ** 2)
    exact = np.sum((w.astype(float) - found.reconstruction().astype(float)) ** 2)
    np.testing.assert_allclose(exact, tail, rtol=1e-3)  # as many clusters as numbers
    assert found.distortion * w.size == pytest.approx(exact, rel=1e-9)


HARD = {
    "zeros": (np.zeros((20, 30)), QuantizedTensor, np.inf),
    "constant": (np.full((20, 30), 0.3), QuantizedTensor, 100),
    "row": (RNG.normal(size=(1, 900)), QuantizedTensor, 15),
    "column": (RNG.normal(size=(900, 1)), QuantizedTensor, 15),
    "two rows": (RNG.normal(size=(2, 900)), FactoredTensor, 1),
    "rank one": (np.outer(RNG.normal(size=30), RNG.normal(size=40)), FactoredTensor, 14),
    "mask": (np.where(RNG.random((30, 40)) < 0.1, -1e9, RNG.normal(size=(30, 40))), FactoredTensor, 0.5),
    "a mask row": (
        np.concatenate([np.full((1, 40), -1e9), np.outer(np.arange(29), np.linspace(1, 2, 40))]),
        FactoredTensor,
        15,
    ),
    "forty decades": (
        np.outer(10.0 ** np.linspace(-20, 0, 30), 10.0 ** np.linspace(-20, 0, 40)),
        FactoredTensor,
        14,
    ),
    "subnormal": (1e-40 * RNG.normal(size=(30, 40)), FactoredTensor, 0.1),
    "one feature": (np.eye(30, 40) * (np.arange(30) == 4)[:, None], FactoredTensor, 100),
}


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.filterwarnings("error")
def test_hard_matrices(name, weighted):
    w, kind, decibels = HARD[name]
    h = RNG.exponential(size=w.shape) if weighted else None
    rank = 1 if min(w.shape) < 10 else 2
    found = compress_tensor(w.astype(np.float32), options(), importance=h, rank=rank)
    assert type(found) is kind
    assert np.isfinite(found.reconstruction()).all()
    assert found.signal_to_noise >= decibels


def test_importances_that_see_nothing_of_the_weights():
    w = np.zeros((20, 30), np.float32)
    w[:10] = RNG.normal(size=(10, 30))
    h = np.zeros((20, 30))
    h[15] = 1.0
    found = compress_tensor(w, options(rank=2), importance=h)
    assert isinstance(found, QuantizedTensor)
    assert found.distortion == 0
    h[0] = 1e-200
    assert np.isfinite(compress_tensor(w, options(rank=2), importance=h).reconstruction()).all()


@pytest.mark.parametrize(
    ("h", "message"), [(-1.0, "importance must be at least 0"), (np.nan, "importance must be finite")]
)
def test_bad_importances_are_refused(h, message):
    importance = np.ones((20, 30))
    importance[3, 4] = h
    with pytest.raises(ValueError, match=message):
        compress_tensor(RNG.normal(size=(20, 30)), options(rank=2), importance=importance)


def test_one_rank_for_all():
    shapes = {"a": (60, 40), "b": (20, 30), "c": (50,), "d": (8, 4, 3, 3)}
    assert given_ranks(shapes, 8) == {"a": 8, "b": 8, "c": 0, "d": 0}
    assert given_ranks(shapes, 23) == {"a": 23, "b": 0, "c": 0, "d": 0}
    with pytest.raises(ValueError, match=r"rank 24 leaves .* the largest that does is 23, for 'a' of shape"):
        given_ranks(shapes, 24)
    with pytest.raises(ValueError, match="there is no matrix of two rows"):
        given_ranks({"c": (50,), "e": (2, 2)}, 1)
    with pytest.raises(ValueError, match=r"rank must be at most the shorter side of the matrix \(20, 30\)"):
        compress_tensor(np.zeros((20, 30)), options(rank=21))


def bytes_and_loss(tensor, w):
    """In the file, and the relative error times the number of weights, from the reconstruction."""
    error = np.sum((w - tensor.reconstruction().astype(float)) ** 2) / np.sum(w.astype(float) ** 2)
    return tensor.stored("huffman").entry.num_bytes, w.size * error


SMALL = {
    "a": decaying(24, 16, 1.0),
    "b": decaying(20, 12, 0.2),
    "c": decaying(9, 3 * 7, 2.0).reshape(9, 3, 7),
}
COARSE = options(num_clusters=4, codebook_dtype="float16")


@pytest.fixture(scope="module")
def all_points():
    """Bytes and loss of each tensor quantised alone and at every rank that makes it smaller."""
    return {
        name: [
            bytes_and_loss(compress_tensor(w, COARSE, rank=rank), w)
            for rank in range(largest_rank(w.shape) + 1)
        ]
        for name, w in SMALL.items()
    }


@pytest.mark.parametrize("budget", [1.3, 1.5, 1.8, 2.1, 2.6])
@pytest.mark.filterwarnings("ignore:the budget leaves")
def test_no_choice_of_ranks_within_the_budget_is_better(all_points, budget):
    found = rd.quantize_tree(SMALL, dataclasses.replace(COARSE, rank_budget=budget)).quantized
    reached = np.sum([bytes_and_loss(found[name], w) for name, w in SMALL.items()], axis=0)
    allowed = budget * sum(w.size for w in SMALL.values()) / 8
    assert reached[0] <= allowed
    sums = [np.sum(chosen, axis=0) for chosen in itertools.product(*all_points.values())]
    best = min(loss for num_bytes, loss in sums if num_bytes <= allowed)
    assert reached[1] == pytest.approx(best, rel=1e-9)


@pytest.mark.filterwarnings("ignore:the budget leaves")
def test_both_ends_of_a_budget():
    weights = {"a": decaying(60, 40, 1.0), "b": RNG.normal(size=(40, 30)), "bias": RNG.normal(size=40)}
    much = rd.quantize_tree(weights, options(rank_budget=50)).quantized
    assert all(isinstance(one, QuantizedTensor) for one in much.values())
    with pytest.raises(ValueError, match="rank_budget must be at least") as caught:
        rd.quantize_tree(weights, options(rank_budget=1e-3))
    least = float(re.search(r"at least ([\d.]+) for", str(caught.value))[1])
    little = rd.quantize_tree(weights, options(rank_budget=least)).quantized
    assert [getattr(one, "rank", None) for one in little.values()] == [1, 1, None]
    with pytest.raises(ValueError, match="rank_budget must be at least"):
        rd.quantize_tree(weights, options(rank_budget=0.999 * least))


def test_a_budget_fits_one_matrix_to_its_last_ranks():
    """One matrix has nothing to trade with: ranks between those of the grid are tried."""
    w = {"w": decaying(80, 100, 0.5)}
    for budget in (0.9, 1.6):
        found = rd.quantize_tree(w, options(rank_budget=budget)).quantized["w"]
        one_more = compress_tensor(w["w"], options(), rank=found.rank + 2)
        assert found.stored("huffman").entry.num_bytes <= budget * 80 * 100 / 8
        assert one_more.stored("huffman").entry.num_bytes > budget * 80 * 100 / 8


@pytest.mark.filterwarnings("ignore:the budget leaves")
def test_importances_decide_where_a_budget_goes():
    weights = {name: decaying(60, 40, 0.5) for name in "ab"}
    h = {"a": np.ones((60, 40)), "b": 100 * np.ones((60, 40))}
    config = options(rank_budget=1.5, codebook_dtype="float16")
    found = rd.quantize_tree(weights, config, importance=h).quantized
    assert found["b"].rank > 2 * found["a"].rank

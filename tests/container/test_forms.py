"""Factored and pruned tensors in files: their values exactly, their bytes, their versions."""

import dataclasses
import json
import math
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
import rdz_files
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist.codes import empirical_entropy
from ratedist.container import (
    Entry,
    FactoredTensor,
    PrunedTensor,
    QuantizedTensor,
    RdzFile,
    RdzWriter,
    rdz_size,
)
from ratedist.container import factored_tensor as module
from ratedist.container.dtypes import DTYPES

SINGLE = np.dtype(np.float32)


def test_golden_file(tmp_path, coder):
    # Written on x86-64 Linux, to be met byte for byte everywhere.
    golden = rdz_files.GOLDEN / f"version3_{coder}.rdz"
    assert rdz_files.write(tmp_path / "file.rdz", coder, rdz_files.forms()) == golden.read_bytes()
    with RdzFile(golden) as file:
        assert file.version == 3
        for name, tensor in rdz_files.forms().items():
            assert rdz_files.same(file.read(name), tensor), name


def test_round_trip(tmp_path, coder):
    content = rdz_files.forms()
    with RdzWriter(tmp_path / "file", coder) as writer:
        entries = {
            name: writer.add(name, tensor) for name, tensor in content.items() if hasattr(tensor, "stored")
        }
        writer.add_raw("plain", content["plain"])
    size = (tmp_path / "file").stat().st_size
    assert size == writer.num_bytes == rdz_size(entries | {"plain": Entry("I32", (6,))})
    with RdzFile(tmp_path / "file") as file:
        file.verify()
        for name, tensor in file.read_many(file.entries):
            assert rdz_files.same(tensor, content[name])
            assert rdz_files.same(file.read(name), content[name])
            flat = np.concatenate(list(file.pieces(name)))
            assert flat.tobytes() == (tensor if name == "plain" else tensor.reconstruction()).tobytes()
            if name != "plain":
                assert file.inspect(name).sizes == tensor.sizes
                assert file.entries[name].num_bytes == entries[name].num_bytes
                assert sum(map(len, tensor.stored(coder).parts)) == file.entries[name].num_bytes
        told = {name: (entry.rank, entry.zeros) for name, entry in file.entries.items()}
    assert told["factored"] == (3, None)
    assert told["pruned"] == (None, np.mean(content["pruned"].reconstruction() == 0))
    assert told["scalar"] == told["plain"] == (None, None)


def test_a_file_of_old_kinds_is_one_for_old_readers(tmp_path):
    """The version says what a reader has to know, and no more."""
    old = {name: x for name, x in rdz_files.forms().items() if name in ("scalar", "plain")}
    rdz_files.write(tmp_path / "old", "huffman", old)
    rdz_files.write(tmp_path / "new", "huffman", rdz_files.forms())
    for name, version in (("old", 2), ("new", 3)):
        whole = (tmp_path / name).read_bytes()
        header = json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")])
        assert json.loads(header["__metadata__"]["rdz"]) == {"version": version}


def exactly(tensor):
    """The product in rational arithmetic, rounded once."""
    left, right = (
        [[Fraction(float(number)) for number in row] for row in factor.reconstruction()]
        for factor in (tensor.left, tensor.right)
    )
    sums = [
        [sum(a * b for a, b in zip(row, column, strict=True)) for column in zip(*right, strict=True)]
        for row in left
    ]
    return np.array([[float(one) for one in row] for row in sums])


numbers = st.floats(-(2.0**60), 2.0**60, width=32)


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(
    st.lists(numbers, min_size=2, max_size=9),
    st.lists(numbers, min_size=2, max_size=9),
    st.integers(0),
    st.sampled_from(["F16", "BF16", "F32", "F64"]),
)
def test_the_product_is_the_one_promised(left, right, seed, dtype):
    """Against a loop in Python floats, which are IEEE doubles and no BLAS, and against exact sums."""
    rng = np.random.default_rng(seed)
    a, b = (np.unique(np.array(book, np.float32)) for book in (left, right))
    tensor = FactoredTensor(
        QuantizedTensor(rng.integers(len(a), size=12).astype(np.uint8), a, (4, 3), SINGLE),
        QuantizedTensor(rng.integers(len(b), size=15).astype(np.uint8), b, (3, 5), SINGLE),
        (4, 5),
        DTYPES[dtype],
    )
    found = tensor.reconstruction()
    expected = np.zeros((4, 5))
    for i in range(4):
        for j in range(5):
            total = 0.0
            for k in range(3):
                total += float(tensor.left.reconstruction()[i, k]) * float(
                    tensor.right.reconstruction()[k, j]
                )
            expected[i, j] = total
    if dtype == "F64":
        assert found.tobytes() == expected.tobytes()
        scale = np.abs(exactly(tensor)).max() + float(np.abs(a).max()) * float(np.abs(b).max())
        np.testing.assert_allclose(found, exactly(tensor), rtol=0, atol=1e-15 * scale)
        return
    with np.errstate(over="ignore", under="ignore"):
        single = np.clip(expected, *(s * float(np.finfo(np.float32).max) for s in (-1, 1))).astype(np.float32)
        largest = float(ml_dtypes.finfo(DTYPES[dtype]).max)
        rounded = np.clip(single, -largest, largest).astype(DTYPES[dtype])
    assert found.tobytes() == rounded.tobytes()
    assert np.isfinite(found.astype(float)).all()


def test_the_same_bits_in_pieces_of_any_size(monkeypatch):
    rng = np.random.default_rng(0)
    book = np.sort(rng.normal(size=16)).astype(np.float32)
    tensor = FactoredTensor(
        QuantizedTensor(rng.integers(16, size=70 * 9).astype(np.uint8), book, (70, 9), SINGLE),
        QuantizedTensor(rng.integers(16, size=50 * 9).astype(np.uint8), book, (9, 50), SINGLE),
        (7, 10, 50),
        SINGLE,
    )
    whole = tensor.reconstruction()
    product = tensor.left.reconstruction().astype(float) @ tensor.right.reconstruction().astype(float)
    np.testing.assert_allclose(whole.reshape(70, 50), product, rtol=1e-6, atol=1e-6)
    for chunk in (1, 7, 50, 333, 10**6):
        monkeypatch.setattr(module, "CHUNK", chunk)
        pieces = list(tensor.pieces())
        assert np.concatenate(pieces).tobytes() == whole.tobytes()
        assert max(piece.size for piece in pieces) <= max(chunk, 1)


def test_sums_beyond_a_dtype_are_its_largest_numbers():
    book = np.array([-3e38, 3e38], np.float32)
    left = QuantizedTensor(np.array([0, 1], np.uint8), book, (2, 1), SINGLE)
    right = QuantizedTensor(np.array([0, 1], np.uint8), book, (1, 2), SINGLE)
    for dtype in ("F16", "BF16", "F32", "F64"):
        found = FactoredTensor(left, right, (2, 2), DTYPES[dtype]).reconstruction().astype(float)
        most = 9e76 if dtype == "F64" else float(ml_dtypes.finfo(DTYPES[dtype]).max)
        np.testing.assert_allclose(found, [[most, -most], [-most, most]], rtol=1e-7)


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(st.integers(2, 300), st.floats(0.01, 0.99), st.integers(0, 2**32 - 1))
def test_pruned_weights_come_back(num_weights, share, seed):
    rng = np.random.default_rng(seed)
    kept = rng.random(num_weights) < share
    kept[rng.integers(num_weights)] ^= kept.all() or not kept.any()
    labels = rng.integers(3, size=kept.sum()).astype(np.uint8)
    book = np.array([-1.0, 0.5, 2.0], np.float32)
    tensor = PrunedTensor.of(kept, QuantizedTensor(labels, book, (kept.sum(),), SINGLE), (num_weights,))
    expected = np.zeros(num_weights, np.float32)
    expected[kept] = book[labels]
    np.testing.assert_array_equal(tensor.reconstruction(), expected)
    np.testing.assert_array_equal(np.concatenate(list(tensor.pieces())), expected)
    assert tensor.zeros == np.mean(expected == 0)
    stored = tensor.stored("huffman")
    assert stored.entry.num_bytes == sum(map(len, stored.parts))


@pytest.mark.parametrize("share", [0.5, 0.1, 0.9, 0.97])
def test_places_and_values_cost_what_one_code_with_a_symbol_for_zero_would(share):
    """In Huffman code, model included: within 3% of d·H of labels with zero among them, at any share."""
    rng = np.random.default_rng(0)
    kept = rng.random(100_000) >= share
    labels = rng.binomial(7, 0.5, size=kept.sum()).astype(np.uint8)
    values = QuantizedTensor(labels, np.arange(1, 9).astype(np.float32), (kept.sum(),), SINGLE)
    tensor = PrunedTensor.of(kept, values, kept.shape)
    together = np.append(values.counts, kept.size - kept.sum())
    entropy = kept.size * empirical_entropy(together) / math.log(2)
    assert entropy < 8 * tensor.stored("huffman").entry.num_bytes < 1.03 * entropy + 2000
    assert tensor.sizes.entropy < 1.01 * entropy


LEFT = QuantizedTensor(np.zeros(6, np.uint8), np.ones(1, np.float32), (3, 2), SINGLE)
RIGHT = QuantizedTensor(np.zeros(8, np.uint8), np.ones(1, np.float32), (2, 4), SINGLE)


def factored(left=LEFT, right=RIGHT, shape=(3, 4), dtype=SINGLE):
    return lambda: FactoredTensor(left, right, shape, np.dtype(dtype))


def pruned(kept, values=LEFT, shape=(8,), longest=3):
    return lambda: PrunedTensor(np.array(kept), values, shape, False, longest)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (factored(shape=(3, 5)), "must have shapes"),
        (factored(left=dataclasses.replace(LEFT, shape=(2, 3))), "must have shapes"),
        (factored(left=dataclasses.replace(LEFT, shape=(6,))), "must be matrices"),
        (factored(left=dataclasses.replace(LEFT, dtype=np.dtype(np.float64))), "must be of float32"),
        (factored(dtype=np.int32), "must be a floating-point type"),
        (
            factored(
                dataclasses.replace(LEFT, shape=(1, 6)),
                dataclasses.replace(RIGHT, labels=np.zeros(6, np.uint8), shape=(6, 1)),
                (1, 1),
            ),
            "r at most o and d",
        ),
        (pruned([True] * 6 + [False] * 2), "must have the shape"),
        (pruned([1] * 8), "kept must be booleans"),
        (pruned([True] * 7), "kept must be booleans of shape"),
        (pruned([True] * 6, dataclasses.replace(LEFT, shape=(6,)), (6,)), "less than all"),
        (pruned([True] * 6 + [False] * 2, dataclasses.replace(LEFT, shape=(6,)), longest=0), "longest_run"),
    ],
)
def test_parts_that_do_not_hang_together(make, message):
    with pytest.raises(ValueError, match=message):
        make()

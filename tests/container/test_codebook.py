"""Rounding of centres, with underflow refused, and codebooks without rows that nobody needs."""

import ml_dtypes
import numpy as np
import pytest

from ratedist.container import QuantizedTensor
from ratedist.container.codebook import rounded_codebook, without_spares
from ratedist.quantizers import kmeans
from ratedist.tensors.config import QuantizationConfig
from ratedist.tensors.tensor import quantize_tensor

DOUBLE, SINGLE = np.dtype(np.float64), np.dtype(np.float32)


@pytest.mark.parametrize("block_length", [1, 2])
@pytest.mark.parametrize(
    ("scale", "codebook_dtype", "dtype", "fits"),
    [
        (1e-60, None, np.float64, False),
        (1e-44, None, np.float64, False),
        (1e-41, None, np.float64, True),
        (1e-42, None, np.float32, True),  # the weights themselves know no finer steps
        (1e-7, "float16", np.float32, False),
        (1e-4, "float16", np.float32, True),
        (1e-39, "bfloat16", np.float32, False),
        (1e-39, None, ml_dtypes.bfloat16, True),
        (1e-7, None, np.float16, True),
    ],
)
def test_centres_that_underflow_are_refused(scale, codebook_dtype, dtype, fits, block_length):
    weights = (scale * np.random.default_rng(0).normal(size=2000)).astype(dtype)
    config = QuantizationConfig(num_clusters=8, codebook_dtype=codebook_dtype, block_length=block_length)
    if not fits:
        with pytest.raises(ValueError, match="too small for a codebook of"):
            quantize_tensor(weights, config)
        return
    found = quantize_tensor(weights, config).reconstruction().astype(np.float64).ravel() / scale
    relative = np.sum((found - weights.astype(np.float64) / scale) ** 2) / np.sum(
        (weights.astype(np.float64) / scale) ** 2
    )
    # Eight levels of a normal source lose 0.0345 of its variance, of pairs of weights 0.2.
    assert relative < (0.04 if block_length == 1 else 0.25)


def test_a_centre_next_to_zero_may_vanish_beside_large_ones():
    codebook = rounded_codebook(np.array([-1.0, 1e-60, 1.0]), "float32", DOUBLE)
    np.testing.assert_array_equal(codebook, np.array([-1, 0, 1], np.float32))


def test_a_result_of_a_quantiser_is_rounded_by_the_same_rule():
    found = kmeans(np.array([1e-60, 2e-60, 5e-60]), 2)
    with pytest.raises(ValueError, match="too small for a codebook of float32"):
        QuantizedTensor.of(found, (3,), np.float64)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ml_dtypes.bfloat16])
@pytest.mark.parametrize("block_length", [1, 3])
def test_constant_tensors_have_one_centre(dtype, block_length):
    for value in (0.0, 0.1, -7.0):
        weights = np.full((30, 100), value, dtype)
        found = quantize_tensor(weights, QuantizationConfig(num_clusters=16, block_length=block_length))
        assert found.num_clusters == 1
        assert found.sizes.huffman == 0
        np.testing.assert_array_equal(found.reconstruction(), weights.astype(np.float32).astype(dtype))


def test_rows_that_are_equal_or_unused_are_left_out():
    labels = np.array([0, 3, 3, 5, 0], np.uint8)
    codebook = np.array([3.0, 9.0, 8.0, 1.0, 7.0, 3.0], np.float32)
    new_labels, left = without_spares(labels, codebook)
    np.testing.assert_array_equal(left, np.array([1, 3], np.float32))
    np.testing.assert_array_equal(left[new_labels], codebook[labels])
    blocks = np.stack([codebook, codebook], axis=1)
    new_labels, left = without_spares(labels, blocks)
    assert left.shape == (2, 2)
    np.testing.assert_array_equal(left[new_labels], blocks[labels])
    kept = without_spares(np.array([0, 1], np.uint8), np.array([2.0, 1.0], np.float32))
    np.testing.assert_array_equal(kept[1], [2.0, 1.0])


def test_centres_that_rounding_makes_equal_are_one():
    weights = (1 + 1e-4 * np.random.default_rng(1).normal(size=5000)).astype(np.float32)
    found = quantize_tensor(weights, QuantizationConfig(num_clusters=16, codebook_dtype="float16"))
    assert found.num_clusters == np.unique(found.codebook.astype(float)).size < 16

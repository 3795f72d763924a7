import itertools

import ml_dtypes
import numpy as np
import pytest

from ratedist.quantizers import kmeans, quantization_objective
from ratedist.tensors import histogram, tensor
from ratedist.tensors.config import QuantizationConfig
from ratedist.tensors.tensor import quantize_tensor

CONFIG = QuantizationConfig(num_clusters=8, min_size=1)


def weights(*shape, seed=0):
    return np.random.default_rng(seed).standard_t(4, shape)


def objective(tensor, quantized, h, beta):
    return quantization_objective(
        tensor.astype(float).ravel(),
        quantized.reconstruction().astype(float).ravel(),
        h,
        quantized.diameter,
        beta,
    )


@pytest.mark.parametrize("beta", [0.0, 3.0])
@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_half_precision_loses_nothing_in_bins(dtype, beta):
    # The bins hold one value each, so the centres are those of plain K-means.
    w = weights(50, 40).astype(dtype)
    h = np.random.default_rng(1).exponential(size=w.shape)
    config = QuantizationConfig(num_clusters=8, diameter_penalty=beta, codebook_dtype="float32")
    found = quantize_tensor(w, config, importance=h)
    expected = kmeans(w.astype(float).ravel(), 8, h.ravel(), diameter_penalty=beta)
    np.testing.assert_allclose(found.codebook, expected.centers, rtol=1e-5)
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert found.reconstruction().dtype == dtype
    assert found.shape == (50, 40)


@pytest.mark.parametrize("num_clusters", [4, 64])
def test_bins_cost_next_to_nothing_in_single_precision(monkeypatch, num_clusters):
    w = weights(8000).astype(np.float32)
    config = QuantizationConfig(method="optimal")  # of local minima either may be the better one
    exact = quantize_tensor(w, config, num_clusters=num_clusters)
    monkeypatch.setattr(tensor, "LARGE", 1000)
    binned = quantize_tensor(w, config, num_clusters=num_clusters)
    assert binned.distortion <= 1.001 * exact.distortion
    nearest = np.abs(w[:, None].astype(float) - binned.codebook.astype(float)).min(axis=1)
    assert binned.distortion == pytest.approx(np.mean(nearest**2), rel=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
@pytest.mark.parametrize("block_length", [1, 2])
def test_distortion_is_that_of_the_reconstruction(dtype, block_length):
    w = weights(31, 7).astype(dtype)
    h = np.random.default_rng(1).exponential(size=w.shape).astype(np.float32)
    config = QuantizationConfig(num_clusters=8, block_length=block_length)
    for importance in (None, h):
        found = quantize_tensor(w, config, importance=importance)
        error = (w.astype(float) - found.reconstruction().astype(float)) ** 2
        expected = np.mean(error * (1.0 if importance is None else importance))
        assert found.distortion == pytest.approx(expected, rel=1e-12)
        assert found.block_length == block_length


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_signal_to_noise(dtype):
    w = (3 + weights(40, 30)).astype(dtype)
    h = np.random.default_rng(1).exponential(size=w.shape)
    for importance in (None, h):
        found = quantize_tensor(w, CONFIG, importance=importance)
        x, error = w.astype(float), w.astype(float) - found.reconstruction().astype(float)
        ratio = np.average(x**2, weights=importance) / np.average(error**2, weights=importance)
        assert found.signal_to_noise == pytest.approx(10 * np.log10(ratio))
        assert found.weighted == (importance is not None)
    assert quantize_tensor(np.full(9, 0.5, dtype), CONFIG, num_clusters=1).signal_to_noise == np.inf


@pytest.mark.parametrize("beta", [0.0, 2.0])
def test_method(beta):
    w = np.random.default_rng(0).standard_t(2, 150)
    found = {}
    for method in ("lloyd", "optimal", "algorithm1"):
        config = QuantizationConfig(num_clusters=7, diameter_penalty=beta, method=method)
        found[method] = quantize_tensor(w, config)
        expected = kmeans(w, 7, None, method=method, diameter_penalty=beta)
        np.testing.assert_array_equal(found[method].labels, expected.labels)
    costs = {name: objective(w, one, 1.0, beta) for name, one in found.items()}
    assert costs["optimal"] <= min(costs.values()) * (1 + 1e-6)
    half = {
        m: quantize_tensor(w.astype(np.float16), QuantizationConfig(num_clusters=7, method=m)) for m in found
    }
    assert half["optimal"].distortion <= half["lloyd"].distortion * (1 + 1e-3)


def test_codebook_has_the_dtype_of_the_tensor():
    for dtype, name in (
        (np.float16, np.float16),
        (ml_dtypes.bfloat16, ml_dtypes.bfloat16),
        (np.float32, np.float32),
        (np.float64, np.float32),
    ):
        assert quantize_tensor(weights(100).astype(dtype), CONFIG).codebook.dtype == name


def test_fewer_values_than_clusters():
    w = np.array([1, 1, 2, 2, 2, 3, 3, 3, 3], np.float16)
    found = quantize_tensor(w, CONFIG)
    assert found.num_clusters == 3
    assert found.distortion == 0
    np.testing.assert_array_equal(found.reconstruction(), w)
    constant = np.full(100, 0.1, np.float32)
    np.testing.assert_array_equal(
        quantize_tensor(constant, CONFIG, num_clusters=1).reconstruction(), constant
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("weighted", [False, True])
def test_relative_penalty_is_free_of_scale_and_size(dtype, weighted):
    w = weights(400).astype(dtype)
    h = np.random.default_rng(1).exponential(size=400) if weighted else None
    total = h.sum() if weighted else 400
    relative = QuantizationConfig(
        num_clusters=4, diameter_penalty=0.02, relative_penalty=True, codebook_dtype="float32"
    )
    absolute = QuantizationConfig(num_clusters=4, diameter_penalty=0.02 * total, codebook_dtype="float32")
    found = quantize_tensor(w, relative, importance=h)
    np.testing.assert_allclose(found.codebook, quantize_tensor(w, absolute, importance=h).codebook, rtol=1e-6)
    for weights_, h_ in (
        (w, None if h is None else 1e-4 * h),
        (np.tile(w, 3), None if h is None else np.tile(h, 3)),
    ):
        np.testing.assert_allclose(
            quantize_tensor(weights_, relative, importance=h_).codebook, found.codebook, rtol=1e-5
        )
    assert found.diameter < quantize_tensor(w, QuantizationConfig(num_clusters=4), importance=h).diameter


def test_chunks_do_not_matter(monkeypatch):
    w, h = weights(5000).astype(np.float16), np.random.default_rng(2).exponential(size=5000)
    whole = quantize_tensor(w, CONFIG, importance=h)
    monkeypatch.setattr(tensor, "CHUNK", 333)
    monkeypatch.setattr(histogram, "CHUNK", 333)
    pieces = quantize_tensor(w, CONFIG, importance=h)
    np.testing.assert_array_equal(whole.labels, pieces.labels)
    np.testing.assert_array_equal(whole.codebook, pieces.codebook)


def test_diameter_penalty_shrinks_the_codebook():
    w = weights(3000).astype(np.float16)
    diameters = [
        quantize_tensor(w, QuantizationConfig(num_clusters=8, diameter_penalty=beta)).diameter
        for beta in (0, 1, 10, 100)
    ]
    assert all(a > b for a, b in itertools.pairwise(diameters))


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tensor": np.array([1, np.nan] * 5)}, "must be finite"),
        ({"tensor": np.array([1, np.inf] * 5)}, "must be finite"),
        ({"importance": np.full(10, -1.0)}, "importance must"),
        ({"importance": np.full(10, np.nan)}, "importance must be finite"),
        ({"importance": np.zeros(10)}, "at least one weight, got all zero"),
        ({"importance": np.ones(9)}, r"importance must have the shape \(10,\)"),
        ({"num_clusters": 11}, "num_clusters must be at most"),
        ({"num_clusters": 0}, "num_clusters must be at least 1"),
        ({"tensor": np.zeros((0, 3))}, "must hold weights"),
    ],
)
def test_bad_input(dtype, change, message):
    arguments = {"tensor": np.arange(10.0), "num_clusters": 2, "importance": None} | change
    tensor = arguments.pop("tensor").astype(dtype)
    with pytest.raises(ValueError, match=message):
        quantize_tensor(tensor, CONFIG, **arguments)


def test_integers_and_text():
    for wrong in (np.arange(5), np.array("text"), np.array([True])):
        with pytest.raises(ValueError, match="must be floating-point"):
            quantize_tensor(wrong, CONFIG)


def test_single_weight():
    found = quantize_tensor(np.float32(3), CONFIG, num_clusters=1)
    assert found.shape == ()
    assert found.reconstruction() == 3


def test_options_of_a_tensor_are_a_record():
    for wrong, got in ((4, "4"), (None, "None"), ({}, "an object of type dict")):
        with pytest.raises(ValueError, match=rf"config must be an rd\.QuantizationConfig, got {got}"):
            quantize_tensor(weights(100), wrong)

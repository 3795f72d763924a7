"""The error of most weights: as the ordinary one where nothing is far off, and never hidden by what is."""

import math

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist.tensors import bulk
from ratedist.tensors.bulk import Bulk
from ratedist.tensors.config import QuantizationConfig
from ratedist.tensors.tensor import quantize_tensor

CONFIG = QuantizationConfig()
SIZE = 4000


def real(size=SIZE, seed=0):
    return np.random.default_rng(seed).normal(0, 0.02, size)


def masked(share, values, seed=1):
    """Weights N(0, 0.02²), some of them replaced; and which are not."""
    rng, w = np.random.default_rng(seed), real()
    is_mask = np.zeros(SIZE, bool)
    is_mask[rng.permutation(SIZE)[: round(share * SIZE)]] = True
    w[is_mask] = rng.choice(values, is_mask.sum())
    return w, ~is_mask


def judged(w, K, config=CONFIG, importance=None):
    return quantize_tensor(np.asarray(w), config, num_clusters=K, importance=importance)


def ordinary(w, found):
    """Signal-to-noise ratio about the mean, from its definition."""
    return 10 * np.log10(np.var(w) / np.mean((np.asarray(w, float) - found.reconstruction()) ** 2))


@pytest.mark.parametrize("K", [2, 3, 4, 16])
@pytest.mark.parametrize("law", ["normal", "uniform", "exponential", "laplace"])
def test_of_ordinary_weights_it_is_the_ordinary_ratio(law, K):
    w = getattr(np.random.default_rng(2), law)(size=20_000)
    found = judged(w, K)
    assert abs(found.bulk_signal_to_noise - ordinary(w, found)) < (
        1e-9 if law in ("normal", "uniform") else 1.0
    )


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn])
def test_of_few_distinct_values_it_is_the_ordinary_ratio(dtype):
    w = np.random.default_rng(3).normal(size=20_000).astype(dtype).astype(np.float32)
    for K in (2, 4):
        found = judged(w, K)
        assert found.bulk_signal_to_noise == pytest.approx(ordinary(w, found), abs=1e-6)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_zeros_are_no_masks(share):
    """Of a tensor of zeros and normal weights the ratio is that over all of them."""
    rng = np.random.default_rng(4)
    w = np.where(rng.random(40_000) < share, 0.0, rng.normal(size=40_000))
    for K in (2, 3, 8):
        found = judged(w, K)
        assert found.bulk_signal_to_noise == pytest.approx(ordinary(w, found), abs=0.1)


@pytest.mark.parametrize(
    "w",
    [
        np.full(2000, 0.1),
        np.tile([-0.1, 0.1], 1000),
        np.tile([-1.0, 0.0, 0.0, 0.0, 1.0], 500),
        np.where(np.arange(2000) % 100 == 0, 1.0, 0.0),
        np.where(np.arange(2000) % 10 == 0, 0.1, -1e9),
        np.zeros(2000),
        np.array([1.0, 2.0]),
    ],
    ids=["equal", "signs", "ternary", "few ones", "mask and one value", "zeros", "two"],
)
def test_nothing_is_lost_where_there_are_enough_clusters(w):
    """But what the codebook's single precision loses."""
    for block_length in (1, 2):
        config = QuantizationConfig(block_length=block_length)
        K = min(np.unique(w.reshape(-1, block_length), axis=0).shape[0], 9)
        assert judged(w, K, config).bulk_signal_to_noise > 100


MASKS = {
    "-1e9": [-1e9],
    "half": [-65504.0],
    "largest float32": [3e38],
    "both signs": [-1e9, 1e9],
    "several": [-1e9, -65504.0, 3e38],
    "near": [-1.0],
}


@pytest.mark.parametrize("share", [0.01, 0.4, 0.9])
@pytest.mark.parametrize("values", MASKS.values(), ids=MASKS)
def test_masks_hide_nothing(values, share):
    """It is the ratio over the real weights alone, which the test knows."""
    w, is_real = masked(share, values)
    for K in (1 + len(values), 2 + len(values), 8):
        found = judged(w.astype(np.float32), K)
        part = w.astype(np.float32)[is_real].astype(float)
        error = part - found.reconstruction()[is_real]
        expected = 10 * np.log10(np.var(part) / np.mean(error**2))
        assert found.bulk_signal_to_noise == pytest.approx(expected, abs=0.3)
        if len(values) + 1 == K:  # one cluster for all that is real
            assert abs(found.bulk_signal_to_noise) < 0.1
            assert found.signal_to_noise > 14  # which hides it
        else:
            assert found.bulk_signal_to_noise > 3.5


def test_one_outlier_and_forty_decades():
    w = real()
    w[17] = -1e9
    assert abs(judged(w, 2).bulk_signal_to_noise) < 0.1
    assert judged(w, 3).bulk_signal_to_noise > 4
    rng = np.random.default_rng(5)
    decades = np.sign(rng.normal(size=SIZE)) * 10 ** rng.uniform(-20, 20, SIZE)
    for K in (2, 16, 64):
        found = judged(decades, K)
        assert found.signal_to_noise - found.bulk_signal_to_noise > 20 or K == 2
        assert found.bulk_signal_to_noise < 0


def test_blocks():
    w, is_real = masked(0.3, [-1e9])
    for K in (2, 12):
        found = judged(w, K, QuantizationConfig(block_length=2))
        error = (w - found.reconstruction())[is_real]
        expected = 10 * np.log10(np.var(w[is_real]) / np.mean(error**2))
        assert found.bulk_signal_to_noise == pytest.approx(expected, abs=0.3)


def test_importances_weigh_it():
    rng = np.random.default_rng(6)
    w, is_real = masked(0.3, [-1e9])
    h = rng.exponential(size=SIZE)
    found = judged(w, 3, importance=h)
    part, error = w[is_real], (w - found.reconstruction())[is_real]
    mean = np.average(part, weights=h[is_real])
    expected = np.sum(h[is_real] * (part - mean) ** 2) / np.sum(h[is_real] * error**2)
    assert found.bulk_signal_to_noise == pytest.approx(10 * np.log10(expected), abs=0.3)
    # Where masks are all that matters, they are the bulk.
    assert judged(w, 2, importance=np.where(is_real, 0.0, 1.0)).bulk_error == 0


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 10**6),
    st.integers(-40, 40),
    st.sampled_from([0.0, 1.0, -3.0, 1024.0]),
    st.booleans(),
    st.sampled_from([1.0, 0.3, 0.05]),
)
def test_shift_scale_and_order_do_not_matter(seed, power, shift, mirrored, share):
    rng = np.random.default_rng(seed)
    w = np.round(rng.standard_t(3, 300) * 2**20) / 2**20  # so that shifts are exact
    w[rng.random(300) > share] = -(2.0**20)
    reconstruction = np.round(w)
    h = rng.exponential(size=300) if seed % 2 else None
    base = Bulk.of(w, h).error(w, h, [reconstruction])
    order, scale = rng.permutation(300), (-1 if mirrored else 1) * 2.0**power
    moved, found = (scale * (x + shift)[order] for x in (w, reconstruction))
    g = None if h is None else h[order]
    pieces = np.array_split(found, 3)
    if not mirrored:  # a mirror decides ties between intervals the other way
        assert Bulk.of(moved, g).error(moved, g, pieces) == pytest.approx(base, rel=1e-9)
    else:
        assert Bulk.of(moved, g).error(moved, g, pieces) == pytest.approx(base, rel=0.2)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.floats(-1e30, 1e30), st.floats(0, 0.09))
def test_less_than_a_tenth_of_the_weights_cannot_hide_a_constant(seed, far, share):
    """Whatever they are: with a constant for the rest the error of the bulk is that of a constant."""
    rng = np.random.default_rng(seed)
    w = rng.normal(size=500)
    others = rng.permutation(500)[: int(share * 500)]
    w[others] = far * (1 + rng.random(others.size))
    reconstruction = w.copy()
    rest = np.setdiff1d(np.arange(500), others)
    reconstruction[rest] = w[rest].mean()
    assert Bulk.of(w).error(w, None, [reconstruction]) > 0.4 or abs(far) < 30


def test_a_million_and_more_are_judged_by_a_million(monkeypatch):
    monkeypatch.setattr(bulk, "DRAWN", 1 << 13)
    monkeypatch.setattr(bulk, "CHUNK", 1 << 12)
    rng = np.random.default_rng(7)
    w = rng.normal(size=60_000)
    w[::3] = -1e9
    for h in (None, rng.exponential(size=w.size), (rng.random(w.size) < 0.3) * 1.0):
        found = Bulk.of(w, h)
        assert -12 < found.low < -4
        assert 4 < found.high < 12
        if h is not None:
            drawn = bulk._drawn(w.size, h)
            assert drawn.size == 1 << 13
            assert (h[drawn] > 0).all()
            # In proportion to importance: the mean of h is that under h.
            assert h[drawn].mean() == pytest.approx(np.average(h, weights=h), rel=0.1)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e150, 1e300])
def test_far_beyond_single_precision(scale):
    w = scale * np.random.default_rng(8).normal(size=500)
    expected = Bulk.of(w / scale).error(w / scale, None, [np.sign(w)])
    assert Bulk.of(w).error(w, None, [scale * np.sign(w)]) == pytest.approx(expected, rel=1e-9)


def test_a_bulk_of_one_value():
    """Without a spread the error is compared with the value itself; of zeros any error is all."""
    for value, expected in ((0.0, math.inf), (2.0, 0.25), (-8.0, 1 / 64)):
        w = np.full(3000, value)
        assert Bulk.of(w).error(w, None, [w + 1]) == pytest.approx(expected)
        assert Bulk.of(w).error(w, None, [w]) == 0

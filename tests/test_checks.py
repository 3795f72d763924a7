"""Booleans and masked arrays in the place of numbers: refused in words, wherever a number is asked for."""

import dataclasses
from typing import Any

import jax
import numpy as np
import pytest

import ratedist as rd
from ratedist import _checks, codes, theory
from ratedist.experiments.diameter_config import DiameterConfig
from ratedist.experiments.figure2 import Figure2Config
from ratedist.experiments.network_config import DigitsConfig
from ratedist.experiments.rate_distortion import RateDistortionConfig
from ratedist.quantizers import entropy_constrained_quantizer, uniform_quantizer
from ratedist.tensors.config import QuantizationConfig
from ratedist.tensors.tensor import quantize_tensor

W = np.random.default_rng(0).normal(size=1200)
MODEL = rd.GaussianLinearModel(12, rd.two_level_weights(4))
CURVE = [([0.0, 1.0], [1.0, 0.0])]

CALLS = {
    "num_clusters": [
        lambda yes: rd.kmeans(W, yes),
        lambda yes: rd.quantize_tree({"w": W}, rd.QuantizationConfig(num_clusters=yes)),
        lambda yes: rd.KMeans(yes),
        lambda yes: uniform_quantizer(W, yes),
    ],
    "config": [lambda yes: rd.quantize_tree({"w": W}, yes)],
    "diameter_penalty": [
        lambda yes: rd.kmeans(W, 2, None, diameter_penalty=yes),
        lambda yes: rd.quantize_tree({"w": W}, rd.QuantizationConfig(num_clusters=2, diameter_penalty=yes)),
        lambda yes: rd.HessianWeightedKMeans(2, diameter_penalty=yes),
    ],
    "bits_per_weight": [lambda yes: rd.quantize_tree({"w": W}, rd.QuantizationConfig(bits_per_weight=yes))],
    "min_clusters": [
        lambda yes: rd.quantize_tree({"w": W}, rd.QuantizationConfig(bits_per_weight=3, min_clusters=yes))
    ],
    "block_length": [
        lambda yes: rd.kmeans(W, 2, block_length=yes),
        lambda yes: rd.quantize_tree({"w": W}, rd.QuantizationConfig(num_clusters=2, block_length=yes)),
    ],
    "min_size": [lambda yes: rd.quantize_tree({"w": W}, rd.QuantizationConfig(num_clusters=2, min_size=yes))],
    "key": [
        lambda yes: rd.kmeans(W, 2, method=rd.Lloyd(init="random"), key=yes),
        lambda yes: rd.kmeans(W, 2, block_length=2, key=yes),
    ],
    "tolerance": [lambda yes: rd.kmeans(W, 2, None, method=rd.Optimal(tolerance=yes), diameter_penalty=0.1)],
    "time_budget": [
        lambda yes: rd.kmeans(W, 2, None, method=rd.Optimal(time_budget=yes), diameter_penalty=0.1)
    ],
    "max_iterations": [lambda yes: rd.kmeans(W, 2, method=rd.Lloyd(max_iterations=yes))],
    "rate_penalty": [lambda yes: entropy_constrained_quantizer(W, 2, yes)],
    "weights": [lambda yes: rd.kmeans([yes, 0.5, 2.0], 2), lambda yes: rd.kmeans(np.full(9, yes), 1)],
    "init": [lambda yes: rd.kmeans(W, 2, method=rd.Lloyd(init=[yes, 2.0]))],
    "total_bits": [lambda yes: rd.allocate(CURVE, yes)],
    "bits of group 0": [lambda yes: rd.allocate([([0.0, yes], [1.0, 0.0])], 1.0)],
    "groups": [lambda yes: rd.allocate(yes, 1.0)],
    "n": [lambda yes: rd.GaussianLinearModel(yes, np.ones(4))],
    "noise_variance": [lambda yes: rd.GaussianLinearModel(12, np.ones(4), noise_variance=yes)],
    "covariance": [lambda yes: rd.GaussianLinearModel(12, np.ones(4), covariance=yes)],
    "w_star": [lambda yes: rd.GaussianLinearModel(12, [yes, 1.0, 1.0])],
    "correlation": [lambda yes: rd.ar1_covariance(4, yes)],
    "separation": [lambda yes: rd.two_level_weights(4, yes)],
    "scale": [lambda yes: rd.gaussian_weights(4, seed=1, scale=yes)],
    "seed": [lambda yes: rd.gaussian_weights(4, seed=yes)],
    "num_trials": [lambda yes: rd.simulate(MODEL, {"erm": rd.ERM()}, yes, jax.random.key(1))],
    "rate": [
        lambda yes: rd.Oracle(rate=yes),
        lambda yes: theory.distortion_rate_bound(MODEL, yes),
        lambda yes: theory.distortion_rate_bound(MODEL, [0.5, yes]),
        lambda yes: theory.distortion_rate_bound(MODEL, np.array([yes, yes])),
    ],
    "alpha": [lambda yes: rd.Oracle(alpha=yes), lambda yes: theory.oracle_rate(MODEL, yes)],
    "distortion": [lambda yes: theory.rate_distortion_bound(MODEL, yes)],
    "radius": [lambda yes: theory.proposition1_bound(MODEL, 1.0, yes)],
    "centers": [lambda yes: rd.FixedCodebook([yes, 2.0])],
    "bits": [lambda yes: codes.round_to_bits(W, yes)],
    "values": [lambda yes: codes.round_to_bits(np.array([yes]), 8)],
}


@pytest.mark.parametrize("yes", [True, np.True_], ids=["bool", "numpy"])
@pytest.mark.parametrize("name", CALLS)
def test_a_flag_is_no_number(name: str, yes: object) -> None:
    for call in CALLS[name]:
        with pytest.raises(ValueError, match=name):
            call(yes)


@pytest.mark.parametrize("kind", [DiameterConfig, DigitsConfig, Figure2Config, RateDistortionConfig])
def test_no_option_of_an_experiment_takes_a_flag_for_a_number(kind: type) -> None:
    numbers = 0
    for field in dataclasses.fields(kind):
        default: object = field.default
        if isinstance(default, bool | str) or default is None:
            continue
        numbers += 1
        config = kind(**{field.name: (True,) if isinstance(default, tuple) else True})
        with pytest.raises(ValueError, match=field.name):
            check(config)
    assert numbers >= 4


def check(config: Any) -> None:
    """All of a configuration; that of networks leaves a part to what it is made into."""
    config.check()
    if isinstance(config, DigitsConfig):
        config.ensemble().check()


def test_indicators_may_be_flags() -> None:
    """An importance of zero or one says which weights matter: it is as good as the numbers."""
    h = W > 0
    flags, numbers = rd.kmeans(W, 3, h), rd.kmeans(W, 3, h.astype(float))
    np.testing.assert_array_equal(flags.centers, numbers.centers)
    half = W.astype(np.float16)
    flags, numbers = (
        quantize_tensor(half, QuantizationConfig(num_clusters=3), num_clusters=None, importance=x)
        for x in (h, h.astype(float))
    )
    np.testing.assert_array_equal(flags.codebook, numbers.codebook)


MASKED = np.ma.masked_less(W, -1.0)
HIDDEN = int(np.sum(W < -1.0))  # NumPy's own count
MASKED_CALLS = {
    "quantize_tree": lambda: rd.quantize_tree({"w": MASKED}, 4),
    "a leaf that is not quantised": lambda: rd.quantize_tree(
        {"w": W, "v": MASKED}, rd.QuantizationConfig(num_clusters=4, exclude=("v",))
    ),
    "a leaf of importance": lambda: rd.quantize_tree({"w": W}, 4, importance={"w": MASKED**2}),
    "quantize_tensor": lambda: quantize_tensor(MASKED, QuantizationConfig(num_clusters=4)),
    "importance of a tensor": lambda: quantize_tensor(
        W, QuantizationConfig(num_clusters=4), num_clusters=None, importance=MASKED**2
    ),
    "half precision": lambda: quantize_tensor(MASKED.astype(np.float16), QuantizationConfig(num_clusters=4)),
    "kmeans": lambda: rd.kmeans(MASKED, 4),
    "kmeans of single precision": lambda: rd.kmeans(MASKED.astype(np.float32), 4),
    "importance of kmeans": lambda: rd.kmeans(W, 4, MASKED**2),
    "w_star": lambda: rd.GaussianLinearModel(2000, MASKED),
    "in a list": lambda: _checks.real_array("w_star", [MASKED, MASKED]),
}


@pytest.mark.parametrize("name", MASKED_CALLS)
def test_masks_are_not_lost(name: str) -> None:
    with pytest.raises(ValueError, match=rf"masked entries, got {HIDDEN} of 1200: .*\.filled\(\.\.\.\)"):
        MASKED_CALLS[name]()


def test_a_mask_that_hides_nothing_is_none() -> None:
    plain = rd.kmeans(W, 4)
    np.testing.assert_array_equal(rd.kmeans(np.ma.masked_array(W), 4).labels, plain.labels)
    assert rd.quantize_tree({"w": np.ma.masked_array(W)}, 4).quantized["w"].num_clusters == 4

"""Trellises for few, equal or outlying weights; and what is refused, in words."""

import numpy as np
import pytest

from ratedist.quantizers import TrellisQuantized, decode_trellis, quantize_trellis

# One shape for all: what is compiled once serves them.
N = 1000
w = np.random.default_rng(0).normal(size=N)


def checked(found: TrellisQuantized, weights: np.ndarray) -> TrellisQuantized:
    again = decode_trellis(found.streams, found.levels, found.branches, found.num_states)
    assert np.array_equal(again, found.reconstruction)
    assert again.shape == weights.shape
    return found


@pytest.mark.parametrize("value", [0.0, pytest.param(3.7, marks=pytest.mark.slow), -1e30, 1e-300])
def test_equal_weights_take_one_level_and_no_bits(value: float) -> None:
    weights = np.full(250, value)
    for target in ({"bits_per_weight": 2.0}, {"mean_squared_error": 1e-9}, {"multiplier": 1.0}):
        found = checked(quantize_trellis(weights, **target), weights)
        assert found.label_bits == 0
        assert np.array_equal(found.reconstruction, weights)


def test_two_values_cost_at_most_a_bit() -> None:
    weights = np.sign(w[:250])
    found = checked(quantize_trellis(weights, mean_squared_error=1e-6), weights)
    assert np.array_equal(found.reconstruction, weights)
    assert found.label_bits <= 250


@pytest.mark.parametrize(
    "outlier", [*(pytest.param(one, marks=pytest.mark.slow) for one in (1e6, -1e30)), 1e100]
)
def test_an_outlier_does_not_take_the_levels_of_the_others(outlier: float) -> None:
    weights = w[:250].copy()
    weights[7:9] = outlier, outlier / 3
    found = checked(quantize_trellis(weights, mean_squared_error=0.1), weights)
    assert found.mean_squared_error <= 0.1
    assert found.label_bits < 2 * 250


def test_a_mask_costs_no_more_than_it_may() -> None:
    """Between its own entropy and one level there is nothing, and that is forty nats of price away."""
    weights = np.where(np.arange(N) % 10 == 0, -1e9, w)
    found = checked(quantize_trellis(weights, bits_per_weight=0.3), weights)
    assert found.bits_per_weight <= 0.3
    assert np.unique(found.reconstruction).size == 1


@pytest.mark.parametrize("target", [{"mean_squared_error": 1e-320}, {"multiplier": 1e-300}])
def test_targets_that_are_hardly_numbers(target: dict[str, float]) -> None:
    lattice = np.rint(3 * w)
    assert np.array_equal(quantize_trellis(lattice, **target).reconstruction, lattice)
    with pytest.raises(ValueError, match="more than 4,096 levels"):
        quantize_trellis(np.concatenate([w, w + 1, w + 2, w + 3, w + 4]), **target)
    assert quantize_trellis(1e-290 * w, multiplier=1e300).label_bits == 0


def test_importances_over_forty_decades() -> None:
    h = 10 ** np.random.default_rng(1).uniform(-20, 20, N)
    found = checked(quantize_trellis(w, multiplier=1e17, importance=h), w)
    error = np.abs(w - found.reconstruction)
    assert np.median(error[h > 1e19]) < 0.1 * np.median(error[h < 1])


@pytest.mark.parametrize("size", [1, pytest.param(3, marks=pytest.mark.slow), 1025])
def test_few_weights(size: int) -> None:
    found = checked(quantize_trellis(w[:size], mean_squared_error=0.05), w[:size])
    assert found.mean_squared_error <= 0.05
    if size == 1:
        assert np.array_equal(found.reconstruction, w[:1])


def test_many_bits_for_few_weights_are_not_all_spent() -> None:
    found = checked(quantize_trellis(w[:3], bits_per_weight=1000.0), w[:3])
    assert found.bits_per_weight < 1000
    np.testing.assert_allclose(found.reconstruction, w[:3], rtol=1e-6)


def test_single_precision_and_lists_are_taken_as_they_are() -> None:
    single = w.astype(np.float32)
    one = quantize_trellis(single, multiplier=0.1)
    for other in (single.astype(float), single.tolist()):
        assert np.array_equal(one.reconstruction, quantize_trellis(other, multiplier=0.1).reconstruction)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "exactly one of .* got none"),
        ({"bits_per_weight": 2.0, "multiplier": 1.0}, "exactly one of .* got bits_per_weight and multiplier"),
        ({"bits_per_weight": 0.0}, "bits_per_weight must be one number above zero"),
        ({"mean_squared_error": np.nan}, "mean_squared_error must be finite"),
        ({"multiplier": "1"}, "multiplier must be real numbers"),
        ({"multiplier": 1.0, "num_states": 12}, "power of two from 4 to 256"),
        ({"multiplier": 1.0, "diameter_penalty": 0.5}, "diameter_penalty must be 0 for a trellis"),
        ({"multiplier": 1.0, "importance": np.zeros(N)}, "got all zero"),
        ({"multiplier": 1.0, "importance": np.ones(3)}, "importance must have the shape"),
        ({"multiplier": 1e-14}, "more than 4,096 levels"),
        ({"bits_per_weight": 0.05}, "bits_per_weight must be at least 0.073 for 1000"),
    ],
)
def test_what_cannot_be_is_refused(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        quantize_trellis(w, **options)


@pytest.mark.parametrize("weights", [[], [[1.0, 2.0]], [np.nan], [1e200], ["a"]])
def test_what_are_no_weights_is_refused(weights: list) -> None:
    with pytest.raises(ValueError, match="weights must"):
        quantize_trellis(weights, multiplier=1.0)


@pytest.mark.parametrize(
    ("streams", "levels", "branches", "words"),
    [
        (([0], []), ([1.0],), ([0], []), "levels must be two arrays"),
        (([1], []), ([1.0], []), ([0], []), "labels of stream 0 must be from 0 to 0"),
        (([0], []), ([1.0], []), ([2], []), "branches of union 0 must be 0 or 1"),
        (([0], []), ([1.0, 2.0], []), ([0], []), "arrays of one length"),
        (([0.5], []), ([1.0], []), ([0], []), "stream 0 must be integers"),
        (([], [0]), ([], [1.0]), ([], [0]), "stream 0 ends too early"),
        (([], []), ([], []), ([], []), "at least one label"),
    ],
)
def test_what_is_no_stream_is_refused(streams, levels, branches, words) -> None:
    def whole(part: list) -> np.ndarray:
        return np.array(part) if part else np.zeros(0, np.uint8)

    with pytest.raises(ValueError, match=words):
        decode_trellis([whole(one) for one in streams], levels, branches, 8)

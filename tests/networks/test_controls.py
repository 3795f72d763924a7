import jax
import numpy as np
import pytest

from ratedist.networks import controls
from ratedist.networks.architecture import logits, mlp
from ratedist.networks.calibration import calibrated_loss
from ratedist.networks.losses import evaluate
from ratedist.tensors.config import QuantizationConfig
from ratedist.tensors.tree import quantize_tree
from tests.networks.drawn import drawn

NETWORK = mlp(6, (5,), 3)
PARAMETERS = drawn(NETWORK)
RNG = np.random.default_rng(0)
IMAGES, LABELS = RNG.normal(size=(20, 6)), RNG.integers(0, 3, 20)


def outputs(parameters):
    return np.asarray(logits(NETWORK, parameters, IMAGES))


def test_scaling_weights_and_bias_is_a_temperature():
    scaled = outputs(controls.scale_last_layer(NETWORK, PARAMETERS, 0.4))
    original = outputs(PARAMETERS)
    np.testing.assert_allclose(scaled, original * 0.4, rtol=1e-5, atol=1e-7)
    expected = calibrated_loss(original, LABELS, 1 / 0.4)
    assert evaluate(scaled, LABELS).loss.mean == pytest.approx(expected.mean, rel=1e-6)


def test_scaling_weights_alone_leaves_the_bias():
    scaled = controls.scale_last_layer(NETWORK, PARAMETERS, 0.4, bias=False)
    bias = np.asarray(PARAMETERS["dense2"]["bias"])
    expected = (outputs(PARAMETERS) - bias) * 0.4 + bias
    np.testing.assert_allclose(outputs(scaled), expected, rtol=1e-5, atol=1e-7)
    assert scaled["dense1"] is PARAMETERS["dense1"]
    with pytest.raises(ValueError, match="factor must be one number above zero"):
        controls.scale_last_layer(NETWORK, PARAMETERS, 0.0)


def test_clipping_to_the_range_of_a_codebook():
    compressed = quantize_tree(
        PARAMETERS, QuantizationConfig(num_clusters=2, include=("*.weight",), min_size=1)
    ).reconstruction()
    ranges = controls.weight_ranges(compressed)
    clipped = controls.clip_weights(PARAMETERS, ranges)
    for layer, (low, high) in ranges.items():
        before, after = np.asarray(PARAMETERS[layer]["weight"]), np.asarray(clipped[layer]["weight"])
        inside = (before >= low) & (before <= high)
        assert 0 < inside.sum() < before.size
        np.testing.assert_array_equal(after[inside], before[inside])
        assert np.all(after[before < low] == np.float32(low))
        assert np.all(after[before > high] == np.float32(high))
        assert after.dtype == np.float32
        np.testing.assert_array_equal(clipped[layer]["bias"], PARAMETERS[layer]["bias"])


def test_clipping_to_quantiles():
    everything = controls.clip_weights(PARAMETERS, controls.quantile_ranges(PARAMETERS, 0))
    jax.tree.map(np.testing.assert_array_equal, everything, PARAMETERS)
    ranges = controls.quantile_ranges(PARAMETERS, 0.1)
    weight = np.asarray(PARAMETERS["dense1"]["weight"])
    assert np.sum(weight < ranges["dense1"][0]) == np.sum(weight > ranges["dense1"][1]) == 3
    one = controls.clip_weights(PARAMETERS, {"dense2": ranges["dense2"]})
    assert one["dense1"] is PARAMETERS["dense1"]
    assert np.asarray(one["dense2"]["weight"]).max() == np.float32(ranges["dense2"][1])


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ({"dense9": (0, 1)}, "ranges must be of layers dense1, dense2; got dense9"),
        ({"dense1": (1, 0)}, "range of dense1 must be two rising numbers"),
        ({"dense1": (0, np.nan)}, "range of dense1 must be finite"),
        ({"dense1": (0, 1, 2)}, "range of dense1 must be two rising numbers"),
    ],
)
def test_bad_ranges_are_named(ranges, message):
    with pytest.raises(ValueError, match=message):
        controls.clip_weights(PARAMETERS, ranges)
    with pytest.raises(ValueError, match="tail must lie in"):
        controls.quantile_ranges(PARAMETERS, 0.6)

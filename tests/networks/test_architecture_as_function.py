"""Where a function of parameters and inputs is asked for, an ``Architecture`` stands for its logits."""

import functools

import jax
import numpy as np
import pytest

import ratedist as rd
from tests.networks.drawn import drawn

NETWORK = rd.networks.mlp(4, (), 3)
PARAMETERS = drawn(NETWORK)
RNG = np.random.default_rng(0)
DATA = RNG.normal(size=(6, 4)).astype(np.float32), np.arange(6) % 3
LOGITS = functools.partial(rd.networks.logits, NETWORK)


def leaves_agree(one, other):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    jax.tree.map(np.testing.assert_array_equal, one, other)


def test_quantising_comparing_and_fine_tuning():
    config = rd.QuantizationConfig(num_clusters=2, min_size=1)
    given, meant = (rd.networks.quantize(PARAMETERS, model, DATA, config) for model in (NETWORK, LOGITS))
    leaves_agree(given.parameters, meant.parameters)
    leaves_agree(given.curvature, meant.curvature)
    assert str(given) == str(meant)
    compared = rd.networks.compare(NETWORK, PARAMETERS, given.parameters, DATA)
    assert compared["train_loss"] == given.comparison["train_loss"]
    inputs, labels = (np.asarray(part) for part in DATA)
    z = inputs @ np.asarray(PARAMETERS["dense1"]["weight"]) + np.asarray(PARAMETERS["dense1"]["bias"])[None]
    by_hand = np.log(np.exp(z).sum(axis=1)) - z[np.arange(6), labels]
    np.testing.assert_allclose(rd.networks.sample_losses(NETWORK, PARAMETERS, DATA), by_hand, rtol=1e-5)
    tuned = rd.networks.fine_tune_centers(given, NETWORK, DATA, epochs=0)
    leaves_agree(tuned.parameters, given.parameters)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (rd.networks.Architecture, "function must be .* got the class Architecture itself"),
        (rd.networks.convolutional_network, "got convolutional_network itself: call it"),
        (rd.networks.logits, "got rd.networks.logits: pass the Architecture itself"),
        (None, r"function must be an Architecture or a function of \(parameters, inputs\), got None"),
    ],
)
def test_what_is_neither_is_named(model, message):
    for call in (
        lambda: rd.networks.quantize(PARAMETERS, model, DATA, 2),
        lambda: rd.networks.compare(model, PARAMETERS, PARAMETERS, DATA),
        lambda: rd.networks.sample_losses(model, PARAMETERS, DATA),
        lambda: rd.networks.fine_tune_centers(None, model, DATA),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_what_an_architecture_is_made_of():
    layers = (rd.networks.Convolution("first", 1, 2, pooling=True), rd.networks.Dense("last", 8, 3))
    network = rd.networks.Architecture("small", (4, 4, 1), layers)
    outputs = rd.networks.logits(network, drawn(network), np.ones((2, 4, 4, 1), np.float32))
    assert outputs.shape == (2, 3)
    assert network.num_weights == 3 * 3 * 1 * 2 + 8 * 3

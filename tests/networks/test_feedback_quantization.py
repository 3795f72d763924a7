"""Models quantised with feedback: what a layer's outputs say, budgets, edges, and what is refused."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ratedist as rd
from tests.networks.models import PARAMETERS, TEST, TRAIN, logits_fn

pytestmark = pytest.mark.usefixtures("some_limit")

CURVATURE = jax.tree.map(np.ones_like, PARAMETERS)
BIASES = 4 * 35


def quantize(config, parameters=PARAMETERS, function=logits_fn, data=TRAIN, **options):
    curvature = options.pop("curvature", None) or jax.tree.map(np.ones_like, parameters)
    return rd.networks.quantize(
        parameters, function, data, config, **({"curvature": curvature, "feedback": True} | options)
    )


def of_hidden(found, inputs=TRAIN[0], parameters=PARAMETERS):
    """What becomes of the outputs of the first layer, on average over samples."""
    change = np.asarray(found.parameters["hidden"]["kernel"]) - np.asarray(parameters["hidden"]["kernel"])
    return float(np.mean(np.sum((np.asarray(inputs) @ change) ** 2, axis=1)))


@pytest.fixture(scope="module")
def alike():
    """Inputs that go together, as pixels do."""
    few = np.random.default_rng(3).normal(size=(40, 4)) @ np.random.default_rng(4).normal(size=(4, 40))
    mixing = few + 0.5 * np.eye(40)
    return tuple((samples[0] @ mixing.astype(np.float32), samples[1]) for samples in (TRAIN, TEST))


def test_outputs_change_less_for_no_more_bytes(alike, tmp_path):
    plain = quantize(rd.QuantizationConfig(num_clusters=6, min_size=100), data=alike[0], feedback=False)
    bits = 8 * (plain.tree.file_bytes() - BIASES) / 1350
    config = rd.QuantizationConfig(bits_per_weight=bits, min_size=100)
    found = quantize(config, data=alike[0])
    assert found.tree.file_bytes() <= plain.tree.file_bytes()
    assert of_hidden(found, alike[0][0]) < 0.5 * of_hidden(plain, alike[0][0])
    assert of_hidden(found, alike[1][0]) < 0.5 * of_hidden(plain, alike[1][0])  # on new samples too
    assert found.fed_back == ("hidden.kernel", "output.kernel")
    assert str(found).endswith("feedback: through the inputs of 2 arrays")
    assert plain.fed_back is None
    size = found.save(tmp_path / "model.rdz")
    assert size == found.tree.file_bytes()
    loaded = rd.load_tree(tmp_path / "model.rdz", PARAMETERS)
    np.testing.assert_array_equal(loaded["hidden"]["kernel"], found.parameters["hidden"]["kernel"])


def test_it_is_the_quantiser_with_the_layers_own_second_moment():
    found = quantize(rd.QuantizationConfig(num_clusters=5, min_size=1000))
    tensor = found.tree.quantized["hidden.kernel"]
    kernel = np.asarray(PARAMETERS["hidden"]["kernel"], np.float64)
    moment = TRAIN[0].astype(np.float64).T @ TRAIN[0].astype(np.float64) / len(TRAIN[0])
    middle, half = (kernel.max() + kernel.min()) / 2, np.ptp(kernel) / 2
    tried = []
    for part in 0.8 ** np.arange(16):
        levels = (middle + half * part * np.linspace(-1, 1, 5)).astype(np.float32)
        tried.append(rd.quantizers.quantize_with_feedback(kernel, moment, levels))
    best = min(tried, key=lambda one: one.objective)
    assert best is not tried[0]
    np.testing.assert_array_equal(tensor.labels, best.labels)
    np.testing.assert_allclose(tensor.codebook, best.centers, rtol=1e-6)
    error = (kernel - np.asarray(found.parameters["hidden"]["kernel"], np.float64)).reshape(-1)
    assert tensor.distortion == pytest.approx(np.mean(error**2), rel=1e-5)  # with importances of 1 (+ 1e-6)


@pytest.mark.parametrize(
    ("bits", "coder"), [(4.0, "ans"), pytest.param(9.0, "huffman", marks=pytest.mark.slow)]
)
def test_a_budget_is_kept_and_used(bits, coder):
    found = quantize(rd.QuantizationConfig(bits_per_weight=bits, min_size=100, coder=coder))
    used = 8 * (found.tree.file_bytes() - BIASES) / 1350  # about 3 of the bits are the header
    assert 0.95 * bits <= used <= bits


def test_a_budget_goes_where_the_curvature_is():
    counts = {}
    for factor in (1e-4, 1e4):
        curvature = {**CURVATURE, "output": jax.tree.map(lambda h: h * factor, CURVATURE["output"])}  # noqa: B023
        found = quantize(rd.QuantizationConfig(bits_per_weight=5.5, min_size=100), curvature=curvature)
        counts[factor] = {name: one.num_clusters for name, one in found.tree.quantized.items()}
    assert counts[1e-4]["output.kernel"] < counts[1e4]["output.kernel"]
    assert counts[1e-4]["hidden.kernel"] > counts[1e4]["hidden.kernel"]


@pytest.mark.slow
def test_layers_of_other_sizes_share_a_budget_as_before():
    """Weights of a layer by a power of two, those after it by its inverse: the same network."""
    config, counts = rd.QuantizationConfig(bits_per_weight=6.0, min_size=100), {}
    for exponent in (0, 30):
        scaled = {
            name: {**PARAMETERS[name], "kernel": jnp.ldexp(PARAMETERS[name]["kernel"], by)}
            for name, by in (("hidden", exponent), ("output", -exponent))
        }
        curvature = {
            name: {**CURVATURE[name], "kernel": np.ldexp(CURVATURE[name]["kernel"], -2 * by)}
            for name, by in (("hidden", exponent), ("output", -exponent))
        }
        found = quantize(config, scaled, curvature=curvature)
        counts[exponent] = {name: one.num_clusters for name, one in found.tree.quantized.items()}
    assert min(counts[0].values()) > 2
    assert counts[30] == counts[0]


def test_a_budget_that_cannot_be_met_says_which_can():
    with pytest.raises(ValueError, match=r"bits_per_weight must be at least [0-9.]+ .* got 0.01") as error:
        quantize(rd.QuantizationConfig(bits_per_weight=0.01, min_size=100))
    least = float(str(error.value).split("at least ")[1].split()[0])
    found = quantize(rd.QuantizationConfig(bits_per_weight=least, min_size=100))
    assert 8 * (found.tree.file_bytes() - BIASES) <= least * 1350


def test_biases_are_rounded_to_the_nearest():
    parameters = jax.tree.map(lambda leaf: leaf, PARAMETERS)
    bias = np.random.default_rng(1).normal(size=30).astype(np.float32)
    parameters["hidden"] = {**parameters["hidden"], "bias": jnp.asarray(bias)}
    found = quantize(rd.QuantizationConfig(num_clusters=4, min_size=30), parameters)
    assert found.fed_back == ("hidden.kernel", "output.kernel")
    assert str(found).endswith("feedback: through the inputs of 2 arrays; without it: hidden.bias")
    tensor = found.tree.quantized["hidden.bias"]
    after = np.asarray(found.parameters["hidden"]["bias"])
    # Refitted levels are the means of what was rounded to them, and equal spacing came before.
    for k in range(tensor.num_clusters):
        assert tensor.codebook[k] == pytest.approx(bias[tensor.labels == k].mean(), rel=1e-5)
    assert np.mean((after - bias) ** 2) < 0.25 * np.var(bias)


def test_dead_inputs_and_a_dead_layer(alike):
    """Inputs that are 0 in all samples get the cheapest label; so do all of a layer after dead units."""
    inputs = TRAIN[0].copy()
    inputs[:, 5:9] = 0.0
    config = rd.QuantizationConfig(num_clusters=6, min_size=100)
    found = quantize(config, data=(inputs, TRAIN[1]))
    labels = found.tree.quantized["hidden.kernel"].labels.reshape(40, 30)
    rest = np.delete(labels, np.arange(5, 9), axis=0)
    assert np.unique(labels[5:9]).tolist() == [np.argmax(np.bincount(rest.reshape(-1)))]
    killed = jax.tree.map(lambda leaf: leaf, PARAMETERS)
    killed["hidden"] = {"kernel": PARAMETERS["hidden"]["kernel"], "bias": jnp.full(30, -1e4)}
    for options in (config, rd.QuantizationConfig(bits_per_weight=5.5, min_size=100)):
        dead = quantize(options, killed)
        assert dead.tree.quantized["output.kernel"].num_clusters == 1
        assert dead.tree.quantized["hidden.kernel"].num_clusters > 1
        assert dead.comparison["train_loss"].difference.mean == 0.0


def test_fewer_samples_than_inputs_constants_and_one_level():
    few = (TRAIN[0][:7], TRAIN[1][:7])
    found = quantize(rd.QuantizationConfig(num_clusters=6, min_size=100), data=few)
    assert of_hidden(found, few[0]) < 0.5 * of_hidden(
        quantize(rd.QuantizationConfig(num_clusters=6, min_size=100), data=few, feedback=False), few[0]
    )
    one = quantize(rd.QuantizationConfig(num_clusters=1, min_size=100))
    assert [tensor.num_clusters for tensor in one.tree.quantized.values()] == [1, 1]
    constant = jax.tree.map(jnp.ones_like, PARAMETERS)
    for config in (
        rd.QuantizationConfig(num_clusters=4, min_size=100),
        rd.QuantizationConfig(bits_per_weight=4.0, min_size=100),
    ):
        same = quantize(config, constant)
        np.testing.assert_array_equal(same.parameters["hidden"]["kernel"], 1.0)


@pytest.mark.parametrize("dtype", [jnp.float16, pytest.param(jnp.bfloat16, marks=pytest.mark.slow)])
def test_half_precision(dtype):
    half = jax.tree.map(lambda leaf: leaf.astype(dtype), PARAMETERS)
    found = quantize(rd.QuantizationConfig(bits_per_weight=6.0, min_size=100), half)
    tensor = found.tree.quantized["hidden.kernel"]
    assert (tensor.dtype, tensor.codebook.dtype) == (dtype, dtype)
    outputs = np.mean(np.sum((TRAIN[0] @ np.asarray(half["hidden"]["kernel"], np.float32)) ** 2, axis=1))
    assert 0 < of_hidden(found, parameters=half) < 0.1 * outputs


@pytest.mark.slow
def test_a_scaled_model_has_the_same_labels():
    """Weights of another size beside inputs of another size, as far as single precision goes."""
    config = rd.QuantizationConfig(num_clusters=6, min_size=1000)
    expected = quantize(config).tree.quantized["hidden.kernel"]
    for exponent in (-40, 40):
        scaled = jax.tree.map(lambda leaf: leaf, PARAMETERS)
        scaled["hidden"] = {**scaled["hidden"], "kernel": jnp.ldexp(scaled["hidden"]["kernel"], exponent)}
        found = quantize(config, scaled, data=(np.ldexp(TRAIN[0], -exponent), TRAIN[1]))
        np.testing.assert_array_equal(found.tree.quantized["hidden.kernel"].labels, expected.labels)


@pytest.mark.parametrize(
    "options",
    [
        {"method": "lloyd"},
        {"diameter_penalty": 1.0},
        {"block_length": 2},
        {"rank": 2},
        {"prune": 0.5},
        {"rank_budget": 2.0},
        {"bits_per_weight": 2.0, "min_clusters": 3},
    ],
)
def test_options_that_feedback_has_no_use_for(options):
    name = list(options)[-1]
    with pytest.raises(ValueError, match=f"{name} must not be given beside feedback"):
        quantize(rd.QuantizationConfig(**options))
    fields = {field.name for field in dataclasses.fields(rd.QuantizationConfig)}
    if "trellis" in fields:
        with pytest.raises(ValueError, match="trellis must not be given beside feedback"):
            quantize(rd.QuantizationConfig(trellis=8))
    with pytest.raises(ValueError, match="feedback must be True or False"):
        quantize(4, feedback="yes")

"""What layers take in, found by walking through a function, against the inputs that are known."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ratedist as rd
from ratedist.networks.layer_inputs import layer_inputs

RNG = np.random.default_rng(0)
X = RNG.normal(size=(11, 6)).astype(np.float32)


def weights(*shape):
    return jax.device_put(RNG.normal(size=shape).astype(np.float32))


def second_moment(x):
    flat = np.asarray(x, np.float64).reshape(-1, x.shape[-1])
    return flat.T @ flat / len(X)


def test_convolutions_and_dense_layers_as_layer_statistics_has_them(small_network):
    network, parameters, images, _ = small_network
    found = layer_inputs(functools.partial(rd.networks.logits, network), parameters, images)
    expected = rd.networks.layer_statistics(network, parameters, images)
    assert found.keys() == {f"{layer}.weight" for layer in expected}
    for layer, statistics in expected.items():
        one, weight = found[f"{layer}.weight"], np.asarray(parameters[layer]["weight"])
        # Row of W as the layer's own statistics count them, for each row as counted here.
        rows = one.matrix(np.arange(weight.size).reshape(weight.shape))[:, 0] // weight.shape[-1]
        reference = statistics.input_second_moment[np.ix_(rows, rows)]
        np.testing.assert_allclose(one.second_moment, reference, rtol=1e-6, atol=1e-6)
        np.testing.assert_array_equal(one.array(one.matrix(weight), weight.shape), weight)


def test_the_cost_of_an_error_is_what_the_outputs_say():
    """Strides, padding and dilation of a convolution: the error of its outputs, computed directly."""
    kernel, error, images = weights(3, 2, 2, 4), weights(3, 2, 2, 4), weights(11, 7, 6, 2)

    def convolved(parameters, images):
        return jax.lax.conv_general_dilated(
            images,
            parameters["kernel"],
            (2, 1),
            ((1, 0), (2, 1)),
            rhs_dilation=(1, 2),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )

    found = layer_inputs(convolved, {"kernel": kernel}, images)["kernel"]
    E = found.matrix(np.asarray(error, np.float64))
    directly = float(jnp.sum(convolved({"kernel": error}, images) ** 2)) / 11
    assert np.trace(E.T @ found.second_moment @ E) == pytest.approx(directly, rel=1e-5)


def test_models_written_in_other_ways():
    """Weights the other way round, mapped over samples, inside a compiled or a checkpointed function."""
    parameters = {
        "torch": weights(5, 6),
        "mapped": weights(4, 5),
        "inside": weights(4, 3),
        "scale": weights(3),
    }

    @jax.jit
    def inside(w, x):
        return jax.checkpoint(lambda w, x: jax.nn.gelu(x) @ w)(w, x)

    def model(p, x):
        hidden = jax.nn.relu(x @ p["torch"].T)
        hidden = jax.vmap(lambda one: p["mapped"].astype(jnp.float32) @ one)(hidden)
        return inside(p["inside"], hidden) * p["scale"][None]

    found = layer_inputs(model, parameters, X)
    assert found.keys() == {"torch", "mapped", "inside"}
    first = jax.nn.relu(X @ parameters["torch"].T)
    second = first @ parameters["mapped"].T
    for name, x in (("torch", X), ("mapped", first), ("inside", jax.nn.gelu(second))):
        np.testing.assert_allclose(found[name].second_moment, second_moment(np.asarray(x)), rtol=1e-4)
    assert found["torch"].matrix(np.asarray(parameters["torch"])).shape == (6, 5)
    assert found["inside"].matrix(np.asarray(parameters["inside"])).shape == (4, 3)


def test_several_axes_and_tokens():
    heads, tokens = weights(6, 2, 3), weights(11, 7, 6)
    found = layer_inputs(lambda p, x: jnp.einsum("btd,dhk->bthk", x, p["heads"]), {"heads": heads}, tokens)
    assert found["heads"].input_axes == (0,)
    np.testing.assert_allclose(found["heads"].second_moment, second_moment(np.asarray(tokens)), rtol=1e-5)
    back = weights(2, 3, 6)
    mixed = layer_inputs(
        lambda p, x: jnp.einsum("bthk,hkd->btd", x, p["back"]), {"back": back}, weights(11, 7, 2, 3)
    )
    assert mixed["back"].input_axes == (0, 1)
    assert mixed["back"].second_moment.shape == (6, 6)


def test_used_twice_the_moments_add_up_and_used_as_two_matrices_it_is_left_out():
    square = {"w": weights(6, 6)}
    twice = layer_inputs(lambda p, x: (x @ p["w"]) @ p["w"], square, X)
    expected = second_moment(X) + second_moment(np.asarray(X @ square["w"]))
    np.testing.assert_allclose(twice["w"].second_moment, expected, rtol=1e-4)
    assert layer_inputs(lambda p, x: (x @ p["w"]) @ p["w"].T, square, X) == {}


def test_what_is_no_layer_is_left_out():
    parameters = {"bias": weights(6), "table": weights(4, 6), "loop": weights(6, 6), "twice": weights(6, 6)}

    def model(p, x):
        hidden = x + p["bias"][None] + p["table"][jnp.zeros(len(x), jnp.int32)]
        hidden, _ = jax.lax.scan(lambda h, _: (h @ p["loop"], None), hidden, None, length=2)
        return hidden @ (2 * p["twice"])

    assert layer_inputs(model, parameters, X) == {}


@pytest.mark.parametrize(
    "model",
    [
        lambda p, x: (x @ p["w"])[:, :3] + p["w"][jnp.zeros(len(x), jnp.int32)][:, :3],  # an embedding too
        lambda p, x: jnp.sum((x @ p["w"]) ** 2, axis=1) + jnp.sum(p["w"] ** 2),  # a penalty too
        lambda p, x: jax.lax.scan(lambda h, _: (h @ p["w"], None), x @ p["w"], None, length=2)[0],
        lambda p, x: (x @ p["w"], p["w"]),
        lambda p, x: x @ (p["w"].T @ p["w"]),
    ],
)
def test_used_in_another_way_as_well_it_is_left_out(model):
    assert layer_inputs(model, {"w": weights(6, 6)}, X) == {}


@pytest.mark.parametrize("chunk", [4, 100])
def test_a_product_with_what_does_not_depend_on_the_samples_is_no_layer(chunk):
    """A fixed rotation of weights: what they are multiplied with is no input of theirs."""
    rotation, parameters = weights(6, 6), {"w": weights(6, 5), "out": weights(5, 2)}
    found = layer_inputs(lambda p, x: x @ (rotation @ p["w"]) @ p["out"], parameters, X, chunk=chunk)
    assert found.keys() == {"out"}


def test_a_mean_over_samples_of_any_number_at_a_time():
    model, parameters = (lambda p, x: x @ p["w"]), {"w": weights(6, 2)}
    for chunk in (4, 100):
        found = layer_inputs(model, parameters, X, chunk=chunk)["w"]
        np.testing.assert_allclose(found.second_moment, second_moment(X), rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="chunk must be"):
        layer_inputs(model, parameters, X, chunk=0)
    with pytest.raises(ValueError, match="what 'w' is multiplied with must be finite"):
        layer_inputs(model, parameters, np.where(X > 1, np.nan, X))

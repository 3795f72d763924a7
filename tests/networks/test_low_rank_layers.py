"""Layers of low rank: second moments against gradients of JAX, projections in their own metrics, factors."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ratedist.lowrank import Metric
from ratedist.networks.architecture import affine, logits, mlp
from ratedist.networks.assessment import predict
from ratedist.networks.curvature.diagonals import empirical_fisher_diagonal, gauss_newton_diagonal
from ratedist.networks.low_rank import (
    WEIGHTINGS,
    factorize,
    layer_matrix,
    layer_metric,
    multiplied,
    quantize_factors,
    weight_bits,
)
from ratedist.networks.second_moments import layer_statistics
from tests.networks.drawn import drawn

NETWORK = mlp(6, (5, 4), 3)
PARAMETERS = drawn(NETWORK)
RNG = np.random.default_rng(1)
IMAGES = RNG.normal(size=(23, 6)).astype(np.float32)
IMAGES[:, 2] = 0.0  # a pixel that is always dark
LABELS = RNG.integers(0, 3, 23)


@pytest.fixture(scope="module")
def statistics():
    return layer_statistics(NETWORK, PARAMETERS, IMAGES, chunk=7)


def forward(parameters, x):
    """Inputs of the layers and outputs, by NumPy in float64."""
    inputs = []
    for place, name in enumerate(parameters):
        inputs.append(x)
        x = x @ np.asarray(parameters[name]["weight"], float) + np.asarray(parameters[name]["bias"], float)
        x = np.maximum(x, 0) if place < len(parameters) - 1 else x
    return inputs, x


def probabilities(z):
    p = np.exp(z - z.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def loss_gradients(temperature=1.0):
    """Of every image and label, with the label's probability: derivatives of −ln p_y by each bias."""
    p = probabilities(forward(PARAMETERS, IMAGES.astype(float))[1] / temperature)

    def loss(parameters, x, y):
        return -jax.nn.log_softmax(logits(NETWORK, parameters, x[None])[0] / temperature)[y]

    gradient = jax.jit(jax.grad(loss))
    for n, y in itertools.product(range(len(IMAGES)), range(3)):
        yield p[n, y] / len(IMAGES), gradient(PARAMETERS, IMAGES[n], y)


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_exact_fisher_is_the_mean_over_labels_of_gradients(temperature: float) -> None:
    found = layer_statistics(NETWORK, PARAMETERS, IMAGES, temperature=temperature, chunk=7)
    second = dict.fromkeys(PARAMETERS, 0.0)
    rows = dict.fromkeys(PARAMETERS, 0.0)
    for weight, gradient in loss_gradients(temperature):
        for name, arrays in gradient.items():
            g = np.asarray(arrays["bias"], float)  # of the layer's outputs
            second[name] = second[name] + weight * np.outer(g, g)
            rows[name] = rows[name] + weight * np.sum(np.asarray(arrays["weight"], float) ** 2, axis=0)
    inputs = forward(PARAMETERS, IMAGES.astype(float))[0]
    for (name, one), a in zip(found.items(), inputs, strict=True):
        np.testing.assert_allclose(one.gradient_second_moment, second[name], rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(one.fisher_row_sums, rows[name], rtol=1e-4)
        np.testing.assert_allclose(one.input_second_moment, a.T @ a / len(a), rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(one.input_magnitude, np.abs(a).mean(axis=0), rtol=1e-5, atol=1e-7)


def test_empirical_fisher_takes_the_labels() -> None:
    found = layer_statistics(NETWORK, PARAMETERS, IMAGES, LABELS, fisher="empirical")
    z = forward(PARAMETERS, IMAGES.astype(float))[1]
    g = probabilities(z) - np.eye(3)[LABELS]
    np.testing.assert_allclose(found["dense3"].gradient_second_moment, g.T @ g / len(g), rtol=1e-5, atol=1e-8)
    diagonal = empirical_fisher_diagonal(NETWORK, PARAMETERS, IMAGES, LABELS)
    for name, one in found.items():
        np.testing.assert_allclose(one.fisher_row_sums, diagonal[name]["weight"].sum(0), rtol=1e-5)


def test_convolutions_count_pixels(small_network) -> None:
    network, parameters, images, _ = small_network
    found = layer_statistics(network, parameters, images, chunk=3)
    diagonal = gauss_newton_diagonal(network, parameters, images)
    for layer in network.layers:
        sums = diagonal[layer.name]["weight"].reshape(-1, layer.outputs).sum(axis=0)
        np.testing.assert_allclose(found[layer.name].fisher_row_sums, sums, rtol=1e-10)
    # A convolution is its matrix times what each pixel sees: here by hand, for all pixels of the first layer.
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    seen = [padded[n, i : i + 3, j : j + 3].reshape(-1) for n in range(7) for i in range(4) for j in range(4)]
    a = np.array(seen)
    np.testing.assert_allclose(found["conv1"].input_second_moment, a.T @ a / 7, rtol=1e-12)
    np.testing.assert_allclose(found["conv1"].input_magnitude, np.abs(a).sum(axis=0) / 7, rtol=1e-12)
    W = layer_matrix(network.layers[0], parameters["conv1"]["weight"])
    convolved = affine(network.layers[0], parameters["conv1"], jnp.asarray(images))
    bias = np.asarray(parameters["conv1"]["bias"])
    np.testing.assert_allclose((a @ W.T).reshape(convolved.shape) + bias, convolved, rtol=1e-10)


def test_one_softmax_layer_of_one_input_is_the_whole_fisher() -> None:
    """With one input of size 1 the Kronecker product is exact: the distortion is twice the divergence."""
    network = mlp(1, (), 3)
    parameters = drawn(network, 3)
    images = np.ones((4, 1), np.float32)
    metric = layer_metric("kronecker", layer_statistics(network, parameters, images)["dense1"], damping=0.0)
    weight = np.asarray(parameters["dense1"]["weight"], float)
    bias = np.asarray(parameters["dense1"]["bias"], float)
    change = 1e-3 * np.array([[1.0, -2.0, 0.5]])
    p, q = (probabilities(w + bias)[0] for w in (weight, weight + change))
    divergence = np.sum(p * np.log(p / q))
    half = metric.distortion(weight.T, (weight + change).T) / 2
    assert half == pytest.approx(divergence, rel=2e-3)  # third order in the change


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_each_projection_is_best_in_its_own_metric(statistics, weighting: str) -> None:
    for name in ("dense1", "dense2"):
        W = np.asarray(PARAMETERS[name]["weight"], float).T
        own = layer_metric(weighting, statistics[name])
        distortions = {}
        for other in WEIGHTINGS:
            metrics = {name: layer_metric(other, statistics[name])}
            factors = factorize(NETWORK, PARAMETERS, {name: 2}, metrics)
            product = np.asarray(multiplied(NETWORK, factors)[name]["weight"], float).T
            distortions[other] = own.distortion(W, product)
        assert all(distortions[weighting] <= (1 + 1e-5) * one for one in distortions.values())
        assert math.isclose(distortions[weighting], sum(eckart_young(W, own)[2:] ** 2), rel_tol=1e-4)


def eckart_young(W: np.ndarray, metric: Metric) -> np.ndarray:
    """Singular values in the metric, by square roots of both matrices."""

    def root(one, size):
        matrix = np.eye(size) if one is None else np.diag(one) if one.ndim == 1 else one
        values, vectors = np.linalg.eigh(matrix)
        return vectors * np.sqrt(values.clip(0)) @ vectors.T

    o, d = W.shape
    return np.linalg.svd(root(metric.left, o) @ W @ root(metric.right, d), compute_uv=False)


def test_dead_pixels_and_dead_units_are_everyday(statistics) -> None:
    assert not statistics["dense1"].input_second_moment[2].any()
    parameters = {name: dict(arrays) for name, arrays in PARAMETERS.items()}
    parameters["dense1"]["bias"] = parameters["dense1"]["bias"].at[1].set(-100.0)  # never active
    found = layer_statistics(NETWORK, parameters, IMAGES)
    assert not found["dense1"].gradient_second_moment[1].any()
    assert not found["dense2"].input_second_moment[1].any()
    for weighting, damping in itertools.product(WEIGHTINGS, (0.0, 1e-3)):
        metrics = {name: layer_metric(weighting, one, damping) for name, one in found.items()}
        factors = factorize(NETWORK, parameters, 2, metrics)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(factors))


@pytest.mark.parametrize(
    ("layer", "key", "factor", "offset"),
    [("dense2", "bias", 1.0, -100.0), ("dense3", "weight", 3000.0, 0.0), ("dense1", "weight", 0.0, 0.0)],
    ids=["no unit is ever active", "certain of everything", "no weights"],
)
def test_layers_that_nothing_depends_on(layer: str, key: str, factor: float, offset: float) -> None:
    parameters = {name: dict(arrays) for name, arrays in PARAMETERS.items()}
    parameters[layer][key] = factor * parameters[layer][key] + offset
    found = layer_statistics(NETWORK, parameters, IMAGES)
    for weighting, damping in itertools.product(WEIGHTINGS, (0.0, 1e-3)):
        metrics = {name: layer_metric(weighting, one, damping) for name, one in found.items()}
        for name, arrays in multiplied(NETWORK, factorize(NETWORK, parameters, 2, metrics)).items():
            size = np.linalg.norm(np.asarray(parameters[name]["weight"], float))
            assert np.linalg.norm(np.asarray(arrays["weight"], float)) <= 3 * size


def test_full_rank_changes_nothing_and_factors_are_the_network_of_their_product() -> None:
    for rank in (5, 100):
        same = factorize(NETWORK, PARAMETERS, rank)
        assert all(same[name] is arrays for name, arrays in PARAMETERS.items())
    factors = factorize(NETWORK, PARAMETERS, 2)
    left, right = (np.asarray(factors["dense1"][key], float) for key in ("left", "right"))
    np.testing.assert_allclose(left.T @ left, right @ right.T, atol=1e-6)  # balanced
    np.testing.assert_allclose(left.T @ left, np.diag(np.diag(left.T @ left)), atol=1e-6)
    assert factors["dense3"] is PARAMETERS["dense3"]
    product = multiplied(NETWORK, factors)
    np.testing.assert_allclose(
        predict(NETWORK, factors, IMAGES), forward(product, IMAGES.astype(float))[1], rtol=1e-5, atol=1e-6
    )
    assert {key: one.shape for key, one in product["dense1"].items()} == {"weight": (6, 5), "bias": (5,)}


def test_factors_of_convolutions(small_network) -> None:
    network, parameters, images, _ = small_network
    factors = factorize(network, parameters, {"conv2": 1, "dense1": 1})
    product = multiplied(network, factors)
    assert product["conv2"]["weight"].shape == network.layers[1].weight_shape
    assert np.linalg.matrix_rank(layer_matrix(network.layers[1], product["conv2"]["weight"])) == 1
    np.testing.assert_allclose(
        predict(network, factors, images), predict(network, product, images), rtol=1e-9
    )


def test_quantised_factors_and_their_bits() -> None:
    factors = factorize(NETWORK, PARAMETERS, 2)
    assert weight_bits(PARAMETERS) == 32 * (6 * 5 + 5 * 4 + 4 * 3)
    assert weight_bits(factors) == 32 * (2 * (6 + 5) + 2 * (5 + 4) + 4 * 3)
    tree = quantize_factors(factors, 4)
    new = tree.reconstruction()
    for arrays in new.values():
        for key, array in arrays.items():
            if key != "bias":
                assert len(np.unique(array)) <= 4
    np.testing.assert_array_equal(new["dense1"]["bias"], PARAMETERS["dense1"]["bias"])
    assert set(tree.quantized) == {
        "dense1.left", "dense1.right", "dense2.left", "dense2.right", "dense3.weight"
    }  # fmt: skip


def test_refusals(statistics) -> None:
    with pytest.raises(ValueError, match="'dense9' is no layer; there are dense1, dense2, dense3"):
        factorize(NETWORK, PARAMETERS, {"dense9": 1})
    with pytest.raises(ValueError, match="rank must be at least 1"):
        factorize(NETWORK, PARAMETERS, 0)
    with pytest.raises(ValueError, match="weight of dense1 must have shape"):
        factorize(mlp(7, (5, 4), 3), PARAMETERS, 2)
    with pytest.raises(ValueError, match='fisher="empirical" needs labels'):
        layer_statistics(NETWORK, PARAMETERS, IMAGES, fisher="empirical")
    with pytest.raises(ValueError, match="temperature"):
        layer_statistics(NETWORK, PARAMETERS, IMAGES, temperature=0.0)
    with pytest.raises(ValueError, match="inputs must have shape"):
        layer_statistics(NETWORK, PARAMETERS, IMAGES[:, :3])
    with pytest.raises(ValueError, match="damping must"):
        layer_metric("kronecker", statistics["dense1"], damping=-1.0)
    with pytest.raises(ValueError, match="weighting must be"):
        layer_metric("hessian", statistics["dense1"])

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ratedist.networks import losses
from ratedist.networks.architecture import logits, mlp
from ratedist.networks.curvature import architectures
from ratedist.networks.curvature import pytrees as generic
from tests.networks.drawn import flat

RNG = np.random.default_rng(2)
# A model of somebody else's: smooth, nested, with leaves that are no weights; two inputs a sample.
MODEL = {
    "layers": [RNG.normal(size=(3, 4)), RNG.normal(size=(4, 3))],
    "activation": jnp.tanh,
    "steps": np.arange(3),
}
INPUTS = {"x": RNG.normal(size=(5, 3)), "offset": RNG.normal(size=5)}
LABELS = np.array([0, 1, 2, 1, 0])


def model_logits(model, inputs):
    hidden = model["activation"](inputs["x"] @ model["layers"][0] + inputs["offset"][:, None])
    return hidden @ model["layers"][1]


def of_layers(vector):
    return {**MODEL, "layers": [vector[:12].reshape(3, 4), vector[12:].reshape(4, 3)]}


@pytest.fixture(scope="module")
def by_hand():
    """The Jacobian of the logits, probabilities and losses, all at once."""

    @jax.jit
    def together(vector):
        z = model_logits(of_layers(vector), INPUTS)
        J = jax.jacrev(lambda v: model_logits(of_layers(v), INPUTS))(vector)
        return J, jax.nn.softmax(z), losses.cross_entropy(z, jnp.asarray(LABELS))

    return tuple(map(np.asarray, together(flat(MODEL["layers"]))))


def test_gauss_newton_of_a_smooth_model(by_hand):
    J, p, _ = by_hand
    H = p[:, :, None] * np.eye(3) - p[:, :, None] * p[:, None, :]
    expected = np.einsum("nij,nik,nkj->j", J, H, J) / 5
    for options in ({"chunk": 2}, {"chunk": 2, "leaf_by_leaf": True}):
        found = generic.gauss_newton_diagonal(model_logits, MODEL, INPUTS, **options)
        np.testing.assert_allclose(flat(found["layers"]), expected, rtol=1e-9)
        assert found["activation"] is MODEL["activation"]
        assert found["steps"] is MODEL["steps"]
        assert found["layers"][0].dtype == np.float64


def test_squared_loss_and_fisher_of_a_smooth_model(by_hand):
    J, p, loss = by_hand
    g = np.einsum("ni,nij->nj", p - np.eye(3)[LABELS], J)
    H = p[:, :, None] * np.eye(3) - p[:, :, None] * p[:, None, :]
    expected = 2 * np.mean(g**2, axis=0) + 2 * np.einsum("n,nij,nik,nkj->j", loss, J, H, J) / 5
    found = generic.squared_loss_hessian_diagonal(model_logits, MODEL, INPUTS, LABELS)
    np.testing.assert_allclose(flat(found["layers"]), expected, rtol=1e-9)

    def loss_fn(model, samples):
        inputs, labels = samples
        return losses.cross_entropy(model_logits(model, inputs), labels)

    found = generic.empirical_fisher_diagonal(loss_fn, MODEL, (INPUTS, LABELS), chunk=4)
    np.testing.assert_allclose(flat(found["layers"]), np.mean(g**2, axis=0), rtol=1e-9)


@pytest.mark.slow
def test_the_fast_path_says_the_same(small_network):
    network, parameters, images, labels = small_network

    def logits_fn(parameters, images):
        return logits(network, parameters, images)

    slow = generic.squared_loss_hessian_diagonal(logits_fn, parameters, images, labels, chunk=3)
    fast = architectures.squared_loss_hessian_diagonal(*small_network, chunk=3)
    np.testing.assert_allclose(flat(slow), flat(fast), rtol=1e-9, atol=1e-25)


def test_half_precision_does_not_underflow():
    model = {"w": jnp.full((3, 2), 0.5, jnp.float16)}
    inputs = np.full((2, 3), 1e-4, np.float16)
    found = generic.gauss_newton_diagonal(lambda model, x: x @ model["w"], model, inputs)
    np.testing.assert_allclose(found["w"], 0.25e-8, rtol=1e-2)
    layers = {"dense1": {"weight": model["w"], "bias": jnp.zeros(2, jnp.float16)}}
    found = architectures.gauss_newton_diagonal(mlp(3, (), 2), layers, inputs)
    np.testing.assert_allclose(found["dense1"]["weight"], 0.25e-8, rtol=1e-2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inputs": {"x": np.zeros((5, 3)), "offset": np.zeros(4)}}, "of one length above zero"),
        ({"inputs": {"x": np.zeros((0, 3)), "offset": np.zeros(0)}}, "of one length above zero"),
        ({"parameters": {"layers": 3}}, "at least one floating-point array"),
        ({"labels": np.full(5, 3)}, "labels must be 5 integers from 0 to 2"),
        ({"logits_fn": lambda model, inputs: model_logits(model, inputs)[0]}, "must return logits, shape"),
        ({"chunk": 0}, "chunk must be at least 1"),
    ],
)
def test_bad_input_is_named(change, message):
    arguments = {"logits_fn": model_logits, "parameters": MODEL, "inputs": INPUTS, "labels": LABELS} | change
    with pytest.raises(ValueError, match=message):
        generic.squared_loss_hessian_diagonal(**arguments)


def test_a_mean_loss_is_refused():
    with pytest.raises(ValueError, match="the loss of each sample"):
        generic.empirical_fisher_diagonal(lambda w, x: jnp.mean(w * x), jnp.ones(()), np.ones(3))


@pytest.mark.slow
def test_a_random_part_is_what_the_exact_path_makes_of_it(small_network):
    network, parameters, images, _ = small_network
    key = jax.random.key(3)
    expected = architectures.sample_gauss_newton_diagonal(network, parameters, images, 4, key)

    def logits_fn(parameters, images):
        return logits(network, parameters, images)

    found = generic.sample_diagonal(logits_fn, parameters, images, 4, key, chunk=3)
    np.testing.assert_array_equal(found.samples, expected.images)
    np.testing.assert_allclose(flat(found.diagonal), flat(expected.diagonal), rtol=1e-9, atol=1e-15)
    for layer, arrays in expected.errors.items():
        for name, error in arrays.items():
            other = found.errors[f"{layer}.{name}"]
            assert (other.mean, other.median) == pytest.approx((error.mean, error.median), rel=1e-6)


def test_a_random_part_of_losses():
    def loss_fn(model, batch):
        return losses.cross_entropy(model_logits(model, batch[0]), batch[1])

    everything = generic.sample_diagonal(
        loss_fn, MODEL, (INPUTS, LABELS), 5, jax.random.key(0), returns="loss"
    )
    fisher = generic.empirical_fisher_diagonal(loss_fn, MODEL, (INPUTS, LABELS))
    np.testing.assert_allclose(flat(everything.diagonal["layers"]), flat(fisher["layers"]), rtol=1e-12)
    assert everything.errors == {f"layers.{i}": architectures.SamplingError(0.0, 0.0) for i in (0, 1)}
    one, other = (
        generic.sample_diagonal(model_logits, MODEL, INPUTS, 3, jax.random.key(1), leaf_by_leaf=by_leaf)
        for by_leaf in (False, True)
    )
    for name, error in one.errors.items():
        assert dataclasses.astuple(error) == pytest.approx(dataclasses.astuple(other.errors[name]))
    for size, message in ((1, "size must be at least 2"), (6, "at most the 5 samples")):
        with pytest.raises(ValueError, match=message):
            generic.sample_diagonal(model_logits, MODEL, INPUTS, size, jax.random.key(0))

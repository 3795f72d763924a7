"""Going on from given parameters, with factors too, and training at a rank from the first step on."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ratedist.networks.architecture import initialize, logits, mlp
from ratedist.networks.low_rank import factorize, multiplied
from ratedist.networks.thresholded_training import train_thresholded
from ratedist.networks.training import Recipe, train
from tests.networks.drawn import drawn

NETWORK = mlp(6, (8, 7), 3)
RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, 30)
IMAGES = (RNG.normal(size=(30, 6)) + LABELS[:, None]).astype(np.float32)
RECIPE = Recipe(learning_rate=0.05, batch_size=5, epochs=4, dropout=0.0, weight_decay=0.0)
WHOLE = Recipe(learning_rate=0.05, batch_size=30, epochs=2, momentum=0.0, dropout=0.0, weight_decay=0.0)
KEY = jax.random.key(0)


@jax.jit
def mean_loss(parameters):
    z = logits(NETWORK, parameters, jnp.asarray(IMAGES))
    return optax.softmax_cross_entropy_with_integer_labels(z, jnp.asarray(LABELS)).mean()


gradient = jax.jit(jax.grad(mean_loss))


def test_gradient_steps_on_both_factors() -> None:
    """All images in a batch, no momentum: gradient descent, here by the chain rule on the product."""
    start = factorize(NETWORK, drawn(NETWORK), 2)
    before = jax.tree.map(np.asarray, start)
    tuned = train(NETWORK, WHOLE, IMAGES, LABELS, KEY, start=start)
    assert jax.tree.all(jax.tree.map(np.array_equal, before, start))
    expected = jax.tree.map(np.asarray, start)
    for _ in range(WHOLE.epochs):
        whole = jax.tree.map(np.asarray, gradient(multiplied(NETWORK, expected)))
        for name, arrays in expected.items():
            step = {"bias": whole[name]["bias"]}
            if "left" in arrays:
                of_product = whole[name]["weight"].T
                step["left"] = of_product @ arrays["right"].T
                step["right"] = arrays["left"].T @ of_product
            else:
                step["weight"] = whole[name]["weight"]
            expected[name] = {key: arrays[key] - 0.05 * step[key] for key in arrays}
    for name, arrays in tuned.items():
        for key, array in arrays.items():
            np.testing.assert_allclose(array, expected[name][key], rtol=1e-4, atol=1e-6)


def test_a_start_of_another_network_is_refused() -> None:
    for start in (drawn(mlp(6, (8, 6), 3)), drawn(mlp(6, (8, 7), 2)), {"dense1": 3}, 5):
        with pytest.raises(ValueError, match="start must be parameters of this network, of layers dense1"):
            train(NETWORK, RECIPE, IMAGES, LABELS, KEY, start=start)
    factors = factorize(NETWORK, drawn(NETWORK), 2)
    factors["dense1"]["right"] = factors["dense1"]["right"][:1]
    with pytest.raises(ValueError, match="start must be"):
        train(NETWORK, RECIPE, IMAGES, LABELS, KEY, start=factors)


@pytest.mark.parametrize("annealed", [pytest.param(False, marks=pytest.mark.slow), True])
def test_the_rank_holds_at_the_end(annealed: bool) -> None:
    steps: list[int] = []
    options = {"annealed": annealed, "prox_every": 4, "after_step": steps.append}
    trained = train_thresholded(NETWORK, RECIPE, IMAGES, LABELS, KEY, 2, **options)
    for name, rank in (("dense1", 2), ("dense2", 2), ("dense3", 3)):
        sizes = np.linalg.svd(np.asarray(trained[name]["weight"], float), compute_uv=False)
        assert np.sum(sizes > 1e-6 * sizes[0]) == rank
    assert steps == list(range(1, 25))  # 4 passes of 30 images in batches of 5
    start = initialize(NETWORK, jax.random.split(KEY)[0])
    assert mean_loss(trained) < mean_loss(start)
    # Such weights are their own factors.
    again = multiplied(NETWORK, factorize(NETWORK, trained, 2))
    for one, other in zip(jax.tree.leaves(again), jax.tree.leaves(trained), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_thresholding_by_hand() -> None:
    """All images in a batch, no momentum: steps of gradient descent, the largest singular value kept."""
    trained = train_thresholded(NETWORK, WHOLE, IMAGES, LABELS, KEY, 1, prox_every=1)
    expected = jax.tree.map(np.asarray, initialize(NETWORK, jax.random.split(KEY)[0]))
    for _ in range(2):
        expected = jax.tree.map(lambda w, g: w - 0.05 * np.asarray(g), expected, gradient(expected))
        for name in ("dense1", "dense2"):
            U, s, Vt = np.linalg.svd(expected[name]["weight"])
            expected[name]["weight"] = s[0] * np.outer(U[:, 0], Vt[0])
    for one, other in zip(jax.tree.leaves(trained), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="rank must be below that of some hidden layer, 7, got 7"):
        train_thresholded(NETWORK, RECIPE, IMAGES, LABELS, KEY, 7)
    with pytest.raises(ValueError, match="rank must be at least 1"):
        train_thresholded(NETWORK, RECIPE, IMAGES, LABELS, KEY, 0)
    with pytest.raises(ValueError, match="images must have shape"):
        train_thresholded(NETWORK, RECIPE, IMAGES[:, :2], LABELS, KEY, 2)

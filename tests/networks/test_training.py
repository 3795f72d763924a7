"""Networks as data, and their training: shapes, determinism, and what does not change the result."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ratedist.networks import architecture
from ratedist.networks.architecture import convolutional_network, initialize, mlp
from ratedist.networks.cross_validation import folds
from ratedist.networks.training import Recipe, train, train_together
from tests.networks.drawn import drawn

# Compiled whole, not an operation at a time.
logits = jax.jit(architecture.logits, static_argnums=(0, 3))
RECIPE = Recipe(learning_rate=0.05, batch_size=5, epochs=2, dropout=0.2)


@pytest.fixture(scope="module")
def samples() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 23)
    return (rng.normal(size=(23, 6)) + labels[:, None]).astype(np.float32), labels


NETWORK, KEY = mlp(6, (8,), 3), jax.random.key(0)


@pytest.fixture(scope="module")
def trained(samples: tuple[np.ndarray, np.ndarray]) -> dict:
    return train(NETWORK, RECIPE, *samples, KEY)


def same(one: object, other: object, rtol: float = 0.0) -> None:
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=rtol, atol=rtol)


def test_the_papers_architectures() -> None:
    assert [layer.weight_shape for layer in mlp().layers] == [(784, 256), (256, 256), (256, 10)]
    network = convolutional_network()
    assert len(network.layers) == 8
    assert network.layers[5].weight_shape == (4 * 4 * 128, 256)
    parameters = jax.eval_shape(lambda key: initialize(network, key), jax.random.key(0))
    assert sum(layer["weight"].size for layer in parameters.values()) == network.num_weights == 946_272
    images = jax.ShapeDtypeStruct((2, 32, 32, 3), jnp.float32)
    assert jax.eval_shape(lambda p, x: logits(network, p, x), parameters, images).shape == (2, 10)


def test_logits_are_what_numpy_computes() -> None:
    network = mlp(6, (4, 5), 3)
    parameters = drawn(network)
    x = np.random.default_rng(2).normal(size=(7, 6))
    hidden = x
    for name in ("dense1", "dense2", "dense3"):
        hidden = hidden @ np.asarray(parameters[name]["weight"]) + np.asarray(parameters[name]["bias"])
        hidden = np.maximum(hidden, 0) if name != "dense3" else hidden
    np.testing.assert_allclose(logits(network, parameters, jnp.asarray(x)), hidden, rtol=1e-6, atol=1e-7)


def test_pooling_is_the_maximum_over_squares() -> None:
    network = convolutional_network((5, 4, 1), (2,), (), 3, pooling_after=(1,))
    parameters = drawn(network)
    x = np.random.default_rng(2).normal(size=(1, 5, 4, 1)).astype(np.float32)
    padded, kernel = np.pad(x[0, :, :, 0], 1), np.asarray(parameters["conv1"]["weight"])[:, :, 0]
    maps = np.zeros((4, 4, 2))
    for i in range(4):
        for j in range(4):
            maps[i, j] = np.einsum("ab,abc->c", padded[i : i + 3, j : j + 3], kernel)
    maps = np.maximum(maps + np.asarray(parameters["conv1"]["bias"]), 0)
    pooled = maps.reshape(2, 2, 2, 2, 2).max(axis=(1, 3)).reshape(-1)
    expected = pooled @ np.asarray(parameters["dense1"]["weight"]) + np.asarray(parameters["dense1"]["bias"])
    np.testing.assert_allclose(logits(network, parameters, jnp.asarray(x))[0], expected, rtol=1e-5, atol=1e-6)


def test_dropout_keeps_the_mean_and_is_off_by_default() -> None:
    network = mlp(3, (2000,), 2)
    parameters = drawn(network)
    x = jnp.ones((1, 3))
    plain = np.asarray(logits(network, parameters, x))
    keys = jax.random.split(jax.random.key(0), 30)
    draws = np.stack([logits(network, parameters, x, 0.5, key) for key in keys])
    sem = draws.std(axis=0, ddof=1) / np.sqrt(30)
    assert float(sem.max()) < 0.1
    assert np.all(np.abs(draws.mean(axis=0) - plain) < 4 * sem)


def test_one_step_is_the_recipe(samples: tuple[np.ndarray, np.ndarray]) -> None:
    """One batch of all images without dropout: ``w − η(∇ + λw)``, whatever their order."""
    x, y = samples
    recipe = Recipe(learning_rate=0.1, weight_decay=0.03, batch_size=23, epochs=1, dropout=0.0)
    key = jax.random.key(5)
    start = initialize(NETWORK, jax.random.split(key)[0])

    def loss(parameters: object) -> jax.Array:
        outputs = logits(NETWORK, parameters, jnp.asarray(x))
        return optax.softmax_cross_entropy_with_integer_labels(outputs, jnp.asarray(y)).mean()

    gradient = jax.tree.map(np.asarray, jax.jit(jax.grad(loss))(start))
    expected = jax.tree.map(lambda w, g: np.asarray(w) - 0.1 * (g + 0.03 * np.asarray(w)), start, gradient)
    same(train(NETWORK, recipe, x, y, key), expected, 1e-5)


def test_training_learns_and_repeats(samples: tuple[np.ndarray, np.ndarray], trained: dict) -> None:
    x, y = samples
    epochs: list[int] = []
    parameters = train(NETWORK, Recipe(0.05, batch_size=5, epochs=30, dropout=0.0), x, y, KEY)
    assert np.mean(np.argmax(logits(NETWORK, parameters, jnp.asarray(x)), axis=1) == y) > 0.9
    same(train(NETWORK, RECIPE, x, y, KEY, epochs.append), trained)
    assert epochs == [1, 2]


def test_steps_in_python_are_the_scan(
    samples: tuple[np.ndarray, np.ndarray], trained: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ratedist.networks.training as module

    monkeypatch.setattr(module, "_steps_in_python", lambda _: True)
    same(train(NETWORK, RECIPE, *samples, KEY), trained, 1e-5)


@pytest.mark.slow
def test_together_as_apart(samples: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = samples
    network = mlp(6, (8,), 3)
    keys = jax.random.split(jax.random.key(3), 2)
    images, labels = np.stack([x, x[::-1]]), np.stack([y, y[::-1]])
    together = train_together(network, RECIPE, images, labels, keys)
    for place in range(2):
        one = jax.tree.map(lambda leaf, place=place: leaf[place], together)
        same(one, train(network, RECIPE, images[place], labels[place], keys[place]), 1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"momentum": 1.5}, "momentum"),
        ({"weight_decay": -1.0}, "weight_decay"),
        ({"batch_size": 0}, "batch_size"),
        ({"epochs": -1}, "epochs"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1"),
        ({"batch_size": 24}, "a batch of 24 needs as many images, got 23"),
    ],
)
def test_bad_recipes(samples: tuple[np.ndarray, np.ndarray], change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train(mlp(6, (4,), 3), Recipe(**change), *samples, jax.random.key(0))


def test_bad_shapes(samples: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = samples
    with pytest.raises(ValueError, match=r"images must have shape \(n, 5\)"):
        train(mlp(5, (4,), 3), RECIPE, x, y, jax.random.key(0))
    with pytest.raises(ValueError, match="labels"):
        train(mlp(6, (4,), 3), RECIPE, x, y[:-1], jax.random.key(0))
    for bad in (y + 1, y - 1, y.astype(float)):
        with pytest.raises(ValueError, match="labels must be integers from 0 to 2"):
            train(mlp(6, (4,), 3), RECIPE, x, bad, jax.random.key(0))
    with pytest.raises(ValueError, match="images must be scaled, of a floating-point dtype, got int64"):
        train(mlp(6, (4,), 3), RECIPE, x.astype(np.int64), y, jax.random.key(0))
    with pytest.raises(ValueError, match="too small for pooling"):
        convolutional_network((4, 4, 1), pooling_after=(1, 2, 5))
    with pytest.raises(ValueError, match="width"):
        mlp(6, (0,), 3)


def test_training_that_diverges_is_an_error(samples: tuple[np.ndarray, np.ndarray]) -> None:
    """The start is of the size of the images, and there the loss has no finite value."""
    x, y = samples
    network, key = mlp(6, (8,), 3), jax.random.key(0)
    with pytest.raises(ValueError, match="training diverged"):
        train(network, RECIPE, 1e37 * x, y, key)


@pytest.mark.slow
def test_networks_trained_together_that_diverge_are_an_error(samples: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = samples
    keys = jax.random.split(jax.random.key(0), 2)
    with pytest.raises(ValueError, match="training diverged"):
        train_together(mlp(6, (8,), 3), RECIPE, 1e37 * np.stack([x, x]), np.stack([y, y]), keys)


@pytest.mark.parametrize("key", [3, None, np.arange(4), "key"])
def test_what_is_no_key_is_refused_in_words(key) -> None:
    network = mlp(4, (), 2)
    with pytest.raises(ValueError, match=r"key must be one JAX random key, jax.random.key\(seed\), got"):
        initialize(network, key)
    with pytest.raises(ValueError, match="key must be one JAX random key"):
        train(network, RECIPE, np.ones((8, 4), np.float32), np.arange(8) % 2, key)
    with pytest.raises(ValueError, match="key must be one JAX random key"):
        folds(6, 3, key)

"""Training by batches with matrices of low rank: step by step against NumPy, interrupted, and refused."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import ratedist as rd
from ratedist.networks.losses import cross_entropy
from ratedist.networks.rank_training import proximal_training
from tests.networks.drawn import drawn

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 4)).astype(np.float64)
Y = X @ RNG.normal(size=(4, 3))
START = {"w": np.ones((4, 3)) + np.eye(4, 3), "b": np.zeros(3)}
KEY = jax.random.key(0)
MOMENTUM = optax.sgd(0.05, momentum=0.5)


def squares(parameters, batch, key):
    x, y = batch
    return ((x @ parameters["w"] + parameters["b"][None] - y) ** 2).sum() / len(x)


def run(penalties=None, samples=(X, Y), optimizer=MOMENTUM, start=START, loss=squares, **options):
    penalties = {"w": rd.lowrank.FixedRank(2)} if penalties is None else penalties
    return proximal_training(
        loss, start, penalties, samples, optimizer, KEY, **({"num_steps": 7, "batch_size": 30} | options)
    )


def truncated(w, rank):
    U, s, Vt = np.linalg.svd(w, full_matrices=False)
    return (U[:, :rank] * s[:rank]) @ Vt[:rank]


@pytest.mark.parametrize("every", [1, 3])
def test_steps_are_those_of_numpy(every):
    """Batches of all samples: momentum that knows nothing of the maps, and a map after every few steps."""
    found = run(prox_every=every)
    w, b, velocity, losses, removed = START["w"], START["b"], [0.0, 0.0], [], []
    for step in range(7):
        error = X @ w + b - Y
        losses.append((error**2).sum() / 30)
        velocity = [0.5 * velocity[0] + 2 * X.T @ error / 30, 0.5 * velocity[1] + 2 * error.sum(axis=0) / 30]
        w, b = w - 0.05 * velocity[0], b - 0.05 * velocity[1]
        if (step + 1) % every == 0:
            removed.append(np.sum((w - truncated(w, 2)) ** 2) / np.sum(w**2))
            w = truncated(w, 2)
    np.testing.assert_allclose(found.losses, losses, rtol=1e-10)
    np.testing.assert_allclose(found.removed["w"], removed, rtol=1e-9, atol=1e-30)
    np.testing.assert_allclose(found.state.arrays["w"], w, rtol=1e-10)
    np.testing.assert_allclose(found.parameters["w"], truncated(w, 2), rtol=1e-10)
    np.testing.assert_allclose(found.parameters["b"], b, rtol=1e-10)
    assert found.ranks == {"w": 2}


@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_it_goes_on_as_if_it_had_not_stopped(every):
    """Batches, keys and an annealed rank go by the number of steps; stopped between two maps and at one."""

    def noisy(parameters, batch, key):
        return squares(parameters, batch, key) * jax.random.uniform(key, (), jnp.float32, 0.5, 1.5)

    options = {"penalties": {"w": lambda step: rd.lowrank.FixedRank(3 if step < 6 else 1)}, "loss": noisy}
    options |= {"batch_size": 8, "prox_every": every}
    whole = run(num_steps=10, **options)
    state = None
    for steps in (3, 1, 0, 6):
        part = run(num_steps=steps, state=state, **options)
        state = part.state
    np.testing.assert_array_equal(part.losses, whole.losses)
    jax.tree.map(np.testing.assert_array_equal, part.parameters, whole.parameters)
    np.testing.assert_array_equal(part.removed["w"], whole.removed["w"])
    assert whole.ranks == {"w": 1}
    assert len(set(whole.losses)) == 10


def test_each_pass_takes_every_sample_once():
    rows = np.arange(12.0)[:, None]
    seen = []

    def loss(parameters, batch, key):
        jax.debug.callback(lambda x: seen.append(np.asarray(x).ravel().tolist()), batch)
        return (parameters["w"] ** 2).sum()

    run(samples=rows, loss=loss, start={"w": np.eye(2)}, num_steps=6, batch_size=4)
    jax.effects_barrier()
    first, second = sum(seen[:3], []), sum(seen[3:], [])  # noqa: RUF017
    assert sorted(first) == sorted(second) == list(range(12))
    assert first != second


def test_low_rank_from_the_start_classifies_digits():
    """Better than the truncation of a network that was trained without it, which was not trained for it."""
    digits = rd.networks.load("digits")
    x, y = digits.scaled(digits.train_images).reshape(-1, 64), digits.train_labels.astype(np.int32)
    test, labels = digits.scaled(digits.test_images).reshape(-1, 64), digits.test_labels
    network = rd.networks.mlp(64, (24,), 10)

    def loss(parameters, batch, key):
        return cross_entropy(rd.networks.logits(network, parameters, batch[0]), batch[1]).mean()

    def accuracy(parameters):
        return rd.networks.evaluate(rd.networks.logits(network, parameters, test), labels).accuracy.mean

    options = {"samples": (x, y), "loss": loss, "start": drawn(network), "num_steps": 200, "batch_size": 32}
    options["optimizer"] = optax.sgd(0.05, momentum=0.9)
    low = run({"dense1.weight": rd.lowrank.FixedRank(4)}, prox_every=5, **options)
    full = run({"dense1.weight": rd.lowrank.FixedRank(24)}, prox_every=1000, **options)
    cut = full.parameters | {
        "dense1": full.parameters["dense1"]
        | {"weight": truncated(np.asarray(full.parameters["dense1"]["weight"]), 4)}
    }
    assert low.ranks == {"dense1.weight": 4}
    s = np.linalg.svd(low.parameters["dense1"]["weight"], compute_uv=False)
    assert s[4] < 1e-6 * s[0]
    assert accuracy(low.parameters) > accuracy(cut)
    assert low.removed["dense1.weight"][-1] < low.removed["dense1.weight"][0]


def test_prox_steps_where_they_matter():
    soft = {"w": rd.lowrank.NuclearNorm(0.1)}
    one, other = run(soft, prox_step=0.05), run(soft, prox_step=50.0)
    assert one.ranks["w"] > other.ranks["w"] == 0
    np.testing.assert_array_equal(run(prox_step=3.0).parameters["w"], run().parameters["w"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"penalties": {"w": rd.lowrank.NuclearNorm(0.1)}}, "prox_step must be given for 'w'"),
        ({"penalties": {"w": lambda step: rd.lowrank.NuclearNorm(0.1)}}, "prox_step must be given for 'w'"),
        ({"prox_step": 0.0}, "prox_step must be one number above zero"),
        ({"batch_size": 31}, "batch_size must be at most 30"),
        ({"prox_every": 0}, "prox_every must be at least 1"),
        ({"num_steps": -1}, "num_steps must be at least 0"),
        ({"samples": (X, Y[:7])}, "samples must be arrays of one length"),
        ({"optimizer": optax.sgd(1e30)}, "training diverged"),
        ({"penalties": {"b": rd.lowrank.FixedRank(1)}}, "'b' is like the name of no matrix; there are w"),
    ],
)
def test_bad_input(change, message):
    with pytest.raises(ValueError, match=message):
        run(**change)

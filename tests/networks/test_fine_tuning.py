import jax
import numpy as np
import pytest

import ratedist as rd
from ratedist.networks.losses import cross_entropy
from tests.networks.models import HOLDOUT, PARAMETERS, TRAIN, logits_fn

fine_tune = rd.networks.fine_tune_centers


def quantized(block_length=1, **options):
    ones = jax.tree.map(np.ones_like, PARAMETERS)
    return rd.networks.quantize(
        PARAMETERS,
        logits_fn,
        TRAIN,
        rd.QuantizationConfig(num_clusters=4, min_size=100, block_length=block_length, **options),
        curvature=ones,
    )


@pytest.fixture(scope="module")
def model():
    return quantized(codebook_dtype="float16")


def test_the_training_loss_falls_and_the_labels_stay(model, tmp_path):
    tuned = fine_tune(model, logits_fn, TRAIN, holdout=HOLDOUT, learning_rate=6e-3, epochs=10)
    change = tuned.comparison["train_loss"]
    assert tuned.comparison.columns == ("quantised", "fine-tuned")
    assert change.before == model.comparison["train_loss"].after
    assert change.difference.mean < -0.05
    for name, tensor in model.tree.quantized.items():
        new = tuned.tree.quantized[name]
        np.testing.assert_array_equal(new.labels, tensor.labels)
        assert new.codebook.dtype == np.float16
        assert not np.array_equal(new.codebook, tensor.codebook)
    assert (tuned.huffman_ratio, tuned.entropy_ratio) == (model.huffman_ratio, model.entropy_ratio)
    assert (tuned.tree.huffman_ratio, tuned.tree.entropy_ratio) == (model.huffman_ratio, model.entropy_ratio)
    tuned.save(tmp_path / "tuned.rdz")
    loaded = rd.load_tree(tmp_path / "tuned.rdz", PARAMETERS)
    np.testing.assert_array_equal(loaded["hidden"]["kernel"], tuned.parameters["hidden"]["kernel"])
    np.testing.assert_array_equal(tuned.parameters["hidden"]["bias"], PARAMETERS["hidden"]["bias"])


@pytest.mark.parametrize("block_length", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_a_centre_has_the_sum_of_its_weights_gradients(block_length):
    """One step on all samples by plain gradient descent shows the gradient of the centres."""
    model = quantized(block_length)
    step = 1e-3
    tuned = fine_tune(
        model, logits_fn, TRAIN, optimizer="sgd", learning_rate=step, epochs=1, batch_size=10_000
    )
    gradients = jax.jit(jax.grad(lambda p: cross_entropy(logits_fn(p, TRAIN[0]), TRAIN[1]).mean()))(
        model.parameters
    )
    for layer in ("hidden", "output"):
        tensor = model.tree.quantized[f"{layer}.kernel"]
        blocks = np.asarray(gradients[layer]["kernel"]).reshape(-1, block_length)
        sums = np.zeros((4, block_length))
        np.add.at(sums, tensor.labels, blocks)
        moved = (tensor.codebook - tuned.tree.quantized[f"{layer}.kernel"].codebook).reshape(4, block_length)
        np.testing.assert_allclose(moved / step, sums, atol=2e-4, rtol=1e-3)
        assert np.abs(sums).max() > 0.02


def test_a_given_loss_and_no_epochs(model):
    def loss_fn(parameters, batch):
        return cross_entropy(logits_fn(parameters, batch[0]), batch[1])

    same = fine_tune(model, loss_fn, TRAIN, returns="loss", epochs=0)
    assert list(same.comparison.rows) == ["train_loss"]
    assert same.comparison["train_loss"].difference.mean == 0
    one, other = (
        fine_tune(model, function, TRAIN, returns=returns, epochs=1, seed=3)
        for function, returns in ((loss_fn, "loss"), (logits_fn, "logits"))
    )
    for name, tensor in one.tree.quantized.items():
        np.testing.assert_array_equal(tensor.codebook, other.tree.quantized[name].codebook)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimizer": "newton"}, "optimizer must be one of adam, sgd"),
        ({"learning_rate": 0.0}, "learning_rate must be one number above zero"),
        ({"epochs": -1}, "epochs must be at least 0"),
        ({"data": TRAIN[0]}, "data must be a pair"),
        ({"optimizer": "sgd", "learning_rate": 1e30}, "diverged: try a smaller learning_rate"),
    ],
)
def test_bad_input(model, change, message):
    with pytest.raises(ValueError, match=message):
        fine_tune(**{"model": model, "function": logits_fn, "data": TRAIN, "epochs": 1} | change)

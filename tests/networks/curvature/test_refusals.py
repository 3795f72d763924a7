"""What ``rd.networks.gauss_newton_diagonal`` and its siblings refuse, in words and before computing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ratedist as rd
from tests.networks.drawn import drawn

NETWORK = rd.networks.mlp(2, (), 3)
PARAMETERS = drawn(NETWORK)
INPUTS, LABELS = np.array([[1, 2], [3, 4]], np.float32), np.array([0, 1])
WEIGHTS = np.ones((2, 3))
NAN = np.array([[1, np.nan], [3, 4]], np.float32)
MASKED = np.ma.masked_array(INPUTS, INPUTS > 3)
BAD_PARAMETERS = jax.tree.map(lambda leaf: leaf * jnp.nan, PARAMETERS)
INTEGERS = jax.tree.map(lambda leaf: np.asarray(leaf).astype(int), PARAMETERS)
KEY = jax.random.key(0)
diagonal = rd.networks.gauss_newton_diagonal


def linear(weights, inputs):
    return inputs @ weights


@pytest.mark.parametrize(
    ("model", "parameters", "inputs", "message"),
    [
        (NETWORK, PARAMETERS, NAN, "^inputs must not have NaN, got 1 in"),
        (NETWORK, BAD_PARAMETERS, INPUTS, "^parameters must not have NaN"),
        (linear, WEIGHTS, NAN, "^inputs must not have NaN, got 1 in"),
        (linear, WEIGHTS * np.nan, INPUTS, "^parameters must not have NaN, got 6 in"),
        (NETWORK, PARAMETERS, MASKED, "inputs must have no masked entries, got 1 of 4"),
        (linear, WEIGHTS, MASKED, "inputs must have no masked entries, got 1 of 4"),
        (linear, np.ma.masked_array(WEIGHTS, WEIGHTS > 0), INPUTS, "parameters must have no masked entries"),
        (linear, WEIGHTS, np.array(["a", "b"]), "inputs must be arrays of numbers"),
        (NETWORK, INPUTS, PARAMETERS, "inputs must have shape .* got a dict of 1"),
        (NETWORK, None, INPUTS, "parameters must have the shapes .* got None"),
        (NETWORK, [1, 2], INPUTS, "parameters must have the shapes .* got a list of 2"),
        (NETWORK, INTEGERS, INPUTS, "parameters must be floating-point arrays, got an array of int"),
        (NETWORK, INPUTS, INPUTS, "parameters must have the shapes .* got an array of float32"),
        (NETWORK, PARAMETERS, (INPUTS, LABELS), "inputs must have shape .* without labels, got a tuple of 2"),
        (NETWORK, PARAMETERS, None, "inputs must have shape .* got None"),
        (linear, None, INPUTS, "parameters must have at least one floating-point array, got None"),
        (linear, [1, 2], INPUTS, "parameters must have at least one floating-point array, got a list of 2"),
        (linear, WEIGHTS, None, "samples must be arrays of one length above zero, .* None"),
        (linear, INPUTS, WEIGHTS, "fails when JAX traces it as .*parameters, inputs.*: TypeError"),
        (linear, WEIGHTS, (INPUTS, LABELS), "fails when JAX traces it .* inputs as tuple"),
        (rd.networks.Architecture, PARAMETERS, INPUTS, "model must be .* got the class Architecture itself"),
        (rd.networks.mlp, PARAMETERS, INPUTS, r"got mlp itself: call it, rd.networks.mlp\(...\)"),
        (rd.networks.logits, PARAMETERS, INPUTS, "pass the Architecture itself"),
        (PARAMETERS, NETWORK, INPUTS, "^model must be an Architecture or a function"),
    ],
)
def test_arguments_are_named(model, parameters, inputs, message):
    with pytest.raises(ValueError, match=message) as caught:
        diagonal(model, parameters, inputs)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda w, x: (x @ w)[:, :1], "at least 2 classes, got 1"),
        (lambda w, x: (x @ w).astype(int), "in floating-point numbers, got an array of int"),
        (lambda w, x: x @ w > 0, "in floating-point numbers, got an array of bool"),
        (lambda w, x: (x @ w)[:1], r"shape \(1, 3\) for a batch of two"),
        (lambda w, x: jnp.zeros((3, 3)), r"shape \(3, 3\) for a batch of two"),
        (lambda w, x: (x @ w, x), "must return logits.* got a tuple of 2"),
        (lambda w, x: {"logits": x @ w}, "must return logits.* got a dict of 1"),
        (lambda w, x: None, "must return logits.* got None"),
        (lambda w, x: "logits", "must return logits.* got str 'logits'"),
        (lambda w, x: np.asarray(x) @ w, "TracerArrayConversionError.* neither be branched on"),
        (lambda w, x: x @ w if x.sum() > 0 else x, "TracerBoolConversionError.* nor given to NumPy"),
    ],
)
def test_functions_of_another_kind_are_refused(function, message):
    with pytest.raises(ValueError, match=message) as caught:
        diagonal(function, WEIGHTS, INPUTS)
    assert "\n" not in str(caught.value)


def test_a_network_of_one_class_is_refused():
    network = rd.networks.mlp(2, (), 1)
    with pytest.raises(ValueError, match="at least 2 classes, got 1"):
        diagonal(network, drawn(network), INPUTS)


def test_a_function_that_gives_nan_is_refused():
    with pytest.raises(ValueError, match=r"the function's output .* is NaN or infinite.* 6 of 6 entries"):
        diagonal(lambda w, x: jnp.log(-1 - (x @ w) ** 2), WEIGHTS, INPUTS)


def test_a_network_that_overflows_is_refused():
    huge = jax.tree.map(lambda leaf: jnp.full_like(leaf, 3e38), PARAMETERS)
    with pytest.raises(ValueError, match=r"the function's output .* is NaN or infinite"):
        diagonal(NETWORK, huge, INPUTS)


def test_infinite_entries_that_spoil_nothing_pass():
    """A mask of −∞ among the parameters or inputs is no mistake."""
    mask = np.array([0, 0, -np.inf])
    found = diagonal(
        lambda p, x: x["x"] @ p["w"] + p["mask"][None], {"w": WEIGHTS, "mask": mask}, {"x": INPUTS}
    )
    two = diagonal(linear, WEIGHTS[:, :2], INPUTS)
    np.testing.assert_allclose(found["w"][:, :2], two, rtol=1e-12)
    np.testing.assert_array_equal(found["w"][:, 2], 0)


def test_a_diagonal_of_zeros_is_warned_of():
    with pytest.warns(UserWarning, match="zero throughout") as caught:
        found = diagonal(lambda w, x: x, WEIGHTS, INPUTS)
    np.testing.assert_array_equal(found, np.zeros((2, 3)))
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="zero throughout"):
        diagonal(NETWORK, {"dense1": {"weight": jnp.zeros((2, 3)), "bias": jnp.array([2e3, 0, 0])}}, INPUTS)


def test_siblings_refuse_the_same():
    masked_labels = np.ma.masked_array(LABELS, LABELS > 0)
    squared, sample = (
        rd.networks.squared_loss_hessian_diagonal,
        rd.networks.sample_gauss_newton_diagonal,
    )
    fisher = rd.networks.empirical_fisher_diagonal
    for model, parameters in ((NETWORK, PARAMETERS), (linear, WEIGHTS)):
        with pytest.raises(ValueError, match="labels must have no masked entries, got 1 of 2"):
            squared(model, parameters, INPUTS, masked_labels)
        with pytest.raises(ValueError, match="masked entries, got 1 of 4"):
            sample(model, parameters, MASKED, 2, KEY)
        with pytest.raises(ValueError, match="inputs must not have NaN"):
            sample(model, parameters, NAN, 2, KEY)
    with pytest.raises(ValueError, match=r"the loss of each sample, shape \(batch,\), got a tuple of 2"):
        fisher(lambda w, samples: (1, 2), WEIGHTS, (INPUTS, LABELS))
    with pytest.raises(ValueError, match=r"the loss of each sample.* shape \(2, 3\) for a batch of two"):
        fisher(linear, WEIGHTS, INPUTS)
    with pytest.raises(ValueError, match="got mlp itself"):
        fisher(rd.networks.mlp, PARAMETERS, INPUTS)

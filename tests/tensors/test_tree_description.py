"""Code length and bits-back cost of pytrees: what each leaf gives by itself, and which leaves count."""

import jax.numpy as jnp
import numpy as np
import pytest

import ratedist as rd
from ratedist import theory

GENERATOR = np.random.default_rng(0)
TREE = {
    "first": {"kernel": 0.2 * GENERATOR.standard_normal((30, 20)), "bias": np.zeros(20)},
    "second": [GENERATOR.standard_normal(50).astype(np.float32)],
    "steps": np.arange(3),
    "name": "a network",
}
NAMES = ["first.bias", "first.kernel", "second.0"]


@pytest.mark.parametrize("kind", ["gaussian", "laplace", "two_spike"])
def test_each_leaf_has_its_own_prior(kind) -> None:
    description = rd.tree_code_length(TREE, 0.05, kind)
    assert list(description.layers) == NAMES
    assert description.layers["first.bias"] == type(description.layers["first.bias"])(None, 20, 0.0)
    total = 0.0
    for name, leaf in (("first.kernel", TREE["first"]["kernel"]), ("second.0", TREE["second"][0])):
        rounded = theory.round_to_grid(leaf, 0.05)
        prior = theory.empirical_bayes_prior(rounded, kind)
        assert description.layers[name].prior == prior
        nats = theory.code_length(rounded, 0.05, prior).sum()
        assert description.layers[name].nats == pytest.approx(nats)
        total += nats
    assert description.num_weights == 670
    assert description.nats == pytest.approx(total)
    assert description.nats_per_weight == pytest.approx(total / 670)


@pytest.mark.parametrize("kind", ["gaussian", "laplace", "two_spike"])
def test_bits_back_of_a_tree_with_scales_for_each_weight(kind) -> None:
    scales = {
        "first": {"kernel": np.full((30, 20), 0.01), "bias": 0.1},
        "second": [np.linspace(0.05, 0.1, 50)],
        "steps": 0,
        "name": "",
    }
    description = rd.tree_bits_back_cost(TREE, scales, kind)
    for name, mean, scale in (
        ("first.bias", TREE["first"]["bias"], 0.1),
        ("second.0", TREE["second"][0], scales["second"][0]),
    ):
        prior = theory.empirical_bayes_prior(mean, kind, scale)
        cost = theory.bits_back_cost(np.float64(mean), scale, prior).sum()
        assert description.layers[name].nats == pytest.approx(cost)


def test_one_number_for_all_and_arrays_of_jax() -> None:
    tree = {"w": jnp.linspace(-1.0, 1.0, 64).astype(jnp.bfloat16)}
    found = rd.tree_code_length(tree, 0.1)
    beside = rd.tree_code_length({"w": np.asarray(tree["w"], np.float64)}, {"w": 0.1})
    assert found.nats == pytest.approx(beside.nats)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rd.tree_code_length({"a": np.arange(3)}, 0.1), "no floating-point array among 1"),
        (lambda: rd.tree_code_length(TREE, {"first": 0.1}), "step must be one number or have the structure"),
        (lambda: rd.tree_code_length(TREE, 0.0), "tensor 'first.bias': step must lie in"),
        (lambda: rd.tree_code_length({"w": np.array([np.nan])}, 0.1), "tensor 'w': weights must be finite"),
        (lambda: rd.tree_code_length(TREE, 0.1, "flat"), "prior must be one of gaussian, laplace, two_spike"),
        (
            lambda: rd.tree_bits_back_cost({"w": np.ones(3)}, {"w": np.ones(2)}),
            r"of shape \(3,\), got \(2,\)",
        ),
        (lambda: rd.tree_bits_back_cost(TREE, -1.0), "tensor 'first.bias': posterior_scale must lie in"),
    ],
)
def test_bad_input_is_refused_in_words(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()

"""One public name for a diagonal, whether the network is an ``Architecture`` or a function of a pytree."""

import jax
import numpy as np
import pytest

import ratedist as rd
from ratedist.networks.architecture import logits, mlp
from ratedist.networks.curvature import architectures, pytrees
from ratedist.networks.losses import cross_entropy
from tests.networks.drawn import drawn, flat

KEY = jax.random.key(3)


@pytest.fixture(scope="module")
def small_network():
    """Of dense layers alone, which are quicker to compile: what convolutions have is tested elsewhere."""
    network, rng = mlp(6, (5,), 3), np.random.default_rng(0)
    parameters = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), drawn(network))
    return network, parameters, rng.normal(size=(7, 6)), np.arange(7) % 3


@pytest.fixture(scope="module")
def logits_fn(small_network):
    network = small_network[0]
    return lambda parameters, images: logits(network, parameters, images)


@pytest.mark.parametrize(
    "name", [pytest.param("gauss_newton_diagonal", marks=pytest.mark.slow), "squared_loss_hessian_diagonal"]
)
def test_an_architecture_and_a_function_of_it_have_equal_diagonals(small_network, logits_fn, name):
    network, parameters, images, labels = small_network
    data = (parameters, images, labels)[: 2 if name == "gauss_newton_diagonal" else 3]
    diagonal = getattr(rd.networks, name)
    of_function = diagonal(logits_fn, *data, chunk=3)
    of_architecture = diagonal(network, *data)
    np.testing.assert_allclose(flat(of_function), flat(of_architecture), rtol=1e-9, atol=1e-25)
    assert of_architecture.keys() == of_function.keys() == parameters.keys()
    np.testing.assert_array_equal(
        flat(of_architecture), flat(getattr(architectures, name)(network, *data, chunk=16))
    )


def test_the_fisher_diagonal_takes_losses_of_a_function(small_network, logits_fn):
    network, parameters, images, labels = small_network

    def loss_fn(parameters, samples):
        return cross_entropy(logits_fn(parameters, samples[0]), samples[1])

    fisher = rd.networks.empirical_fisher_diagonal
    of_function = fisher(loss_fn, parameters, (images, labels), chunk=3)
    of_architecture = fisher(network, parameters, images, labels)
    np.testing.assert_allclose(flat(of_function), flat(of_architecture), rtol=1e-9, atol=1e-25)
    with pytest.raises(ValueError, match="labels must be given with an Architecture"):
        fisher(network, parameters, images)
    with pytest.raises(ValueError, match="labels are not for a function"):
        fisher(loss_fn, parameters, images, labels)


def test_a_random_part_is_the_same_part(small_network, logits_fn):
    network, parameters, images, _ = small_network
    sample = rd.networks.sample_gauss_newton_diagonal
    of_function = sample(logits_fn, parameters, images, 4, KEY, chunk=3)
    of_architecture = sample(network, parameters, images, 4, KEY)
    assert isinstance(of_function, pytrees.SampledTree)
    assert isinstance(of_architecture, architectures.SampledDiagonal)
    np.testing.assert_array_equal(of_function.samples, of_architecture.images)
    np.testing.assert_allclose(
        flat(of_function.diagonal), flat(of_architecture.diagonal), rtol=1e-9, atol=1e-15
    )
    for layer, arrays in of_architecture.errors.items():
        for name, error in arrays.items():
            other = of_function.errors[f"{layer}.{name}"]
            assert (other.mean, other.median) == pytest.approx((error.mean, error.median), rel=1e-6)


def test_options_of_the_other_kind_are_refused(small_network):
    network, parameters, images, _ = small_network
    with pytest.raises(ValueError, match="leaf_by_leaf is for functions"):
        rd.networks.gauss_newton_diagonal(network, parameters, images, leaf_by_leaf=True)
    with pytest.raises(ValueError, match="model must be an Architecture or a function"):
        rd.networks.gauss_newton_diagonal(parameters, network, images)

import jax
import numpy as np
import pytest

from ratedist.networks.architecture import convolutional_network
from tests.networks.drawn import drawn


@pytest.fixture(scope="session")
def small_network():
    """Dense and convolutional layers, with and without pooling; few enough weights for a whole Hessian."""
    network = convolutional_network((4, 4, 2), (3, 2), (4,), 3, pooling_after=(1,))
    parameters = jax.tree.map(lambda x: jax.device_put(2 * np.asarray(x, np.float64)), drawn(network))
    images = np.random.default_rng(0).normal(size=(7, 4, 4, 2))
    return network, parameters, images, np.arange(7) % 3

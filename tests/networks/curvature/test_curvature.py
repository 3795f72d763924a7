import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from ratedist.networks import losses
from ratedist.networks.architecture import logits, mlp
from ratedist.networks.curvature import architectures
from tests.networks.drawn import drawn, flat


@pytest.fixture(scope="module")
def by_autodiff(small_network):
    """Each image's loss, its gradient, and the diagonal of its Hessian."""
    network, parameters, images, labels = small_network

    @jax.jit
    def along_each():
        """Second derivatives by forward mode alone, which the package does not use."""
        point, unravel = ravel_pytree(parameters)

        def sample_losses(vector):
            return losses.cross_entropy(logits(network, unravel(vector), images), labels)

        def along(direction):
            def slope(vector):
                return jax.jvp(sample_losses, (vector,), (direction,))

            (loss, gradient), (_, curvature) = jax.jvp(slope, (point,), (direction,))
            return loss, gradient, curvature

        return jax.lax.map(along, jnp.eye(point.size))

    loss, gradient, hessian = along_each()
    return np.asarray(loss[0]), np.asarray(gradient).T, np.asarray(hessian).T


@pytest.fixture(scope="module")
def gauss_newton(small_network):
    network, parameters, images, _ = small_network
    return architectures.gauss_newton_diagonal(network, parameters, images, chunk=3)


def test_gauss_newton_is_the_hessian_of_the_mean_loss(small_network, gauss_newton, by_autodiff):
    _, parameters, _, _ = small_network
    assert jax.tree.map(np.shape, gauss_newton) == jax.tree.map(np.shape, parameters)
    assert all(leaf.dtype == np.float64 for leaf in jax.tree.leaves(gauss_newton))
    _, _, hessians = by_autodiff
    assert np.count_nonzero(hessians.mean(axis=0)) > 100
    np.testing.assert_allclose(flat(gauss_newton), hessians.mean(axis=0), rtol=1e-9, atol=0)


def test_squared_loss_is_the_hessian_of_the_squared_loss(small_network, by_autodiff):
    loss, gradients, hessians = by_autodiff
    expected = np.mean(2 * gradients**2 + 2 * loss[:, None] * hessians, axis=0)
    diagonal = architectures.squared_loss_hessian_diagonal(*small_network, chunk=3)
    np.testing.assert_allclose(flat(diagonal), expected, rtol=1e-9, atol=1e-25)


def test_empirical_fisher_is_the_mean_squared_gradient(small_network, by_autodiff):
    _, gradients, _ = by_autodiff
    diagonal = architectures.empirical_fisher_diagonal(*small_network, chunk=3)
    np.testing.assert_allclose(flat(diagonal), np.mean(gradients**2, axis=0), rtol=1e-9, atol=1e-25)


# By day chunks that do not divide the images give what derivatives of all of them give.
@pytest.mark.slow
def test_chunks_change_rounding_only(small_network, gauss_newton):
    network, parameters, images, _ = small_network
    one_by_one = architectures.gauss_newton_diagonal(network, parameters, images, chunk=1)
    np.testing.assert_allclose(flat(one_by_one), flat(gauss_newton), rtol=1e-12, atol=1e-25)


def test_single_precision_changes_rounding_only(small_network):
    _, _, images, _ = small_network
    dense = mlp(6, (8,), 3)
    single, pixels = drawn(dense), images.reshape(7, -1)[:, :6]
    double = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), single)
    exact = flat(architectures.gauss_newton_diagonal(dense, double, pixels))
    found = flat(architectures.gauss_newton_diagonal(dense, single, pixels, chunk=2))
    np.testing.assert_allclose(found, exact, rtol=1e-5, atol=1e-12)


def test_the_mean_is_over_images(small_network, gauss_newton):
    network, parameters, images, _ = small_network
    twice = architectures.gauss_newton_diagonal(
        network, parameters, np.concatenate([images, images]), chunk=3
    )
    np.testing.assert_allclose(flat(twice), flat(gauss_newton), rtol=1e-12, atol=1e-25)


def test_no_information():
    network = mlp(5, (4,), 3)
    parameters = drawn(network)
    images = np.zeros((4, 5), np.float32)
    images[:, 1] = 1
    # A pixel that is never on leaves its weights no curvature.
    diagonal = architectures.gauss_newton_diagonal(network, parameters, images)
    assert not np.any(diagonal["dense1"]["weight"][[0, 2, 3, 4]])
    assert np.any(diagonal["dense1"]["weight"][1])
    # Nor does certainty: the softmax no longer moves.
    parameters["dense2"]["bias"] = jnp.array([1000.0, 0, 0], jnp.float32)
    certain = architectures.gauss_newton_diagonal(network, parameters, images)
    assert not np.any(flat(certain))
    fitted = architectures.squared_loss_hessian_diagonal(network, parameters, images, np.zeros(4, int))
    assert not np.any(flat(fitted))
    sampled = architectures.sample_gauss_newton_diagonal(network, parameters, images, 4, jax.random.key(0))
    assert np.isnan(sampled.errors["dense1"]["weight"].median)


def test_sampling_error_is_what_subsets_differ_by(small_network):
    network, parameters, _, _ = small_network
    images = np.random.default_rng(1).normal(size=(24, 4, 4, 2))
    exact = architectures.gauss_newton_diagonal(network, parameters, images, chunk=3)
    draws = [
        architectures.sample_gauss_newton_diagonal(network, parameters, images, 12, key, chunk=3)
        for key in jax.random.split(jax.random.key(0), 100)
    ]
    errors = np.stack([flat(draw.diagonal) - flat(exact) for draw in draws])
    claimed = np.stack([flat(draw.standard_error) for draw in draws])
    used = flat(exact) > 0
    # Unbiased, and of the variance that is claimed: summed over weights, in units of what they are.
    scale = np.sqrt(np.mean(claimed[:, used] ** 2, axis=0))
    bias = (errors[:, used] / scale).mean(axis=1)
    assert abs(bias.mean()) < 4 * bias.std(ddof=1) / np.sqrt(100) < 0.25
    excess = ((errors[:, used] ** 2 - claimed[:, used] ** 2) / scale**2).mean(axis=1)
    assert abs(excess.mean()) < 4 * excess.std(ddof=1) / np.sqrt(100) < 0.35
    layer = [draw.diagonal["conv1"]["weight"].mean() for draw in draws]
    relative = np.std(layer) / exact["conv1"]["weight"].mean()
    means = [draw.errors["conv1"]["weight"].mean for draw in draws]
    assert np.mean(means) == pytest.approx(relative, rel=0.2)
    first = draws[0]
    ratios = first.standard_error["conv1"]["weight"] / first.diagonal["conv1"]["weight"]
    assert first.errors["conv1"]["weight"].median == pytest.approx(np.median(ratios[np.isfinite(ratios)]))


def test_a_subset_of_everything_has_no_error(small_network, gauss_newton):
    network, parameters, images, _ = small_network
    key = jax.random.key(3)
    sampled = architectures.sample_gauss_newton_diagonal(network, parameters, images, 7, key, chunk=3)
    np.testing.assert_array_equal(sampled.images, np.arange(7))
    np.testing.assert_array_equal(flat(sampled.diagonal), flat(gauss_newton))
    assert not np.any(flat(sampled.standard_error))
    assert sampled.errors["dense1"]["bias"] == architectures.SamplingError(0.0, 0.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": np.zeros((3, 4, 4))}, "inputs must have shape"),
        ({"images": np.zeros((0, 4, 4, 2))}, "inputs must have shape"),
        ({"images": np.zeros((3, 4, 4, 2), np.uint8)}, "floating-point"),
        ({"labels": np.full(7, 3)}, "labels must be 7 integers from 0 to 2"),
        ({"parameters": {}}, "parameters must have the shapes"),
        ({"chunk": 0}, "chunk must be at least 1"),
    ],
)
def test_bad_input_is_named(small_network, change, message):
    network, parameters, images, labels = small_network
    arguments = {"parameters": parameters, "images": images, "labels": labels} | change
    with pytest.raises(ValueError, match=message):
        architectures.empirical_fisher_diagonal(network, **arguments)


def test_a_subset_needs_two_images(small_network):
    network, parameters, images, _ = small_network
    for number, message in ((1, "at least 2"), (8, "at most the 7 images")):
        with pytest.raises(ValueError, match=message):
            architectures.sample_gauss_newton_diagonal(network, parameters, images, number, jax.random.key(0))

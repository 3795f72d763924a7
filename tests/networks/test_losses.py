import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax

from ratedist.networks import losses

RNG = np.random.default_rng(0)
cross_entropy = jax.jit(losses.cross_entropy)
roots = {
    root: jax.jit(root) for root in (losses.hessian_root, losses.gradient_root, losses.squared_loss_root)
}
LOGITS, LABELS = 3 * RNG.normal(size=(50, 4)), RNG.integers(0, 4, 50)


def test_cross_entropy_and_accuracy():
    expected = -log_softmax(LOGITS, axis=1)[np.arange(50), LABELS]
    np.testing.assert_allclose(cross_entropy(jnp.array(LOGITS), LABELS), expected, rtol=1e-12)
    result = losses.evaluate(LOGITS, LABELS)
    assert result.loss.mean == pytest.approx(expected.mean(), rel=1e-13)
    assert result.loss.sem == pytest.approx(expected.std(ddof=1) / 50**0.5, rel=1e-13)
    assert float(jax.jit(losses.cross_entropy)(LOGITS, LABELS).mean()) == pytest.approx(expected.mean())
    assert result.accuracy.mean == np.mean(np.argmax(LOGITS, axis=1) == LABELS)
    assert losses.evaluate(LOGITS[:1], LABELS[:1]).loss.num_trials == 1


def test_extremes_keep_their_digits():
    logits = np.array([[0.0, 60.0, -1e30], [1e30, 0.0, 0.0], [0.0, 1e4, 0.0]])
    labels = np.array([1, 0, 0])
    expected = [np.log1p(np.exp(-60.0)), 0.0, 1e4]
    assert expected[0] > 0
    np.testing.assert_allclose(cross_entropy(jnp.array(logits), labels), expected, rtol=1e-12)
    assert losses.evaluate(logits, labels).loss.mean == pytest.approx(np.mean(expected), rel=1e-14)
    assert losses.evaluate(logits[:1], labels[:1]).loss.mean == pytest.approx(np.exp(-60.0), rel=1e-12)
    gradient = jax.jit(jax.grad(lambda z, y: losses.cross_entropy(z, y).mean()))(jnp.array(logits), labels)
    assert np.all(np.isfinite(gradient))
    assert -3 * gradient[0, 1] == pytest.approx(np.exp(-60.0), rel=1e-12)


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 20))
def test_roots_multiply_to_curvature(seed, scale):
    rng = np.random.default_rng(seed)
    z, y = jnp.array(scale * rng.normal(size=(5, 3))), rng.integers(0, 3, 5)
    p = softmax(z, axis=1)
    g = p - np.eye(3)[y]
    H = p[:, :, None] * np.eye(3) - p[:, :, None] * p[:, None, :]
    loss = np.asarray(cross_entropy(z, y))
    outer = g[:, :, None] * g[:, None, :]
    for root, expected in (
        (losses.hessian_root, H),
        (losses.gradient_root, outer),
        (losses.squared_loss_root, 2 * outer + 2 * loss[:, None, None] * H),
    ):
        B = np.asarray(roots[root](z, y))
        np.testing.assert_allclose(np.einsum("rni,rnj->nij", B, B), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        (np.zeros((3, 2)), np.zeros(2, int), "labels must be 3 integers"),
        (np.zeros((3, 2)), np.zeros(3), "labels must be 3 integers"),
        (np.zeros((3, 2)), np.array([0, 1, 2]), "labels must lie in 0 … 1"),
        (np.zeros((3, 2)), np.array([0, 1, -1]), "labels must lie in 0 … 1"),
        (np.zeros(3), np.zeros(3, int), "logits must have shape"),
        (np.zeros((3, 1)), np.zeros(3, int), "logits must have shape"),
        (np.array([[0, np.nan]]), np.zeros(1, int), "logits must be finite"),
    ],
)
def test_bad_input_is_named(logits, labels, message):
    with pytest.raises(ValueError, match=message):
        losses.evaluate(logits, labels)

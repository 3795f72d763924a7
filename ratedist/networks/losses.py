"""Cross-entropy of logits, and square roots of its curvature in them."""

from __future__ import annotations

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.estimate import Estimate


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """How a classifier does on a set of samples.

    The standard errors are over the samples, for the same network: how far another set of as many may lie.

    Attributes:
        loss: mean cross-entropy, nats.
        accuracy: part of the samples whose largest logit is that of their label.
    """

    loss: Estimate
    accuracy: Estimate


def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Cross-entropy of each sample, ``−ln p_y = ln(1 + Σ_{c≠y} e^{z_c − z_y})``.

    Written so that losses far below the rounding of 1, and their gradients, keep all their digits.

    Args:
        logits: z, shape ``(batch, classes)``.
        labels: y, integers of shape ``(batch,)``.

    Returns:
        Shape ``(batch,)``, nats.
    """
    own = jnp.arange(logits.shape[-1])[None, :] == labels[:, None]
    margins = logits - jnp.take_along_axis(logits, labels[:, None], axis=-1)
    return jax.nn.softplus(jax.nn.logsumexp(margins, axis=-1, where=~own))


def evaluate(logits: ArrayLike, labels: ArrayLike) -> Evaluation:
    """Loss and accuracy of a classifier with their standard errors, means taken in float64.

    Args:
        logits: what the network says of each sample, shape ``(samples, classes)``.
        labels: integers of shape ``(samples,)``.

    Raises:
        ValueError: shapes that disagree, logits that are not finite, labels that are no classes.

    Example:
        >>> import ratedist as rd
        >>> print(rd.networks.evaluate([[2.0, 0.0]] * 4, labels=[0, 0, 0, 1]).accuracy)
        0.75 ± 0.25
    """
    z, y = checked_logits(logits, labels)
    correct = np.argmax(z, axis=1) == y
    return Evaluation(_estimate(sample_cross_entropies(z, y)), _estimate(correct.astype(float)))


def sample_cross_entropies(logits: ArrayLike, labels: ArrayLike) -> np.ndarray:
    """``cross_entropy`` in float64, whatever JAX is set to: shape ``(samples,)``, nats.

    Args:
        logits: what the network says of each sample, shape ``(samples, classes)``.
        labels: integers of shape ``(samples,)``.

    Raises:
        ValueError: as ``evaluate``.
    """
    z, y = checked_logits(logits, labels)
    margins = z - np.take_along_axis(z, y[:, None], axis=1)
    np.put_along_axis(margins, y[:, None], -np.inf, axis=1)
    return np.logaddexp(0, np.logaddexp.reduce(margins, axis=1))


def checked_logits(logits: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Logits as float64 of shape ``(samples, classes)`` and labels as integers of shape ``(samples,)``.

    Raises:
        ValueError: shapes that disagree, logits that are not finite, labels that are no classes.
    """
    z, y = _checks.real_array("logits", logits), np.asarray(labels)
    if z.ndim != 2 or z.shape[0] == 0 or z.shape[1] < 2:
        raise ValueError(f"logits must have shape (samples, classes), with classes >= 2, got {z.shape}")
    if y.shape != z.shape[:1] or y.dtype.kind not in "iu":
        raise ValueError(f"labels must be {z.shape[0]} integers, got shape {y.shape} and dtype {y.dtype}")
    if y.min() < 0 or y.max() >= z.shape[1]:
        raise ValueError(f"labels must lie in 0 … {z.shape[1] - 1}, got {y.min()} … {y.max()}")
    return z, y.astype(np.int64)


def hessian_root(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """B with ``Σ_r B_r B_rᵀ = diag p − ppᵀ``, the Hessian of the cross-entropy in the logits.

    Row c is ``√p_c (e_c − p)``, p the softmax.

    Args:
        logits: shape ``(batch, classes)``.
        labels: not used, the Hessian does not depend on them.

    Returns:
        Shape ``(classes, batch, classes)``: row, sample, logit.
    """
    del labels
    p = jax.nn.softmax(logits)
    rows = jnp.eye(p.shape[-1], dtype=p.dtype)[:, None, :] - p[None]
    return jnp.sqrt(p).T[:, :, None] * rows


def gradient_root(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """The gradient ``p − e_y`` itself, as the one row of B: ``BᵀB`` is its outer product.

    Returns:
        Shape ``(1, batch, classes)``.
    """
    return jax.grad(lambda z: cross_entropy(z, labels).sum())(logits)[None]


def squared_loss_root(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """B with ``Σ_r B_r B_rᵀ = 2ggᵀ + 2ℓ(diag p − ppᵀ)``, the Hessian of ℓ² in the logits.

    ℓ is the cross-entropy of the sample and g its gradient ``p − e_y``.

    Returns:
        Shape ``(classes + 1, batch, classes)``.
    """
    loss = cross_entropy(logits, labels)
    curved = jnp.sqrt(2 * loss)[None, :, None] * hessian_root(logits, labels)
    return jnp.concatenate([curved, math.sqrt(2) * gradient_root(logits, labels)])


def _estimate(values: np.ndarray) -> Estimate:
    sem = values.std(ddof=1) / math.sqrt(values.size) if values.size > 1 else math.nan
    return Estimate(float(values.mean()), float(sem), values.size)

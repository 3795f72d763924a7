"""Mass of a Gaussian in an interval, in JAX: the exact code length of a rounded weight inside a trial."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import log_ndtr, ndtr

from ratedist.codes.interval_masses import LOG_CHANGE, LOG_ROOT_TWO_PI, NARROW

NODES, WEIGHTS = np.polynomial.legendre.leggauss(8)
# So far out, in units of τ, that both ends of an interval may round to one number: there
# ``ln Φ(−x) = −x²/2 − ln x − ½ln 2π`` to within 1/x².
FAR = 1e3


def gaussian_log_mass(center: jax.Array, width: jax.Array, scale: jax.Array) -> jax.Array:
    """``ln[Φ((c + δ/2)/τ) − Φ((c − δ/2)/τ)]``, as :mod:`ratedist.codes.interval_masses` has it in NumPy.

    Args:
        center: c, shape ``(d,)``.
        width: δ above 0, a scalar.
        scale: τ above 0, a scalar.

    Returns:
        Shape ``(d,)``, in the type of the centres: finite up to where ``(c/τ)²`` overflows.
    """
    middle, wide = jnp.abs(center) / scale, width / scale
    narrow = (wide <= NARROW) & (middle * wide <= LOG_CHANGE)
    t = wide / 2 * jnp.asarray(NODES, middle.dtype)
    # What is not chosen is computed too, and must not overflow.
    near = jnp.where(narrow, middle, 0.0)
    average = jnp.exp(-t[None, :] * (near[:, None] + t[None, :] / 2)) @ jnp.asarray(WEIGHTS / 2, middle.dtype)
    inside = jnp.log(average) - near**2 / 2 - LOG_ROOT_TWO_PI + jnp.log(wide)
    low, high = middle - wide / 2, middle + wide / 2
    inner, outer = log_ndtr(-low), log_ndtr(-high)
    difference = jnp.where(
        middle > FAR, -middle * wide - jnp.log1p(wide / jnp.maximum(low, 1.0)), outer - inner
    )
    tail = inner + jnp.log(-jnp.expm1(difference))
    across = jnp.log1p(-ndtr(low) - ndtr(-high))
    return jnp.where(narrow, inside, jnp.where(low > 0, tail, across))

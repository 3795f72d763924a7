"""A codebook chosen before the data: the case to which Proposition 1 applies as it stands."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.codes.traced import empirical_entropy
from ratedist.compressors.base import Compressed, Context, RateKind
from ratedist.linear_model.base import LinearModel
from ratedist.pytrees import register_record
from ratedist.quantizers.traced.assignment import midpoints


@dataclasses.dataclass(frozen=True, eq=False)
class FixedCodebook:
    """Every weight goes to the nearest of K centres that do not depend on the data.

    The reproduction set is finite, so C(w*) is finite and exact (``codebook_squared_radius``), and
    ``I(W; Ŵ) ≤ d ln K``: both premises of Proposition 1 hold.

    Args:
        centers: shape ``(K,)``, any order.

    Rates: ``fixed_length`` (d ln K) and ``assignment_entropy`` (d times the entropy of the labels'
    frequencies in the trial).
    """

    centers: ArrayLike

    markov = True
    needs = frozenset[str]()

    def __post_init__(self) -> None:
        centers = np.sort(_checks.real_array("centers", self.centers), axis=None)
        if np.ndim(self.centers) != 1 or centers.size == 0:
            raise ValueError(f"centers must have shape (K,) with K >= 1, got shape {np.shape(self.centers)}")
        object.__setattr__(self, "centers", centers)

    def prepare(self, model: LinearModel) -> PreparedFixedCodebook:
        """Any codebook serves any model; the centres become traced values."""
        return PreparedFixedCodebook(jnp.asarray(self.centers, jnp.result_type(float)))

    def heavy_tailed(self, model: LinearModel) -> frozenset[str]:
        """None: the reproduction is bounded, and the distortion with it."""
        return frozenset()

    def fixed_rates(self, model: LinearModel) -> dict[str, float]:
        """``d ln K`` nats."""
        return {"fixed_length": model.num_weights * float(np.log(np.size(self.centers)))}

    def bounding_rates(self, model: LinearModel) -> dict[str, RateKind]:
        """``fixed_length``: the decoder has the codebook, and d labels of ln K nats tell Ŵ."""
        return {"fixed_length": "code_length"}


@register_record
@dataclasses.dataclass(frozen=True, eq=False)
class PreparedFixedCodebook:
    """A :class:`FixedCodebook` with its sorted centres as traced values, shape ``(K,)``."""

    centers: jax.Array

    def compress(self, key: jax.Array, weights: jax.Array, context: Context) -> Compressed:
        """Nearest centre of each weight (of two equally near ones the lower)."""
        (alone,) = self.compress_family({"alone": self}, weights).values()
        return jax.tree.map(lambda leaf: leaf[0], alone)

    @staticmethod
    def compress_family(
        members: Mapping[str, PreparedFixedCodebook], weights: jax.Array
    ) -> dict[tuple[str, ...], Compressed]:
        """All codebooks at once, as long as the longest: centres that are not there are infinitely far."""
        most = max(one.centers.size for one in members.values())
        centers = jnp.stack(
            [
                jnp.pad(one.centers, (0, most - one.centers.size), constant_values=jnp.inf)
                for one in members.values()
            ]
        )
        d, thresholds = weights.shape[0], jax.vmap(midpoints)(centers)
        above = jnp.sum(weights[None, None, :] > thresholds[:, :, None], axis=2, dtype=jnp.int32)
        counts = -jnp.diff(above, axis=1, prepend=d, append=0)
        reconstruction = jnp.broadcast_to(centers[:, :1], (len(members), d))
        for k in range(most - 1):
            beyond = weights[None, :] > thresholds[:, k, None]
            reconstruction = jnp.where(beyond, centers[:, k + 1, None], reconstruction)
        rates = {"assignment_entropy": d * jax.vmap(empirical_entropy)(counts)}
        return {tuple(members): Compressed(reconstruction, rates)}

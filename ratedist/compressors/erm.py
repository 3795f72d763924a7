"""No compression at all: the level that every other curve is compared with."""

from __future__ import annotations

import dataclasses

import jax

from ratedist.compressors.base import Compressed, Context, following_weights
from ratedist.linear_model.base import LinearModel
from ratedist.pytrees import register_record


@register_record
@dataclasses.dataclass(frozen=True)
class ERM:
    """``Ŵ = W``: the empirical risk minimiser itself. Its rate I(W; W) is infinite, so it reports none."""

    markov = True
    needs = frozenset[str]()

    def prepare(self, model: LinearModel) -> ERM:
        """Nothing to check."""
        return self

    def heavy_tailed(self, model: LinearModel) -> frozenset[str]:
        """The risks that follow ‖W‖²; the distortion is 0 and the empirical risk L_S(W)."""
        return following_weights(model, "population_risk", "generalization_error")

    def fixed_rates(self, model: LinearModel) -> dict[str, float]:
        """No finite rate."""
        return {}

    def compress(self, key: jax.Array, weights: jax.Array, context: Context) -> Compressed:
        """The weights themselves."""
        return Compressed(weights, {})

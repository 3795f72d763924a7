"""Ridge rounded to a grid that is moved at random, so that no step is lucky in where its points fall."""

from __future__ import annotations

import dataclasses

import jax

from ratedist.compressors import Ridge, UniformQuantizer
from ratedist.compressors.base import Compressed, Context, PreparedCompressor, RateKind
from ratedist.linear_model.base import LinearModel
from ratedist.pytrees import register_record


@dataclasses.dataclass(frozen=True)
class DitheredRidge:
    """``W_λ`` rounded to a dithered grid, coded under N(0, τ²): ``rd.Ridge``, then ``rd.UniformQuantizer``.

    Attributes:
        penalty: λ above 0.
        step: δ.
        prior_scale: τ.
    """

    penalty: float
    step: float
    prior_scale: float

    markov = False
    needs = frozenset({"input_hessian"})

    def prepare(self, model: LinearModel) -> PreparedCompressor:
        """Both parts, for the same model."""
        rounded = UniformQuantizer(self.step, self.prior_scale, dithered=True)
        return PreparedDitheredRidge(Ridge(self.penalty).prepare(model), rounded.prepare(model))

    def heavy_tailed(self, model: LinearModel) -> frozenset[str]:
        """None, as for ridge itself."""
        return Ridge(self.penalty).heavy_tailed(model)

    def fixed_rates(self, model: LinearModel) -> dict[str, float]:
        """None."""
        return {}

    def bounding_rates(self, model: LinearModel) -> dict[str, RateKind]:
        """The length given the dither, whose mean is at least I(S; Ŵ)."""
        return {"code_length": "data_information"}


@register_record
@dataclasses.dataclass(frozen=True, eq=False)
class PreparedDitheredRidge:
    """Both parts, prepared."""

    ridge: PreparedCompressor
    rounded: PreparedCompressor

    def compress(self, key: jax.Array, weights: jax.Array, context: Context) -> Compressed:
        """Shrink, then round."""
        shrunk = self.ridge.compress(key, weights, context).reconstruction
        return self.rounded.compress(key, shrunk, context)

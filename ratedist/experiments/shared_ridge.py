"""Ridge of one penalty, rounded to several steps: the shrinking is computed once for all of them."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from ratedist.compressors import Ridge, UniformQuantizer
from ratedist.compressors.base import Compressed, Context, PreparedCompressor, RateKind
from ratedist.compressors.ridge import PreparedRidge
from ratedist.linear_model.base import LinearModel


@dataclasses.dataclass(frozen=True)
class SharedRidge:
    """Each row of ``W_λ`` is ridge of one output; all are rounded to a dithered grid, coded under N(0, τ²).

    Attributes:
        penalty: λ above 0. Those of one penalty share their work.
        step: δ.
        prior_scale: τ.
    """

    penalty: float
    step: float
    prior_scale: float

    markov = False
    needs = frozenset({"input_hessian"})

    def prepare(self, model: LinearModel) -> PreparedSharedRidge:
        """Both parts, for the same model."""
        rounded = UniformQuantizer(self.step, self.prior_scale, dithered=True)
        return PreparedSharedRidge(rounded.prepare(model), self.penalty / model.n)

    def heavy_tailed(self, model: LinearModel) -> frozenset[str]:
        """None, as for ridge itself."""
        return Ridge(self.penalty).heavy_tailed(model)

    def fixed_rates(self, model: LinearModel) -> dict[str, float]:
        """None."""
        return {}

    def bounding_rates(self, model: LinearModel) -> dict[str, RateKind]:
        """The length given the dither, whose mean is at least I(S; Ŵ)."""
        return {"code_length": "data_information"}


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class PreparedSharedRidge:
    """The rounding, prepared, and λ/n as a static number, which JAX does not repeat for each step."""

    rounded: PreparedCompressor
    penalty: float = dataclasses.field(metadata={"static": True})

    def compress(self, key: jax.Array, weights: jax.Array, context: Context) -> Compressed:
        """Shrink every row, then round."""
        hessian = context.input_hessian
        if hessian is None:
            raise ValueError("ridge needs context.input_hessian")
        ridge = PreparedRidge(jnp.asarray(self.penalty, weights.dtype), None, None)
        one = Context(input_hessian=hessian)
        shrunk = jax.vmap(lambda row: ridge.compress(key, row, one).reconstruction)(
            weights.reshape(-1, hessian.shape[0])
        )
        return self.rounded.compress(key, shrunk.reshape(-1), context)

"""Ridge of one penalty, rounded to several steps: the shrinking is computed once for all of them."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from ratedist.compressors import UniformQuantizer
from ratedist.compressors.base import Compressed, Context, PreparedCompressor
from ratedist.compressors.ridge import PreparedRidge
from ratedist.experiments.dithered_ridge import DitheredRidge
from ratedist.linear_model.base import LinearModel
from ratedist.pytrees import register_record


class SharedRidge(DitheredRidge):
    """The same for each row of ``W_λ``, ridge of one output. Those of one penalty share their work."""

    def prepare(self, model: LinearModel) -> PreparedSharedRidge:
        """The rounding, for the same model."""
        rounded = UniformQuantizer(self.step, self.prior_scale, dithered=True)
        return PreparedSharedRidge(rounded.prepare(model), self.penalty / model.n)


@register_record
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

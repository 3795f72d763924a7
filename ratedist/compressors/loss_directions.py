"""Directions of several outputs in which a quadratic problem falls apart into one problem for each."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from ratedist.linear_model.base import LinearModel
from ratedist.linear_model.multi_output import MultiOutputLinearModel
from ratedist.pytrees import register_record


@register_record
@dataclasses.dataclass(frozen=True, eq=False)
class LossDirections:
    """``M = Q diag(m) Qᵀ``: the rows of QᵀW have the Hessians m_i A/n, and nothing to do with each other.

    ``vectors`` are Q, shape ``(o, o)``, or None where M is diagonal; ``values`` are m, shape ``(o,)``, or
    ``()`` where all are equal.
    """

    vectors: jax.Array | None
    values: jax.Array
    num_outputs: int = dataclasses.field(metadata={"static": True})

    @classmethod
    def of(cls, model: LinearModel) -> LossDirections | None:
        """Those of several outputs; None for the model of one, whose weights are one row as they are."""
        if not isinstance(model, MultiOutputLinearModel):
            return None
        M, dtype = np.asarray(model.loss_matrix), jnp.result_type(float)
        if M.ndim < 2:
            return cls(None, jnp.asarray(M, dtype), model.num_outputs)
        values, vectors = np.linalg.eigh(M)
        return cls(jnp.asarray(vectors, dtype), jnp.asarray(values, dtype), model.num_outputs)

    def rows(self, weights: jax.Array) -> jax.Array:
        """``QᵀW``, shape ``(o, d)``, of weights ``(o·d,)``."""
        matrix = weights.reshape(self.num_outputs, -1)
        return matrix if self.vectors is None else self.vectors.T @ matrix

    def weights(self, rows: jax.Array) -> jax.Array:
        """The weights ``(o·d,)`` of such rows."""
        return (rows if self.vectors is None else self.vectors @ rows).reshape(-1)

    def hessians(self, input_hessian: jax.Array) -> jax.Array:
        """``m_i A/n``, shape ``(o, d, d)``, or ``(d, d)`` where all are equal."""
        if self.values.ndim == 0:
            return self.values * input_hessian
        return self.values[:, None, None] * input_hessian[None]

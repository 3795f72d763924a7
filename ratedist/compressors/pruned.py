"""Pruning as a compressor: few weights are kept, and their places and values are sent."""

from __future__ import annotations

import dataclasses
from typing import Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

from ratedist import _checks
from ratedist.codes.positions import position_bits
from ratedist.compressors.base import Compressed, Context, RateKind, following_weights
from ratedist.compressors.kept_values import GridValues, KeptValues, MeanValues, RealValues, descending_ranks
from ratedist.compressors.kmeans import check_clustering
from ratedist.compressors.precision import traced_number
from ratedist.compressors.surgeon import surgeon, surgeon_values
from ratedist.linear_model.base import LinearModel
from ratedist.linear_model.quantities import RISK_NAMES
from ratedist.pytrees import register_record
from ratedist.units import bits_to_nats

PruningMethod = Literal["magnitude", "hessian", "surgeon"]


@dataclasses.dataclass(frozen=True)
class Pruned:
    r"""Few weights are kept, the others are zero; places and quantised values of the kept ones are sent.

    Args:
        num_kept: k, how many weights are kept, from 0 to all; or give ``fraction``.
        fraction: the share that is kept, from 0 to 1; k is the nearest whole number.
        method: "magnitude" keeps the largest ``|w_j|``. "hessian" keeps the largest ``h_j w_j²``, the
            saliency of optimal brain damage, h = diag(A/n). "surgeon" removes weights one at a time and gives
            the others their best values each time: optimal brain surgeon.
        num_clusters: K-means on the kept weights, K from 1 to k. Weighted by h unless by magnitude.
        center_bits: bits of each of its centres, from 7 to 64; ``None`` leaves them real numbers.
        step: δ > 0 instead of K-means: kept weights are rounded to multiples of it.
        prior_scale: τ > 0 of the code for N(0, τ²) that these multiples are sent by; ``None`` for none.

    Encoder and decoder know k. Rates, in nats for the whole vector:

    - ``position_length`` is ``ln C(d, k)``, the cost of the places alone.
    - ``assignment_entropy``, of quantised values, is d times the entropy of all labels, zero being one.
    - ``decodable_length``, with ``center_bits``: places, Huffman code of the kept weights, centres, header.
    - ``code_length``, with ``prior_scale``: places, and the exact ``−Σ ln P(cell)`` of the kept weights.

    The last two are lengths of real codes, whose means bound I(S; Ŵ). Kept values that are real numbers make
    that infinite.

    Source: LeCun, Denker & Solla, NIPS 1989; Hassibi & Stork, NIPS 1992.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.sparse_weights(50, seed=0))
        >>> pruned = rd.Pruned(10, method="hessian", step=0.25, prior_scale=1.0)
        >>> round(pruned.fixed_rates(model)["position_length"], 3), pruned.bounding_rates(model)
        (23.053, {'code_length': 'code_length'})
    """

    num_kept: int | None = None
    fraction: float | None = None
    method: PruningMethod = "magnitude"
    num_clusters: int | None = None
    center_bits: int | None = None
    step: float | None = None
    prior_scale: float | None = None

    def __post_init__(self) -> None:
        if (self.num_kept is None) == (self.fraction is None):
            raise ValueError(
                f"give either num_kept or fraction, got num_kept={self.num_kept!r} and "
                f"fraction={self.fraction!r}"
            )
        if self.num_kept is not None:
            _checks.integer("num_kept", self.num_kept, 0)
        if self.fraction is not None:
            _checks.number("fraction", self.fraction, high=1.0)
        _checks.one_of("method", self.method, get_args(PruningMethod))
        if self.num_clusters is not None:
            check_clustering(self.num_clusters, self.center_bits)
            if self.step is not None:
                raise ValueError(
                    f"give either num_clusters or step, got {self.num_clusters} and {self.step:g}"
                )
        elif self.center_bits is not None:
            raise ValueError(f"center_bits needs num_clusters, got center_bits={self.center_bits!r} alone")
        if self.step is not None:
            _checks.positive_number("step", self.step)
        if self.prior_scale is not None:
            _checks.positive_number("prior_scale", self.prior_scale)
            if self.step is None:
                raise ValueError(f"prior_scale needs step, got prior_scale={self.prior_scale!r} alone")

    @property
    def markov(self) -> bool:
        """Whether the data are seen through W alone: by magnitude they are."""
        return self.method == "magnitude"

    @property
    def needs(self) -> frozenset[str]:
        """Nothing, diag(A/n), or A/n."""
        needed = {"magnitude": (), "hessian": ("hessian_diagonal",), "surgeon": ("hessian",)}
        return frozenset(needed[self.method])

    def kept_of(self, model: LinearModel) -> int:
        """k for this model.

        Raises:
            ValueError: more than it has weights, or fewer than clusters.
        """
        d = model.num_weights
        kept = self.num_kept if self.fraction is None else int(np.floor(self.fraction * d + 0.5))
        assert kept is not None
        if kept > d:
            raise ValueError(f"num_kept must be at most the {d} weights, got {kept}")
        if self.num_clusters is not None and self.num_clusters > kept:
            raise ValueError(
                f"num_clusters must be at most the {kept} weights that are kept, got {self.num_clusters}"
            )
        return kept

    def prepare(self, model: LinearModel) -> PreparedPruned:
        """k, δ and τ become traced values: a sweep compiles once."""
        kept = self.kept_of(model)
        positions = bits_to_nats(position_bits(model.num_weights, kept))
        if self.num_clusters is not None:
            values = MeanValues(self.num_clusters, self.center_bits)
        elif self.step is not None:
            scale = None if self.prior_scale is None else traced_number("prior_scale", self.prior_scale)
            values = GridValues(traced_number("step", self.step), scale)
        else:
            values = RealValues()
        dtype = jnp.result_type(float)
        return PreparedPruned(
            jnp.asarray(kept, jnp.int32), jnp.asarray(positions, dtype), values, self.method
        )

    def heavy_tailed(self, model: LinearModel) -> frozenset[str]:
        """None if nothing is kept, those of ERM if everything is and is not clustered; else all, or two.

        The surgeon's distortion is at most that of Ŵ = 0, WᵀAW/n, whose moments all exist. Rounding to a grid
        adds a bounded error.
        """
        kept, risks = self.kept_of(model), ("population_risk", "generalization_error")
        if kept == 0:
            return frozenset()
        exact = kept == model.num_weights or self.method == "surgeon"
        return following_weights(model, *(risks if exact and self.num_clusters is None else RISK_NAMES))

    def fixed_rates(self, model: LinearModel) -> dict[str, float]:
        """``ln C(d, k)`` nats for the places."""
        return {"position_length": float(bits_to_nats(position_bits(model.num_weights, self.kept_of(model))))}

    def bounding_rates(self, model: LinearModel) -> dict[str, RateKind]:
        """The lengths of codes of places and values."""
        if self.center_bits is not None:
            return {"decodable_length": "code_length"}
        return {} if self.prior_scale is None else {"code_length": "code_length"}


@register_record
@dataclasses.dataclass(frozen=True, eq=False)
class PreparedPruned:
    """A :class:`Pruned` with k and the cost of places as traced scalars, and what codes the values."""

    num_kept: jax.Array
    positions: jax.Array
    values: KeptValues
    method: PruningMethod = dataclasses.field(metadata={"static": True})

    def compress(self, key: jax.Array, weights: jax.Array, context: Context) -> Compressed:
        """Choose, answer, quantise, and count."""
        if self.method == "surgeon":
            hessian = context.hessian
            if hessian is None:
                raise ValueError("pruning by the surgeon needs context.hessian")
            importance = jnp.diag(hessian)
            found = surgeon(weights, hessian)
            kept = found.ranks < self.num_kept
            left = surgeon_values(found, weights, hessian, self.num_kept)
        else:
            importance = context.hessian_diagonal if self.method == "hessian" else None
            if self.method == "hessian" and importance is None:
                raise ValueError("pruning by the Hessian needs context.hessian_diagonal")
            # Roots: squares of small weights would be zero.
            root = 1.0 if importance is None else jnp.sqrt(importance)
            kept = descending_ranks(root * jnp.abs(weights)) < self.num_kept
            left = jnp.where(kept, weights, 0.0)
        return self.values.code(left, kept, importance, self.positions)

"""Hessian-weighted K-means and its diameter regulariser: compressors that see the data through diag(A/n)."""

from __future__ import annotations

import dataclasses
from typing import Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

from ratedist import _checks
from ratedist.codes.rounding import MAXIMUM_BITS
from ratedist.compressors.base import Compressed, Context, RateKind
from ratedist.compressors.kmeans import (
    Method,
    check_clustering,
    checked_method,
    decodable_rates,
    encode,
    heavy_risks,
    keeps_every_weight,
    require_enough_weights,
)
from ratedist.linear_model.base import LinearModel
from ratedist.pytrees import register_record
from ratedist.quantizers import kmeans
from ratedist.quantizers.methods import Lloyd, Optimal
from ratedist.quantizers.traced.assignment import label_counts, nearest_labels
from ratedist.quantizers.traced.diameter import optimal_under_diameter_penalty
from ratedist.quantizers.traced.lloyd import lloyd
from ratedist.quantizers.traced.optimal import SHORT_VECTOR, optimal_path

Penalty = Literal["squared", "linear"]


@dataclasses.dataclass(frozen=True)
class HessianWeightedKMeans:
    r"""Scalar K-means that weighs each weight by the Hessian, with a price on the diameter of the codebook.

    .. math:: \sum_j h_j |W_j − c_{k(j)}|² + β \max_{k,l} |c_k − c_l|²,  h = diag(A/n)

    The Hessian of L_S is 2A/n, and the ½ of its Taylor series leaves A/n. With β = 0 this is Hessian-weighted
    K-means, above it the papers' diameter-regularised form (DRHW).

    Args:
        num_clusters: K, from 1 to the number of weights.
        diameter_penalty: β, at least 0; compressors that differ in it or in ``shrinkage`` compile once.
        method: "optimal" is the global minimum. For more than 256 weights with β > 0 it is found by branch
            and bound, one vector at a time on the host. The search stops within a part in a million or after
            a minute, unless ``rd.Optimal(tolerance=…, time_budget=…)`` says otherwise. Above 16,384 weights
            it works on bins of them, which leaves some millionths more. ``rd.Lloyd(init=…)`` descends from
            "coarse_optimum", "random", "kmeans++", "quantile" or "linear"; "lloyd" starts at or near the
            optimum without penalty.
        penalty: what is charged for the diameter: "squared", ``β max|c_k − c_l|²``, or "linear",
            ``(β/2) max|c_k − c_l|``, as the released code has it.
        shrinkage: s in [0, 1]; afterwards each centre c is replaced by ``μ + s(c − μ)``, μ being the mean of
            the weights, weighted by h. A control: it shows at β = 0 what β does besides shrinking.
        center_bits: bits that each centre is rounded to, from 7 to 64; ``None`` leaves centres real numbers.

    Rates are those of :class:`~ratedist.compressors.KMeans`. S → W → Ŵ does not hold, since Ŵ depends on A
    besides W: no bound through I(W; Ŵ) applies. The expected ``decodable_length`` still bounds the entropy
    of Ŵ and with it I(S; Ŵ).

    Source: Entropy 2021 eq. (30), (33)–(34); AAAI 2020 eq. (27), (30)–(31).
    """

    num_clusters: int
    diameter_penalty: float = 0.0
    method: Method | Lloyd | Optimal = "optimal"
    penalty: Penalty = "squared"
    shrinkage: float = 1.0
    center_bits: int | None = None

    markov = False
    needs = frozenset({"hessian_diagonal"})

    def __post_init__(self) -> None:
        _checks.one_of("penalty", self.penalty, get_args(Penalty))
        check_clustering(self.num_clusters, self.center_bits)
        largest = np.finfo(np.float64).max
        for name, value, high in (
            ("diameter_penalty", self.diameter_penalty, largest),
            ("shrinkage", self.shrinkage, 1.0),
        ):
            if _checks.in_range(name, value, high=high).ndim != 0:
                raise ValueError(f"{name} must be one number, got {value!r}")
        method = checked_method(self.method, penalized=self.diameter_penalty > 0, penalty=self.penalty)
        object.__setattr__(self, "method", method)

    def prepare(self, model: LinearModel) -> PreparedHessianWeighted:
        """Check K against the number of weights; β and the shrinkage become traced values."""
        require_enough_weights(self.num_clusters, model)
        dtype = jnp.result_type(float)
        return PreparedHessianWeighted(
            jnp.asarray(self.diameter_penalty, dtype),
            jnp.asarray(self.shrinkage, dtype),
            self.diameter_penalty > 0,
            self.num_clusters,
            checked_method(self.method, penalized=self.diameter_penalty > 0),
            self.penalty,
            self.center_bits,
        )

    def heavy_tailed(self, model: LinearModel) -> frozenset[str]:
        """All risks, because K averages cannot follow d weights, unless the weights stay as they are."""
        lossless = self.num_clusters == model.num_weights and keeps_every_weight(self.method)
        unmoved = self.diameter_penalty == 0 and self.shrinkage == 1
        return heavy_risks(model, lossless and unmoved and self.center_bits in (None, MAXIMUM_BITS))

    def fixed_rates(self, model: LinearModel) -> dict[str, float]:
        """``d ln K`` nats."""
        return {"fixed_length": model.num_weights * float(np.log(self.num_clusters))}

    def bounding_rates(self, model: LinearModel) -> dict[str, RateKind]:
        """The code lengths of rounded centres that a decoder can do with."""
        return decodable_rates(self.num_clusters, self.center_bits)


@register_record
@dataclasses.dataclass(frozen=True, eq=False)
class PreparedHessianWeighted:
    """A :class:`HessianWeightedKMeans` with β and the shrinkage as traced scalars.

    They are no part of what is static: each of their values would be compiled anew.
    """

    diameter_penalty: jax.Array
    shrinkage: jax.Array
    penalized: bool = dataclasses.field(metadata={"static": True})
    num_clusters: int = dataclasses.field(metadata={"static": True})
    method: Lloyd | Optimal = dataclasses.field(metadata={"static": True})
    penalty: Penalty = dataclasses.field(metadata={"static": True})
    center_bits: int | None = dataclasses.field(metadata={"static": True})

    def compress(self, key: jax.Array, weights: jax.Array, context: Context) -> Compressed:
        """Quantise, then shrink and round the centres."""
        h = context.hessian_diagonal
        if h is None:
            raise ValueError("Hessian-weighted K-means needs context.hessian_diagonal")
        labels, centers = self._quantize(key, weights, h)
        mean = jnp.sum(h * weights) / jnp.sum(h)
        # Not by way of the mean where nothing is shrunk: not even the last bit may change.
        centers = jnp.where(self.shrinkage == 1, centers, mean + self.shrinkage * (centers - mean))
        counts = label_counts(labels, self.num_clusters)
        return encode(labels, centers, counts, self.center_bits)

    def _quantize(self, key: jax.Array, weights: jax.Array, h: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Labels ``(d,)`` and centres ``(K,)``."""
        K = self.num_clusters
        if weights.size > SHORT_VECTOR:
            centers = self._centers_on_host(key, weights, h)
            return nearest_labels(weights, centers), centers
        if isinstance(self.method, Lloyd):
            result = lloyd(key, weights, K, self.method, h, self.diameter_penalty, self.penalty)
        elif self.penalized:
            result = optimal_under_diameter_penalty(weights, K, h, self.diameter_penalty, self.penalty)
        else:
            path = optimal_path(weights, K, h)
            return path.labels[K - 1], path.centers[K - 1]
        return result.labels, result.centers

    def _centers_on_host(self, key: jax.Array, weights: jax.Array, h: jax.Array) -> jax.Array:
        """Centres ``(K,)`` by the NumPy quantiser, one vector at a time."""

        def quantize(
            weights: np.ndarray, h: np.ndarray, diameter_penalty: np.ndarray, key_data: np.ndarray
        ) -> np.ndarray:
            # A seed rather than a key: a callback that calls JAX can wait for itself.
            seed = int.from_bytes(np.asarray(key_data).tobytes(), "little")
            w, importance = np.asarray(weights, np.float64), np.asarray(h, np.float64)
            quantized = kmeans(
                w, self.num_clusters, importance, method=self.method, key=seed,
                diameter_penalty=float(diameter_penalty), penalty=self.penalty,
            )  # fmt: skip
            return quantized.centers.astype(weights.dtype)

        return jax.pure_callback(
            quantize,
            jax.ShapeDtypeStruct((self.num_clusters,), weights.dtype),
            weights,
            h,
            self.diameter_penalty,
            jax.random.key_data(key),
            vmap_method="sequential",
        )

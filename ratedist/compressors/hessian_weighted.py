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
    SHORT_VECTOR,
    Initialization,
    Method,
    check_clustering,
    decodable_rates,
    encode,
    heavy_risks,
    require_enough_weights,
)
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.quantizers import kmeans
from ratedist.quantizers.traced.diameter import optimal_under_diameter_penalty
from ratedist.quantizers.traced.scalar import label_counts, lloyd, nearest_labels, optimal_path

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
        method: "optimal" is the global minimum (for more than 256 weights with β > 0 by branch and bound, to
            within a part in a million or what a minute allows, one vector at a time on the host; above 16,384
            weights on bins of them, which leaves some millionths more); "lloyd" descends from ``init``.
        penalty: "squared" as above, or "linear", ``(β/2) max|c_k − c_l|``, of the released code.
        shrinkage: s in [0, 1]; afterwards each centre c is replaced by ``μ + s(c − μ)``, μ being the mean of
            the weights, weighted by h. A control: it shows at β = 0 what β does besides shrinking.
        center_bits: round the centres to this many bits (7 to 64); ``None`` leaves them real numbers.
        init: for "lloyd", how it starts: "random" (K of the weights), "kmeans++", "quantile" or "linear".
        num_starts: for "lloyd" from random or k-means++ starts, how many of which the best is kept.
        max_iterations: for "lloyd", when it stops at the latest.

    Rates are those of :class:`~ratedist.compressors.KMeans`. S → W → Ŵ does not hold, since Ŵ depends on A
    besides W: no bound through I(W; Ŵ) applies. The expected ``decodable_length`` still bounds the entropy
    of Ŵ and with it I(S; Ŵ).

    Source: Entropy 2021 eq. (30), (33)–(34); AAAI 2020 eq. (27), (30)–(31).
    """

    num_clusters: int
    diameter_penalty: float = 0.0
    method: Method = "optimal"
    penalty: Penalty = "squared"
    shrinkage: float = 1.0
    center_bits: int | None = None
    init: Initialization = "random"
    num_starts: int = 1
    max_iterations: int = 100

    markov = False
    needs = frozenset({"hessian_diagonal"})

    def __post_init__(self) -> None:
        _checks.one_of("method", self.method, get_args(Method))
        _checks.one_of("penalty", self.penalty, get_args(Penalty))
        _checks.one_of("init", self.init, get_args(Initialization))
        check_clustering(self.num_clusters, self.num_starts, self.max_iterations, self.center_bits)
        largest = np.finfo(np.float64).max
        for name, value, high in (
            ("diameter_penalty", self.diameter_penalty, largest),
            ("shrinkage", self.shrinkage, 1.0),
        ):
            if _checks.in_range(name, value, high=high).ndim != 0:
                raise ValueError(f"{name} must be one number, got {value!r}")
        if self.method == "optimal" and self.num_starts > 1:
            raise ValueError(
                f'num_starts is for method "lloyd"; "optimal" has no starts, got {self.num_starts}'
            )

    def prepare(self, model: GaussianLinearModel) -> PreparedHessianWeighted:
        """Check K against the number of weights; β and the shrinkage become traced values."""
        require_enough_weights(self.num_clusters, model)
        dtype = jnp.result_type(float)
        return PreparedHessianWeighted(
            jnp.asarray(self.diameter_penalty, dtype),
            jnp.asarray(self.shrinkage, dtype),
            # What is traced must not be part of the static settings, or each value would be compiled anew.
            dataclasses.replace(self, diameter_penalty=0.0, shrinkage=1.0),
            self.diameter_penalty > 0,
        )

    def heavy_tailed(self, model: GaussianLinearModel) -> frozenset[str]:
        """All risks, because K averages cannot follow d weights, unless the weights stay as they are."""
        every_weight = self.method == "optimal" or self.init in ("random", "kmeans++")
        lossless = self.num_clusters == model.d and every_weight
        unmoved = self.diameter_penalty == 0 and self.shrinkage == 1
        return heavy_risks(model, lossless and unmoved and self.center_bits in (None, MAXIMUM_BITS))

    def fixed_rates(self, model: GaussianLinearModel) -> dict[str, float]:
        """``d ln K`` nats."""
        return {"fixed_length": model.d * float(np.log(self.num_clusters))}

    def bounding_rates(self, model: GaussianLinearModel) -> dict[str, RateKind]:
        """The code lengths of rounded centres that a decoder can do with."""
        return decodable_rates(self.num_clusters, self.center_bits)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class PreparedHessianWeighted:
    """A :class:`HessianWeightedKMeans` with β and the shrinkage as traced scalars."""

    diameter_penalty: jax.Array
    shrinkage: jax.Array
    settings: HessianWeightedKMeans = dataclasses.field(metadata={"static": True})
    penalized: bool = dataclasses.field(metadata={"static": True})

    def compress(self, key: jax.Array, weights: jax.Array, context: Context) -> Compressed:
        """Quantise, then shrink and round the centres."""
        h = context.hessian_diagonal
        if h is None:
            raise ValueError("Hessian-weighted K-means needs context.hessian_diagonal")
        labels, centers = self._quantize(key, weights, h)
        mean = jnp.sum(h * weights) / jnp.sum(h)
        # Not by way of the mean where nothing is shrunk: not even the last bit may change.
        centers = jnp.where(self.shrinkage == 1, centers, mean + self.shrinkage * (centers - mean))
        counts = label_counts(labels, self.settings.num_clusters)
        return encode(labels, centers, counts, self.settings.center_bits)

    def _quantize(self, key: jax.Array, weights: jax.Array, h: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Labels ``(d,)`` and centres ``(K,)``."""
        own = self.settings
        K = own.num_clusters
        if weights.size > SHORT_VECTOR:
            centers = self._centers_on_host(key, weights, h)
            return nearest_labels(weights, centers), centers
        if own.method == "optimal" and not self.penalized:
            path = optimal_path(weights, K, h)
            return path.labels[K - 1], path.centers[K - 1]
        if own.method == "optimal":
            result = optimal_under_diameter_penalty(weights, K, h, self.diameter_penalty, own.penalty)
        else:
            result = lloyd(
                key, weights, K, init=own.init, num_starts=own.num_starts, max_iterations=own.max_iterations,
                importance=h, diameter_penalty=self.diameter_penalty, penalty=own.penalty,
            )  # fmt: skip
        return result.labels, result.centers

    def _centers_on_host(self, key: jax.Array, weights: jax.Array, h: jax.Array) -> jax.Array:
        """Centres ``(K,)`` by the NumPy quantiser, one vector at a time."""
        own = self.settings

        def quantize(
            weights: np.ndarray, h: np.ndarray, diameter_penalty: np.ndarray, key_data: np.ndarray
        ) -> np.ndarray:
            # A seed rather than a key: a callback that calls JAX can wait for itself.
            seed = int.from_bytes(np.asarray(key_data).tobytes(), "little")
            w, importance = np.asarray(weights, np.float64), np.asarray(h, np.float64)
            starts = {
                "init": own.init, "key": seed, "num_starts": own.num_starts,
                "max_iterations": own.max_iterations,
            }  # fmt: skip
            quantized = kmeans(
                w, own.num_clusters, importance, float(diameter_penalty), own.method, own.penalty,
                **(starts if own.method == "lloyd" else {}),
            )  # fmt: skip
            return quantized.centers.astype(weights.dtype)

        return jax.pure_callback(
            quantize,
            jax.ShapeDtypeStruct((own.num_clusters,), weights.dtype),
            weights,
            h,
            self.diameter_penalty,
            jax.random.key_data(key),
            vmap_method="sequential",
        )

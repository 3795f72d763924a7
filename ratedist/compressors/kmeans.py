"""K-means on the weights of one model: the compressor that Figure 2 sets against the oracle."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, cast, get_args

import jax
import jax.numpy as jnp
import numpy as np

from ratedist import _checks
from ratedist.codes import codebook_bits, header_bits
from ratedist.codes import traced as codes
from ratedist.codes.rounding import MAXIMUM_BITS, MINIMUM_BITS
from ratedist.compressors.base import Compressed, Context, RateKind, following_weights
from ratedist.linear_model.base import LinearModel
from ratedist.quantizers import kmeans
from ratedist.quantizers.methods import Lloyd, Optimal, as_method, check_method
from ratedist.quantizers.traced.assignment import label_counts, lookup
from ratedist.quantizers.traced.initialization import checked_start
from ratedist.quantizers.traced.lloyd import lloyd
from ratedist.quantizers.traced.optimal import SHORT_VECTOR, optimal_path, quantized_side_by_side
from ratedist.units import bits_to_nats

Method = Literal["optimal", "lloyd"]

# Up to this K the lengths Σ|C_k|b_k + K·b alone satisfy Kraft's inequality, see docs/compressors.md.
LARGEST_HEADERLESS = 7


@dataclasses.dataclass(frozen=True)
class KMeans:
    """Scalar K-means: every weight is replaced by one of K centres computed from these weights.

    Args:
        num_clusters: K, from 1 to the number of weights.
        method: "optimal" is the global optimum by dynamic programming. ``rd.Lloyd(init=…)`` iterates from
            "coarse_optimum", "random" (the papers'), "kmeans++", "quantile" or "linear". "lloyd" has its
            defaults, and starts at the optimum of up to 192 weights.
        center_bits: bits that each centre is rounded to, from 7 to 64; ``None`` leaves centres real numbers.

    Rates are in nats for the whole vector. ``assignment_entropy`` is d times the entropy of the labels'
    frequencies, ``fixed_length`` d times ln K. With ``center_bits`` there is also ``huffman_length``, of the
    labels. ``description_length`` adds the centres, and is the numerator of Entropy 2021 eq. (39).
    ``decodable_length`` adds the header that a decoder needs. Only the expectation of ``decodable_length`` is
    an upper bound on I(W; Ŵ) at every K; that of ``description_length`` is one up to K = 7. With real-valued
    centres computed from W the information is infinite. The papers' "I ≤ log₂ K" (§6.2) leaves out the factor
    d.
    """

    num_clusters: int
    method: Method | Lloyd | Optimal = "optimal"
    center_bits: int | None = None

    markov = True
    needs = frozenset[str]()

    def __post_init__(self) -> None:
        check_clustering(self.num_clusters, self.center_bits)
        # The record in place of its name: equal compressors compare equal, and compile once.
        object.__setattr__(self, "method", checked_method(self.method))

    def prepare(self, model: LinearModel) -> PreparedOptimal | PreparedLloyd | PreparedLong:
        """Check K against the number of weights and choose the implementation by their number."""
        require_enough_weights(self.num_clusters, model)
        d, precision = model.num_weights, jnp.result_type(float)
        is_optimum = isinstance(self.method, Optimal)
        if is_optimum and quantized_side_by_side(d, precision, self.num_clusters):
            return PreparedOptimal(self)
        if d > SHORT_VECTOR:
            return PreparedLong(self)
        return PreparedLloyd(self, self.method) if isinstance(self.method, Lloyd) else PreparedOptimal(self)

    def heavy_tailed(self, model: LinearModel) -> frozenset[str]:
        """All risks for K < d: K averages cannot follow d weights, so the distortion grows with ‖W‖² too.

        As many clusters as weights lose nothing, unless Lloyd's start misses some of them. Rounded centres
        have an error that grows with the weights.
        """
        lossless = self.num_clusters == model.num_weights and keeps_every_weight(self.method)
        return heavy_risks(model, lossless and self.center_bits in (None, MAXIMUM_BITS))

    def fixed_rates(self, model: LinearModel) -> dict[str, float]:
        """``d ln K`` nats."""
        return {"fixed_length": model.num_weights * float(np.log(self.num_clusters))}

    def bounding_rates(self, model: LinearModel) -> dict[str, RateKind]:
        """The code lengths of rounded centres that a decoder can do with."""
        return decodable_rates(self.num_clusters, self.center_bits)


def heavy_risks(model: LinearModel, lossless: bool) -> frozenset[str]:
    """The risks that grow with ‖W‖²: those of W itself if nothing is lost, else all."""
    risks = ("population_risk", "generalization_error")
    return following_weights(model, *risks, *(() if lossless else ("empirical_risk", "distortion")))


def decodable_rates(num_clusters: int, center_bits: int | None) -> dict[str, RateKind]:
    """Which of the rates of :func:`encode` have an expectation that bounds H(Ŵ)."""
    if center_bits is None:
        return {}
    if num_clusters > LARGEST_HEADERLESS:
        return {"decodable_length": "code_length"}
    return {"decodable_length": "code_length", "description_length": "code_length"}


def checked_method(method: Any, *, penalized: bool = False, penalty: str = "squared") -> Lloyd | Optimal:
    """The record of a K-means compressor's method, or ``ValueError`` in words."""
    record = cast("Lloyd | Optimal", as_method(method, get_args(Method)))
    check_method(record, penalized=penalized, penalty=penalty)
    if isinstance(record, Lloyd):
        checked_start(record)
    return record


def keeps_every_weight(method: str | Lloyd | Optimal) -> bool:
    """Whether as many clusters as weights lose nothing: evenly spaced starts may miss some of the weights."""
    return not isinstance(method, Lloyd) or method.init not in ("quantile", "linear")


def check_clustering(num_clusters: int, center_bits: int | None) -> None:
    """Refuse, in words, settings that no K-means compressor has."""
    _checks.integer("num_clusters", num_clusters, 1)
    if center_bits is not None:
        _checks.integer("center_bits", center_bits, MINIMUM_BITS, MAXIMUM_BITS)


def require_enough_weights(num_clusters: int, model: LinearModel) -> None:
    """Refuse more clusters than the model has weights."""
    if num_clusters > model.num_weights:
        raise ValueError(f"num_clusters must be at most the {model.num_weights} weights, got {num_clusters}")


def encode(labels: jax.Array, centers: jax.Array, counts: jax.Array, center_bits: int | None) -> Compressed:
    """Reconstruction and rates from labels ``(d,)``, centres and counts ``(K,)``; rounds if asked."""
    rates = {"assignment_entropy": labels.shape[0] * codes.empirical_entropy(counts)}
    if center_bits is not None:
        centers = codes.round_to_bits(centers, center_bits)
        K = centers.size
        payload = codes.huffman_payload_bits(counts)
        bits = payload + float(codebook_bits(K, center_bits))
        rates["huffman_length"] = bits_to_nats(payload)
        rates["description_length"] = bits_to_nats(bits)
        rates["decodable_length"] = bits_to_nats(bits + header_bits(K, K))
    return Compressed(lookup(centers, labels), rates)


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class PreparedOptimal:
    """Optimal K-means of a short vector; all K of a simulation come from one dynamic programme."""

    settings: KMeans

    @staticmethod
    def compress_family(
        members: Mapping[str, PreparedOptimal], weights: jax.Array
    ) -> dict[tuple[str, ...], Compressed]:
        """Compress by every member, from one table."""
        settings = {name: member.settings for name, member in members.items()}
        # In the order of the members: JAX sorts names as texts, and rows in another order are copied.
        wanted = list(dict.fromkeys(one.num_clusters for one in settings.values()))
        path = optimal_path(weights, max(wanted), only=wanted)
        compressed = {}
        if plain := {name: one for name, one in settings.items() if one.center_bits is None}:
            rows = [wanted.index(one.num_clusters) for one in plain.values()]
            # Taking rows apart and together again costs as much as computing them.
            all_rows = rows == list(range(len(wanted)))
            counts, reconstruction = (
                part if all_rows else part[np.array(rows)] for part in (path.counts, path.reconstruction)
            )
            entropies = weights.shape[0] * codes.entropy_of_few(counts, weights.shape[0])
            compressed[tuple(plain)] = Compressed(reconstruction, {"assignment_entropy": entropies})
        for name, one in settings.items():
            if name not in plain:
                K, row = one.num_clusters, wanted.index(one.num_clusters)
                coded = encode(path.labels[row], path.centers[row, :K], path.counts[row, :K], one.center_bits)
                compressed[(name,)] = jax.tree.map(lambda leaf: leaf[None], coded)
        return compressed

    def compress(self, key: jax.Array, weights: jax.Array, context: Context) -> Compressed:
        """Compress alone."""
        (one,) = self.compress_family({"alone": self}, weights).values()
        return jax.tree.map(lambda leaf: leaf[0], one)


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class PreparedLloyd:
    """Lloyd's iteration on a short vector."""

    settings: KMeans
    method: Lloyd

    def compress(self, key: jax.Array, weights: jax.Array, context: Context) -> Compressed:
        """The best of all starts."""
        own = self.settings
        result = lloyd(key, weights, own.num_clusters, self.method)
        return encode(result.labels, result.centers, result.counts, own.center_bits)


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class PreparedLong:
    """K-means of a long vector, on the host: one sort and prefix sums in NumPy."""

    settings: KMeans

    def compress(self, key: jax.Array, weights: jax.Array, context: Context) -> Compressed:
        """Call the NumPy quantiser for one vector at a time."""
        own = self.settings
        shapes = (
            jax.ShapeDtypeStruct(weights.shape, np.int32),
            jax.ShapeDtypeStruct((own.num_clusters,), weights.dtype),
        )

        def on_host(weights: np.ndarray, key_data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            # A seed rather than a key: a callback that calls JAX can wait for itself.
            seed = int.from_bytes(np.asarray(key_data).tobytes(), "little")
            w = np.asarray(weights, np.float64)
            quantized = kmeans(w, own.num_clusters, method=own.method, key=seed)
            return quantized.labels.astype(np.int32), quantized.centers.astype(weights.dtype)

        labels, centers = jax.pure_callback(
            on_host, shapes, weights, jax.random.key_data(key), vmap_method="sequential"
        )
        return encode(labels, centers, label_counts(labels, own.num_clusters), own.center_bits)

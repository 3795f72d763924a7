"""What a compressor is, and how several of them compress the same weights in one trial."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Hashable, Mapping, Set
from typing import Any, Literal, NamedTuple, Protocol

import jax
import jax.numpy as jnp

from ratedist.linear_model.model import GaussianLinearModel
from ratedist.linear_model.sampling import ModelArrays

RISK_NAMES = ("population_risk", "empirical_risk", "distortion", "generalization_error")
HESSIAN_NAMES = frozenset({"hessian_diagonal", "hessian"})
CONTEXT_NAMES = HESSIAN_NAMES | {"model"}
# A log-ratio of densities, whose mean is an information: the one rate that a single trial may have below 0.
SIGNED_RATE = "information_density"

# What makes the mean of a rate an upper bound: "code_length" bounds H(Ŵ), hence I(S; Ŵ) for every compressor;
# "information" bounds I(W; Ŵ), hence I(S; Ŵ) where S → W → Ŵ holds.
RateKind = Literal["code_length", "information"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Context:
    """What a compressor may see besides the weights; each entry is None unless it was declared in ``needs``.

    ``model`` is the true model (only an oracle may ask for it); ``hessian_diagonal`` ``(d,)`` and
    ``hessian`` ``(d, d)`` are diag(A/n) and A/n.
    """

    model: ModelArrays | None = None
    hessian_diagonal: jax.Array | None = None
    hessian: jax.Array | None = None

    def only(self, needs: Set[str]) -> Context:
        """These entries alone; the others are None."""
        return Context(**{name: getattr(self, name) for name in CONTEXT_NAMES & needs})


class Compressed(NamedTuple):
    """What one compressor made of the weights, or several of one kind along a first axis.

    Attributes:
        reconstruction: Ŵ, shape ``(d,)``, in the floating-point type of the weights.
        rates: by name, one number each, in nats for the whole vector; ``{}`` where nothing is counted. None
            is negative but ``information_density``.

    For a group of G compressors the shapes are ``(G, d)`` and ``(G,)``.
    """

    reconstruction: jax.Array
    rates: dict[str, jax.Array]


class PreparedCompressor(Protocol):
    """A compressor made ready for one model: a JAX pytree whose traced values are its parameters."""

    def compress(self, key: jax.Array, weights: jax.Array, context: Context) -> Compressed:
        """Reconstruction of shape ``(d,)``, and the rates in nats that vary from trial to trial.

        Pure, and traced by JAX: the same arguments give the same result, whatever is drawn comes from
        ``key``, and values are branched on by ``jnp.where``.
        """
        ...


class Compressor(Protocol):
    """A map from ERM weights to a reconstruction, as a small frozen record.

    :func:`ratedist.compressor` makes one of a plain function; :func:`ratedist.check_compressor` tries it.
    A class needs no base: these names are enough. It may also have
    ``bounding_rates(model) -> dict[str, RateKind]``, which says for each rate whose mean is an upper bound
    on an information of which kind it is: "code_length" (of a decodable description of Ŵ) or "information"
    (at least I(W; Ŵ)). Rates that it does not name bound nothing.
    """

    @property
    def markov(self) -> bool:
        """Whether S → W → Ŵ holds: the compressor sees the data through the weights alone. Bounds through
        I(W; Ŵ) apply to these only."""
        ...

    @property
    def needs(self) -> frozenset[str]:
        """Which entries of :class:`Context` it reads: of "model", "hessian_diagonal" and "hessian"."""
        ...

    def prepare(self, model: GaussianLinearModel) -> PreparedCompressor:
        """Check the compressor against the model, and compute what it needs beforehand."""
        ...

    def heavy_tailed(self, model: GaussianLinearModel) -> frozenset[str]:
        """The risks of one trial that grow as ‖W − w*‖² does; the others have all their moments.

        Which moments these have follows from the law of W: see :mod:`ratedist.compressors.tails`. Names:
        "population_risk", "empirical_risk", "distortion", "generalization_error".
        """
        ...

    def fixed_rates(self, model: GaussianLinearModel) -> dict[str, float]:
        """Rates in nats, by name, that are the same in every trial."""
        ...


def following_weights(model: GaussianLinearModel, *risks: str) -> frozenset[str]:
    """``risks`` as the heavy-tailed ones, but none without noise: then W = w* in every trial."""
    return frozenset(risks if model.noise_variance > 0 else ())


def compress_all(
    compressors: Mapping[str, PreparedCompressor],
    key: jax.Array,
    weights: jax.Array,
    context: Context,
    needs: Mapping[str, Set[str]],
) -> dict[tuple[str, ...], Compressed]:
    """Compress the same weights by every compressor, group by group.

    The key of each is derived from its name, so that what one compressor draws does not depend on which
    others run beside it; and each sees the entries of ``context`` that are its own ``needs``, whatever the
    others see. Compressors with a ``compress_family`` (optimal K-means at several K) share
    their work; those that differ in traced values only (oracles at several α) are traced once. Results
    stay stacked: taking them apart only to stack all of them again would double what XLA compiles.

    Returns:
        By the names of a group's members, their results along a first axis.

    Raises:
        ValueError: a compressor that is no pytree, or returns what is not a :class:`Compressed` of the right
            shapes and types; while tracing, before anything is computed.
    """
    groups: dict[Hashable, dict[str, Any]] = {}
    for name, compressor in compressors.items():
        family = hasattr(compressor, "compress_family")
        shared = type(compressor) if family else (signature(name, compressor), frozenset(needs[name]))
        groups.setdefault(shared, {})[name] = compressor
    compressed: dict[tuple[str, ...], Compressed] = {}
    for members in groups.values():
        first_name, first = next(iter(members.items()))
        if hasattr(first, "compress_family"):
            compressed |= first.compress_family(members, weights)
            continue
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *members.values())
        keys = jnp.stack([jax.random.fold_in(key, zlib.crc32(name.encode())) for name in members])

        own_context = context.only(needs[first_name])

        def one_member(
            one: Any, own_key: jax.Array, name: str = first_name, own_context: Context = own_context
        ) -> Compressed:
            return checked_output(name, one.compress(own_key, weights, own_context), weights)

        compressed[tuple(members)] = jax.vmap(one_member)(stacked, keys)
    return compressed


def signature(name: str, prepared: Any) -> Hashable:
    """What compressors must share to be traced as one: the structure, and the shapes of the leaves.

    Raises:
        ValueError: ``bound`` is not a JAX pytree of arrays.
    """
    leaves, structure = jax.tree.flatten(prepared)
    for leaf in leaves:
        if not hasattr(leaf, "shape") or not hasattr(leaf, "dtype"):
            raise ValueError(
                f"prepare of compressor {name!r} must return a JAX pytree whose leaves are arrays, got a "
                f"{type(leaf).__name__}: register its class by jax.tree_util.register_static (settings only) "
                "or jax.tree_util.register_dataclass (arrays too)"
            )
    return structure, tuple((leaf.shape, leaf.dtype) for leaf in leaves)


def checked_output(name: str, output: Any, weights: jax.Array) -> Compressed:
    """``output`` of ``compress`` if its shapes and types are right; values are not looked at.

    Raises:
        ValueError: not a :class:`Compressed`; a reconstruction of another shape or type than the weights;
            rates that are not one real number each by name.
    """
    where = f"compress of {name!r} must return rd.Compressed(reconstruction, rates)"
    if not isinstance(output, Compressed):
        raise ValueError(f"{where}, got {_described(output)}")
    reconstruction, rates = output
    if not hasattr(reconstruction, "shape") or reconstruction.shape != weights.shape:
        raise ValueError(
            f"{where} with a reconstruction of the shape {weights.shape} of the weights, "
            f"got {_described(reconstruction)}"
        )
    if reconstruction.dtype != weights.dtype:
        raise ValueError(
            f"{where} with a reconstruction of the weights' type {weights.dtype}, got "
            f"{reconstruction.dtype}: cast it by .astype(weights.dtype)"
        )
    if not isinstance(rates, Mapping) or not all(isinstance(rate, str) for rate in rates):
        raise ValueError(f"{where} with rates by name, such as {{}}, got {_described(rates)}")
    for rate, value in rates.items():
        real = isinstance(value, int | float) or (
            hasattr(value, "dtype")
            and (jnp.issubdtype(value.dtype, jnp.floating) or jnp.issubdtype(value.dtype, jnp.integer))
        )
        if not real or jnp.shape(value) != ():
            raise ValueError(
                f"{where} with rates that are one real number each, got {_described(value)} for {rate!r}"
            )
    return Compressed(reconstruction, dict(rates))


def _described(value: Any) -> str:
    """A value in words: traced arrays say their shape and type, anything else its type."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"an array of shape {tuple(value.shape)} and type {value.dtype}"
    return f"a {type(value).__name__}"

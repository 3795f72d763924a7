"""What a compressor is: the protocols, and what it may see and returns."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Set
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import jax

from ratedist.linear_model.base import LinearModel
from ratedist.linear_model.multi_output_sampling import MultiOutputArrays
from ratedist.linear_model.sampling import ModelArrays
from ratedist.pytrees import register_record

HESSIAN_NAMES = frozenset({"hessian_diagonal", "hessian", "input_hessian"})
CONTEXT_NAMES = HESSIAN_NAMES | {"model"}
# A log-ratio of densities, whose mean is an information: the one rate that a single trial may have below 0.
SIGNED_RATE = "information_density"
# Any other rate may fall below 0 by rounding only.
RATE_TOLERANCE = 1e-6

# What makes the mean of a rate an upper bound: "code_length" bounds H(Ŵ), hence I(S; Ŵ) for every compressor;
# "information" bounds I(W; Ŵ), hence I(S; Ŵ) where S → W → Ŵ holds; "data_information" bounds I(S; Ŵ) itself.
RateKind = Literal["code_length", "information", "data_information"]


@register_record
@dataclasses.dataclass(frozen=True)
class Context:
    """What a compressor may see besides the weights; each entry is None unless it was declared in ``needs``.

    ``model`` is the true model (only an oracle may ask for it). ``hessian_diagonal`` ``(d,)`` and
    ``hessian`` ``(d, d)`` are diag(A/n) and A/n, and ``input_hessian`` is A/n too. With o outputs the weights
    are o·d numbers, row by row. Then ``hessian`` is M ⊗ A/n of shape ``(o·d, o·d)``, ``hessian_diagonal`` its
    diagonal, and ``input_hessian`` still A/n of shape ``(d, d)``.
    """

    model: ModelArrays | MultiOutputArrays | None = None
    hessian_diagonal: jax.Array | None = None
    hessian: jax.Array | None = None
    input_hessian: jax.Array | None = None

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


@runtime_checkable
class FamilyCompressor(PreparedCompressor, Protocol):
    """A prepared compressor that compresses together with its kind for less than each of them alone.

    Optional: a prepared compressor is one if it has ``compress_family``. All of one class in a simulation are
    then compressed by one call of it, as optimal K-means at several K by one dynamic programme. It gets
    neither a key nor a context, so the compressor draws nothing and declares no ``needs``.
    """

    @staticmethod
    def compress_family(
        members: Mapping[str, Any], weights: jax.Array
    ) -> Mapping[tuple[str, ...], Compressed]:
        """What ``compress`` of every member makes of the weights, pure and traced by JAX as that is.

        Args:
            members: prepared compressors of this class, by name; the class shares what it can among them.
            weights: W, shape ``(d,)``.

        Returns:
            By the names of a group's members, their results along a first axis: reconstructions ``(G, d)``,
            rates ``(G,)``. Each member is in one group; those with different rates are in different ones.
        """
        ...


@runtime_checkable
class RandomFamilyCompressor(PreparedCompressor, Protocol):
    """As :class:`FamilyCompressor`, for those that draw or see a context: the papers' oracles are one.

    All of one class and with the same ``needs`` are compressed by one call. Each has its own key, so that
    what it draws depends on its name alone.
    """

    @staticmethod
    def compress_random_family(
        members: Mapping[str, Any], keys: jax.Array, weights: jax.Array, context: Context
    ) -> Mapping[tuple[str, ...], Compressed]:
        """What ``compress`` of every member makes of the weights with its key, one of ``keys`` each."""
        ...


class Compressor(Protocol):
    """A map from ERM weights to a reconstruction, as a small frozen record.

    :func:`ratedist.compressor` makes one of a plain function; :func:`ratedist.check_compressor` tries it. A
    class needs no base: these names are enough. It may also have
    ``bounding_rates(model) -> dict[str, RateKind]``, which names the rates whose mean is an upper bound on an
    information, and the kind of each. "code_length" is that of a decodable description of Ŵ, "information" is
    at least I(W; Ŵ). "data_information" is at least I(S; Ŵ), as the divergence of the law of Ŵ given the data
    from one fixed before them. Rates that it does not name bound nothing. What ``prepare`` returns may share
    work with its kind: see :class:`FamilyCompressor`.
    """

    @property
    def markov(self) -> bool:
        """Whether S → W → Ŵ holds: the compressor sees the data through the weights alone. Bounds through
        I(W; Ŵ) apply to these only."""
        ...

    @property
    def needs(self) -> frozenset[str]:
        """Which entries of :class:`Context` it reads: of "model", "hessian_diagonal", "hessian" and
        "input_hessian"."""
        ...

    def prepare(self, model: LinearModel) -> PreparedCompressor:
        """Check the compressor against the model, and compute what it needs beforehand."""
        ...

    def heavy_tailed(self, model: LinearModel) -> frozenset[str]:
        """The risks of one trial that grow as ‖W − w*‖² does; the others have all their moments.

        Which moments these have follows from the law of W: see :mod:`ratedist.compressors.tails`. Names are
        those of :class:`ratedist.linear_model.quantities.Risks`.
        """
        ...

    def fixed_rates(self, model: LinearModel) -> dict[str, float]:
        """Rates in nats, by name, that are the same in every trial."""
        ...


def following_weights(model: LinearModel, *risks: str) -> frozenset[str]:
    """``risks`` as the heavy-tailed ones, but none without noise: then W = w* in every trial."""
    return frozenset(risks if model.bayes_risk > 0 else ())

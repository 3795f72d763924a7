"""A compressor from a plain function."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping

import jax

from ratedist.compressors.base import Compressed, Context, RateKind, following_weights
from ratedist.compressors.declaration import (
    check_bounding_rates,
    check_markov_and_needs,
    check_rates,
    names_in,
)
from ratedist.linear_model.base import LinearModel
from ratedist.linear_model.quantities import RISK_NAMES

Function = Callable[[jax.Array, jax.Array, Context], Compressed]


def compressor(
    function: Function,
    *,
    markov: bool,
    needs: Iterable[str] = (),
    heavy_tailed: Iterable[str] = RISK_NAMES,
    fixed_rates: Mapping[str, float] | None = None,
    bounding_rates: Mapping[str, RateKind] | None = None,
) -> FunctionCompressor:
    """Make a compressor of ``function(key, weights, context) -> rd.Compressed(reconstruction, rates)``.

    Args:
        function: pure and traceable by JAX. ``key`` is a JAX random key, ``weights`` are W, shape ``(d,)``,
            and ``context`` has the entries declared in ``needs``; see :class:`~ratedist.Compressed` for what
            it returns. One and the same function is compiled once.
        markov: whether S → W → Ŵ holds: True if it sees the data through W alone.
        needs: the entries of ``context`` that it reads; others are None. "hessian_diagonal" is diag(A/n),
            shape ``(d,)``, "hessian" A/n, shape ``(d, d)``, and "input_hessian" A/n of several outputs too.
            "model" is the truth, for an oracle.
        heavy_tailed: the risks that grow as ‖W − w*‖² does; by default all four, which claims least. A
            bounded reconstruction has none: ``()``.
        fixed_rates: rates in nats, by name, that are the same in every trial.
        bounding_rates: the kind of each rate whose mean is an upper bound. "code_length" is that of a
            decodable description of Ŵ, "information" at least I(W; Ŵ), "data_information" at least I(S; Ŵ).

    Raises:
        ValueError: what is not callable, unknown names, ``markov=True`` beside a Hessian, rates that are
            negative or not numbers.

    Example:
        >>> import jax.numpy as jnp
        >>> import ratedist as rd
        >>> def keep_signs(key, weights, context):
        ...     signs = jnp.where(weights < 0, -1.0, 1.0)
        ...     return rd.Compressed(signs, {"bits": jnp.log(2.0) * weights.size})
        >>> signs = rd.compressor(keep_signs, markov=True, heavy_tailed=())
        >>> model = rd.GaussianLinearModel(n=20, w_star=rd.two_level_weights(4))
        >>> "purity" in rd.check_compressor(signs, model)
        True
    """
    if not callable(function) or isinstance(function, type):
        raise ValueError(f"function must be called as function(key, weights, context), got {function!r}")
    owner = f"compressor {getattr(function, '__name__', 'of a function')!r}"
    return FunctionCompressor(
        function,
        markov,
        check_markov_and_needs(owner, markov, needs),
        names_in(f"heavy_tailed of {owner}", heavy_tailed, RISK_NAMES),
        tuple(check_rates(f"fixed_rates of {owner}", fixed_rates or {}).items()),
        tuple(check_bounding_rates(owner, bounding_rates or {}, markov).items()),
    )


@dataclasses.dataclass(frozen=True)
class FunctionCompressor:
    """What :func:`compressor` returns; its arguments are explained there."""

    function: Function
    markov: bool
    needs: frozenset[str]
    risks: frozenset[str]
    rates: tuple[tuple[str, float], ...]
    kinds: tuple[tuple[str, RateKind], ...]

    def prepare(self, model: LinearModel) -> PreparedFunction:
        """A function serves any model."""
        return PreparedFunction(self.function)

    def heavy_tailed(self, model: LinearModel) -> frozenset[str]:
        """As declared; without noise W = w* and what sees W alone has no tails from it."""
        return following_weights(model, *self.risks) if self.markov else self.risks

    def fixed_rates(self, model: LinearModel) -> dict[str, float]:
        """As declared."""
        return dict(self.rates)

    def bounding_rates(self, model: LinearModel) -> dict[str, RateKind]:
        """As declared."""
        return dict(self.kinds)


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class PreparedFunction:
    """The function itself, static in what is traced."""

    function: Function

    def compress(self, key: jax.Array, weights: jax.Array, context: Context) -> Compressed:
        """Call the function."""
        return self.function(key, weights, context)

"""How K-means looks for its centres: one record of options for each method, without JAX."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

from numpy.typing import ArrayLike

from ratedist import _checks

MethodName = Literal["lloyd", "optimal", "algorithm1"]
RANDOM_INITIALIZATIONS = ("random", "kmeans++")
INITIALIZATIONS = ("coarse_optimum", "high_rate", "quantile", "linear", *RANDOM_INITIALIZATIONS)


@dataclasses.dataclass(frozen=True)
class Lloyd:
    """Lloyd's method: alternate nearest centres and exact centre updates; the objective never rises.

    A cluster that loses all its weights takes half of another one. The end is a local minimum.

    Scalars of importance up to 2⁻⁵² of the sum take no part in the updates; they go to the nearest centre.
    Where the others are no more than K, and K times d is at most 2²⁰, the optimum of all is taken instead.

    Args:
        init: where the iteration starts. ``None`` takes "coarse_optimum" for scalars, the best clustering of
            some hundred runs of neighbouring weights, and "kmeans++" for blocks. Other starts are "random" (K
            of the weights) and "kmeans++". For scalars there are also "high_rate" (spaced as the best
            quantiser of many levels), "quantile" and "linear" (evenly spaced). Or the centres themselves,
            shape ``(K,)``, for blocks ``(K, m)``. "random" and "kmeans++" need a key.
        num_starts: number of random starts, of which the result with the least objective is kept.
        max_iterations: largest number of centre updates from each start.

    Raises:
        ValueError: an unknown name, centres that are no finite numbers, numbers below 1, several starts from
            a start that is not random.

    Source: Lloyd 1982; the objective (34) of Entropy 2021.
    """

    init: str | ArrayLike | None = None
    num_starts: int = 1
    max_iterations: int = 300

    def __post_init__(self) -> None:
        _check_descent(self)


@dataclasses.dataclass(frozen=True)
class Algorithm1:
    """Algorithm 1 of the Entropy article as printed, whose objective may rise from one iteration to the next.

    It assigns blocks by the Euclidean distance, as (36) has it, whatever their importance.

    Args:
        init: where the iteration starts. ``None`` takes "coarse_optimum" for scalars, the best clustering of
            some hundred runs of neighbouring weights, and "kmeans++" for blocks. Other starts are "random" (K
            of the weights) and "kmeans++". For scalars there are also "high_rate" (spaced as the best
            quantiser of many levels), "quantile" and "linear" (evenly spaced). Or the centres themselves,
            shape ``(K,)``, for blocks ``(K, m)``. "random" and "kmeans++" need a key.
        num_starts: number of random starts, of which the result with the least objective is kept.
        max_iterations: largest number of centre updates from each start.

    Raises:
        ValueError: an unknown name, centres that are no finite numbers, numbers below 1, several starts from
            a start that is not random.

    Source: Entropy 2021, Algorithm 1. Erratum: (36) is not the assignment that minimises (35).
    """

    init: str | ArrayLike | None = None
    num_starts: int = 1
    max_iterations: int = 300

    def __post_init__(self) -> None:
        _check_descent(self)


@dataclasses.dataclass(frozen=True)
class Optimal:
    """The global minimum for scalar weights, with a certified lower bound.

    Without a diameter penalty a dynamic programme finds it and nothing can be set. With one, branch and bound
    narrows the gap between the best quantiser found and the lower bound.

    Args:
        tolerance: with a diameter penalty, the search ends when the gap between the best objective and its
            lower bound is this part of the objective.
        time_budget: seconds after which the search under a diameter penalty ends, with the gap that is left
            by then.

    Raises:
        ValueError: negative numbers, or none.
    """

    tolerance: float = 1e-6
    time_budget: float = 60.0

    def __post_init__(self) -> None:
        for name in ("tolerance", "time_budget"):
            object.__setattr__(self, name, _checks.number(name, getattr(self, name)))


Method = Lloyd | Optimal | Algorithm1
_RECORDS: dict[str, type[Method]] = {"lloyd": Lloyd, "optimal": Optimal, "algorithm1": Algorithm1}
METHODS = tuple(_RECORDS)


def as_method(method: str | Method, allowed: tuple[str, ...] = METHODS) -> Method:
    """The record itself, or the one that a name stands for, with its defaults.

    Args:
        method: ``Lloyd(...)``, ``Optimal(...)``, ``Algorithm1(...)``, or "lloyd", "optimal", "algorithm1".
        allowed: the names of those that there are here.

    Raises:
        ValueError: anything else.
    """
    kinds = [_RECORDS[name] for name in allowed]
    for kind in kinds:
        if isinstance(method, kind):
            return method
        if method is kind:
            raise ValueError(f"method must be a record such as rd.{kind.__name__}(), got the class itself")
    if isinstance(method, str):
        return _RECORDS[_checks.one_of("method", method, allowed)]()
    records = " or ".join(f"rd.{kind.__name__}(...)" for kind in kinds)
    raise ValueError(
        f"method must be {records}, or one of the names {', '.join(allowed)}; got {method!r:.80}"
    )


def check_method(
    method: Method, *, block_length: int = 1, penalized: bool = False, penalty: str = "squared"
) -> None:
    """Refuse, in words, a method that the problem does not allow and options that would be ignored.

    Args:
        method: the record.
        block_length: weights that share a label.
        penalized: whether the diameter penalty is above zero.
        penalty: "squared" or "linear".

    Raises:
        ValueError: the linear penalty with blocks or "algorithm1"; "optimal" with blocks; options of
            ``Optimal`` where nothing is penalised; several starts where the default start is not random; a
            start that blocks do not have.
    """
    if penalty == "linear" and (block_length > 1 or isinstance(method, Algorithm1)):
        raise ValueError('penalty "linear" is for block_length 1 and the methods "lloyd" and "optimal"')
    if isinstance(method, Optimal):
        if block_length > 1:
            raise ValueError('method "optimal" is for block_length 1: no efficient algorithm is known beyond')
        if not penalized and method != Optimal():
            raise ValueError(
                "tolerance and time_budget of Optimal are for a diameter_penalty above zero: without one "
                "the optimum is found directly"
            )
    elif method.init is None and method.num_starts > 1 and block_length == 1:
        raise ValueError(
            f"num_starts is for random initialisations; init None is not one for scalars, "
            f"got {method.num_starts} starts"
        )
    elif isinstance(method.init, str) and block_length > 1:
        _checks.one_of("init for blocks", method.init, RANDOM_INITIALIZATIONS)


def _check_descent(method: Lloyd | Algorithm1) -> None:
    _checks.integer("num_starts", method.num_starts, 1)
    _checks.integer("max_iterations", method.max_iterations, 1)
    init = method.init
    if isinstance(init, str):
        _checks.one_of("init", init, INITIALIZATIONS)
    elif init is not None:
        centers = _checks.real_array("init", init)
        if centers.ndim not in (1, 2):
            raise ValueError(f"init must have shape (K,), or (K, m) for blocks, got {centers.shape}")
        if centers.size == 0:
            raise ValueError(f"init must hold at least one centre, got shape {centers.shape}")
        # Records compare and hash by value, which arrays do not.
        object.__setattr__(method, "init", _as_tuple(centers.tolist()))
    is_random = init is None or (isinstance(init, str) and init in RANDOM_INITIALIZATIONS)
    if method.num_starts > 1 and not is_random:
        raise ValueError(
            f"num_starts is for random initialisations; init {init!r:.80} is none, "
            f"got {method.num_starts} starts"
        )


def _as_tuple(values: Any) -> Any:
    return tuple(_as_tuple(one) for one in values) if isinstance(values, list) else values

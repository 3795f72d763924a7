"""A rank for each matrix such that all of them keep to a budget of bits."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ratedist.container.factored_tensor import rounded
from ratedist.lowrank import Factors
from ratedist.tensors.allocation import allocate
from ratedist.tensors.budget import warn_of_errors
from ratedist.tensors.bulk import Bulk
from ratedist.tensors.choice import enough, most_bytes
from ratedist.tensors.config import QuantizationConfig
from ratedist.tensors.point import Load, Point
from ratedist.tensors.ranks import factors, largest_rank, quantize_factors, truncated
from ratedist.tensors.tensor import measured, named, quantize_tensor

# Ranks that are tried: all up to four, and powers of 2^¼; then so many between those next to the best.
FEW_RANKS, PER_OCTAVE = 4, 4
BETWEEN = 7
# Of a tensor that is quantised, and not factored.
NOT_FACTORED = 0


@dataclasses.dataclass(frozen=True)
class Ranks:
    """What a budget for matrices comes to.

    Attributes:
        ranks: name → r, 0 for one that is only quantised.
        num_bytes: of their data.
        max_bytes: that the budget allows.
    """

    ranks: dict[str, int]
    num_bytes: int
    max_bytes: int


def given_ranks(shapes: Mapping[str, tuple[int, ...]], rank: int) -> dict[str, int]:
    """The rank of each tensor where all have the same: 0 for those that would not be smaller.

    Raises:
        ValueError: a rank at which no tensor would be, with the largest that does something.
    """
    most = {name: largest_rank(shape) for name, shape in shapes.items()}
    if rank > max(most.values(), default=0):
        largest = max(most, key=lambda name: most[name], default=None)
        told = (
            "there is no matrix of two rows and columns or more, one of them with three"
            if largest is None or most[largest] == 0
            else f"the largest that does is {most[largest]}, for {largest!r} of shape {shapes[largest]}"
        )
        raise ValueError(f"rank {rank} leaves no tensor with fewer numbers in its factors: {told}")
    return {name: rank if rank <= most[name] else NOT_FACTORED for name in shapes}


def ranks_of(
    shapes: Mapping[str, tuple[int, ...]],
    load: Load,
    config: QuantizationConfig,
    done: Callable[[], Any] = lambda: None,
) -> tuple[dict[str, int], Ranks | None]:
    """The rank of each tensor by the options, 0 for one not to be factored, and what a budget came to."""
    if config.rank is not None:
        return given_ranks(shapes, config.rank), None
    if config.rank_budget is None:
        return dict.fromkeys(shapes, NOT_FACTORED), None
    found = ranks_within_budget(shapes, load, config, done)
    return dict.fromkeys(shapes, NOT_FACTORED) | found.ranks, found


def ranks_within_budget(
    shapes: Mapping[str, tuple[int, ...]],
    load: Load,
    config: QuantizationConfig,
    done: Callable[[], Any] = lambda: None,
) -> Ranks:
    """A rank for each tensor that can be factored, within ``config.rank_budget`` bits for each weight.

    What is minimised is ``Σ_j h_j (w_j − ŵ_j)²`` over all of them where importances h are given. Without them
    it is the sum of relative errors, each times its number of weights. The points of a tensor are its bytes
    and errors as they are in the file: some ranks, and the tensor quantised alone. Ranks between those next
    to the choice are tried once more.

    Args:
        shapes: name → shape, of all tensors to be quantised.
        load: ``load(name)`` gives a tensor and its importance, or ``None``.
        config: the budget, and how factors are quantised.
        done: called once for each tensor that can be factored.

    Returns:
        ``Ranks`` of the tensors that can be factored. Each is decomposed twice: O(od·min(o, d)).

    Raises:
        ValueError: no tensor that can be factored, or a budget below what they take with rank one, with the
            least that will do.

    Warns:
        UserWarning: tensors whose relative error, or that of their bulk, stays above 0.5.
    """
    names = [name for name, shape in shapes.items() if largest_rank(shape)]
    if not names:
        given_ranks(shapes, 1)
    num_weights = sum(math.prod(shapes[name]) for name in names)
    asked = float(config.rank_budget or 0.0)
    max_bytes = most_bytes(asked, num_weights)
    points: dict[str, dict[int, Point]] = {}
    for name in names:
        ranks = _candidates(largest_rank(shapes[name]))
        points[name] = named(name, _points, *load(name), config, ranks, True, max_bytes)
        done()
    least = sum(min(point.entry.num_bytes for point in one.values()) for one in points.values())
    if least > max_bytes:
        raise ValueError(
            f"rank_budget must be at least {enough(least, num_weights)} for these tensors: at rank one, or "
            f"quantised if that is less, their {num_weights:,} weights take {least:,} bytes; got {asked:g}"
        )
    choice = _choose(points, max_bytes)
    for name in names:
        more = _between(list(points[name]), choice[name])
        if more:
            points[name] |= _points(*load(name), config, more, False)
    choice = _choose(points, max_bytes)
    chosen = {name: points[name][rank] for name, rank in choice.items()}
    warn_of_errors(chosen)
    return Ranks(choice, sum(point.entry.num_bytes for point in chosen.values()), max_bytes)


def _choose(points: Mapping[str, Mapping[int, Point]], max_bytes: int) -> dict[str, int]:
    groups = [
        ([float(point.entry.num_bytes) for point in one.values()], [point.loss for point in one.values()])
        for one in points.values()
    ]
    choices = allocate(groups, max_bytes).choices
    return {name: list(one)[place] for (name, one), place in zip(points.items(), choices, strict=True)}


def _points(
    tensor: np.ndarray,
    importance: np.ndarray | None,
    config: QuantizationConfig,
    ranks: Iterable[int],
    quantized: bool,
    max_bytes: float = math.inf,
) -> dict[int, Point]:
    """Points of a tensor at these ranks, ascending, up to the first beyond ``max_bytes``.

    Before them, if it is wanted, that of the tensor quantised alone.
    """
    found: dict[int, Point] = {}
    if quantized:
        found[NOT_FACTORED] = Point.of(quantize_tensor(tensor, config, importance=importance), config.coder)
    h = None if importance is None else importance.reshape(-1)
    whole: Factors | None = None
    if tensor.min() != tensor.max():
        whole = factors(tensor, h, max(ranks))
    if whole is None:
        return found
    flat = tensor.reshape(-1)
    bulk = Bulk.of(flat, h)
    for rank in ranks:
        if rank > whole.rank:
            break
        codes = quantize_factors(truncated(whole, rank), tensor, h, config, config.clusters)
        # Of a point the error is told; it need not be that of the file to the last bit, and BLAS is faster.
        product = codes.left.reconstruction().astype(np.float64) @ codes.right.reconstruction()
        codes = measured(codes, flat, h, rounded(product, tensor.dtype), bulk)
        found[rank] = Point.of(codes, config.coder)
        if found[rank].entry.num_bytes > max_bytes:
            break
    return found


def _candidates(largest: int) -> list[int]:
    """Ranks to try, ascending."""
    ranks = {*range(1, min(FEW_RANKS, largest) + 1)}
    rank = float(FEW_RANKS)
    while rank < largest:
        ranks.add(round(rank))
        rank *= 2 ** (1 / PER_OCTAVE)
    return sorted({*ranks, largest})


def _between(known: list[int], rank: int) -> list[int]:
    """Ranks to try around one, up to the next smaller and the next larger that are known."""
    if rank == NOT_FACTORED:
        return []
    below = max((one for one in known if one < rank), default=0)
    above = min((one for one in known if one > rank), default=rank)
    wanted = np.unique(np.linspace(below, above, BETWEEN + 2).round().astype(int))
    return [int(one) for one in wanted if one > 0 and int(one) not in known]

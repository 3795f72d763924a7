"""A number of clusters for each tensor such that the file keeps to a budget of bits."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from ratedist.container import Entry, rdz_size
from ratedist.container.names import printable
from ratedist.tensors.budget_curve import CANDIDATES, Curve
from ratedist.tensors.choice import enough, least_loss, most_bytes
from ratedist.tensors.config import MOST_CLUSTERS, QuantizationConfig
from ratedist.tensors.point import MAX_RELATIVE_ERROR, Load, Point


@dataclasses.dataclass(frozen=True)
class Shares:
    """What a budget comes to.

    Attributes:
        clusters: name → K.
        num_bytes: of the file, exactly.
        max_bytes: of the file that the budget allows.
        at_most: names of tensors that have as many clusters as a tensor can have.
    """

    clusters: dict[str, int]
    num_bytes: int
    max_bytes: int
    at_most: tuple[str, ...]


def clusters_within_budget(
    names: Iterable[str],
    load: Load,
    config: QuantizationConfig,
    raw: Mapping[str, Entry] | None = None,
    metadata: Mapping[str, str] | None = None,
    done: Callable[[], Any] = lambda: None,
) -> Shares:
    """K of each tensor such that the .rdz file keeps to ``config.bits_per_weight``.

    What is minimised is ``Σ_j h_j (w_j − ŵ_j)²`` over all tensors where importances h are given, which have
    to be comparable between tensors. Without them nothing is known of how much a tensor matters, and its
    scale says nothing: then the errors of each tensor are measured in units of its root mean square, and no
    tensor gets fewer clusters than all would get if they had the same number.

    A tensor gets at least ``config.min_clusters`` clusters. Where the budget allows it, its relative error
    ``Σh(w − ŵ)²/Σhw²`` is at most 0.5, and so is that of its bulk, which outliers cannot hide. Where it does
    not allow it for all tensors, those that need most for it go without, and a warning names them. K is
    searched for around what each tensor has at present: a large K is tried only where it is worth its bits.

    Args:
        names: of the tensors to quantise.
        load: ``load(name)`` gives a tensor and its importance, or ``None``.
        config: the budget, and how tensors are quantised.
        raw: name → dtype and shape of the tensors that are stored as they are.
        metadata: of the file.
        done: called once for each tensor.

    Raises:
        ValueError: a budget below what the file takes with the fewest clusters, with the least that will do.

    Warns:
        UserWarning: tensors whose relative error, or that of their bulk, stays above 0.5; but for those whose
            bulk is lost behind outliers, of which ``warn_of_lost_bulks`` tells more.
    """
    raw = dict(raw or {})
    curves = {}
    for name in names:
        curves[name] = Curve(name, load, config)
        done()
    num_weights = sum(curve.num_weights for curve in curves.values())
    raw_bytes = sum(entry.num_bytes for entry in raw.values())
    asked = float(config.bits_per_weight or 0.0)
    max_bytes = raw_bytes + most_bytes(asked, num_weights)

    def size(choice: Mapping[str, int]) -> int:
        return rdz_size(raw | {name: curves[name].points[K].entry for name, K in choice.items()}, metadata)

    cheapest = {name: curve.cheapest for name, curve in curves.items()}
    least = size(cheapest)
    if least > max_bytes:
        raise ValueError(
            f"bits_per_weight must be at least {enough(least - raw_bytes, num_weights)} for these tensors: "
            f"with the fewest clusters their {num_weights:,} weights take {least - raw_bytes:,} bytes, "
            f"header included; got {asked:g}"
        )
    known = all(curve.weighted for curve in curves.values())
    floor = cheapest if known else _equal_clusters(curves, size, max_bytes)
    while True:
        choice = (
            _choose(curves, size, max_bytes, floor, _affordable(curves, size, max_bytes, floor))
            or _choose(curves, size, max_bytes, floor, ())
            or floor
        )
        if not [name for name, K in choice.items() if curves[name].look_around(K)]:
            break
    warn_of_errors({name: curves[name].points[K] for name, K in choice.items()})
    full = tuple(name for name, K in choice.items() if K == MOST_CLUSTERS)
    return Shares(choice, size(choice), max_bytes, full)


def _equal_clusters(
    curves: Mapping[str, Curve], size: Callable[[Mapping[str, int]], int], max_bytes: int
) -> dict[str, int]:
    """The largest K within the budget that all tensors can have; fewer where one cannot have so many."""

    def equal(place: int) -> dict[str, int]:
        return {name: curve.nearest(CANDIDATES[place]) for name, curve in curves.items()}

    least = size({name: curve.cheapest for name, curve in curves.items()})
    place = 0
    while place + 1 < len(CANDIDATES):
        if least + sum(curve.extra_bytes(CANDIDATES[place + 1]) for curve in curves.values()) > max_bytes:
            break
        place += 1
    while place > 0 and size(equal(place)) > max_bytes:
        place -= 1
    while place + 1 < len(CANDIDATES) and size(equal(place + 1)) <= max_bytes:
        place += 1
    return equal(place)


def _affordable(
    curves: Mapping[str, Curve],
    size: Callable[[Mapping[str, int]], int],
    max_bytes: int,
    floor: Mapping[str, int],
) -> set[str]:
    """Names of tensors that can all be accurate within the budget; those that need most for it go without."""
    choice, extra = {}, {}
    for name, curve in curves.items():

        def num_bytes(K: int, points: Mapping[int, Point] = curve.points) -> int:
            return points[K].entry.num_bytes

        options = [K for K in curve.points if floor[name] <= K]
        choice[name] = cheapest = min(options, key=num_bytes)
        good = [K for K in options if curve.points[K].accurate]
        if good:
            choice[name] = min(good, key=num_bytes)
            extra[name] = num_bytes(choice[name]) - num_bytes(cheapest)
    excess = size(choice) - max_bytes
    for name in sorted(extra, key=lambda name: -extra[name]):
        if excess <= 0:
            break
        excess -= extra.pop(name)
    return set(extra)


def _choose(
    curves: Mapping[str, Curve],
    size: Callable[[Mapping[str, int]], int],
    max_bytes: int,
    floor: Mapping[str, int],
    accurate: Collection[str],
) -> dict[str, int] | None:
    """K of each tensor of least loss within the budget, or ``None`` if there is no room for any.

    Args:
        curves: of the tensors.
        size: of the file.
        max_bytes: that it may have.
        floor: fewest clusters of each tensor.
        accurate: names of the tensors whose points of too large an error are left out.
    """
    options = {}
    for name, curve in curves.items():
        ks = sorted(K for K in curve.points if floor[name] <= K)
        if name in accurate:
            ks = [K for K in ks if curve.points[K].accurate]
        options[name] = {K: curve.points[K] for K in ks}
    return least_loss(options, size, max_bytes)


def warn_of_errors(points: Mapping[str, Point]) -> None:
    """Warn of tensors whose error, or that of their bulk, is large and is not behind outliers."""
    bad = {
        name: max(point.relative_error, point.bulk_error)
        for name, point in points.items()
        if not (point.accurate or point.is_hidden)
    }
    if bad:
        worst = sorted(bad, key=lambda name: -bad[name])
        shown = ", ".join(f"{printable(name)} ({bad[name]:.0%})" for name in worst[:5])
        warnings.warn(
            f"the budget leaves {len(bad)} tensor{'s' * (len(bad) > 1)} with an error above "
            f"{MAX_RELATIVE_ERROR:.0%} of the energy of the weights, or of the spread of most: {shown}"
            f"{', …' if len(bad) > 5 else ''}; give more bits, or exclude them",
            stacklevel=4,
        )

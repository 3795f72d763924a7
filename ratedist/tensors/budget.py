"""A number of clusters for each tensor such that the file keeps to a budget of bits."""

from __future__ import annotations

import bisect
import dataclasses
import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ratedist.container import Entry, QuantizedTensor, RdzEntry, rdz_size
from ratedist.container.names import printable
from ratedist.tensors.allocation import allocate
from ratedist.tensors.config import LEAST_CLUSTERS, MOST_CLUSTERS, QuantizationConfig
from ratedist.tensors.tensor import named, quantize_tensor

# K that are tried: all up to eight, and powers of 2^¼.
CANDIDATES = (
    *(1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 13, 16, 19, 23, 27, 32),
    *(38, 45, 54, 64, 76, 91, 108, 128, 152, 181, 215, MOST_CLUSTERS),
)
# Steps between candidates that are skipped where the best K lies beyond those that were tried.
STRIDE = 3
# Part of a tensor's energy Σhw² that its error should not exceed.
MAX_RELATIVE_ERROR = 0.5
BYTE = 8

Load = Callable[[str], tuple[np.ndarray, np.ndarray | None]]


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

    A tensor gets at least ``config.min_clusters`` clusters. Where the budget allows it for all tensors, their
    relative errors ``Σh(w − ŵ)²/Σhw²`` are at most 0.5; where not, a warning names those that have more. K is
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
        UserWarning: tensors whose relative error stays above 0.5.
    """
    raw = dict(raw or {})
    curves = {}
    for name in names:
        curves[name] = _Curve(name, load, config)
        done()
    num_weights = sum(curve.num_weights for curve in curves.values())
    raw_bytes = sum(entry.num_bytes for entry in raw.values())
    asked = float(config.bits_per_weight or 0.0)
    max_bytes = raw_bytes + _most_bytes(asked, num_weights)

    def size(choice: Mapping[str, int]) -> int:
        return rdz_size(raw | {name: curves[name].points[K].entry for name, K in choice.items()}, metadata)

    cheapest = {name: curve.cheapest for name, curve in curves.items()}
    least = size(cheapest)
    if least > max_bytes:
        raise ValueError(
            f"bits_per_weight must be at least {_enough(least - raw_bytes, num_weights)} for these tensors: "
            f"with the fewest clusters their {num_weights:,} weights take {least - raw_bytes:,} bytes, "
            f"header included; got {asked:g}"
        )
    known = all(curve.weighted for curve in curves.values())
    floor = cheapest if known else _equal_clusters(curves, size, max_bytes)
    while True:
        choice = (
            _choose(curves, size, max_bytes, floor, True)
            or _choose(curves, size, max_bytes, floor, False)
            or floor
        )
        if not [name for name, K in choice.items() if curves[name].look_around(K)]:
            break
    _warn_of_errors({name: curves[name].points[K] for name, K in choice.items()})
    full = tuple(name for name, K in choice.items() if K == MOST_CLUSTERS)
    return Shares(choice, size(choice), max_bytes, full)


@dataclasses.dataclass(frozen=True)
class _Point:
    """One tensor with one K: its part of the file, its part of the loss, its relative error."""

    entry: RdzEntry
    loss: float
    relative_error: float

    @classmethod
    def of(cls, tensor: QuantizedTensor, coder: str) -> _Point:
        relative_error = tensor.distortion and tensor.distortion / (tensor.energy or math.nan)
        loss = tensor.distortion if tensor.weighted else relative_error
        return cls(tensor.stored(coder).entry, loss * tensor.num_weights, relative_error)


class _Curve:
    """The points of one tensor, as far as they are known.

    Attributes:
        points: K → point.
        num_weights: of the tensor.
        weighted: whether there are importances.
    """

    def __init__(self, name: str, load: Load, config: QuantizationConfig) -> None:
        self._name, self._load, self._config = name, load, config
        self.points: dict[int, _Point] = {}
        tensor, h = load(name)
        self.num_weights, self.weighted = tensor.size, h is not None
        blocks = -(-tensor.size // config.block_length)
        least = config.min_clusters or LEAST_CLUSTERS
        if blocks < least or tensor.min() == tensor.max():
            self._candidates = [1]  # which is exact
        else:
            self._candidates = sorted({least, *(K for K in CANDIDATES if least <= K <= blocks)})
        # The fewest that are accurate enough, and what as many bits for every weight would give.
        for K in self._candidates:
            if self._evaluate(K, tensor, h).relative_error <= MAX_RELATIVE_ERROR:
                break

    @property
    def cheapest(self) -> int:
        """K of fewest bytes."""
        return min(self.points, key=lambda K: (self.points[K].entry.num_bytes, K))

    def extra_bytes(self, num_clusters: int) -> float:
        """About what so many clusters take more than the cheapest."""
        K, entry = self.cheapest, self.points[self.cheapest].entry
        more = min(num_clusters, self._candidates[-1])
        _, *tables = entry.part_bytes
        num_labels = entry.num_weights / entry.block_length
        return num_labels * math.log2(max(more / K, 1)) / BYTE + max(more - K, 0) * sum(tables) / K

    def nearest(self, num_clusters: float) -> int:
        """The largest K, or else the smallest, that is not above ``num_clusters``; it is tried."""
        K = self._candidates[self._place(num_clusters)]
        if K not in self.points:
            self._evaluate(K, *self._load(self._name))
        return min(K, self._candidates[-1])

    def look_around(self, num_clusters: int) -> bool:
        """Try the next smaller and larger K if they are not known; tell whether there was one."""
        place, known = self._place(num_clusters), [self._place(K) for K in self.points]
        wanted = {place - 1, place + 1}
        wanted |= {place - STRIDE} if place == min(known) else set()
        wanted |= {place + STRIDE} if place == max(known) else set()
        places = [p for p in sorted(wanted) if 0 <= p < len(self._candidates) and p not in known]
        if not places:
            return False
        tensor, h = self._load(self._name)
        for K in [self._candidates[p] for p in places]:
            if self._candidates[-1] >= K:  # one before may have lost nothing
                self._evaluate(K, tensor, h)
        return True

    def _place(self, num_clusters: float) -> int:
        """Index of the last candidate that is not larger, or of the first."""
        return max(bisect.bisect_right(self._candidates, num_clusters) - 1, 0)

    def _evaluate(self, num_clusters: int, tensor: np.ndarray, h: np.ndarray | None) -> _Point:
        if num_clusters not in self.points:
            found = named(
                self._name, quantize_tensor, tensor, self._config, num_clusters=num_clusters, importance=h
            )
            self.points[num_clusters] = point = _Point.of(found, self._config.coder)
            if point.loss == 0:  # no more are needed
                self._candidates = [K for K in self._candidates if num_clusters >= K]
        return self.points[num_clusters]


def _equal_clusters(
    curves: Mapping[str, _Curve], size: Callable[[Mapping[str, int]], int], max_bytes: int
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


def _choose(
    curves: Mapping[str, _Curve],
    size: Callable[[Mapping[str, int]], int],
    max_bytes: int,
    floor: Mapping[str, int],
    accurate: bool,
) -> dict[str, int] | None:
    """K of each tensor of least loss within the budget, or ``None`` if there is no room for any.

    Args:
        curves: of the tensors.
        size: of the file.
        max_bytes: that it may have.
        floor: fewest clusters of each tensor.
        accurate: whether relative errors that are too large are left out, where a tensor has others.
    """
    options = {}
    for name, curve in curves.items():
        options[name] = sorted(K for K in curve.points if floor[name] <= K)
        good = [K for K in options[name] if curve.points[K].relative_error <= MAX_RELATIVE_ERROR]
        options[name] = good if good and accurate else options[name]
    groups = []
    for name, ks in options.items():
        points = [curves[name].points[K] for K in ks]
        groups.append(([float(p.entry.num_bytes) for p in points], [p.loss for p in points]))
    smallest = {name: ks[0] for name, ks in options.items()}
    overhead = size(smallest) - sum(curves[name].points[K].entry.num_bytes for name, K in smallest.items())
    least = sum(min(num_bytes) for num_bytes, _ in groups)
    while max_bytes - overhead >= least:
        places = allocate(groups, max_bytes - overhead).choices
        choice = {name: options[name][place] for name, place in zip(options, places, strict=True)}
        excess = size(choice) - max_bytes
        if excess <= 0:
            return choice
        overhead += excess
    return None


def _warn_of_errors(points: Mapping[str, _Point]) -> None:
    bad = {name: p.relative_error for name, p in points.items() if not p.relative_error <= MAX_RELATIVE_ERROR}
    if bad:
        worst = sorted(bad, key=lambda name: -bad[name])
        shown = ", ".join(f"{printable(name)} ({bad[name]:.0%})" for name in worst[:5])
        warnings.warn(
            f"the budget leaves {len(bad)} tensor{'s' * (len(bad) > 1)} with an error above "
            f"{MAX_RELATIVE_ERROR:.0%} of the energy of the weights: {shown}"
            f"{', …' if len(bad) > 5 else ''}; give more bits, or exclude them",
            stacklevel=4,
        )


def _most_bytes(bits_per_weight: float, num_weights: int) -> int:
    """The most bytes that are no more bits for each weight."""
    num_bytes = math.floor(min(bits_per_weight * num_weights / BYTE, 2.0**62)) + 1
    while BYTE * num_bytes / num_weights > bits_per_weight:
        num_bytes -= 1
    return num_bytes


def _enough(num_bytes: int, num_weights: int) -> str:
    """The least of four digits that so many bytes are within, in bits a weight."""
    exact = BYTE * num_bytes / num_weights
    step = 10.0 ** (math.floor(math.log10(exact)) - 3)
    steps = math.floor(exact / step)
    while _most_bytes(float(f"{steps * step:.4g}"), num_weights) < num_bytes:
        steps += 1
    return f"{steps * step:.4g}"

"""The rate–distortion curve of one tensor along a trellis: points at prices of a nat, tried as needed."""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

import numpy as np

from ratedist.container.rdz_format import least_label_bytes
from ratedist.tensors.bulk import Bulk
from ratedist.tensors.config import QuantizationConfig
from ratedist.tensors.point import BYTE, Load, Point
from ratedist.tensors.tensor import measured, named
from ratedist.tensors.trellis import LARGEST, Scaled, at_price

# Weights of a tensor from which a price is first tried on a sample of so many.
MANY, SAMPLE = 1 << 18, 1 << 16
# Bytes of a level with its branch and count, about.
LEVEL_BYTES = 6


class Tried(NamedTuple):
    """A point, how many levels it has, and whether a lower price has too many."""

    point: Point
    num_levels: int
    is_last: bool


class TrellisCurve:
    """Points of one tensor by ln λ, as far as they are known; ∞ makes it a constant.

    The loss is ``Σ h (w − ŵ)²``. Without importances it is ``Σ (w − ŵ)²`` in units of the variance of most
    weights, and so is λ where all tensors have the same.

    Attributes:
        tried: ln λ of the tensor itself → what came of it.
        num_weights: of the tensor.
        weighted: whether there are importances.
        log_variance: ln of the loss of a weight of the bulk, where one constant stands for all.
        log_unit: ln of the λ that the tensor has where the one for all tensors is 1.

    Args:
        name: of the tensor, for complaints; ``None`` where there is but one.
        load: ``load(name)`` gives the tensor and its importance.
        config: states, type of the levels, coder.
    """

    def __init__(self, name: str | None, load: Load, config: QuantizationConfig) -> None:
        self._name, self._load, self._config = name, load, config
        tensor, h = self._tensor()
        self.num_weights, self.weighted = tensor.size, h is not None
        self.log_variance = _log_variance(tensor.reshape(-1), h)
        self.log_unit = 0.0
        if h is None and math.isfinite(self.log_variance):
            self.log_unit, self.log_variance = self.log_variance, 0.0
        self.tried: dict[float, Tried] = {}
        self._estimates: dict[float, float] = {}
        self._is_constant = tensor.min() == tensor.max()
        self._try(math.inf, tensor, h)

    @property
    def points(self) -> dict[float, Point]:
        """ln λ of the tensor itself → point, from the cheapest on."""
        return {key: self.tried[key].point for key in sorted(self.tried, reverse=True)}

    def at(self, log_multiplier: float) -> float:
        """The key of the point at ln λ of all tensors; it is tried."""
        wanted = log_multiplier + self.log_unit
        known = self._known(wanted)
        return self._try(wanted, *self._tensor()) if known is None else known

    def num_bytes(self, log_multiplier: float) -> float:
        """About what it takes in the file at ln λ of all tensors; many weights are told from a sample."""
        wanted = log_multiplier + self.log_unit
        if self.num_weights < MANY or self._known(wanted) is not None:
            return float(self.tried[self.at(log_multiplier)].point.entry.num_bytes)
        if wanted not in self._estimates:
            self._estimates[wanted] = _estimate(*self._tensor(), self._config, wanted)
        return self._estimates[wanted]

    def is_spent(self, log_multiplier: float) -> bool:
        """Whether a price below this one changes nothing."""
        key = self._known(log_multiplier + self.log_unit)
        return key is not None and (self.tried[key].point.loss == 0 or self.tried[key].is_last)

    def _known(self, wanted: float) -> float | None:
        """The key of the point that would come out."""
        if wanted in self.tried:
            return wanted
        if self._is_constant:
            return math.inf
        for key, one in self.tried.items():
            if key >= wanted and (one.point.loss == 0 or one.is_last):
                return key
            if key <= wanted and one.num_levels == 1:
                return key
        return None

    def _tensor(self) -> tuple[np.ndarray, np.ndarray | None]:
        tensor, h = self._load(self._name or "")
        return tensor, None if h is None else np.asarray(h).reshape(-1)

    def _try(self, wanted: float, tensor: np.ndarray, h: np.ndarray | None) -> float:
        given = tensor, h, self._config, wanted
        found = at_price(*given) if self._name is None else named(self._name, at_price, *given)
        point = Point.of(measured(found.tensor, tensor.reshape(-1), h), self._config.coder)
        point = dataclasses.replace(point, loss=math.exp(found.log_loss - self.log_unit))
        key = wanted + found.raised
        self.tried[key] = Tried(point, found.tensor.num_clusters, found.raised > 0)
        return key


def _log_variance(flat: np.ndarray, h: np.ndarray | None) -> float:
    """ln of the variance of most weights, or of all where most have one value, times the mean importance."""
    scaled = Scaled.of(flat, h)
    if flat.min() == flat.max():
        return -math.inf
    bulk = Bulk.of(scaled.weights, scaled.importance)
    inside = (scaled.weights >= bulk.low) & (scaled.weights <= bulk.high)
    variance = float(np.var(scaled.weights[inside])) or float(np.mean((scaled.weights - bulk.middle) ** 2))
    mass = 1.0 if scaled.importance is None else float(np.mean(scaled.importance))
    return math.log(variance * mass) + scaled.log_unit if variance > 0 else -math.inf


def _estimate(
    tensor: np.ndarray, h: np.ndarray | None, config: QuantizationConfig, log_multiplier: float
) -> float:
    """Bytes of the tensor by those of some of its weights."""
    chosen = np.random.default_rng(0).integers(0, tensor.size, SAMPLE)
    flat, own = tensor.reshape(-1)[chosen], None if h is None else h[chosen]
    if own is not None and not own.any():  # the few that matter were missed
        own = None
    scaled = Scaled.of(flat, own)
    if log_multiplier - scaled.log_unit > LARGEST or flat.min() == flat.max():
        return float(least_label_bytes(tensor.size))
    found, _ = scaled.quantized(int(config.trellis or 0), log_multiplier)
    labels = found.label_bits / BYTE * tensor.size / flat.size
    levels = sum(one.size for one in found.levels)
    return max(labels, least_label_bytes(tensor.size)) + LEVEL_BYTES * levels

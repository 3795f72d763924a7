"""Quantising the layers of a model for the sake of their outputs: equal steps, with errors fed back."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ratedist.container import QuantizedTensor
from ratedist.container.codebook import rounded_codebook, without_spares
from ratedist.networks.layer_inputs import LayerInputs
from ratedist.networks.step_search import smallest_step
from ratedist.quantizers.feedback.layer import FeedbackLayer
from ratedist.tensors.bulk import Bulk
from ratedist.tensors.bulk_warning import warn_of_lost_bulks
from ratedist.tensors.config import QuantizationConfig
from ratedist.tensors.tensor import default_codebook, measured, named
from ratedist.tensors.tree import QuantizedTree
from ratedist.tensors.tree_file import raw_entries

# Ranges of K levels that are tried, as parts of the range of the weights: each is so much of the one before.
NARROWER, TRIED = 0.8, 16
# Levels of an array within a budget at most: what they are refitted by is a square matrix of so many rows.
MOST_LEVELS = 1024
# Bits of Gaussian weights in cells as wide as their standard deviation.
GAUSSIAN = 2.05
# Base-2 logarithm: what a weight of a layer matters, by its curvature and variance, is taken for this part of
# that of the layer where it is the most, if it is below.
LEAST_PROPORTION = -20.0
# Base-2 logarithms: of the least cost that is told apart, and of the longest step.
LEAST, LONGEST = -2000.0, 400.0
# Options that say how centres are found, which are at equal distances here.
REFUSED = (
    "method", "diameter_penalty", "rank", "rank_budget", "prune", "block_length", "min_clusters", "trellis",
)  # fmt: skip


def check_feedback_options(config: QuantizationConfig) -> None:
    """Raise ``ValueError`` for options that rounding with feedback has no use for."""
    usual = QuantizationConfig()
    for name in REFUSED:
        given = getattr(config, name, None)
        if given != getattr(usual, name, None):
            raise ValueError(
                f"{name} must not be given beside feedback, which rounds single weights to levels at equal "
                f"distances, with labels that are coded one by one; got {given!r:.80}"
            )


def quantize_with_inputs(
    leaves: Mapping[str, Any],
    structure: Any,
    chosen: list[str],
    config: QuantizationConfig,
    inputs: Mapping[str, LayerInputs],
    importance: Mapping[str, Any],
) -> QuantizedTree[QuantizedTensor]:
    """Quantise leaves that have names already, each by ``quantize_with_feedback``.

    With K clusters the levels of an array are K at equal distances. Of several ranges the one of least error
    is taken. Within a budget steps are multiples of one number, as small as the budget allows. The step of a
    layer is to that number as ``1/√(g p²)``: p² is the mean pivot of its inputs, g its curvature for each
    unit of its inputs' energy. That is the best proportion at high rate.

    Args:
        leaves: name → leaf, in the order of the tree.
        structure: of the tree.
        chosen: names of what is to be quantised.
        config: checked, here too.
        inputs: of ``layer_inputs``; an array that is not in it is rounded plainly.
        importance: name → h, the curvature, comparable between arrays.

    Raises:
        ValueError: a budget below what the file takes with one level each.

    Warns:
        UserWarning: leaves where masks or outliers hide that most weights are lost.
    """
    layers = {
        name: named(name, _Layer, np.asarray(leaves[name]), inputs.get(name), importance[name], config)
        for name in chosen
    }
    taken = set(chosen)
    others = {name: leaf for name, leaf in leaves.items() if name not in taken}

    def tree(tensors: dict[str, QuantizedTensor]) -> QuantizedTree[QuantizedTensor]:
        return QuantizedTree(tensors, others, tuple(leaves), structure, config.coder)

    if config.bits_per_weight is None:
        found = {name: named(name, layer.with_clusters, config.clusters) for name, layer in layers.items()}
    else:
        found = _within_budget(layers, config.bits_per_weight, tree)
    result = tree(found)
    if config.num_clusters != 1:
        budget = config.bits_per_weight is not None
        more = "give more bits" if budget else "take more clusters"
        warn_of_lost_bulks(result.quantized, more, "exclude=({},)")
    return result


class _Layer:
    """One array, as a layer that is rounded to different levels."""

    def __init__(
        self, leaf: np.ndarray, inputs: LayerInputs | None, importance: Any, config: QuantizationConfig
    ) -> None:
        self.array, self._h = leaf, np.asarray(importance, np.float64)
        # Of a bias the one input is the constant 1.
        self._inputs = inputs or LayerInputs((), tuple(range(leaf.ndim)), np.ones((1, 1)))
        weights = self._inputs.matrix(leaf.astype(np.float64))
        self._layer = FeedbackLayer.of(weights, self._inputs.second_moment)
        self._codebook = config.codebook_dtype or default_codebook(leaf.dtype)
        self._bulk = Bulk.of(leaf.reshape(-1), self._h.reshape(-1))
        self._low, self._high = float(weights.min()), float(weights.max())

    @property
    def sensitivity(self) -> float:
        """Curvature for each unit of the inputs' energy, times the mean pivot, with all in the units of M."""
        energy = float(np.mean(np.diag(self._inputs.second_moment)))
        pivots = self._layer.factor.pivots
        if energy == 0 or pivots.size == 0:
            return 0.0
        part = float(np.mean(pivots)) / (energy * 2.0**-self._layer.exponent)
        return float(np.mean(self._h)) * part

    def with_clusters(self, num_clusters: int) -> QuantizedTensor:
        """K levels at equal distances, of the range whose error is the least."""
        middle, half = (self._high + self._low) / 2, (self._high - self._low) / 2
        best, since = None, 0
        for place in range(TRIED if num_clusters > 1 and half > 0 else 1):
            part = NARROWER**place
            levels = middle + half * part * np.linspace(-1.0, 1.0, num_clusters)
            found = self._layer.quantized(self._rounded(levels))
            if best is None or found.objective < best.objective:
                best, since = found, 0
            else:
                since += 1
            if since == 2:
                break
        assert best is not None
        return self._tensor(best.labels, best.centers)

    def with_step(self, step: float) -> QuantizedTensor:
        """The multiples of a step that the range of the weights has need of."""
        if self._low == self._high:
            return self.with_clusters(1)
        step = max(step, (self._high - self._low) / (MOST_LEVELS - 2))
        first, last = math.floor(self._low / step), math.ceil(self._high / step)
        levels = self._rounded(step * np.arange(first, last + 1))
        found = self._layer.quantized(levels[np.isfinite(levels)])
        return self._tensor(found.labels, found.centers)

    @property
    def spread(self) -> float:
        """Standard deviation of the weights."""
        return float(np.std(self._layer.weights))

    def _rounded(self, levels: np.ndarray) -> np.ndarray:
        """Levels as the file will have them, so that what is fed back is the error there will be."""
        return rounded_codebook(levels, self._codebook, self.array.dtype).astype(np.float64)

    def _tensor(self, labels: np.ndarray, levels: np.ndarray) -> QuantizedTensor:
        in_order = self._inputs.array(labels, self.array.shape).reshape(-1)
        codebook = rounded_codebook(levels, self._codebook, self.array.dtype)
        found = QuantizedTensor(*without_spares(in_order, codebook), self.array.shape, self.array.dtype)
        # Room for the limit, which is found once the step is chosen.
        found = dataclasses.replace(found, limit=0.0)
        return measured(found, self.array.reshape(-1), self._h.reshape(-1), bulk=self._bulk)


def _within_budget(layers: Mapping[str, _Layer], bits: float, tree: Any) -> dict[str, QuantizedTensor]:
    """All layers with steps in proportion, the smallest for which the file keeps to the budget."""
    weights = sum(layer.array.size for layer in layers.values())
    most = math.floor(bits * weights / 8)
    spread = {name: math.log2(layer.spread) if layer.spread > 0 else 0.0 for name, layer in layers.items()}
    # In logarithms, since weights, inputs and curvature may be of any size: what losing a layer would cost.
    cost = {
        name: math.log2(layer.sensitivity) + 2 * spread[name] if layer.sensitivity > 0 else -math.inf
        for name, layer in layers.items()
    }
    largest = max(max(cost.values()), LEAST)
    unit = {name: spread[name] - max(one, largest + LEAST_PROPORTION) / 2 for name, one in cost.items()}

    def bytes_of(tensors: dict[str, QuantizedTensor]) -> int:
        made = tree(tensors)
        return made.file_bytes() - sum(entry.num_bytes for entry in raw_entries(made.others).values())

    tried: dict[float, dict[str, QuantizedTensor]] = {}

    def size_of(logarithm: float) -> int:
        tried[logarithm] = {
            name: named(name, layer.with_step, 2.0 ** min(logarithm + unit[name], LONGEST))
            for name, layer in layers.items()
        }
        return bytes_of(tried[logarithm])

    # Where Gaussian weights of the same spread would have that many bits.
    spreads = [
        (layer.array.size, spread[name] - unit[name]) for name, layer in layers.items() if layer.spread > 0
    ]
    start = sum(size * spread for size, spread in spreads) / (sum(size for size, _ in spreads) or 1)
    found = smallest_step(size_of, most, start + GAUSSIAN - bits)
    if found is not None:
        return tried[found]
    constants = {name: named(name, layer.with_clusters, 1) for name, layer in layers.items()}
    least = bytes_of(constants)
    if least > most:
        raise ValueError(
            f"bits_per_weight must be at least {math.ceil(8e3 * least / weights) / 1e3:g} for these tensors: "
            f"with one level each their {weights:,} weights take {least:,} bytes, header included; "
            f"got {bits:g}"
        )
    return constants

"""One tensor along a trellis: of ordinary size for the search, its levels in the type that is worth it."""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

import numpy as np

from ratedist.container import TrellisTensor
from ratedist.container.codebook import rounded_codebook
from ratedist.container.dtypes import CODEBOOK_DTYPES
from ratedist.quantizers import TrellisQuantized, quantize_trellis
from ratedist.quantizers.quantized import checked_weights
from ratedist.tensors.config import QuantizationConfig

# ln λ, for weights and importances of at most 1, from which one level is best, and below which is no number.
LARGEST, SMALLEST = 200.0, -700.0
# What ln λ is raised by where there are too many levels.
STEP = 0.7
# Times that a target for the error is tried, lower each time where rounding of the levels has missed it, and
# what of the rest is left.
PARTS, LEFT = 4, 0.998
# Weights at a time.
PIECE = 1 << 20


@dataclasses.dataclass(frozen=True, eq=False)
class Scaled:
    """Weights ``2^exponent · w`` and importances ``2^doublings · h``, both at most 1 in size.

    Attributes:
        weights: w, float64 of shape ``(d,)``.
        importance: h, or ``None``.
    """

    weights: np.ndarray
    importance: np.ndarray | None
    exponent: int
    doublings: int

    @classmethod
    def of(cls, flat: np.ndarray, importance: np.ndarray | None) -> Scaled:
        """Those of a tensor; raises as ``ratedist.kmeans``."""
        w, h = checked_weights(
            flat.astype(np.float64), None if importance is None else importance.astype(np.float64)
        )
        exponent = int(np.frexp(np.abs(w).max())[1])
        if h is None:
            return cls(np.ldexp(w, -exponent), None, exponent, 0)
        doublings = int(np.frexp(h.max())[1])
        return cls(np.ldexp(w, -exponent), np.ldexp(h, -doublings), exponent, doublings)

    @property
    def log_unit(self) -> float:
        """ln of ``Σ h (w − ŵ)²`` of the tensor where that of these is 1."""
        return (2 * self.exponent + self.doublings) * math.log(2)

    def quantized(self, num_states: int, log_multiplier: float) -> tuple[TrellisQuantized, float]:
        """The path at ln λ of the tensor itself, and by how much it had to be raised for too many levels."""
        raised, own = 0.0, max(log_multiplier - self.log_unit, SMALLEST)
        while True:
            try:
                price = math.exp(own + raised)
                found = quantize_trellis(
                    self.weights, num_states, multiplier=price, importance=self.importance
                )
                return found, raised
            except ValueError:  # of the levels: weights and importances are checked
                if own + raised > LARGEST:
                    raise
                raised += STEP


class Priced(NamedTuple):
    """A tensor along a trellis at a price.

    Attributes:
        tensor: its errors not measured.
        raised: by how much ln λ is above the one asked for, where that needs too many levels.
        log_loss: ln of ``Σ h (w − ŵ)²``.
    """

    tensor: TrellisTensor
    raised: float
    log_loss: float


def at_price(
    array: np.ndarray, importance: np.ndarray | None, config: QuantizationConfig, log_multiplier: float
) -> Priced:
    """The tensor at the price ``exp(log_multiplier)`` of a nat.

    Args:
        array: the tensor, checked.
        importance: h of shape ``(d,)``, or ``None``.
        config: states, and the type of the levels if one is asked for.
        log_multiplier: ln λ, ∞ for a constant.

    Raises:
        ValueError: as ``kmeans``, and ``rounded_codebook`` for a type that is asked for.
    """
    scaled = Scaled.of(array.reshape(-1), importance)
    if log_multiplier - scaled.log_unit > LARGEST or array.min() == array.max():
        tensor, raised = constant(array, importance, config), 0.0
    else:
        found, raised = scaled.quantized(int(config.trellis or 0), log_multiplier)
        tensor = _stored(found, scaled, array, config)
    mass = array.size if scaled.importance is None else float(scaled.importance.sum())
    error = _mean_error(tensor, scaled) * mass
    return Priced(tensor, raised, math.log(error) + scaled.log_unit if error > 0 else -math.inf)


def within_error(
    array: np.ndarray, importance: np.ndarray | None, config: QuantizationConfig
) -> TrellisTensor:
    """The tensor with ``Σ h (w − ŵ)² / Σ h`` at most ``config.mean_squared_error``, its errors not measured.

    Raises:
        ValueError: as ``quantize_trellis``; an error that levels of the type of the tensor do not allow.
    """
    if array.min() == array.max():
        return constant(array, importance, config)
    asked, error = float(config.mean_squared_error or 0.0), math.inf
    scaled = Scaled.of(array.reshape(-1), importance)
    with np.errstate(over="ignore", under="ignore"):
        most = min(max(float(np.ldexp(asked, -2 * scaled.exponent)), 1e-300), 1e300)
    target = most
    for _ in range(PARTS):
        try:
            found = quantize_trellis(
                scaled.weights,
                int(config.trellis or 0),
                mean_squared_error=target,
                importance=scaled.importance,
            )
        except ValueError:  # of the levels: weights and importances are checked
            break
        tensor = _stored(found, scaled, array, config)
        error = _mean_error(tensor, scaled)
        if error <= most:
            return tensor
        target *= LEFT * most / error
    if math.isinf(error):
        raise ValueError(
            f"mean_squared_error {asked:g} needs more levels here than a trellis may have: allow more"
        )
    raise ValueError(
        f"mean_squared_error {asked:g} was not met with levels of {config.codebook_dtype or array.dtype}, "
        f"{math.ldexp(error, 2 * scaled.exponent):.4g} was: allow more, or store the tensor in a wider type"
    )


def constant(array: np.ndarray, importance: np.ndarray | None, config: QuantizationConfig) -> TrellisTensor:
    """The tensor as its mean."""
    flat = array.reshape(-1)
    if flat.min() == flat.max():
        mean = float(flat[0]) + 0.0  # -0 is 0
    else:
        scaled = Scaled.of(flat, importance)
        mean = math.ldexp(float(np.average(scaled.weights, weights=scaled.importance)), scaled.exponent)
    levels = np.array([mean])
    if config.codebook_dtype is not None:
        levels = rounded_codebook(levels, config.codebook_dtype, flat.dtype)
    else:
        levels = levels.astype(flat.dtype)
    return TrellisTensor(
        np.zeros(flat.size, np.uint8),
        levels,
        np.zeros(1, bool),
        1,
        int(config.trellis or 0),
        array.shape,
        array.dtype,
    )


def _stored(
    found: TrellisQuantized, scaled: Scaled, array: np.ndarray, config: QuantizationConfig
) -> TrellisTensor:
    """Levels as numbers of the tensor, in the type that is asked for or cheapest; classes where they pay."""
    zero, one = (np.ldexp(levels, scaled.exponent) for levels in found.levels)
    whole = TrellisTensor.of(dataclasses.replace(found, levels=(zero, one)), array.shape, array.dtype)
    if config.codebook_dtype is not None:
        levels = rounded_codebook(whole.levels, config.codebook_dtype, array.dtype)
    else:
        with np.errstate(over="ignore", under="ignore"):
            levels = whole.levels.astype(_level_dtype(whole, scaled, found.multiplier))
    return whole.rounded(levels).in_classes(config.coder)


def _level_dtype(tensor: TrellisTensor, scaled: Scaled, multiplier: float) -> np.dtype:
    """The type of levels for which errors and the price of their bits together are least.

    A tensor of 16 bits has levels of its own type, which loses nothing: its weights are numbers of it.
    """
    if tensor.dtype.itemsize == 2:
        return tensor.dtype
    types = [tensor.dtype, *(one for one in CODEBOOK_DTYPES.values() if one.itemsize < tensor.dtype.itemsize)]
    mass = np.bincount(tensor.symbols, scaled.importance, tensor.num_clusters)
    costs = []
    for dtype in types:
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            moved = tensor.levels.astype(dtype).astype(np.float64) - tensor.levels
            added = float(mass @ np.ldexp(moved, -scaled.exponent) ** 2)
        bits = 8 * dtype.itemsize * tensor.num_clusters
        costs.append(added + multiplier * math.log(2) * bits if math.isfinite(added) else math.inf)
    return types[int(np.argmin(costs))]


def _mean_error(tensor: TrellisTensor, scaled: Scaled) -> float:
    """``Σ h (w − ŵ)² / Σ h``, in units of the scaled weights."""
    values = np.ldexp(tensor.levels.astype(tensor.dtype).astype(np.float64), -scaled.exponent)
    total, h = 0.0, scaled.importance
    for start in range(0, tensor.num_weights, PIECE):
        own = slice(start, start + PIECE)
        error = (scaled.weights[own] - values[tensor.symbols[own]]) ** 2
        total += float(error.sum() if h is None else h[own] @ error)
    return total / (tensor.num_weights if h is None else float(h.sum()))

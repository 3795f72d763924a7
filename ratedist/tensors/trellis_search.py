"""The price of a nat at which files of tensors along trellises keep to a number of bytes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from ratedist.container import TrellisTensor
from ratedist.tensors.choice import enough, least_loss, most_bytes
from ratedist.tensors.config import QuantizationConfig
from ratedist.tensors.point import BYTE
from ratedist.tensors.tensor import measured
from ratedist.tensors.trellis import at_price
from ratedist.tensors.trellis_curve import MANY, TrellisCurve

# What may be left of a budget: bits a weight, or bytes.
NEAR, FEW_BYTES = 1e-3, 8
# Prices tried by samples of large tensors, on small trees, and on large ones of so many weights.
ESTIMATES, TRIES, FEW_TRIES, LARGE = 24, 20, 5, 1 << 22
# Prices this near differ by less than where the levels happen to settle.
FLAT = 4e-3
# Width of a range of ln λ in which bytes are no straight line.
WIDE = 3.0
# Steps of ln λ from which a search for a range no longer goes by slopes.
FAR = 8.0

Size = Callable[[Mapping[str, float]], int]


def search(curves: Mapping[str, TrellisCurve], size: Size, max_bytes: int) -> dict[str, float] | None:
    """ln λ of each tensor of least loss within ``max_bytes``, ``None`` where constants are too large.

    All tensors have one λ at first, which is where the sum of losses is least: a nat saves as much in each.
    It is looked for until the file is nearly as large as it may be. What is left then is filled up by
    ``ratedist.allocate`` from all points that were tried.

    Args:
        curves: of the tensors, by name.
        size: of the file with points of given keys.
        max_bytes: that it may have.
    """
    constants = dict.fromkeys(curves, math.inf)
    if size(constants) > max_bytes:
        return None
    d = sum(curve.num_weights for curve in curves.values())
    near = max(NEAR * d / BYTE, FEW_BYTES)
    slope = -d / (2 * math.log(2) * BYTE)
    overhead = size(constants) - sum(curve.points[math.inf].entry.num_bytes for curve in curves.values())

    def estimate(t: float) -> float:
        return overhead + sum(curve.num_bytes(t) for curve in curves.values())

    def exact(t: float) -> float:
        return float(size({name: curve.at(t) for name, curve in curves.items()}))

    def spent(t: float) -> bool:
        return all(curve.is_spent(t) for curve in curves.values())

    start = _first_price(curves, BYTE * (max_bytes - overhead) / d)
    if max(curve.num_weights for curve in curves.values()) >= MANY:
        start, slope = approached(estimate, max_bytes, start, slope, 4 * near, ESTIMATES, lambda t: False)
    tries = TRIES if d < LARGE else FEW_TRIES
    approached(exact, max_bytes, start, slope, near, tries, spent)
    return least_loss({name: curve.points for name, curve in curves.items()}, size, max_bytes)


def approached(
    evaluate: Callable[[float], float],
    most: float,
    start: float,
    slope: float,
    near: float,
    tries: int,
    spent: Callable[[float], bool],
) -> tuple[float, float]:
    """The price, of those tried, whose bytes come nearest to ``most`` from below, and the slope there.

    Args:
        evaluate: bytes at ln λ, falling but for little.
        most: bytes that there may be.
        start: where to begin.
        slope: bytes for 1 in ln λ, below 0, to begin with.
        near: bytes that may be left.
        tries: how many at most.
        spent: whether nothing changes below a price.
    """
    low, high = (-math.inf, math.inf), (math.inf, -math.inf)  # prices and bytes to either side
    t, reach = start, 1.0
    for _ in range(tries):
        found = evaluate(t)
        if found <= most:
            high = (t, found)
            if most - found <= near or spent(t):
                break
        else:
            low = (t, found)
        aim = most - near / 2
        if math.isfinite(low[0]) and math.isfinite(high[0]):
            apart = high[0] - low[0]
            if apart < FLAT:
                break
            slope = (high[1] - low[1]) / apart
            # Not too near an end, so that both ends move; halves while tensors of all scales lie between.
            share = min(max((low[1] - aim) / (low[1] - high[1]), 0.1), 0.9) if apart < WIDE else 0.5
            t = low[0] + share * apart
        else:
            # A little farther, to have it between two tries; soon far, where bytes hardly change.
            wanted = 1.1 * (aim - found) / slope
            t += min(max(wanted, -reach), reach) if reach < FAR else math.copysign(reach, wanted)
            reach *= 2
    return (high if math.isfinite(high[0]) else low)[0], slope


def within_bits(
    array: np.ndarray, importance: np.ndarray | None, config: QuantizationConfig
) -> TrellisTensor:
    """The tensor with its errors, its data in the file of at most ``config.bits_per_weight`` bits a weight.

    Raises:
        ValueError: fewer bits than a constant takes, with the least that will do.
    """
    curve = TrellisCurve(None, lambda _: (array, importance), config)

    def size(choice: Mapping[str, float]) -> int:
        return curve.points[choice[""]].entry.num_bytes

    asked = float(config.bits_per_weight or 0.0)
    found = search({"": curve}, size, most_bytes(asked, array.size))
    if found is None:
        least = size({"": math.inf})
        raise ValueError(
            f"bits_per_weight must be at least {enough(least, array.size)} for this tensor: as a constant "
            f"its {array.size:,} weights take {least:,} bytes; got {asked:g}"
        )
    tensor = at_price(array, importance, config, found[""]).tensor
    return measured(tensor, array.reshape(-1), importance)


def _first_price(curves: Mapping[str, TrellisCurve], bits_per_weight: float) -> float:
    """ln λ at high rate: the loss of a weight is its variance times ``2^(−2R)`` there, and λ twice that."""
    variances = [(curve.num_weights, curve.log_variance) for curve in curves.values()]
    known = [(d, one) for d, one in variances if math.isfinite(one)] or [(1, 0.0)]
    mean = sum(d * one for d, one in known) / sum(d for d, _ in known)
    return mean + math.log(2) * (1 - 2 * min(bits_per_weight, 12.0))

"""A rate for each tensor along a trellis such that the file keeps to a budget of bits."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ratedist.container import Entry, rdz_size
from ratedist.tensors.budget import warn_of_errors
from ratedist.tensors.choice import enough, most_bytes
from ratedist.tensors.config import QuantizationConfig
from ratedist.tensors.point import Load
from ratedist.tensors.trellis_curve import TrellisCurve
from ratedist.tensors.trellis_search import search


@dataclasses.dataclass(frozen=True)
class Prices:
    """What a budget comes to.

    Attributes:
        log_multipliers: name → ln λ, ∞ for a constant.
        num_bytes: of the file, exactly.
        max_bytes: of the file that the budget allows.
    """

    log_multipliers: dict[str, float]
    num_bytes: int
    max_bytes: int


def prices_within_budget(
    names: Iterable[str],
    load: Load,
    config: QuantizationConfig,
    raw: Mapping[str, Entry] | None = None,
    metadata: Mapping[str, str] | None = None,
    done: Callable[[], Any] = lambda: None,
) -> Prices:
    """ln λ of each tensor such that the .rdz file keeps to ``config.bits_per_weight``.

    What is minimised is ``Σ_j h_j (w_j − ŵ_j)²`` over all tensors where importances h are given, which have
    to be comparable between tensors. Without them the errors of each tensor are measured in units of the
    variance of most of its weights (``ratedist.tensors.bulk``): neither its scale nor outliers say how much
    it matters. At the optimum a bit saves as much in each tensor. So all have one λ, but for what the last
    bytes are worth.

    Args:
        names: of the tensors to quantise.
        load: ``load(name)`` gives a tensor and its importance, or ``None``.
        config: the budget, the states, the coder.
        raw: name → dtype and shape of the tensors that are stored as they are.
        metadata: of the file.
        done: called once for each tensor.

    Raises:
        ValueError: a budget below what the file takes with constants, with the least that will do.

    Warns:
        UserWarning: tensors whose relative error, or that of their bulk, stays above 0.5; but for those whose
            bulk is lost behind outliers, of which ``warn_of_lost_bulks`` tells more.
    """
    raw = dict(raw or {})
    curves = {}
    for name in names:
        curves[name] = TrellisCurve(name, load, config)
        done()
    num_weights = sum(curve.num_weights for curve in curves.values())
    raw_bytes = sum(entry.num_bytes for entry in raw.values())
    asked = float(config.bits_per_weight or 0.0)
    max_bytes = raw_bytes + most_bytes(asked, num_weights)

    def size(choice: Mapping[str, float]) -> int:
        entries = {name: curves[name].tried[key].point.entry for name, key in choice.items()}
        return rdz_size(raw | entries, metadata)

    found = search(curves, size, max_bytes)
    if found is None:
        least = size(dict.fromkeys(curves, math.inf)) - raw_bytes
        raise ValueError(
            f"bits_per_weight must be at least {enough(least, num_weights)} for these tensors: as constants "
            f"their {num_weights:,} weights take {least:,} bytes, header included; got {asked:g}"
        )
    warn_of_errors({name: curves[name].tried[key].point for name, key in found.items()})
    return Prices(found, size(found), max_bytes)

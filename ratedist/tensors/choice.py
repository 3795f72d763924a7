"""The choice of one form for each tensor within so many bytes, and these as bits a weight."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TypeVar

from ratedist.tensors.allocation import allocate
from ratedist.tensors.point import BYTE, Point

Form = TypeVar("Form")


def least_loss(
    options: Mapping[str, Mapping[Form, Point]], size: Callable[[Mapping[str, Form]], int], max_bytes: int
) -> dict[str, Form] | None:
    """The form of each tensor of least loss within the budget, or ``None`` if there is no room for any.

    Args:
        options: name → form → point.
        size: of the file.
        max_bytes: that it may have.
    """
    groups = [
        ([float(point.entry.num_bytes) for point in one.values()], [point.loss for point in one.values()])
        for one in options.values()
    ]
    smallest = {name: next(iter(one)) for name, one in options.items()}
    overhead = size(smallest) - sum(options[name][form].entry.num_bytes for name, form in smallest.items())
    least = sum(min(num_bytes) for num_bytes, _ in groups)
    while max_bytes - overhead >= least:
        places = allocate(groups, max_bytes - overhead).choices
        choice = {name: list(one)[place] for (name, one), place in zip(options.items(), places, strict=True)}
        excess = size(choice) - max_bytes
        if excess <= 0:
            return choice
        overhead += excess
    return None


def most_bytes(bits_per_weight: float, num_weights: int) -> int:
    """The most bytes that are no more bits for each weight."""
    num_bytes = math.floor(min(bits_per_weight * num_weights / BYTE, 2.0**62)) + 1
    while BYTE * num_bytes / num_weights > bits_per_weight:
        num_bytes -= 1
    return num_bytes


def enough(num_bytes: int, num_weights: int) -> str:
    """The least of four digits that so many bytes are within, in bits a weight."""
    exact = BYTE * num_bytes / num_weights
    step = 10.0 ** (math.floor(math.log10(exact)) - 3)
    steps = math.floor(exact / step)
    while most_bytes(float(f"{steps * step:.4g}"), num_weights) < num_bytes:
        steps += 1
    return f"{steps * step:.4g}"

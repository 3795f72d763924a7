"""Nats and bits: the only place that converts. Rates are nats inside the package and bits on figures."""

from __future__ import annotations

import math
from typing import Any, TypeVar

# A float, or an array of any library.
Number = TypeVar("Number", bound=Any)

NATS_PER_BIT: float = math.log(2.0)


def nats_to_bits(nats: Number) -> Number:
    """Convert an amount of information from nats to bits (``bits = nats / ln 2``)."""
    return nats / NATS_PER_BIT


def bits_to_nats(bits: Number) -> Number:
    """Convert an amount of information from bits to nats (``nats = bits · ln 2``)."""
    return bits * NATS_PER_BIT

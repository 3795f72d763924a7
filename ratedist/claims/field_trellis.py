"""What trellises of this package reach at the bits of published numbers, by ``benchmarks/field_trellis.py``.

A table, since it takes minutes: each point is of 2²⁰ drawn weights. Its standard error is 0.1% or 0.2% of the
error, half of which the bits take back.
"""

from __future__ import annotations

from typing import NamedTuple

TRELLIS_STATES = 256


class TrellisPoint(NamedTuple):
    """A source of unit variance, real bits a weight with levels and counts, and the mean squared error."""

    source: str
    bits: float
    mse: float


TRELLIS_POINTS = (
    TrellisPoint("gaussian", 0.997184, 0.263623),
    TrellisPoint("gaussian", 1.497325, 0.131914),
    TrellisPoint("gaussian", 1.997795, 0.0659148),
    TrellisPoint("gaussian", 2.039659, 0.062206),
    TrellisPoint("gaussian", 2.498169, 0.0329677),
    TrellisPoint("gaussian", 2.998743, 0.0164753),
    TrellisPoint("gaussian", 3.498770, 0.00823982),
    TrellisPoint("gaussian", 3.998429, 0.0041249),
    TrellisPoint("gaussian", 4.999434, 0.00103215),
    TrellisPoint("laplace", 0.995749, 0.232596),
    TrellisPoint("laplace", 1.581733, 0.102463),
    TrellisPoint("laplace", 1.998312, 0.0572291),
    TrellisPoint("laplace", 2.996959, 0.0143046),
    TrellisPoint("laplace", 3.999091, 0.00357132),
    TrellisPoint("uniform", 0.994527, 0.232207),
    TrellisPoint("uniform", 1.995416, 0.0512047),
    TrellisPoint("uniform", 2.997697, 0.0121321),
)

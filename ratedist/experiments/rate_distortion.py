"""The exact rate-distortion function beside every bound on it, for several n: the figure nobody has.

SciPy and pandas are imported inside :func:`run`, so that the command line can show its options at once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ratedist import _checks
from ratedist.experiments.stopwatch import Stopwatch
from ratedist.experiments.table import Table, versions
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.units import nats_to_bits

if TYPE_CHECKING:
    from ratedist.theory import RateDistortionCurve

# The exact curve is followed down to about this share of dσ²/n. It is steep in the slope just above the
# critical one, so slopes are spaced geometrically in their distance from it, in units of it.
LEAST_SHARE = 0.03
LEAST_EXCESS_SLOPE = 5e-4
COPIES = 3  # of w*, while it is checked

COLUMNS = (
    "curve",
    "n",
    "distortion",
    "rate_nats",
    "rate_bits",
    "exact_rate_bits",
    "excess_bits",
    "slope",
    "rate_lower_nats",
    "certified",
)

# No figure shows more; their memory is bounded by it.
MOST_POINTS = 10**6
LEAST_NOISE = 1e-300


@dataclasses.dataclass(frozen=True)
class RateDistortionConfig:
    """One exact curve for each n; w* and the covariance of the inputs do not matter."""

    d: int = 50
    """Number of weights."""
    n: tuple[int, ...] = (60, 80, 500, 5000)
    """Numbers of training samples, each above d + 1; a panel each."""
    noise_variance: float = 1.0
    """Variance of the noise in the outputs."""
    points: int = 20
    """Points of each exact curve."""
    time_limit: float = 60.0
    """Seconds for a point of an exact curve, after which its closed bracket is used, not certified."""

    def check(self) -> None:
        """Raise ``ValueError``, in words, for a setting without a figure."""
        _checks.integer("points", self.points, 2, MOST_POINTS)
        if _checks.positive_number("noise_variance", self.noise_variance) < LEAST_NOISE:
            raise ValueError(
                f"noise_variance must be at least {LEAST_NOISE:g}, got {self.noise_variance:g}: the largest "
                "slope of the curve is beyond the largest floating-point number"
            )
        _checks.positive_number("time_limit", self.time_limit)
        if not self.n:
            raise ValueError("n must name at least one number of samples, got none")
        for model in self.models():
            model.require_finite_risk("the bounds beside the exact curve")

    def models(self) -> tuple[GaussianLinearModel, ...]:
        """A model for each n."""
        d = _checks.integer("d", self.d, 1)
        _checks.fits_in_memory(f"the linear model at d = {d}", 8 * COPIES * d)
        zeros = np.zeros(d)
        return tuple(GaussianLinearModel(n, zeros, self.noise_variance) for n in self.n)


def run(config: RateDistortionConfig, *, progress: bool = False) -> Table:
    """Compute the exact curves, point by point certified, and tabulate the bounds beside them.

    Args:
        config: the setting.
        progress: show a progress bar on standard error.

    Returns:
        One row a point: ``curve`` is "exact", "tight", "envelope", "paper", "remark2" or "asymptote", all
        at the distortions of the exact curve. Rates are those of the whole weight vector;
        ``excess_bits`` is the rate minus the exact one. ``slope``, ``rate_lower_nats`` (a certified lower
        bound on R at that distortion) and ``certified`` belong to "exact".
    """
    import pandas as pd
    from tqdm import tqdm

    stopwatch = Stopwatch()
    config.check()
    rows: list[dict[str, Any]] = []
    gaps: list[float] = []
    reasons: list[str] = []
    with tqdm(total=len(config.n) * config.points, unit="point", disable=not progress) as bar:
        for model in config.models():
            for point in _exact_points(model, config.points, config.time_limit):
                rows += _rows(model, point)
                gaps.append(float(point.gap[0]))
                reasons += [
                    f"n = {model.n}, slope {point.slopes[0]:g}: {text}" for text in point.reason if text
                ]
                bar.update()
    certified = [row["certified"] for row in rows if "certified" in row]
    record = {
        "experiment": "rate-distortion",
        "configuration": dataclasses.asdict(config),
        "largest_gap_nats": max(gaps),
        "certified_points": sum(certified),
        "points": len(certified),
        "not_certified_because": reasons,
        "versions": versions(),
        "duration_seconds": stopwatch.total,
    }
    return Table(pd.DataFrame(rows, columns=list(COLUMNS)), record)


def _exact_points(model: GaussianLinearModel, count: int, time_limit: float) -> Iterator[RateDistortionCurve]:
    """Points at slopes spaced geometrically from just above the critical one, one at a time."""
    from ratedist.theory import critical_slope, rate_distortion, zero_rate_distortion

    critical = critical_slope(model)
    # At high rate R falls by d/2 nats for each factor e in D, so the slope is d/(2D).
    highest = model.d / (2 * LEAST_SHARE * zero_rate_distortion(model))
    excess = np.geomspace(LEAST_EXCESS_SLOPE, max(highest / critical - 1, 1.0), count)
    for slope in critical * (1 + excess):
        yield rate_distortion(model, slope, time_limit=time_limit)


def _rows(model: GaussianLinearModel, point: RateDistortionCurve) -> list[dict[str, Any]]:
    """The exact point, and every bound at its distortion."""
    from ratedist import theory

    distortion, exact = float(point.distortion[0]), float(point.rate[0])
    rates = {
        "exact": exact,
        "envelope": float(theory.rate_distortion_envelope(model, distortion)),
        "tight": float(theory.rate_distortion_tight(model, distortion)),
        "paper": float(theory.rate_distortion_bound(model, distortion)),
        "remark2": float(theory.remark2_lower_bound(model, distortion)),
        "asymptote": float(theory.high_rate_asymptote(model, distortion)),
    }
    rows: list[dict[str, Any]] = [
        {
            "curve": curve,
            "n": model.n,
            "distortion": distortion,
            "rate_nats": rate,
            "rate_bits": nats_to_bits(rate),
            "exact_rate_bits": nats_to_bits(exact),
            "excess_bits": nats_to_bits(rate - exact),
        }
        for curve, rate in rates.items()
    ]
    rows[0] |= {
        "slope": float(point.slopes[0]),
        "rate_lower_nats": float(point.rate_lower[0]),
        "certified": bool(point.certified[0]),
    }
    return rows

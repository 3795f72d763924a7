r"""Points of the exact curve in ball arithmetic: ``rate_lower ≤ R(distortion) ≤ rate`` rounding enclosed.

The optimisation is done in float64 as ever and trusted for nothing. What it chose (slope, grids, atoms and
weights of the reproduction law, heights of the multipliers) is a list of exact numbers; for these numbers the
finite sums and the bounds on everything left out are evaluated anew in balls, which FLINT rounds outwards.

Covered: every sum, special function, quadrature error, truncation and supremum that the two bounds consist
of, and the rounding of the numbers reported. Not covered: the proofs in docs/exact-rate-distortion.md, the
package python-flint with the FLINT library in it, the interpreter and the machine.
"""

from __future__ import annotations

import functools

from ratedist.theory.exact import closed_bracket
from ratedist.theory.exact.effort import Effort, UnsolvedError, unlimited
from ratedist.theory.exact.points import Construction, Point, point_at_slope
from ratedist.theory.exact.radial_source import RadialSource
from ratedist.theory.exact.search import Answer

try:
    import flint
    from flint import arb
except ImportError:
    raise ModuleNotFoundError(
        "rigorous=True needs the package python-flint: pip install 'ratedist[rigorous]'", name="flint"
    ) from None

from ratedist.theory.exact.rigorous.angle import ball_rule
from ratedist.theory.exact.rigorous.ball_source import BallSource
from ratedist.theory.exact.rigorous.balls import PRECISION, at_least, at_most
from ratedist.theory.exact.rigorous.lower import proved_intercept
from ratedist.theory.exact.rigorous.upper import achievable_point


def rigorous_at_slope(source: RadialSource, slope: float, noise_variance: float, effort: Effort) -> Answer:
    """The curve at one slope: solved in float64, bounded in ball arithmetic.

    Args:
        source: d and n of the model.
        slope: λ at σ² = 1: λσ² of the model.
        noise_variance: σ², the unit of distortion.
        effort: limits of the solver and of the ball arithmetic together.

    Returns:
        ``rate_lower ≤ R(distortion) ≤ rate`` in units of the *model*, rounded outwards; ``slope`` as given.
        This holds where the time was over too: what was not evaluated by then is left to the closed bracket.
    """
    effort.restart()
    try:
        point = point_at_slope(source, slope, check=effort.check)
    except UnsolvedError as error:
        point = Point(
            slope, closed_bracket.upper_at_slope(source.d, source.n, slope)[0], 0.0, 0.0, str(error)
        )
    return rigorous_bounds(source, point, noise_variance, effort)


def rigorous_bounds(
    source: RadialSource, point: Point, noise_variance: float, effort: Effort | None = None
) -> Answer:
    """The bounds of a point of the curve, evaluated anew: arguments and result as ``rigorous_at_slope``."""
    effort, reason = effort or unlimited(), point.reason
    with flint.ctx.workprec(PRECISION):
        unit, largest = arb(noise_variance), arb(source.d) / source.n  # D₀, of sending nothing
        distortion, rate, intercept = arb(point.distortion), arb.pos_inf(), arb(0)
        if point.slope == 0:
            distortion, rate = largest, arb(0)
        elif point.construction is not None:
            try:
                found = _achieved(point.slope, point.construction, effort)
                if found[0].is_finite() and found[1].is_finite():
                    distortion, rate = found
                intercept = _intercept(point.slope, point.construction, effort)
            except UnsolvedError as error:
                reason = f"{error} in ball arithmetic, and what it left open is the closed bracket"
        reported = at_most(distortion * unit)
        # R falls with D, so that the rate at ``distortion`` serves for ``reported`` too.
        exact = arb(reported) / unit
        lower, upper = closed_bounds(source, exact)
        if not (rate.is_finite() or upper.is_finite()):  # nothing is known but the zero-rate point
            return rigorous_bounds(source, Point(0.0, point.distortion, 0.0, 0.0, reason), noise_variance)
        # A mutual information is at least 0.
        return Answer(
            point.slope,
            reported,
            max(0.0, min(at_most(rate), at_most(upper))),
            max(0.0, at_least(intercept - arb(point.slope) * exact), at_least(lower)),
            reason,
        )


def closed_bounds(source: RadialSource, distortion: arb) -> tuple[arb, arb]:
    """The bounds of :mod:`ratedist.theory.exact.closed_bracket` at σ² = 1 in balls, time sharing left out.

    The upper one is +∞ where neither formula says anything; from ``D₀ = d/n`` on both are at most 0.
    """
    d, n, nu = source.d, source.n, source.degrees_of_freedom
    half, ratio = arb(d) / 2, arb(d) / n / distortion
    lower = half * ratio.log()
    if not ratio > 1:
        return lower, arb(0) if ratio <= 1 else arb.pos_inf()
    uppers = [arb.pos_inf()]
    if n > d + 1:
        uppers.append(half * (arb(n) / (n - d - 1) * (ratio - 1)).log1p())
    rest = 1 - distortion * n / d
    if rest > distortion:
        a, b = arb(n + 1) / 2, arb(nu) / 2
        constant = a * (a.digamma() - b.digamma()) - a.lgamma() + b.lgamma()
        scale = (half.log() - 1 + (rest - distortion).log() - distortion.log()) * half
        uppers.append(constant + scale - a * (-distortion / rest).log1p())
    return lower, min((upper.upper() for upper in uppers if not upper.is_nan()), key=float)


def _achieved(slope: float, made: Construction, effort: Effort) -> tuple[arb, arb]:
    source, rule = BallSource(made.source.d, made.source.n), ball_rule(made.cell_rule)
    watch = functools.partial(effort.watch, "achievable point in balls")
    return achievable_point(source, arb(slope), rule, made.cell_edges, made.radius, made.weights, watch)


def _intercept(slope: float, made: Construction, effort: Effort) -> arb:
    source, rule = BallSource(made.source.d, made.source.n), ball_rule(made.rule)
    watch = functools.partial(effort.watch, "lower bound in balls")
    return proved_intercept(source, made.grid, arb(slope), rule, made.lower, watch)

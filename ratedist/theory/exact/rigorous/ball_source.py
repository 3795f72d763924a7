r"""The law of the source radius in balls: incomplete beta functions, densities and means of cells.

The same as :mod:`ratedist.theory.exact.radial_source`, with every rounding enclosed. Radii are ``sinh x``.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

from flint import arb


@dataclasses.dataclass(frozen=True)
class BallCell:
    """Probability and mean sin²φ, cos²φ, sinφ cosφ of one cell of radii."""

    probability: arb
    sine_squared: arb
    cosine_squared: arb
    sine_cosine: arb


@dataclasses.dataclass(frozen=True)
class BallSource:
    """Law of ``x = arcsinh ‖U‖``: ``tanh²x ~ Beta(d/2, ν/2)``, ν = n − d + 1."""

    d: int
    n: int

    @property
    def degrees_of_freedom(self) -> int:
        """ν = n − d + 1."""
        return self.n - self.d + 1

    @functools.cached_property
    def log_constant(self) -> arb:
        """``ln(2/B(d/2, ν/2))``."""
        a, b = arb(self.d) / 2, arb(self.degrees_of_freedom) / 2
        return arb(2).log() + (a + b).lgamma() - a.lgamma() - b.lgamma()

    def log_density(self, tanh: arb, cosh: arb) -> arb:
        """Log density at the x whose hyperbolic functions are given."""
        return self.log_constant + (self.d - 1) * tanh.log() - self.degrees_of_freedom * cosh.log()

    def log_density_slope(self, tanh: arb, cosh: arb) -> arb:
        """Its derivative: decreasing in x. For d > 1 it is +∞ at 0, where it must not be asked for."""
        rise = (self.d - 1) / (tanh * cosh**2) if self.d > 1 else arb(0)
        return rise - self.degrees_of_freedom * tanh

    def cell_probabilities(self, edges: Sequence[arb]) -> list[arb]:
        """Of the cells between ``edges``, increasing, of which the last may be +∞."""
        a, b = arb(self.d) / 2, arb(self.degrees_of_freedom) / 2
        return _beta_differences(a, b, _squares(edges))

    def tails(self, low: arb, high: arb) -> tuple[arb, arb]:
        """Probabilities of x < ``low`` and of x > ``high``."""
        a, b = arb(self.d) / 2, arb(self.degrees_of_freedom) / 2
        return _incomplete(a, b, low.tanh() ** 2), _incomplete(b, a, 1 / high.cosh() ** 2)

    def cells(self, edges: Sequence[arb]) -> list[BallCell]:
        """Probabilities and means of the cells between ``edges``, as ``RadialSource.cells`` has them."""
        a, b = arb(self.d) / 2, arb(self.degrees_of_freedom) / 2
        half = arb(1) / 2
        squares = _squares(edges)
        probability = _beta_differences(a, b, squares)
        # B(a + ½, b + ½)/B(a, b)
        product = ((a + half).lgamma() + (b + half).lgamma() - a.lgamma() - b.lgamma()).exp() / (a + b)
        sine = [a / (a + b) * part for part in _beta_differences(a + 1, b, squares)]
        cosine = [b / (a + b) * part for part in _beta_differences(a, b + 1, squares)]
        mixed = [product * part for part in _beta_differences(a + half, b + half, squares)]
        return [
            BallCell(p, s / p, c / p, m / p)
            for p, s, c, m in zip(probability, sine, cosine, mixed, strict=True)
        ]


def _squares(edges: Sequence[arb]) -> list[tuple[arb, arb]]:
    """``(tanh²x, 1/cosh²x)`` at every edge."""
    return [
        (edge.tanh() ** 2, 1 / edge.cosh() ** 2) if edge.is_finite() else (arb(1), arb(0)) for edge in edges
    ]


def _beta_differences(a: arb, b: arb, squares: Sequence[tuple[arb, arb]]) -> list[arb]:
    """Probabilities of ``tanh²X ~ Beta(a, b)`` between the edges, from the side that loses fewer digits."""
    center = a / (a + b)
    differences: list[arb] = []
    sides: dict[int, dict[bool, arb]] = {index: {} for index in range(len(squares))}

    def side(index: int, below: bool) -> arb:
        if below not in sides[index]:
            sine, cosine = squares[index]
            sides[index][below] = _incomplete(a, b, sine) if below else _incomplete(b, a, cosine)
        return sides[index][below]

    for index in range(len(squares) - 1):
        if squares[index][0] < center:
            differences.append(side(index + 1, True) - side(index, True))
        else:
            differences.append(side(index, False) - side(index + 1, False))
    return differences


def _incomplete(a: arb, b: arb, x: arb) -> arb:
    """The regularised incomplete beta function ``I_x(a, b)``."""
    if x.is_zero():
        return arb(0)
    return arb(1) if x == 1 else x.beta_lower(a, b, regularized=True)

r"""The mean over the angle in balls: the rule's nodes and weights, and the bounds on its error.

The trapezoidal rule of :class:`ratedist.theory.exact.radial_kernel.AngularRule`, whose step and number of
nodes are taken over as they are; the error bounds are those of docs/exact-rate-distortion.md, section 3.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from flint import arb

from ratedist.theory.exact.radial_kernel import CHI, STRIP, AngularRule
from ratedist.theory.exact.rigorous.balls import total


@dataclasses.dataclass(frozen=True, eq=False)
class BallRule:
    """The nodes of ``rule``, m of them, in increasing order of t.

    Attributes:
        rule: the rule in float64, from which only choices are taken.
        weight: shape ``(m,)``.
        square: 1 − t², shape ``(m,)``.
        cosine: t, shape ``(m,)``.
        weight_below: sum of the weights of the nodes before each index, shape ``(m + 1,)``.
        outside: bound on the probability, under the law of t, beyond the first and the last node.
    """

    rule: AngularRule
    weight: list[arb]
    square: list[arb]
    cosine: list[arb]
    weight_below: list[arb]
    outside: arb

    @functools.cached_property
    def log_weight_below(self) -> np.ndarray:
        """``ln weight_below`` in float64, −∞ first: to choose nodes by."""
        return np.array([-np.inf, *(float(weight.log()) for weight in self.weight_below[1:])])

    @functools.cached_property
    def float_squares(self) -> np.ndarray:
        """``square`` in float64: to choose nodes by."""
        return np.array([float(square) for square in self.square])

    @functools.cached_property
    def float_cosines(self) -> np.ndarray:
        """``cosine`` in float64: to choose nodes by."""
        return np.array([float(cosine) for cosine in self.cosine])

    def weight_from(self, index: int) -> arb:
        """Sum of the weights of the nodes from ``index`` on: the rule is symmetric."""
        return self.weight_below[len(self.weight) - index]

    def error(self, log_mass: arb) -> arb:
        """Bound on the error of ``∫ m K`` relative to ``max(1, ∫ m K)``, where ``ln max(1, ∫m) ≤ log_mass``.

        It also bounds the error of one ``E_t exp(−X)`` relative to itself, where its log is at least
        ``−log_mass``.
        """
        if self.rule.d == 1:
            return arb(0)
        _, chi, theta = self._strip(CHI * float(log_mass))
        return theta * (chi * log_mass).exp() + self.outside * log_mass.exp()

    def energy_error(self, log_range: arb) -> arb:
        """Bound on the error of ``E_t[X exp(−X)]`` relative to ``E_t exp(−X) ≥ exp(−log_range)``."""
        if self.rule.d == 1:
            return arb(0)
        eta, chi, theta = self._strip(2 * CHI * float(log_range) - np.log(CHI * np.cos(STRIP) ** 2))
        growth = (2 * chi * log_range).exp() / (arb(1).exp() * chi * eta.cos() ** 2)
        return theta * growth + self.outside * log_range.exp()

    def log_laplace(self, argument: arb) -> arb:
        """``ln`` of the rule's ``E_t exp(−a(1 − t²))``: decreasing in a."""
        count = len(self.weight)
        half = total(self.weight[i] * (-argument * self.square[i]).exp() for i in range(count // 2))
        middle = self.weight[count // 2] * (-argument * self.square[count // 2]).exp()
        return (2 * half + middle * (count % 2)).log()

    def _strip(self, log_growth: np.ndarray) -> tuple[arb, arb, arb]:
        """Half-width, χ and θ of the strip that serves best: all of them give bounds."""
        decay = 2 * np.pi * STRIP / self.rule.step
        log_theta = -(self.rule.d - 1) * np.log(np.cos(STRIP)) - decay - np.log1p(-np.exp(-decay))
        eta = arb(float(STRIP[np.argmin(log_theta + log_growth)]))
        chi = 2 * eta.sin() ** 2 / eta.cos() ** 4
        decay_factor = (2 * arb.pi() * eta / arb(self.rule.step)).exp() - 1
        return eta, chi, 2 / (eta.cos() ** (self.rule.d - 1) * decay_factor)


def ball_rule(rule: AngularRule) -> BallRule:
    """The rule in balls; for d = 1 the two signs."""
    if rule.d == 1:
        half = arb(1) / 2
        return BallRule(
            rule, [half, half], [arb(0), arb(0)], [arb(-1), arb(1)], [arb(0), half, arb(1)], arb(0)
        )
    count = rule.log_weight.size // 2
    a, half, step = arb(rule.d - 1) / 2, arb(1) / 2, arb(rule.step)
    beta = (a.lgamma() + half.lgamma() - (a + half).lgamma()).exp()
    cosh = [(step * k).cosh() for k in range(count + 1)]
    weight = [step / (c ** (rule.d - 1) * beta) for c in cosh]
    square = [1 / c**2 for c in cosh]
    weights = weight[:0:-1] + weight
    below = [arb(0)]
    for w in weights:
        below.append(below[-1] + w)
    # I_y(a, ½) ≤ y^a/(a B(a, ½) √(1 − y)), y = 1 − t² at the last node.
    outside = square[-1] ** a / (a * beta * (1 - square[-1]).sqrt())
    cosine = [(step * k).tanh() for k in range(-count, count + 1)]
    return BallRule(rule, weights, square[:0:-1] + square, cosine, below, outside)

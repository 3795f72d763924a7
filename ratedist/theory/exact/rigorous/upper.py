r"""The achievable point in balls: a channel, and what its distortion and its rate certainly do not exceed.

The channel sees the direction of U and the cell of radii ‖U‖ lies in. For cell k it tilts a law Q of the
reproduction, isotropic and with finitely many radii ρ_j of weights q_j, by ``exp(−λ d̄_k)``, and uses only the
atoms j that matter there: leaving an atom out changes the channel, not the validity of what is said about it.

    D = Σ p_k E_k[d̄_k],    R = −λD − Σ p_k ln Z_k,    Z_k = Σ_{j kept} q_j E_t exp(−λ d̄_k).

Derived in docs/exact-rate-distortion.md, sections 2 and 3.
"""

from __future__ import annotations

import numpy as np
from flint import arb

from ratedist.theory.exact import radial_kernel
from ratedist.theory.exact.radial_source import RadialCells
from ratedist.theory.exact.rigorous.angle import BallRule
from ratedist.theory.exact.rigorous.ball_source import BallCell, BallSource
from ratedist.theory.exact.rigorous.balls import Watch, unwatched, up_to

ATOMS_DEPTH = 28.0  # nats below its row's sum at which an atom is not used
NODES_DEPTH = 28.0  # the same for angular nodes, whose sum is bounded instead


def achievable_point(
    source: BallSource,
    slope: arb,
    rule: BallRule,
    edges: np.ndarray,
    radius: np.ndarray,
    weights: np.ndarray,
    watch: Watch = unwatched,
) -> tuple[arb, arb]:
    """Upper bounds on distortion and rate, at σ² = 1, of the channel described above.

    Args:
        source: law of the source radius.
        slope: λ.
        rule: angular quadrature.
        edges: of the cells in x, from 0 to ∞, shape ``(k + 1,)``.
        radius: ρ_j, shape ``(m,)``.
        weights: q_j > 0, shape ``(m,)``; they need not sum to 1.
        watch: called for every cell.
    """
    energy_scale = slope * (source.n + 1) / source.n
    radii = [arb(float(rho)) for rho in radius]
    mass = arb(0)
    for weight in weights:
        mass += arb(float(weight))
    probabilities = [arb(float(weight)) / mass for weight in weights]
    cells = source.cells([arb(float(edge)) for edge in edges])
    plan = _Plan(cells, float(energy_scale), rule, radius, weights)
    energy_low = energy_high = log_normalizer = arb(0)
    for index, cell in enumerate(cells):
        watch(index / len(cells))
        normalizer, energy, steepness = _row(cell, plan.row(index), energy_scale, rule, radii, probabilities)
        # ln 2 twice: half the law has t ≥ 0, and the rule may be twice the truth.
        log_range = 2 * arb(2).log() - rule.log_laplace(steepness)
        r, epsilon = rule.error(log_range), rule.energy_error(log_range)
        if not r < arb(1) / 2:
            return arb.pos_inf(), arb.pos_inf()
        mean = energy / normalizer
        energy_high += cell.probability * ((1 + r) * mean + epsilon) / (1 - r)
        energy_low += cell.probability * ((1 - r) * mean - epsilon) / (1 + r)
        log_normalizer += cell.probability * (normalizer / (1 + r)).log()
    return energy_high / slope, -energy_low - log_normalizer


class _Plan:
    """What is evaluated of each row: atoms, and angular nodes of each, chosen in float64."""

    def __init__(
        self,
        cells: list[BallCell],
        energy_scale: float,
        rule: BallRule,
        radius: np.ndarray,
        weights: np.ndarray,
    ) -> None:
        columns = (
            [float(cell.probability) for cell in cells],
            [float(cell.sine_squared) for cell in cells],
            [float(cell.cosine_squared) for cell in cells],
            [float(cell.sine_cosine) for cell in cells],
        )
        self.cells = RadialCells(*(np.array(column) for column in columns))
        self.kernel = radial_kernel.kernel(self.cells, radius, energy_scale, rule.rule, ATOMS_DEPTH + 10)
        self.normalizer = self.kernel.values @ weights
        self.rule, self.weights, self.radius, self.energy_scale = rule, weights, radius, energy_scale

    def row(self, index: int) -> list[tuple[int, int, int]]:
        """Atom, first and last-but-one angular node of each that matters in this row."""
        values = self.kernel.values
        part = slice(values.indptr[index], values.indptr[index + 1])
        atoms = values.indices[part]
        with np.errstate(divide="ignore"):
            share = np.log(values.data[part] * self.weights[atoms] / self.normalizer[index])
        atoms = atoms[share > -ATOMS_DEPTH]
        s2, c2 = self.cells.sine_squared[index], self.cells.cosine_squared[index]
        product, rho = self.cells.sine_cosine[index], self.radius[atoms]
        aligned = np.maximum(self.energy_scale * (rho**2 * c2 - 2 * rho * product + s2), 0.0)
        alpha, beta = self.energy_scale * rho**2 * s2, 2 * self.energy_scale * rho * product
        # What may be left out of E exp(−λd): this much below the row's sum.
        log_row = np.log(self.normalizer[index]) + self.kernel.log_scale[index]
        allowed = log_row - NODES_DEPTH - np.log(self.weights[atoms]) + aligned
        first, last = node_ranges(self.rule, alpha, beta, allowed)
        return list(zip(atoms.tolist(), first.tolist(), last.tolist(), strict=True))


def node_ranges(
    rule: BallRule, alpha: np.ndarray, beta: np.ndarray, log_allowed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Ranges of nodes outside of which little is left of ``E_t exp(−X)``: about ``exp(log_allowed)``.

    X = α(1 − t²) + β(1 − t) is concave in t, hence on [−1, t] at least ``min(2β, X(t))``; beyond the range on
    the other side nothing is claimed but X ≥ 0.
    """
    x = np.multiply.outer(alpha, rule.float_squares) + np.multiply.outer(beta, 1 - rule.float_cosines)
    below = rule.log_weight_below[1:] - np.minimum(x, 2 * beta[:, None])
    count = rule.float_squares.size
    negligible = below <= log_allowed[:, None]
    first = np.where(negligible.any(axis=1), count - np.argmax(negligible[:, ::-1], axis=1), 0)
    # log_weight_below[m] is also the log of the weight of the last m nodes.
    last = count - (np.searchsorted(rule.log_weight_below, log_allowed, side="right") - 1)
    return first, np.maximum(last, first)


def _row(
    cell: BallCell,
    plan: list[tuple[int, int, int]],
    energy_scale: arb,
    rule: BallRule,
    radii: list[arb],
    probabilities: list[arb],
) -> tuple[arb, arb, arb]:
    """The rule's ``Σ_j q_j E_t e^{−λd}``, ``Σ_j q_j E_t λd e^{−λd}``, and the largest α + β."""
    lowest, highest = min(first for _, first, _ in plan), max(last for _, _, last in plan)
    s2, mixed = energy_scale * cell.sine_squared, 2 * energy_scale * cell.sine_cosine
    c2 = energy_scale * cell.cosine_squared
    # λd = (ρ P − Q) ρ + L s², with P = L(c² + s²(1 − t²)) and Q = 2Lcs·t.
    P = [c2 + s2 * rule.square[i] for i in range(lowest, highest)]
    Q = [mixed * rule.cosine[i] for i in range(lowest, highest)]
    normalizer, mean, steepest = arb(0), arb(0), arb(0)
    for atom, first, last in plan:
        rho = radii[atom]
        value, energy = arb(0), arb(0)
        for i in range(first, last):
            exponent = (rho * P[i - lowest] - Q[i - lowest]) * rho + s2
            term = rule.weight[i] * (-exponent).exp()
            value += term
            energy += term * exponent
        aligned = rho * rho * c2 - rho * mixed + s2
        alpha, beta = s2 * rho * rho, mixed * rho
        left = left_out(rule, first, last, aligned, alpha, beta)
        normalizer += probabilities[atom] * (value + up_to(left[0]))
        mean += probabilities[atom] * (energy + up_to(left[1]))
        steepest = steepest.max(alpha + beta)
    return normalizer, mean, steepest.upper()


def left_out(rule: BallRule, first: int, last: int, aligned: arb, alpha: arb, beta: arb) -> tuple[arb, arb]:
    """Upper bounds on the sums of ``w e^{−λd}`` and of ``w λd e^{−λd}`` over the nodes outside the range."""
    value = energy = arb(0)
    sides = []
    if first > 0:
        x = alpha * rule.square[first - 1] + beta * (1 - rule.cosine[first - 1])
        sides.append((rule.weight_below[first], aligned + (2 * beta).min(x)))
    if last < len(rule.weight):
        sides.append((rule.weight_from(last), aligned))
    for weight, least in sides:
        bound = weight * (-least).exp()
        value += bound
        # y e^{−y} decreases from y = 1 on, and is below e^{−least} where least < 1.
        energy += bound * least.max(arb(1))
    return value, energy

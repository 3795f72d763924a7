r"""Angular average ``K(x, ρ) = E_t exp(−λd)`` of the exact rate–distortion problem, and bounds on its error.

For source radius ``sinh x`` and reproduction radius ρ at an angle of cosine t, with ``sinφ = tanh x``,

    λd = L [ρ²(1 − t² sin²φ) − 2ρt sinφ cosφ + sin²φ] = aligned + α(1 − t²) + β(1 − t),   L = λσ²(n+1)/n,
    aligned = L(ρ cosφ − sinφ)²,   α = Lρ² sin²φ,   β = 2Lρ sinφ cosφ,   X = α(1 − t²) + β(1 − t).

Derived in docs/exact-rate-distortion.md, sections 1 and 3.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from scipy import sparse, special

from ratedist.theory.exact import kernel_support
from ratedist.theory.exact.kernel_support import Entries, LaplaceTable
from ratedist.theory.exact.radial_grid import coarsest_step
from ratedist.theory.exact.radial_source import RadialCells

TERMS_PER_BLOCK = 1_500_000
ENTRIES_PER_BLOCK = 256  # few: their terms stay in the processor's cache, and they need much the same nodes
LOG_RANGE_POINTS = 400
NEGLIGIBLE = 50.0  # nats

# Half-widths η of strips about the real τ axis, and the share χ ≤ ½ of its exponent the kernel loses there.
STRIP = np.linspace(0.002, 0.42, 300)
CHI = 2 * np.sin(STRIP) ** 2 / np.cos(STRIP) ** 4


@dataclasses.dataclass(frozen=True, eq=False)
class AngularRule:
    r"""Trapezoidal rule in τ for the mean over ``t = tanh τ``, whose density is ``∝ cosh^{−(d−1)}τ``.

    In τ every peak that ``exp(−λd)`` has near t = 1 is about ``1/√(2(d−1))`` wide, whatever λ is, and the
    rule converges geometrically. For d = 1 the mean is the sum over t = ±1, without error.

    Attributes:
        one_minus_square: 1 − t², shape ``(m,)``.
        one_minus: 1 − t, shape ``(m,)``.
        log_weight: log weights, shape ``(m,)``.
        step: distance of the nodes in τ (0 for d = 1).
        log_tail: log of a bound on the probability, under the law of t, beyond the first and the last node.
    """

    d: int
    one_minus_square: np.ndarray
    one_minus: np.ndarray
    log_weight: np.ndarray
    step: float
    log_tail: float

    def error(self, log_range: np.ndarray) -> np.ndarray:
        """Bound on the error of ``∫ m K`` relative to ``max(1, ∫ m K)``, where ``ln ∫m ≤ log_range``.

        It also bounds the error of one ``E_t exp(−X)`` relative to itself, where its log is at least
        ``−log_range``. At 1 it says nothing.
        """
        if self.d == 1:
            return np.zeros_like(log_range)
        bound = _least(_log_theta(self.d, self.step), CHI, log_range)
        return np.exp(np.minimum(0.0, np.logaddexp(bound, self.log_tail + log_range)))

    def energy_error(self, log_range: np.ndarray) -> np.ndarray:
        """Bound on the error of ``E_t[X exp(−X)]`` relative to ``E_t exp(−X) ≥ exp(−log_range)``."""
        if self.d == 1:
            return np.zeros_like(log_range)
        bound = _least(_log_energy_theta(self.d, self.step), 2 * CHI, log_range)
        return np.exp(np.minimum(0.0, np.logaddexp(bound, self.log_tail + log_range)))


def angular_rule(d: int, log_range: float, log_tolerance: float, with_energies: bool = True) -> AngularRule:
    """The rule whose errors are at most about ``exp(log_tolerance)`` of any K down to ``exp(−log_range)``.

    Without energies it is the rule for K alone, of fewer nodes.
    """
    if d == 1:
        return AngularRule(1, np.zeros(2), np.array([2.0, 0.0]), np.full(2, np.log(0.5)), 0.0, -np.inf)
    theta, power = (_log_energy_theta, 2) if with_energies else (_log_theta, 1)
    step = coarsest_step(
        1.0, lambda step: bool(np.min(theta(d, step) + power * CHI * log_range) <= log_tolerance)
    )
    # cosh^{−(d−1)}τ falls to exp(log_tolerance − log_range) at τ = arccosh exp(m).
    m = (log_range - log_tolerance) / (d - 1)
    half_count = int(np.ceil((np.log(2) + m if m > 20 else np.arccosh(np.exp(m))) / step))
    tau = step * np.arange(-half_count, half_count + 1)
    log_cosh = np.logaddexp(tau, -tau) - np.log(2)
    log_weight = np.log(step) - (d - 1) * log_cosh - special.betaln((d - 1) / 2, 0.5)
    # The weights decrease outwards: those left out sum to less than the integral from the last one kept.
    # With y = 1 − t² there, that integral is I_y(a, ½) ≤ y^a/(aB(a, ½)√(1−y)), a = (d−1)/2.
    a, end = (d - 1) / 2, -2 * log_cosh[-1]
    log_tail = float(a * end - np.log(a) - special.betaln(a, 0.5) - np.log1p(-np.exp(end)) / 2)
    return AngularRule(d, np.exp(-2 * log_cosh), 2 * special.expit(-2 * tau), log_weight, step, log_tail)


def log_peak(letters: RadialCells, energy_scale: float, rule: AngularRule) -> np.ndarray:
    """An upper bound on the rule's ``ln K`` over all reproduction radii, shape ``(m,)``.

    For every t the energy is least at one ρ, and there equals ``L s²(1 − t²)/(1 − t²s²)``, ``s = sinφ``: the
    bound falls with the source radius (but for d = 1, where it is 0).
    """
    s2, c2 = letters.sine_squared[:, None], letters.cosine_squared[:, None]
    peaks = []
    for start in range(0, s2.size, ENTRIES_PER_BLOCK):
        part = slice(start, start + ENTRIES_PER_BLOCK)
        scaled = s2[part] * rule.one_minus_square
        peaks.append(_log_sum_exp(rule.log_weight - energy_scale * (scaled / (c2[part] + scaled))))
    return np.concatenate(peaks)


@dataclasses.dataclass(frozen=True, eq=False)
class Kernel:
    """``K exp(−log_scale)`` and its energies, sparse, of shape ``(m, k)``.

    Attributes:
        values: ``exp(−log_scale)·K``; left out are entries whose upper bound is below ``log_scale − depth``.
        energies: ``exp(−log_scale)·E_t[λd exp(−λd)]``, the same entries; None where not asked for.
        log_scale: shape ``(m,)``.
        steepest: largest α + β among the entries of each row, shape ``(m,)``: the errors depend on it.
    """

    values: sparse.csr_array
    energies: sparse.csr_array | None
    log_scale: np.ndarray
    steepest: np.ndarray


def kernel(
    letters: RadialCells,
    radius: np.ndarray,
    energy_scale: float,
    rule: AngularRule,
    depth: float,
    log_scale: np.ndarray | None = None,
    check: Callable[[], None] = lambda: None,
    with_energies: bool = False,
) -> Kernel:
    """The kernel between m letters and k reproduction radii.

    Args:
        letters: source radii or cells of them.
        radius: ρ, rising, shape ``(k,)``.
        energy_scale: L = λσ²(n+1)/n.
        rule: angular quadrature.
        depth: entries that an upper bound shows to be this many nats below ``log_scale`` are left out.
        log_scale: one number a row, shape ``(m,)``; by default the largest upper bound of the row.
        check: called between pieces of the work; it may raise.
        with_energies: whether the energies are wanted too.
    """
    arguments = kernel_support.table_arguments(radius, energy_scale)
    laplace = LaplaceTable(arguments, log_laplace(arguments, rule))
    parts = []
    for rows in kernel_support.blocks(letters):
        check()
        entries = kernel_support.kept_entries(
            letters, rows, radius, energy_scale, rule.d, laplace, depth, log_scale
        )
        parts.append(_evaluate(entries, rule, with_energies, check))
    columns, values, energies, lengths, scales, steepest = map(np.concatenate, zip(*parts, strict=True))
    pointers = np.concatenate([[0], np.cumsum(lengths)])
    shape = (letters.probability.size, radius.size)
    return Kernel(
        sparse.csr_array((values, columns, pointers), shape=shape),
        sparse.csr_array((energies, columns, pointers), shape=shape) if with_energies else None,
        scales,
        steepest,
    )


def _evaluate(
    entries: Entries, rule: AngularRule, with_energies: bool, check: Callable[[], None]
) -> tuple[np.ndarray, ...]:
    """Columns, values, energies of the entries, in row order; number, scale, steepness of each row."""
    row, alpha, beta, scale = entries.row, entries.alpha, entries.beta, entries.log_scale
    steepness, shift = alpha + beta, entries.aligned + scale[row]
    steepest = np.zeros(scale.size)
    np.maximum.at(steepest, row, steepness)
    values, energies = np.empty(row.size), np.empty(row.size if with_energies else 0)
    # λd(−t) = λd(t) + 2βt: nodes with t < −½ add less than exp(−β) of what those with t > ½ do.
    forward, per_block = rule.one_minus < 1.5, max(16, TERMS_PER_BLOCK // rule.log_weight.size)
    per_block = min(per_block, ENTRIES_PER_BLOCK)
    for aside, group in ((forward, beta >= NEGLIGIBLE), (np.ones_like(forward), beta < NEGLIGIBLE)):
        members = np.flatnonzero(group)
        members = members[np.argsort(steepness[members])]
        starts = np.arange(0, members.size, per_block)
        flattest = steepness[members[starts]]
        # E exp(−X) ≥ ½ E exp(−(α + β)(1 − t²)), see log_range, and X ≥ (α + β)(1 − t²)/2.
        depths = NEGLIGIBLE + log_range(
            steepness[members[np.minimum(starts + per_block, members.size) - 1]], rule
        )
        for start, least, depth in zip(starts, flattest, depths, strict=True):
            check()
            pair = members[start : start + per_block]
            nodes = aside & (rule.log_weight - least / 2 * rule.one_minus_square >= -depth)
            ones = np.ones(np.count_nonzero(nodes))
            angles = np.stack([rule.one_minus_square[nodes], rule.one_minus[nodes], ones])
            terms = np.stack([-alpha[pair], -beta[pair], -shift[pair]], axis=1) @ angles
            terms += rule.log_weight[nodes]
            np.exp(terms, out=terms)
            if with_energies:
                square, linear, values[pair] = angles @ terms.T
                energies[pair] = (
                    alpha[pair] * square + beta[pair] * linear + entries.aligned[pair] * values[pair]
                )
            else:
                values[pair] = np.sum(terms, axis=1)
    return entries.column, values, energies, np.bincount(row, minlength=scale.size), scale, steepest


def log_range(steepness: np.ndarray, rule: AngularRule) -> np.ndarray:
    """Upper bound on ``−ln E exp(−X)`` for α + β ≤ ``steepness``, shape ``(m,)``.

    On t ≥ 0, half of the law of t, 1 − t ≤ 1 − t². The other ln 2 is for the rule, from which the expectation
    is taken: it is at most twice the true one wherever the rule's error is below 1 at this range.
    """
    if steepness.size <= LOG_RANGE_POINTS:
        return 2 * np.log(2) - log_laplace(steepness, rule)
    # It rises with the steepness: the value at the next point of a table is an upper bound too.
    table = np.geomspace(max(np.min(steepness), 1e-3), max(np.max(steepness), 1e-3), LOG_RANGE_POINTS)
    next_point = np.minimum(np.searchsorted(table, steepness * (1 - 1e-12)), LOG_RANGE_POINTS - 1)
    return (2 * np.log(2) - log_laplace(table * (1 + 1e-12), rule))[next_point]


def log_laplace(argument: np.ndarray, rule: AngularRule) -> np.ndarray:
    """``ln E_t exp(−a(1 − t²))``, shape ``(m,)``."""
    return _log_sum_exp(rule.log_weight - argument[:, None] * rule.one_minus_square)


def _log_sum_exp(terms: np.ndarray) -> np.ndarray:
    """``ln Σ exp`` of each row; the terms are overwritten, as SciPy's copies cost more than the sums."""
    largest = np.max(terms, axis=1, keepdims=True)
    terms -= largest
    np.exp(terms, out=terms)
    return np.log(np.sum(terms, axis=1)) + largest[:, 0]


def _least(log_theta: np.ndarray, share: np.ndarray, log_range: np.ndarray) -> np.ndarray:
    """Least over the strips of ``log_theta + share·log_range``; most ranges occur more than once."""
    distinct, place = np.unique(log_range, return_inverse=True)
    return np.min(log_theta + share * distinct[:, None], axis=1)[place].reshape(log_range.shape)


def _log_theta(d: int, step: float) -> np.ndarray:
    """``ln θ`` of the trapezoidal rule in τ for every strip: ``|K − rule| ≤ θ K^{1−χ}``."""
    decay = 2 * np.pi * STRIP / step
    return np.log(2) - (d - 1) * np.log(np.cos(STRIP)) - decay - np.log1p(-np.exp(-decay))


def _log_energy_theta(d: int, step: float) -> np.ndarray:
    """The same for ``X exp(−X)``, from ``|X| ≤ X₀/cos²η`` and ``X exp(−χX) ≤ 1/(eχ)``."""
    return _log_theta(d, step) - np.log(np.e * CHI * np.cos(STRIP) ** 2)

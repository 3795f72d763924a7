"""Claims of section 6: what the clustering algorithms minimise."""

from __future__ import annotations

import itertools

import numpy as np
from scipy.optimize import minimize

from ratedist.claims.claim import Claim, Verdict
from ratedist.claims.evidence import Evidence, draw_data_sets
from ratedist.claims.numbers import AT_MOST, EQUAL, Numbers, computed, numbers
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.linear_model.weights import two_level_weights
from ratedist.quantizers import Algorithm1, kmeans
from ratedist.quantizers.center_update import confined_centers, printed_pair
from ratedist.units import NATS_PER_BIT

# Relative accuracy of finite differences of a quadratic, and of the optimisers compared with.
DIFFERENCES = 1e-6
OPTIMISER = 1e-5
# Runs of Algorithm 1 from random starts.
NUM_RUNS = 10


def log2_of_k(evidence: Evidence) -> Numbers:
    """W ↦ sgn(W − w*) with Σ = I: 2^d equally likely values, by symmetry; d = 4 counted as well."""
    d, K = evidence.model.d, 2
    model = GaussianLinearModel(n=12, w_star=np.zeros(4))
    data = draw_data_sets(model, evidence.num_trials, evidence.generator("signs"))
    patterns = np.bincount((data.weights > 0) @ (1 << np.arange(4)), minlength=16) / evidence.num_trials
    seen = patterns[patterns > 0]
    entropy = float(-seen @ np.log2(seen))
    # The empirical entropy of 16 cells is low by 15/(2N) nats on average, and varies by less than that.
    known = 15 / (2 * evidence.num_trials * NATS_PER_BIT)
    label = "I(W; Ŵ) of the signs of 4 weights, K = 2, bits"
    return numbers(
        [computed(label, AT_MOST, np.log2(K), entropy + known, 4 * known)],
        f"each of the d weights has a label: I(W; Ŵ) = {d} bits for d = {d}, K = 2; the bound is d·log₂ K",
    )


def equation22(evidence: Evidence) -> Numbers:
    """Second difference of L_S along a direction, over vᵀ(A/n)v."""
    _, risk, data, n = _one_data_set(evidence)
    w, v, step = data.weights[0], np.linspace(1.0, 2.0, data.weights.shape[1]), 1e-2
    second = (risk(w + step * v) - 2 * risk(w) + risk(w - step * v)) / step**2
    ratio = second / (v @ data.gram[0] @ v / n)
    label = "Hessian of L_S over A/n, along a direction"
    return numbers([computed(label, EQUAL, 1.0, ratio, DIFFERENCES)], "L_S has no ½: its Hessian is 2A/n")


def equation30(evidence: Evidence) -> Numbers:
    """With diagonal A: orthogonal inputs."""
    generator = evidence.generator("orthogonal")
    scales = np.array([1.0, 2.0, 0.5, 3.0])
    inputs = np.linalg.qr(generator.standard_normal((9, 4)))[0] * scales
    outputs = inputs @ np.ones(4) + generator.standard_normal(9)
    weights = np.linalg.lstsq(inputs, outputs, rcond=None)[0]
    reproduction = np.sign(weights) * 0.7

    def risk(w: np.ndarray) -> float:
        return float(np.mean((outputs - inputs @ w) ** 2))

    distortion = risk(reproduction) - risk(weights)
    importance = np.sum(inputs**2, axis=0) / 9
    objective = float(importance @ (weights - reproduction) ** 2)
    return numbers(
        [computed("sum (30) with h = diag(A/n)", EQUAL, distortion, objective, 1e-10)],
        "(30) drops the ½ of (29) and (22) a factor 2: the two slips cancel; the true Hessian in (30) "
        "would count d_S twice",
    )


def equation36(evidence: Evidence) -> Numbers:
    """One block (0, 0) with H = diag(100, 1) between the centres (½, 0) and (0, 1)."""
    block, importance = np.zeros(2), np.array([100.0, 1.0])
    centers = np.array([[0.5, 0.0], [0.0, 1.0]])
    costs = np.sum(importance * (block - centers) ** 2, axis=1)
    euclidean = int(np.argmin(np.sum((block - centers) ** 2, axis=1)))
    label = "cost of a block assigned by (36), against the least"
    return numbers(
        [computed(label, AT_MOST, costs.min(), costs[euclidean], 0.0)],
        "w = (0, 0), H = diag(100, 1), centres (½, 0) and (0, 1): "
        f"(36) pays {costs[euclidean]:g}, the other costs {costs.min():g}",
    )


def algorithm1_descends(evidence: Evidence) -> Numbers:
    """The objective (35) after every iteration, at β = 0 where only the assignment can be to blame."""
    return _ascents(evidence, "algorithm 1", [(2, 0.0)])


def algorithm1_penalized(evidence: Evidence) -> Numbers:
    """With the penalty, for blocks and for scalars, where (36) is right and only (37) can be to blame."""
    return _ascents(evidence, "algorithm 1 with a penalty", [(2, 1.0), (2, 30.0), (1, 1.0), (1, 30.0)])


def _ascents(evidence: Evidence, stream: str, settings: list[tuple[int, float]]) -> Numbers:
    """Share of the iterations of Algorithm 1 that raise (35), by block length and β."""
    checks, notes = [], []
    for m, penalty in settings:
        generator = evidence.generator(stream)
        ascents = iterations = 0
        worst = 0.0
        for seed in range(NUM_RUNS):
            weights, importance = generator.standard_normal(80), generator.exponential(size=80)
            previous = np.inf
            for t in range(1, 16):
                run = kmeans(
                    weights,
                    6,
                    importance,
                    method=Algorithm1(init="random", max_iterations=t),
                    diameter_penalty=penalty,
                    block_length=m,
                    key=seed,
                )
                if t > 1:
                    iterations += 1
                    ascents += run.objective > previous * (1 + 1e-12)
                    worst = max(worst, run.objective / previous - 1)
                previous = run.objective
                if run.converged:
                    break
        label = f"share of iterations of Algorithm 1 that raise (35), m = {m}, β = {penalty:g}"
        checks.append(computed(label, AT_MOST, 0.0, ascents / iterations, 0.0))
        notes.append(f"{ascents} of {iterations} at m = {m}, β = {penalty:g}, by up to {100 * worst:.1f}%")
    return numbers(checks, "; ".join(notes))


def equation37_two(evidence: Evidence) -> Numbers:
    generator = evidence.generator("equation 37")
    checks = []
    for penalty in (0.1, 1.0, 30.0):
        means, mass = generator.standard_normal((2, 3)), generator.exponential(size=(2, 3)) + 0.1

        def cost(flat: np.ndarray, means=means, mass=mass, penalty=penalty) -> float:
            c = flat.reshape(2, 3)
            return float(np.sum(mass * (c - means) ** 2) + penalty * np.sum((c[0] - c[1]) ** 2))

        best = minimize(cost, means.ravel(), tol=1e-14)
        printed = cost(np.stack(printed_pair(means[0], means[1], mass[0], mass[1], penalty)).ravel())
        label = f"(35) at the solution of (37), K = 2, m = 3, β = {penalty:g}"
        checks.append(computed(label, EQUAL, best.fun, printed, OPTIMISER * best.fun))
    return numbers(
        checks, "c_t stands on both sides of (37): solved as one system; against a numerical minimiser"
    )


def equation37_three(evidence: Evidence) -> Numbers:
    """Means 0, 0.9 and 1: the pair (0, 1) is drawn together until 0.9 is the farthest from 0."""
    means, mass, penalty = np.array([0.0, 0.9, 1.0]), np.ones(3), 1.0

    def cost(centers: np.ndarray) -> float:
        return float(np.sum(mass * (centers - means) ** 2) + penalty * np.ptp(centers) ** 2)

    low, high = printed_pair(means[:1], means[2:], mass[:1], mass[2:], penalty)
    printed = np.array([low[0], means[1], high[0]])
    best, _ = confined_centers(means, mass, penalty, "squared")
    label = "(34) at the centres of (37)–(38), against the least"
    return numbers(
        [computed(label, AT_MOST, cost(best), cost(printed), 0.0)],
        "means 0, 0.9, 1 of equal mass, β = 1: the farthest pair changes, "
        f"{cost(printed):.4f} against {cost(best):.4f}",
    )


def optimal_quantizer(evidence: Evidence) -> Numbers:
    """Every assignment of seven weights to three clusters, with the best centres of each."""
    generator = evidence.generator("enumeration")
    checks = []
    for penalty in (0.0, 0.3, 3.0):
        weights, importance = generator.standard_normal(7), generator.exponential(size=7) + 0.05
        least = min(
            _assignment_cost(weights, importance, np.array(labels), penalty)
            for labels in itertools.product(range(3), repeat=7)
        )
        found = kmeans(weights, 3, importance, diameter_penalty=penalty, method="optimal")
        error = found.objective - found.lower_bound + 1e-10
        label = f"(34) of the optimal quantiser, β = {penalty:g}"
        checks.append(computed(label, EQUAL, least, found.objective, error))
    return numbers(checks, "against all 2187 assignments")


def _assignment_cost(
    weights: np.ndarray, importance: np.ndarray, labels: np.ndarray, penalty: float
) -> float:
    used = np.unique(labels)
    mass = np.array([importance[labels == k].sum() for k in used])
    means = np.array([(importance * weights)[labels == k].sum() for k in used]) / mass
    order = np.argsort(means)
    centers = np.empty_like(means)
    centers[order], _ = confined_centers(means[order], mass[order], penalty, "squared")
    inside = importance @ (weights - centers[np.searchsorted(used, labels)]) ** 2
    return float(inside + penalty * np.ptp(centers) ** 2)


def _one_data_set(evidence: Evidence):
    model = GaussianLinearModel(n=20, w_star=two_level_weights(4))
    data = draw_data_sets(model, 1, evidence.generator("hessian"))

    def risk(w: np.ndarray) -> float:
        quadratic = w @ data.gram[0] @ w - 2 * w @ data.product[0] + data.outputs_squared[0]
        return float(quadratic / model.n)

    return model, risk, data, model.n


CLAIMS = [
    Claim(
        "log2-k", "I(W; Ŵ) ≤ log₂ K for K clusters.",
        "§6.2, after (31)", "§6, after (28)", "d > 1 weights share K centres", Verdict.FAILS, log2_of_k,
    ),
    Claim(
        "equation-22", "The Hessian of L_S is A/n.",
        "(22)", "(20)", "L_S as in (17), without ½", Verdict.FAILS, equation22,
    ),
    Claim(
        "equation-30", "d_S = Σ_j h_j (W_j − Ŵ_j)² with h = diag(A/n), (22) taken as printed.",
        "(22), (29)–(30)", "(20), (27)", "diagonal A", Verdict.HOLDS, equation30,
    ),
    Claim(
        "equation-36", "The assignment (36) to the nearest centre minimises (35) given the centres.",
        "Algorithm 1 (36)", "", "block length m ≥ 2, H no multiple of I", Verdict.FAILS, equation36,
    ),
    Claim(
        "algorithm-1-descends",
        "Algorithm 1 alternates between minimising (35) over centres and assignments, so it descends.",
        "§6.2, Algorithm 1", "", "β = 0, m = 2, random H", Verdict.FAILS, algorithm1_descends,
    ),
    Claim(
        "algorithm-1-penalized", "The same with the diameter regulariser, for scalars and for blocks.",
        "§6.2, Algorithm 1", "", "β > 0, m = 1 and 2, random H", Verdict.FAILS, algorithm1_penalized,
    ),
    Claim(
        "equation-37-two", "The update (37) of the farthest pair minimises (35) given the assignment, K = 2.",
        "Algorithm 1 (37)", "", "K = 2: the pair stays the farthest", Verdict.HOLDS, equation37_two,
    ),
    Claim(
        "equation-37", "The updates (37)–(38) minimise (34) given the assignment, any K.",
        "Algorithm 1 (37)–(38)", "", "K ≥ 3", Verdict.FAILS, equation37_three,
    ),
    Claim(
        "optimal-quantizer", "Dynamic programming with branch and bound finds the global minimum of (34).",
        "", "", "scalars", Verdict.HOLDS, optimal_quantizer,
    ),
]  # fmt: skip

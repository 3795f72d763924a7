"""Compare the optimal scalar quantiser with brute force in exact rational arithmetic on hostile weights.

    python benchmarks/hostile_weights.py [--vectors 2000] [--seed 0] [--time-budget 2]

Vectors of up to ten weights: ties, masks, forty decades, subnormal numbers, neighbours among the floats, with
importances of the same kinds, with and without either diameter penalty. Every partition of the sorted weights
into runs is solved exactly; no lower bound may be above the least objective, nor any objective below it."""

from __future__ import annotations

import argparse
import collections
import itertools
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from ratedist.quantizers import Optimal, kmeans
from ratedist.quantizers.quantized import Quantized

# Of the objective, as float64 computes it; and what underflow may take from it.
ROUNDING, UNDERFLOW = Fraction(1, 10**14), Fraction(1, 10**300)


class Problem(NamedTuple):
    """One call of ``kmeans``."""

    kind: str
    weights: np.ndarray
    importance: np.ndarray | None
    num_clusters: int
    diameter_penalty: float
    penalty: str


def decades(rng: np.random.Generator, size: int, span: float = 20.0) -> np.ndarray:
    """Numbers of random size, ``10^±span``."""
    return 10.0 ** rng.uniform(-span, span, size)


def masked(rng: np.random.Generator, size: int) -> np.ndarray:
    """A layer with a few mask constants."""
    weights = rng.normal(0.0, 0.02, size)
    weights[: rng.integers(1, 3)] = rng.choice([-1e9, -65504.0, -3.4028234663852886e38, 1e30])
    return weights


def neighbours(rng: np.random.Generator, size: int) -> np.ndarray:
    """Floats a few units in the last place apart."""
    base = rng.choice([1.0, 1e9, -7e-5, 1e100])
    return base + np.spacing(base) * rng.integers(-5, 6, size)


WEIGHTS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "normal": lambda rng, size: rng.normal(size=size),
    "ties": lambda rng, size: rng.integers(-3, 4, size) * rng.choice([0.1, 1.0, 1e-30]),
    "mask": masked,
    "forty decades": lambda rng, size: rng.choice([-1.0, 1.0], size) * decades(rng, size),
    "lumps": lambda rng, size: rng.choice([0.0, 1.0, 1e8], size) + 1e-9 * rng.normal(size=size),
    "neighbours": neighbours,
    "subnormal": lambda rng, size: rng.integers(-50, 50, size) * 5e-324,
    "some subnormal": lambda rng, size: np.where(rng.random(size) < 0.5, rng.normal(size=size), 5e-324),
    "tiny": lambda rng, size: 1e-170 * rng.normal(size=size),
    "large": lambda rng, size: 1e139 * rng.normal(size=size) * (rng.random(size) < 0.7),
}
IMPORTANCES: dict[str, Callable[[np.random.Generator, int], np.ndarray | None]] = {
    "none": lambda rng, size: None,
    "exponential": lambda rng, size: rng.exponential(size=size),
    "forty decades": decades,
    "two levels": lambda rng, size: rng.choice([1.0, 1e-17], size),
    "some zero": lambda rng, size: rng.exponential(size=size) * (rng.random(size) < 0.6) + np.eye(size)[0],
    "subnormal": lambda rng, size: rng.integers(1, 50, size) * 5e-324,
}


def hostile_problem(rng: np.random.Generator, most_weights: int = 10) -> Problem:
    """One vector, drawn from all kinds."""
    size = int(rng.integers(2, most_weights + 1))
    of_weights, of_importance = rng.choice(list(WEIGHTS)), rng.choice(list(IMPORTANCES))
    weights, importance = WEIGHTS[of_weights](rng, size), IMPORTANCES[of_importance](rng, size)
    penalty = str(rng.choice(["squared", "linear"]))
    beta = 0.0
    if rng.random() < 0.6:
        scale = 1.0 if importance is None else float(importance.max())
        if penalty == "linear":
            scale *= float(np.ptp(weights))
        beta = max(scale * 10.0 ** rng.uniform(-22, 2), 0.0)
    return Problem(
        f"{of_weights}, importance {of_importance}",
        rng.permutation(weights),
        importance,
        int(rng.integers(1, min(size, 5) + 1)),
        beta if np.isfinite(beta) else 0.0,
        penalty,
    )


def exact_optimum(problem: Problem) -> Fraction:
    """Least objective of all quantisers with real centres."""
    h = np.ones(problem.weights.size) if problem.importance is None else problem.importance
    masses: dict[Fraction, Fraction] = collections.defaultdict(Fraction)
    for weight, mass in zip(problem.weights, h, strict=True):
        if mass > 0:
            masses[Fraction(float(weight))] += Fraction(float(mass))
    weights = sorted(masses)
    M, beta = len(weights), Fraction(problem.diameter_penalty)
    runs = {
        (i, j): _moments([(w, masses[w]) for w in weights[i:j]]) for j in range(1, M + 1) for i in range(j)
    }
    K = min(problem.num_clusters, M)
    least: Fraction | None = None
    for cuts in itertools.combinations(range(1, M), K - 1):
        clusters = [runs[run] for run in itertools.pairwise((0, *cuts, M))]
        scatter = sum((cluster[2] for cluster in clusters), Fraction(0))
        if least is None or scatter < least:
            value = scatter + _least_price(clusters, beta, problem.penalty)
            least = value if least is None else min(least, value)
    assert least is not None
    return least


def _moments(run: list[tuple[Fraction, Fraction]]) -> tuple[Fraction, Fraction, Fraction]:
    """Mass, mean, Σh(w − mean)²."""
    mass = sum((h for _, h in run), Fraction(0))
    mean = sum((h * w for w, h in run), Fraction(0)) / mass
    return mass, mean, sum((h * (w - mean) ** 2 for w, h in run), Fraction(0))


def _least_price(
    clusters: list[tuple[Fraction, Fraction, Fraction]], beta: Fraction, penalty: str
) -> Fraction:
    """Least ``Σ A (c − m)² + P(max c − min c)``: every set of lowest and of highest clusters is tried."""
    if beta == 0 or len(clusters) == 1:
        return Fraction(0)
    values = []
    for low, high in _confinements(clusters, beta, penalty):
        if low <= high:
            moved = sum((A * (min(max(m, low), high) - m) ** 2 for A, m, _ in clusters), Fraction(0))
            length = high - low
            values.append(moved + (beta * length**2 if penalty == "squared" else beta * length / 2))
    return min(values)


def _confinements(
    clusters: list[tuple[Fraction, Fraction, Fraction]], beta: Fraction, penalty: str
) -> Iterator[tuple[Fraction, Fraction]]:
    """Candidates for the interval that holds the centres, the solution among them."""
    mean = _moments([(m, A) for A, m, _ in clusters])[1]
    yield mean, mean
    for p, q in itertools.product(range(1, len(clusters)), repeat=2):
        if p + q > len(clusters):
            continue
        A, a, _ = _moments([(m, A) for A, m, _ in clusters[:p]])
        B, b, _ = _moments([(m, A) for A, m, _ in clusters[len(clusters) - q :]])
        tension = beta * (b - a) / (1 + beta * (1 / A + 1 / B)) if penalty == "squared" else beta / 4
        yield a + tension / A, b - tension / B


def exact_objective(problem: Problem, result: Quantized) -> Fraction:
    """Objective of a result in real arithmetic."""
    h = np.ones(problem.weights.size) if problem.importance is None else problem.importance
    distortion = sum(
        Fraction(float(mass)) * (Fraction(float(w)) - Fraction(float(c))) ** 2
        for mass, w, c in zip(h, problem.weights, result.reconstruction, strict=True)
    )
    length = Fraction(float(result.centers[-1])) - Fraction(float(result.centers[0]))
    beta = Fraction(problem.diameter_penalty)
    return distortion + (beta * length**2 if problem.penalty == "squared" else beta * length / 2)


def complaints(problem: Problem, result: Quantized) -> list[str]:
    """What a result promises and does not keep, in words."""
    least, own = exact_optimum(problem), exact_objective(problem, result)
    objective, lower = Fraction(result.objective), Fraction(result.lower_bound)
    found = []
    if lower > least:
        found.append(f"lower bound {float(lower)!r} above the optimum {float(least)!r}")
    if abs(objective - own) > ROUNDING * own + UNDERFLOW:
        found.append(f"objective {float(objective)!r} where it is {float(own)!r}")
    if own < least:
        found.append("objective below the optimum: the brute force is wrong")
    # Centres are floats: what their rounding costs is no fault of the search.
    h = np.ones(problem.weights.size) if problem.importance is None else problem.importance
    rounded = Fraction(float(h.max())) * h.size * Fraction(float(np.max(np.spacing(result.centers)))) ** 2
    allowed = Fraction(2, 10**6) if problem.diameter_penalty > 0 else Fraction(2, 10**9)
    if result.converged and own - least > allowed * least + UNDERFLOW:
        found.append(f"converged at {float(own)!r}, the optimum is {float(least)!r}")
    if problem.diameter_penalty == 0 and own - least > allowed * least + 4 * rounded + UNDERFLOW:
        found.append(f"missed the optimum {float(least)!r} with {float(own)!r}")
    return found


def solved(problem: Problem, time_budget: float) -> Quantized:
    """The result under test."""
    return kmeans(
        problem.weights,
        problem.num_clusters,
        problem.importance,
        method=Optimal(time_budget=time_budget) if problem.diameter_penalty > 0 else "optimal",
        diameter_penalty=problem.diameter_penalty,
        penalty=problem.penalty,
    )


def main() -> int:
    """Print what was promised and not kept, and how many bounds closed, by kind of weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--vectors", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--time-budget", type=float, default=2.0)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    number: collections.Counter[str] = collections.Counter()
    closed: collections.Counter[str] = collections.Counter()
    refused: collections.Counter[str] = collections.Counter()
    broken, start = 0, time.perf_counter()
    for index in range(arguments.vectors):
        problem = hostile_problem(rng)
        kind = problem.kind.split(",")[0] + (", penalty" if problem.diameter_penalty > 0 else "")
        try:
            result = solved(problem, arguments.time_budget)
        except ValueError as error:
            refused[str(error)[:60]] += 1
            continue
        number[kind] += 1
        closed[kind] += result.converged
        for complaint in complaints(problem, result):
            broken += 1
            print(f"vector {index} ({problem.kind}, K = {problem.num_clusters}): {complaint}")
            print(f"  {problem!r}")
    for kind in sorted(number):
        print(f"{kind:28s} {number[kind]:5d} vectors, {closed[kind]:5d} certified to the tolerance")
    for reason, times in refused.items():
        print(f"refused {times} times: {reason}…")
    print(
        f"{sum(number.values())} vectors, {sum(closed.values())} certified to the tolerance, "
        f"{broken} promises broken, {time.perf_counter() - start:.0f} s"
    )
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())

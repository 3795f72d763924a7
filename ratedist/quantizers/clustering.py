"""Diameter-regularised Hessian-weighted K-means, the one entry to all its variants."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.quantizers.objective import PENALTIES, quantization_objective
from ratedist.quantizers.quantized import Quantized, checked_weights
from ratedist.quantizers.scalar.branch_and_bound import certified_optimum
from ratedist.quantizers.scalar.cells import number_below
from ratedist.quantizers.scalar.certified_runs import (
    RESOLUTION,
    CertifiedRuns,
    certified_path,
    certified_runs,
)
from ratedist.quantizers.scalar.initialization import RANDOM_INITIALIZATIONS, scalar_starts
from ratedist.quantizers.scalar.lloyd import lloyd_centers, printed_centers
from ratedist.quantizers.scalar.statistics import SortedStatistics, sorted_statistics
from ratedist.quantizers.scaling import needed_scaling

METHODS = ("lloyd", "optimal", "algorithm1")
# Of the descent that gives the optimum its first upper bound.
CEILING_ITERATIONS = 10


def kmeans(
    weights: ArrayLike,
    num_clusters: int,
    importance: ArrayLike | None = None,
    diameter_penalty: float = 0.0,
    method: str = "lloyd",
    penalty: str = "squared",
    block_length: int = 1,
    init: str | ArrayLike | None = None,
    key: Any = None,
    num_starts: int = 1,
    max_iterations: int | None = None,
    tolerance: float | None = None,
    time_budget: float | None = None,
) -> Quantized:
    r"""Quantise weights to K values that minimise distortion plus a price on the diameter of the codebook.

    .. math:: \sum_j h_j |w_j − c_{k(j)}|² + β \max_{k,l} |c_k − c_l|²

    The paper's symbols: w = ``weights``, K = ``num_clusters``, h = ``importance`` (a Hessian diagonal;
    h = diag(A/n) is that of (30) for the linear model, and exact for diagonal A),
    β = ``diameter_penalty``, m = ``block_length``.

    Args:
        weights: shape ``(d,)``.
        num_clusters: at most the number of blocks, ⌈d/m⌉. Above the number of distinct weights that matter
            some centres are repeated.
        importance: shape ``(d,)``, non-negative, not all zero; ``None`` for equal importance. A weight of
            importance zero costs nothing and goes to the nearest centre.
        diameter_penalty: at least 0.
        method: "lloyd" alternates assignment and exact centre update and never ascends (a cluster that loses
            its weights takes half of another one); "optimal" is the global minimum (scalars only; time in
            proportion to K d log d, memory 24 d log₂ d bytes and 4 K d), at β > 0 to within the
            ``lower_bound`` it returns; "algorithm1" is Algorithm 1 as printed, which may ascend.
        penalty: "squared" as above, or "linear", ``(β/2) max|c_k − c_l|``, which is what the code released
            with the article charges (scalars only, and not what "algorithm1" solves).
        block_length: weights that share a label. With m > 1 "lloyd" assigns by the Hessian-weighted distance,
            which (35) calls for, "algorithm1" by the Euclidean one of (36). If m does not divide d the last
            block is padded with weights that do not count.
        init: "coarse_optimum" (default), "high_rate", "quantile" or "linear" for scalars, "random",
            "kmeans++" (default for blocks), or centres of shape ``(K,)``, for blocks ``(K, m)``. "optimal" at
            β = 0 has no start.
        key: JAX PRNG key, or an integer seed, required by the random initialisations; others draw nothing.
        num_starts: number of random initialisations of which the best result is kept.
        max_iterations: cap on the iterations of each start, 300 if not given.
        tolerance: "optimal" at β > 0 stops when its gap is this part of the objective (1e-6 if not given),
        time_budget: or after this many seconds (60 if not given).

    Returns:
        ``Quantized``. ``lower_bound`` is certified by "optimal", rounding counted, and 0 otherwise;
        ``converged`` is False where its gap is a larger part of the objective than promised. Its
        ``num_iterations`` are boxes at β > 0.

    Raises:
        ValueError: shapes that disagree or are empty, values that are not finite, K out of range, negative
            or all-zero importance, β < 0, unknown names, combinations named above that do not exist, a
            random initialisation without a key, options that the method would not look at.

    Source: Entropy 2021 eq. (30), (34), (35) and Algorithm 1; AAAI 2020 sec. 4. Erratum: (36) is not the
    assignment that minimises (35) unless each H is a multiple of the identity; "lloyd" mends this.
    """
    w, h = checked_weights(weights, importance)
    beta = _checks.real_array("diameter_penalty", diameter_penalty)
    if beta.ndim != 0 or beta < 0:
        raise ValueError(f"diameter_penalty must be one number of at least 0, got {diameter_penalty!r}")
    _checks.one_of("method", method, METHODS)
    _checks.one_of("penalty", penalty, PENALTIES)
    m = _checks.integer("block_length", block_length, 1)
    K = _checked_clusters(num_clusters, -(-w.size // m))
    num_starts = _checks.integer("num_starts", num_starts, 1)
    direct = method == "optimal" and beta == 0
    _check_dependence(
        {
            "init": init is None or not direct,
            "max_iterations": max_iterations is None or not direct,
            "tolerance": tolerance is None or (method == "optimal" and not direct),
            "time_budget": time_budget is None or (method == "optimal" and not direct),
            "num_starts": num_starts == 1 or (not direct and _is_random(init, m)),
        }
    )
    if penalty == "linear" and (m > 1 or method == "algorithm1"):
        raise ValueError('penalty "linear" is for block_length 1 and the methods "lloyd" and "optimal"')
    if m > 1 and method == "optimal":
        raise ValueError('method "optimal" is for block_length 1: no efficient algorithm is known beyond')
    if scaling := needed_scaling(w, h):
        if init is not None and not isinstance(init, str):
            init = scaling.of_weights(_checks.real_array("init", init))
        result = kmeans(
            scaling.of_weights(w),
            K,
            scaling.of_importance(h),
            scaling.of_penalty(float(beta), penalty),
            method,
            penalty,
            m,
            init,
            key,
            num_starts,
            max_iterations,
            tolerance,
            time_budget,
        )
        return scaling.undone(result)
    max_iterations = 300 if max_iterations is None else _checks.integer("max_iterations", max_iterations, 1)
    tolerance = 1e-6 if tolerance is None else float(_checks.in_range("tolerance", tolerance))
    time_budget = 60.0 if time_budget is None else float(_checks.in_range("time_budget", time_budget))
    if m > 1:
        from ratedist.quantizers.blocks.clustering import (
            kmeans_of_blocks,  # imported late: scalars need no JAX
        )

        return kmeans_of_blocks(w, h, m, K, float(beta), method, init, key, num_starts, max_iterations)
    problem = _Scalar(w, h, sorted_statistics(w, h), K, float(beta), penalty)
    if method == "optimal" and (beta == 0 or K == 1 or problem.statistics.entries.size == 1):
        return _optimal(problem)
    starts = scalar_starts(init, problem.statistics, K, key, num_starts)
    solve = _printed if method == "algorithm1" else _descended
    best = min((solve(problem, start, max_iterations) for start in starts), key=lambda run: run.objective)
    if method != "optimal":
        return best
    return _certified(problem, best, max_iterations, tolerance, time_budget)


def optimal_scalar_path(
    weights: ArrayLike, max_clusters: int, importance: ArrayLike | None = None
) -> list[Quantized]:
    """Globally optimal quantisers at β = 0 for every K = 1 … ``max_clusters``, from one dynamic programme.

    Args, raises and source as ``kmeans``.
    """
    w, h = checked_weights(weights, importance)
    K_max = _checked_clusters(max_clusters, w.size)
    if scaling := needed_scaling(w, h):
        path = optimal_scalar_path(scaling.of_weights(w), K_max, scaling.of_importance(h))
        return [scaling.undone(result) for result in path]
    statistics = sorted_statistics(w, h)
    paths = certified_path(statistics.entries.table, min(K_max, statistics.entries.size))
    paths += [paths[-1]] * (K_max - len(paths))
    return [_from_runs(_Scalar(w, h, statistics, k, 0.0, "squared"), runs) for k, runs in enumerate(paths, 1)]


@dataclasses.dataclass(frozen=True, eq=False)
class _Scalar:
    weights: np.ndarray
    importance: np.ndarray | None
    statistics: SortedStatistics
    num_clusters: int
    diameter_penalty: float
    penalty: str

    def quantized(
        self,
        centers: np.ndarray,
        converged: bool,
        iterations: int,
        thresholds: np.ndarray | None = None,
    ) -> Quantized:
        """Result with these centres; assigned to the nearest if not told ``thresholds``."""
        # Where there are fewer distinct weights than centres, copies of the largest fill up.
        c = np.pad(centers, (0, self.num_clusters - centers.size), mode="edge")
        cuts = (c[1:] + c[:-1]) / 2 if thresholds is None else thresholds
        labels = number_below(cuts, self.weights)
        if np.any(c[1:] < c[:-1]):
            order = np.argsort(c, kind="stable")
            labels = np.argsort(order).astype(labels.dtype)[labels]
            c = c[order]
        reconstruction = c.take(labels)
        objective = quantization_objective(
            self.weights,
            reconstruction,
            1.0 if self.importance is None else self.importance,
            c[-1] - c[0],
            self.diameter_penalty,
            self.penalty,
        )
        return Quantized(c, labels, reconstruction, float(objective), 0.0, converged, iterations)


def _optimal(problem: _Scalar) -> Quantized:
    entries, K = problem.statistics.entries, problem.num_clusters
    ceiling = np.inf
    if 2 < K < entries.size and not entries.table.is_dense:
        # What some quantiser costs saves a good part of the search for the best.
        [start] = scalar_starts("high_rate", problem.statistics, K, None, 1)
        ceiling = _descended(problem, start, CEILING_ITERATIONS).objective
    return _from_runs(problem, certified_runs(entries.table, K, ceiling))


def _from_runs(problem: _Scalar, runs: CertifiedRuns) -> Quantized:
    result = problem.quantized(problem.statistics.entries.means(runs.bounds), True, 1)
    return _judged(result, runs.lower_bound, RESOLUTION)


def _judged(result: Quantized, lower_bound: float, tolerance: float) -> Quantized:
    lower = min(lower_bound, result.objective)
    closed = result.objective - lower <= tolerance * result.objective
    return dataclasses.replace(result, lower_bound=lower, converged=bool(closed))


def _descended(problem: _Scalar, start: np.ndarray, max_iterations: int) -> Quantized:
    centers, converged, iterations = lloyd_centers(
        problem.statistics, start, max_iterations, problem.diameter_penalty, problem.penalty
    )
    return problem.quantized(centers + problem.statistics.shift, converged, iterations)


def _printed(problem: _Scalar, start: np.ndarray, max_iterations: int) -> Quantized:
    centers, thresholds, converged, iterations = printed_centers(
        problem.statistics, start, max_iterations, problem.diameter_penalty
    )
    shift, missing = problem.statistics.shift, problem.num_clusters - centers.size
    thresholds = np.pad(thresholds + shift, (0, missing), constant_values=np.inf)
    return problem.quantized(centers + shift, converged, iterations, thresholds)


def _certified(
    problem: _Scalar, best: Quantized, max_iterations: int, tolerance: float, time_budget: float
) -> Quantized:
    statistics = problem.statistics
    found = certified_optimum(
        statistics.entries,
        min(problem.num_clusters, statistics.entries.size),
        problem.diameter_penalty,
        problem.penalty,
        best.centers,
        tolerance,
        time_budget,
    )
    candidates = (
        best,
        problem.quantized(found.centers, True, 1),
        _descended(problem, found.centers - statistics.shift, max_iterations),
    )
    result = min(candidates, key=lambda run: run.objective)
    result = dataclasses.replace(result, num_iterations=found.num_boxes)
    return _judged(result, found.lower_bound, max(tolerance, RESOLUTION))


def _is_random(init: str | ArrayLike | None, block_length: int) -> bool:
    name = "kmeans++" if init is None and block_length > 1 else init
    return isinstance(name, str) and name in RANDOM_INITIALIZATIONS


def _check_dependence(used: dict[str, bool]) -> None:
    """Refuse options that would be ignored."""
    dependence = {
        "init": 'a start, and "optimal" at β = 0 has none',
        "max_iterations": 'a descent, and "optimal" at β = 0 has none',
        "tolerance": 'method "optimal" at β > 0',
        "time_budget": 'method "optimal" at β > 0',
        "num_starts": "random initialisations",
    }
    for name, is_used in used.items():
        if not is_used:
            raise ValueError(f"{name} is for {dependence[name]}")


def _checked_clusters(num_clusters: int, num_blocks: int) -> int:
    K = _checks.integer("num_clusters", num_clusters, 1)
    if num_blocks < K:
        raise ValueError(
            f"num_clusters must be at most the number of weights (blocks), {num_blocks}, got {K}"
        )
    return K

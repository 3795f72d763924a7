"""Diameter-regularised Hessian-weighted K-means, the one entry to all its variants."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ratedist import _checks
from ratedist.quantizers.methods import Algorithm1, Lloyd, Method, Optimal, as_method, check_method
from ratedist.quantizers.objective import PENALTIES, quantization_objective
from ratedist.quantizers.quantized import Quantized, checked_weights, require_concrete, require_one_key
from ratedist.quantizers.scalar.branch_and_bound import certified_optimum
from ratedist.quantizers.scalar.cells import midpoints, number_below
from ratedist.quantizers.scalar.certified_runs import (
    RESOLUTION,
    CertifiedRuns,
    certified_path,
    certified_runs,
)
from ratedist.quantizers.scalar.initialization import scalar_starts
from ratedist.quantizers.scalar.lagrangian import FEWEST, lagrangian_runs
from ratedist.quantizers.scalar.lloyd import lloyd_centers, printed_centers
from ratedist.quantizers.scalar.loops import compiled_loops
from ratedist.quantizers.scalar.statistics import SortedStatistics, sorted_statistics
from ratedist.quantizers.scaling import needed_scaling

# The descents that give the optimum its first upper bound, without a penalty and with one.
CEILING, DESCENT = Lloyd(init="high_rate", max_iterations=10), Lloyd()
LARGEST_REMAINDER = 1 << 20  # clusters times weights, of which the optimum is a matter of seconds


def kmeans(
    weights: ArrayLike,
    num_clusters: int,
    importance: ArrayLike | None = None,
    *,
    method: str | Method = "lloyd",
    diameter_penalty: float = 0.0,
    penalty: str = "squared",
    block_length: int = 1,
    key: Any = None,
) -> Quantized:
    r"""Quantise weights to K values that minimise distortion plus a price on the diameter of the codebook.

    .. math:: \sum_j h_j |w_j − c_{k(j)}|² + β \max_{k,l} |c_k − c_l|²

    The paper's symbols: w = ``weights``, K = ``num_clusters``, h = ``importance`` (a Hessian diagonal;
    h = diag(A/n) is that of (30) for the linear model, and exact for diagonal A),
    β = ``diameter_penalty``, m = ``block_length``.

    Args:
        weights: the values to be quantised, shape ``(d,)``.
        num_clusters: K centres, at most the number of blocks, ⌈d/m⌉. Above the number of distinct weights
            that matter some centres are repeated.
        importance: h of each weight, shape ``(d,)``, non-negative, not all zero; ``None`` for equal h. A
            weight of importance zero costs nothing and goes to the nearest centre.
        method: how the centres are found, ``rd.Lloyd(...)``, ``rd.Optimal(...)`` or ``rd.Algorithm1(...)``,
            each with its own options; "lloyd", "optimal" or "algorithm1" for one with its defaults. Lloyd
            alternates assignment and exact centre update and never ascends. The optimum is for scalars, and
            at β > 0 holds to within its ``lower_bound``. It takes K d log d steps, and about d with the extra
            "fast" (docs/quantizers.md, 5). Algorithm 1 is as printed, and may ascend.
        diameter_penalty: β, the price on the diameter of the codebook in units of h, at least 0.
        penalty: what is charged for the diameter: "squared", ``β max|c_k − c_l|²``, or "linear",
            ``(β/2) max|c_k − c_l|``. The code released with the article charges "linear"; it is for scalars
            only, and not for "algorithm1". At β = 0 nothing is charged.
        block_length: weights that share a label. With m > 1 "lloyd" assigns by the Hessian-weighted distance,
            which (35) calls for, "algorithm1" by the Euclidean one of (36). If m does not divide d the last
            block is padded with weights that do not count.
        key: one JAX PRNG key, or an integer seed, required by the random starts: "random" and "kmeans++", the
            default for blocks. Other starts draw nothing and leave it unused.

    Returns:
        ``Quantized``. ``lower_bound`` is certified by "optimal", rounding counted, and 0 otherwise;
        ``converged`` is False where its gap is a larger part of the objective than promised. Its
        ``num_iterations`` are boxes at β > 0.

    Raises:
        ValueError: shapes that disagree or are empty, values that are not finite, K out of range, negative
            or all-zero importance, β < 0, unknown names, combinations named above that do not exist, a
            random start without a key, several keys, options of the method that it would not look at, and
            weights or options that JAX traces: this runs in NumPy, outside ``jit``, ``vmap`` and ``grad``.

    Source: Entropy 2021 eq. (30), (34), (35) and Algorithm 1; AAAI 2020 eq. (27), (31). Erratum: (36) is not
    the assignment that minimises (35) unless each H is a multiple of the identity; "lloyd" mends this.

    Example:
        >>> import ratedist as rd
        >>> weights = [-1.1, -0.9, 0.2, 1.0, 1.2]
        >>> found = rd.kmeans(weights, 2, method="optimal")
        >>> found.centers.round(2), found.labels, round(found.objective, 4)
        (array([-1. ,  0.8]), array([0, 0, 1, 1, 1], dtype=uint8), 0.58)
        >>> importance = [1.0, 1.0, 1.0, 1.0, 9.0]
        >>> rd.kmeans(weights, 2, importance, method=rd.Lloyd(init="linear")).centers.round(2)
        array([-1.  ,  1.09])
    """
    w, h = checked_weights(weights, importance)
    options = {"num_clusters": num_clusters, "diameter_penalty": diameter_penalty, "key": key}
    for name, value in options.items():
        require_concrete(name, value)
    require_one_key(key)
    beta = _checks.real_array("diameter_penalty", diameter_penalty)
    if beta.ndim != 0 or beta < 0:
        raise ValueError(f"diameter_penalty must be one number of at least 0, got {diameter_penalty!r}")
    method = as_method(method)
    _checks.one_of("penalty", penalty, PENALTIES)
    m = _checks.integer("block_length", block_length, 1)
    K = _checked_clusters(num_clusters, -(-w.size // m))
    check_method(method, block_length=m, penalized=bool(beta > 0), penalty=penalty)
    if scaling := needed_scaling(w, h):
        if not isinstance(method, Optimal) and isinstance(method.init, tuple):
            method = dataclasses.replace(method, init=scaling.of_weights(np.array(method.init)))
        result = kmeans(
            scaling.of_weights(w),
            K,
            scaling.of_importance(h),
            method=method,
            diameter_penalty=scaling.of_penalty(float(beta), penalty),
            penalty=penalty,
            block_length=m,
            key=key,
        )
        return scaling.undone(result)
    if m > 1 and not isinstance(method, Optimal):
        # Imported late: scalars need no JAX.
        from ratedist.quantizers.blocks.clustering import kmeans_of_blocks

        return kmeans_of_blocks(w, h, m, K, float(beta), method, key)
    compiled = compiled_loops(w.size, K, at_once=isinstance(method, Optimal) and w.size >= FEWEST)
    problem = _Scalar(w, h, sorted_statistics(w, h, compiled), K, float(beta), penalty)
    if not isinstance(method, Optimal):
        return _best_descent(problem, method, key)
    if beta == 0 or K == 1 or problem.statistics.entries.size == 1:
        return _optimal(problem)
    return _certified(problem, method)


def optimal_scalar_path(
    weights: ArrayLike, max_clusters: int, importance: ArrayLike | None = None
) -> list[Quantized]:
    """Globally optimal quantisers at β = 0 for every K = 1 … ``max_clusters``, from one dynamic programme.

    Args:
        weights: the values to be quantised, shape ``(d,)``.
        max_clusters: the largest K, at most the number of weights.
        importance: h of each weight, shape ``(d,)``, non-negative, not all zero; ``None`` for equal h.

    Returns:
        One ``Quantized`` for each K, in rising order, as ``kmeans`` with the method "optimal" finds it.

    Raises:
        ValueError: shapes that disagree or are empty, values that are not finite, K out of range, negative
            or all-zero importance.

    Example:
        >>> import ratedist as rd
        >>> [one.objective for one in rd.quantizers.optimal_scalar_path([0.0, 1.0, 10.0, 11.0], 3)]
        [101.0, 1.0, 0.5]
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
        c = np.concatenate([centers, np.repeat(centers[-1:], self.num_clusters - centers.size)])
        cuts = midpoints(c) if thresholds is None else thresholds
        labels = number_below(cuts, self.weights, self.statistics.compiled)
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
    if (priced := lagrangian_runs(entries, K)) is not None:
        return _judged(problem.quantized(priced.means, True, 1), priced.lower_bound, RESOLUTION)
    ceiling = np.inf
    if 2 < K < entries.size and not entries.table.is_dense:
        # What some quantiser costs saves a good part of the search for the best.
        ceiling = _best_descent(problem, CEILING, None).objective
    return _from_runs(problem, certified_runs(entries.table, K, ceiling))


def _from_runs(problem: _Scalar, runs: CertifiedRuns) -> Quantized:
    result = problem.quantized(problem.statistics.entries.means(runs.edges), True, 1)
    return _judged(result, runs.lower_bound, RESOLUTION)


def _judged(result: Quantized, lower_bound: float, tolerance: float) -> Quantized:
    lower = min(lower_bound, result.objective)
    closed = result.objective - lower <= tolerance * result.objective
    return dataclasses.replace(result, lower_bound=lower, converged=bool(closed))


def _best_descent(problem: _Scalar, method: Lloyd | Algorithm1, key: Any) -> Quantized:
    """The best result of all starts."""
    starts = scalar_starts(method, problem.statistics, problem.num_clusters, key)
    is_free = isinstance(method, Lloyd) and (method.init is None or isinstance(method.init, str))
    if is_free and (few := _few_that_count(problem)) is not None:
        return few
    solve = _printed if isinstance(method, Algorithm1) else _descended
    runs = (solve(problem, start, method.max_iterations) for start in starts)
    return min(runs, key=lambda run: run.objective)


def _few_that_count(problem: _Scalar) -> Quantized | None:
    """Where each weight that counts beside the largest importance has its centre: the others decide.

    ``None`` where these are more than the centres, and where it would take long.
    """
    entries, K = problem.statistics.entries, problem.num_clusters
    if problem.statistics.size > K or problem.diameter_penalty > 0:
        return None
    if entries.size <= K:
        return problem.quantized(entries.position, True, 1)
    if K * entries.size > LARGEST_REMAINDER:
        return None
    return problem.quantized(entries.means(certified_runs(entries.table, K).edges), True, 1)


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


def _certified(problem: _Scalar, method: Optimal) -> Quantized:
    statistics, best = problem.statistics, _best_descent(problem, DESCENT, None)
    found = certified_optimum(
        statistics.entries,
        min(problem.num_clusters, statistics.entries.size),
        problem.diameter_penalty,
        problem.penalty,
        best.centers,
        method.tolerance,
        method.time_budget,
    )
    candidates = (
        best,
        problem.quantized(found.centers, True, 1),
        _descended(problem, found.centers - statistics.shift, DESCENT.max_iterations),
    )
    result = dataclasses.replace(min(candidates, key=lambda q: q.objective), num_iterations=found.num_boxes)
    return _judged(result, found.lower_bound, max(method.tolerance, RESOLUTION))


def _checked_clusters(num_clusters: int, num_blocks: int) -> int:
    K = _checks.integer("num_clusters", num_clusters, 1)
    if num_blocks < K:
        raise ValueError(
            f"num_clusters must be at most the number of weights (blocks), {num_blocks}, got {K}"
        )
    return K

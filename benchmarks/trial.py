"""What one trial of Figure 2 costs, in parts and against five other programmes, in one run on one core.

    taskset -c 1 python benchmarks/trial.py [--quick]

A trial is a draw of the ERM weights (d = 50, n = 80) and optimal K-means for K = 1…16 with the risks of each.
Time is that of the processor, which other work on the machine lengthens less than the clock's, and of several
runs the shortest. A ratio belongs to its machine and run; threads are named.

The programmes are those of ``benchmarks/figure2.py``, twenty careful lines of NumPy, and a limit. Those lines
take one trial after another. They give the mean population risk, or all that ours gives: six quantities and
their products. Side by side NumPy has three quantities of a hundred trials at a time. The limit is in
C for already drawn weights, compiled here by gcc for this processor: the dynamic programme, the walk back and
one risk, eight trials at a time in its registers. It has neither centres to the last digit nor errors.
"""

from __future__ import annotations

import argparse
import ctypes
import functools
import importlib.util
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax

jax.config.update("jax_enable_x64", True)

import numpy as np
from figure2 import (
    by_ckwrap,
    by_kmeans1d,
    by_scikit_learn,
    careful_programme,
    compressors,
    machine,
    peak_gigabytes,
    script_of_a_user,
)
from threadpoolctl import threadpool_limits

import ratedist as rd
from ratedist.estimate import Moments
from ratedist.linear_model.samplers import arrays_of, samplers_of
from ratedist.simulation import engine
from ratedist.simulation.trials import needs_of

D, MAX_CLUSTERS, BATCH = 50, 16, 1024

LIMIT_IN_C = r"""
#include <string.h>
#define D 50
#define K 16
#define L 8
typedef double lanes __attribute__((vector_size(8 * L)));
typedef long longs __attribute__((vector_size(8 * L)));
/* w, t: D rows of L sorted weights and the true ones in the same order; out: K excess risks, lanes apart. */
static void eight(const double *w, const double *t, double *out) {
    static lanes S[D + 1], E[K + 1][D + 1]; static longs from[K + 1][D + 1];
    const lanes *W = (const lanes *)w, *T = (const lanes *)t;
    S[0] = (lanes){0};
    for (int j = 0; j < D; j++) S[j + 1] = S[j] + W[j];
    for (int j = 1; j <= D; j++) { E[1][j] = S[j] * S[j] * (1.0 / j); from[1][j] = (longs){0}; }
    for (int k = 2; k <= K; k++)
        for (int j = k; j <= D; j++) {
            lanes best = (lanes){0} - 1.0; longs at = (longs){0};
            for (int i = k - 1; i < j; i++) {
                lanes run = S[j] - S[i], own = E[k - 1][i] + run * run * (1.0 / (j - i));
                longs more = own > best;
                best = (lanes)(((longs)own & more) | ((longs)best & ~more));
                at = (more & i) | (at & ~more);
            }
            E[k][j] = best; from[k][j] = at;
        }
    for (int k = 1; k <= K; k++)
        for (int l = 0; l < L; l++) {
            int end = D; double total = 0;
            for (int c = k; c > 0; c--) {
                int start = from[c][end][l];
                double center = (S[end][l] - S[start][l]) / (end - start);
                for (int j = start; j < end; j++) total += (center - T[j][l]) * (center - T[j][l]);
                end = start;
            }
            out[(k - 1) * L + l] = total;
        }
}
void limit(const double *w, const double *t, double *out, long groups) {
    for (long g = 0; g < groups; g++) eight(w + g * D * L, t + g * D * L, out + g * K * L);
}
"""


def trial_by_trial(num_trials: int, model: rd.GaussianLinearModel, *, everything: bool = False) -> np.ndarray:
    """Mean population risk for each K: twenty lines, their dynamic programme vectorised over starts.

    With ``everything`` it is what ``rd.simulate`` gives: besides, distortion, empirical risk, generalisation
    error, squared distance and entropy, and for their errors and paired differences all products.
    """
    rng, (n, d) = np.random.default_rng(0), (model.n, model.d)
    length = np.arange(d + 1)[None, :] - np.arange(d + 1)[:, None]
    values = np.zeros((6 if everything else 1, MAX_CLUSTERS))
    total, products = np.zeros_like(values), np.zeros((len(values), MAX_CLUSTERS, MAX_CLUSTERS))
    for _ in range(num_trials):
        W = model.w_star + rng.normal(size=d) / np.sqrt(rng.chisquare(n - d + 1))
        order = np.argsort(W)
        sums, squares = (np.concatenate([[0], np.cumsum(W[order] ** power)]) for power in (1, 2))
        runs = sums[None, :] - sums[:, None]
        cost = squares[None, :] - squares[:, None] - runs**2 / np.maximum(length, 1)
        cost[length < 1] = np.inf
        least, starts = cost[0], [np.zeros(d + 1, int)]
        for _ in range(1, MAX_CLUSTERS):
            candidates = least[:, None] + cost
            starts.append(np.argmin(candidates, axis=0))
            least = candidates[starts[-1], np.arange(d + 1)]
        W, true = W[order], model.w_star[order]
        v = W - true
        for K in range(MAX_CLUSTERS):
            bounds = [d]
            for start in reversed(starts[: K + 1]):
                bounds.append(start[bounds[-1]])
            ends = np.array(bounds[::-1])
            sizes = np.diff(ends)
            W_hat = np.repeat(np.diff(sums[ends]) / sizes, sizes)
            error = W_hat - true
            values[0, K] = 1 + error @ error
            if everything:
                change = W_hat - W
                lost = (n + 1) / n * (change @ change - (v @ change) ** 2 / (1 + v @ v))
                empirical, entropy = (n - d) / n + lost, -(sizes @ np.log(sizes / d))
                values[1:, K] = lost, empirical, values[0, K] - empirical, error @ error, entropy
        total += values
        if everything:
            products += values[:, :, None] * values[:, None, :]
    return total[0] / num_trials


def seconds_of(function: Callable[[], Any], repeats: int = 5) -> float:
    """Least processor time of several calls after a first one."""
    jax.block_until_ready(function())
    times = []
    for _ in range(repeats):
        start = time.process_time()
        jax.block_until_ready(function())
        times.append(time.process_time() - start)
    return min(times)


def parts(model: rd.GaussianLinearModel, kinds: Mapping[str, Any]) -> dict[str, float]:
    """Microseconds a trial of each stage of a batch."""
    mesh = jax.sharding.Mesh(np.array(jax.devices()), ("trials",))
    arrays, indices = arrays_of(model), engine.trial_indices(0, BATCH, mesh)
    prepared = {name: kind.prepare(model) for name, kind in kinds.items()}
    plan = engine.Plan(samplers_of(model)["erm"], 0, needs_of(kinds, prepared), mesh)
    key = jax.random.key(0)
    draws, keys = engine._draw(indices, (key, arrays), plan.of_draws())
    compressed = engine._compress((draws, keys), (arrays, prepared), plan)
    groups = [compressed[names].reconstruction for names in sorted(compressed)]
    columns = engine.run_batch(indices, BATCH, key, arrays, prepared, plan)
    found = {
        "draw": lambda: engine._draw(indices, (key, arrays), plan.of_draws()),
        "compress": lambda: engine._compress((draws, keys), (arrays, prepared), plan),
        "assess": lambda: engine._assess((draws, groups), arrays, plan.of_draws()),
        "a batch, and its values checked": lambda: engine.run_batch(
            indices, BATCH, key, arrays, prepared, plan
        ),
    }
    microseconds = {name: seconds_of(one, 40) / BATCH * 1e6 for name, one in found.items()}

    def moments() -> list[np.ndarray]:
        return [Moments.of(*column).mean for column in columns.values()]

    return microseconds | {"moments": seconds_of(moments, 40) / BATCH * 1e6}


def limit_in_c(count: int) -> float | None:
    """Microseconds a trial of the C programme, ``None`` without a compiler; its means are checked."""
    compiler = shutil.which("gcc")
    if compiler is None:
        return None
    rng = np.random.default_rng(0)
    true = np.tile([1.0, -1.0], D // 2)
    weights = true + rng.normal(size=(count, D)) / np.sqrt(rng.chisquare(31, (count, 1)))
    order = np.argsort(weights, axis=1)
    rows = [np.take_along_axis(weights, order, 1), true[order]]
    grouped = [np.ascontiguousarray(x.reshape(-1, 8, D).swapaxes(1, 2)) for x in rows]
    out = np.empty((count // 8, MAX_CLUSTERS, 8))
    with tempfile.TemporaryDirectory() as folder:
        source, library = pathlib.Path(folder) / "limit.c", pathlib.Path(folder) / "limit.so"
        source.write_text(LIMIT_IN_C)
        options = ["-O3", "-march=native", "-ffast-math", "-shared", "-fPIC"]
        subprocess.run([compiler, *options, "-o", str(library), str(source)], check=True)
        call = ctypes.CDLL(str(library)).limit
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in (*grouped, out)]
    seconds = seconds_of(lambda: call(*pointers, ctypes.c_long(count // 8)), 7)
    two = rd.kmeans(weights[0], 2, method="optimal").reconstruction
    np.testing.assert_allclose(out[0, 1, 0], np.sum((two - true) ** 2), rtol=1e-10)
    return seconds / count * 1e6


def linear_in_d(largest: int) -> None:
    print("cost against d (n = 1.6 d; ERM, oracle, K-means K = 2), microseconds a trial and weight")
    kinds = {"erm": rd.ERM(), "oracle": rd.Oracle(alpha=0.5), "2": rd.KMeans(2)}
    for d in (50, 64, 65, 256, 257, 500, 1_024, 5_000, 16_384, 20_000, 50_000, 1_000_000):
        if d > largest:
            continue
        wide = rd.GaussianLinearModel(int(1.6 * d), rd.two_level_weights(d))
        count = max(3, 200_000 // d)
        seconds = seconds_of(
            lambda w=wide, n=count: rd.simulate(w, kinds, n, jax.random.key(1)).num_trials, 3
        )
        print(f"  d = {d:9,d}   {seconds / count / d * 1e6:8.4f}   peak memory {peak_gigabytes():.2f} GiB")


def main() -> None:
    parser = argparse.ArgumentParser(description="What one trial of Figure 2 costs")
    parser.add_argument("--quick", action="store_true", help="a quarter of the trials, and d up to 5,000")
    quick = parser.parse_args().quick
    model = rd.GaussianLinearModel(80, rd.two_level_weights(D))
    count = 10_240 if quick else 40_960
    kinds = compressors(MAX_CLUSTERS)
    print(f"{machine()}; load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else machine())
    start = time.process_time()
    rd.simulate(model, kinds, count, jax.random.key(0))
    first = time.process_time() - start

    def ours() -> int:
        return rd.simulate(model, kinds, count, jax.random.key(1)).num_trials

    with threadpool_limits(1):
        own = seconds_of(ours, 4) / count * 1e6
        others = {
            "NumPy, trials side by side": seconds_of(lambda: careful_programme(2000, model), 3) / 2000,
            "NumPy, trial by trial, one risk": seconds_of(lambda: trial_by_trial(300, model), 3) / 300,
            "NumPy, trial by trial, all of ours": seconds_of(
                lambda: trial_by_trial(300, model, everything=True), 3
            )
            / 300,
        }
        scripts = {"ckwrap": (100, by_ckwrap), "kmeans1d": (100, by_kmeans1d)}
        for name, (few, quantizer) in scripts.items():
            if importlib.util.find_spec(name):
                seconds = seconds_of(functools.partial(script_of_a_user, few, model, quantizer), 3)
                others[f"NumPy and {name}"] = seconds / few
        seconds = seconds_of(functools.partial(script_of_a_user, 5, model, by_scikit_learn), 2)
        others["NumPy and scikit-learn"] = seconds / 5
        again = seconds_of(ours, 4) / count * 1e6
    own = min(own, again)
    print("microseconds a trial (processor time), and how many times ours")
    print(f"  {'rd.simulate':36s}{own:10.1f}   first call {first - own * count / 1e6:.1f} s more")
    for name, seconds in others.items():
        print(f"  {name:36s}{seconds * 1e6:10.1f}{seconds * 1e6 / own:10.1f}")
    limit = limit_in_c(8192)
    if limit is None:
        print("  the limit in C: no gcc on this machine")
    else:
        print(f"  {'the limit in C, weights drawn':36s}{limit:10.1f}{limit / own:10.2f}")
    print("parts of ours, microseconds a trial")
    for name, microseconds in parts(model, kinds).items():
        print(f"  {name:36s}{microseconds:8.2f}")
    linear_in_d(5_000 if quick else 1_000_000)


if __name__ == "__main__":
    main()

"""Digits that are right in single and in double precision, quantity by quantity, as a Markdown table.

    python benchmarks/precision.py [--large]

The right values are fractions, sums by ``math.fsum`` of products split without error, or ball arithmetic
(python-flint, extra "rigorous"). A row has the relative errors, the largest where there are several numbers.
The exit status is 1 if one is above what its row allows. ``--large`` has 10⁸ weights in place of 10⁷, and
needs 6 GiB.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
from flint import arb, ctx
from precision_of_many import (
    DOUBLE,
    FEW_DOUBLE,
    FEW_SINGLE,
    NONE,
    SINGLE,
    Row,
    error,
    exact_dot,
    histogram_rows,
    kmeans_rows,
    length_rows,
    prefix_rows,
)

import ratedist as rd
from ratedist.estimate import Moments
from ratedist.linear_model.quantities import RISK_NAMES
from ratedist.linear_model.risks import erm_risks
from ratedist.linear_model.sampling import ErmDraw, ModelArrays
from ratedist.networks.importance import in_proportion

KEY = jax.random.key(0)

# --- a trial of a simulation -------------------------------------------------------------------------------


def risks_in(dtype: type, model: rd.GaussianLinearModel, v: np.ndarray, reconstruction: np.ndarray) -> list:
    """The four risks of a draw whose numbers are rounded to this type."""
    with jax.enable_x64(dtype is DOUBLE):
        arrays = ModelArrays.of(model)
        deviation = jnp.asarray(v, dtype)
        draw = ErmDraw(arrays.w_star + arrays.noise_scale * deviation, deviation)
        risks = jax.jit(erm_risks)(arrays, draw, jnp.asarray(reconstruction, dtype))
        return [float(one) for one in risks]


def right_risks(model: rd.GaussianLinearModel, v: np.ndarray, reconstruction: np.ndarray) -> list[float]:
    """The same of the numbers in double precision, for Σ = I and σ² = 1, in fractions of exact sums."""
    n, d, W = model.n, model.d, model.w_star + v
    e, off = reconstruction - W, reconstruction - model.w_star
    squared, along, length, excess = (
        Fraction(exact_dot(x, y)) for x, y in ((e, e), (v, e), (v, v), (off, off))
    )
    shortened = along**2 / (1 + length)
    distortion = Fraction(n + 1, n) * (squared - shortened)
    # In one sum, for it may be small beside both.
    gained = Fraction(exact_dot(np.concatenate([off, e]), np.concatenate([off, -e]))) - squared / n
    gained += Fraction(n + 1, n) * shortened
    risks = (1 + excess, Fraction(n - d, n) + distortion, distortion, Fraction(d, n) + gained)
    return [float(one) for one in risks]


def trial_rows(largest: int) -> Iterator[Row]:
    rng = np.random.default_rng(0)
    for d, n in ((50, 80), (50, 5 * 10**9), (largest, 8 * largest // 5)):
        model = rd.GaussianLinearModel(n, rd.two_level_weights(d))
        # Of numbers that both types hold: errors are those of computing alone.
        v = (rng.normal(size=d) / math.sqrt(n - d)).astype(SINGLE).astype(DOUBLE)
        for quantizer, reconstruction in (
            ("two centres", model.w_star + 0.01),
            ("half of W", (model.w_star + v) / 2),
        ):
            reconstruction = reconstruction.astype(SINGLE).astype(DOUBLE)
            found = [risks_in(dtype, model, v, reconstruction) for dtype in (SINGLE, DOUBLE)]
            right = right_risks(model, v, reconstruction)
            for number, name in enumerate(RISK_NAMES):
                single, double = (error(one[number], right[number]) for one in found)
                # The generalisation error is a sum of terms of two signs.
                allowed = (1e-4, 1e-12) if name == "generalization_error" else (FEW_SINGLE, FEW_DOUBLE)
                where = f"d = {d:,}, n = {n:,}"
                yield Row(
                    f"{name.replace('_', ' ').replace('generalization', 'generalisation')}, {quantizer}",
                    where,
                    single,
                    double,
                    allowed,
                )


def identity_rows() -> Iterator[Row]:
    """E[d_S | W, Ŵ] of Ŵ = w* where s = ‖v‖² is large: ``(n + 1)/n · s/(1 + s)``."""
    d, n = 50, 51
    for size in (1e3, 1e6):
        v = np.full(d, math.sqrt(size / d))
        model = rd.GaussianLinearModel(n, np.zeros(d))
        s = exact_dot(v, v)
        right = float(Fraction(n + 1, n) * Fraction(s) / (1 + Fraction(s)))
        single, double = (error(risks_in(t, model, v, np.zeros(d))[2], right) for t in (SINGLE, DOUBLE))
        yield Row("Rao–Blackwell identity as it is computed", f"s = {size:g}", single, double)

        def plain(dtype: type, v: np.ndarray = v) -> float:
            one = v.astype(dtype)
            s = np.sum(one * one)
            return float(dtype((n + 1) / n) * (s - s * s / (dtype(1) + s)))

        single, double = (error(plain(t), right) for t in (SINGLE, DOUBLE))
        yield Row("the same as ‖e‖² − (vᵀe)²/(1 + s), not computed", f"s = {size:g}", single, double, NONE)


def estimate_rows(count: int) -> Iterator[Row]:
    """Mean and standard error over many trials, in batches, of values that vary in their last digits."""
    values = 1 + 1e-5 * np.random.default_rng(1).normal(size=count)
    for dtype in (SINGLE, DOUBLE):
        given = values.astype(dtype)
        moments = None
        for start in range(0, count, 1024):
            one = Moments.of(("a",), given[start : start + 1024, None])
            moments = one if moments is None else moments.merge(one)
        assert moments is not None
        wide = given.astype(DOUBLE)
        mean = math.fsum(wide.tolist()) / count
        squares = exact_dot(wide - mean, wide - mean)
        right = math.sqrt(squares / (count - 1) / count)
        found = moments.estimate("a")
        errors = {"mean": error(found.mean, mean), "standard error": error(found.sem, right)}
        for name, one in errors.items():
            pair = (one, math.nan) if dtype is SINGLE else (math.nan, one)
            yield Row(
                f"{name} of {dtype.__name__} values 1 + 10⁻⁵z", f"{count:,} trials", *pair, (1e-9, 1e-9)
            )


def reconstructions(prepared: Any, weights: jax.Array) -> np.ndarray:
    """What a compressor makes of each of these vectors."""
    mapped = jax.vmap(lambda w: prepared.compress(KEY, w, rd.Context()).reconstruction)
    return np.asarray(jax.jit(mapped)(weights), DOUBLE)


def trial_kmeans_rows() -> Iterator[Row]:
    """What the quantisers of a trial cost above the optimum of the same weights, the worst of 64 draws."""
    rng = np.random.default_rng(7)
    W = (rd.two_level_weights(50) + rng.normal(size=(64, 50)) / 6).astype(SINGLE).astype(DOUBLE)
    model = rd.GaussianLinearModel(80, rd.two_level_weights(50))
    for clusters in (2, 4, 16):
        costs = []
        for dtype in (SINGLE, DOUBLE):
            with jax.enable_x64(dtype is DOUBLE):
                found = reconstructions(rd.KMeans(clusters).prepare(model), jnp.asarray(W, dtype))
            costs.append([exact_dot(w - one, w - one) for w, one in zip(W, found, strict=True)])
        optimal = [rd.kmeans(w, clusters, method="optimal").objective for w in W]
        single, double = (float(np.max(np.divide(one, optimal) - 1)) for one in costs)
        yield Row("cost of optimal K-means of a trial", f"d = 50, K = {clusters}", single, double)


# --- closed forms and networks -----------------------------------------------------------------------------


def closed_form_rows() -> Iterator[Row]:
    """At d = 10⁶ and where terms nearly cancel, against ball arithmetic of 60 digits."""
    ctx.prec = 200
    d = 10**6
    for n in (10**6 + 2, 16 * 10**5, 10**12, 2**53):
        model = rd.GaussianLinearModel(n, np.zeros(d))
        m, a = n - d - 1, 1 - 1e-9
        A, R, D = arb(a), arb(1e-3), arb(0.999 * d / n)
        forms: dict[str, tuple[float, Any]] = {
            "population risk of ERM": (rd.theory.erm_population_risk(model), 1 + arb(d) / m),
            "generalisation error of ERM": (
                rd.theory.erm_generalization_error(model),
                arb(d) / n * (2 + arb(d + 1) / m),
            ),
            "generalisation error of the oracle": (
                float(rd.theory.oracle_generalization_error(model, a)),
                (1 - A) ** 2 * d / m + (1 - A * A) * d / n,
            ),
            "Gaussian rate of the oracle": (
                float(rd.theory.oracle_gaussian_rate(model, a)),
                (1 + (1 - A) * n / (A * m)).log() * d / 2,
            ),
            "tight bound on D(R)": (
                float(rd.theory.distortion_rate_tight(model, 1e-3)),
                arb(d) / (n + m * ((2 * R / d).exp() - 1)),
            ),
            "tight bound on R(D)": (
                float(rd.theory.rate_distortion_tight(model, 0.999 * d / n)),
                (1 + arb(n) / m * (arb(d) / n / D - 1)).log() * d / 2,
            ),
        }
        for name, (found, right) in forms.items():
            # dσ²/nD − 1 is a difference of rounded numbers, a thousandth of them.
            allowed = 1e-12 if "R(D)" in name else FEW_DOUBLE
            yield Row(name, f"d = 10⁶, n = {n:,}", math.nan, error(found, float(right.mid())), (0, allowed))


def network_rows() -> Iterator[Row]:
    rng = np.random.default_rng(6)
    network, images = rd.networks.mlp(20, (16,), 5), rng.normal(size=(512, 20)).astype(SINGLE)
    parameters = {
        layer.name: {
            "weight": rng.normal(scale=0.3, size=layer.weight_shape).astype(SINGLE),
            "bias": rng.normal(scale=0.3, size=layer.outputs).astype(SINGLE),
        }
        for layer in network.layers
    }

    def diagonal(dtype: Any) -> np.ndarray:
        tree = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), parameters)
        found = rd.networks.gauss_newton_diagonal(network, tree, images)
        return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(found)])

    right = diagonal(DOUBLE)
    yield Row(
        "Gauss–Newton diagonal, against double precision",
        "512 images",
        error(diagonal(SINGLE), right),
        math.nan,
        (1e-5, 0),
    )
    tenths = jnp.full(10**6, 0.1, jnp.bfloat16)
    means = in_proportion({"a": np.ones(1)}, {"a": tenths}, {"a": tenths})["a"]
    yield Row(
        "mean curvature of an array of bfloat16", "10⁶ weights", math.nan, error(means, float(tenths[0]))
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Digits that are right in single and in double precision.")
    parser.add_argument("--large", action="store_true", help="10⁸ weights, in 6 GiB")
    large = parser.parse_args().large
    many = 10**8 if large else 10**7
    sections: list[Callable[[], Iterator[Row]]] = [
        lambda: trial_rows(10**6), identity_rows, trial_kmeans_rows, lambda: estimate_rows(10**6),
        lambda: kmeans_rows(10**6), lambda: prefix_rows(many), lambda: histogram_rows(many),
        lambda: length_rows(10**6), closed_form_rows, network_rows,
    ]  # fmt: skip
    start, failed = time.process_time(), 0
    print("| quantity | where | single | double |\n| --- | --- | --- | --- |")
    for section in sections:
        for row in section():
            shown = ["–" if math.isnan(one) else f"{one:.0e}" for one in (row.single, row.double)]
            failed += not row.holds()
            verdict = "" if row.holds() else " TOO LARGE"
            print(f"| {row.quantity} | {row.where} | {' | '.join(shown)} |{verdict}", flush=True)
    seconds, load = time.process_time() - start, os.getloadavg()[0]
    print(f"{failed} rows above what they allow; {seconds:.0f} CPU-seconds, load {load:.1f}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())

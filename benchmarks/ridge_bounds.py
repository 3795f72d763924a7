"""Ridge's posterior over λ: the exact generalisation error beside its bound at the rate of bits-back coding.

Usage: python benchmarks/ridge_bounds.py [--trials 4000] [--seed 0]

At d = 50, n = 80, Σ = I, σ² = 1. Ŵ is a sample of N(W_λ, σ²(A + λI)⁻¹). Columns: the risks of W_λ and Ŵ, by
quadrature; E KL from N(0, (σ²/λ)I), and from the N(0, τ²I) that makes it least; I_SKL = γ·gen, which bounds
I(S; Ŵ) too; the exact generalisation error of Ŵ; the conditional-CGF bound at each E KL, from trials, the
first with its standard error; and each bound over the error.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

import ratedist as rd
from ratedist.units import nats_to_bits

PENALTIES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
CHUNK = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--trials", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for name, level in (("±1", 1.0), ("±¼", 0.25)):
        model = rd.GaussianLinearModel(80, level * rd.two_level_weights(50))
        variances = loss_variances(model, options.trials, np.random.default_rng(options.seed))
        print(f"\nw* = {name}, best penalty {rd.theory.ridge_best_penalty(model):g}\n")
        print("| λ | risk of W_λ | risk of Ŵ | E KL, bits | best prior | γ·gen, bits | gen | bound | ratio |")
        print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
        for penalty, variance in zip(PENALTIES, variances, strict=True):
            print(row(model, penalty, variance))


def row(model: rd.GaussianLinearModel, penalty: float, variance: np.ndarray) -> str:
    own, sample = (rd.theory.ridge_risks(model, penalty, s2) for s2 in (0.0, model.noise_variance))
    rates = (float(rd.theory.ridge_information_bound(model, penalty)), best_rate(model, penalty))
    symmetrized = rd.theory.gibbs_symmetrized_information(model, model.n / 2, 1 / penalty)
    gen = float(sample.generalization_error)
    bound, better = (rd.theory.conditional_cgf_bound(model, rate, variance) for rate in rates)
    for one in (bound, better):
        assert one.value - 4 * one.sem > gen, "a bound that does not hold"
    cells = [
        f"{penalty:g}", f"{own.population_risk:.4f}", f"{sample.population_risk:.4f}",
        f"{nats_to_bits(rates[0]):.1f}", f"{nats_to_bits(rates[1]):.1f}", f"{nats_to_bits(symmetrized):.1f}",
        f"{gen:.4f}", f"{bound.value:.3f} ± {bound.sem:.3f}, {better.value:.3f}",
        f"{bound.value / gen:.2f}, {better.value / gen:.2f}",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def best_rate(model: rd.GaussianLinearModel, penalty: float) -> float:
    """E KL from the prior N(0, τ²I) of the best τ²."""

    def value(log_variance: float) -> float:
        return float(rd.theory.ridge_information_bound(model, penalty, prior_variance=np.exp(log_variance)))

    found: Any = minimize_scalar(value, bounds=(-12, 4), method="bounded", options={"xatol": 1e-8})
    return float(found.fun)


def loss_variances(model: rd.GaussianLinearModel, trials: int, generator: np.random.Generator) -> np.ndarray:
    """σ² + ‖Ŵ − w*‖² of independent data sets, one row a penalty, the same data for all."""
    rows = []
    while (done := sum(one.shape[1] for one in rows)) < trials:
        count = min(CHUNK, trials - done)
        X = generator.standard_normal((count, model.d, model.n))
        product = (X @ generator.standard_normal((count, model.n, 1)))[..., 0]
        a, vectors = np.linalg.eigh(X @ X.swapaxes(1, 2))
        truth = np.einsum("tij,i->tj", vectors, model.w_star)
        noise = np.einsum("tij,ti->tj", vectors, product)
        z = generator.standard_normal(noise.shape)
        errors = [
            (noise - penalty * truth) / (a + penalty) + z / np.sqrt(a + penalty) for penalty in PENALTIES
        ]
        rows.append(1 + np.sum(np.square(errors), axis=2))
    return np.concatenate(rows, axis=1)


if __name__ == "__main__":
    main()

"""Are z-scores of closed forms standard normal over a thousand seeds? One row a quantity, and a verdict.

    python benchmarks/calibration.py [--seeds 1000] [--trials 1024] [--factor 1.01]

Each seed simulates twenty small models of light tails in turn (d = 4, n from 24 to 62, scales of the noise,
the weights and the inputs of their own). A z-score is a mean less its closed form, over the standard error
that the package gives. Three tests of each quantity:

- "law": Kolmogorov and Smirnov's, of the z-scores by Student's law: p-values of right formulas are uniform;
- "mean": of all trials together, which finds a formula that is wrong by little;
- "spread": the sum of squared z-scores, which finds a standard error that is wrong.

A quantity is red if one of its p-values is below 0.01 over the number of all tests. So right formulas and
standard errors are all green with a probability of 0.99 at least. The last column is a false world for each:
its closed form times ``--factor``, which has to be red. The exit status is 1 if a quantity is red, or a false
world is not.
"""

from __future__ import annotations

import argparse
import functools
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax

jax.config.update("jax_enable_x64", True)

import numpy as np
from scipy.stats import chi2, kstest, norm, t
from tqdm import tqdm

import ratedist as rd
from ratedist.estimate import Estimate

D, MODELS, LEVEL = 4, 20, 0.01
PENALTY, ALPHA, SHRINKAGE = 3.0, 0.4, 0.8
# Data sets a seed of what is computed one by one.
FEW = 64
PRIOR = rd.theory.MixturePrior.two_level(1.0)


class Case(NamedTuple):
    """An estimate of one seed and the closed form of its expectation."""

    quantity: str
    estimate: Estimate
    expected: float


@functools.cache
def model_of(number: int) -> rd.GaussianLinearModel:
    """One of the models: they differ in all numbers, and in no shape."""
    rng = np.random.default_rng(number)
    weights = rng.uniform(0.3, 1.5) * rng.normal(size=D)
    return rd.GaussianLinearModel(24 + 2 * number, weights, rng.uniform(0.3, 3), rng.uniform(0.5, 2))


@functools.cache
def several_of(number: int) -> rd.MultiOutputLinearModel:
    """The same weights as two outputs."""
    one = model_of(number)
    noise = one.noise_variance * np.array([1.0, 0.5])
    return rd.MultiOutputLinearModel(one.n, one.w_star.reshape(2, 2), noise, one.covariance)


@functools.cache
def closed_forms(number: int) -> dict[str, float]:
    """Expectations by the names of quantities."""
    model, theory, noise = model_of(number), rd.theory, model_of(number).noise_variance
    several = several_of(number)
    plain, sample = (theory.ridge_risks(model, PENALTY, s2) for s2 in (0.0, noise))
    variance, weights = theory.oracle_loss_variance(model, ALPHA)
    forms: dict[str, Any] = {
        "ERM, population risk": theory.erm_population_risk(model),
        "ERM, empirical risk": theory.erm_empirical_risk(model),
        "ERM, generalisation error": theory.erm_generalization_error(model),
        "ERM of two outputs, population risk": theory.erm_population_risk(several),
        "ERM of two outputs, generalisation error": theory.erm_generalization_error(several),
        "oracle of two outputs, distortion": theory.oracle_distortion(several, ALPHA),
        "oracle of two outputs, generalisation error": theory.oracle_generalization_error(several, ALPHA),
        "oracle, distortion": theory.oracle_distortion(model, ALPHA),
        "oracle, population risk": theory.oracle_population_risk(model, ALPHA),
        "oracle, generalisation error": theory.oracle_generalization_error(model, ALPHA),
        "oracle given W, distortion": theory.oracle_distortion(model, ALPHA),
        "oracle given W, generalisation error": theory.oracle_generalization_error(model, ALPHA),
        "oracle, rate": theory.oracle_rate(model, ALPHA),
        "oracle, mean of ln(1 + 2σ_ℓ²)": weights @ np.log1p(2 * variance),
        "ridge, population risk": plain.population_risk,
        "ridge, empirical risk": plain.empirical_risk,
        "ridge, generalisation error": plain.generalization_error,
        "sample of ridge, population risk": sample.population_risk,
        "sample of ridge, empirical risk": sample.empirical_risk,
        "sample of ridge, generalisation error": sample.generalization_error,
        "sample of ridge, bits back": theory.ridge_information_bound(model, PENALTY, noise),
        "sample of ridge, generalisation error of Gibbs": theory.gibbs_generalization_error(
            model, model.n / (2 * noise), noise / PENALTY
        ),
        "shrunk weights, population risk": theory.shrunk_population_risk(model, SHRINKAGE),
        "log-evidence of ridge": theory.ridge_expected_log_evidence(model, PENALTY),
        "posterior mean, product with its error": 0.0,
        "mean of Gaussians, generalisation error": theory.gaussian_mean_generalization_error(D, 6, noise),
    }
    return {name: float(value) for name, value in forms.items()}


def estimates(seed: int, trials: int) -> dict[str, Estimate]:
    """The same from draws."""
    number = seed % MODELS
    model, key = model_of(number), jax.random.key(seed)
    compressors = {
        "ERM": rd.ERM(),
        "oracle": rd.Oracle(alpha=ALPHA),
        "ridge": rd.Ridge(PENALTY),
        "sample of ridge": rd.Ridge(PENALTY, posterior_variance=model.noise_variance),
        "shrunk weights": rd.Shrunk(rd.ERM(), SHRINKAGE),
    }
    result = rd.simulate(model, compressors, trials, key, "statistics", return_samples=True)
    found = {
        f"{name}, {risk}": estimate for name in compressors for risk, estimate in named(result[name]).items()
    }
    found["oracle, rate"] = result["oracle"].rates["information_density"]
    samples = result["oracle"].samples
    assert samples is not None
    found["oracle, mean of ln(1 + 2σ_ℓ²)"] = estimate_of(np.log1p(2 * samples["population_risk"]))
    found["sample of ridge, bits back"] = result["sample of ridge"].rates["bits_back"]
    found["sample of ridge, generalisation error of Gibbs"] = result["sample of ridge"].generalization_error
    few = {name: compressors[name] for name in ("ERM", "oracle")}
    key, other = jax.random.split(key)
    given = rd.simulate(model, few, trials, other, "erm")
    found |= {f"oracle given W, {risk}": one for risk, one in named(given["oracle"]).items()}
    several = rd.simulate(several_of(number), few, trials, key, "erm")
    found |= {
        f"{name} of two outputs, {risk}": one for name in few for risk, one in named(several[name]).items()
    }
    return found | from_data(model, np.random.default_rng(seed), trials)


def named(found: Any) -> dict[str, Estimate]:
    return {
        name.replace("_", " ").replace("generalization", "generalisation"): one
        for name, one in found.risks.items()
    }


def estimate_of(values: np.ndarray) -> Estimate:
    return Estimate(float(values.mean()), float(values.std(ddof=1) / values.size**0.5), values.size)


def from_data(model: rd.GaussianLinearModel, rng: np.random.Generator, trials: int) -> dict[str, Estimate]:
    """What no compressor has, from data sets and from true weights that are drawn too."""
    n, noise, sigma = model.n, model.noise_variance, float(np.asarray(model.covariance))
    evidences = []
    for _ in range(FEW):
        X = sigma**0.5 * rng.normal(size=(D, n))
        y = model.w_star @ X + noise**0.5 * rng.normal(size=n)
        found = rd.theory.ridge_log_evidence(X @ X.T, X @ y, float(y @ y), n, PENALTY, noise)
        evidences.append(found)
    # As much noise as signal: with little, errors are rare and large, and tails are not light.
    noisy = rd.GaussianLinearModel(n, np.zeros(D), 0.5 * n)
    true = rng.choice([-1.0, 1.0], size=(FEW, D))
    deviation = (noisy.noise_variance / rng.chisquare(noisy.degrees_of_freedom, size=(FEW, 1))) ** 0.5
    mean = rd.theory.remote_posterior_mean(noisy, true + deviation * rng.normal(size=(FEW, D)), PRIOR)
    z = noise**0.5 * rng.normal(size=(trials, 6, D))
    center = z.mean(axis=1)
    gaps = noise * D + np.sum(center**2, axis=1) - np.mean(np.sum((z - center[:, None]) ** 2, axis=2), axis=1)
    return {
        "log-evidence of ridge": estimate_of(np.array(evidences)),
        "posterior mean, product with its error": estimate_of(np.sum(mean * (true - mean), axis=1)),
        "mean of Gaussians, generalisation error": estimate_of(gaps),
    }


def cases(seed: int, trials: int) -> Iterator[Case]:
    found = estimates(seed, trials)
    for quantity, expected in closed_forms(seed % MODELS).items():
        yield Case(quantity, found[quantity], expected)


def p_values(mine: list[Case]) -> tuple[float, float, float, np.ndarray]:
    """By the law of the z-scores, by the mean of all trials, and by the spread of the z-scores."""
    z = np.array([one.estimate.standard_errors_from(one.expected) for one in mine])
    freedom = mine[0].estimate.num_trials - 1
    law = kstest(t.cdf(z, freedom), "uniform").pvalue
    total = sum(one.estimate.mean - one.expected for one in mine)
    together = total / sum(one.estimate.sem**2 for one in mine) ** 0.5
    squares = np.sum(z**2) * (freedom - 2) / freedom
    tail = min(chi2.cdf(squares, z.size), chi2.sf(squares, z.size))
    return float(law), float(2 * norm.sf(abs(together))), float(min(1.0, 2 * tail)), z


def main() -> int:
    parser = argparse.ArgumentParser(description="z-scores of closed forms over many seeds.")
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--trials", type=int, default=1024, help="of each seed")
    parser.add_argument("--factor", type=float, default=1.01, help="of the closed forms of false worlds")
    options = parser.parse_args()
    start, by_quantity = time.process_time(), defaultdict(list)
    for seed in tqdm(range(options.seeds), unit="seed", disable=not sys.stderr.isatty()):
        for one in cases(seed, options.trials):
            by_quantity[one.quantity].append(one)
    threshold, red, unseen = LEVEL / (3 * len(by_quantity)), 0, 0
    print(f"| quantity | mean of z | deviation of z | law | mean | spread | verdict | × {options.factor:g} |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for quantity, mine in by_quantity.items():
        *found, z = p_values(mine)
        holds = min(found) >= threshold
        red += not holds
        false = "–"  # nothing times a number is nothing
        if mine[0].expected != 0:
            *wrong, _ = p_values([one._replace(expected=options.factor * one.expected) for one in mine])
            seen = min(wrong) < threshold
            unseen += not seen
            false = "red" if seen else "GREEN"
        cells = (f"{z.mean():+.3f}", f"{z.std():.3f}", *(f"{p:.2g}" for p in found))
        print(f"| {quantity} | {' | '.join(cells)} | {'green' if holds else 'RED'} | {false} |")
    seconds, load = time.process_time() - start, os.getloadavg()[0]
    counted = f"{red} of {len(by_quantity)} quantities red, {unseen} false worlds not"
    print(f"{options.seeds} seeds of {options.trials} trials, red below p = {threshold:.1e}: {counted}")
    print(f"{seconds:.0f} CPU-seconds, load {load:.1f}")
    return int(red + unseen > 0)


if __name__ == "__main__":
    sys.exit(main())

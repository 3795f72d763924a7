"""Checks of what a compressor claims: which rates bound an information, and which risks have tails."""

from __future__ import annotations

import jax
import numpy as np

from ratedist.compressors.base import RATE_TOLERANCE
from ratedist.compressors.check_trials import NAME, Trials
from ratedist.compressors.declaration import bounding_rates, refuse_rate_names
from ratedist.compressors.extreme_draws import NUM_DRAWS, NUM_EXTREMES, stretched
from ratedist.linear_model.quantities import RISK_NAMES

# Weights this many times further from w* than w* is from 0: a risk with tails grows by the square.
STRETCHES = (30.0, 3000.0)
# Of the factor 10⁴ by which such a risk grows; one without tails grows by none.
GROWTH = 100.0


def check_rate_names(trials: Trials) -> None:
    """No rate is both fixed and counted trial by trial, and those that bound something exist."""
    fixed = trials.compressor.fixed_rates(trials.model)
    refuse_rate_names(
        NAME, fixed, trials.compressed.rates, bounding_rates(NAME, trials.compressor, trials.model)
    )


def check_bounds(trials: Trials) -> None:
    """No rate said to bound an information contradicts the reconstructions that were seen.

    Code lengths obey Kraft's inequality, ``Σ e^{−length} ≤ 1`` over different reconstructions. Where nothing
    is drawn ``I(W; Ŵ) = H(Ŵ)``, which the entropy of the sample does not exceed in the mean. Where something
    is, I(W; Ŵ) is at least what a guess of W among the weights of the sample tells: ``least_information``.
    I(S; Ŵ) is at least I(W; Ŵ), so that "data_information" has to pass the same.
    """
    kinds = bounding_rates(NAME, trials.compressor, trials.model)
    fixed = trials.compressor.fixed_rates(trials.model)
    reconstruction = np.asarray(trials.compressed.reconstruction)[NUM_EXTREMES:]
    count = len(reconstruction)
    _, first, label, counts = np.unique(
        reconstruction, axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    for rate, kind in kinds.items():
        values = trials.compressed.rates.get(rate, np.full(NUM_DRAWS, fixed.get(rate, np.inf)))
        lengths = np.asarray(values, np.float64)[NUM_EXTREMES:]
        if kind == "code_length":
            shortest = np.full(first.size, np.inf)
            np.minimum.at(shortest, label.reshape(-1), lengths)
            kraft = float(np.sum(np.exp(-shortest)))
            if kraft > 1 + RATE_TOLERANCE:
                raise ValueError(
                    f"rate {rate!r} is no code length: Σ e^(−length) over the {first.size} different "
                    f"reconstructions of {count} trials must be at most 1, got {kraft:.3g}"
                )
            continue
        other = np.asarray(trials.with_keys(3).reconstruction)[NUM_EXTREMES:]
        if np.array_equal(other, reconstruction):
            surprise = np.log(count / counts)
            entropy = float(counts @ surprise) / count
            error = float(np.sqrt(max(counts @ surprise**2 / count - entropy**2, 0.0) / count))
            if lengths.mean() < entropy - 4 * error - RATE_TOLERANCE:
                raise ValueError(
                    f"rate {rate!r} does not bound I(W; Ŵ): nothing is drawn, so it must be at least the "
                    f"entropy of Ŵ, whose estimate from {count} trials is {entropy:.3g} nats, "
                    f"got {lengths.mean():.3g}"
                )
            continue
        least = least_information(reconstruction, other)
        if lengths.mean() + 4 * lengths.std() / np.sqrt(count) < least:
            raise ValueError(
                f"rate {rate!r} does not bound I(W; Ŵ): who guesses W from Ŵ among the weights of {count} "
                f"trials shows that it must be at least {least:.3g} nats, got {lengths.mean():.3g}"
            )


def least_information(reconstruction: np.ndarray, other: np.ndarray) -> float:
    """A lower bound on I(W; Ŵ) in nats, at most the logarithm of the number of trials.

    ``ln N − h(p) − p ln(N − 1)`` by Fano's inequality, p the share of trials whose reconstruction is nearest
    to the ``other`` one, by another key, of another trial; p is raised by four standard errors. An index
    that is uniform on a sample of weights tells Ŵ no more, in the mean over samples, than W does.

    Args:
        reconstruction, other: Ŵ of the same N trials by independent keys, shape ``(N, d)``.
    """
    count = len(reconstruction)
    nearest = np.argmin(np.sum((reconstruction[:, None] - other) ** 2, axis=2), axis=1)
    p = float(np.mean(nearest != np.arange(count)))
    p += 4 * float(np.sqrt(max(p * (1 - p), 1 / count) / count))
    if p >= 1 - 1 / count:
        return 0.0
    return float(np.log(count) + p * np.log(p) + (1 - p) * np.log1p(-p) - p * np.log(count - 1))


def check_tails(trials: Trials) -> None:
    """A risk that grows with ‖W − w*‖² is declared in ``heavy_tailed``.

    A is made small in one direction by 1/s², where the weights then lie s times further from w*. Whatever
    follows them so far is larger than the noise and w* by many orders; a risk that only comes near these, as
    that of ridge with a small penalty, has no tails.
    """
    model, arrays = trials.model, trials.arrays
    light = sorted(frozenset(RISK_NAMES).difference(trials.compressor.heavy_tailed(model)))
    if model.bayes_risk == 0 or not light:
        return
    sizes = []
    signal = float(model.squared_norm(model.w_star)) * model.n / model.bayes_risk
    for stretch in STRETCHES:
        draws = stretched(model, stretch * max(signal, 1.0) ** 0.5)
        compressed = trials.batch(trials.keys, draws.weights, draws.hessian_factor)
        risks = jax.vmap(lambda draw, one: trials.risks(arrays, draw, one))(draws, compressed.reconstruction)
        sizes.append(
            # The mean, not the median: what grows in few trials only has tails too.
            {name: float(np.mean(np.abs(value))) for name, value in zip(RISK_NAMES, risks, strict=True)}
        )
    smallest = max(1e-2, 10 / model.n) * model.bayes_risk + float(model.squared_norm(model.w_star))
    for risk in light:
        before, after = sizes[0][risk], sizes[1][risk]
        if after > smallest and after > GROWTH * before:
            raise ValueError(
                f"{risk} grows with ‖W‖², from {before:.3g} to {after:.3g} for weights 100 times further "
                "from w*, so it must be in heavy_tailed"
            )

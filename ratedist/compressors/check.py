"""Checks of a compressor of one's own: everything that :func:`ratedist.simulate` takes for granted."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ratedist import _checks
from ratedist.compressors.base import (
    CONTEXT_NAMES,
    RISK_NAMES,
    SIGNED_RATE,
    Compressed,
    Compressor,
    Context,
    PreparedCompressor,
    compress_all,
    signature,
)
from ratedist.compressors.declaration import (
    bounding_rates,
    check_declaration,
    checked_fixed_rates,
    checked_heavy_tailed,
    refuse_rate_names,
)
from ratedist.compressors.extreme_draws import NUM_DRAWS, NUM_EXTREMES, stretched, typical_and_extreme
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.linear_model.risks import statistics_risks
from ratedist.linear_model.sampling import ModelArrays

# Weights this many times further from w* than w* is from 0: a risk with tails grows by the square.
STRETCHES = (30.0, 3000.0)
# Of the factor 10⁴ by which such a risk grows; one without tails grows by none.
GROWTH = 100.0
# A rate may fall below 0 by rounding only.
RATE_TOLERANCE = 1e-6
# A label of a compressor in these checks.
NAME = "it"


def check_compressor(
    compressor: Compressor, model: GaussianLinearModel, *, draws: bool | None = None
) -> tuple[str, ...]:
    """Try a compressor on trials of ``model``, typical and extreme, against all that a simulation presumes.

    Args:
        compressor: any, such as what :func:`ratedist.compressor` returns.
        model: a small one will do; the compressor is compiled a few times for it, a second or two.
        draws: whether the compressor is meant to draw: True expects another key to give another result,
            False the same one. By default either is taken.

    Returns:
        The names of the checks that were passed, in order.

    Raises:
        ValueError: one line for each check that failed: its name, what was expected and what came; a model
            whose 256 Hessians do not fit in memory.
    """
    if not isinstance(model, GaussianLinearModel):
        raise ValueError(f"model must be a GaussianLinearModel, got {model!r}")
    if draws is not None and not isinstance(draws, bool):
        raise ValueError(f"draws must be True, False or None, got {draws!r}")
    _checks.fits_in_memory(f"a check on {NUM_DRAWS} Hessians at d = {model.d}", 32 * NUM_DRAWS * model.d**2)
    check_declaration(NAME, compressor)
    check_model_answers(compressor, model)
    prepared = compressor.prepare(model)
    check_structure(compressor, model, prepared)
    check_output(compressor, model, prepared)
    passed = ["declaration", "model_answers", "structure", "output"]
    trials = Trials(compressor, model, prepared, draws)
    failures = []
    for check in (
        check_purity, check_key, check_batch, check_values, check_rate_names, check_bounds, check_tails,
    ):  # fmt: skip
        name = check.__name__.removeprefix("check_")
        try:
            check(trials)
            passed.append(name)
        except ValueError as error:
            failures.append(f"{name}: {error}")
    if failures:
        raise ValueError("\n".join(failures))
    return tuple(passed)


class Trials:
    """Draws of the weights, with what the compressor may see of them, and what it makes of them."""

    def __init__(
        self,
        compressor: Compressor,
        model: GaussianLinearModel,
        prepared: PreparedCompressor,
        draws: bool | None,
    ) -> None:
        self.compressor, self.model, self.prepared, self.draws = compressor, model, prepared, draws
        self.arrays = ModelArrays.of(model)
        self.weights, self.factors = typical_and_extreme(model)
        self.keys = jax.random.split(jax.random.key(1), NUM_DRAWS)
        self.batch = self.traced_anew()

    def traced_anew(self) -> Callable[[jax.Array, jax.Array, jax.Array], Compressed]:
        """All trials at once, by keys, weights and Hessian factors; what is no argument may change."""
        return jax.jit(jax.vmap(self.one))

    def one(self, key: jax.Array, weights: jax.Array, factor: jax.Array) -> Compressed:
        """One trial, the way that a simulation runs it."""
        context, needs = full_context(self.arrays, factor), {NAME: self.compressor.needs}
        (group,) = compress_all({NAME: self.prepared}, key, weights, context, needs).values()
        return jax.tree.map(lambda leaf: leaf[0], group)

    @functools.cached_property
    def compressed(self) -> Compressed:
        """All trials, the extreme ones first, as NumPy arrays."""
        return self.with_keys(1)

    def with_keys(self, seed: int) -> Compressed:
        """All trials with other keys."""
        keys = jax.random.split(jax.random.key(seed), NUM_DRAWS)
        return jax.device_get(self.batch(keys, self.weights, self.factors))


def check_model_answers(compressor: Compressor, model: GaussianLinearModel) -> None:
    """What it says about a model has names and numbers that exist."""
    checked_heavy_tailed(NAME, compressor, model)
    checked_fixed_rates(NAME, compressor, model)
    bounding_rates(NAME, compressor, model)


def check_structure(compressor: Compressor, model: GaussianLinearModel, prepared: Any) -> None:
    """``prepare`` returns a pytree, and twice the same structure, or every call would compile anew."""
    first, second = signature(NAME, prepared), signature(NAME, compressor.prepare(model))
    try:
        equal = first == second
    except Exception:  # an __eq__ may raise anything; that of arrays does
        equal = False
    if not equal:
        raise ValueError(
            "structure: two calls of prepare must give equal structures, got two that differ: what is static "
            "needs an __eq__ by value, as a frozen dataclass of numbers and strings has; arrays do not"
        )


def check_output(compressor: Compressor, model: GaussianLinearModel, prepared: PreparedCompressor) -> None:
    """``compress`` is traced with the context that was declared, and returns the right shapes and types."""
    trace_output(NAME, compressor, ModelArrays.of(model), prepared)


def trace_output(name: str, compressor: Compressor, model: ModelArrays, prepared: PreparedCompressor) -> None:
    """Trace ``compress`` without computing anything.

    Raises:
        ValueError: what it raised itself while traced, or what is wrong with its output.
    """
    d = model.w_star.shape[0]
    weights = jax.ShapeDtypeStruct((d,), model.w_star.dtype)
    factor = jax.ShapeDtypeStruct((d, d), model.w_star.dtype)

    def one(weights: jax.Array, factor: jax.Array) -> Any:
        context, needs = full_context(model, factor), {name: compressor.needs}
        return compress_all({name: prepared}, jax.random.key(0), weights, context, needs)

    try:
        jax.eval_shape(one, weights, factor)
    except ValueError:
        raise
    except Exception as error:
        hidden = sorted(CONTEXT_NAMES - compressor.needs)
        reason = str(error).split("\n", 1)[0]
        raise ValueError(
            f"compress of {name!r} fails when JAX traces it: {type(error).__name__}: {reason} (values must "
            "not be branched on; None in the context, because not declared in needs: "
            f"{', '.join(hidden) or 'nothing'})"
        ) from error


def check_purity(trials: Trials) -> None:
    """The same key and weights give the same result, also when traced again."""
    again = jax.device_get(trials.traced_anew()(trials.keys, trials.weights, trials.factors))
    if not _same(trials.compressed, again):
        raise ValueError(
            "the same key and weights must give the same result, got two that differ: draw from key alone, "
            "and keep no state"
        )


def check_key(trials: Trials) -> None:
    """Whether another key gives another result, if that was said."""
    if trials.draws is None:
        return
    drawn = not _same(trials.compressed, trials.with_keys(2))
    if drawn != trials.draws:
        expected, came = ("another result", "the same") if trials.draws else ("the same result", "another")
        raise ValueError(f"another key must give {expected} with draws={trials.draws}, got {came}")


def check_batch(trials: Trials) -> None:
    """A trial alone gives what it gives among others."""
    alone = jax.jit(trials.one)
    dtype = trials.weights.dtype
    tolerance = 1e3 * float(jnp.finfo(dtype).eps)
    for index in (NUM_EXTREMES, NUM_DRAWS // 2, NUM_DRAWS - 1):
        single = jax.device_get(alone(trials.keys[index], trials.weights[index], trials.factors[index]))
        together = jax.tree.map(lambda leaf, index=index: leaf[index], trials.compressed)
        if not all(np.isfinite(one.reconstruction).all() for one in (single, together)):
            continue  # for check_values to name
        scale = float(np.max(np.abs(single.reconstruction)))
        if not np.allclose(
            single.reconstruction, together.reconstruction, rtol=tolerance, atol=tolerance * scale
        ):
            raise ValueError(
                "a trial must give the same alone as among others, got a difference of "
                f"{np.max(np.abs(single.reconstruction - together.reconstruction)):g} in the reconstruction"
            )


def check_values(trials: Trials) -> None:
    """Finite reconstructions and rates, none negative, on typical weights and on extreme ones."""
    reconstruction, rates = trials.compressed
    for what, values in {"reconstruction": reconstruction, **rates}.items():
        bad = ~np.isfinite(np.reshape(values, (NUM_DRAWS, -1))).all(axis=1)
        if bad.any():
            weights = np.asarray(trials.weights)[np.argmax(bad)]
            raise ValueError(f"{what} must be finite, got NaN or infinity for the weights {weights}")
    for rate, values in rates.items():
        if rate != SIGNED_RATE and np.min(values) < -RATE_TOLERANCE * max(1.0, float(np.max(values))):
            raise ValueError(
                f"rate {rate!r} must be at least 0 nats (only {SIGNED_RATE!r} may be below in one trial), "
                f"got {np.min(values):g}"
            )


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

    A is made small in one direction by 1/s², where the weights then lie s times further from w*.
    """
    model, arrays = trials.model, trials.arrays
    light = sorted(frozenset(RISK_NAMES).difference(trials.compressor.heavy_tailed(model)))
    if model.noise_variance == 0 or not light:
        return
    sizes = []
    signal = float(model.squared_norm(model.w_star)) * model.n / model.noise_variance
    for stretch in STRETCHES:
        draws = stretched(model, stretch * max(signal, 1.0) ** 0.5)
        compressed = trials.batch(trials.keys, draws.weights, draws.hessian_factor)
        risks = jax.vmap(lambda draw, one: statistics_risks(arrays, draw, one))(
            draws, compressed.reconstruction
        )
        sizes.append(
            # The mean, not the median: what grows in few trials only has tails too.
            {name: float(np.mean(np.abs(value))) for name, value in zip(RISK_NAMES, risks, strict=True)}
        )
    smallest = 1e-2 * model.noise_variance
    for risk in light:
        before, after = sizes[0][risk], sizes[1][risk]
        if after > smallest and after > GROWTH * before:
            raise ValueError(
                f"{risk} grows with ‖W‖², from {before:.3g} to {after:.3g} for weights 100 times further "
                "from w*, so it must be in heavy_tailed"
            )


def full_context(model: ModelArrays, hessian_factor: jax.Array) -> Context:
    """Everything there is to see, by a factor of the Hessian; ``compress_all`` shows what was declared."""
    hessian = hessian_factor @ hessian_factor.T
    return Context(model=model, hessian_diagonal=jnp.diag(hessian), hessian=hessian)


def _same(first: Compressed, second: Compressed) -> bool:
    return first.rates.keys() == second.rates.keys() and all(
        np.array_equal(one, other, equal_nan=True)
        for one, other in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
    )

"""Checks of what a compressor makes of many trials: pure, alone as among others, finite."""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from ratedist.compressors.base import (
    RATE_TOLERANCE,
    SIGNED_RATE,
    Compressed,
    Compressor,
    Context,
    FamilyCompressor,
    PreparedCompressor,
)
from ratedist.compressors.extreme_draws import NUM_DRAWS, NUM_EXTREMES, typical_and_extreme
from ratedist.compressors.together import checked_family, compress_all
from ratedist.compressors.tracing import full_context
from ratedist.linear_model.base import LinearModel
from ratedist.linear_model.samplers import arrays_of, samplers_of

# A label of a compressor in these checks.
NAME = "it"


class Trials:
    """Draws of the weights, with what the compressor may see of them, and what it makes of them."""

    def __init__(
        self,
        compressor: Compressor,
        model: LinearModel,
        prepared: PreparedCompressor,
        draws: bool | None,
    ) -> None:
        self.compressor, self.model, self.prepared, self.draws = compressor, model, prepared, draws
        self.arrays = arrays_of(model)
        self.risks = samplers_of(model)["statistics"].risks
        self.weights, self.factors = typical_and_extreme(model)
        self.keys = jax.random.split(jax.random.key(1), NUM_DRAWS)
        # Between two ways to compute one thing.
        self.tolerance = 1e3 * float(jnp.finfo(self.weights.dtype).eps)
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
    alone, tolerance = jax.jit(trials.one), trials.tolerance
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


def check_family(trials: Trials) -> None:
    """Where there is ``compress_family``, two of a family get what ``compress`` gives to each alone."""
    prepared = trials.prepared
    if not isinstance(prepared, FamilyCompressor):
        return
    if trials.compressor.needs:
        raise ValueError(
            f"compress_family sees the weights alone, got needs {', '.join(sorted(trials.compressor.needs))}"
        )
    members = {"first": prepared, "second": prepared}

    def difference(key: jax.Array, weights: jax.Array) -> jax.Array:
        groups = checked_family(members, prepared.compress_family(members, weights), weights)
        alone = prepared.compress(key, weights, Context())
        far = []
        for group in groups.values():
            if group.rates.keys() != alone.rates.keys():
                raise ValueError(
                    f"compress_family must return the rates of compress, {', '.join(alone.rates) or 'none'}, "
                    f"got {', '.join(group.rates) or 'none'}"
                )
            for together, one in zip(jax.tree.leaves(group), jax.tree.leaves(alone), strict=True):
                one = jnp.asarray(one)[None]
                far.append(jnp.abs(together - one).max() / jnp.maximum(jnp.abs(one).max(), 1.0))
        return jnp.max(jnp.stack(far))

    largest = float(jnp.max(jax.jit(jax.vmap(difference))(trials.keys, trials.weights)))
    if not largest <= trials.tolerance:
        raise ValueError(
            f"compress_family must give what compress gives alone, got a relative difference of {largest:g}"
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


def _same(first: Compressed, second: Compressed) -> bool:
    return first.rates.keys() == second.rates.keys() and all(
        np.array_equal(one, other, equal_nan=True)
        for one, other in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
    )

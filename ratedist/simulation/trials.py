"""The values of a batch of trials, by quantity: laid out, checked, and kept if they are asked for."""

from __future__ import annotations

import pathlib
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.linalg import get_lapack_funcs

from ratedist import _checks
from ratedist.compressors.base import RATE_TOLERANCE, SIGNED_RATE, Compressor, PreparedCompressor
from ratedist.linear_model.base import LinearModel
from ratedist.linear_model.multi_output import MultiOutputLinearModel
from ratedist.linear_model.quantities import RISK_NAMES
from ratedist.pytrees import structure_number
from ratedist.simulation.estimates import RATE_PREFIX, SQUARED_DISTANCE

# Values of all trials that are kept, at most.
SAMPLES_BYTES = 2**30
# Of a risk or rate, so that sums of squares over all trials stay within float64.
LARGEST_VALUE = 1e140
# Rounding times the condition number of Σ: beyond it risks lose the digits that a simulation shows.
LARGEST_ERROR = 0.1
# What the fit adds to the noise as a share of it, in roundings: below, it is wrong by 1/1000 and more.
LEAST_ROUNDINGS = 100


def checked_key(key: jax.Array) -> jax.Array:
    """The key as a typed scalar; raw keys of ``jax.random.PRNGKey`` are taken too."""
    one = _checks.random_key(key)
    return one if jnp.issubdtype(one.dtype, jax.dtypes.prng_key) else jax.random.wrap_key_data(one)


def require_held(model: LinearModel) -> None:
    """Refuse noise that JAX's precision does not hold."""
    held = jnp.finfo(jnp.result_type(float))
    several = isinstance(model, MultiOutputLinearModel)
    name = "the noise_covariance in the metric of the loss_matrix" if several else "noise_variance"
    risk = model.bayes_risk / model.num_outputs
    if risk > 0 and not float(held.tiny) <= risk <= float(held.max):
        raise ValueError(
            f"{name} must lie in [{float(held.tiny):.2g}, {float(held.max):.2g}], which is what "
            f"{held.dtype} holds, got {risk:g}: rescale the problem or enable x64"
        )


def warn_of_few_digits(model: LinearModel) -> None:
    """Warn where rounding the weights, the covariance (as LAPACK estimates) or risks changes the numbers."""
    dtype = jnp.result_type(float)
    eps = float(jnp.finfo(dtype).eps)
    remedy = 'use jax.config.update("jax_enable_x64", True) or rescale the problem'
    # What one rounding of a weight is, against what the weights vary by.
    resolution = eps * _rounded_size(model)
    noise = model.bayes_risk / model.num_outputs
    spread = (noise / model.covariance_norm / model.degrees_of_freedom) ** 0.5
    if 0 < spread < 1000 * resolution:
        warnings.warn(
            f"the weights vary by about {spread:.1g}, and {dtype} resolves them to {resolution:.1g}: "
            f"{remedy}",
            stacklevel=4,
        )
    # Population risks are all about the variance of the noise, and differ by what the fit adds to it.
    share = model.num_inputs / model.n
    if model.bayes_risk > 0 and share < LEAST_ROUNDINGS * eps:
        warnings.warn(
            f"the fit adds about d/n = {share:.1g} of itself to the population risk, and {dtype} rounds to "
            f"{eps:.1g}, so that differences of population risks lose their digits: {remedy}",
            stacklevel=4,
        )
    # A rounded entry of Σ is measured against its smallest eigenvalue, along which the weights vary most.
    covariance = np.asarray(model.covariance)
    if covariance.ndim == 2 and model.bayes_risk > 0:
        largest_sum = float(np.abs(covariance).sum(axis=0).max())
        factor = np.asarray(model.covariance_cholesky, np.float64)
        (estimate_condition,) = get_lapack_funcs(("pocon",), (factor,))
        reciprocal, _ = estimate_condition(factor, largest_sum, uplo="L")
        if eps > LARGEST_ERROR * reciprocal:
            warnings.warn(
                f"the covariance has a condition number of about {1 / max(reciprocal, 1e-300):.1g}, and "
                f"{dtype} rounds to {eps:.1g}, so that risks lose their digits: {remedy}",
                stacklevel=4,
            )


def _rounded_size(model: LinearModel) -> float:
    """The largest number that is rounded in a weight, times what the loss makes of an error: ‖B‖, M = BBᵀ."""
    size = float(np.max(np.abs(model.w_star)))
    if not isinstance(model, MultiOutputLinearModel):
        return size
    B, C = model.loss_factor, model.noise_factor
    if B.ndim == C.ndim == 2:  # weak directions of the noise are differences of outputs with more of it
        size = max(size, float(np.max(np.abs(C))) / (model.covariance_norm * model.degrees_of_freedom) ** 0.5)
    return size * float(np.linalg.norm(B, 2) if B.ndim == 2 else np.max(B))


class Column(NamedTuple):
    """One quantity: the compressors that have it, and its values, shape ``(num_trials, len(names))``."""

    names: tuple[str, ...]
    values: Any


def by_quantity(
    groups: Mapping[tuple[str, ...], Mapping[str, Any]], risks: Mapping[str, Any], count: int
) -> dict[str, Column]:
    """The first ``count`` trials, from the rates of each group and the risks of all groups in a row."""
    names = tuple(name for group in groups for name in group)
    columns = {quantity: Column(names, values[:count]) for quantity, values in risks.items()}
    for rate in sorted({rate for rates in groups.values() for rate in rates}):
        having = {group: rates[rate] for group, rates in groups.items() if rate in rates}
        owners = tuple(name for group in having for name in group)
        values = np.concatenate(list(having.values()), axis=1)
        columns[RATE_PREFIX + rate] = Column(owners, values[:count])
    return columns


def joined(batches: Sequence[Mapping[str, Column]]) -> dict[str, Column]:
    """The values of several batches as those of one."""
    return {
        quantity: Column(names, np.concatenate([batch[quantity].values for batch in batches]))
        for quantity, (names, _) in batches[0].items()
    }


def check_values(columns: Mapping[str, Column], weights: jax.Array, indices: jax.Array) -> None:
    """Refuse reconstructions and rates that are not finite or too large to be squared, and negative rates.

    Args:
        columns: of the trials, by quantity.
        weights: those that were compressed, shape ``(at least num_trials, num_weights)``.
        indices: of the trials, upper and lower 32 bits, the same length.
    """
    for quantity, (names, values) in columns.items():
        bad, expected = ~np.isfinite(values), "finite"
        if not bad.any():
            bad = np.abs(values, dtype=np.float64) > LARGEST_VALUE  # beyond single precision
            expected = f"at most {LARGEST_VALUE:g} in size, for its standard error: rescale the problem"
        rate = quantity.removeprefix(RATE_PREFIX)
        if rate not in (quantity, SIGNED_RATE) and not bad.any():
            bad, expected = values < -RATE_TOLERANCE * np.maximum(1.0, values.max()), "at least 0 nats"
        if not bad.any():
            continue
        row, column = np.argwhere(bad)[0]
        high, low = np.asarray(indices)[row].tolist()
        trial = (high << 32) + low
        if not np.all(np.isfinite(np.asarray(weights[row]))):
            raise ValueError(f"trial {trial} drew weights that are not finite in {weights.dtype}")
        what = f"the reconstruction, and with it its {quantity}," if rate == quantity else f"rate {rate!r}"
        raise ValueError(
            f"{what} of compressor {names[column]!r} must be {expected}, got {values[row, column]:g} in "
            f"trial {trial}"
        )


def room_for_samples(
    groups: Mapping[tuple[str, ...], Mapping[str, Any]],
    num_trials: int,
    dtype: np.dtype,
    checkpoint_path: str | pathlib.Path | None,
) -> dict[str, np.ndarray]:
    """Empty arrays for the values of all trials, by quantity.

    Raises:
        ValueError: more than 1 GiB of them, or a checkpoint, which holds none.
    """
    if checkpoint_path is not None:
        raise ValueError(
            "return_samples keeps the values of all trials, and a checkpoint holds none of those before it: "
            f"leave one of the two out, got checkpoint_path={str(checkpoint_path)!r}"
        )
    compressors = sum(len(group) for group in groups)
    sizes: dict[str, int] = dict.fromkeys((*RISK_NAMES, SQUARED_DISTANCE), compressors)
    for group, rates in groups.items():
        for rate in rates:
            sizes[RATE_PREFIX + rate] = sizes.get(RATE_PREFIX + rate, 0) + len(group)
    needed = num_trials * sum(sizes.values()) * dtype.itemsize
    if needed > SAMPLES_BYTES:
        raise ValueError(
            f"return_samples must keep at most {SAMPLES_BYTES / 2**30:g} GiB, got {num_trials} trials of "
            f"{sum(sizes.values())} values, {needed / 2**30:.3g} GiB: fewer trials or fewer compressors"
        )
    return {quantity: np.empty((num_trials, size), dtype) for quantity, size in sizes.items()}


def check_recognisable(prepared: Mapping[str, PreparedCompressor]) -> None:
    """Refuse compressors that a later process cannot tell from others, such as plain functions.

    What is static in them enters the identity of a checkpoint by its text, and a text that is an address in
    memory means nothing elsewhere.
    """
    for name, one in prepared.items():
        if " at 0x" in str(jax.tree.structure(one)):
            raise ValueError(
                f"a checkpoint needs compressors that it recognises in another process, and {name!r} is "
                "known by its address in memory only: leave checkpoint_path out, or write a frozen dataclass"
            )


def needs_of(
    compressors: Mapping[str, Compressor], prepared: Mapping[str, Any]
) -> tuple[tuple[str, frozenset[str], int], ...]:
    """Of each compressor its name, what it sees, and a number of its structure, which a plan is told by."""
    return tuple(
        (name, frozenset(one.needs), structure_number(prepared[name])) for name, one in compressors.items()
    )

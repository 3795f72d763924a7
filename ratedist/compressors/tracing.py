"""Tracing one compressor without computing anything: what is wrong with it in words."""

from __future__ import annotations

from typing import Any

import jax

from ratedist.compressors.base import CONTEXT_NAMES, Compressor, Context, PreparedCompressor
from ratedist.compressors.together import compress_all
from ratedist.linear_model.multi_output_sampling import MultiOutputArrays
from ratedist.linear_model.sampling import ModelArrays


def trace_output(
    name: str, compressor: Compressor, model: ModelArrays | MultiOutputArrays, prepared: PreparedCompressor
) -> None:
    """Trace ``compress`` without computing anything.

    Raises:
        ValueError: what it raised itself while traced, or what is wrong with its output.
    """
    d = model.num_inputs
    weights = jax.ShapeDtypeStruct(model.w_star.shape, model.w_star.dtype)
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


def full_context(model: ModelArrays | MultiOutputArrays, hessian_factor: jax.Array) -> Context:
    """Everything there is to see, by a factor of A/n; ``compress_all`` shows what was declared."""
    input_hessian = hessian_factor @ hessian_factor.T
    return Context(
        model=model,
        hessian_diagonal=model.hessian_diagonal(input_hessian),
        hessian=model.hessian(input_hessian),
        input_hessian=input_hessian,
    )

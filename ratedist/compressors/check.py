"""Checks of a compressor of one's own: everything that :func:`ratedist.simulate` takes for granted."""

from __future__ import annotations

from typing import Any

from ratedist import _checks
from ratedist.compressors.base import Compressor, PreparedCompressor
from ratedist.compressors.check_claims import check_bounds, check_rate_names, check_tails
from ratedist.compressors.check_trials import (
    NAME,
    Trials,
    check_batch,
    check_family,
    check_key,
    check_purity,
    check_values,
)
from ratedist.compressors.declaration import (
    bounding_rates,
    check_declaration,
    checked_fixed_rates,
    checked_heavy_tailed,
)
from ratedist.compressors.extreme_draws import NUM_DRAWS
from ratedist.compressors.together import signature
from ratedist.compressors.tracing import trace_output
from ratedist.linear_model.base import LinearModel
from ratedist.linear_model.multi_output import require_linear_model
from ratedist.linear_model.samplers import arrays_of


def check_compressor(
    compressor: Compressor, model: LinearModel, *, draws: bool | None = None
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

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=20, w_star=rd.two_level_weights(4))
        >>> passed = rd.check_compressor(rd.FixedCodebook([-1.0, 1.0]), model)
        >>> passed[:3]
        ('declaration', 'model_answers', 'structure')
    """
    require_linear_model(model)
    if draws is not None and not isinstance(draws, bool):
        raise ValueError(f"draws must be True, False or None, got {draws!r}")
    check_declaration(NAME, compressor)
    size = model.num_weights if "hessian" in compressor.needs else model.num_inputs
    _checks.fits_in_memory(
        f"a check on {NUM_DRAWS} Hessians at d = {model.num_inputs}", 32 * NUM_DRAWS * size**2
    )
    check_model_answers(compressor, model)
    prepared = compressor.prepare(model)
    check_structure(compressor, model, prepared)
    check_output(compressor, model, prepared)
    passed = ["declaration", "model_answers", "structure", "output"]
    trials = Trials(compressor, model, prepared, draws)
    failures = []
    for check in (
        check_purity, check_key, check_batch, check_family, check_values, check_rate_names, check_bounds,
        check_tails,
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


def check_model_answers(compressor: Compressor, model: LinearModel) -> None:
    """What it says about a model has names and numbers that exist."""
    checked_heavy_tailed(NAME, compressor, model)
    checked_fixed_rates(NAME, compressor, model)
    bounding_rates(NAME, compressor, model)


def check_structure(compressor: Compressor, model: LinearModel, prepared: Any) -> None:
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


def check_output(compressor: Compressor, model: LinearModel, prepared: PreparedCompressor) -> None:
    """``compress`` is traced with the context that was declared, and returns the right shapes and types."""
    trace_output(NAME, compressor, arrays_of(model), prepared)

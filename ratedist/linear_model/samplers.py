"""What is drawn in a trial: the three samplers of a linear model, each as one record."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax

from ratedist.linear_model import multi_output_risks, multi_output_sampling
from ratedist.linear_model.base import LinearModel
from ratedist.linear_model.model import GaussianLinearModel
from ratedist.linear_model.multi_output import MultiOutputLinearModel
from ratedist.linear_model.multi_output_sampling import MultiOutputArrays
from ratedist.linear_model.quantities import Risks
from ratedist.linear_model.risks import dataset_risks, erm_risks, statistics_risks
from ratedist.linear_model.sampling import (
    ErmDraw,
    ModelArrays,
    StatisticsDraw,
    draw_dataset,
    draw_erm,
    draw_statistics,
)


@dataclasses.dataclass(frozen=True)
class Sampler:
    """One way to draw the ERM weights, and what it shows besides them.

    Attributes:
        draw: ``draw(key, model, num_samples)``, the draw of one trial; its ``weights`` are W, all in a row.
            ``num_samples`` is n as a static number, 0 unless ``sized_by_samples``.
        risks: ``risks(model, draw, reconstruction)``, the four risks of a reconstruction in that trial.
        input_hessian: A/n by a draw, shape ``(d, d)``; ``None`` if the draw does not show it.
        sized_by_samples: whether arrays of a draw have n in their shape, so that each n is compiled anew.
        numbers: ``numbers(o, d, n)``, how many numbers a trial holds besides those of its compressors.
    """

    draw: Callable[[jax.Array, Any, int], Any]
    risks: Callable[[Any, Any, jax.Array], Risks]
    input_hessian: Callable[[Any], jax.Array] | None
    sized_by_samples: bool
    numbers: Callable[[int, int, int], int]


def _of_erm(key: jax.Array, model: ModelArrays, num_samples: int) -> ErmDraw:
    return draw_erm(key, model)


def _of_statistics(key: jax.Array, model: ModelArrays, num_samples: int) -> StatisticsDraw:
    return draw_statistics(key, model)


def _gram_of_factor(draw: Any) -> jax.Array:
    return draw.hessian_factor @ draw.hessian_factor.T


def _gram_of_inputs(draw: Any) -> jax.Array:
    return draw.inputs.T @ draw.inputs / draw.inputs.shape[0]


# From the fastest to the slowest: "auto" takes the first that shows what the compressors need.
SAMPLERS: Mapping[str, Sampler] = {
    "erm": Sampler(_of_erm, erm_risks, None, False, lambda o, d, n: 0),
    "statistics": Sampler(_of_statistics, statistics_risks, _gram_of_factor, False, lambda o, d, n: 4 * d**2),
    "dataset": Sampler(draw_dataset, dataset_risks, _gram_of_inputs, True, lambda o, d, n: 3 * n * d),
}

MULTI_OUTPUT_SAMPLERS: Mapping[str, Sampler] = {
    "erm": Sampler(
        lambda key, model, num_samples: multi_output_sampling.draw_erm(key, model),
        multi_output_risks.erm_risks,
        None,
        False,
        lambda o, d, n: 3 * o**2,
    ),
    "statistics": Sampler(
        lambda key, model, num_samples: multi_output_sampling.draw_statistics(key, model),
        multi_output_risks.statistics_risks,
        _gram_of_factor,
        False,
        lambda o, d, n: 4 * d**2,
    ),
    "dataset": Sampler(
        multi_output_sampling.draw_dataset,
        multi_output_risks.dataset_risks,
        _gram_of_inputs,
        True,
        lambda o, d, n: 3 * n * (d + o),
    ),
}


def samplers_of(model: LinearModel) -> Mapping[str, Sampler]:
    """The samplers of a model, by name."""
    return SAMPLERS if isinstance(model, GaussianLinearModel) else MULTI_OUTPUT_SAMPLERS


def arrays_of(model: LinearModel) -> ModelArrays | MultiOutputArrays:
    """The model as traced values in JAX's default precision."""
    if isinstance(model, GaussianLinearModel):
        return ModelArrays.of(model)
    if isinstance(model, MultiOutputLinearModel):
        return MultiOutputArrays.of(model)
    raise TypeError(f"no samplers for a {type(model).__name__}")

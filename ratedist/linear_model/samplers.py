"""What is drawn in a trial: the three samplers of the linear model, each as one record."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax

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
        draw: ``draw(key, model, num_samples)``, the draw of one trial; its ``weights`` are W, shape ``(d,)``.
            ``num_samples`` is n as a static number, 0 unless ``sized_by_samples``.
        risks: ``risks(model, draw, reconstruction)``, the four risks of a reconstruction in that trial.
        hessian: ``hessian(draw)``, A/n of shape ``(d, d)``; ``None`` if the draw does not show it.
        sized_by_samples: whether arrays of a draw have n in their shape, so that each n is compiled anew.
        numbers: ``numbers(d, n)``, how many numbers a trial holds besides those of its compressors.
    """

    draw: Callable[[jax.Array, ModelArrays, int], Any]
    risks: Callable[[ModelArrays, Any, jax.Array], Risks]
    hessian: Callable[[Any], jax.Array] | None
    sized_by_samples: bool
    numbers: Callable[[int, int], int]


def _of_erm(key: jax.Array, model: ModelArrays, num_samples: int) -> ErmDraw:
    return draw_erm(key, model)


def _of_statistics(key: jax.Array, model: ModelArrays, num_samples: int) -> StatisticsDraw:
    return draw_statistics(key, model)


# From the fastest to the slowest: "auto" takes the first that shows what the compressors need.
SAMPLERS: Mapping[str, Sampler] = {
    "erm": Sampler(_of_erm, erm_risks, None, False, lambda d, n: 0),
    "statistics": Sampler(
        _of_statistics,
        statistics_risks,
        lambda draw: draw.hessian_factor @ draw.hessian_factor.T,
        False,
        lambda d, n: 4 * d**2,
    ),
    "dataset": Sampler(
        draw_dataset,
        dataset_risks,
        lambda draw: draw.inputs.T @ draw.inputs / draw.inputs.shape[0],
        True,
        lambda d, n: 3 * n * d,
    ),
}

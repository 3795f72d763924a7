"""What a network loses and gains when its parameters are replaced: one row of numbers a change."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ratedist.kept_programs import few_kept
from ratedist.networks.architecture import Architecture, Convolution, Parameters, logits
from ratedist.networks.calibration import fit_temperature, reliability
from ratedist.networks.losses import evaluate

# Images at once: a convolution's working set has to fit the cache of a CPU.
DENSE_CHUNK = 2_000
CONVOLUTION_CHUNK = 50


@dataclasses.dataclass(frozen=True, eq=False)
class Splits:
    """Scaled images and labels of the three parts that a network is judged on.

    Attributes:
        train: what it was trained on; its loss is the empirical risk.
        holdout: training images it has not seen: temperatures, factors and β are chosen here.
        test: the published test set; its loss estimates the population risk.
    """

    train: tuple[np.ndarray, np.ndarray]
    holdout: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]


def predict(architecture: Architecture, parameters: Parameters, images: np.ndarray) -> np.ndarray:
    """Logits of all images, float32 of shape ``(n, classes)``, computed in chunks."""
    convolutional = any(isinstance(layer, Convolution) for layer in architecture.layers)
    chunk = min(CONVOLUTION_CHUNK if convolutional else DENSE_CHUNK, len(images))
    outputs = []
    for start in range(0, len(images), chunk):
        piece = images[start : start + chunk]
        padded = np.concatenate([piece, np.repeat(piece[-1:], chunk - len(piece), axis=0)])
        outputs.append(np.asarray(_logits(architecture, parameters, padded))[: len(piece)])
    return np.concatenate(outputs)


def assess(architecture: Architecture, parameters: Parameters, splits: Splits) -> dict[str, Any]:
    """Losses and accuracies of a network, as it is and with a temperature of its own.

    The temperature T divides the logits and minimises the loss of the held-out images.

    Args:
        architecture: the layers of the network, an ``Architecture``.
        parameters: as trained, or whatever took their place.
        splits: images and labels.

    Returns:
        ``train_loss``, ``holdout_loss``, ``test_loss`` (nats) and the accuracies of the same names,
        ``generalization_error`` (test − train), ``temperature``, ``calibrated_train_loss`` and
        ``calibrated_test_loss`` after dividing by T, the expected ``calibration_error`` on the test set,
        before and (``calibrated_calibration_error``) after, and ``diagrams``, the reliability diagrams
        behind these. Where the held-out images do not determine T (all of them right, or no better than by
        chance: the loss still falls at an end of the bracket) it is NaN, and so are the calibrated numbers.
    """
    outputs = {
        name: (predict(architecture, parameters, images), labels)
        for name, (images, labels) in vars(splits).items()
    }
    row: dict[str, Any] = {}
    for name, (z, labels) in outputs.items():
        result = evaluate(z, labels)
        row[f"{name}_loss"] = result.loss.mean
        row[f"{name}_accuracy"] = result.accuracy.mean
    row["generalization_error"] = row["test_loss"] - row["train_loss"]
    fit = fit_temperature(*outputs["holdout"])
    T, row["temperature"] = fit.temperature, fit.temperature
    z, labels = outputs["test"]
    row["calibrated_test_loss"] = evaluate(z / T, labels).loss.mean
    row["calibrated_train_loss"] = evaluate(outputs["train"][0] / T, outputs["train"][1]).loss.mean
    row["diagrams"] = {"raw": reliability(z, labels), "calibrated": reliability(z / T, labels)}
    row["calibration_error"] = row["diagrams"]["raw"].expected_calibration_error
    row["calibrated_calibration_error"] = row["diagrams"]["calibrated"].expected_calibration_error
    if fit.at_edge:
        row |= {name: np.nan for name in row if name.startswith("calibrated") or name == "temperature"}
    return row


@few_kept
@functools.partial(jax.jit, static_argnums=0)
def _logits(architecture: Architecture, parameters: Any, images: Any) -> jax.Array:
    return logits(architecture, parameters, jnp.asarray(images))

"""The control that changes the least: one factor on the weights of the last layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from ratedist.networks.architecture import Architecture, Parameters
from ratedist.networks.assessment import predict
from ratedist.networks.losses import evaluate

# A factor beyond these turns a classifier into a constant, or into its own hard decision.
LEAST_FACTOR, LARGEST_FACTOR = 1e-3, 1e3


def fit_last_layer_factor(
    architecture: Architecture, parameters: Parameters, samples: tuple[np.ndarray, np.ndarray]
) -> float:
    """The factor on the last layer's weights (not its bias) that minimises the loss of some samples.

    With logits z and bias b, the factor f makes them ``f(z − b) + b``: the loss is convex in f.

    Args:
        architecture: the layers of the network, an ``Architecture``.
        parameters: trained.
        samples: held-out images and their labels.

    Returns:
        f, in 10⁻³ … 10³.
    """
    images, labels = samples
    z = predict(architecture, parameters, images).astype(np.float64)
    b = np.asarray(parameters[architecture.layers[-1].name]["bias"], np.float64)

    def loss(logarithm: float) -> float:
        return evaluate(np.exp(logarithm) * (z - b) + b, labels).loss.mean

    found: Any = minimize_scalar(
        loss, bounds=(np.log(LEAST_FACTOR), np.log(LARGEST_FACTOR)), method="bounded", options={"xatol": 1e-8}
    )
    return float(np.exp(found.x))

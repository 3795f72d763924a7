"""Neural networks: data, training, curvature, quantisation, calibration.

Names are imported when they are first used: only training needs optax.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ratedist.networks.architecture import (
        Architecture,
        convolutional_network,
        initialize,
        logits,
        mlp,
    )
    from ratedist.networks.calibration import expected_calibration_error, fit_temperature, reliability
    from ratedist.networks.comparison import compare, sample_losses
    from ratedist.networks.controls import clip_weights, scale_last_layer, weight_ranges
    from ratedist.networks.cross_validation import choose_beta, folds
    from ratedist.networks.curvature.architectures import (
        empirical_fisher_diagonal,
        gauss_newton_diagonal,
        sample_gauss_newton_diagonal,
        squared_loss_hessian_diagonal,
    )
    from ratedist.networks.data import load
    from ratedist.networks.ensemble import EnsembleConfig, train_member
    from ratedist.networks.fine_tuning import fine_tune_centers
    from ratedist.networks.importance import normalized_importance
    from ratedist.networks.layers import compress_network
    from ratedist.networks.losses import evaluate
    from ratedist.networks.parameter_files import load_parameters, save_parameters
    from ratedist.networks.quantization import QuantizedModel, quantize
    from ratedist.networks.training import Recipe, train

_HOME = {
    "Architecture": "architecture",
    "EnsembleConfig": "ensemble",
    "QuantizedModel": "quantization",
    "Recipe": "training",
    "choose_beta": "cross_validation",
    "clip_weights": "controls",
    "compare": "comparison",
    "compress_network": "layers",
    "convolutional_network": "architecture",
    "empirical_fisher_diagonal": "curvature",
    "evaluate": "losses",
    "expected_calibration_error": "calibration",
    "fine_tune_centers": "fine_tuning",
    "fit_temperature": "calibration",
    "folds": "cross_validation",
    "gauss_newton_diagonal": "curvature",
    "initialize": "architecture",
    "load": "data",
    "load_parameters": "parameter_files",
    "logits": "architecture",
    "mlp": "architecture",
    "normalized_importance": "importance",
    "quantize": "quantization",
    "reliability": "calibration",
    "sample_gauss_newton_diagonal": "curvature",
    "sample_losses": "comparison",
    "save_parameters": "parameter_files",
    "scale_last_layer": "controls",
    "squared_loss_hessian_diagonal": "curvature",
    "train": "training",
    "train_member": "ensemble",
    "weight_ranges": "controls",
}

__all__ = [
    "Architecture",
    "EnsembleConfig",
    "QuantizedModel",
    "Recipe",
    "choose_beta",
    "clip_weights",
    "compare",
    "compress_network",
    "convolutional_network",
    "empirical_fisher_diagonal",
    "evaluate",
    "expected_calibration_error",
    "fine_tune_centers",
    "fit_temperature",
    "folds",
    "gauss_newton_diagonal",
    "initialize",
    "load",
    "load_parameters",
    "logits",
    "mlp",
    "normalized_importance",
    "quantize",
    "reliability",
    "sample_gauss_newton_diagonal",
    "sample_losses",
    "save_parameters",
    "scale_last_layer",
    "squared_loss_hessian_diagonal",
    "train",
    "train_member",
    "weight_ranges",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'ratedist.networks' has no attribute {name!r}")
    try:
        value = getattr(importlib.import_module(f"ratedist.networks.{_HOME[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name != "optax":
            raise
        message = f"ratedist.networks.{name} needs optax: pip install 'ratedist[networks]'"
        raise ModuleNotFoundError(message, name="optax") from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

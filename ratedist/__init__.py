"""ratedist: the rate-distortion theory of model compression.

Names are imported when they are first used, so that ``import ratedist`` and ``ratedist --help`` do not
wait for JAX.
"""

from __future__ import annotations

import importlib

# A command hears Ctrl-C once this file is imported: it goes without the module typing, to be there sooner.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ratedist import claims, codes, container, networks, theory, units
    from ratedist.compressors import (
        ERM,
        Compressed,
        Compressor,
        FixedCodebook,
        HessianWeightedKMeans,
        KMeans,
        Oracle,
        check_compressor,
        compressor,
    )
    from ratedist.estimate import Estimate
    from ratedist.linear_model.model import GaussianLinearModel, ar1_covariance
    from ratedist.linear_model.weights import gaussian_weights, sparse_weights, two_level_weights
    from ratedist.quantizers import Quantized, kmeans
    from ratedist.simulation.runner import simulate
    from ratedist.tensors.allocation import allocate
    from ratedist.tensors.tree import QuantizedTree, load_tree, quantize_tree

__version__ = "0.1.0"

_SUBPACKAGES = ("claims", "codes", "container", "networks", "theory", "units")
_HOME = {
    "allocate": "ratedist.tensors.allocation",
    "Compressed": "ratedist.compressors",
    "Compressor": "ratedist.compressors",
    "ERM": "ratedist.compressors",
    "FixedCodebook": "ratedist.compressors",
    "HessianWeightedKMeans": "ratedist.compressors",
    "KMeans": "ratedist.compressors",
    "Oracle": "ratedist.compressors",
    "check_compressor": "ratedist.compressors",
    "compressor": "ratedist.compressors",
    "Estimate": "ratedist.estimate",
    "GaussianLinearModel": "ratedist.linear_model.model",
    "ar1_covariance": "ratedist.linear_model.model",
    "gaussian_weights": "ratedist.linear_model.weights",
    "sparse_weights": "ratedist.linear_model.weights",
    "two_level_weights": "ratedist.linear_model.weights",
    "Quantized": "ratedist.quantizers",
    "kmeans": "ratedist.quantizers",
    "simulate": "ratedist.simulation.runner",
    "QuantizedTree": "ratedist.tensors.tree",
    "load_tree": "ratedist.tensors.tree",
    "quantize_tree": "ratedist.tensors.tree",
}

__all__ = [
    "ERM",
    "Compressed",
    "Compressor",
    "Estimate",
    "FixedCodebook",
    "GaussianLinearModel",
    "HessianWeightedKMeans",
    "KMeans",
    "Oracle",
    "Quantized",
    "QuantizedTree",
    "allocate",
    "ar1_covariance",
    "check_compressor",
    "claims",
    "codes",
    "compressor",
    "container",
    "gaussian_weights",
    "kmeans",
    "load_tree",
    "networks",
    "quantize_tree",
    "simulate",
    "sparse_weights",
    "theory",
    "two_level_weights",
    "units",
]


def __getattr__(name: str) -> Any:
    if name in _SUBPACKAGES:
        value = importlib.import_module(f"ratedist.{name}")
    elif name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
    else:
        raise AttributeError(f"module 'ratedist' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

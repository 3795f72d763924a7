"""Scalar and vector quantisers: arrays in, ``Quantized`` out; nothing about regression or networks."""

from ratedist.quantizers.baselines import entropy_constrained_quantizer, uniform_quantizer
from ratedist.quantizers.clustering import kmeans, optimal_scalar_path
from ratedist.quantizers.methods import Algorithm1, Lloyd, Optimal
from ratedist.quantizers.objective import quantization_objective
from ratedist.quantizers.quantized import Quantized

__all__ = [
    "Algorithm1",
    "Lloyd",
    "Optimal",
    "Quantized",
    "entropy_constrained_quantizer",
    "kmeans",
    "optimal_scalar_path",
    "quantization_objective",
    "uniform_quantizer",
]

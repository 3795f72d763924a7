"""What the experiments on the linear model compare, and what a compressor of one's own is made of."""

from ratedist.compressors.base import Compressed, Compressor, Context, FamilyCompressor
from ratedist.compressors.check import check_compressor
from ratedist.compressors.erm import ERM
from ratedist.compressors.fixed_codebook import FixedCodebook
from ratedist.compressors.function import compressor
from ratedist.compressors.hessian_weighted import HessianWeightedKMeans
from ratedist.compressors.kmeans import KMeans
from ratedist.compressors.oracle import Oracle

__all__ = [
    "ERM",
    "Compressed",
    "Compressor",
    "Context",
    "FamilyCompressor",
    "FixedCodebook",
    "HessianWeightedKMeans",
    "KMeans",
    "Oracle",
    "check_compressor",
    "compressor",
]

"""What the experiments on the linear model compare."""

from ratedist.compressors.erm import ERM
from ratedist.compressors.fixed_codebook import FixedCodebook
from ratedist.compressors.hessian_weighted import HessianWeightedKMeans
from ratedist.compressors.kmeans import KMeans
from ratedist.compressors.oracle import Oracle

__all__ = ["ERM", "FixedCodebook", "HessianWeightedKMeans", "KMeans", "Oracle"]

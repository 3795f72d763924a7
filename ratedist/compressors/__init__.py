"""What Figure 2 compares."""

from ratedist.compressors.erm import ERM
from ratedist.compressors.fixed_codebook import FixedCodebook
from ratedist.compressors.kmeans import KMeans
from ratedist.compressors.oracle import Oracle

__all__ = ["ERM", "FixedCodebook", "KMeans", "Oracle"]

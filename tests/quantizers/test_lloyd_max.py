"""Optimal quantisers of many draws against the Lloyd–Max quantisers of their law."""

import numpy as np
import pytest

from ratedist import codes, units
from ratedist.quantizers import Lloyd, kmeans, optimal_scalar_path

# Distortion D and output entropy H (bits) of the Lloyd–Max quantiser of a unit-variance source.
LLOYD_MAX = {
    "gaussian": {
        2: (0.3633802276, 1.0),
        3: (0.1901740392, 1.535789),
        4: (0.1174818478, 1.911099),
        8: (0.0345477608, 2.824865),
        16: (0.0095010080, 3.765328),
    },
    "laplace": {
        2: (0.5, 1.0),
        3: (0.2642411177, 1.316909),
        4: (0.1761948811, 1.728258),
        8: (0.0544759879, 2.565399),
        16: (0.0153725271, 3.474836),
    },
}


@pytest.mark.parametrize("source", LLOYD_MAX)
def test_lloyd_max_distortions(source):
    size = 400_000
    rng = np.random.default_rng(7)
    weights = rng.normal(size=size) if source == "gaussian" else rng.laplace(scale=2**-0.5, size=size)
    for num_clusters, (distortion, _) in LLOYD_MAX[source].items():
        result = kmeans(weights, num_clusters, method=Lloyd(max_iterations=5000))
        assert result.converged
        # The distortion is stationary in the centres, so to first order its empirical value is a mean of
        # independent squared errors at the population's centres. The sample optimum is lower by
        # O(K·D / N), a small part of this error.
        errors = (weights - result.reconstruction) ** 2
        sem = errors.std() / np.sqrt(size)
        assert sem < 0.01 * distortion
        assert abs(errors.mean() - distortion) < 4 * sem


@pytest.mark.parametrize("source", ["gaussian", pytest.param("laplace", marks=pytest.mark.slow)])
def test_lloyd_max_entropies(source):
    rng = np.random.default_rng(8)
    size = (8, 8000)
    samples = rng.normal(size=size) if source == "gaussian" else rng.laplace(size=size)
    paths = [optimal_scalar_path(sample, 8) for sample in samples]
    for num_clusters in (3, 4, 8):
        entropies = [codes.empirical_entropy(path[num_clusters - 1].counts) for path in paths]
        bits = units.nats_to_bits(np.array(entropies))
        sem = bits.std(ddof=1) / np.sqrt(len(paths))
        assert sem < 0.01
        assert abs(bits.mean() - LLOYD_MAX[source][num_clusters][1]) < 4 * sem

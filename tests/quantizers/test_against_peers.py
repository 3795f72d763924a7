"""The exact optimum against other people's programmes, where they are installed."""

import numpy as np
import pytest

from ratedist.quantizers import kmeans


@pytest.mark.parametrize(("size", "num_clusters"), [(50, 5), (3000, 17), (100_000, 16)])
def test_weighted_optimum_equals_ckwrap(size, num_clusters):
    ckwrap = pytest.importorskip("ckwrap")
    rng = np.random.default_rng(size)
    weights, importance = rng.laplace(size=size) + 3.0, rng.exponential(size=size)
    ours = kmeans(weights, num_clusters, importance, method="optimal")
    theirs = ckwrap.ckmeans(weights, num_clusters, importance)
    reconstruction = np.asarray(theirs.centers)[theirs.labels]
    assert ours.objective == pytest.approx(np.sum(importance * (weights - reconstruction) ** 2), rel=1e-9)
    np.testing.assert_allclose(ours.reconstruction, reconstruction, rtol=1e-7)


@pytest.mark.parametrize(
    ("size", "num_clusters"), [(50, 5), (3000, 17), pytest.param(100_000, 16, marks=pytest.mark.slow)]
)
def test_unweighted_optimum_equals_kmeans1d(size, num_clusters):
    kmeans1d = pytest.importorskip("kmeans1d")
    weights = np.random.default_rng(size).normal(size=size)
    ours = kmeans(weights, num_clusters, method="optimal")
    labels, centers = kmeans1d.cluster(weights, num_clusters)
    reconstruction = np.asarray(centers)[labels]
    assert ours.objective == pytest.approx(np.sum((weights - reconstruction) ** 2), rel=1e-9)
    np.testing.assert_allclose(ours.reconstruction, reconstruction, rtol=1e-7)

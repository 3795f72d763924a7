"""The best scalar quantisers of textbook sources against numbers found by other programs."""

import math

import numpy as np
import pytest

from ratedist.quantizers.source_optima import _laplace_cells, entropy_coded_distortion, fixed_rate_distortion
from ratedist.theory.sources.limits import SCALE, rate_limit

LLOYD_MAX = {
    "gaussian": {2: 0.3633802276, 3: 0.1901740392, 4: 0.1174818478, 8: 0.0345477608, 16: 0.0095010080},
    "laplace": {2: 0.5, 3: 0.2642411177, 4: 0.1761948811, 8: 0.0544759879, 16: 0.0153725271},
}
# Upper bounds: so much can be had.
ENTROPY_CODED = [
    ("gaussian", 1.0, 0.348261),
    pytest.param("gaussian", 2.0, 0.0889235, marks=pytest.mark.slow),
    ("laplace", 1.0, 0.2617764),
    ("laplace", 2.0, 0.0729277),
]


@pytest.mark.parametrize("source", LLOYD_MAX)
def test_fixed_rate(source: str) -> None:
    for num_levels, distortion in LLOYD_MAX[source].items():
        assert fixed_rate_distortion(source, num_levels) == pytest.approx(distortion, abs=1e-10)
    assert fixed_rate_distortion(source, 1) == pytest.approx(1.0)
    assert fixed_rate_distortion("uniform", 8) == 1 / 64


@pytest.mark.parametrize(("source", "bits", "distortion"), ENTROPY_CODED)
def test_entropy_coded(source: str, bits: float, distortion: float) -> None:
    assert entropy_coded_distortion(source, bits) == pytest.approx(distortion, rel=2e-6)


@pytest.mark.parametrize(("source", "bits"), [("gaussian", 4.0), ("gaussian", 9.0), ("laplace", 9.0)])
def test_at_high_rate_a_quarter_of_a_bit_is_lost(source: str, bits: float) -> None:
    """½log₂(2πe/12) = 0.2546 above the limit, and never below it."""
    distortion = entropy_coded_distortion(source, bits)
    gap = bits - rate_limit(source, distortion).lower / math.log(2)
    assert gap == pytest.approx(math.log2(2 * math.pi * math.e / 12) / 2, abs=1e-3)


def test_cells_of_the_laplace_source_by_drawing() -> None:
    bits, distortion = _laplace_cells(0.8, 0.9)
    x = np.random.default_rng(0).laplace(scale=SCALE, size=1_000_000)
    labels = np.sign(x) * np.where(np.abs(x) < 0.72, 0, 1 + np.floor((np.abs(x) - 0.72) / 0.8))
    labels = (labels - labels.min()).astype(np.int64)
    counts = np.maximum(np.bincount(labels), 1)
    errors = (x - (np.bincount(labels, x) / counts)[labels]) ** 2
    lengths = -np.log2(counts / x.size)[labels]
    for sample, expected in ((errors, distortion), (lengths, bits)):
        standard_error = sample.std() / 1000
        assert standard_error < 2e-3
        assert abs(sample.mean() - expected) < 4 * standard_error


def test_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="source must be one of"):
        fixed_rate_distortion("cauchy", 2)
    with pytest.raises(ValueError, match="num_levels must be at most 256"):
        fixed_rate_distortion("gaussian", 257)
    with pytest.raises(ValueError, match="bits must lie in"):
        entropy_coded_distortion("gaussian", 0.0)

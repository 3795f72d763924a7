"""Few weights are met by chance: what eight states can keep is kept by 256 as well."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist.quantizers import TrellisQuantized, decode_trellis, quantize_trellis

# One shape: each number of states has a program for it.
SIZE, STATES = 128, (8, 256)
LAWS = {
    "normal": lambda rng, size: rng.normal(size=size),
    "Laplace": lambda rng, size: 1e-3 * rng.laplace(size=size),
    "Student": lambda rng, size: 5 + rng.standard_t(2.5, size=size),
}


def found_by_both(weights: np.ndarray, target: dict[str, float]) -> list[TrellisQuantized]:
    both = [quantize_trellis(weights, states, **target) for states in STATES]
    for one in both:
        again = decode_trellis(one.streams, one.levels, one.branches, one.num_states)
        assert np.array_equal(again, one.reconstruction)
    return both


@settings(max_examples=2, deadline=None, derandomize=True)
@given(st.sampled_from(sorted(LAWS)), st.floats(-6, -0.05), st.integers(0, 99))
def test_an_error_is_kept(law: str, exponent: float, seed: int) -> None:
    weights = LAWS[law](np.random.default_rng(seed), SIZE)
    most = float(np.var(weights)) * 10**exponent
    for one in found_by_both(weights, {"mean_squared_error": most}):
        assert np.mean((weights - one.reconstruction) ** 2) <= most
        # Never more levels than weights.
        assert sum(map(len, one.levels)) <= SIZE


@pytest.mark.slow
@settings(max_examples=2, deadline=None, derandomize=True)
@given(st.sampled_from(sorted(LAWS)), st.floats(0.6, 9), st.integers(0, 99))
def test_a_rate_is_kept(law: str, bits: float, seed: int) -> None:
    weights = LAWS[law](np.random.default_rng(seed), SIZE)
    for one in found_by_both(weights, {"bits_per_weight": bits}):
        assert one.bits_per_weight <= bits
        # Not worse than one level, in half precision.
        assert one.mean_squared_error <= np.var(weights) * (1 + 1e-6)

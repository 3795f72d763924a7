import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratedist.units import bits_to_nats, nats_to_bits


def test_one_bit_is_ln_two_nats() -> None:
    assert bits_to_nats(1.0) == math.log(2)
    np.testing.assert_allclose(nats_to_bits(np.array([0.0, math.log(8)])), [0.0, 3.0], rtol=1e-15)


@given(st.floats(0, 1e300))
def test_round_trip(bits: float) -> None:
    assert nats_to_bits(bits_to_nats(bits)) == pytest.approx(bits, rel=1e-15)

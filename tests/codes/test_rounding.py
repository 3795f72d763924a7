import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratedist import codes
from ratedist.codes import traced
from ratedist.codes.rounding import format_bits, largest_finite, smallest_normal

RNG = np.random.default_rng(0)
EVERY_HALF = np.arange(2**16, dtype=np.uint16).view(np.float16)
WIDE = RNG.normal(size=4000) * 10.0 ** RNG.uniform(-9, 6, 4000)
in_one_program = jax.jit(traced.round_to_bits, static_argnums=1)


def test_sixteen_is_ieee_half():
    halves = EVERY_HALF[np.isfinite(EVERY_HALF)].astype(np.float64)
    np.testing.assert_array_equal(codes.round_to_bits(halves, 16), halves)
    midpoints = np.convolve(np.sort(halves), [0.5, 0.5], "valid")
    for values in (midpoints, np.nextafter(midpoints, np.inf), WIDE[np.abs(WIDE) < 65519]):
        np.testing.assert_array_equal(codes.round_to_bits(values, 16), values.astype(np.float16))


def test_thirty_two_is_ieee_single_and_sixty_four_is_exact():
    values = RNG.normal(size=4000) * 10.0 ** RNG.uniform(-44, 38, 4000)
    np.testing.assert_array_equal(codes.round_to_bits(values, 32), values.astype(np.float32))
    extremes = np.array([5e-324, -np.finfo(np.float64).max, np.finfo(np.float64).tiny, 0.1, 0.0])
    np.testing.assert_array_equal(codes.round_to_bits(extremes, 64), extremes)


@pytest.mark.parametrize("bits", [7, 12, 16, 17, 24, 32, 40])
def test_saturates_at_the_largest_finite_value(bits):
    limit = largest_finite(*format_bits(bits))
    np.testing.assert_array_equal(codes.round_to_bits([limit, 1e308, -1e308], bits)[0], limit)
    if bits <= 32:
        np.testing.assert_array_equal(codes.round_to_bits([1e308, -1e308], bits), [limit, -limit])


@settings(deadline=None, max_examples=80)
@given(st.floats(-1e30, 1e30), st.integers(7, 64))
def test_rounding_is_a_projection_with_bounded_error(value, bits):
    rounded = codes.round_to_bits(value, bits)
    np.testing.assert_array_equal(codes.round_to_bits(rounded, bits), rounded)
    exponent_bits, mantissa_bits = format_bits(bits)
    if abs(value) <= largest_finite(exponent_bits, mantissa_bits):
        scale = max(abs(value), smallest_normal(exponent_bits))
        assert abs(rounded - value) <= 2.0 ** -(mantissa_bits + 1) * scale


@pytest.mark.parametrize(
    "bits", [7, 16, 20, 32, 64, *(pytest.param(bits, marks=pytest.mark.slow) for bits in (10, 17, 24, 48))]
)
def test_jax_agrees_in_double_precision(bits):
    exponent_bits, mantissa_bits = format_bits(bits)
    limit, tiny = largest_finite(exponent_bits, mantissa_bits), smallest_normal(exponent_bits)
    spacing = tiny * 2.0**-mantissa_bits
    edges = np.array([0.0, tiny, 0.75 * tiny, tiny - spacing / 2, limit])
    if bits < 33:
        edges = np.concatenate([edges, np.arange(20) * spacing / 4, [2 * limit, limit * (1 + 2.0**-40)]])
    values = np.concatenate([WIDE, edges, -edges])
    if exponent_bits == 11:
        values = values[(np.abs(values) >= tiny) | (values == 0)]
    ours = in_one_program(values, bits)
    assert ours.dtype == jnp.float64
    np.testing.assert_array_equal(ours, codes.round_to_bits(values, bits))


@pytest.mark.parametrize("bits", [7, 16, 32, *(pytest.param(b, marks=pytest.mark.slow) for b in (20, 64))])
def test_jax_agrees_in_single_precision(bits):
    values = WIDE.astype(np.float32)
    ours = in_one_program(values, bits)
    assert ours.dtype == jnp.float32
    np.testing.assert_array_equal(np.asarray(ours, np.float64), codes.round_to_bits(values, bits))


@pytest.mark.parametrize("bits", [6, 65, 16.0])
def test_bad_bits(bits):
    with pytest.raises(ValueError, match="bits must"):
        codes.round_to_bits(1.0, bits)
    with pytest.raises(ValueError, match="bits must"):
        traced.round_to_bits(jnp.ones(()), bits)


def test_nan_is_refused():
    with pytest.raises(ValueError, match="values must be finite"):
        codes.round_to_bits([1.0, np.nan], 16)

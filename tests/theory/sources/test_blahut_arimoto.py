"""Blahut–Arimoto: closed forms, a bracket valid whatever the output law, and dit's implementation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from ratedist.theory.sources.discrete import blahut_arimoto, certified_point
from ratedist.theory.sources.textbook import bernoulli_rate
from ratedist.units import NATS_PER_BIT, nats_to_bits


@st.composite
def problems(draw):
    seed = draw(st.integers(0, 10**6))
    rng = np.random.default_rng(seed)
    num_inputs, num_outputs = draw(st.integers(1, 8)), draw(st.integers(1, 8))
    return rng.dirichlet(np.ones(num_inputs)), rng.random((num_inputs, num_outputs)) ** 2


@pytest.mark.parametrize("p", [0.5, 0.3, 0.01])
@pytest.mark.parametrize("factor", [0.3, 1.0, 1.0001, 1.5, 8.0])
def test_bernoulli_at_and_around_the_critical_slope(p, factor):
    critical = max(math.log((1 - p) / p), 0.1)
    point = blahut_arimoto([p, 1 - p], 1 - np.eye(2), factor * critical)
    closed = float(bernoulli_rate(p, point.distortion))
    assert point.gap < 1e-10
    assert point.rate_lower - 1e-12 <= closed <= point.rate + 1e-12


@settings(max_examples=40)
@given(problem=problems(), log_slope=st.floats(-3, 7))
def test_gap_closes_on_any_distortion_matrix(problem, log_slope):
    point = blahut_arimoto(problem[0], problem[1], math.exp(log_slope))
    assert -1e-12 <= point.gap < 1e-9
    assert point.output.sum() == pytest.approx(1.0)


@settings(max_examples=30)
@given(problem=problems(), log_slope=st.floats(-2, 4), seed=st.integers(0, 1000))
def test_the_bracket_is_valid_for_an_arbitrary_output_law(problem, log_slope, seed):
    """A careless q gives a wide bracket, never a wrong one: the optimum's tangent lies between its ends."""
    p, d = problem
    slope = math.exp(log_slope)
    careless = certified_point(p, d, slope, np.random.default_rng(seed).dirichlet(np.ones(d.shape[1])))
    best = blahut_arimoto(p, d, slope)
    # R(D') ≥ rate_lower + slope (D − D') at the optimum is the supporting line of slope −λ.
    supporting = best.rate_lower + slope * (best.distortion - careless.distortion)
    assert careless.rate >= supporting - 1e-9
    assert careless.rate_lower <= max(best.rate + slope * (best.distortion - careless.distortion), 0.0) + 1e-9


def test_rate_is_the_mutual_information_of_the_channel():
    rng = np.random.default_rng(5)
    p, d, q = rng.dirichlet(np.ones(4)), rng.random((4, 3)), rng.dirichlet(np.ones(3))
    point = certified_point(p, d, 2.5, q)
    channel = q * np.exp(-2.5 * d)
    channel /= channel.sum(axis=1, keepdims=True)
    output = p @ channel
    assert point.rate == pytest.approx(
        float(np.sum(p[:, None] * channel * np.log(channel / output))), rel=1e-12
    )
    assert point.distortion == pytest.approx(float(np.sum(p[:, None] * channel * d)), rel=1e-13)
    np.testing.assert_allclose(point.output, output)


def test_ternary_source_at_a_steep_slope_against_a_linear_programme():
    """So steep a slope that each letter goes to its nearest output, as in the linear programme."""
    p, d = np.array([0.5, 0.3, 0.2]), np.array([[0.0, 1.0], [1.0, 0.0], [0.4, 0.6]])
    point = blahut_arimoto(p, d, 200.0)
    nearest = linprog((p[:, None] * d).ravel(), A_eq=np.kron(np.eye(3), np.ones(2)), b_eq=np.ones(3))
    assert point.distortion == pytest.approx(nearest.fun, abs=1e-9)


@pytest.mark.slow
def test_dit_agrees():
    """On sources whose optimum uses every letter; if one leaves the support dit stops 5e-4 bit away."""
    module = pytest.importorskip("dit.rate_distortion.blahut_arimoto")
    rng = np.random.default_rng(2)
    near_hamming = 1 - np.eye(4) + 0.2 * (1 - np.eye(4)) * rng.random((4, 4))
    for p, d in ((np.array([0.3, 0.7]), 1 - np.eye(2)), (np.array([0.2, 0.3, 0.22, 0.28]), near_hamming)):
        for slope_in_bits in (4.0, 8.0):
            (rate, distortion), _ = module.blahut_arimoto(
                p, slope_in_bits, distortion=lambda *_, d=d: d, max_iters=5000, restarts=2
            )
            point = blahut_arimoto(p, d, slope_in_bits * NATS_PER_BIT)
            tangent = nats_to_bits(point.rate) + slope_in_bits * (point.distortion - distortion)
            assert rate == pytest.approx(tangent, abs=1e-5)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: blahut_arimoto([0.5, 0.6], np.eye(2), 1.0), "probabilities"),
        (lambda: blahut_arimoto([-0.5, 1.5], np.eye(2), 1.0), "probabilities"),
        (lambda: blahut_arimoto([0.5, 0.5], np.eye(3), 1.0), "distortion"),
        (lambda: blahut_arimoto([0.5, 0.5], -np.eye(2), 1.0), "distortion"),
        (lambda: blahut_arimoto([0.5, 0.5], np.eye(2), -1.0), "slope"),
        (lambda: blahut_arimoto([0.5, 0.5], np.eye(2), 1.0, tolerance=0.0), "tolerance"),
    ],
)
def test_bad_input_is_refused_in_words(call, name):
    with pytest.raises(ValueError, match=name):
        call()

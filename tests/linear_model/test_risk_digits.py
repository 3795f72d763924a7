"""Risks in single precision beside those in double precision of the same draw, and beside exact fractions."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ratedist as rd
from ratedist.linear_model.base import LinearModel
from ratedist.linear_model.quantities import Risks
from ratedist.linear_model.samplers import arrays_of, samplers_of

W_STAR = 0.1 * np.array([1.0, -1.0, 1.0, -1.0, 1.0, -1.0])


def risks(model: LinearModel, dtype: type, factor: float) -> Risks:
    """Of all weights times a factor, in the draw of one key."""
    sampler = samplers_of(model)["erm"]
    with jax.enable_x64(True):
        draw = jax.jit(sampler.draw, static_argnums=2)(jax.random.key(3), arrays_of(model), 0)
    with jax.enable_x64(dtype is np.float64):
        draw = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf), dtype), draw)
        found = jax.jit(sampler.risks)(arrays_of(model), draw, factor * draw.weights)
        assert found.generalization_error.dtype == dtype
        return Risks(*(np.float64(one) for one in found))


@pytest.mark.parametrize("n", [20, 10**6, 10**12])
@pytest.mark.parametrize("several", [False, True])
def test_generalisation_errors_keep_their_digits_at_any_n(n: int, several: bool) -> None:
    if several:
        model = rd.MultiOutputLinearModel(n, W_STAR.reshape(2, 3), np.array([1.0, 0.5]))
    else:
        model = rd.GaussianLinearModel(n, W_STAR)
    single, double = risks(model, np.float32, 1.0), risks(model, np.float64, 1.0)
    # Rounded weights are wrong by so much of their distances from the true ones, which are about n^(-1/2).
    resolution = 0.1 * 2.0**-24 * n**0.5
    for one, other in zip(single, double, strict=True):
        assert one == pytest.approx(other, rel=1e-6 + resolution)
    difference = double.population_risk - double.empirical_risk
    assert double.generalization_error == pytest.approx(difference, rel=1e-15 * n)


def test_a_generalisation_error_small_beside_the_distortion_keeps_its_digits() -> None:
    model = rd.GaussianLinearModel(10**12, W_STAR)
    single, double = (risks(model, dtype, 0.5) for dtype in (np.float32, np.float64))
    assert abs(double.generalization_error) < 1e-4 * double.distortion
    assert single.generalization_error == pytest.approx(double.generalization_error, rel=1e-4)
    difference = double.population_risk - double.empirical_risk
    assert double.generalization_error == pytest.approx(difference, rel=1e-6)


def test_the_identity_of_rao_and_blackwell_against_fractions() -> None:
    n, model = 9, rd.GaussianLinearModel(9, W_STAR)
    sampler = samplers_of(model)["erm"]
    draw = jax.jit(sampler.draw, static_argnums=2)(jax.random.key(3), arrays_of(model), 0)
    draw = jax.device_get(draw)
    v, W = ([Fraction(float(x)) for x in one] for one in (draw.standardized_deviation, draw.weights))
    true, reconstruction = ([Fraction(float(x)) for x in one] for one in (W_STAR, 0.5 * draw.weights))
    e = [x - w for x, w in zip(reconstruction, W, strict=True)]
    along, length = sum(a * b for a, b in zip(v, e, strict=True)), sum(a * a for a in v)
    distortion = Fraction(n + 1, n) * (sum(a * a for a in e) - along**2 / (1 + length))
    excess = sum((a - b) ** 2 for a, b in zip(reconstruction, true, strict=True))
    expected = (1 + excess, Fraction(n - 6, n) + distortion, distortion, Fraction(6, n) + excess - distortion)
    for dtype, digits in ((np.float32, 5e-6), (np.float64, 1e-14)):
        for one, exact in zip(risks(model, dtype, 0.5), expected, strict=True):
            assert one == pytest.approx(float(exact), rel=digits)

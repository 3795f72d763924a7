"""Masses of a Gaussian in intervals inside a trial, against those of NumPy, in both precisions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ratedist.codes.interval_masses import gaussian_log_mass as reference
from ratedist.codes.traced_masses import gaussian_log_mass

log_masses = jax.jit(gaussian_log_mass)
CENTERS = np.concatenate([np.linspace(-40, 40, 81), 10.0 ** np.arange(-3, 8)])


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
@pytest.mark.parametrize(
    ("width", "scale"), [(0.3, 1.0), (5.0, 1.0), (1e-6, 1.0), (100.0, 1.0), (1e-4, 1e-2), (1e-3, 1e3)]
)
def test_as_in_numpy(dtype: jnp.dtype, width: float, scale: float) -> None:
    centers, delta, tau = (jnp.asarray(one, dtype) for one in (CENTERS, width, scale))
    ours = np.asarray(log_masses(centers, delta, tau), np.float64)
    expected = reference(*(np.asarray(one, np.float64) for one in (centers, delta, tau)))
    assert np.isfinite(ours).all()
    np.testing.assert_allclose(ours, expected, rtol=1e-5 if dtype == jnp.float32 else 1e-10, atol=1e-6)

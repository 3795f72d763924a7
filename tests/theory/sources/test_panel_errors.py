"""The bounds on Gauss–Legendre sums against sums with many more nodes, good sums and bad ones."""

import numpy as np
import pytest
from scipy.special import logsumexp

from ratedist.theory.sources.panel_errors import panel_errors

LAWS = {
    "three atoms": (np.array([0.0, 0.4, 0.9]), np.array([0.5, 0.3, 0.2])),
    "a far atom": (np.array([0.1, 2.0]), np.array([0.9, 0.1])),
    "one atom": (np.array([0.3]), np.array([1.0])),
}


def integrals(low, high, decay, places, masses, slope, num_nodes, y=0.7) -> np.ndarray:
    """The four integrals over all panels; the last for the first atom."""
    unit, weights = np.polynomial.legendre.leggauss(num_nodes)
    half = (high - low)[:, None] / 2
    x = low[:, None] + half * (1 + unit)
    atoms, log_masses = np.concatenate([places, -places]), np.log(np.concatenate([masses, masses]) / 2)
    log_terms = log_masses - slope * (x[..., None] - atoms) ** 2
    log_z = logsumexp(log_terms, axis=-1)
    posterior = np.exp(log_terms - log_z[..., None])
    density = half * weights * np.exp(-decay * x)
    kernel = np.logaddexp(-slope * (x - y) ** 2, -slope * (x + y) ** 2) - np.log(2)
    values = [
        log_z,
        np.exp(kernel - log_z),
        np.sum(posterior * (x[..., None] - atoms) ** 2, axis=-1),
        posterior[..., 0] + posterior[..., places.size],
    ]
    return np.array([np.sum(density * value) for value in values])


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("decay", [0.0, 1.0])
@pytest.mark.parametrize("slope", [0.5, 3.0, 20.0])
def test_no_sum_errs_by_more_than_its_bound(law: str, decay: float, slope: float) -> None:
    """From eleven nodes a panel, where the error may show, to the sixteen in use."""
    places, masses = LAWS[law]
    edges = np.linspace(0.0, 2.5, 6 + int(3 * np.sqrt(slope)))
    low, high = edges[:-1], edges[1:]
    truth = integrals(low, high, decay, places, masses, slope, 200)
    for num_nodes in (11, 12, 13, 14, 16):
        errors = panel_errors(low, high, decay, places, masses, slope, num_nodes)
        found = np.abs(integrals(low, high, decay, places, masses, slope, num_nodes) - truth)
        bounds = np.array([errors.log_normalizer, errors.multiplied_kernel, errors.distortion, errors.output])
        assert np.all(found <= bounds + 1e-12 * (1 + np.abs(truth)))
    # Where all atoms are far from some x, 1/Z is astronomic there, and so is what may be lost.
    assert law == "a far atom" or np.all(bounds[[0, 2, 3]] < 1e-8)


def test_a_bound_that_must_show() -> None:
    """Few wide panels: the error of twelve nodes is far above rounding, and the bound is above the error."""
    places, masses = LAWS["three atoms"]
    low, high = np.array([0.0]), np.array([2.5])
    truth = integrals(low, high, 0.0, places, masses, 60.0, 400)
    found = np.abs(integrals(low, high, 0.0, places, masses, 60.0, 12) - truth)
    errors = panel_errors(low, high, 0.0, places, masses, 60.0, 12)
    assert np.all(found > 1e-6)
    assert errors.multiplied_kernel >= found[1]
    assert errors.log_normalizer >= found[0]
    assert errors.distortion >= found[2]
    assert errors.output >= found[3]

"""Kernels between places on a line: products and Newton's equations beside arrays, at the edges too."""

import numpy as np
import pytest

from ratedist.theory.sources.windows import WindowedKernel

GENERATOR = np.random.default_rng(0)


def test_products_and_equations_are_those_of_arrays() -> None:
    x, y = np.sort(GENERATOR.normal(scale=9, size=40)), np.arange(-30.0, 31.0)
    kernel = WindowedKernel(x, y, 5.5)
    array = np.exp(-((x[:, None] - y) ** 2) / 2) * (np.abs(x[:, None] - y) <= 5.5)
    array /= array.max(axis=1, keepdims=True)
    q, weight, s = (GENERATOR.uniform(0.1, 1.0, size) for size in (y.size, x.size, y.size))
    assert kernel @ q == pytest.approx(array @ q)
    assert weight @ kernel == pytest.approx(weight @ array)
    root, right = np.sqrt(q), GENERATOR.normal(size=y.size)
    matrix = root[:, None] * (array.T @ np.diag(weight**2) @ array) * root + np.diag(s)
    assert kernel.solve(weight, root, s, right) == pytest.approx(np.linalg.solve(matrix, right))


def test_two_outputs_of_one_number_have_equations_still() -> None:
    """Their rows are equal, and what tells them apart is below rounding."""
    kernel = WindowedKernel(np.array([0.5]), np.array([0.0, 1.0]), 5.5)
    root, s = np.full(2, np.sqrt(0.5)), np.full(2, 1e-20)
    found = kernel.solve(np.ones(1), root, s, np.ones(2))
    # (½ + ½) a + s a = 1 for both being a.
    assert found == pytest.approx(np.ones(2), rel=1e-9)

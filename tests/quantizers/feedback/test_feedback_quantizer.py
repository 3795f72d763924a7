"""Rounding with feedback against enumeration, conditional minimisation by a solver, and its closed cases."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ratedist as rd
from ratedist.quantizers.feedback.factor import feedback_factor
from ratedist.quantizers.feedback.rounding import nearest_plane_labels, refitted_levels

quantize = rd.quantizers.quantize_with_feedback
LEVELS = np.array([-1.5, -0.5, 0.0, 0.7, 1.5])


def problem(seed, inputs=6, outputs=4, samples=20):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(samples, inputs)) @ rng.normal(size=(inputs, inputs))
    return rng.normal(size=(inputs, outputs)), x.T @ x / samples


def tr(errors, moment):
    return float(np.trace(errors.T @ moment @ errors))


def by_conditional_minimisation(W, M, levels, order):
    """Round one input after the other; the weights still free are put where a solver says, after each."""
    labels = np.zeros(W.shape, int)
    for column in range(W.shape[1]):
        errors, fixed = np.zeros(len(W)), []
        for place, i in enumerate(order):
            free = list(order[place:])
            # The free errors of least cost, the others given: those of the fixed act through M_free,fixed.
            best = -np.linalg.solve(M[np.ix_(free, free)], M[np.ix_(free, fixed)] @ errors[fixed])
            wanted = W[i, column] - best[0]
            labels[i, column] = np.argmin(np.abs(levels - wanted))
            errors[i] = W[i, column] - levels[labels[i, column]]
            fixed.append(i)
    return labels


@pytest.mark.parametrize("order", ["largest_first", "given"])
@pytest.mark.parametrize("damping", [0.0, 0.1])
def test_it_is_rounding_with_the_rest_put_where_it_costs_least(order, damping):
    for seed, inputs, outputs in [(0, 7, 4), (1, 7, 4), (2, 1, 3), (3, 150, 1)]:  # the last in three blocks
        W, M = problem(seed, inputs, outputs, samples=2 * inputs + 5)
        damped = M + damping * np.mean(np.diag(M)) * np.eye(len(M))
        places = np.argsort(-np.diag(M)) if order == "largest_first" else np.arange(len(M))
        expected = by_conditional_minimisation(W, damped, LEVELS, places)
        found = nearest_plane_labels(W, feedback_factor(M, order, damping), LEVELS)
        np.testing.assert_array_equal(found, expected)
        if inputs > 1:  # what is compared can differ
            plain = np.argmin(np.abs(W[:, :, None] - LEVELS), axis=2)
            assert np.any(plain != expected)


def test_pivots_and_coefficients_are_those_of_the_quadratic_form():
    W, M = problem(3)
    factor = feedback_factor(M, "largest_first", 0.0)
    e = W[factor.order]
    terms = factor.pivots[:, None] * (e + factor.coefficients @ e) ** 2
    assert np.sum(terms) == pytest.approx(tr(W, M), rel=1e-12)
    assert np.prod(factor.pivots) == pytest.approx(np.linalg.det(M), rel=1e-9)


def test_uncorrelated_inputs_are_rounded_plainly():
    rng = np.random.default_rng(0)
    W = rng.normal(size=(20, 30))
    nearest = np.argmin(np.abs(W[:, :, None] - LEVELS), axis=2)
    for damping in (0.0, 0.01, 10.0):
        factor = feedback_factor(np.diag(rng.uniform(0.1, 9.0, 20)), "largest_first", damping)
        np.testing.assert_array_equal(nearest_plane_labels(W, factor, LEVELS), nearest)


def test_never_below_the_best_of_all_roundings_and_below_plain_rounding_on_average():
    gains = []
    for seed in range(30):
        W, M = problem(seed, inputs=5, outputs=1)
        errors = W[:, 0] - np.array(list(itertools.product(LEVELS, repeat=5)))
        costs = np.einsum("ci,ij,cj->c", errors, M, errors)
        labels = nearest_plane_labels(W, feedback_factor(M, "largest_first", 0.0), LEVELS)
        cost = tr(W - LEVELS[labels], M)
        plain = LEVELS[np.argmin(np.abs(W[:, :, None] - LEVELS), axis=2)]
        assert min(costs) <= cost * (1 + 1e-12)
        gains.append(np.log(tr(W - plain, M) / cost))
    assert np.mean(gains) > 4 * np.std(gains) / np.sqrt(30)


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.01, 1.0]))
@settings(max_examples=40, deadline=None)
def test_babais_bound(seed, damping):
    """On a grid without ends every residual is at most half a step: Δ²/4 times the sum of the pivots."""
    W, M = problem(seed, inputs=8, outputs=3)
    factor = feedback_factor(M, "largest_first", damping)
    grid = np.arange(-4000, 4001) * 0.25
    errors = W - grid[nearest_plane_labels(W, factor, grid)]
    damped = M + factor.damping * np.eye(8)
    assert tr(errors, damped) <= 3 * 0.25**2 / 4 * np.sum(factor.pivots) * (1 + 1e-9)


def test_refitted_levels_solve_least_squares():
    W, M = problem(1)
    factor = feedback_factor(M, "largest_first", 0.0)
    labels = nearest_plane_labels(W, factor, LEVELS)
    found = refitted_levels(W, labels, LEVELS, M, factor)
    # Stacked columns, in the coordinates in which the cost is a plain sum of squares.
    root = np.linalg.cholesky(M).T
    design = np.concatenate([root @ (labels[:, [o]] == np.arange(5)).astype(float) for o in range(4)])
    target = np.concatenate([root @ W[:, o] for o in range(4)])
    expected = np.linalg.lstsq(design, target, rcond=None)[0]
    used = np.isin(np.arange(5), labels)
    np.testing.assert_allclose(found[used], expected[used], rtol=1e-8)
    np.testing.assert_array_equal(found[~used], LEVELS[~used])
    for k in np.flatnonzero(used):
        for step in (-1e-3, 1e-3):
            moved = found + step * (np.arange(5) == k)
            assert tr(W - moved[labels], M) > tr(W - found[labels], M)


def test_it_settles_and_its_objective_is_that_of_its_result():
    W, M = problem(2, inputs=12, outputs=9)
    costs = [quantize(W, M, LEVELS, max_iterations=n) for n in (1, 2, 3, 50)]
    objectives = [found.objective for found in costs]
    assert objectives == sorted(objectives, reverse=True)
    assert objectives[-1] < objectives[0]
    assert costs[-1].converged
    assert not costs[0].converged
    last = costs[-1]
    damped = M + 0.01 * np.mean(np.diag(M)) * np.eye(12)
    assert last.objective == pytest.approx(tr(W - last.reconstruction.reshape(W.shape), damped), rel=1e-9)
    assert np.all(np.diff(last.centers) >= 0)
    np.testing.assert_array_equal(last.centers[last.labels], last.reconstruction)


def test_several_columns_are_each_column_alone():
    W, M = problem(4)
    factor = feedback_factor(M, "largest_first", 0.01)
    together = nearest_plane_labels(W, factor, LEVELS)
    for o in range(4):
        np.testing.assert_array_equal(nearest_plane_labels(W[:, [o]], factor, LEVELS)[:, 0], together[:, o])

"""Rounding with feedback: inputs that are dead, alike or of hostile size, few samples, what is refused."""

import numpy as np
import pytest

import ratedist as rd
from ratedist.quantizers.feedback.factor import feedback_factor
from ratedist.quantizers.feedback.rounding import nearest_plane_labels

quantize = rd.quantizers.quantize_with_feedback
GRID = np.arange(-40, 41) * 0.25
RNG = np.random.default_rng(0)
W = RNG.normal(size=(9, 5))
X = RNG.normal(size=(50, 9)) @ RNG.normal(size=(9, 9))
M = X.T @ X / 50


def cost(found, weights=W, moment=M):
    errors = weights - found.reconstruction.reshape(weights.shape)
    return float(np.sum(errors * (moment @ errors)))


def test_a_dead_input_gets_the_most_common_label_and_changes_no_other():
    dead = np.array([2, 7])
    x = X.copy()
    x[:, dead] = 0.0
    moment = x.T @ x / 50
    found = quantize(W, moment, GRID, damping=0.0)
    labels = found.labels.reshape(W.shape)
    rest = np.delete(np.arange(9), dead)
    assert np.all(labels[dead] == np.argmax(np.bincount(labels[rest].reshape(-1))))
    without = quantize(W[rest], moment[np.ix_(rest, rest)], GRID, damping=0.0)
    np.testing.assert_array_equal(labels[rest], without.labels.reshape(7, 5))
    assert found.objective == pytest.approx(without.objective)
    alive = quantize(W, M, GRID, damping=0.0)
    assert len(np.unique(alive.labels.reshape(W.shape)[dead])) > 1


def test_where_all_inputs_are_dead_one_label_is_left():
    found = quantize(W, np.zeros((9, 9)), GRID)
    assert np.unique(found.labels).size == 1
    assert found.objective == 0.0
    nearest = np.argmin(np.abs(W[:, :, None] - GRID), axis=2)
    assert found.labels[0] == np.argmax(np.bincount(nearest.reshape(-1)))


def test_two_equal_inputs_share_what_they_owe():
    """Only the sum of their weights matters: the second makes up for the first, to within its own step."""
    weights = np.array([[0.4, 0.1], [0.3, -0.1]])
    factor = feedback_factor(np.ones((2, 2)), "given", 0.0)
    assert factor.pivots.tolist() == pytest.approx([0.0, 1.0])
    labels = nearest_plane_labels(weights, factor, np.arange(-3.0, 4.0))
    values = np.arange(-3.0, 4.0)[labels]
    np.testing.assert_array_equal(values[0], np.round(weights[0]))  # a pivot of zero: plainly
    np.testing.assert_array_equal(values.sum(axis=0), np.round(weights.sum(axis=0)))


def test_fewer_samples_than_inputs():
    x = np.random.default_rng(1).normal(size=(4, 9))
    moment = x.T @ x / 4
    factor = feedback_factor(moment, "largest_first", 0.0)
    assert np.sum(factor.pivots > 1e-9) == 4
    plain = GRID[np.argmin(np.abs(W[:, :, None] - GRID), axis=2)]
    errors = W - plain
    for damping in (0.0, 0.01):
        assert cost(quantize(W, moment, GRID, damping=damping), moment=moment) < 0.5 * np.sum(
            errors * (moment @ errors)
        )
    # Those with nothing to answer for are where plain rounding puts them.
    labels = nearest_plane_labels(W, factor, GRID)
    free = factor.order[:5]
    np.testing.assert_array_equal(GRID[labels[free]], plain[free])


@pytest.mark.parametrize("of_inputs", [1e-150, 1e-75, 1e75, 1e140])
def test_labels_do_not_depend_on_the_scale_of_inputs_or_weights(of_inputs):
    ordinary = quantize(W, M, GRID, max_iterations=3)
    for of_weights in (1e-120, 1.0):
        found = quantize(W * of_weights, M * of_inputs**2, GRID * of_weights, max_iterations=3)
        np.testing.assert_array_equal(found.labels, ordinary.labels)
        np.testing.assert_allclose(found.centers, ordinary.centers * of_weights, rtol=1e-9)
    with pytest.raises(ValueError, match="rescale it"):
        quantize(W * 1e100, M * 1e200, GRID)


def test_inputs_of_very_different_scales():
    scales = 10.0 ** np.array([-140, -100, -9, -3, 0, 2, 5, 8, 12])
    moment = M * scales[:, None] * scales[None, :]
    for damping in (0.0, 0.01):
        found = quantize(W, moment, GRID, damping=damping)
        assert np.all(np.isfinite(found.reconstruction))
        assert np.isfinite(found.objective)
    # Without damping the largest is rounded first, and its own error is what the rest cannot make up for.
    assert feedback_factor(moment, "largest_first", 0.0).order[0] == 8


def test_one_level_and_more_levels_than_weights():
    one = quantize(W, M, [0.0])
    assert set(one.labels) == {0}
    damped = M + 0.01 * np.mean(np.diag(M)) * np.eye(9)
    assert one.centers[0] == pytest.approx(np.sum(damped @ W) / (5 * np.sum(damped)))
    every = np.unique(W)
    assert quantize(W, M, np.concatenate([every, [50.0]])).objective == pytest.approx(0.0, abs=1e-20)


def test_half_precision():
    half = W.astype(np.float16)
    found = quantize(half, M.astype(np.float32), GRID)
    expected = quantize(half.astype(np.float64), M.astype(np.float32), GRID)
    np.testing.assert_array_equal(found.labels, expected.labels)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"weights": W[0]}, r"weights must have shape \(inputs, outputs\)"),
        ({"weights": np.zeros((0, 3))}, r"weights must have shape \(inputs, outputs\)"),
        ({"second_moment": M[:4, :4]}, r"second_moment must have shape \(9, 9\), got \(4, 4\)"),
        ({"second_moment": M + 0.2 * np.eye(9, k=1)}, "second_moment must be symmetric"),
        ({"second_moment": 3 * M - 2 * np.diag(np.diag(M))}, "at most the root of M_ii M_jj"),
        ({"second_moment": -M}, "its diagonal has means of squares"),
        ({"second_moment": np.full((9, 9), -0.9) + 1.9 * np.eye(9)}, "positive semidefinite, as a mean of"),
        ({"second_moment": np.where(np.eye(9), M, np.nan)}, "second_moment must be finite"),
        ({"levels": []}, r"levels must have shape \(K,\)"),
        ({"levels": [1e141]}, "levels must be at most 1e"),
        ({"order": "largest"}, "order must be"),
        ({"damping": -0.1}, "damping must lie in"),
        ({"max_iterations": 0}, "max_iterations must be"),
    ],
)
def test_refused_in_words(changed, words):
    with pytest.raises(ValueError, match=words):
        quantize(**({"weights": W, "second_moment": M, "levels": GRID} | changed))


def test_damping_keeps_labels_cheap_where_inputs_go_together():
    """Without it weights move far for next to nothing: many more bits, for an error little less."""
    rng = np.random.default_rng(5)
    mixing = rng.normal(size=(30, 60))
    own, others = (rng.normal(size=(n, 30)) @ mixing + 0.1 * rng.normal(size=(n, 60)) for n in (80, 2000))
    weights, moment, new = rng.normal(size=(60, 40)), own.T @ own / 80, others.T @ others / 2000
    bits, costs = [], []
    for damping in (0.0, 0.01):
        found = quantize(weights, moment, np.arange(-60, 61) * 2.0, damping=damping)
        part = found.counts[found.counts > 0] / weights.size
        bits.append(-float(part @ np.log2(part)))
        costs.append(cost(found, weights, new))
    # At high rate 6 dB are a bit: what damping costs in error is worth far less than the bits.
    assert bits[0] - bits[1] > 0.3
    assert 0.5 * np.log2(costs[1] / costs[0]) < 0.1


def test_no_objective_is_below_zero_by_rounding():
    """Fewer samples than inputs and no damping: the outputs can be kept exactly."""
    rng = np.random.default_rng(0)
    inputs, weights = rng.normal(size=(50, 130)) @ rng.normal(size=(130, 130)), rng.normal(size=(130, 3))
    found = quantize(weights, inputs.T @ inputs / 50, np.linspace(-2, 2, 300), order="given", damping=0.0)
    errors = weights - found.reconstruction.reshape(130, 3)
    assert np.mean(np.sum((inputs @ errors) ** 2, axis=1)) < 1e-15
    assert 0 <= found.objective < 1e-9

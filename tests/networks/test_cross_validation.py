import hypothesis
import hypothesis.strategies as st
import jax
import numpy as np
import pytest

import ratedist as rd
from tests.networks.models import HOLDOUT, PARAMETERS, logits_fn

choose_beta, folds = rd.networks.choose_beta, rd.networks.folds


@hypothesis.given(st.integers(1, 6), st.integers(2, 5), st.integers(0, 10_000))
@hypothesis.settings(max_examples=30)
def test_against_brute_force(size, num_folds, seed):
    rng = np.random.default_rng(seed)
    betas = rng.permutation(100)[:size].astype(float)
    losses = rng.integers(0, 5, (size, num_folds)).astype(float)
    found = choose_beta(betas, losses)
    means = {beta: sum(row) / num_folds for beta, row in zip(betas, losses, strict=True)}
    best = min(sorted(betas), key=lambda beta: means[beta])
    row = losses[list(betas).index(best)]
    error = np.sqrt(sum((row - means[best]) ** 2) / (num_folds - 1) / num_folds)
    assert found.beta == best
    assert found.one_standard_error == max(b for b in betas if means[b] <= means[best] + error)
    np.testing.assert_array_equal(found.candidates, sorted(betas))
    np.testing.assert_allclose(found.means, [means[beta] for beta in sorted(betas)])
    assert found.standard_errors[sorted(betas).index(best)] == pytest.approx(error)


def test_a_function_of_beta_and_a_single_loss():
    table = {0.0: [1.0, 1.2], 5.0: [0.8, 1.0], 50.0: [0.9, 1.1], 500.0: [2.0, 2.0]}
    found = choose_beta(list(table), lambda beta: table[beta])
    assert (found.beta, found.one_standard_error) == (5.0, 50.0)
    single = choose_beta(list(table), [[row[0]] for row in table.values()])
    assert (single.beta, single.one_standard_error) == (5.0, 5.0)
    assert np.isnan(single.standard_errors).all()


def test_on_held_out_samples_of_a_network():
    curvature = jax.tree.map(np.ones_like, PARAMETERS)
    importance = rd.networks.normalized_importance(curvature)

    def losses(beta):
        tree = rd.quantize_tree(
            PARAMETERS,
            rd.QuantizationConfig(num_clusters=4, diameter_penalty=beta, min_size=100),
            importance=importance,
        )
        return rd.networks.sample_losses(logits_fn, tree.reconstruction(), HOLDOUT)

    found = choose_beta([0, 1e4], losses)
    assert found.beta == 0
    assert found.means[0] == pytest.approx(losses(0.0).mean())


@pytest.mark.parametrize(("num_samples", "num_folds"), [(10, 3), (7, 7), (2, 2), (100, 9)])
def test_folds_are_a_partition(num_samples, num_folds):
    parts = folds(num_samples, num_folds, jax.random.key(1))
    held_out = [held for _, held in parts]
    assert len(parts) == num_folds
    assert {len(held) for held in held_out} <= {num_samples // num_folds, -(-num_samples // num_folds)}
    np.testing.assert_array_equal(np.sort(np.concatenate(held_out)), np.arange(num_samples))
    for trained, held in parts:
        np.testing.assert_array_equal(np.sort(np.concatenate([trained, held])), np.arange(num_samples))
    other = folds(num_samples, num_folds, jax.random.key(2))
    assert num_samples < 10 or any(np.any(a[1] != b[1]) for a, b in zip(parts, other, strict=True))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], []), "at least one"),
        (([1, 1], [[1.0], [2.0]]), "different numbers"),
        (([-1], [[1.0]]), r"candidates must lie in \[0"),
        (([0, 1], [[1.0, 2.0]]), r"shape \(2, folds\), got \(1, 2\)"),
        (([0], [[np.nan]]), "held_out_losses must be finite"),
        (([0, 1], [1.0, 2.0]), "shape"),
    ],
)
def test_bad_losses(arguments, message):
    with pytest.raises(ValueError, match=message):
        choose_beta(*arguments)


def test_bad_folds():
    with pytest.raises(ValueError, match="num_folds must be at most the 3 samples, got 4"):
        folds(3, 4, jax.random.key(0))
    with pytest.raises(ValueError, match="num_folds must be at least 2"):
        folds(3, 1, jax.random.key(0))

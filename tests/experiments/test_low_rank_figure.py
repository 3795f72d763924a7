"""Risk against rank: projections one by one, laws of the draws, the notes' example, words that can change."""

import copy

import numpy as np
import pytest

import ratedist as rd
from ratedist.experiments import low_rank_example
from ratedist.experiments.low_rank import asymptotic, simulated
from ratedist.experiments.low_rank_config import LowRankConfig
from ratedist.experiments.low_rank_findings import _of_projection, estimate, findings, sentence
from ratedist.experiments.low_rank_projections import PROJECTIONS, draw_fits, excess_risks
from ratedist.lowrank import Metric
from tests.statistics import assert_agrees

SMALL = LowRankConfig(o=4, d=6, n=14, rank=2, seed=3)


@pytest.mark.parametrize("name", PROJECTIONS)
@pytest.mark.parametrize("config", [SMALL, LowRankConfig(o=7, d=3, n=9, rank=1, correlation=0.0)])
def test_every_rank_is_that_of_the_projection_by_itself(name: str, config: LowRankConfig) -> None:
    model = config.model()
    fits = next(draw_fits(model, 3, 0))
    noise = np.asarray(model.noise_covariance)
    excess, sizes = excess_risks(model, fits, PROJECTIONS[name])
    for trial, (W, T) in enumerate(zip(fits.weights, fits.factor, strict=True)):
        gram = T @ T.T / model.n
        metric = {
            "plain": Metric.plain(),
            "noise": Metric(1 / noise, None),
            "inputs": Metric(None, gram),
            "information": Metric.information(noise, gram),
        }[name]
        for rank in range(min(W.shape) + 1):
            found = rd.lowrank.project(W, rank, *metric)
            own = model.squared_norm((found.matrix() - model.W_star).ravel())
            assert excess[trial, rank] == pytest.approx(float(own), rel=1e-8), rank
        np.testing.assert_allclose(sizes[trial], found.singular_values, rtol=1e-10)


def test_fits_have_the_law_of_least_squares() -> None:
    model = SMALL.model()
    batches = list(draw_fits(model, 4000, 1))
    excess = np.concatenate([excess_risks(model, fits, PROJECTIONS["plain"])[0] for fits in batches])
    assert_agrees(estimate(excess[:, -1]), model.bayes_risk * 6 / (14 - 7), max_sem=0.1)
    np.testing.assert_allclose(excess[:, 0], model.squared_norm(model.w_star))
    gram = np.concatenate([fits.factor @ np.swapaxes(fits.factor, 1, 2) for fits in batches])
    error = np.std(gram, axis=0) / len(gram) ** 0.5
    assert np.all(np.abs(gram.mean(axis=0) - 14 * rd.ar1_covariance(6, 0.7)) < 5 * error)


def test_at_full_rank_all_projections_are_least_squares() -> None:
    excess, _ = simulated(SMALL.model(), 20, 0)
    for values in excess.values():
        np.testing.assert_allclose(values[:, -1], excess["plain"][:, -1], rtol=1e-9)


def test_the_defaults_are_the_two_examples() -> None:
    for name, other in (
        ("unequal-noise", low_rank_example.unequal_noise()),
        ("correlated-inputs", low_rank_example.correlated_inputs()),
    ):
        model = LowRankConfig(example=name).model()
        assert model.n == other.n
        for attribute in ("W_star", "noise_covariance", "covariance"):
            np.testing.assert_allclose(
                np.broadcast_arrays(getattr(model, attribute), getattr(other, attribute))[0],
                np.broadcast_arrays(getattr(model, attribute), getattr(other, attribute))[1],
            )
        v = np.random.default_rng(0).standard_normal(model.num_weights)
        assert model.squared_norm(v) == pytest.approx(float(other.squared_norm(v)))


@pytest.fixture(scope="module")
def example() -> dict:
    config = LowRankConfig()
    model = config.model()
    excess, chosen = simulated(model, 200, config.chosen_seed)
    return {"model": model, "excess": excess, "chosen": chosen, "erm": model.bayes_risk * 50 / 29}


def test_the_minimum_is_at_the_true_rank(example: dict) -> None:
    found = findings(**example)
    assert found["erm"] == pytest.approx(34.48, abs=0.01)
    information = found["projections"]["information"]
    assert (information["best_rank"], information["clear"]) == (3, True)
    assert found["projections"]["inputs"]["best_rank"] == 3
    assert found["projections"]["plain"]["best_rank_kept"] == 1
    given = low_rank_example.UNEQUAL_NOISE
    for name, value in (("plain", given.plain), ("inputs", given.inputs), ("information", given.information)):
        own = found["projections"][name]
        # The notes' own numbers are of few trials, so that they are known to some percent.
        assert abs(own["at_true_rank"] - value) < 4 * own["at_true_rank_sem"], name
    assert "the minimum over ranks is at 3, the true rank" in sentence(found)


def test_the_limit_is_near(example: dict) -> None:
    means = example["excess"]["information"].mean(axis=0)
    np.testing.assert_allclose(asymptotic(example["model"]), means, rtol=0.05)


def test_another_world_has_other_words(example: dict) -> None:
    world = copy.deepcopy(example)
    world["excess"]["information"][:, 5] -= 20
    assert "the minimum over ranks is at 5, not at the true rank, 3" in sentence(findings(**world))
    world["excess"]["information"][:, 6] = world["excess"]["information"][::-1, 5]
    assert "undecided" in sentence(findings(**world))
    world["excess"]["plain"][:, 3] += 30
    assert "plain SVD has 55.5, worse than no compression" in sentence(findings(**world))


def test_the_best_rank_is_ahead_of_every_other_and_not_of_the_second_alone() -> None:
    """Rank 2 is second by little that is certain, rank 1 third, and not told apart from the best."""
    noise = np.random.default_rng(0).standard_normal((100, 5))
    values = np.array([9.0, 1.2, 1.1, 1.0, 5.0]) + np.array([0.0, 3.0, 0.01, 0.01, 0.01]) * noise
    values -= values.mean(axis=0) - np.array([9.0, 1.2, 1.1, 1.0, 5.0])
    one = _of_projection(values, 3)
    assert (one["best_rank"], one["second_rank"], one["clear"]) == (3, 1, False)
    values[:, 1] = 1.2
    one = _of_projection(values, 3)
    assert (one["best_rank"], one["second_rank"], one["clear"]) == (3, 2, True)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"n": 51}, "n > d \\+ 1"),
        ({"rank": 21}, "rank must be at most 20"),
        ({"rank": 0}, "rank must be at least 1"),
        ({"noise": (0.0, 1.0)}, "noise must be at least 1e-100"),
        ({"correlation": 1.0}, "correlation"),
        ({"w_star": "gaussian"}, '"planted" or a .npy file'),
        ({"w_star": np.ones(4)}, "two dimensions"),
        ({"w_star": np.ones((3, 4)), "o": 4}, "leave it out"),
        ({"w_star": np.ones((3, 4)), "rank": 1}, "rank is for"),
        ({"w_star": np.zeros((3, 4))}, "all zero"),
        ({"w_star": np.full((3, 4), 1e-170)}, "largest weight from 1e-50 to 1e\\+50, got 1e-170"),
        ({"o": 10**7, "d": 10**6, "n": 10**7}, "GiB"),
        ({"num_trials": 1}, "num_trials"),
        ({"example": "other"}, "example must be one of"),
        ({"d": 1, "n": 9}, "d must be at least 2"),
    ],
)
def test_settings_without_a_figure_are_refused(settings: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        LowRankConfig(**settings).check()

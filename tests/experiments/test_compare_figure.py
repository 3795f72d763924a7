"""The comparison of codes: closed forms, one output or several, and what is refused."""

import jax
import numpy as np
import pytest

import ratedist as rd
from ratedist.compressors.base import Context
from ratedist.experiments import compare_points
from ratedist.experiments.compare import COLUMNS, _row, _sampled, run
from ratedist.experiments.compare_config import CompareConfig
from ratedist.experiments.compare_curves import curves, nothing_sent
from ratedist.experiments.compare_names import ALGORITHMS
from ratedist.experiments.description_length_points import Point
from ratedist.experiments.designed_code import DesignedCode
from ratedist.experiments.dithered_ridge import DitheredRidge
from ratedist.experiments.shared_ridge import SharedRidge
from ratedist.experiments.table import Table

# What compiles in a moment; all of them are in the slow test of the command.
QUICK = ("entropy_coded", "remote_gaussian", "remote_prior")


@pytest.fixture(scope="module")
def table() -> Table:
    with pytest.MonkeyPatch.context() as patch, jax.enable_x64(True):
        every = compare_points.points
        patch.setattr(
            compare_points,
            "points",
            lambda config, model: [one for one in every(config, model) if one.algorithm in QUICK],
        )
        return run(CompareConfig(d=8, n=14, num_trials=256, rates=(1.0,)))


def test_rows_and_record(table) -> None:
    frame, record = table.frame, table.record
    assert tuple(frame.columns) == COLUMNS
    assert set(frame["algorithm"]) == {"erm", "oracle", *QUICK}
    simulated = frame[frame["num_trials"].notna()]
    assert simulated[["bits_per_weight", "minus_erm_sem", "population_risk_sem"]].notna().all(axis=None)
    assert set(frame["rate_name"].dropna()) <= set(record["rates"])
    assert set(ALGORITHMS) == set(record["algorithms"])
    assert record["configuration"]["n"] == 14
    # The corners of a curve fall, and get flatter.
    for name in QUICK:
        corners = frame[(frame["algorithm"] == name) & (frame["on_curve"] == True)]  # noqa: E712
        corners = corners.sort_values("bits_per_weight")
        assert (np.diff(corners["excess_risk"]) < 0).all()


def test_levels_and_rounding_in_closed_form(table) -> None:
    frame, levels = table.frame, table.record["levels"]
    noise = 8 / (14 - 9)
    assert levels["erm"] == pytest.approx(noise)
    assert levels["nothing"] == 8
    factor = 8 / (8 + noise)
    for row in frame[frame["algorithm"] == "remote_gaussian"].itertuples():
        exact = factor * noise + 8 * row.parameter**2 / 12
        assert abs(row.excess_risk - exact) < 4 * row.population_risk_sem
        assert row.population_risk_sem < 0.2 * exact
    for row in frame[frame["algorithm"] == "entropy_coded"].itertuples():
        exact = noise + 8 * row.parameter**2 / 12
        assert abs(row.excess_risk - exact) < 4 * row.population_risk_sem


def test_a_code_that_sends_nothing_has_a_row() -> None:
    """Its rate is exactly 0, and its curve begins there."""
    config = CompareConfig(w_star="sparse", d=8, n=14)  # whose draws are compiled for the table
    model = config.model()
    prior = compare_points.weights_prior(config, model)
    code = DesignedCode(100.0, prior, compare_points.weight_noise(model))
    point = Point("remote_prior", 100.0, "code_length", code)
    compressors = {"erm": rd.ERM(), "silent": code}
    result = rd.simulate(model, compressors, 256, jax.random.key(0), return_samples=True)
    sampled = _sampled(point, "silent", model, result)
    row = _row(point, sampled, "silent", result, model.num_weights, True)
    assert (row["bits_per_weight"], row["bits_per_weight_sem"]) == (0.0, 0.0)
    curve = curves([sampled], nothing_sent(float(model.squared_norm(model.w_star)), 256))["remote_prior"]
    assert curve.at(1.0)[0] == pytest.approx(min(row["excess_risk"], float(model.squared_norm(model.w_star))))


def test_the_oracle_of_one_output_and_of_several() -> None:
    """(1 − α)²d/(n − d − 1) + α(1 − α)d/n an output; the exact rate is below a Gaussian law's."""
    one = CompareConfig(d=8, n=14).model()
    rows = compare_points.oracle_rows(one)
    for row in rows:
        alpha = row["parameter"]
        assert row["excess_risk"] == pytest.approx((1 - alpha) ** 2 * 8 / 5 + alpha * (1 - alpha) * 8 / 14)
    several = compare_points.oracle_rows(CompareConfig(w_star=np.ones((3, 8)), n=14).model())
    for row, other in zip(rows, several, strict=True):
        assert row["bits_per_weight"] == pytest.approx(other["bits_per_weight"], rel=1e-6)
        alpha = other["parameter"]
        exact = 3 * ((1 - alpha) ** 2 * 8 / 5 + alpha * (1 - alpha) * 8 / 14)
        assert other["excess_risk"] == pytest.approx(exact)
        # At the same bits the bound allows no more precision than the exact rate.
        assert other["excess_risk"] / 3 <= row["excess_risk"] + 1e-9


def test_ridge_of_several_outputs_is_the_sum_of_its_rows() -> None:
    model = CompareConfig(w_star="low-rank", o=3, d=4, n=9, rank=1).model()
    rng = np.random.default_rng(0)
    W_star, penalty = model.w_star.reshape(3, 4), compare_points.best_penalty(model)
    assert penalty == pytest.approx(12 / np.sum(W_star**2))
    X = rng.standard_normal((4000, 9, 4))
    Y = X @ W_star.T + rng.standard_normal((4000, 9, 3))
    gram = np.swapaxes(X, 1, 2) @ X + penalty * np.eye(4)
    error = np.swapaxes(np.linalg.solve(gram, np.swapaxes(X, 1, 2) @ Y), 1, 2) - W_star
    found = np.sum(error**2, axis=(1, 2))
    sem = found.std(ddof=1) / len(found) ** 0.5
    assert sem < 0.02 * found.mean()
    assert abs(found.mean() - compare_points.ridge_excess(model)) < 4 * sem


def test_shared_ridge_is_ridge_row_by_row() -> None:
    model = rd.GaussianLinearModel(14, rd.two_level_weights(8))
    rng, key = np.random.default_rng(0), jax.random.key(1)
    X = rng.standard_normal((14, 8))
    hessian, weights = jax.numpy.asarray(X.T @ X / 14), jax.numpy.asarray(rng.standard_normal(8))
    one, own = (kind(0.7, 0.3, 1.0).prepare(model) for kind in (DitheredRidge, SharedRidge))

    @jax.jit
    def compressed(weights: jax.Array, hessian: jax.Array) -> list:
        context = Context(input_hessian=hessian)
        cases = ((one, weights), (own, weights), (own, jax.numpy.tile(weights, 2)))
        return [each.compress(key, w, context) for each, w in cases]

    first, second, both = compressed(weights, hessian)
    np.testing.assert_allclose(first.reconstruction, second.reconstruction, rtol=1e-9)
    np.testing.assert_allclose(first.rates["code_length"], second.rates["code_length"], rtol=1e-9)
    # Dither differs from weight to weight, and moves none further than half a step.
    rows = np.asarray(both.reconstruction).reshape(2, 8)
    gram = X.T @ X
    shrunk = np.linalg.solve(gram + 0.7 * np.eye(8), gram @ np.asarray(weights))
    assert np.all(np.abs(rows - shrunk[None]) <= 0.15 + 1e-9)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"n": 51}, "n > d \\+ 1"),
        ({"rates": ()}, "at least one number"),
        ({"rates": (0.0,)}, "rates must be"),
        ({"noise_variance": 0.0}, "noise_variance must be at least 1e-100"),
        ({"w_star": "low-rank", "noise_variance": 0.0}, "noise_variance must be at least 1e-100"),
        ({"w_star": np.zeros(9)}, "must not be all zero"),
        ({"w_star": np.full(9, 1e200)}, "largest weight from 1e-50 to 1e\\+50, got 1e\\+200"),
        ({"w_star": np.full((2, 9), 1e-60)}, "largest weight from 1e-50"),
        ({"noise_variance": 1e200}, "noise_variance must be at most 1e\\+100"),
        ({"w_star": "lowrank"}, "w_star must be one of two-level, gaussian, sparse, low-rank or"),
        ({"o": 3}, 'o and rank are for w_star "low-rank"'),
        ({"w_star": "low-rank", "rank": 9}, "rank must be at most 6"),
        ({"w_star": np.ones((2, 3, 4))}, r"shape \(d,\) or \(o, d\)"),
        ({"w_star": np.ones((3, 4)), "d": 5}, "leave d out"),
        ({"w_star": "low-rank", "o": 200}, "from 8 to 256 weights, got 2400"),
        ({"d": 7}, "from 8 to 256 weights, got 7"),
        ({"d": 10**12}, "GiB"),
        ({"num_trials": 1}, "num_trials"),
    ],
)
def test_settings_without_a_figure_are_refused(settings: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        CompareConfig(**settings).check()

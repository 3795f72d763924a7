"""The table of compressors that see the data: its curves are ordered, its points real, its code a code."""

import jax
import numpy as np
import pytest

import ratedist as rd
from ratedist.cli.seeing_the_data import describe, summary
from ratedist.experiments import seeing_the_data
from ratedist.experiments.designed_rounding import designed
from ratedist.experiments.seeing_the_data import (
    SeeingTheDataConfig,
    compressor_of,
    findings,
    run,
    simulated_row,
)
from ratedist.plotting.seeing_the_data import draw_seeing_the_data
from tests.cli.conftest import unsettled

CONFIG = SeeingTheDataConfig(d=4, n=9, num_paths=4, trellis_paths=8, num_trials=400)
# Each compiles programs of its own; that of a trellis is in a test below.
KINDS = ("plain",)


@pytest.fixture(scope="module")
def table():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seeing_the_data, "KINDS", KINDS)
        patch.setattr(seeing_the_data, "SETTINGS", ((1.2, 0.8),))
        patch.setattr(seeing_the_data, "NUM_CURVE_POINTS", 2)
        patch.setattr(seeing_the_data, "PILOT_TRIALS", 400)
        return run(CONFIG)


def test_the_curves_are_ordered(table):
    frame = table.frame
    rates = {
        kind: frame.loc[frame["kind"] == kind, "rate_nats"].to_numpy() for kind in frame["kind"].unique()
    }
    assert np.all(rates["given_gram"] <= rates["encoder_alone"])
    assert np.all(rates["encoder_alone"] < rates["markov"])
    # The oracle sees the weights alone.
    assert np.all(rates["markov"] < rates["oracle"])


def test_points_are_where_simulations_of_their_own_have_them(table):
    rows = table.frame[table.frame["kind"].isin(KINDS)]
    assert len(rows) == len(KINDS)
    model = CONFIG.model()
    assert np.all(
        rows["rate_nats"] > rd.theory.rate_given_gram(model, rows["distortion"]) - 4 * rows["rate_sem"]
    )
    assert np.all(rows["population_risk"] > 1)
    np.testing.assert_allclose(rows["rate_bits"], rows["rate_nats"] / np.log(2))
    gap = rows["rate_nats"] - rows["markov_rate_nats"]
    np.testing.assert_allclose(rows["above_markov_nats"], gap)
    one = rows.iloc[0]
    point = rd.theory.rate_at_distortion(model, one["distortion"])
    assert point.rate_lower[0] == pytest.approx(one["markov_rate_nats"], abs=1e-9)


def test_what_is_found_can_be_found_wrong(table):
    found = findings(table.frame)
    assert found["plain"]["below_markov"] == 0
    moved = table.frame.copy()
    moved["above_markov_nats"] -= 5 * moved["above_markov_sem"].max() + moved["above_markov_nats"].max()
    assert findings(moved)["plain"]["below_markov"] == 1
    assert "0 of 1 points below" in summary(table.record)


def test_a_designed_code_is_a_code_and_costs_less():
    model = CONFIG.model()
    compressor = rd.CenteredRounding(0.5, multiplier=0.05)
    fitted = designed(compressor, model, 400, jax.random.key(1))
    assert sum(np.exp(-np.array(fitted.code_lengths))) == pytest.approx(1.0, abs=1e-12)
    assert fitted.code_lengths == fitted.code_lengths[::-1]
    result = rd.simulate(model, {"law": compressor, "own": fitted}, 400, jax.random.key(2))
    saved = result.difference("law", "own")
    assert saved.rates["code_length"].mean + saved.distortion.mean / 0.05 > 0


def test_a_trellis_is_designed_by_what_its_decoder_sees():
    """Either union has a code of its own, by the shares of its multiples."""
    model = CONFIG.model()
    compressor = compressor_of(CONFIG, model, "trellis", 0.8, 0.8)
    fitted = designed(compressor, model, 400, jax.random.key(1))
    for one in fitted.code_lengths:
        assert sum(np.exp(-np.array(one))) == pytest.approx(1.0, abs=1e-12)
        assert one == one[::-1]
    assert compressor_of(CONFIG, model, "paths", 0.8, 0.8).num_paths == 4


@pytest.mark.slow
def test_a_trellis_costs_less_by_its_own_code():
    model = CONFIG.model()
    compressor = compressor_of(CONFIG, model, "trellis", 0.8, 0.8)
    fitted = designed(compressor, model, 400, jax.random.key(1))
    result = rd.simulate(model, {"law": compressor, "own": fitted}, 400, jax.random.key(2))
    saved = result.difference("law", "own")
    assert saved.rates["code_length"].mean + saved.distortion.mean / compressor.multiplier > 0


@pytest.mark.slow
def test_a_trellis_is_nearer_than_as_many_paths_without(monkeypatch):
    """Some nine nats below the exact curve of the weights alone, where paths without have six."""
    monkeypatch.setattr(seeing_the_data, "PILOT_TRIALS", 300)
    config = SeeingTheDataConfig(num_paths=64, num_trials=1000)
    paths, trellis = (simulated_row(config, config.model(), kind, 1.34, 0.8) for kind in ("paths", "trellis"))
    errors = paths["above_markov_sem"] + trellis["above_markov_sem"]
    assert trellis["above_markov_nats"] < paths["above_markov_nats"] - 2 * errors
    assert trellis["above_markov_nats"] < -5


def test_the_picture_has_what_the_table_has(table, monkeypatch):
    unsettled(monkeypatch, "seeing_the_data")
    figure = draw_seeing_the_data(table.frame, describe(CONFIG))
    left, right = figure.axes
    assert len(left.get_lines()) >= 6
    assert right.get_ylabel() == "population risk"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"d": 501}, "d must"),
        ({"n": 51}, "n must"),
        ({"noise_variance": 0.0}, "noise_variance"),
        ({"num_paths": 1}, "num_paths"),
        ({"num_states": 3}, "num_states"),
        ({"trellis_paths": 1}, "trellis_paths"),
        ({"num_trials": 1}, "num_trials"),
        ({"seed": -1}, "seed"),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SeeingTheDataConfig(**options).check()

"""Networks at low rank: rows, paired differences, verdicts that can turn, going on after an interruption."""

import dataclasses
import json
import math
import pathlib

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from ratedist.experiments import network_ranks_points
from ratedist.experiments.network_ranks import run
from ratedist.experiments.network_ranks_config import (
    FLOAT_BITS,
    PROJECTIONS,
    TRAINED,
    WHOLE,
    NetworkRanksConfig,
)
from ratedist.experiments.network_ranks_findings import findings, sentences, tables, verdicts
from ratedist.experiments.table import Table
from ratedist.networks.assessment import predict
from ratedist.networks.data import load
from ratedist.networks.ensemble import train_member
from ratedist.networks.losses import evaluate
from ratedist.networks.low_rank import factorize
from ratedist.plotting import network_ranks as pictures
from ratedist.theory.sources.brackets import Limit
from tests.cli.conftest import not_rendered, unsettled

CONFIG = NetworkRanksConfig(
    data="digits", models=2, ranks=(4,), bits=(2,), epochs=3, fine_tuning_epochs=1, prox_every=20
)
METHODS = (*PROJECTIONS, *TRAINED)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("networks")


@pytest.fixture(scope="module")
def table(folder: pathlib.Path):
    # The limits of every quantised factor are in no row; tests/tensors/test_limit.py has them.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ratedist.tensors.limit.limit_of", lambda *_, **__: Limit(0.1, 0.1))
        return run(CONFIG, folder)


def cell(frame, **chosen):
    for name, value in chosen.items():
        frame = frame[frame[name] == value]
    return frame


def test_the_command_writes_picture_table_and_record(table, ratedist, tmp_path, monkeypatch) -> None:
    def computed(config: NetworkRanksConfig, networks: pathlib.Path, *, progress: bool) -> Table:
        assert dataclasses.asdict(config) == dataclasses.asdict(CONFIG)
        assert networks == pathlib.Path("networks")
        return table

    def kept(*of) -> Figure:
        figures.append(draw(*of))
        return figures[-1]

    unsettled(monkeypatch, "network_ranks")
    draw, figures = pictures.draw_network_ranks, []
    monkeypatch.setattr(pictures, "draw_network_ranks", kept)
    monkeypatch.setattr("ratedist.experiments.network_ranks.run", computed)
    monkeypatch.setattr("ratedist.cli.figure_files.drawn", not_rendered)
    small = ["--models", "2", "--ranks", "4", "--bits", "2", "--epochs", "3", "--prox-every", "20"]
    done = ratedist("network-ranks", "digits", *small, "--fine-tuning-epochs", "1")
    assert done.status == 0, done.err
    out = tmp_path / "figures"
    assert sorted(path.name for path in out.iterdir()) == [
        f"network-ranks.{kind}" for kind in ("csv", "json", "pdf", "png")
    ]
    frame = pd.read_csv(out / "network-ranks.csv")
    assert set(frame["rank"]) == {0, 4}
    record = json.loads((out / "network-ranks.json").read_text())
    assert record["configuration"]["ranks"] == [4]
    assert "2 networks on digits (64-64-64-10), trained for 135 steps on 454 images" in done.out
    assert all(line in done.out for line in record["verdicts"])
    (figure,) = figures
    assert len(figure.axes) == 12
    first = figure.axes[0]
    drawn = {one.get_label(): one for one in first.containers}
    assert set(drawn) == {look.label for look in pictures.LOOKS.values()}
    shown = drawn["plain SVD"].lines[0].get_ydata()
    rows = cell(table.frame, method="plain", bits=FLOAT_BITS, fine_tuned=False)
    assert shown[0] == pytest.approx(rows["test_loss"].mean())


def test_one_row_per_network_and_point(table) -> None:
    frame = table.frame
    assert len(frame) == 2 * len(CONFIG.points()) == 2 * (8 + 1) * 2 * 2
    assert not frame.duplicated(["model", "method", "rank", "fine_tuned", "bits"]).any()
    assert (
        not frame.drop(columns=["temperature", "calibrated_test_loss", "calibrated_calibration_error"])
        .isna()
        .any()
        .any()
    )
    whole = cell(frame, method=WHOLE, bits=FLOAT_BITS)
    assert set(whole["ratio"]) == {1.0}
    assert set(whole["weight_bits"]) == {32 * (64 * 64 + 64 * 64 + 64 * 10)}
    factors = cell(frame, method="plain", bits=FLOAT_BITS)
    assert set(factors["weight_bits"]) == {32 * (2 * 4 * 128 + 64 * 10)}
    quantised = cell(frame, bits=2)
    assert quantised["weight_bits"].max() < 2 * 9000 + 5 * 4 * 32  # codes of at most two bits, and codebooks


def test_rows_are_those_of_the_network(table, folder) -> None:
    ensemble, data = CONFIG.ensemble(), load("digits")
    member = train_member(ensemble, data, 1, folder)
    images = data.scaled(data.test_images).reshape(-1, 64)
    for method, parameters in (
        (WHOLE, member.parameters),
        ("plain", factorize(ensemble.architecture, member.parameters, 4)),
    ):
        expected = evaluate(predict(ensemble.architecture, parameters, images), data.test_labels)
        row = cell(table.frame, model=1, method=method, fine_tuned=False, bits=FLOAT_BITS).iloc[0]
        assert row["test_loss"] == pytest.approx(expected.loss.mean, abs=1e-6)
        assert row["test_accuracy"] == pytest.approx(expected.accuracy.mean, abs=1e-6)


def test_differences_are_paired(table) -> None:
    found = {(one["stage"], one["method"], one["against"]): one for one in table.record["findings"]}
    frame = cell(table.frame, bits=FLOAT_BITS, fine_tuned=True)
    losses = {name: group.set_index("model")["test_loss"] for name, group in frame.groupby("method")}
    for method, against in (("kronecker", "plain"), ("thresholded", "kronecker"), ("annealed", WHOLE)):
        difference = losses[method] - losses[against]
        one = found["fine_tuned", method, against]
        assert one["test_loss"] == pytest.approx(difference.mean())
        assert one["test_loss_sem"] == pytest.approx(difference.std(ddof=1) / math.sqrt(2))
    json.dumps(table.record, allow_nan=False)
    assert table.record["fine_tuning_steps"] == 1 * (454 // 10)


def test_going_on_computes_what_is_missing(table, folder, monkeypatch) -> None:
    really, done = network_ranks_points.RankWorker.row, []

    def counted(self, point):
        done.append(point)
        return really(self, point)

    monkeypatch.setattr(network_ranks_points.RankWorker, "row", counted)
    pd.testing.assert_frame_equal(run(CONFIG, folder).frame, table.frame)
    assert done == []
    # A file of one network with its last points missing, as an interruption leaves it.
    path = folder / "digits-001-ranks.journal"
    lines = path.read_bytes().split(b"\n\n")
    path.write_bytes(b"\n\n".join(lines[:-2]) + b"\n")
    pd.testing.assert_frame_equal(run(CONFIG, folder).frame, table.frame, rtol=1e-4)
    assert done == CONFIG.points()[-2:]
    # Another number of steps is another table.
    other = dataclasses.replace(CONFIG, fine_tuning_epochs=2)
    assert CONFIG.points()[0] not in network_ranks_points.finished_points(
        other, load("digits"), train_member(CONFIG.ensemble(), load("digits"), 1, folder), folder
    )


def world(losses, rank=8, models=5, noise=1e-3):
    """A table in which each method has so much loss, zero-shot and fine-tuned, with a little noise."""
    rng = np.random.default_rng(0)
    rows = []
    for model in range(models):
        for method in (*METHODS, WHOLE):
            for tuned in (False, True):
                loss = losses.get((method, tuned), 0.5) + noise * rng.normal()
                rows.append({
                    "model": model, "method": method, "rank": 0 if method == WHOLE else rank,
                    "fine_tuned": tuned, "bits": FLOAT_BITS, "test_loss": loss,
                    "calibrated_test_loss": loss, "test_accuracy": 0.9, "ratio": 0.1,
                })  # fmt: skip
    return pd.DataFrame(rows)


def test_verdicts_turn_with_the_world() -> None:
    wins = {("kronecker", False): 0.4, ("kronecker", True): 0.49, ("thresholded", True): 0.3}
    told = verdicts(findings(world(wins)))
    assert told[0] == (
        "zero-shot, information divergence against plain SVD: better at rank 8 (own temperatures); "
        "better at rank 8 (raw)"
    )
    assert told[2].startswith("zero-shot, information divergence of the calibrated network against plain SVD")
    assert "against information divergence: better at rank 8 (own" in told[4]
    assert told[4].endswith("plain at rank 8")
    assert "worse at rank 8" in told[5]
    assert told[5].endswith("at no rank")
    loses = {("kronecker", False): 0.6, ("kronecker", True): 0.3, ("thresholded", True): 0.29}
    told = verdicts(findings(world(loses)))
    assert "plain SVD: worse at rank 8 (own temperatures)" in told[0]
    assert "better at rank 8" in told[4]
    assert told[4].endswith("at no rank")  # the gain of 0.01 is below the 0.2 between the projections
    assert "not told apart at rank 8 (own" in verdicts(findings(world({}, noise=0.0)))[0]
    raw = world({})
    raw.loc[(raw["method"] == "kronecker") & ~raw["fine_tuned"], "test_loss"] -= 0.2
    raw.loc[(raw["method"] == "kronecker") & ~raw["fine_tuned"], "calibrated_test_loss"] += 0.2
    assert "worse at rank 8 (own temperatures); better at rank 8 (raw)" in verdicts(findings(raw))[0]


def test_the_tables() -> None:
    frame = world({("svd_llm", True): 0.25}, noise=0.0)
    lines = tables(frame)
    assert lines[0] == "| zero-shot | rank 8 |"
    assert "| SVD-LLM | 0.500 / 0.500 / 90.0% |" in lines[:11]
    assert "| SVD-LLM | 0.250 / 0.250 / 90.0% |" in lines[11:]
    assert lines[-2] == "| layers of full rank | 0.500 / 0.500 / 90.0% |"


def test_networks_without_temperature_and_alone() -> None:
    frame = world({})
    frame.loc[frame["method"] == "plain", "calibrated_test_loss"] = np.nan
    found = findings(frame)
    assert next(one for one in found if one["against"] == "plain")["calibrated_test_loss"] is None
    assert "not known" in sentences(found)[0]
    alone = findings(world({}, models=1))
    assert all(one["test_loss_sem"] is None for one in alone)
    assert "not told apart" in verdicts(alone)[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": "cifar10"}, "data must be one of"),
        ({"models": 0}, "models must be at least 1"),
        ({"ranks": ()}, "ranks must be at least one number"),
        ({"ranks": (64,)}, "ranks must be at most 63"),
        ({"bits": (9,)}, "bits must be at most 8"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"fine_tuning_epochs": 0}, "fine_tuning_epochs must be at least 1"),
        ({"fine_tuning_rate": 0.0}, "fine_tuning_rate must"),
        ({"prox_every": 0}, "prox_every must be at least 1"),
        ({"seed": -1}, "seed must"),
    ],
)
def test_settings_that_make_no_sense(change, message) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(CONFIG, **change).check()


def test_defaults_of_both_data_sets() -> None:
    mnist = NetworkRanksConfig(data="mnist")
    mnist.check()
    assert (mnist.num_models, mnist.all_ranks) == (10, (4, 8, 16, 32))
    assert mnist.ensemble().recipe.epochs == 25
    assert len(mnist.points()) == len(set(mnist.points())) == (1 + 4 * 8) * 2 * 4

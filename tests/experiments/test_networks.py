"""The experiment on networks: rows, means, paired differences, resuming, the report and the figures."""

import dataclasses
import json
import pathlib

import jax
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from ratedist.cli.commands import main
from ratedist.experiments import network_points
from ratedist.experiments.network_config import Cifar10Config, DigitsConfig, NetworkConfig, Point
from ratedist.experiments.network_report import report
from ratedist.experiments.network_summary import POINT, chosen_penalties, pooled_diagrams, summarize
from ratedist.experiments.networks import run
from ratedist.networks.architecture import initialize
from ratedist.networks.assessment import Splits, assess, predict
from ratedist.networks.calibration import fit_temperature
from ratedist.networks.data import load
from ratedist.networks.ensemble import train_member
from ratedist.networks.losses import evaluate
from ratedist.networks.scaling import fit_last_layer_factor

CONFIG = DigitsConfig(
    models=2,
    fraction=0.3,
    epochs=5,
    clusters=(2, 4),
    beta=(0.0, 5.0),
    max_vector_clusters=2,
    sweep_clusters=4,
    sweep_beta=(0.0, 5.0, 20.0),
    relative_beta=(0.01,),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("networks")


@pytest.fixture(scope="module")
def table(folder: pathlib.Path):
    return run(CONFIG, folder)


def test_one_row_per_network_and_point(table) -> None:
    assert len(table.frame) == CONFIG.models * len(CONFIG.points())
    assert not table.frame.duplicated(["model", *POINT]).any()
    json.loads(table.json())
    assert table.record["train_images_per_network"] + table.record["held_out_images_per_network"] == 389


def test_rows_are_what_the_network_does(table, folder: pathlib.Path) -> None:
    """The original's row, from its file and the definitions."""
    ensemble, data = CONFIG.ensemble(), load("digits")
    member = train_member(ensemble, data, 1, folder)
    parts = {
        "train": (data.train_images[member.train_rows], data.train_labels[member.train_rows]),
        "holdout": (data.train_images[member.holdout_rows], data.train_labels[member.holdout_rows]),
        "test": (data.test_images, data.test_labels),
    }
    z = {
        k: predict(ensemble.architecture, member.parameters, data.scaled(x).reshape(-1, 64))
        for k, (x, _) in parts.items()
    }
    row = table.frame.query("model == 1 and compressor == 'original'").iloc[0]
    for name, (_, labels) in parts.items():
        assert row[f"{name}_loss"] == pytest.approx(evaluate(z[name], labels).loss.mean, rel=1e-12)
    T = fit_temperature(z["holdout"], parts["holdout"][1]).temperature
    assert row["temperature"] == pytest.approx(T, rel=1e-12)
    calibrated = evaluate(z["test"] / T, parts["test"][1]).loss.mean
    assert row["calibrated_test_loss"] == pytest.approx(calibrated, rel=1e-12)
    assert row["generalization_error"] == pytest.approx(row["test_loss"] - row["train_loss"], rel=1e-12)


def test_the_factor_of_the_last_layer_is_the_best_of_a_grid(folder: pathlib.Path) -> None:
    ensemble, data = CONFIG.ensemble(), load("digits")
    member = train_member(ensemble, data, 0, folder)
    x = data.scaled(data.train_images[member.holdout_rows]).reshape(-1, 64)
    y = data.train_labels[member.holdout_rows]
    factor = fit_last_layer_factor(ensemble.architecture, member.parameters, (x, y))
    z = predict(ensemble.architecture, member.parameters, x).astype(float)
    b = np.asarray(member.parameters["dense3"]["bias"], float)
    losses = {f: evaluate(f * (z - b) + b, y).loss.mean for f in np.geomspace(0.01, 100, 400)}
    best = min(losses, key=losses.__getitem__)
    assert factor == pytest.approx(best, rel=0.03)
    assert evaluate(factor * (z - b) + b, y).loss.mean <= losses[best] + 1e-12


def test_predictions_do_not_depend_on_the_chunk(monkeypatch: pytest.MonkeyPatch, folder) -> None:
    import ratedist.networks.assessment as module

    ensemble, data = CONFIG.ensemble(), load("digits")
    parameters = train_member(ensemble, data, 0, folder).parameters
    images = data.scaled(data.test_images[:50]).reshape(-1, 64)
    whole = predict(ensemble.architecture, parameters, images)
    monkeypatch.setattr(module, "DENSE_CHUNK", 7)
    np.testing.assert_allclose(
        predict(ensemble.architecture, parameters, images), whole, rtol=1e-5, atol=1e-5
    )


def test_assessment_of_a_network_that_knows_nothing() -> None:
    architecture = CONFIG.ensemble().architecture
    nothing = jax.tree.map(np.zeros_like, initialize(architecture, jax.random.key(0)))
    x, y = np.ones((20, 64), np.float32), np.arange(20) % 10
    row = assess(architecture, nothing, Splits((x, y), (x, y), (x, y)))
    assert row["test_loss"] == pytest.approx(np.log(10))
    assert row["test_accuracy"] == pytest.approx(0.1)
    assert row["generalization_error"] == 0
    assert row["calibration_error"] == pytest.approx(0, abs=1e-7)


def test_a_temperature_that_the_held_out_images_do_not_determine_is_nan() -> None:
    """All of them right: the loss falls for ever as T falls, and no calibrated number means anything."""
    architecture = CONFIG.ensemble().architecture
    parameters = jax.tree.map(np.asarray, initialize(architecture, jax.random.key(0)))
    x = np.random.default_rng(0).normal(size=(20, 64)).astype(np.float32)
    y = np.argmax(predict(architecture, parameters, x), axis=1)
    row = assess(architecture, parameters, Splits((x, y), (x, y), (x, y)))
    assert row["test_accuracy"] == 1
    assert np.isnan([row["temperature"], row["calibrated_test_loss"], row["calibrated_train_loss"]]).all()
    assert np.isfinite(row["test_loss"])


def test_summary_is_means_and_paired_differences(table) -> None:
    summary = summarize(table.frame)
    frame = table.frame.set_index(["model", *POINT])["test_loss"]
    row = summary.query(
        "quantity == 'test_loss' and compressor == 'hessian_weighted' and num_clusters == 4"
        " and diameter_penalty == 5 and block_length == 1"
    ).iloc[0]
    values, without, original = (
        np.array([frame[i, compressor, K, beta, 1] for i in range(2)])
        for compressor, K, beta in (
            ("hessian_weighted", 4, 5.0),
            ("hessian_weighted", 4, 0.0),
            ("original", 0, 0.0),
        )
    )
    for name, differences in (
        ("", values),
        ("change", values - original),
        ("effect_of_penalty", values - without),
    ):
        assert row[name or "mean"] == pytest.approx(differences.mean(), rel=1e-12)
        sem = differences.std(ddof=1) / np.sqrt(2)
        assert row[f"{name}_sem".lstrip("_")] == pytest.approx(sem, rel=1e-12)
    assert summary.query("compressor == 'original'")["change"].isna().all()


def test_chosen_penalty_has_the_least_held_out_loss(table) -> None:
    chosen = chosen_penalties(table.frame, 4).set_index("model")
    sweep = table.frame.query("compressor == 'hessian_weighted' and num_clusters == 4 and block_length == 1")
    for model, row in chosen.iterrows():
        assert row["holdout_loss"] == sweep[sweep["model"] == model]["holdout_loss"].min()
    with pytest.raises(ValueError, match="no Hessian-weighted point of K = 5"):
        chosen_penalties(table.frame, 5)


def test_diagrams_count_every_test_image_once(table) -> None:
    diagrams = pooled_diagrams(table.frame)
    counts = diagrams.groupby([*POINT, "logits"])["count"].sum()
    assert (counts == CONFIG.models * 500).all()
    np.testing.assert_allclose(diagrams["gap"], diagrams["accuracy"] - diagrams["confidence"], atol=1e-12)
    original = diagrams.query("compressor == 'original' and logits == 'raw'")
    accuracy = np.average(original["accuracy"], weights=original["count"])
    expected = table.frame.query("compressor == 'original'")["test_accuracy"].mean()
    assert accuracy == pytest.approx(expected, rel=1e-9)


def test_finished_points_are_read_and_new_ones_added(
    table, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[Point] = []
    really = network_points._Worker.row

    def counted(self, point: Point):
        computed.append(point)
        return really(self, point)

    monkeypatch.setattr(network_points._Worker, "row", counted)
    again = run(CONFIG, folder)
    assert computed == []
    pd.testing.assert_frame_equal(again.frame, table.frame)
    scalars = {"block_length": (1,), "max_vector_clusters": DigitsConfig.max_vector_clusters}
    run(dataclasses.replace(CONFIG, models=1, clusters=(2, 3, 4), **scalars), folder)
    assert computed == [Point("kmeans", 3), *(Point("hessian_weighted", 3, beta) for beta in (0.0, 5.0))]
    with pytest.raises(ValueError, match="another configuration"):
        run(dataclasses.replace(CONFIG, epochs=4), folder)


def test_ratio_is_equation_39(table) -> None:
    """K = 2 in Huffman code is one bit a weight, besides two centres of 32 bits a layer."""
    ratios = table.frame.query("compressor == 'kmeans' and num_clusters == 2")["huffman_ratio"]
    d = 64 * 64 * 2 + 640
    np.testing.assert_allclose(ratios, (d + 3 * 2 * 32) / (32 * d), rtol=1e-12)


def test_report(table) -> None:
    summary = summarize(table.frame)
    text = report(CONFIG, table.frame, summary)
    for words in (
        "original network",
        "K-means, K = 4",
        "β = 5 against 0, test loss",
        "β = 5 in the last layer alone",
        "own temperature",
    ):
        assert words in text


@pytest.mark.slow
def test_figures(table) -> None:
    from ratedist.cli.networks import _figures

    figures = _figures(CONFIG, summarize(table.frame), pooled_diagrams(table.frame))
    assert set(figures) == {"figure1", "figure3", "figure5", "figure6", "reliability"}
    axes = figures["figure3"].axes
    assert len(axes) == 4
    assert all(ax.get_xlabel() for ax in axes[2:])  # below both of a column
    assert all(ax.get_title(loc="left") and (ax.get_ylabel() or ax in axes[1::2]) for ax in axes)
    for figure in figures.values():
        plt.close(figure)


def test_command_from_finished_networks(table, folder, tmp_path: pathlib.Path, capsys, monkeypatch) -> None:
    # Both kinds of files are those of the other commands' tests, and the figures of the test above.
    monkeypatch.setattr("ratedist.cli.figure_files.PICTURES", ("png",))
    monkeypatch.setattr("ratedist.cli.networks._figures", lambda *_: {"figure3": plt.figure()})
    options = (
        "--models 2 --fraction 0.3 --epochs 5 --clusters 2 4 --beta 0 5 --max-vector-clusters 2 "
        "--sweep-clusters 4 --sweep-beta 0 5 20 --relative-beta 0.01"
    )
    assert main(["digits", *options.split(), "--out", str(tmp_path), "--networks", str(folder)]) == 0
    written = {path.name for path in (tmp_path / "digits").iterdir()}
    assert {"networks.csv", "summary.csv", "reliability.csv", "run.json", "figure3.png"} <= written
    again = summarize(pd.read_csv(tmp_path / "digits" / "networks.csv"))
    summary = pd.read_csv(tmp_path / "digits" / "summary.csv")
    np.testing.assert_allclose(again["mean"], summary["mean"], rtol=1e-7)
    assert "paired" not in capsys.readouterr().err


def test_without_data_one_clear_message(tmp_path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    import pooch

    monkeypatch.delenv("RATEDIST_DATA_DIR", raising=False)
    monkeypatch.setattr(pooch, "retrieve", lambda *_, **__: (_ for _ in ()).throw(ConnectionError()))
    monkeypatch.setattr(pooch, "os_cache", lambda _: tmp_path)
    status = main(["mnist", "--out", str(tmp_path / "f"), "--networks", str(tmp_path / "n")])
    lines = capsys.readouterr().err.strip().splitlines()
    assert status == 2
    assert len(lines) == 1
    assert "RATEDIST_DATA_DIR" in lines[0]
    assert not (tmp_path / "f").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"models": 0}, "models"),
        ({"clusters": ()}, "clusters must name at least one"),
        ({"clusters": (0,)}, "clusters"),
        ({"beta": (50.0,)}, "beta must contain 0"),
        ({"beta": (0.0, -1.0)}, "beta"),
        ({"sweep_beta": (float("nan"),)}, "sweep_beta"),
        ({"sweep_beta": (5.0,)}, "sweep_beta must contain 0"),
        ({"block_length": (2,)}, "block_length must contain 1"),
        ({"max_vector_clusters": 3, "block_length": (1,)}, "is for block_length above 1"),
        ({"train_images": -1}, "train_images"),
        ({"curvature_images": -1}, "curvature_images"),
        ({"curvature_images": 1}, "curvature_images must be 0 or at least 2"),
        ({"max_vector_clusters": -1}, "max_vector_clusters must be at least 1"),
        ({"max_vector_clusters": True}, "max_vector_clusters"),
        ({"max_vector_clusters": 1}, "max_vector_clusters must be at least one of clusters, 2"),
        ({"block_length": (1, 2**31)}, "block_length must be such that 2 clusters"),
        ({"block_length": (1, 10**30)}, "block_length must be such that 2 clusters"),
        ({"clusters": (1, 2), "max_vector_clusters": 1, "block_length": (1, 10**9)}, "block_length"),
    ],
)
def test_bad_settings(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(CONFIG, **change).check()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"holdout": 0.0}, "holdout must leave at least one image"),
        ({"clusters": (2, 641)}, "clusters must be at most the 640 blocks of layer dense3, got 641"),
    ],
)
def test_settings_that_the_data_refuse(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(dataclasses.replace(CONFIG, **change))


def test_other_data_are_not_taken_for_the_same(table, folder: pathlib.Path, monkeypatch) -> None:
    data = load("digits")
    relabelled = dataclasses.replace(data, train_labels=data.train_labels[::-1].copy())
    monkeypatch.setattr("ratedist.experiments.networks.load", lambda _: relabelled)
    with pytest.raises(ValueError, match="another configuration"):
        run(CONFIG, folder)


def test_blocks_by_default_are_left_out_where_all_codebooks_are_too_large() -> None:
    config = DigitsConfig(clusters=(16,))
    config.check()
    assert {point.block_length for point in config.points()} == {1}
    with pytest.raises(ValueError, match="max_vector_clusters must be at least one of clusters, 16"):
        DigitsConfig(clusters=(16,), block_length=(1, 3)).check()


def test_the_published_recipe_is_the_default() -> None:
    config = NetworkConfig()
    config.check()
    Cifar10Config().check()
    recipe = config.ensemble().recipe
    assert (recipe.learning_rate, recipe.momentum, recipe.weight_decay) == (0.01, 0.9, 1e-4)
    assert (recipe.batch_size, recipe.epochs, recipe.dropout) == (10, 25, 0.2)
    assert config.models == 50
    assert len(config.points()) == len(set(config.points()))


@pytest.mark.parametrize(
    ("compressor", "message"), [("original", "as trained"), ("kmeans", "by K-means of K = ")]
)
def test_networks_without_a_temperature_are_said(table, compressor: str, message: str) -> None:
    frame = table.frame.copy()
    frame.loc[frame["compressor"] == compressor, "calibrated_test_loss"] = np.nan
    with pytest.raises(ValueError, match=f"determine no temperature of any network {message}"):
        summarize(frame)

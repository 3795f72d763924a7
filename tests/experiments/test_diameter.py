"""The table of the diameter experiment, what it says, and its picture."""

import dataclasses
import json
from collections.abc import Iterator

import jax
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from ratedist.cli.diameter import summary
from ratedist.compressors.base import Compressed
from ratedist.estimate import Estimate
from ratedist.experiments.diameter import COLUMNS, equivalent_shrinkage, run
from ratedist.experiments.diameter_config import DiameterConfig
from ratedist.experiments.diameter_findings import Point, excess_over_optimum
from ratedist.experiments.table import Table
from ratedist.plotting import diameter as pictures
from ratedist.simulation import runner
from ratedist.simulation.results import SimulationResult
from tests.cli.conftest import not_rendered, unsettled
from tests.statistics import assert_agrees

CONFIG = DiameterConfig(
    d=20, n=32, w_star=("two-level", "gaussian"), clusters=(2,), diameter_penalties=(0.1, 4.0),
    num_trials=400, certified_trials=2,
)  # fmt: skip
pytestmark = pytest.mark.usefixtures("room_to_compile")


@pytest.fixture(scope="module")
def runs() -> Iterator[list[tuple[list[int], SimulationResult]]]:
    """Keys and results of the simulations behind the table."""
    simulate, found = runner.simulate, []

    def watched(*arguments, **options) -> SimulationResult:
        result = simulate(*arguments, **options)
        found.append((jax.random.key_data(arguments[3]).tolist(), result))
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "simulate", watched)
        yield found


@pytest.fixture(scope="module")
def table(runs) -> Table:
    return run(CONFIG)


def test_every_point_is_in_the_table(table) -> None:
    frame = table.frame
    assert tuple(frame.columns) == COLUMNS
    assert len(frame) == 2 * (2 + 1 * (2 + 2 * 3))
    exact = frame[frame["algorithm"].isin(["erm", "erm_shrunken"])]
    assert exact["num_clusters"].isna().all()
    simulated = frame.drop(index=exact.index)
    assert simulated.notna().all(axis=None)
    assert simulated["population_risk_sem"].gt(0).all()


def test_the_command_writes_picture_table_and_record(table, ratedist, tmp_path, monkeypatch) -> None:
    def computed(config: DiameterConfig, *, progress: bool) -> Table:
        assert dataclasses.asdict(config) == dataclasses.asdict(CONFIG)
        assert jax.config.jax_enable_x64
        return table

    def kept(*of) -> Figure:
        figures.append(draw(*of))
        return figures[-1]

    unsettled(monkeypatch, "diameter")
    draw, figures = pictures.draw_diameter, []
    monkeypatch.setattr(pictures, "draw_diameter", kept)
    monkeypatch.setattr("ratedist.experiments.diameter.run", computed)
    monkeypatch.setattr("ratedist.cli.figure_files.drawn", not_rendered)
    small = ["--d", "20", "--n", "32", "--trials", "400", "--clusters", "2", "--certified-trials", "2"]
    small += ["--w-star", "two-level", "gaussian"]
    done = ratedist("diameter", *small, "--diameter-penalties", "0.1", "4")
    assert done.status == 0, done.err
    out = tmp_path / "figures"
    assert sorted(path.name for path in out.iterdir()) == [
        "diameter.csv", "diameter.json", "diameter.pdf", "diameter.png",
    ]  # fmt: skip
    frame = pd.read_csv(out / "diameter.csv")
    assert set(frame["algorithm"]) == {
        "erm", "erm_shrunken", "kmeans", "hessian_weighted", "diameter_regularized", "descent", "shrunken",
    }  # fmt: skip
    record = json.loads((out / "diameter.json").read_text())
    assert record["precision"] == "float64"
    assert record["configuration"]["clusters"] == [2]
    assert "K = 2: DRHW" in done.out
    assert "certified optimum" in done.out
    assert "certified optimum" not in summary({**table.record, "excess_over_certified_optimum": {}})
    (figure,) = figures
    assert len(figure.axes) == 4  # two panels for each truth


def test_erm_times_a_constant(table) -> None:
    """The closed form against draws of the weights."""
    model = CONFIG.models()["gaussian"]
    row = table.frame.query("w_star == 'gaussian' and algorithm == 'erm_shrunken'").iloc[0]
    rng = np.random.default_rng(0)
    g = rng.chisquare(model.degrees_of_freedom, 40_000)
    weights = model.w_star + rng.normal(size=(g.size, model.d)) / np.sqrt(g)[:, None]
    for change in (-0.1, 0.0, 0.1):
        risks = 1 + model.squared_norm((row["shrinkage"] + change) * weights - model.w_star)
        if change == 0:
            sem = float(risks.std() / np.sqrt(g.size))
            assert_agrees(Estimate(float(risks.mean()), sem, g.size), row["population_risk"], 0.02)
        else:
            assert risks.mean() > row["population_risk"]


def test_the_penalty_raises_the_distortion_and_at_two_clusters_acts_as_shrinkage(table) -> None:
    for _, own in table.frame.groupby(["w_star", "num_clusters"]):
        regularized = own[own["algorithm"].isin(["hessian_weighted", "diameter_regularized"])]
        assert regularized["distortion"].iloc[-1] > regularized["distortion"].iloc[0]
    two_level = table.frame.query("w_star == 'two-level' and num_clusters == 2").set_index("algorithm")
    regularized, shrunken = two_level.loc["diameter_regularized"], two_level.loc["shrunken"]
    np.testing.assert_allclose(regularized["population_risk"], shrunken["population_risk"], rtol=0.03)
    np.testing.assert_allclose(
        shrunken["shrinkage"],
        [equivalent_shrinkage(beta, 20, 2) for beta in CONFIG.diameter_penalties],
    )


def test_findings_are_rows_of_the_table(table) -> None:
    for kind, finding in table.record["findings"].items():
        own = table.frame[table.frame["w_star"] == kind]
        for algorithm in ("kmeans", "hessian_weighted", "diameter_regularized", "shrunken"):
            least = own.loc[own["algorithm"] == algorithm, "population_risk"].min()
            assert finding[algorithm]["population_risk"] == least
        for one in finding["by_clusters"]:
            rows = own[own["num_clusters"] == one["num_clusters"]]
            least = rows.loc[rows["algorithm"] == "diameter_regularized", "minus_hessian_weighted"].min()
            gain = one["diameter_regularized_minus_hessian_weighted"]
            assert gain["mean"] == pytest.approx(least, abs=1e-12)
    said = summary(table.record)
    assert "best K: β = 0" in said
    for kind in CONFIG.w_star:
        assert f"w* {kind}: objective above the certified optimum" in said


@pytest.mark.slow
def test_findings_of_several_numbers_of_clusters() -> None:
    table = run(dataclasses.replace(CONFIG, clusters=(2, 3)))
    test_findings_are_rows_of_the_table(table)
    assert {row["num_clusters"] for row in table.record["findings"]["gaussian"]["by_clusters"]} == {2, 3}


def test_objectives_against_the_certified_optimum(table) -> None:
    for excess in table.record["excess_over_certified_optimum"].values():
        assert excess["largest_certified_gap"] <= 1.001e-6
        assert excess["largest_of_optimal"] <= 1e-9
        assert -1e-6 <= excess["mean_of_descent"] <= excess["largest_of_descent"]
        assert 0 <= excess["share_of_descents_at_the_optimum"] <= 1


def test_the_best_penalty_is_chosen_on_trials_of_its_own(table, runs) -> None:
    for index, found in enumerate(table.record["findings"].values()):
        (key, reported), (choosing_key, choosing) = runs[2 * index : 2 * index + 2]
        assert key != choosing_key
        for algorithm in ("diameter_regularized", "descent", "shrunken"):
            names = {beta: Point(algorithm, 2, beta).name for beta in CONFIG.diameter_penalties}
            risks = {beta: choosing[name].population_risk.mean for beta, name in names.items()}
            best = min(risks, key=risks.__getitem__)
            described = found["by_clusters"][0][algorithm]
            assert described["diameter_penalty"] == best
            assert described["population_risk"] == reported[names[best]].population_risk.mean


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"w_star": ()}, "w_star must name at least one"),
        ({"clusters": (1,)}, "clusters must be at least 2"),
        ({"clusters": (4, 2)}, "clusters must ascend"),
        ({"clusters": (51,)}, "clusters must be at most d = 50"),
        ({"diameter_penalties": (0.0, 1.0)}, "diameter_penalties must be one number above zero"),
        ({"diameter_penalties": (2.0, 1.0)}, "diameter_penalties must ascend"),
        ({"certified_trials": -1}, "certified_trials must be at least 0"),
        ({"center_bits": None}, "center_bits must be an integer"),
        ({"center_bits": 6}, "center_bits must be at least 7"),
        ({"n": 51}, r"n > d \+ 1 = 51, got n = 51"),
        ({"penalty": "cubic"}, "penalty must be one of"),
    ],
)
def test_settings_without_a_figure_are_refused(change, message) -> None:
    with pytest.raises(ValueError, match=message):
        run(dataclasses.replace(DiameterConfig(), **change))


@pytest.mark.parametrize(
    "beta", [5e-324, 1e-30, *(pytest.param(beta, marks=pytest.mark.slow) for beta in (1e-320, 1e-300))]
)
def test_an_optimum_below_rounding_is_no_divisor(beta: float) -> None:
    """A centre for each weight loses nothing: the penalty alone is left, and it may be below all floats."""
    config = DiameterConfig(d=5, n=9, clusters=(5,), diameter_penalties=(beta,), certified_trials=2)
    model = next(iter(config.models().values()))

    def lossless(bound: object, keys: object, weights: jax.Array, context: object) -> Compressed:
        return Compressed(weights, {})

    found = excess_over_optimum(config, model, lossless)
    assert found["share_of_descents_at_the_optimum"] == 1
    # A penalty of 1e-30 is about the square of what doubles resolve: then rounding shows.
    assert (
        max(abs(value) for name, value in found.items() if name != "share_of_descents_at_the_optimum") <= 1e-2
    )

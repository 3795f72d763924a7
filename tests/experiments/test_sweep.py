"""A grid of settings: what it refuses, what its rows say, who chooses K and who judges it."""

import dataclasses
import pathlib

import jax
import numpy as np
import pandas as pd
import pytest

import ratedist as rd
from ratedist import processes
from ratedist.experiments import cost_model, figure2, sweep, sweep_points
from ratedist.experiments.ahead import errors_ahead
from ratedist.experiments.figure2_config import Figure2Config
from ratedist.experiments.figure2_points import codebook_points, kmeans_points
from ratedist.experiments.sweep_config import SweepConfig
from ratedist.quantizers.traced.side_by_side import LARGEST

FIGURES = pathlib.Path(__file__).parent.parent.parent / "figures"
BASE = Figure2Config(d=6, n=12, max_clusters=3, num_trials=512)
GRID = ("n=12,20", "noise_variance=0.5,2")


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ((), "grid must name at least one option"),
        (("n",), "grid must have the form NAME=VALUE,VALUE such as n=60,80,120, got 'n'"),
        (("nosie_variance=1",), r"no option 'nosie_variance' \(did you mean noise_variance\?\)"),
        (("trails=100",), r"no option 'trails' \(did you mean trials\?\)"),
        (("n=60,6o",), "grid must have an integer for n, got '6o'"),
        (("n=60.5",), "grid must have an integer for n, got '60.5'"),
        (("n=60,,80",), "grid must have values of n between commas"),
        (("n=",), "grid must have values of n between commas"),
        (("noise_variance=1,1.0",), "grid must have each value of noise_variance once, got 1.0 twice"),
        (("n=60", "n=80"), "grid must name each option once, got n twice"),
        (("w_star=two-levl",), r"no w_star 'two-levl' \(did you mean two-level\?\)"),
        (("method=optimum",), r"no method 'optimum' \(did you mean optimal\?\)"),
        (("n=20,7",), r"at n=7: Figure 2 needs n > d \+ 1"),
        (("noise_variance=nan",), "at noise_variance=nan: noise_variance must be finite"),
        (("d=2,6", "n=20,30"), "at d=2, n=20: max_clusters must be at most d = 2"),
        (("trials=3",), "at trials=3: num_trials must be at least 4"),
        (("covariance=ar1:2",), "at covariance=ar1:2: covariance must be"),
        (("max_trials=100,200",), "no option 'max_trials'.*the options are d, n, "),
        (("target_sem=0.1",), "no option 'target_sem'"),
        (("w_star=x/a.npy,y/a.npy",), "files of different names for w_star, got x/a.npy and y/a.npy"),
        (("n=" + ",".join(map(str, range(20, 2020))), "seed=" + ",".join(map(str, range(600)))), "1,200,000"),
    ],
)  # fmt: skip
def test_a_grid_that_makes_no_sense_is_refused_in_words(grid: tuple[str, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SweepConfig(BASE, grid).check()


def test_points_are_all_combinations_the_last_axis_fastest() -> None:
    points = SweepConfig(BASE, ("--n=12,20", "noise-variance=0.5,2", "trials=8")).points()
    assert [(one.n, one.noise_variance) for one in points] == [(12, 0.5), (12, 2.0), (20, 0.5), (20, 2.0)]
    assert {one.num_trials for one in points} == {8}
    assert {one.max_clusters for one in points} == {3}


@pytest.fixture(scope="module")
def table() -> sweep.Table:
    return sweep.run(SweepConfig(BASE, GRID))


def test_values_of_n_and_of_the_noise_share_one_compilation(table) -> None:
    assert len(table.frame.groupby(["n", "noise_variance"])) == 4
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, seconds, **_: compiled.append(event) if "backend_compile" in event else None
    )
    sweep.run(SweepConfig(BASE, ("n=13,19,40", "noise_variance=0.7,3", "seed=5")))
    assert compiled == []
    jax.jit(lambda x: x + 1)(np.ones(len(GRID)))
    assert compiled  # what is compiled is seen


@pytest.mark.slow
def test_a_point_has_the_numbers_of_figure_2(table) -> None:
    """They are those of the same trials, in another order of summation."""
    expected = figure2.run(dataclasses.replace(BASE, n=20, noise_variance=2.0)).frame
    columns = [
        "rate_nats",
        "population_risk",
        "population_risk_sem",
        "distortion",
        "generalization_error_sem",
    ]
    for algorithm in ("kmeans_optimal", "fixed_codebook"):
        own = table.frame.query(f"algorithm == '{algorithm}' and n == 20 and noise_variance == 2")
        np.testing.assert_allclose(
            own[columns], expected[expected["algorithm"] == algorithm][columns].astype(float), rtol=1e-12
        )


def test_half_of_the_trials_choose_k_and_the_others_judge_it(table) -> None:
    model = BASE.model()
    # All that a point has, for the same compilation.
    points = [*kmeans_points(BASE), *codebook_points(BASE, model)]
    compressors = {"erm": rd.ERM()} | {point.name: point.compressor for point in points}
    result = rd.simulate(model, compressors, 512, jax.random.key(0), return_samples=True)
    risks = {name: result[name].samples["population_risk"] for name in compressors}  # pyright: ignore
    best = min((f"kmeans_optimal {K}" for K in (1, 2, 3)), key=lambda name: risks[name][:256].mean())
    difference = (risks[best] - risks["erm"])[256:]
    own = sweep.run(SweepConfig(BASE, ("n=12",))).frame
    (row,) = own[own["chosen"].fillna(value=False)].to_dict("records")
    assert f"kmeans_optimal {row['parameter']}" == best
    assert row["held_out_minus_erm"] == pytest.approx(difference.mean(), rel=1e-10)
    assert row["held_out_minus_erm_sem"] == pytest.approx(difference.std(ddof=1) / 256**0.5, rel=1e-10)


@pytest.mark.parametrize(("difference", "expected"), [(-5, "helps"), (5, "harms"), (-3.9, "undecided")])
def test_a_verdict_needs_four_standard_errors(difference: float, expected: str) -> None:
    row = {"chosen": True, "num_trials": 20_000, "held_out_minus_erm": difference}
    assert sweep.verdict(row | {"held_out_minus_erm_sem": 1.0}) == expected
    assert sweep.verdict(row | {"held_out_minus_erm_sem": 1.0, "chosen": False}) is None


def test_few_trials_need_more_standard_errors() -> None:
    row = {"chosen": True, "num_trials": 20, "held_out_minus_erm": -5.0, "held_out_minus_erm_sem": 1.0}
    assert errors_ahead(10) > 5
    assert sweep.verdict(row) == "undecided"


def test_finished_points_are_read_again_and_others_computed(tmp_path, monkeypatch) -> None:
    path, config = tmp_path / "points", SweepConfig(BASE, ("n=12",))
    first = sweep.run(config, checkpoint_path=path)
    computed = []
    point_rows = sweep_points.point_rows
    monkeypatch.setattr(
        sweep_points, "point_rows", lambda point: computed.append(point.n) or point_rows(point)
    )
    again = sweep.run(config, checkpoint_path=path)
    assert again.csv() == first.csv()
    assert again.record["points_computed"] == 0
    sweep.run(SweepConfig(BASE, ("n=12,20",)), checkpoint_path=path)
    assert computed == [20]
    # Another seed is another point.
    sweep.run(SweepConfig(dataclasses.replace(BASE, seed=1), ("n=12",)), checkpoint_path=path)
    assert computed == [20, 12]


def test_a_file_of_something_else_is_refused_by_all_processes(tmp_path) -> None:
    """Not by the first alone, in whose place the others would only hear that it is gone."""
    path = tmp_path / "points"
    path.write_text("something else")
    with pytest.raises(processes.AgreedError, match="points is damaged or of another version"):
        sweep.run(SweepConfig(BASE, GRID), checkpoint_path=path)


def test_the_cost_grows_with_trials_and_shapes() -> None:
    def cost(**changes) -> sweep.Cost:
        grid = changes.pop("grid", GRID)
        return sweep.cost(SweepConfig(dataclasses.replace(BASE, **changes), grid))

    assert cost(num_trials=1024).trials == pytest.approx(2 * cost().trials)
    assert cost(num_trials=1024).compilation == cost().compilation
    assert cost(grid=("d=6,8", "n=12,20")).compilation == pytest.approx(2 * cost().compilation)
    assert cost(num_trials=1024).total > cost().total


def test_which_grids_are_drawn() -> None:
    assert sweep.is_plane({"n": (60, 80), "noise_variance": (1.0, 2.0)})
    assert sweep.is_plane({"w_star": ("gaussian", "sparse"), "d": (6, 8), "noise_variance": (1.0, 2.0)})
    assert not sweep.is_plane({"n": (60, 80), "noise_variance": (1.0,)})
    assert not sweep.is_plane({"noise_variance": (1.0, 2.0)})
    assert not sweep.is_plane({"n": (60, 80), "noise_variance": (1.0, 2.0), "seed": tuple(range(7))})


def test_one_cluster_of_the_kept_table_has_its_closed_form() -> None:
    """Its mean is exact: of the weights' mean, the noise is that of one direction."""
    frame = pd.read_csv(FIGURES / "phase-diagram.csv").query(
        "algorithm == 'kmeans_optimal' and parameter == 1"
    )
    truths = {
        "two-level": rd.two_level_weights(50),
        "gaussian": rd.gaussian_weights(50, seed=0),
        "sparse": rd.sparse_weights(50, seed=0),
    }
    spread = frame["w_star"].map({name: np.sum((w - w.mean()) ** 2) for name, w in truths.items()})
    expected = frame["noise_variance"] * (1 + 1 / (frame["n"] - frame["d"] - 1)) + spread
    assert len(frame) == 216
    assert np.all(frame["population_risk_sem"] < 0.05 * frame["noise_variance"])
    assert np.all(np.abs(frame["population_risk"] - expected) < 4 * frame["population_risk_sem"])


def test_the_cost_model_knows_which_weights_are_quantised_side_by_side() -> None:
    assert cost_model.MOST_SIDE_BY_SIDE == LARGEST
    # Linear in the weights, then quadratic, then linear again.
    for (d, K), (more, clusters), times in (
        ((128, 16), (256, 16), 2),
        ((300, 16), (600, 16), 4),
        ((1100, 4), (2200, 8), 4),
    ):
        seconds = [cost_model.of_trial(*one) - cost_model.TRIAL for one in ((d, K), (more, clusters))]
        assert seconds[1] == pytest.approx(times * seconds[0])

"""The table of Figure 2 at the papers' setting, and the papers' statements about it."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from ratedist import theory
from ratedist.estimate import Estimate
from ratedist.experiments.figure2 import COLUMNS, Figure2Config, run
from ratedist.experiments.table import Table
from tests.cli.conftest import unsettled
from tests.statistics import assert_agrees

# Data sets actually drawn, Lloyd's iteration from one random start, and the optimum beside it. Of each K of
# Lloyd's a program is compiled; the papers' statements are about K = 2 to 8, and up to 8 in the slow tests.
PAPERS_PROTOCOL = Figure2Config(method="both", sampler="dataset", num_trials=1000, max_clusters=3)
# Of 10,000 trials, which are the default, in the slow tests.
CONFIG = Figure2Config(num_trials=4000)
SMALL = Figure2Config(d=6, n=12, num_trials=256, max_clusters=2, w_star="sparse", noise_variance=0.5)
pytestmark = pytest.mark.usefixtures("room_to_compile", "traces_kept")


@pytest.fixture(scope="module")
def table() -> Table:
    return run(CONFIG)


@pytest.fixture(scope="module")
def papers_protocol() -> Table:
    return run(PAPERS_PROTOCOL)


@pytest.fixture(scope="module")
def small() -> Table:
    return run(SMALL)


def rows(table: Table, algorithm: str) -> pd.DataFrame:
    return table.frame[table.frame["algorithm"] == algorithm].set_index("parameter")


def estimate(row: pd.Series, quantity: str) -> Estimate:
    return Estimate(row[quantity], row[f"{quantity}_sem"], int(row["num_trials"]))


GOLDEN = [(2, 1.0694, 0.6416), (4, 2.187, 0.4316), (16, 2.706, 0.0159)]


@pytest.mark.parametrize(("num_clusters", "population_risk", "distortion"), GOLDEN)
def test_golden_values_of_optimal_kmeans(table, num_clusters, population_risk, distortion) -> None:
    assert_golden(table, num_clusters, population_risk, distortion)


@pytest.mark.slow
def test_golden_values_by_default() -> None:
    table = run(Figure2Config())
    for one in GOLDEN:
        assert_golden(table, *one)
    assert (rows(table, "kmeans_optimal")["num_trials"] == 10_000).all()


def assert_golden(table: Table, num_clusters: int, population_risk: float, distortion: float) -> None:
    row = rows(table, "kmeans_optimal").loc[num_clusters]
    assert_agrees(estimate(row, "population_risk"), population_risk, 0.01)
    assert_agrees(estimate(row, "distortion"), distortion, 0.01)


def test_one_cluster_stays_in_the_table(table) -> None:
    row = rows(table, "kmeans_optimal").loc[1]
    assert_agrees(estimate(row, "distortion"), 50.6, 0.05)
    assert row["rate_bits"] == 0


def test_lloyd_from_a_random_start_fits_less_well(table, papers_protocol) -> None:
    optimal, lloyd = rows(papers_protocol, "kmeans_optimal"), rows(papers_protocol, "kmeans_lloyd")
    assert np.all(lloyd["distortion"] >= optimal["distortion"] - 1e-9)
    assert lloyd.loc[3, "population_risk"] < optimal.loc[3, "population_risk"] - 0.05
    assert rows(table, "kmeans_optimal").loc[3, "population_risk"] == pytest.approx(1.72, abs=0.02)


def test_erm_by_closed_form(table) -> None:
    row = table.frame[table.frame["algorithm"] == "erm"].iloc[0]
    model = Figure2Config().model()
    assert row["population_risk"] == theory.erm_population_risk(model)
    assert row["generalization_error"] == theory.erm_generalization_error(model)
    assert row["empirical_risk"] == 0.375
    assert row["distortion"] == 0
    assert row[["rate_nats", "population_risk_sem", "num_trials"]].isna().all()


def test_oracle_lies_on_its_closed_forms(table) -> None:
    model = Figure2Config().model()
    for alpha, row in rows(table, "oracle").iterrows():
        expected = {
            "distortion": theory.oracle_distortion(model, alpha),
            "population_risk": theory.oracle_population_risk(model, alpha),
            "generalization_error": theory.oracle_generalization_error(model, alpha),
        }
        for quantity, value in expected.items():
            if row[f"{quantity}_sem"] < 1e-12:  # nothing is sent: not random
                assert row[quantity] == pytest.approx(float(value), abs=1e-12)
            else:
                assert_agrees(estimate(row, quantity), float(value), 0.01)
        assert row["rate_nats"] == pytest.approx(float(theory.oracle_rate(model, alpha)), rel=1e-9, abs=1e-9)
        assert np.isnan(row["rate_nats_sem"])


@pytest.mark.parametrize(
    ("protocol", "method"),
    [("table", "kmeans_optimal"), ("papers_protocol", "kmeans_optimal"), ("papers_protocol", "kmeans_lloyd")],
)
def test_the_papers_statements_about_figure_2(protocol, method, request) -> None:
    assert_the_papers_statements(request.getfixturevalue(protocol), method)


@pytest.mark.slow
def test_the_papers_statements_at_every_number_of_clusters() -> None:
    table = run(dataclasses.replace(PAPERS_PROTOCOL, num_trials=4000, max_clusters=8))
    for method in ("kmeans_optimal", "kmeans_lloyd"):
        assert_the_papers_statements(table, method)


def assert_the_papers_statements(table: Table, method: str) -> None:
    erm = table.frame[table.frame["algorithm"] == "erm"].iloc[0]
    kmeans, oracle = rows(table, method), rows(table, "oracle")
    # (a) the bound is valid, and both compressors generalise better than ERM.
    for K, bound in rows(table, "bound_proposition1").iterrows():
        simulated = rows(table, "fixed_codebook").loc[K]
        slack = 4 * simulated["generalization_error_sem"]  # K = 1 generalises perfectly: both are 0
        assert simulated["generalization_error"] <= bound["generalization_error"] + slack
    plug_in = rows(table, "plug_in_proposition1").loc[2:, "generalization_error"]
    assert np.all(kmeans.loc[2:, "generalization_error"] <= plug_in)
    for points in (kmeans, oracle):
        slack = 4 * points["generalization_error_sem"]
        assert np.all(points["generalization_error"] < erm["generalization_error"] + slack)
    assert np.all(kmeans.loc[2:8, "generalization_error"] < erm["generalization_error"] - 0.05)
    # (b) the oracle's distortion is close to D(R), and K-means leaves a gap.
    model = Figure2Config().model()
    tight = theory.distortion_rate_tight(model, oracle["rate_nats"].to_numpy())
    assert np.max(np.abs(oracle["distortion"] - tight)) < 0.004 + 4 * oracle["distortion_sem"].max()
    few = kmeans.loc[2:8]
    gap = few["distortion"] - theory.distortion_rate_bound(model, few["rate_nats"].to_numpy())
    assert np.all(gap > 0.05)
    # (c) with few clusters K-means has a smaller population risk than ERM, and two are the best.
    assert np.all(kmeans.loc[2:8, "population_risk"] < erm["population_risk"])
    assert kmeans["population_risk"].idxmin() == 2
    assert table.record["best"][method]["num_clusters"] == 2
    assert table.record["best"][method]["minus_erm"] < -1.6


def test_fixed_codebook_bound_is_the_one_of_its_radius(table) -> None:
    bound = rows(table, "bound_proposition1").loc[2]
    assert bound["generalization_error"] == pytest.approx(265, abs=0.5)  # C = 200, 50 bits
    assert bound["rate_bits"] == pytest.approx(50)


def test_columns_and_record(papers_protocol) -> None:
    table = papers_protocol
    assert tuple(table.frame.columns) == COLUMNS
    assert set(table.frame["algorithm"]) == {
        "erm", "oracle", "kmeans_optimal", "kmeans_lloyd", "fixed_codebook", "bound_proposition1",
        "plug_in_proposition1", "distortion_rate_paper", "distortion_rate_tight",
    }  # fmt: skip
    simulated = table.frame["rate_nats"].notna()
    bits = table.frame.loc[simulated, "rate_nats"] / np.log(2)
    np.testing.assert_allclose(table.frame.loc[simulated, "rate_bits"], bits)
    record = json.loads(table.json())
    assert record["configuration"] == dataclasses.asdict(dataclasses.replace(PAPERS_PROTOCOL, d=50))
    assert record["precision"] == "float64"
    assert {"numpy", "jax", "ratedist"} <= record["versions"].keys()
    assert "not a bound" in record["radius"]["plug_in_proposition1"]


def test_lloyd_is_left_out_where_it_is_not_asked_for(table, papers_protocol) -> None:
    without = set(papers_protocol.frame["algorithm"]) - {"kmeans_lloyd"}
    assert set(table.frame["algorithm"]) == without
    assert json.loads(table.json())["configuration"] == dataclasses.asdict(dataclasses.replace(CONFIG, d=50))
    assert Figure2Config().num_trials == 10_000


def test_csv_reads_back_to_the_same_numbers(table, tmp_path) -> None:
    path = tmp_path / "figure2.csv"
    path.write_text(table.csv())
    pd.testing.assert_frame_equal(pd.read_csv(path), table.frame, check_exact=True, check_dtype=False)


def test_the_seed_decides_and_nothing_else(small) -> None:
    pd.testing.assert_frame_equal(small.frame, run(SMALL).frame)
    other = run(dataclasses.replace(SMALL, seed=1))
    assert not other.frame["population_risk"].equals(small.frame["population_risk"])


@pytest.mark.parametrize("rate", [pytest.param("fixed_length", marks=pytest.mark.slow), "description_length"])
def test_other_rates_move_the_abscissa_only(small, rate) -> None:
    other = run(dataclasses.replace(SMALL, rate=rate))
    a, b = rows(small, "kmeans_optimal"), rows(other, "kmeans_optimal")
    assert set(b["rate_name"]) == {rate}
    assert np.all(b["rate_nats"] >= a["rate_nats"] - 1e-9)
    np.testing.assert_allclose(b["population_risk"], a["population_risk"], rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n": 51}, r"n > d \+ 1 = 51, got n = 51"),
        ({"d": 0}, "d must be at least 1"),
        ({"num_trials": 1}, "num_trials must be at least 2"),
        ({"max_clusters": 51}, "max_clusters must be at most d = 50, got 51"),
        ({"max_clusters": 0}, "max_clusters must be at least 1"),
        ({"noise_variance": -1.0}, "noise_variance must be one number of at least 0"),
        ({"noise_variance": float("nan")}, "noise_variance must be finite"),
        ({"covariance": "wishart"}, "covariance must be"),
        ({"covariance": "ar1:1.5"}, "covariance must be"),
        ({"covariance": "ar1:x"}, "covariance must be"),
        ({"w_star": "ones"}, "w_star must be one of"),
        ({"method": "best"}, "method must be one of"),
        ({"rate": "bits"}, "rate must be one of"),
        ({"sampler": "x"}, "sampler must be one of"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"rate": "description_length", "center_bits": 2}, "center_bits must be at least 7"),
        ({"center_bits": 32}, "center_bits is for rate description_length"),
        ({"rate": "fixed_length", "center_bits": 8}, "center_bits is for rate description_length"),
    ],
)  # fmt: skip
def test_settings_without_a_figure_are_refused(change, message) -> None:
    with pytest.raises(ValueError, match=message):
        run(dataclasses.replace(Figure2Config(), **change))


def test_the_picture_marks_the_minimum_of_the_table(table, monkeypatch) -> None:
    from ratedist.plotting.figure2 import draw_figure2

    unsettled(monkeypatch, "figure2")
    texts = [text.get_text() for axes in draw_figure2(table.frame).axes for text in axes.texts]
    assert any("minimum: K = 2" in text for text in texts)


@pytest.mark.slow
def test_with_much_noise_the_picture_marks_one_cluster() -> None:
    from ratedist.plotting.figure2 import draw_figure2

    noisy = run(
        Figure2Config(d=6, n=12, num_trials=256, max_clusters=2, w_star="sparse", noise_variance=20.0)
    )
    assert noisy.record["best"]["kmeans_optimal"]["num_clusters"] == 1
    texts = [text.get_text() for axes in draw_figure2(noisy.frame).axes for text in axes.texts]
    assert any("minimum: K = 1" in text for text in texts)


def test_a_standard_error_without_a_variance_says_so() -> None:
    table = run(Figure2Config(d=6, n=9, num_trials=256, max_clusters=2))
    assert "not reliable" in table.record["standard_error_note"]

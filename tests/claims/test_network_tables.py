"""The tables of trained networks: read, refused, and missed without harm."""

import csv
import pathlib

import numpy as np
import pandas as pd
import pytest

from ratedist.claims import CLAIMS, Evidence, Verdict, verify
from ratedist.claims.network_tables import ORIGINAL, Point, read_networks
from tests.claims.conftest import TABLES

MNIST = TABLES / "mnist" / "networks.csv"
NETWORK_CLAIMS = [c.id for c in CLAIMS if c.id.startswith(("figure-1", "figure-3", "figure-4", "figure-5"))]


def rows_of(path: pathlib.Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write(path: pathlib.Path, rows: list[dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_paired_changes_by_another_reader() -> None:
    frame = pd.read_csv(MNIST)
    point = frame.query("compressor == 'hessian_weighted' and num_clusters == 7 and diameter_penalty == 50")
    original = frame.query("compressor == 'original'")
    change = point.set_index("model")["test_loss"] - original.set_index("model")["test_loss"]
    found = read_networks(MNIST).change("test_loss", Point("hessian_weighted", 7, 50.0))
    assert found.num_trials == 50
    assert found.mean == pytest.approx(change.mean(), rel=1e-12)
    assert found.sem == pytest.approx(change.sem(), rel=1e-12)
    assert found.skewness == pytest.approx(change.skew(), abs=0.1)


def test_the_order_of_rows_does_not_matter(tmp_path) -> None:
    rows = rows_of(MNIST)
    write(tmp_path / "networks.csv", rows[::-1])
    one, other = read_networks(MNIST), read_networks(tmp_path / "networks.csv")
    assert np.array_equal(one.of(ORIGINAL, "test_loss"), other.of(ORIGINAL, "test_loss"))


@pytest.mark.parametrize("ids", [NETWORK_CLAIMS])
def test_without_tables_claims_about_networks_are_undecided(tmp_path, ids) -> None:
    checked = verify(Evidence(tables=tmp_path), ids)
    assert {one.finding.verdict for one in checked} == {Verdict.UNDECIDED}
    data = "cifar10" if ids[0].startswith("figure-4") else "mnist"
    expected = f"tables not found: {tmp_path / data / 'networks.csv'} (name the folder by --tables"
    assert checked[0].finding.measured.startswith(expected)
    assert all(one.finding.needs for one in checked)


def test_rows_columns_and_networks_that_are_missing_are_named(tmp_path) -> None:
    rows, path = rows_of(MNIST), tmp_path / "mnist" / "networks.csv"
    write(path, [row for row in rows if row["num_clusters"] != "7"])
    (one,) = verify(Evidence(tables=tmp_path), ["figure-6-generalisation"])
    assert one.finding.verdict is Verdict.UNDECIDED
    write(path, [row for row in rows if not (row["num_clusters"] == "4" and row["compressor"] == "kmeans")])
    (one,) = verify(Evidence(tables=tmp_path), ["figure-1-tradeoff"])
    assert "no rows of kmeans, K = 4, β = 0" in one.finding.measured
    write(path, [{k: v for k, v in row.items() if k != "test_loss"} for row in rows])
    (one,) = verify(Evidence(tables=tmp_path), ["figure-1-tradeoff"])
    assert "it lacks test_loss" in one.finding.measured
    write(path, rows[:-1])
    (one,) = verify(Evidence(tables=tmp_path), ["figure-1-tradeoff"])
    assert "does not have every network at every point" in one.finding.measured
    path.write_text("")
    (one,) = verify(Evidence(tables=tmp_path), ["figure-1-tradeoff"])
    assert one.finding.verdict is Verdict.UNDECIDED


def test_another_table_gives_another_verdict(tmp_path) -> None:
    """Through the whole path: test losses of the compressed networks raised by 0.2."""
    rows = rows_of(MNIST)
    for row in rows:
        if row["compressor"] != "original":
            row["test_loss"] = str(float(row["test_loss"]) + 0.2)
    write(tmp_path / "mnist" / "networks.csv", rows)
    checked = verify(Evidence(tables=tmp_path), ["figure-1-improves", "figure-3-better"])
    assert [one.finding.verdict for one in checked] == [Verdict.FAILS, Verdict.HOLDS]

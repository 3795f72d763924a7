"""Finished points on disk: read back as they were written, or refused."""

import pathlib
import subprocess
import sys
import types

import numpy as np
import pytest

from ratedist.experiments.finished_points import FinishedPoints
from ratedist.experiments.network_config import DigitsConfig, Point
from ratedist.experiments.network_points import finished_points

POINT = Point("kmeans", 4)
ROW = {"test_loss": 0.25, "ratio": float("nan"), "diagrams": {"raw": [[1.0, 2.0]]}}


def cache(folder: pathlib.Path, seed: int = 0) -> FinishedPoints:
    data = types.SimpleNamespace(digest="d")
    member = types.SimpleNamespace(index=0, parameters={"w": np.ones(3)})
    return finished_points(DigitsConfig(seed=seed), data, member, folder)  # pyright: ignore[reportArgumentType]


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    cache(tmp_path)[POINT] = ROW
    return tmp_path / "digits-000-rows.journal"


def test_read_back(path: pathlib.Path) -> None:
    back = cache(path.parent)
    assert POINT in back
    assert back[POINT]["test_loss"] == 0.25
    assert POINT not in cache(path.parent, seed=1)


def test_a_row_with_a_changed_digit_is_computed_again(path: pathlib.Path) -> None:
    other = Point("kmeans", 8)
    cache(path.parent)[other] = ROW | {"test_loss": 0.5}
    path.write_text(path.read_text().replace("0.25", "0.26"))
    with pytest.warns(UserWarning, match=r"rows.journal: 1 of 2 rows are damaged, and their points are comp"):
        back = cache(path.parent)
    assert POINT not in back
    assert back[other]["test_loss"] == 0.5


DAMAGED = ["[]", "null", "{}", "[" * 100_000, "\xff", "ratedist finished points 2"]
# As it was once: one text for all rows.
DAMAGED += ['{"content": null, "sha256": 1}', '{"sha256": "' + "0" * 64 + '"}']


@pytest.mark.parametrize("content", DAMAGED)
def test_anything_else_is_refused(path: pathlib.Path, content: str) -> None:
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(ValueError, match="is damaged or of another version: remove it"):
        cache(path.parent)


def test_an_empty_file_is_a_place_for_points(path: pathlib.Path) -> None:
    path.write_bytes(b"")
    cache(path.parent)[POINT] = ROW
    assert cache(path.parent)[POINT]["test_loss"] == 0.25


def test_a_row_that_is_cut_counts_as_never_written(path: pathlib.Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])
    back = cache(path.parent)
    assert POINT not in back
    back[POINT] = ROW
    assert cache(path.parent)[POINT]["diagrams"] == ROW["diagrams"]
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_rows_of_another_configuration_are_left_alone(path: pathlib.Path) -> None:
    cache(path.parent, seed=1)[POINT] = ROW | {"test_loss": 0.75}
    assert cache(path.parent)[POINT]["test_loss"] == 0.25
    assert cache(path.parent, seed=1)[POINT]["test_loss"] == 0.75


PROGRAM = """
import os, sys, pathlib, warnings
from ratedist.experiments.finished_points import FinishedPoints
warnings.simplefilter("ignore")  # JAX, of which nothing is used here, does not like processes that fork
name = "b" if os.fork() else "a"
for number in range(50):
    FinishedPoints(pathlib.Path(sys.argv[1]), {})[f"{name} {number}"] = {"number": number}
if name == "b":
    sys.exit(os.wait()[1])
os._exit(0)
"""


def test_several_processes_lose_nothing(tmp_path: pathlib.Path) -> None:
    """The file does not exist when they begin."""
    path = tmp_path / "folder" / "rows"
    points = FinishedPoints(path, {})
    subprocess.run([sys.executable, "-c", PROGRAM, str(path)], check=True)
    for name in ("a", "b"):
        for number in range(50):
            assert f"{name} {number}" in points
            assert points[f"{name} {number}"] == {"number": number}
    assert [one.name for one in path.parent.iterdir()] == ["rows"]

"""Finished points on disk: read back as they were written, or refused."""

import json
import pathlib
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
    return tmp_path / "digits-000-rows.json"


def test_read_back(path: pathlib.Path) -> None:
    back = cache(path.parent)
    assert POINT in back
    assert back[POINT]["test_loss"] == 0.25
    assert POINT not in cache(path.parent, seed=1)


def test_one_changed_digit_is_seen(path: pathlib.Path) -> None:
    path.write_text(path.read_text().replace("0.25", "0.26"))
    with pytest.raises(ValueError, match="is damaged or of another version: remove it"):
        cache(path.parent)


DAMAGED = ["", "[]", "null", "{}", "[" * 100_000, "\xff"]
DAMAGED += ['{"content": null, "sha256": 1}', '{"sha256": "' + "0" * 64 + '"}']


@pytest.mark.parametrize("content", DAMAGED)
def test_anything_else_is_refused(path: pathlib.Path, content: str) -> None:
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(ValueError, match="is damaged or of another version: remove it"):
        cache(path.parent)


def test_rows_of_another_version_are_refused(path: pathlib.Path) -> None:
    path.write_text(json.dumps(json.loads(path.read_text())["content"]))
    with pytest.raises(ValueError, match="another version"):
        cache(path.parent)

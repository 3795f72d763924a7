"""Notebooks lie outside docs/: they are copied beside the page of the course, and run when they are read."""

from __future__ import annotations

import hashlib
import os
import pathlib
import shutil

from _pages.generated import write

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
COURSE = "course"


def _state() -> str:
    """What decides the output of a notebook besides its own code: the package and the number of trials."""
    code = hashlib.sha256()
    for path in sorted((ROOT / "ratedist").rglob("*.py")):
        code.update(path.read_bytes())
    return f"{os.environ.get('RATEDIST_TRIALS', 'full')}-{code.hexdigest()[:12]}"


CACHE = ROOT / "build" / "notebooks" / _state()


def stage(source: pathlib.Path) -> None:
    """Copy what is new, drop what has gone, and forget outputs of an earlier state of the package."""
    folder = pathlib.Path(source) / COURSE
    there = {path.name: path for path in NOTEBOOKS.glob("*.ipynb")}
    for path in folder.glob("*.ipynb"):
        if path.name not in there:
            path.unlink()
    for name, path in there.items():
        write(folder / name, path.read_text())
    trials = CACHE.name.split("-")[0]
    for old in CACHE.parent.glob(f"{trials}-*"):
        if old != CACHE:
            shutil.rmtree(old)

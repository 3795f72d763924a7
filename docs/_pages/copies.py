"""Pages of the site that lie elsewhere in the repository: notebooks, and what its first pages link to."""

from __future__ import annotations

import hashlib
import os
import pathlib
import shutil
import tempfile

from _pages.generated import write

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
COURSE, OTHERS = DOCS / "course", DOCS / "repository"
# Pages under a name of their own.
RENAMED = {
    ROOT / "figures" / "README.md": OTHERS / "figures.md",
    ROOT / "CONTRIBUTING.md": OTHERS / "contributing.md",
    ROOT / "CHANGELOG.md": OTHERS / "changes.md",
}


def originals() -> dict[pathlib.Path, pathlib.Path]:
    """Where the site has a page → where it was written."""
    notebooks = {COURSE / path.name: path for path in (ROOT / "notebooks").glob("*.ipynb")}
    return notebooks | {copy: path for path, copy in RENAMED.items()}


def _state() -> str:
    """What decides the output of a notebook besides its own code: the package, its tables, the trials."""
    state = hashlib.sha256()
    for path in sorted([*(ROOT / "ratedist").rglob("*.py"), *(ROOT / "figures").rglob("*.csv")]):
        state.update(path.read_bytes())
    return f"{os.environ.get('RATEDIST_TRIALS', 'full')}-{state.hexdigest()[:12]}"


CACHE = ROOT / "build" / "notebooks" / _state()
# Beside folders in which notebooks run is what is beside their own folder: they read ../figures.
RUNS = ROOT / "build" / "runs"


def stage() -> None:
    """Copy what is new, drop what has gone, and forget outputs of an earlier state of the package."""
    pages = originals()
    for path in [*COURSE.glob("*.ipynb"), *OTHERS.glob("*.md")]:
        if path not in pages:
            path.unlink()
    for copy, path in pages.items():
        text = path.read_text()
        titled = path.suffix == ".ipynb" or text.startswith("# ")
        write(copy, text if titled else f"# {copy.stem.capitalize()}\n\n{text}")
    RUNS.mkdir(parents=True, exist_ok=True)
    if not (RUNS / "figures").exists():
        (RUNS / "figures").symlink_to(ROOT / "figures", target_is_directory=True)
    tempfile.tempdir = str(RUNS)  # where myst-nb makes these folders
    trials = CACHE.name.split("-")[0]
    for old in CACHE.parent.glob(f"{trials}-*"):
        if old != CACHE:
            shutil.rmtree(old)

"""Every notebook runs from top to bottom, with few trials."""

import pathlib

import pytest

NOTEBOOKS = sorted(pathlib.Path(__file__).parent.parent.glob("notebooks/*.ipynb"))


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path: pathlib.Path, monkeypatch, tmp_path: pathlib.Path) -> None:
    # Half a second each to import, and of no use to a run without notebooks.
    import nbformat
    from nbclient import NotebookClient

    # One full batch of trials, which compiles what other tests compile.
    monkeypatch.setenv("RATEDIST_TRIALS", "256")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    notebook = nbformat.read(path, as_version=4)
    if any("rd.codes.bits_back" in cell.source for cell in notebook.cells):
        pytest.importorskip("constriction")  # a coder that not every platform has
    assert not any(cell.get("outputs") for cell in notebook.cells), f"{path.name} holds stored outputs"
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=resources).execute()

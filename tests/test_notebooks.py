"""Every notebook runs from top to bottom, with few trials."""

import pathlib
from collections.abc import Iterator

import pytest

NOTEBOOKS = sorted(pathlib.Path(__file__).parent.parent.glob("notebooks/*.ipynb"))
# Run before each: no name of the notebook before is left, no figure, no option of Matplotlib or JAX.
AFRESH = """
%reset -f
import os, sys
import matplotlib.pyplot as plt
plt.close("all")
plt.rcdefaults()
plt.switch_backend("agg")
if "jax" in sys.modules:
    sys.modules["jax"].config.update("jax_enable_x64", False)
os.chdir({folder!r})
%reset -f
"""


@pytest.fixture(scope="module")
def client() -> Iterator:
    """One kernel for all notebooks: what they import and compile is much the same."""
    # Half a second each to import, and of no use to a run without notebooks.
    import nbformat
    from nbclient import NotebookClient

    client = NotebookClient(nbformat.v4.new_notebook(), timeout=600, kernel_name="python3")
    with pytest.MonkeyPatch.context() as patch:
        # One full batch of trials, which compiles what other tests compile.
        patch.setenv("RATEDIST_TRIALS", "256")
        patch.setenv("MPLBACKEND", "Agg")
        with client.setup_kernel():
            yield client


def run(client, cells: list, folder: pathlib.Path) -> None:
    import nbformat

    afresh = nbformat.v4.new_code_cell(AFRESH.format(folder=str(folder)))
    client.nb = nbformat.v4.new_notebook(cells=[afresh, *cells])
    client.execute(cleanup_kc=False)


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(client, path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    if any("rd.codes.bits_back" in cell.source for cell in notebook.cells):
        pytest.importorskip("constriction")  # a coder that not every platform has
    assert not any(cell.get("outputs") for cell in notebook.cells), f"{path.name} holds stored outputs"
    run(client, notebook.cells, tmp_path)


def test_a_notebook_finds_nothing_of_the_one_before(client, tmp_path: pathlib.Path) -> None:
    from nbclient.exceptions import CellExecutionError
    from nbformat.v4 import new_code_cell

    before = "import jax, numpy as np; jax.config.update('jax_enable_x64', True); left = 1; assert left"
    run(client, [new_code_cell(before)], tmp_path)
    after = "import jax.numpy as jnp, os; assert jnp.zeros(1).dtype == 'float32'; assert not os.listdir()"
    run(client, [new_code_cell(after)], tmp_path)
    for name in ("left", "np"):
        with pytest.raises(CellExecutionError, match=f"name '{name}' is not defined"):
            run(client, [new_code_cell(name)], tmp_path)

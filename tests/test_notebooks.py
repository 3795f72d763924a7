"""Every notebook is a lesson, runs from top to bottom, and the numbers of its text are those it computes.

With few trials here, where a number is compared in kind; with the trials that the text was written for in the
slow tests, where it is compared to its last digit. `notebook_text.py` says how numbers are tagged.
"""

import json
import pathlib
import re
from collections.abc import Iterator

import pytest

from tests import notebook_text
from tests.notebook_sample import LESSON, lesson
from tests.notebook_text import Tag

ROOT = pathlib.Path(__file__).parent.parent
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))
COURSE = [path for path in NOTEBOOKS if path.name[0].isdigit()]
# One full batch of trials, which compiles what other tests compile.
FEW = 256
# Run once: what all of them import is no garbage, and `%reset` need not look through it each time. What is
# traced is kept as a command keeps it, beside what the tests have compiled. No number of a text is the limit
# of a tensor, and to find those would take longer than all else in networks: with few trials they are 0.1.
IMPORTS = """
import gc, os, pathlib
if "JAX_COMPILATION_CACHE_DIR" in os.environ:
    from ratedist.compilation_cache import keep_compilations
    os.environ["RATEDIST_CACHE"] = str(pathlib.Path(os.environ.pop("JAX_COMPILATION_CACHE_DIR")).parent)
    keep_compilations()
import jax, matplotlib.pyplot, pandas, ratedist.networks, ratedist.plotting, ratedist.theory, scipy.stats
import ratedist.tensors.limit
from ratedist.theory.sources.brackets import Limit
def limit_of(*of, few=(os.environ, Limit(0.1, 0.1)), really=ratedist.tensors.limit.limit_of, **options):
    return few[1] if "RATEDIST_TRIALS" in few[0] else really(*of, **options)
ratedist.tensors.limit.limit_of = limit_of
gc.collect()
gc.freeze()
gc.set_threshold(50_000, 20, 50)
"""
# Run before each: no name of the notebook before is left, no figure, no option of Matplotlib or JAX. Nor does
# `%reset` look for garbage in all that was compiled before.
AFRESH = """
import gc, os, sys
import matplotlib.pyplot as plt
plt.close("all")
plt.rcdefaults()
plt.switch_backend("agg")
if "jax" in sys.modules:
    sys.modules["jax"].config.update("jax_enable_x64", False)
os.chdir({folder!r})
gc.freeze()
%reset -f
"""
# Prints what the expressions give, each as [value, error]; in names that no notebook has.
EVALUATE = """
def _values_of(expressions):
    import json
    import pandas
    values = []
    for expression, file in expressions:
        try:
            names = dict(globals(), table=pandas.read_csv(file)) if file else globals()
            value = eval(expression, names)
            if hasattr(value, "sem"):
                value = value.mean, value.sem
            pair = value if isinstance(value, tuple) else (value, None)
            if any("bool" in type(number).__name__ or isinstance(number, str) for number in pair):
                raise TypeError(f"{{value!r}} is no number")
            values.append([None if number is None else float(number) for number in pair])
        except Exception as error:
            values.append([f"{{type(error).__name__}}: {{error}}", None])
    return json.dumps(values)
print(_values_of({expressions!r}))
"""


@pytest.fixture(scope="module")
def client() -> Iterator:
    """One kernel for all notebooks: what they import and compile is much the same."""
    # Half a second each to import, and of no use to a run without notebooks.
    import nbformat
    from nbclient import NotebookClient

    client = NotebookClient(nbformat.v4.new_notebook(), timeout=600, kernel_name="python3")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MPLBACKEND", "Agg")
        with client.setup_kernel():
            client.nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(IMPORTS)])
            client.execute(cleanup_kc=False)
            yield client


def run(client, cells: list, folder: pathlib.Path) -> None:
    import nbformat

    # As in the repository: notebooks have a folder of their own beside that of the figures.
    (folder / "notebooks").mkdir(exist_ok=True)
    if not (folder / "figures").exists():
        (folder / "figures").symlink_to(ROOT / "figures")
    afresh = nbformat.v4.new_code_cell(AFRESH.format(folder=str(folder / "notebooks")))
    client.nb = nbformat.v4.new_notebook(cells=[afresh, *cells])
    client.execute(cleanup_kc=False)


def run_and_compare(client, notebook, folder: pathlib.Path, trials: int | None) -> list[str]:
    """Run a notebook, then the code of its folded solutions; what is wrong with the numbers of the text.

    A tag outside the folds is evaluated before a solution runs, one in a fold right after the solution.
    ``trials`` None stands for the trials that the text was written for.
    """
    from nbformat.v4 import new_code_cell

    setting = "pop('RATEDIST_TRIALS', None)" if trials is None else f"update(RATEDIST_TRIALS='{trials}')"
    cells = [new_code_cell(f"import os; os.environ.{setting}"), *notebook.cells]
    text = notebook_text.prose(notebook)
    rounds = [([], notebook_text.tags(notebook_text.without_folds(text)))]
    rounds += [(solution.code, solution.tags) for solution in notebook_text.solutions(text)]
    asked: list[tuple[Tag, int, int]] = []
    for code, tags in rounds:
        cells += [new_code_cell(source) for source in code]
        expressions = [(tag.expression, tag.file and str(ROOT / tag.file)) for tag in tags]
        asked += [(tag, len(cells), place) for place, tag in enumerate(tags)]
        if tags:
            cells.append(new_code_cell(EVALUATE.format(expressions=expressions)))
    run(client, cells, folder)
    faults = []
    for tag, cell, place in asked:
        output = "".join(one["text"] for one in cells[cell]["outputs"] if one.get("name") == "stdout")
        value, error = json.loads(output)[place]
        faults.append(tag.fault(value, error, full=trials is None))
    return [fault for fault in faults if fault]


def read(path: pathlib.Path):
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    if any("rd.codes.bits_back_encode" in cell.source for cell in notebook.cells):
        pytest.importorskip("constriction")  # a coder that not every platform has
    return notebook


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_a_lesson(path: pathlib.Path) -> None:
    notebook = read(path)
    text = notebook_text.prose(notebook)
    faults = notebook_text.faults_of_shape(notebook) + notebook_text.numbers_without_tag(text)
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    faults += [f"a link to nowhere: {link}" for link in links if not (path.parent / link).exists()]
    if path in COURSE:
        place = COURSE.index(path)
        near = COURSE[max(0, place - 1) : place] + COURSE[place + 1 : place + 2]
        faults += [f"no link to {one.name}, beside it on the path" for one in near if one.name not in links]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(client, path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    faults = run_and_compare(client, read(path), tmp_path, trials=FEW)
    assert not faults, "\n".join(faults)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_numbers_of_the_text(client, path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    faults = run_and_compare(client, read(path), tmp_path, trials=None)
    assert not faults, "\n".join(faults)


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


def test_the_numbers_of_a_good_lesson(client, tmp_path: pathlib.Path) -> None:
    for trials in (None, 256):
        assert run_and_compare(client, lesson(), tmp_path, trials) == []


WRONG = {  # a number and its tag, and whether few trials show what is wrong with it
    "2.51 ± 0.25<!-- =estimate -->": False,
    "2.5 ± 0.26<!-- =estimate -->": False,
    "2.4<!-- =estimate -->": False,
    "5<!-- =len(values) -->": False,
    "5<!-- ==len(values) -->": True,
    "6.51 ± 0.25<!-- =estimate -->": True,
    "2.5 ± 0.25<!-- =estimate[0] -->": True,
    "2.5<!-- =no_such_name -->": True,
    "2.5<!-- =float('nan') -->": True,
    "2.5<!-- =(2.5, float('inf')) -->": True,
    "2.5<!-- ='2.5' -->": True,
    "1<!-- =values == values -->": True,
    "0.050<!-- from figures/two-clusters.csv: 0.049 * len(table) / len(table) -->": True,
    "0.049<!-- from figures/no-such.csv: 0.049 -->": True,
}


def test_a_wrong_number_is_found(client, tmp_path: pathlib.Path) -> None:
    wrong = lesson("\n\n".join(["# Wrong?", *WRONG]))
    for trials, seen in ((None, list(WRONG)), (256, [text for text, at_few in WRONG.items() if at_few])):
        faults = run_and_compare(client, wrong, tmp_path, trials)
        assert [fault.split("'")[1] for fault in faults] == [text.partition("<")[0] for text in seen]


def test_code_that_fails_is_found(client, tmp_path: pathlib.Path) -> None:
    from nbclient.exceptions import CellExecutionError

    for wrong in (
        lesson(LESSON.replace("2 * estimate[0]", "2 * nothing")),
        lesson(check="assert not values, 'there are values'"),
    ):
        with pytest.raises(CellExecutionError, match=r"nothing|there are values"):
            run_and_compare(client, wrong, tmp_path, 256)

"""What is copied onto the site as it is: the explorer, and the parts of MathJax that set the pages."""

from __future__ import annotations

import importlib.util
import pathlib
import shutil
from typing import TYPE_CHECKING

from _pages.copies import ROOT

if TYPE_CHECKING:
    from sphinx.application import Sphinx

EXPLORER = ROOT / "ratedist" / "explorer" / "static"
# A folder of files, whose name is none of a module.
MATHJAX_PACKAGE = "sphinx-mathjax-offline"
# Letters are drawn, not set in a font: browsers refuse fonts of other folders from file://.
MATHJAX = ("tex-svg.js", "input/tex/extensions")


def copy(app: Sphinx, exception: Exception | None) -> None:
    """After a build that went well."""
    if exception is not None or app.builder.name != "html":
        return
    shutil.copytree(EXPLORER, app.outdir / "explorer", dirs_exist_ok=True)
    target = app.outdir / "_static" / "mathjax"
    for part in MATHJAX:
        (target / part).parent.mkdir(parents=True, exist_ok=True)
        if (mathjax() / part).is_dir():
            shutil.copytree(mathjax() / part, target / part, dirs_exist_ok=True)
        else:
            shutil.copy2(mathjax() / part, target / part)
    # MathJax has the licence that this package has.
    shutil.copy2(ROOT / "LICENSE", target / "LICENSE")


def mathjax() -> pathlib.Path:
    """The folder of MathJax in the package that carries it."""
    found = importlib.util.find_spec(MATHJAX_PACKAGE)
    if found is None or found.origin is None:
        raise FileNotFoundError(f"mathematics needs {MATHJAX_PACKAGE}: pip install -e '.[docs]'")
    return pathlib.Path(found.origin).parent / "static" / "mathjax"

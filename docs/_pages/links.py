"""Links that work in the repository, made to work on the site: notebooks and first pages have moved."""

from __future__ import annotations

import os
import pathlib
import re
from typing import TYPE_CHECKING

from _pages.notebooks import COURSE, NOTEBOOKS, ROOT

if TYPE_CHECKING:
    from sphinx.application import Sphinx

LINK = re.compile(r"(?<=\]\()(?!\w+:|#)(?P<path>[^)#\s\\]+)(?P<anchor>#[^)\s]*)?(?=\))")
# Files of the repository that are a page of the site under another name.
PAGES = {
    "README.md": "docs/index.md",
    "CITATION.cff": "docs/cite.md",
    "ratedist/explorer/static/index.html": "docs/explorer.md",
}


def rewrite(app: Sphinx, docname: str, source: list[str]) -> None:
    """Every relative link of a page, from its place in the repository to its place on the site."""
    page = pathlib.Path(app.env.doc2path(docname))
    written = NOTEBOOKS / page.name if page.suffix == ".ipynb" else page

    def moved(link: re.Match[str]) -> str:
        target = pathlib.Path(os.path.normpath(written.parent / link["path"]))
        return f"{os.path.relpath(on_site(target), page.parent)}{link['anchor'] or ''}"

    source[0] = LINK.sub(moved, source[0])


def on_site(target: pathlib.Path) -> pathlib.Path:
    """Where the site has a file of the repository; files that are no page stay where they are."""
    if target.parent == NOTEBOOKS and target.suffix == ".ipynb":
        return ROOT / "docs" / COURSE / target.name
    if target.is_relative_to(ROOT) and (name := str(target.relative_to(ROOT))) in PAGES:
        return ROOT / PAGES[name]
    return target

"""Links that work in the repository, made to work on the site, where some pages lie elsewhere."""

from __future__ import annotations

import os
import pathlib
import re
from typing import TYPE_CHECKING

from _pages.copies import COURSE, DOCS, RENAMED, ROOT, originals

if TYPE_CHECKING:
    from sphinx.application import Sphinx

LINK = re.compile(r"(?<=\]\()(?!\w+:|#)(?P<path>[^)#\s\\]+)(?P<anchor>#[^)\s]*)?(?=\))")
# Files that say the same as a page of the site.
SAME = {
    ROOT / "README.md": DOCS / "index.md",
    ROOT / "CITATION.cff": DOCS / "cite.md",
    ROOT / "ratedist" / "explorer" / "static" / "index.html": DOCS / "explorer.md",
}


def rewrite(app: Sphinx, docname: str, source: list[str]) -> None:
    """Every relative link of a page, from its place in the repository to its place on the site."""
    page = pathlib.Path(app.env.doc2path(docname))
    source[0] = on_site(source[0], originals().get(page, page), page)


def on_site(text: str, written: pathlib.Path, page: pathlib.Path) -> str:
    """A text that was written in one place and is shown in another."""

    def moved(link: re.Match[str]) -> str:
        target = pathlib.Path(os.path.normpath(written.parent / link["path"]))
        return f"{os.path.relpath(_place(target), page.parent)}{link['anchor'] or ''}"

    return LINK.sub(moved, text)


def _place(target: pathlib.Path) -> pathlib.Path:
    """Where the site has a file of the repository; files that are no page stay where they are."""
    if target.parent == ROOT / "notebooks" and target.suffix == ".ipynb":
        return COURSE / target.name
    return RENAMED.get(target) or SAME.get(target) or target

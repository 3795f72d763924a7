"""The first page of the API: all names by family, in the order of the families."""

from __future__ import annotations

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from _pages import api


class ApiIndex(SphinxDirective):
    """A paragraph of names for every page, under the link to it; navigation has pages in this order."""

    def run(self) -> list[nodes.Node]:
        families = api.families()
        toctree = "\n".join(["```{toctree}", ":hidden:", "", *(_page(one) for one in families), "```"])
        return self.parse_text_to_nodes("\n\n".join([toctree, *map(_paragraph, families)]))


def _page(family: api.Family) -> str:
    return f"{api.FOLDER.name}/{family.file}"


def _paragraph(family: api.Family) -> str:
    names = ", ".join(f"`{name.replace('ratedist', 'rd', 1)}`" for name in family.all_names())
    return f"**[{family.title}]({_page(family)}.rst)**\\\n{names}"

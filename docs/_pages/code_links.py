"""Names lead to their place in the API: `rd.simulate` in a sentence, and types in signatures."""

from __future__ import annotations

import functools
import importlib
import re
from typing import Any

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.nodes import make_refnode

NAME = re.compile(r"rd((?:\.\w+)+)(?:\(.*\))?")


class NamesToApi(SphinxPostTransform):
    """Code that is a public name, or a call of one, becomes a link; anything else stays code."""

    default_priority = 400

    def run(self, **kwargs: Any) -> None:
        names = self.env.domains.python_domain.objects
        for literal in list(self.document.findall(nodes.literal)):
            found = NAME.fullmatch(literal.astext())
            place = names.get(f"ratedist{found[1]}") if found else None
            if place is None or isinstance(literal.parent, nodes.reference | nodes.title):
                continue
            docname = self.env.current_document.docname
            link = make_refnode(
                self.env.app.builder, docname, place.docname, place.node_id, literal.deepcopy()
            )
            literal.replace_self(link)


def public_name(app: Any, env: Any, node: Any, text: nodes.Node) -> nodes.Node | None:
    """A reference by the module that defines a name leads to its one public name.

    What exists and is not public, as some types of signatures are, stays without a link. What does not exist
    is left to be complained of.
    """
    if node.get("refdomain") != "py" or not str(node.get("reftarget")).startswith("ratedist."):
        return None
    try:
        value = _value(node["reftarget"])
    except (ImportError, AttributeError):
        return None
    names = env.domains.python_domain.objects
    name = _shortest(tuple(names)).get(id(value))
    if name is None:
        return text
    place = names[name]
    return make_refnode(app.builder, node.get("refdoc"), place.docname, place.node_id, text, name)


@functools.cache
def _shortest(names: tuple[str, ...]) -> dict[int, str]:
    """Names that the API has, by what they are names of."""
    return {id(_value(name)): name for name in names if name.count(".") <= 2}


def _value(name: str) -> Any:
    """The object of a full name, whose module is imported."""
    module, _, attribute = name.rpartition(".")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        parent = importlib.import_module(module) if "." not in module else _value(module)
        return getattr(parent, attribute)

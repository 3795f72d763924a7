"""Names lead to their pages: `rd.simulate`, `ratedist verify` and `lemma-2` in text, types in signatures."""

from __future__ import annotations

import functools
import importlib
import re
from typing import Any

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.nodes import make_refnode

NAME = re.compile(r"rd((?:\.\w+)+)(?:\(.*\))?")
COMMAND = re.compile(r"ratedist ([a-z][\w-]*)(?: .*)?")


class NamesToPages(SphinxPostTransform):
    """Code that is a public name, a command or a claim becomes a link; anything else stays code."""

    default_priority = 400

    def run(self, **kwargs: Any) -> None:
        docname = self.env.current_document.docname
        for literal in list(self.document.findall(nodes.literal)):
            place = self.place(literal.astext())
            if place is None or isinstance(literal.parent, nodes.reference | nodes.title):
                continue
            literal.replace_self(make_refnode(self.env.app.builder, docname, *place, literal.deepcopy()))

    def place(self, code: str) -> tuple[str, str] | None:
        """The page and the anchor that a piece of code leads to."""
        if found := NAME.fullmatch(code):
            named = self.env.domains.python_domain.objects.get(f"ratedist{found[1]}")
            return (named.docname, named.node_id) if named else None
        if (found := COMMAND.fullmatch(code)) and found[1] in _commands():
            return "command-line", f"ratedist-{found[1]}"
        return ("verdicts", f"claim-{code}") if code in _claims() else None


@functools.cache
def _commands() -> frozenset[str]:
    from ratedist.cli.commands import COMMANDS

    return frozenset(COMMANDS)


@functools.cache
def _claims() -> frozenset[str]:
    """Ids of claims that are no common word, as ``lemma-2`` is none."""
    from ratedist.claims import CLAIMS

    return frozenset(claim.id for claim in CLAIMS if "-" in claim.id)


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

"""How to cite, from CITATION.cff: a sentence and a BibTeX entry each."""

from __future__ import annotations

from typing import Any

import yaml
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from _pages.copies import ROOT

CITATION = ROOT / "CITATION.cff"


class Citation(SphinxDirective):
    """One entry of the file: ``preferred-citation``, ``references`` or the file itself (``software``)."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(CITATION))
        record = yaml.safe_load(CITATION.read_text())
        key = self.arguments[0]
        entries = [record] if key == "software" else record[key]
        entries = entries if isinstance(entries, list) else [entries]
        return [node for entry in entries for node in (sentence(entry), block(bibtex(entry)))]


def sentence(entry: dict[str, Any]) -> nodes.paragraph:
    """Who, what, where, as one reads it, with a link."""
    text = f"{', '.join(map(_name, entry['authors']))}. "
    node = nodes.paragraph("", text, nodes.strong("", entry["title"]), nodes.Text(f". {_where(entry)}."))
    if doi := entry.get("doi"):
        node += [nodes.Text(" "), nodes.reference("", doi, refuri=f"https://doi.org/{doi}")]
    return node


def bibtex(entry: dict[str, Any]) -> str:
    """The same as BibTeX reads it."""
    kinds = {"article": "article", "conference-paper": "inproceedings"}
    kind = kinds.get(entry["type"], "software")
    fields = {
        "author": " and ".join(
            one["name"] if "name" in one else _last_first(one) for one in entry["authors"]
        ),
        "title": entry["title"],
        "journal": entry.get("journal"),
        "booktitle": entry.get("collection-title"),
        "year": _year(entry),
        "volume": entry.get("volume"),
        "number": entry.get("issue"),
        "pages": _pages(entry),
        "doi": entry.get("doi"),
        "version": entry.get("version"),
    }
    first = entry["authors"][0]
    label = f"{first.get('family-names', 'ratedist').lower()}{_year(entry)}"
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{kind}{{{label},", *lines, "}"])


def block(text: str) -> nodes.literal_block:
    return nodes.literal_block(text, text, language="bibtex")


def _name(one: dict[str, str]) -> str:
    return one.get("name") or f"{one['given-names']} {one['family-names']}"


def _last_first(one: dict[str, str]) -> str:
    return f"{one['family-names']}, {one['given-names']}"


def _year(entry: dict[str, Any]) -> str:
    return str(entry.get("year") or str(entry["date-released"])[:4])


def _pages(entry: dict[str, Any]) -> str | None:
    ends = [str(entry[name]) for name in ("start", "end") if name in entry]
    return "--".join(ends) or None


def _where(entry: dict[str, Any]) -> str:
    if entry["type"] == "software":
        return f"Version {entry['version']}, {entry['date-released']}, {entry['license']}"
    pages = (_pages(entry) or "").replace("--", "–")
    place = entry.get("journal") or entry["collection-title"]
    return f"{place} {entry['volume']}({entry['issue']}), {pages}, {_year(entry)}"

"""The table of verdicts, from what `ratedist verify` wrote; it has to be about the claims that there are."""

from __future__ import annotations

import csv
import sys
from typing import Any

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from _pages.copies import ROOT

VERDICTS = ROOT / "figures" / "verify.csv"
COLUMNS = {"claim": 20, "what it says": 52, "where": 14, "verdict": 14}
# Files of claims whose name is no title.
TITLES = {"corollary1": "Corollary 1", "remark2": "Remark 2", "figure2": "Figure 2"}
logger = logging.getLogger(__name__)


class VerdictTable(SphinxDirective):
    """One table for every file of claims, under its topic; ``#claim-ID`` is the place of a claim."""

    def run(self) -> list[nodes.Node]:
        from ratedist.claims import CLAIMS

        self.env.note_dependency(str(VERDICTS))
        rows = {row["id"]: row for row in csv.DictReader(VERDICTS.read_text().splitlines())}
        for fault in out_of_date(rows, CLAIMS):
            logger.warning("%s; run `ratedist verify` once more", fault, location=self.get_location())
        topics: dict[str, list[dict[str, str]]] = {}
        for claim in CLAIMS:
            if claim.id in rows:
                topics.setdefault(claim.gather.__module__, []).append(rows[claim.id])
        return [self.topic(module, found) for module, found in topics.items()]

    def topic(self, module: str, rows: list[dict[str, str]]) -> nodes.section:
        """A section: the title, what the file says of itself, and its claims."""
        name = module.rpartition(".")[2]
        title = TITLES.get(name, name.replace("_", " ").capitalize())
        says = (sys.modules[module].__doc__ or "").splitlines()[0]
        section = nodes.section("", nodes.title("", title), nodes.paragraph("", says))
        section["names"].append(f"claims-{name}".replace("_", "-"))
        self.state.document.note_explicit_target(section)
        section += self.table(rows)
        return section

    def table(self, rows: list[dict[str, str]]) -> nodes.table:
        group = nodes.tgroup("", *(nodes.colspec(colwidth=width) for width in COLUMNS.values()))
        group["cols"] = len(COLUMNS)
        group += nodes.thead("", nodes.row("", *(_cell(nodes.paragraph("", name)) for name in COLUMNS)))
        body = nodes.tbody()
        for row in rows:
            name = nodes.paragraph("", "", nodes.literal("", row["id"]))
            name["names"].append(f"claim-{row['id']}")
            self.state.document.note_explicit_target(name)
            body += nodes.row("", _cell(name), _statement(row), _where(row), _verdict(row))
        group += body
        return nodes.table("", group, classes=["verdicts"])


def out_of_date(rows: dict[str, dict[str, str]], claims: Any) -> list[str]:
    """In what the table is not about the claims of the package."""
    faults = [f"the table has no claim {claim.id}" for claim in claims if claim.id not in rows]
    for claim in claims:
        row = rows.get(claim.id)
        if row and (row["statement"], row["documented_verdict"]) != (claim.statement, claim.expected.value):
            faults.append(f"the table says something else of {claim.id}")
    ids = {claim.id for claim in claims}
    return faults + [f"the table has {one}, which is no claim" for one in rows if one not in ids]


def _cell(*children: nodes.Node) -> nodes.entry:
    return nodes.entry("", *children)


def _statement(row: dict[str, str]) -> nodes.entry:
    premise = row["premise"] + ("" if row["premise_met"] == "True" else " (not met)")
    found = f"{row['measured']}: {_number(row['estimate'])}"
    if row["standard_error"]:
        found += f" ± {float(row['standard_error']):.1g}"
    found += f", against {_number(row['prediction'])}"
    return _cell(
        nodes.paragraph("", row["statement"]),
        nodes.paragraph("", f"Premise: {premise}.", classes=["small"]),
        nodes.paragraph("", f"Found: {found}.", classes=["small"]),
    )


def _where(row: dict[str, str]) -> nodes.entry:
    places = {"Entropy": row["entropy_2021"], "AAAI": row["aaai_2020"]}
    said = [f"{paper}: {place}" for paper, place in places.items() if place] or ["derived here"]
    return _cell(*(nodes.paragraph("", place) for place in said))


def _verdict(row: dict[str, str]) -> nodes.entry:
    kind = {"holds": "holds", "holds in the limit": "holds", "fails": "fails"}.get(row["verdict"], "limited")
    return _cell(nodes.paragraph("", "", nodes.inline("", row["verdict"], classes=["verdict", kind])))


def _number(text: str) -> str:
    return f"{float(text):.5g}" if text else "–"

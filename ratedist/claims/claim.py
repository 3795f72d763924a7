"""What a claim is, and what checking it gives."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ratedist.claims.evidence import Evidence


class Verdict(enum.StrEnum):
    """What the evidence says. The comment of a finding fills in the parenthesis."""

    HOLDS = "holds"
    LIMIT = "holds in the limit"  # (size of the violation here)
    PREMISE = "premise not met"  # (what happens then)
    FAILS = "fails"  # (counterexample)
    UNDECIDED = "undecided at this number of trials"


@dataclasses.dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        measured: what ``prediction`` and ``estimate`` are numbers of; the worst case where there are several.
        prediction: what the claim says, or the bound it gives.
        estimate: what was found.
        verdict: what follows.
        standard_error: of ``estimate`` where it was simulated, else ``None``.
        gap: certified gap or numerical error of ``estimate`` where it was computed, else ``None``.
        comment: the size of a violation, what happens without the premise, the counterexample.
    """

    measured: str
    prediction: float
    estimate: float
    verdict: Verdict
    standard_error: float | None = None
    gap: float | None = None
    comment: str = ""


@dataclasses.dataclass(frozen=True)
class Claim:
    """One statement of the papers, or one derived for this package.

    Attributes:
        id: the name to ask for it by.
        statement: one line.
        entropy: where Entropy 2021, 23, 1255 says it; ``""`` if it does not.
        aaai: where the AAAI 2020 paper says it; ``""`` if it does not. Both empty: derived here (docs/).
        premise: what it assumes.
        expected: the verdict that this package documents.
        check: weighs the evidence.
        premise_met: whether the premise is true where the claim is checked.
    """

    id: str
    statement: str
    entropy: str
    aaai: str
    premise: str
    expected: Verdict
    check: Callable[[Evidence], Finding]
    premise_met: bool = True

    @property
    def source(self) -> str:
        """Both papers' numbering, E for Entropy 2021 and A for AAAI 2020."""
        cited = [f"{paper} {where}" for paper, where in (("E", self.entropy), ("A", self.aaai)) if where]
        return "; ".join(cited) or "derived"

"""What a claim is: a statement, and what gathers the numbers that it is judged by."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from ratedist.claims.judging import Family, judge
from ratedist.claims.numbers import Numbers
from ratedist.claims.verdict import Finding, Verdict

if TYPE_CHECKING:
    from ratedist.claims.evidence import Evidence

__all__ = ["Claim", "Finding", "Verdict"]


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
        gather: computes or simulates the numbers, and says what the claim asserts of each; judges nothing.
        premise_met: whether the premise is true where the claim is checked.
    """

    id: str
    statement: str
    entropy: str
    aaai: str
    premise: str
    expected: Verdict
    gather: Callable[[Evidence], Numbers]
    premise_met: bool = True

    @property
    def source(self) -> str:
        """Both papers' numbering, E for Entropy 2021 and A for AAAI 2020."""
        cited = [f"{paper} {where}" for paper, where in (("E", self.entropy), ("A", self.aaai)) if where]
        return "; ".join(cited) or "derived"

    def check(self, evidence: Evidence) -> Finding:
        """Gather and judge this claim alone: its own comparisons are the family."""
        numbers = self.gather(evidence)
        return judge(numbers, Family.of([numbers]))

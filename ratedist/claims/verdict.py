"""What judging a claim gives."""

from __future__ import annotations

import dataclasses
import enum


class Verdict(enum.StrEnum):
    """What the evidence says. The comment of a finding fills in the parenthesis."""

    HOLDS = "holds"
    LIMIT = "holds in the limit"  # (size of the violation here)
    PREMISE = "premise not met"  # (what happens then)
    FAILS = "fails"  # (counterexample)
    UNDECIDED = "undecided"  # (what a decision needs)


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
        judged_by: the rule that turned the numbers into the verdict, with its tolerance.
        needs: what a decision needs where the verdict is *undecided*, else empty.
        comment: the size of a violation, what happens without the premise, the counterexample.
    """

    measured: str
    prediction: float
    estimate: float
    verdict: Verdict
    standard_error: float | None = None
    gap: float | None = None
    judged_by: str = ""
    needs: str = ""
    comment: str = ""

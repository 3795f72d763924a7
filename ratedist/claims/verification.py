"""Checking all claims, or some, and telling whether the verdicts are the documented ones."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ratedist.claims import (
    bounds,
    code_lengths,
    coding,
    corollary1,
    data_aware,
    diameter,
    empirical_design,
    exact_curve,
    figure2,
    information,
    linear_model,
    low_rank,
    network_variants,
    networks,
    quantization,
    rate_distortion,
    remark2,
    remote,
    ridge,
    sampling,
    sharper_bounds,
    successive_rounding,
)
from ratedist.claims.claim import Claim, Finding, Verdict
from ratedist.claims.evidence import Evidence
from ratedist.claims.judging import Family, judge

if TYPE_CHECKING:
    import pandas as pd

CLAIMS: tuple[Claim, ...] = (
    *information.CLAIMS,
    *linear_model.CLAIMS,
    *sampling.CLAIMS,
    *rate_distortion.CLAIMS,
    *exact_curve.CLAIMS,
    *remark2.CLAIMS,
    *data_aware.CLAIMS,
    *successive_rounding.CLAIMS,
    *bounds.CLAIMS,
    *corollary1.CLAIMS,
    *sharper_bounds.CLAIMS,
    *ridge.CLAIMS,
    *remote.CLAIMS,
    *low_rank.CLAIMS,
    *figure2.CLAIMS,
    *empirical_design.CLAIMS,
    *quantization.CLAIMS,
    *diameter.CLAIMS,
    *coding.CLAIMS,
    *code_lengths.CLAIMS,
    *networks.CLAIMS,
    *network_variants.CLAIMS,
)


@dataclasses.dataclass(frozen=True)
class CheckedClaim:
    """A claim with what its numbers say.

    Attributes:
        claim: the claim.
        finding: the verdict, with the numbers behind it.
        num_checks: assertions that it is judged by, those on its premise among them.
        family: the comparisons of the run, which share the probability of a false alarm.
    """

    claim: Claim
    finding: Finding
    num_checks: int
    family: Family

    @property
    def as_documented(self) -> bool:
        """Whether the verdict is the one this package documents."""
        return self.finding.verdict is self.claim.expected


def select(ids: Sequence[str]) -> tuple[Claim, ...]:
    """The claims with these ids, in the order of the list; all of them if none is named.

    Raises:
        ValueError: an id that no claim has.
    """
    known = [claim.id for claim in CLAIMS]
    for one in ids:
        if one not in known:
            raise ValueError(f"no claim {one!r}; the claims are {', '.join(known)}")
    return tuple(claim for claim in CLAIMS if not ids or claim.id in ids)


def verify(
    evidence: Evidence, only: Sequence[str] = (), announce: Callable[[Claim], None] | None = None
) -> list[CheckedClaim]:
    """Check claims, sharing simulations between them: gather all numbers first, then judge them together.

    The intervals are as wide as the whole run needs: with probability 0.999 at least none of them misses what
    it estimates (``ratedist.claims.judging``). A run of few claims makes fewer comparisons and is sharper.

    Args:
        evidence: number of trials and seed, and what is simulated with them.
        only: ids of the claims wanted; all by default.
        announce: called before each claim's numbers are gathered, for a display of progress.

    Raises:
        ValueError: an unknown id.
    """
    gathered = []
    for claim in select(only):
        if announce is not None:
            announce(claim)
        gathered.append((claim, claim.gather(evidence)))
    family = Family.of(numbers for _, numbers in gathered)
    return [
        CheckedClaim(claim, judge(numbers, family), len(numbers.checks) + len(numbers.premise), family)
        for claim, numbers in gathered
    ]


def frame(checked: Sequence[CheckedClaim]) -> pd.DataFrame:
    """One row a claim; empty where there is no number."""
    import pandas as pd

    return pd.DataFrame([_row(one) for one in checked])


def rows_as_json(checked: Sequence[CheckedClaim], record: dict[str, Any]) -> str:
    """The record with the rows under ``"claims"``; numbers that JSON lacks are null or strings."""
    rows = [{name: _json_value(value) for name, value in _row(one).items()} for one in checked]
    return json.dumps({**record, "claims": rows}, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _row(one: CheckedClaim) -> dict[str, Any]:
    claim, finding = one.claim, one.finding
    return {
        "id": claim.id,
        "statement": claim.statement,
        "entropy_2021": claim.entropy,
        "aaai_2020": claim.aaai,
        "premise": claim.premise,
        "premise_met": claim.premise_met,
        "measured": finding.measured,
        "prediction": finding.prediction,
        "estimate": finding.estimate,
        "standard_error": finding.standard_error,
        "gap": finding.gap,
        "verdict": finding.verdict.value,
        "judged_by": finding.judged_by,
        "num_checks": one.num_checks,
        "needs": finding.needs,
        "comment": finding.comment,
        "documented_verdict": claim.expected.value,
        "as_documented": one.as_documented,
    }


def _json_value(value: Any) -> Any:
    if isinstance(value, bool | str) or value is None:
        return value
    number = float(value)
    return number if math.isfinite(number) else None


def undecided(checked: Sequence[CheckedClaim]) -> list[CheckedClaim]:
    """Claims that are undecided, and not documented to be; ``finding.needs`` says what would decide them."""
    return [one for one in checked if one.finding.verdict is Verdict.UNDECIDED and not one.as_documented]


def contradicting(checked: Sequence[CheckedClaim]) -> list[CheckedClaim]:
    """Claims with a verdict that is neither the documented one nor *undecided*."""
    return [one for one in checked if not one.as_documented and one.finding.verdict is not Verdict.UNDECIDED]

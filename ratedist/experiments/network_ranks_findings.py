"""What networks at low rank show of two claims: about projecting, and about training at a rank."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from ratedist.experiments.network_ranks_config import FLOAT_BITS, PROJECTIONS, TRAINED, WHOLE

# Losses raw, and with a temperature of each network's own.
COMPARED = ("test_loss", "calibrated_test_loss", "test_accuracy")
INFORMATION = ("kronecker", "kronecker_calibrated")
STAGES = {"zero_shot": "zero-shot", "fine_tuned": "after fine-tuning"}
# Standard errors from which on a difference is one.
DECIDED = 2.0
NAMES = {
    "plain": "plain SVD",
    "fwsvd": "FWSVD",
    "asvd": "ASVD",
    "svd_llm": "SVD-LLM",
    "kronecker": "information divergence",
    "kronecker_calibrated": "information divergence of the calibrated network",
    "thresholded": "thresholding from the start",
    "annealed": "thresholding to a falling rank",
    WHOLE: "layers of full rank",
}


def findings(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Paired differences between methods at each rank, without quantising, before and after fine-tuning.

    Args:
        frame: of ``ratedist.experiments.network_ranks.run``.

    Returns:
        One record per rank, stage, method and method that it is ``against``. For each of ``COMPARED`` it has
        the mean difference over networks, and under ``NAME_sem`` its standard error: ``None`` where no
        network has both (a temperature may be undetermined), or only one.
    """
    floats: Any = frame[frame["bits"] == FLOAT_BITS]
    groups: Any = floats.groupby(["method", "rank", "fine_tuned"])
    cells = {key: group.set_index("model") for key, group in groups}
    pairs = [(method, "plain") for method in (*PROJECTIONS[1:], *TRAINED)]
    pairs += [(method, other) for method in TRAINED for other in INFORMATION]
    pairs += [(method, WHOLE) for method in (*PROJECTIONS, *TRAINED)]
    found = []
    for rank in sorted({rank for method, rank, _ in cells if method != WHOLE}):
        for stage in STAGES:
            for method, against in pairs:
                tuned = stage == "fine_tuned"
                one = cells[method, rank, tuned]
                other = cells[against, 0 if against == WHOLE else rank, tuned]
                record: dict[str, Any] = {"rank": rank, "stage": stage, "method": method, "against": against}
                for name in COMPARED:
                    record[name], record[f"{name}_sem"] = _mean_and_sem(one[name] - other[name])
                found.append(record)
    return found


def tables(frame: pd.DataFrame) -> list[str]:
    """Means over networks without quantising, in Markdown, one table zero-shot and one after fine-tuning.

    A cell is the test loss raw, with a temperature of each network's own, and the accuracy.

    Args:
        frame: of ``ratedist.experiments.network_ranks.run``.
    """
    floats: Any = frame[frame["bits"] == FLOAT_BITS]
    means: Any = floats.groupby(["fine_tuned", "method", "rank"])[list(COMPARED)].mean()
    ranks = sorted(set(floats["rank"]) - {0})
    lines: list[str] = []
    for tuned, stage in enumerate(STAGES.values()):

        def cell(method: str, rank: int, tuned: bool = bool(tuned)) -> str:
            raw, own, accuracy = means.loc[tuned, method, rank]
            return f"{raw:.3f} / {own:.3f} / {100 * accuracy:.1f}%"

        lines += [
            f"| {stage} | {' | '.join(f'rank {rank}' for rank in ranks)} |",
            "| --- " * (1 + len(ranks)) + "|",
            *(
                f"| {NAMES[method]} | {' | '.join(cell(method, rank) for rank in ranks)} |"
                for method in (*PROJECTIONS, *TRAINED)
            ),
            f"| {NAMES[WHOLE]} | {cell(WHOLE, 0)} {'| ' * len(ranks)}".rstrip(),
            "",
        ]
    return lines


def sentences(found: list[dict[str, Any]]) -> list[str]:
    """Every difference in words: test losses in nats, each network with a temperature of its own.

    Args:
        found: of ``findings``.
    """
    at, ranks = _by_cell(found)

    def row(stage: str, method: str, against: str) -> str:
        told = "; ".join(f"rank {r} {_difference(at[r, stage, method, against])}" for r in ranks)
        return f"{STAGES[stage]}, {NAMES[method]} minus {NAMES[against]}: {told}"

    lines = [row(stage, method, "plain") for stage in STAGES for method in PROJECTIONS[1:]]
    return [*lines, *(row(stage, method, "kronecker") for stage in STAGES for method in TRAINED)]


def verdicts(found: list[dict[str, Any]]) -> list[str]:
    """Where the two claims hold: that information wins zero-shot, and that training at the rank does later.

    Args:
        found: of ``findings``.
    """
    at, ranks = _by_cell(found)
    lines = []
    for method in INFORMATION:
        for stage, when in STAGES.items():
            lines.append(f"{when}, {NAMES[method]} {_verdict(at, ranks, stage, method, 'plain')}")
    for method in TRAINED:
        larger = [
            rank
            for rank in ranks
            if _sign(at[rank, "fine_tuned", method, "kronecker"]) < 0
            and -at[rank, "fine_tuned", method, "kronecker"]["calibrated_test_loss"]
            > abs(at[rank, "fine_tuned", "kronecker", "plain"]["calibrated_test_loss"] or 0.0)
        ]
        where = f"at rank {_listed(larger)}" if larger else "at no rank"
        lines.append(
            f"after fine-tuning, {NAMES[method]} {_verdict(at, ranks, 'fine_tuned', method, 'kronecker')}; "
            f"with own temperatures the gain is above what divides information from plain {where}"
        )
    return lines


def _by_cell(found: list[dict[str, Any]]) -> tuple[dict[Any, dict[str, Any]], list[int]]:
    """The records by rank, stage, method and what it is against, and the ranks."""
    cells = {(one["rank"], one["stage"], one["method"], one["against"]): one for one in found}
    return cells, sorted({one["rank"] for one in found})


def _verdict(at: dict[Any, Any], ranks: list[int], stage: str, method: str, against: str) -> str:
    """At which ranks a method is better, worse, or neither by two standard errors; with temperatures, raw."""
    told = []
    for loss, which in (("calibrated_test_loss", "own temperatures"), ("test_loss", "raw")):
        signs = {rank: _sign(at[rank, stage, method, against], loss) for rank in ranks}
        words = {-1: "better", 1: "worse", 0: "not told apart"}
        parts = [
            f"{word} at rank {_listed([rank for rank in ranks if signs[rank] == sign])}"
            for sign, word in words.items()
            if sign in signs.values()
        ]
        told.append(f"{', '.join(parts)} ({which})")
    return f"against {NAMES[against]}: {'; '.join(told)}"


def _sign(record: dict[str, Any], loss: str = "calibrated_test_loss") -> int:
    """Of a difference in loss; 0 if it is within two standard errors, or not known."""
    difference, sem = record[loss], record[f"{loss}_sem"]
    if difference is None or sem is None or abs(difference) <= DECIDED * sem:
        return 0
    return 1 if difference > 0 else -1


def _difference(record: dict[str, Any]) -> str:
    difference, sem = record["calibrated_test_loss"], record["calibrated_test_loss_sem"]
    if difference is None:
        return "not known"
    error = "" if sem is None else f" ± {sem:.4f}"
    return f"{difference:+.4f}{error} ({100 * record['test_accuracy']:+.2f}% right)"


def _listed(ranks: list[int]) -> str:
    return ", ".join(map(str, ranks))


def _mean_and_sem(values: Any) -> tuple[float | None, float | None]:
    known = values.dropna().to_numpy()
    if len(known) == 0:
        return None, None
    sem = float(np.std(known, ddof=1) / math.sqrt(len(known))) if len(known) > 1 else None
    return float(np.mean(known)), sem

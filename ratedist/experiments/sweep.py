"""Figure 2's compressors on a grid of settings: every point a unit of work of its own.

JAX and pandas are imported inside :func:`run`, so that the command line can show its options at once.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ratedist import processes
from ratedist.experiments.ahead import errors_ahead
from ratedist.experiments.cost_model import Cost, predicted
from ratedist.experiments.model_options import configuration_record
from ratedist.experiments.stopwatch import Stopwatch
from ratedist.experiments.sweep_config import SweepConfig
from ratedist.experiments.table import Table, versions

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "w_star", "covariance", "d", "n", "noise_variance", "separation_to_noise", "max_clusters", "method",
    "sampler", "rate", "center_bits", "seed", "algorithm", "parameter", "rate_name", "rate_nats",
    "rate_nats_sem", "rate_bits", "population_risk", "population_risk_sem", "generalization_error",
    "generalization_error_sem", "distortion", "distortion_sem", "empirical_risk", "empirical_risk_sem",
    "minus_erm", "minus_erm_sem", "chosen", "held_out_minus_erm", "held_out_minus_erm_sem", "verdict",
    "num_trials",
)  # fmt: skip
CHOICE = (
    "K is chosen by the first half of a point's trials; its difference from ERM is that of the second half, "
    "paired. Points of one seed draw with the same keys."
)
MOST_PANELS = 6
# Of columns with empty cells; pandas would make other numbers of them.
KINDS = {"num_trials": "Int64", "parameter": "Int64", "center_bits": "Int64", "chosen": "boolean"}


def cost(config: SweepConfig) -> Cost:
    """What the whole grid is predicted to take, on the machine that the model was fitted on."""
    return predicted([(point.model().d, point) for point in config.points()])


def run(config: SweepConfig, *, progress: bool = False, checkpoint_path: str | Path | None = None) -> Table:
    """Simulate every point of the grid, and tabulate what became of it.

    Points of one seed draw with the same keys, whatever process computes them. It computes in the precision
    that JAX is set to. The command's is double: for its numbers, call
    ``jax.config.update("jax_enable_x64", True)`` first.

    Args:
        config: base setting and grid.
        progress: show a progress bar on standard error.
        checkpoint_path: file in which finished points are kept; they are not computed again.

    Returns:
        One row a point and compressor. ``minus_erm`` is the mean difference from ERM in the same trials.
        ``chosen`` marks the K of least population risk in the first half of a point's trials.
        ``held_out_minus_erm`` is the difference in the second half, which has had no say in the choice.
    """
    import jax
    import pandas as pd
    from tqdm import tqdm

    from ratedist.experiments.finished_points import FinishedPoints
    from ratedist.experiments.sweep_points import identity, point_rows

    stopwatch = Stopwatch("simulation")
    config.check()
    points = config.points()
    names = [identity(point) for point in points]
    path = Path(checkpoint_path) if checkpoint_path is not None else None
    # What is wrong with the file all refuse; the others keep what they compute in memory.
    opened = processes.in_first(lambda: FinishedPoints(path, {"experiment": "sweep"}))
    kept = opened or FinishedPoints(None, {})
    found: dict[str, Any] = processes.from_first({name: kept[name] for name in names if name in kept})
    # Neighbours cost the same, and no process waits long for the others.
    order = sorted(
        (i for i, name in enumerate(names) if name not in found), key=lambda i: points[i].model().d
    )
    with (
        tqdm(total=len(points), initial=len(found), unit="point", disable=not progress) as bar,
        stopwatch.during("simulation"),
    ):
        for done in processes.shared(lambda i: {"rows": point_rows(points[i])}, order):
            for i, rows in done:
                kept[names[i]] = found[names[i]] = rows
            bar.update(len(done))
    rows = [row for name in names for row in found[name]["rows"]]
    rows = [row | {"verdict": verdict(row)} for row in rows]
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).astype(KINDS)
    record = {
        "experiment": "sweep",
        "configuration": configuration_record(config.base),
        "grid": {name: list(values) for name, values in config.axes.items()},
        "points": len(points),
        "points_computed": len(order),
        "trials": sum(point.num_trials for point in points),
        "predicted_cpu_seconds": dataclasses.asdict(cost(config)),
        "processes": processes.count(),
        "local_devices": jax.local_device_count(),
        "precision": str(jax.numpy.result_type(float)),
        "backend": jax.default_backend(),
        "versions": versions(),
        "duration_seconds": {**stopwatch.seconds, "total": stopwatch.total},
        "choice": CHOICE,
        "found": found_by_algorithm(frame),
        "standard_error_note": next((row["note"] for row in rows if row["note"]), ""),
    }
    return Table(frame, record)


def verdict(row: Mapping[str, Any]) -> str | None:
    """Whether the chosen K "helps", "harms", or is "undecided"; nothing for other rows.

    It helps where the difference of the held-out half is four standard errors below ERM, of few trials more.
    """
    if not row.get("chosen"):
        return None
    limit = errors_ahead(held_out(row["num_trials"])) * row["held_out_minus_erm_sem"]
    gain = -row["held_out_minus_erm"]
    return "undecided" if abs(gain) <= limit else "helps" if gain > 0 else "harms"


def held_out(num_trials: int) -> int:
    """How many of the trials have no say in the choice of K."""
    return num_trials - num_trials // 2


def found_by_algorithm(frame: pd.DataFrame) -> dict[str, dict[str, int]]:
    """How many points have which verdict."""
    counts: Any = frame[frame["verdict"].notna()].groupby("algorithm")["verdict"].value_counts()
    found: dict[str, dict[str, int]] = {}
    for (algorithm, kind), number in counts.items():
        found.setdefault(algorithm, {})[kind] = int(number)
    return found


def is_plane(axes: Mapping[str, Sequence[Any]]) -> bool:
    """Whether a grid can be drawn: it varies the noise variance and n or d, and makes few panels."""
    numbers = {name: len(values) for name, values in axes.items()}
    size = _across(axes)
    if size is None or numbers.get("noise_variance", 1) < 2:
        return False
    others = [number for name, number in numbers.items() if name not in ("noise_variance", size)]
    algorithms = 2 if "both" in axes.get("method", ()) else 1
    return math.prod(others) * algorithms <= MOST_PANELS


def diagram(frame: pd.DataFrame, record: Mapping[str, Any]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The rows and the record that the phase diagram of a plane is drawn from.

    Of ERM's excess risk, which is exact, ``share`` is what the chosen K takes away.
    """
    size = _across(record["grid"])
    rows: Any = frame[frame["verdict"].notna() & (frame["noise_variance"] > 0)].copy()
    excess = rows["noise_variance"] * rows["d"] / (rows["n"] - rows["d"] - 1)
    rows["d_over_n"], rows["share"] = rows["d"] / rows["n"], -rows["held_out_minus_erm"] / excess
    panels = [name for name in record["grid"] if name not in ("noise_variance", size)]
    most = errors_ahead(held_out(int(rows["num_trials"].min())))
    return rows, {"panels": panels, "errors_ahead": most}


def _across(axes: Mapping[str, Sequence[Any]]) -> str | None:
    """The axis that makes d/n vary."""
    return next((name for name in ("n", "d") if len(axes.get(name, ())) > 1), None)

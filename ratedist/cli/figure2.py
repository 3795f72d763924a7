"""``ratedist figure2``: the papers' Figure 2 as picture, table and record."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ratedist import interruption
from ratedist.cli.closing import Closing, Example
from ratedist.cli.figure_files import with_note, write_figure
from ratedist.cli.process_options import ProcessOptions
from ratedist.experiments.figure2_config import Figure2Config
from ratedist.experiments.model_options import input_files, option_name, setting, trials_in_words
from ratedist.experiments.table import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclasses.dataclass(frozen=True)
class Figure2Command:
    """Draw Figure 2: generalisation error, distortion and population risk against rate."""

    closing: ClassVar = Closing(
        "Ten seconds on two cores the first time, half of it after that; the trials themselves are a second.",
        (
            Example(
                "Inputs that are correlated, into a folder of your own",
                "ratedist figure2 --covariance ar1:0.5 --out mine",
            ),
            Example(
                "The papers' Lloyd iteration beside the optimum, with Gaussian true weights",
                "ratedist figure2 --method both --w-star gaussian --out mine",
            ),
        ),
    )

    config: Figure2Config
    processes: ProcessOptions
    out: Path = Path("figures")
    """Folder for figure2.png, figure2.pdf, figure2.csv and figure2.json; made if it is missing."""
    checkpoint: Path | None = None
    """Keep the state of a long run in this file; the same command goes on from it."""

    def run(self) -> None:
        """Simulate, draw, write, and say what came out."""
        self.config.check()
        self.processes.check()
        inputs = [*input_files(self.config.w_star, self.config.covariance)]
        if self.checkpoint is not None:
            kept = f"the same command goes on from the trials in {self.checkpoint}"
            interruption.keep(self.checkpoint, kept)
        write_figure(
            self.out,
            "figure2",
            self._compute,
            self._draw,
            summary,
            inputs=inputs,
            together=self.processes,
            checkpoint=self.checkpoint,
        )

    def _compute(self) -> Table:
        from ratedist.experiments.figure2 import run

        return run(self.config, progress=sys.stderr.isatty(), checkpoint_path=self.checkpoint)

    def _draw(self, table: Table) -> Figure:
        from ratedist.plotting.figure2 import draw_figure2

        return draw_figure2(table.frame, with_note(describe(self.config), table.record))


def summary(record: dict[str, Any]) -> str:
    """What the run found, a line a method."""
    from ratedist.estimate import Estimate

    tried = record["configuration"]
    trials, lines = tried["num_trials"], []
    if (target := tried.get("target_sem")) is not None:
        trials, largest = record["num_trials"], record["largest_standard_error"]
        why = (
            f"by --target-sem {target:g}"
            if largest <= target
            else f"by --max-trials: a standard error is {largest:.2g}, above --target-sem {target:g}"
        )
        lines.append(f"ended after {trials:,} trials, {why}")
    for name, best in record["best"].items():
        risk = Estimate(best["population_risk"], best["population_risk_sem"], trials)
        gain = Estimate(best["minus_erm"], best["minus_erm_sem"], trials)
        lines.append(
            f"{name.replace('_', ' ')}: least population risk at K = {best['num_clusters']}, {risk}; "
            f"minus ERM's, paired: {gain}"
        )
        if best["num_clusters"] == tried["d"] > 1:
            lines[-1] += "; at K = d each weight has a value of its own, and fewer did not do better"
        elif best["num_clusters"] == tried["max_clusters"]:
            lines[-1] += "; it is the largest K tried, and more clusters may do better (--max-clusters)"
    return "\n".join(lines)


def describe(config: Figure2Config) -> str:
    """The setting in one line, for the head of the figure."""
    parts = setting(config.model(), config.covariance)
    name = option_name(config.w_star)
    parts.append("w* = ±1" if name == "two-level" else f"w*: {name}")
    parts.append(trials_in_words(config.num_trials, config.target_sem, config.max_trials))
    rate = config.rate.replace("_", " ")
    return ", ".join(parts) + f"; abscissa of K-means: {rate}, no bound on I(W; Ŵ)"
